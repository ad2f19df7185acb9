"""The words of a payload as they are compared and remembered."""

from ..lifecycle.events import MAX_CHARACTERS
from ..lifecycle.providers import ALIASES


def status_of(word: str | None) -> str:
    """Return a status as it is compared: stripped and upper-cased; blank if it says nothing."""
    return word.strip().upper() if word else ""


def provider_of(account_type: str) -> str | None:
    """Return the family of an account type, or the unknown word as it is compared; None if it is blank."""
    word = status_of(account_type)
    return ALIASES.get(word, word) or None


def product_of(product: str) -> str:
    """Return a product as it is compared: stripped and case-folded."""
    return product.strip().casefold()


def reason_of(remark: str) -> str:
    """Return a reason as it is remembered: stripped; the payload alone has what is longer than ``MAX_CHARACTERS``."""
    reason = remark.strip()
    return reason if len(reason) <= MAX_CHARACTERS else reason[: MAX_CHARACTERS - 1] + "…"

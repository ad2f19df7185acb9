"""Observations: what the vendor's list of accounts says, checked, as events to be fed."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from ..errors import ConfigurationError
from ..intake.times import in_utc
from ..lifecycle.definition import WORST_FIRST
from ..lifecycle.events import ABSENT, StatusObserved
from ..lifecycle.providers import family_of
from ..lifecycle.wording import one_of, shown

OBSERVABLE = (*WORST_FIRST, ABSENT)
MAX_ID = 256
"""How long an account's id may be, in characters."""


class Observation(NamedTuple):
    """What the vendor's list says of one account."""

    account_id: str
    status: str | Iterable[str]
    """A word of ``WORST_FIRST``, or those of all its sources, of which the worst counts; or ``ABSENT``."""
    observed_at: datetime | None = None
    """When the list was read: aware; now, if that is None."""
    provider: str | None = None
    """Its account type, or an alias of it."""
    owner: str | None = None
    """Your own user id, if you know it from elsewhere."""
    signed_in_at: datetime | None = None
    """When its user last signed in, if the list tells: aware."""


def worst_status(words: Iterable[str]) -> str:
    """Return the worst of the words of an account's sources; raise ``ConfigurationError``, which is a ``ValueError``,
    if there is none, or another word than those of ``WORST_FIRST``."""
    found = {_word(word) for word in words}
    if ABSENT in found or not found:
        raise ConfigurationError("status", shown(ABSENT) if found else "no word", f"one of {one_of(WORST_FIRST)}")
    return next(status for status in WORST_FIRST if status in found)


def observed(observation: Observation, now: datetime) -> StatusObserved:
    """Return an observation as an event, which was made ``now`` unless it says when.

    Raise ``ConfigurationError``, which is a ``ValueError``, for a word that the list does not have, an account id that
    is none, and a time without a zone.
    """
    account_id, status, observed_at, provider, owner, signed_in_at = observation
    checked = account_id.strip() if isinstance(account_id, str) else ""
    if not checked or len(checked) > MAX_ID or not checked.isprintable():
        raise ConfigurationError("account_id", repr(account_id), f"text of 1 to {MAX_ID} printable characters")
    return StatusObserved(
        checked,
        _word(status) if isinstance(status, str) else worst_status(status),
        now if observed_at is None else in_utc("observed_at", observed_at),
        None if provider is None or not provider.strip() else family_of(provider),
        None if owner is None or not owner.strip() else owner,
        None if signed_in_at is None else in_utc("signed_in_at", signed_in_at),
    )


def _word(word: object) -> str:
    found = word.strip().upper() if isinstance(word, str) else ""
    if found not in OBSERVABLE:
        raise ConfigurationError("status", shown(word) if isinstance(word, str) else repr(word), one_of(OBSERVABLE))
    return found

"""Observations: what the vendor's list of accounts says, checked, as events to be fed."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from ..errors import ConfigurationError
from ..intake import arguments
from ..intake.times import arrival
from ..lifecycle.definition import WORST_FIRST
from ..lifecycle.events import ABSENT, StatusObserved
from ..lifecycle.providers import family_of
from ..lifecycle.wording import one_of, shown

OBSERVABLE = (*WORST_FIRST, ABSENT)


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
    product: str | None = None
    """The premium option of the account, if the list names one, such as ``recruiter``."""
    reason: str = ""
    """What each of its sources said, where they differ."""


def worst_status(words: Iterable[str]) -> str:
    """Return the worst of the words of an account's sources; raise ``ConfigurationError``, which is a ``ValueError``,
    if there is none, or another word than those of ``WORST_FIRST``."""
    found = {_word(word) for word in arguments.many("status", words, f"words out of {one_of(WORST_FIRST)}")}
    if ABSENT in found or not found:
        raise ConfigurationError("status", shown(ABSENT) if found else "no word", f"one of {one_of(WORST_FIRST)}")
    return next(status for status in WORST_FIRST if status in found)


def observed(observation: Observation, now: datetime) -> StatusObserved:
    """Return an observation as an event, which was made ``now`` unless it says when.

    Raise ``ConfigurationError``, which is a ``ValueError``, for a word that the list does not have, an account id that
    is none, a time without a zone or more than a day in the future, and anything of a wrong type.
    """
    if not isinstance(observation, Observation):
        raise arguments.refuse("observation", observation, "an Observation")
    account_id, status, observed_at, provider, owner, signed_in_at, product, reason = observation
    checked = arguments.account_id("account_id", account_id)
    if not checked:
        raise arguments.refuse("account_id", account_id, "an account's id")
    provider, owner = (
        arguments.maybe(arguments.field, "provider", provider),
        arguments.maybe(arguments.field, "owner", owner),
    )
    return StatusObserved(
        checked,
        _word(status) if isinstance(status, str) else worst_status(status),
        now if observed_at is None else arrival("observed_at", observed_at, now),
        None if provider is None or not provider.strip() else family_of(provider),
        None if owner is None or not owner.strip() else owner,
        None if signed_in_at is None else arrival("signed_in_at", signed_in_at, now),
        (arguments.maybe(arguments.field, "product", product) or "").strip().casefold(),
        arguments.field("reason", reason),
    )


def _word(word: object) -> str:
    found = word.strip().upper() if isinstance(word, str) else ""
    if found not in OBSERVABLE:
        raise ConfigurationError("status", shown(word) if isinstance(word, str) else repr(word), one_of(OBSERVABLE))
    return found

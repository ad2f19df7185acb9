"""What a team may set about judging, checked when it is made."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any

from ..errors import ConfigurationError
from .compiled import CompiledTable, compiled
from .definition import ANNOUNCEMENTS, FINISHES_SYNC, PRESUMED_LIVE, PROVES_LIFE
from .providers import ALIASES, PROFILES, profile_of
from .status import Status
from .wording import JsonObject, one_of, shown

ALL = frozenset(ANNOUNCEMENTS)
"""Every word that can be subscribed to."""
DEFAULT = ALL - {PROVES_LIFE, Status.CONNECTING, Status.STOPPED}
"""What the vendor announces to those who name no words."""
SUBSCRIPTIONS = {"all": ALL, "default": DEFAULT}
"""Sets of words that go by a name."""

_MICROSECOND = timedelta(microseconds=1)
_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Policy:
    """What a team may set about judging. Lengths of time are ``timedelta``; raise ``ConfigurationError`` for others.

    redelivery_window: how long after an announcement the same one counts as a quick retry.
    retry_horizon: how long the vendor may go on retrying a delivery; what comes later is news.
    delivery_margin: how long before an outage was announced data may have been missed already.
    settling: how long after a change what the vendor's list says is not relied on.
    subscribed: the words that the vendor announces to you; ``"all"``, ``"default"`` or a collection of words.
    deadlines: by provider and status, how long a status may last, in place of the provider's own.
    reminders: after how long down the effect ``still_down`` comes, each once.
    expiry_notice: how long before a session ends the effect ``session_expiring`` comes.
    confirm_within: how long a call that is to be confirmed with the vendor is put off at most.
    """

    __slots__ = (
        "_fingerprint",
        "_table",
        "_terms",
        "confirm_within",
        "deadlines",
        "delivery_margin",
        "expiry_notice",
        "ok_subscribed",
        "presumes_created",
        "redelivery_window",
        "reminders",
        "reports_outages",
        "retry_horizon",
        "settling",
        "subscribed",
    )  # fmt: skip

    def __init__(
        self,
        redelivery_window: timedelta = 10 * _MINUTE,
        retry_horizon: timedelta = 20 * _HOUR,
        delivery_margin: timedelta = _HOUR,
        settling: timedelta = 2 * _MINUTE,
        subscribed: str | Iterable[str] = ALL,
        deadlines: Mapping[str, Mapping[Status, timedelta]] | None = None,
        reminders: Iterable[timedelta] = (_DAY, 7 * _DAY, 30 * _DAY),
        expiry_notice: timedelta = 14 * _DAY,
        confirm_within: timedelta = 10 * _MINUTE,
    ) -> None:
        self.redelivery_window = _length("redelivery_window", redelivery_window)
        self.retry_horizon = _length("retry_horizon", retry_horizon)
        self.delivery_margin = _length("delivery_margin", delivery_margin)
        self.settling = _length("settling", settling)
        self.subscribed = _words(subscribed)
        self.deadlines = _deadlines(deadlines or {})
        self.reminders = _reminders(reminders)
        self.expiry_notice = _length("expiry_notice", expiry_notice)
        self.confirm_within = _length("confirm_within", confirm_within)
        self.ok_subscribed = PROVES_LIFE in self.subscribed
        self.presumes_created = FINISHES_SYNC not in self.subscribed
        """Whether an account that was created counts as live after its deadline whatever its provider announces."""
        self.reports_outages = Status.CONNECTING in self.subscribed
        """Whether every outage is announced, so that one that was not is worth an anomaly."""
        self._terms: dict[str | None, tuple[Mapping[Status, timedelta], timedelta | None]] = {}
        self._table: CompiledTable | None = None
        self._fingerprint: int | None = None

    @property
    def table(self) -> CompiledTable:
        """The answers that it judges by: the definition's, unless it is what an event of another day was judged by."""
        return self._table or compiled()

    def judging_by(self, table: CompiledTable) -> "Policy":
        """Return the same policy over other answers than the definition's."""
        other = Policy(*(getattr(self, name) for name in _SET))
        other._table = table
        return other

    def __repr__(self) -> str:
        return f"Policy({', '.join(f'{name}={getattr(self, name)!r}' for name in _SET)})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Policy) and all(getattr(self, n) == getattr(other, n) for n in (*_SET, "_table"))

    def __hash__(self) -> int:
        return hash((*(getattr(self, name) for name in _JUDGING), self.subscribed, self.reminders, self.expiry_notice))

    def __reduce__(self) -> tuple[Any, ...]:
        return Policy, tuple(getattr(self, name) for name in _SET)

    def deadlines_of(self, provider: str | None) -> Mapping[Status, timedelta]:
        """Return how long each transient status of a provider's account may last."""
        return self.terms(provider)[0]

    def terms(self, provider: str | None) -> tuple[Mapping[Status, timedelta], timedelta | None]:
        """Return the deadlines of a provider's accounts, and how long after a sign-in its end is told in advance."""
        known = self._terms.get(provider)
        if known is None:
            profile = profile_of(provider)
            stays = {**profile.deadlines, **self.deadlines.get(provider or "", {})}
            if not self.ok_subscribed:
                stays = {status: length for status, length in stays.items() if status not in PRESUMED_LIVE}
            session = profile.session_length
            lead = None if session is None else max(timedelta(0), session - self.expiry_notice)
            known = self._terms[provider] = stays, lead
        return known

    @property
    def fingerprint(self) -> int:
        """A number, never 0, of all that the deadlines of accounts follow from: policies of the same date alike."""
        if self._fingerprint is None:
            terms = [
                (provider, self.terms(provider))
                for provider in ("", *sorted(filter(None, {*PROFILES, *self.deadlines})))
            ]
            plain = [(provider, sorted(stays.items()), lead) for provider, (stays, lead) in terms]
            digest = sha256(repr((plain, self.reminders)).encode()).digest()
            self._fingerprint = int.from_bytes(digest[:4]) | 1
        return self._fingerprint

    def to_dict(self) -> JsonObject:
        """Return what judging depends on as a JSON object, lengths in microseconds.

        Deadlines, reminders, notices and confirmations are no part of it: an event of a clock carries its own length.
        """
        lengths = {name: getattr(self, name) // _MICROSECOND for name in _JUDGING}
        return {**lengths, "subscribed": sorted(self.subscribed)}


_JUDGING = ("redelivery_window", "retry_horizon", "delivery_margin", "settling")
_SET = (*_JUDGING, "subscribed", "deadlines", "reminders", "expiry_notice", "confirm_within")


def policy_from(found: JsonObject) -> Policy:
    """Return the policy that judges as ``found`` says; raise ``ValueError`` for what no policy writes."""
    if found.keys() != {*_JUDGING, "subscribed"}:
        raise ValueError(f"no policy writes {shown(str(found))}")
    return Policy(**{name: found[name] * _MICROSECOND for name in _JUDGING}, subscribed=found["subscribed"])


# ---- Checks ---------------------------------------------------------------------------------------------


def _length(name: str, length: object) -> timedelta:
    if not isinstance(length, timedelta) or length < timedelta(0):
        raise ConfigurationError(name, repr(length), "a timedelta that is not negative")
    return length


def _words(subscribed: object) -> frozenset[Status]:
    if isinstance(subscribed, str):
        if subscribed not in SUBSCRIPTIONS:
            names = one_of(tuple(f'"{name}"' for name in SUBSCRIPTIONS))
            raise ConfigurationError("subscribed", repr(subscribed), f"{names}, or a collection of statuses")
        return SUBSCRIPTIONS[subscribed]
    if not isinstance(subscribed, Iterable):
        raise ConfigurationError("subscribed", repr(subscribed), "a collection of statuses")
    words = [*subscribed]
    for word in words:
        if not isinstance(word, str) or word.strip().upper() not in ALL:
            found = shown(word) if isinstance(word, str) else repr(word)
            raise ConfigurationError("subscribed", found, f"statuses out of {one_of(ANNOUNCEMENTS, 'and')}")
    return frozenset(Status(word.strip().upper()) for word in words)


def _deadlines(deadlines: object) -> Mapping[str, Mapping[Status, timedelta]]:
    if not isinstance(deadlines, Mapping):
        raise ConfigurationError("deadlines", repr(deadlines), "a mapping of providers to statuses and lengths")
    found: dict[str, Mapping[Status, timedelta]] = {}
    for provider, own in deadlines.items():
        family = ALIASES.get(provider.strip().upper()) if isinstance(provider, str) else None
        if family is None:
            raise ConfigurationError("deadlines", repr(provider), f"a provider out of {one_of(tuple(ALIASES), 'and')}")
        if not isinstance(own, Mapping):
            raise ConfigurationError(f"deadlines of {family}", repr(own), "a mapping of statuses to lengths")
        found[family] = {_status(family, status): _length(f"deadlines of {family}", own[status]) for status in own}
    return found


def _status(family: str, word: object) -> Status:
    if not isinstance(word, str) or word not in ALL:
        raise ConfigurationError(
            f"deadlines of {family}", repr(word), f"a status out of {one_of(ANNOUNCEMENTS, 'and')}"
        )
    return Status(word)


def _reminders(reminders: object) -> tuple[timedelta, ...]:
    if isinstance(reminders, str) or not isinstance(reminders, Iterable):
        raise ConfigurationError("reminders", repr(reminders), "a collection of timedeltas")
    lengths = [_length("reminders", length) for length in reminders]
    if timedelta(0) in lengths:
        raise ConfigurationError("reminders", repr(timedelta(0)), "lengths longer than nothing")
    return tuple(sorted({*lengths}))


DEFAULT_POLICY = Policy()

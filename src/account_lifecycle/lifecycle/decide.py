"""The one pure step: an account and an event in, a decision out.

Knows the order in which an event is judged and what is remembered of it; what is expected it looks up
(``compiled``). It never fails on an odd sequence, and must never know a clock, a log, a store or JSON.
"""

from datetime import datetime, timedelta
from functools import cache, lru_cache
from hashlib import sha256
from typing import NamedTuple

from . import definition
from .account import Account
from .anomalies import AnomalyKind
from .compiled import Step, compiled
from .effects import Effect, EffectKind
from .events import DeadlinePassed, Event, StatusAnnounced
from .explain import Anomaly
from .policy import DEFAULT_POLICY, Policy
from .providers import PERMISSIVE, PROFILES
from .status import Verdict
from .windows import BlindWindow, WindowChange
from .wording import JsonObject, time_text

# A member of an enum costs more to look up than to compare, and these are met at every event.
_REPEATED, _HELD, _RECOVERED = Verdict.REPEATED, Verdict.HELD, EffectKind.RECOVERED
_NO_CHANGE, _OPENS, _, _RECOVERS, _ENDS = WindowChange

ORDER_OF_JUDGING = 1
"""Raised whenever the functions below decide anything differently with the same machine: events that were judged
by an earlier one are told apart by it (``rules``)."""

_Odd = tuple[tuple[AnomalyKind, str], ...]
"""What deviates in an event: each kind, with the odd word if there is one."""


class Decision(NamedTuple):
    """What became of one event."""

    account: Account
    """The account after the event."""
    previous: Account
    """The account before it; sequence 0 if this is the first."""
    event: Event
    verdict: Verdict
    anomalies: tuple[Anomaly, ...] = ()
    effects: tuple[Effect, ...] = ()
    blind_window: BlindWindow | None = None
    """The window that this event opened, changed or closed."""

    @property
    def sequence(self) -> int:
        """The event's place in its account's history, from 1 without gaps."""
        return self.account.sequence

    @property
    def explanation(self) -> str:
        """Every anomaly, explained; blank when there is none."""
        return "\n".join(anomaly.explanation for anomaly in self.anomalies)

    def to_dict(self) -> JsonObject:
        """Return the decision as a JSON object: the event, the verdict, and everything that follows from it."""
        account, previous = self.account, self.previous
        return {
            "account_id": account.account_id,
            "sequence": self.sequence,
            "received_at": time_text(self.event.received_at),
            **self.event.to_dict(),
            "verdict": self.verdict.value,
            "status_before": previous.status.value,
            "status_after": account.status.value,
            "health_before": previous.health.value,
            "health_after": account.health.value,
            "anomalies": [anomaly.to_dict() for anomaly in self.anomalies],
            "effects": [effect.to_dict(account.account_id, self.sequence) for effect in self.effects],
            "blind_window": None if self.blind_window is None else self.blind_window.to_dict(),
            "account": account.to_dict(),
        }


def decide(account: Account, event: Event, policy: Policy = DEFAULT_POLICY) -> Decision:
    """Judge one event. Total and pure: the same account and event give the same decision."""
    if not isinstance(event, StatusAnnounced):
        return _judge_deadline(account, event)
    odd: _Odd = ()
    provider = account.provider
    if event.provider != provider and event.provider is not None:
        provider, odd = _recognize(provider, event.provider)
    profile = PROFILES.get(provider, PERMISSIVE)
    step = compiled().steps[profile.announces_sync][account.last_ok_at is not None][account.situation].get(event.status)
    if step is None:
        return _held(account, event, provider, (*odd, (AnomalyKind.UNKNOWN_STATUS, "")))
    if event.product and not (profile.has_products and step.announced is definition.FINISHES_SYNC):
        odd = (*odd, (AnomalyKind.UNEXPECTED_PRODUCT, event.product))
    if step.announced is account.last_announced and event.product == account.last_product:
        return _repeated(account, event, provider, odd, policy)
    if step.deviation is not None:
        odd = (*odd, (step.deviation, ""))
    if step.verdict is _HELD:
        return _held(account, event, provider, odd)
    return _applied(account, event, step, provider, odd)


def _recognize(known: str | None, told: str) -> tuple[str, _Odd]:
    """The provider in force once an account type is told, and what is odd about it."""
    if known is not None:
        return known, ((AnomalyKind.PROVIDER_CHANGED, told),)
    return told, () if told in PROFILES else ((AnomalyKind.UNKNOWN_PROVIDER, told),)


def _applied(account: Account, event: StatusAnnounced, step: Step, provider: str | None, odd: _Odd) -> Decision:
    at, product = event.received_at, event.product
    effects, synced, window, changed = step.effects, account.synced_products, account.blind_window, None
    if step.finishes_sync:
        synced = _with_product(synced, product)
        effects = (*effects, _sync_completed(product))
    elif step.restarts_sync:
        synced = frozenset()
    if step.window is _OPENS or (window is not None and step.window is not _NO_CHANGE):
        window, changed = _follow_window(account, event, step)
        if changed is not None and changed.recovered:
            effects = (*effects, tuple.__new__(Effect, (_RECOVERED, "", changed)))
    # tuple.__new__ is what Account(...) comes to, at less than half the price; this is the hottest line there is
    after = tuple.__new__(
        Account,
        (
            account.account_id,
            step.after,
            account.sequence + 1,
            provider,
            event.name or account.name,
            at if step.moved else account.since,
            step.announced,
            product,
            at,
            at if step.proves_life else account.last_ok_at,
            synced,
            window,
            account.stuck and not step.moved,
        ),
    )
    if odd:
        return _deviating(account, after, event, step.verdict, odd, effects, changed)
    return tuple.__new__(Decision, (after, account, event, step.verdict, (), effects, changed))


def _follow_window(
    account: Account, event: StatusAnnounced, step: Step
) -> tuple[BlindWindow | None, BlindWindow | None]:
    """The window that is open after an accepted announcement, and the one that it changed."""
    window, announced, at = account.blind_window, step.announced, event.received_at
    if window is None:
        facts = (account.account_id, account.sequence + 1, account.last_ok_at, at, None, False, step.causes)
        window = tuple.__new__(BlindWindow, facts)
        return window, window
    if step.window is _RECOVERS or step.window is _ENDS:
        return None, window.closed(at, recovered=step.window is _RECOVERS)
    if announced in definition.LOSES:
        grown = window.with_cause(announced)
        return grown, None if grown is window else grown
    return window, None


@lru_cache(maxsize=1024)
def _sync_completed(product: str) -> Effect:
    """Cached, as is the next, so that accounts share what is the same."""
    return Effect(EffectKind.SYNC_COMPLETED, product)


@lru_cache(maxsize=1024)
def _with_product(synced: frozenset[str], product: str) -> frozenset[str]:
    return synced | {product}


def _repeated(account: Account, event: StatusAnnounced, provider: str | None, odd: _Odd, policy: Policy) -> Decision:
    at = event.received_at
    assert account.last_heard_at is not None
    if at - account.last_heard_at > policy.redelivery_window:
        odd = (*odd, (AnomalyKind.STALE_REPEAT, ""))
    proves_life = account.last_announced is definition.PROVES_LIFE
    after = _unmoved(account, event, provider, at, at if proves_life else account.last_ok_at)
    return _deviating(account, after, event, _REPEATED, odd)


def _held(account: Account, event: StatusAnnounced, provider: str | None, odd: _Odd) -> Decision:
    after = _unmoved(account, event, provider, account.last_heard_at, account.last_ok_at)
    return _deviating(account, after, event, _HELD, odd)


def _unmoved(
    account: Account, event: StatusAnnounced, provider: str | None, heard_at: datetime | None, ok_at: datetime | None
) -> Account:
    """The same account, one event later."""
    account_id, situation, sequence, _, name, since, announced, product, _, _, synced, window, stuck = account
    kept = (event.name or name, since, announced, product, heard_at, ok_at, synced, window, stuck)
    return Account(account_id, situation, sequence + 1, provider, *kept)


def _judge_deadline(account: Account, event: DeadlinePassed) -> Decision:
    """STUCK once per stay; a deadline of a stay that is already over is on record, and odd in no way."""
    is_due = (account.status, account.since, account.stuck) == (event.status, event.since, False)
    after = account._replace(sequence=account.sequence + 1, stuck=account.stuck or is_due)
    odd = ((AnomalyKind.STUCK, str(int(event.allowed.total_seconds()))),) if is_due else ()
    return _deviating(account, after, event, Verdict.HELD, odd)


def _deviating(
    before: Account,
    after: Account,
    event: Event,
    verdict: Verdict,
    odd: _Odd,
    effects: tuple[Effect, ...] = (),
    window: BlindWindow | None = None,
) -> Decision:
    """A decision with an anomaly, and its effect, for everything that is odd."""
    if not odd:
        return tuple.__new__(Decision, (after, before, event, verdict, (), effects, window))
    anomalies = tuple(_anomaly(before, after, event, kind, detail) for kind, detail in odd)
    effects = (*effects, *(Effect(EffectKind.ANOMALY, kind) for kind, _ in odd))
    return Decision(after, before, event, verdict, anomalies, effects, window)


def _anomaly(before: Account, after: Account, event: Event, kind: AnomalyKind, detail: str) -> Anomaly:
    return Anomaly(
        kind,
        before.account_id,
        after.sequence,
        event.received_at,
        event.status,
        before.situation,
        after.provider,
        before.since,
        before.last_announced,
        before.last_heard_at,
        detail,
    )


# ---- What an event was judged by -----------------------------------------------------------------------

_MICROSECOND = timedelta(microseconds=1)


def rules_of(policy: Policy) -> str:
    """The name of the rules in force: the machine's version and the redelivery window in microseconds.

    Deadlines are no part of it: a deadline that passed carries its own length.
    """
    return f"{machine_version()}/{policy.redelivery_window // _MICROSECOND}"


def redelivery_window_of(rules: str) -> timedelta | None:
    """The redelivery window of rules whose machine is the one of today; None for any other."""
    version, _, window = rules.partition("/")
    return int(window) * _MICROSECOND if version == machine_version() and window.isdecimal() else None


@cache
def machine_version() -> str:
    """Twelve hexadecimal digits that change whenever the machine would answer anything differently."""
    answers = [
        (
            sync, ok_heard, step.announced.value, *map(str, step.before), *map(str, step.after), step.verdict.value,
            str(step.deviation), [(kind.value, str(subject)) for kind, subject, _ in step.effects], step.window.name,
            step.proves_life, step.finishes_sync, step.restarts_sync, [cause.value for cause in step.causes],
        )
        for sync in (False, True)
        for ok_heard in (False, True)
        for by_word in compiled().steps[sync][ok_heard].values()
        for step in by_word.values()
    ]  # fmt: skip
    profiles = [(str(provider), p.announces_sync, p.has_products) for provider, p in PROFILES.items()]
    return sha256(repr((ORDER_OF_JUDGING, answers, profiles)).encode()).hexdigest()[:12]

"""The one pure step: an account and an event in, a decision out.

Knows the order in which an event is judged and what is remembered of it; what is lawful it looks up
(``compiled``). It never fails on an odd sequence, and must never know a clock, a log, a store or JSON.
"""

from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from . import definition
from .account import Account
from .anomalies import AnomalyKind
from .compiled import Step, compiled
from .effects import Effect, EffectKind
from .events import DeadlinePassed, Event, StatusAnnounced
from .explain import Anomaly
from .providers import PROFILES, profile_of
from .status import Status, Verdict
from .windows import BlindWindow


class Policy(NamedTuple):
    """What a team may set about judging."""

    redelivery_window: timedelta = timedelta(seconds=600)
    """How long after an announcement the same one still counts as a redelivery."""
    deadlines: Mapping[str, Mapping[Status, timedelta]] = MappingProxyType({})
    """By provider, deadlines that replace those of its profile."""

    def deadlines_of(self, provider: str | None) -> Mapping[Status, timedelta]:
        """How long each transient status of a provider's account may last."""
        own = self.deadlines.get(provider or "", {})
        return {**profile_of(provider).deadlines, **own}


DEFAULT_POLICY = Policy()


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


def decide(account: Account, event: Event, policy: Policy = DEFAULT_POLICY) -> Decision:
    """Judge one event. Total and pure: the same account and event give the same decision."""
    if isinstance(event, DeadlinePassed):
        return _judge_deadline(account, event)
    return _judge_announcement(account, event, policy)


def _judge_announcement(account: Account, event: StatusAnnounced, policy: Policy) -> Decision:
    provider, odd = account.provider, ()  # type: str | None, tuple[tuple[AnomalyKind, str], ...]
    if event.provider is not None and event.provider != provider:
        provider, odd = _recognize(provider, event.provider)
    profile = profile_of(provider)
    ok_heard = account.last_ok_at is not None
    step = compiled().steps[profile.announces_sync][ok_heard][account.situation].get(event.status)
    if step is None:
        return _held(account, event, provider, (*odd, (AnomalyKind.UNKNOWN_STATUS, "")))
    if event.product and not (profile.has_products and step.announced is definition.FINISHES_SYNC):
        odd = (*odd, (AnomalyKind.UNEXPECTED_PRODUCT, event.product))
    if step.announced is account.last_announced and event.product == account.last_product:
        return _repeated(account, event, provider, odd, policy)
    if step.deviation is not None:
        odd = (*odd, (step.deviation, ""))
    if step.verdict is Verdict.HELD:
        return _held(account, event, provider, odd)
    return _applied(account, event, provider, odd, step)


def _recognize(known: str | None, told: str) -> tuple[str, tuple[tuple[AnomalyKind, str], ...]]:
    """The provider in force once an account type is told, and what is odd about it."""
    if known is not None:
        return known, ((AnomalyKind.PROVIDER_CHANGED, told),)
    return told, () if told in PROFILES else ((AnomalyKind.UNKNOWN_PROVIDER, told),)


def _applied(
    account: Account, event: StatusAnnounced, provider: str | None, odd: tuple[tuple[AnomalyKind, str], ...], step: Step
) -> Decision:
    at = event.received_at
    announced = step.announced
    moved = step.moved
    window, changed = _follow_window(account, event, step)
    effects = step.effects
    if changed is not None and changed.recovered:
        effects = (*effects, Effect(EffectKind.RECOVERED, "", changed))
    synced = account.synced_products
    if announced in definition.RESTARTS_SYNC:
        synced = frozenset()
    elif announced is definition.FINISHES_SYNC:
        synced = _with_product(synced, event.product)
        effects = (*effects, Effect(EffectKind.SYNC_COMPLETED, event.product))
    after = Account(
        account.account_id,
        step.after,
        account.sequence + 1,
        provider,
        event.name or account.name,
        at if moved else account.since,
        announced,
        event.product,
        at,
        at if announced is definition.PROVES_LIFE else account.last_ok_at,
        synced,
        window,
        account.stuck and not moved,
    )
    return _decision(account, after, event, Verdict.APPLIED, odd, effects, changed)


def _follow_window(
    account: Account, event: StatusAnnounced, step: Step
) -> tuple[BlindWindow | None, BlindWindow | None]:
    """The window that is open after an accepted announcement, and the one that it changed."""
    window, announced, at = account.blind_window, step.announced, event.received_at
    if announced is definition.PROVES_LIFE or announced is definition.TERMINAL:
        if window is None:
            return None, None
        return None, window.closed(at, recovered=announced is definition.PROVES_LIFE)
    if window is None:
        leaves_life = step.before.status is definition.PROVES_LIFE and step.moved
        if not leaves_life and step.deviation is not AnomalyKind.ADOPTED:
            return None, None
        causes = () if announced in definition.RESTORES else (announced,)
        opened = BlindWindow(account.account_id, account.sequence + 1, account.last_ok_at, at, causes=causes)
        return opened, opened
    if announced in definition.LOSES:
        grown = window.with_cause(announced)
        return grown, grown if grown is not window else None
    return window, None


@lru_cache(maxsize=1024)
def _with_product(synced: frozenset[str], product: str) -> frozenset[str]:
    """Cached so that accounts with the same products share one set."""
    return synced | {product}


def _repeated(
    account: Account,
    event: StatusAnnounced,
    provider: str | None,
    odd: tuple[tuple[AnomalyKind, str], ...],
    policy: Policy,
) -> Decision:
    at = event.received_at
    assert account.last_heard_at is not None
    if at - account.last_heard_at > policy.redelivery_window:
        odd = (*odd, (AnomalyKind.STALE_REPEAT, ""))
    proves_life = account.last_announced is definition.PROVES_LIFE
    after = account._replace(
        sequence=account.sequence + 1,
        provider=provider,
        name=event.name or account.name,
        last_heard_at=at,
        last_ok_at=at if proves_life else account.last_ok_at,
    )
    return _decision(account, after, event, Verdict.REPEATED, odd)


def _held(
    account: Account, event: StatusAnnounced, provider: str | None, odd: tuple[tuple[AnomalyKind, str], ...]
) -> Decision:
    after = account._replace(sequence=account.sequence + 1, provider=provider, name=event.name or account.name)
    return _decision(account, after, event, Verdict.HELD, odd)


def _judge_deadline(account: Account, event: DeadlinePassed) -> Decision:
    """STUCK once per stay; a deadline of a stay that is already over is on record, and odd in no way."""
    is_due = (account.status, account.since, account.stuck) == (event.status, event.since, False)
    after = account._replace(sequence=account.sequence + 1, stuck=account.stuck or is_due)
    odd = ((AnomalyKind.STUCK, str(int(event.allowed.total_seconds()))),) if is_due else ()
    return _decision(account, after, event, Verdict.HELD, odd)


def _decision(
    before: Account,
    after: Account,
    event: Event,
    verdict: Verdict,
    odd: tuple[tuple[AnomalyKind, str], ...],
    effects: tuple[Effect, ...] = (),
    window: BlindWindow | None = None,
) -> Decision:
    if not odd:
        return Decision(after, before, event, verdict, (), effects, window)
    anomalies = tuple(
        Anomaly(
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
        for kind, detail in odd
    )
    effects = (*effects, *(Effect(EffectKind.ANOMALY, kind) for kind, _ in odd))
    return Decision(after, before, event, verdict, anomalies, effects, window)

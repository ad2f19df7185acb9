"""The one pure step: an account and an event in, a decision out.

An event is judged in two halves. ``decide`` finds out what becomes of it, in the order of its lines: the provider in
force, an unknown word, a product out of place, a repeat of the last accepted announcement, and else the answer of the
compiled machine (``Step``). ``apply`` then writes what the event leaves in the account. It asks nothing but the
outcome, so whoever holds a recorded outcome gets the same account without judging again (``applied``): what was
decided stays decided when the definition changes.

Neither half raises for an unexpected sequence, and neither looks at a clock, a log or a store.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache, lru_cache
from hashlib import sha256

from . import definition
from .account import Account
from .anomalies import AnomalyKind
from .compiled import Step, compiled, recorded_step
from .effects import Effect, EffectKind
from .events import DeadlinePassed, Event, StatusAnnounced
from .explain import Anomaly
from .machine import Situation
from .policy import DEFAULT_POLICY, Policy
from .providers import PERMISSIVE, PROFILES
from .status import Status, Verdict
from .windows import BlindWindow, WindowChange
from .wording import JsonObject, time_text

ORDER_OF_JUDGING = 1
"""Raised whenever the functions below decide anything differently with the same machine: events that were judged
by an earlier one are told apart by it (``rules_of``)."""

Deviations = tuple[tuple[AnomalyKind, str], ...]
"""What deviates in an event: each kind, with the word that it is about, or a blank."""

# A member of an enum costs more to look up than to compare, and these are met at every event.
_APPLIED, _REPEATED, _HELD = Verdict.APPLIED, Verdict.REPEATED, Verdict.HELD
_NO_CHANGE, _OPENS, _RECOVERS, _ENDS = (
    WindowChange.NONE, WindowChange.OPENS, WindowChange.RECOVERS, WindowChange.ENDS
)  # fmt: skip


@dataclass(slots=True, unsafe_hash=True)
class Decision:
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
    deviations: Deviations = ()
    provider, announced = account.provider, event.provider
    if announced is not None and announced != provider:
        if provider is not None:
            deviations = ((AnomalyKind.PROVIDER_CHANGED, announced),)
        else:
            provider = announced
            if provider not in PROFILES:
                deviations = ((AnomalyKind.UNKNOWN_PROVIDER, provider),)
    profile = PROFILES.get(provider, PERMISSIVE)
    answers = compiled().steps[profile.announces_sync][account.last_ok_at is not None]
    step = answers[account.situation].get(event.status)
    if step is None:
        return _decision(account, event, _HELD, None, (*deviations, (AnomalyKind.UNKNOWN_STATUS, "")))
    product = event.product
    if product and not (profile.has_products and step.announced is definition.FINISHES_SYNC):
        deviations = (*deviations, (AnomalyKind.UNEXPECTED_PRODUCT, product))
    if step.announced is account.last_announced and product == account.last_product:
        assert account.last_heard_at is not None
        if event.received_at - account.last_heard_at > policy.redelivery_window:
            deviations = (*deviations, (AnomalyKind.STALE_REPEAT, ""))
        return _decision(account, event, _REPEATED, None, deviations)
    if step.deviation is not None:
        deviations = (*deviations, (step.deviation, ""))
    return _decision(account, event, step.verdict, step, deviations)


def _decision(
    account: Account, event: StatusAnnounced, verdict: Verdict, step: Step | None, deviations: Deviations
) -> Decision:
    """Return the decision with the account that the event leaves, its effects and its explained anomalies."""
    after, window = apply(account, event, verdict, step)
    effects: tuple[Effect, ...] = ()
    if step is not None and verdict is _APPLIED:
        effects = step.effects
        if step.finishes_sync:
            effects = (*effects, _sync_completed(event.product))
        if window is not None and window.recovered:
            effects = (*effects, Effect(EffectKind.RECOVERED, "", window))
    if not deviations:
        return Decision(after, account, event, verdict, (), effects, window)
    anomalies = tuple(_anomaly(account, after, event, kind, detail) for kind, detail in deviations)
    return Decision(after, account, event, verdict, anomalies, (*effects, *_anomaly_effects(deviations)), window)


def _judge_deadline(account: Account, event: DeadlinePassed) -> Decision:
    """Report STUCK once per stay; a deadline of a stay that is already over is on record and deviates in no way."""
    is_due = (account.status, account.since, account.stuck) == (event.status, event.since, False)
    after = _after_deadline(account, is_due)
    if not is_due:
        return Decision(after, account, event, _HELD)
    deviations: Deviations = ((AnomalyKind.STUCK, str(int(event.allowed.total_seconds()))),)
    anomalies = tuple(_anomaly(account, after, event, kind, detail) for kind, detail in deviations)
    return Decision(after, account, event, _HELD, anomalies, _anomaly_effects(deviations))


# ---- What an event leaves in its account -----------------------------------------------------------------


def apply(
    account: Account, event: StatusAnnounced, verdict: Verdict, step: Step | None
) -> tuple[Account, BlindWindow | None]:
    """Return the account after an announcement that was judged, and the blind window that it changed, if any.

    ``step`` is the answer of the machine; an event that is not APPLIED needs none.
    """
    situation, since, stuck, window = account.situation, account.since, account.stuck, account.blind_window
    last_announced, last_product = account.last_announced, account.last_product
    heard_at, ok_at, synced = account.last_heard_at, account.last_ok_at, account.synced_products
    at, changed = event.received_at, None
    if verdict is _APPLIED and step is not None:
        situation, last_announced, last_product, heard_at = step.after, step.announced, event.product, at
        if step.window is _OPENS or (window is not None and step.window is not _NO_CHANGE):
            window, changed = _follow_window(account, event, step)
        if step.moved:
            since, stuck = at, False
        if step.proves_life:
            ok_at = at
        if step.finishes_sync:
            synced = _with_product(synced, last_product)
        elif step.restarts_sync:
            synced = frozenset()
    elif verdict is _REPEATED:
        heard_at = at
        if last_announced is definition.PROVES_LIFE:
            ok_at = at
    after = Account(
        account.account_id,
        situation,
        account.sequence + 1,
        event.provider if account.provider is None else account.provider,
        event.name or account.name,
        since,
        last_announced,
        last_product,
        heard_at,
        ok_at,
        synced,
        window,
        stuck,
    )
    return after, changed


def applied(
    account: Account,
    event: Event,
    verdict: Verdict,
    before: Situation,
    after: Situation,
    kinds: tuple[AnomalyKind, ...],
) -> Account:
    """Return the account after an event whose outcome is on record, without judging it again.

    ``before`` and ``after`` are the recorded situations, ``kinds`` the recorded anomalies.
    """
    if isinstance(event, DeadlinePassed):
        return _after_deadline(account, AnomalyKind.STUCK in kinds)
    step = None
    if verdict is _APPLIED:
        step = recorded_step(Status(event.status), before, after, AnomalyKind.ADOPTED in kinds)
    return apply(account, event, verdict, step)[0]


def _after_deadline(account: Account, is_stuck: bool) -> Account:
    return replace(account, sequence=account.sequence + 1, stuck=account.stuck or is_stuck)


def _follow_window(
    account: Account, event: StatusAnnounced, step: Step
) -> tuple[BlindWindow | None, BlindWindow | None]:
    """Return the window that is open after an accepted announcement, and the one that it changed."""
    window, at = account.blind_window, event.received_at
    if window is None:
        window = BlindWindow(account.account_id, account.sequence + 1, account.last_ok_at, at, causes=step.causes)
        return window, window
    if step.window is _RECOVERS or step.window is _ENDS:
        return None, window.closed(at, recovered=step.window is _RECOVERS)
    if step.announced in definition.LOSES:
        grown = window.with_cause(step.announced)
        return grown, None if grown is window else grown
    return window, None


@lru_cache(maxsize=1024)
def _sync_completed(product: str) -> Effect:
    """Cached, as are the next two, so that accounts share what is the same."""
    return Effect(EffectKind.SYNC_COMPLETED, product)


@lru_cache(maxsize=1024)
def _with_product(synced: frozenset[str], product: str) -> frozenset[str]:
    return synced | {product}


@lru_cache(maxsize=256)
def _anomaly_effects(deviations: Deviations) -> tuple[Effect, ...]:
    return tuple(Effect(EffectKind.ANOMALY, kind) for kind, _ in deviations)


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
            sync, ok_heard, step.announced.value, str(step.before), str(step.after), step.verdict.value,
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

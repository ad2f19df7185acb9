"""The one pure step: an account and an event in, a decision out.

First it is found out what becomes of an event: ``_judge_announcement`` asks the questions of the life cycle in their
order (is it late, who tells it, was it held or heard before, is it OK again) and at last looks up the compiled
machine's answer; observations and deadlines have shorter lists of their own. ``apply`` then writes what the event
leaves in the account.

``judge`` puts the clock before both: a deadline that passed before an event is judged before it, always,
so that live engines, batches and replays agree.

"Within X" means less than X ago. Nothing here raises for an unexpected sequence, and nothing looks at a clock, a log
or a store.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from . import definition
from .account import Account, Heard
from .anomalies import AnomalyKind
from .apply import after_acceptance, apply, heard_within, is_life_again, missed_outage
from .compiled import TIMES, Choice, Step
from .deadlines import deadline_before, is_due
from .definition import Guard
from .effects import Effect, EffectKind, effects_of
from .events import ABSENT, NOBODY, DeadlineKind, DeadlinePassed, Event, StatusAnnounced, StatusObserved
from .explain import Anomaly
from .policy import DEFAULT_POLICY, Policy
from .status import Health, Status, Verdict
from .windows import BlindWindow
from .wording import JsonObject, event_place, time_text

ABSENCE = timedelta(minutes=10)
"""How far apart two looks at the vendor's list must miss an account until it counts as deleted."""
SURVIVAL = timedelta(hours=1)
"""How long after its deletion the vendor's list may still have an account."""

SYNCED_WITHIN = timedelta(hours=6)
"""How long after a sign-in all the syncs of a premium account must have finished."""
PREMIUM_SYNCS = 2
"""How many syncs a premium account has: one for Classic, and another for the premium option."""

Deviations = tuple[tuple[AnomalyKind, str], ...]
"""What deviates in an event: each kind, with the word that it is about, or a blank."""

# A member of an enum costs more to look up than to compare, and these are met at every event.
_APPLIED, _REPEATED, _HELD, _CONFIRMED = Verdict.APPLIED, Verdict.REPEATED, Verdict.HELD, Verdict.CONFIRMED
_LIVE, _GONE = Health.LIVE, Health.GONE
_OK, _SYNC = definition.PROVES_LIFE, definition.FINISHES_SYNC
_STALE, _AGAIN = AnomalyKind.POSSIBLY_STALE, AnomalyKind.MISSED_RECOVERY


@dataclass(slots=True, unsafe_hash=True)
class Decision:
    """What became of one event."""

    after: Account
    """The account after the event."""
    before: Account
    """The account before it; sequence 0 if this is the first."""
    event: Event
    verdict: Verdict
    anomalies: tuple[Anomaly, ...] = ()
    effects: tuple[Effect, ...] = ()
    blind_window: BlindWindow | None = None
    """The window that this event opened, changed, closed or told of."""

    @property
    def account(self) -> Account | Any:
        """The account after the event; None for a failed creation that names no account.

        The type says Any for None, so that who feeds accounts need not ask at every step.
        """
        return self.after if self.after.account_id != NOBODY else None

    @property
    def sequence(self) -> int:
        """The event's place in its account's history, from 1 without gaps."""
        return self.after.sequence

    @property
    def explanation(self) -> str:
        """Every anomaly, explained; blank when there is none."""
        return "\n".join(anomaly.explanation for anomaly in self.anomalies)

    def __str__(self) -> str:
        before, after = self.before.status, self.after.status
        move = f"{after}" if before is after else f"{before} → {after}"
        kinds = f"; {', '.join(anomaly.kind for anomaly in self.anomalies)}" if self.anomalies else ""
        place = event_place(self.after.account_id, self.sequence)
        return f"{place}: {self.event}: {self.verdict}; {move}, {self.after.health}{kinds}"

    def to_dict(self) -> JsonObject:
        """Return the decision as a JSON object: the event, what became of it, and the account after it."""
        return {
            "account_id": self.after.account_id,
            "sequence": self.sequence,
            "received_at": time_text(self.event.received_at),
            **self.event.to_dict(),
            "verdict": self.verdict.value,
            "status_before": self.before.status.value,
            "status_after": self.after.status.value,
            "health_before": self.before.health.value,
            "health_after": self.after.health.value,
            "anomalies": [anomaly.to_dict() for anomaly in self.anomalies],
            "effects": [effect.to_dict(self.after.account_id, self.sequence) for effect in self.effects],
            "blind_window": None if self.blind_window is None else self.blind_window.to_dict(),
            "account": None if self.account is None else self.account.to_dict(),
        }


def judge(account: Account, event: Event, policy: Policy = DEFAULT_POLICY) -> list[Decision]:
    """Judge every deadline of the account that passed before an event, then the event; return all the decisions.

    A ``DeadlinePassed`` stands for a look at the clock: what has passed by then is judged, and no more.
    """
    at, decisions = event.received_at, list[Decision]()
    if account.newest_at is None or at >= account.newest_at or isinstance(event, DeadlinePassed):
        while (passed := deadline_before(account, at, policy)) is not None:
            decisions.append(decide(account, passed, policy))
            account = decisions[-1].after
    if not isinstance(event, DeadlinePassed):
        decisions.append(decide(account, event, policy))
    return decisions


def decide(account: Account, event: Event, policy: Policy = DEFAULT_POLICY) -> Decision:
    """Judge one event. Total and pure: the same account, event and policy give the same decision."""
    if type(event) is StatusAnnounced:
        if event.account_id != NOBODY:
            return _judge_announcement(account, event, policy)
        return _judge_failed_creation(account, event, policy)
    if isinstance(event, StatusObserved):
        return _judge_observation(account, event, policy)
    assert isinstance(event, DeadlinePassed)
    return _judge_deadline(account, event, policy)


# ---- Announcements ------------------------------------------------------------------------------------------


def _judge_announcement(account: Account, event: StatusAnnounced, policy: Policy) -> Decision:
    """Judge an announcement: the first of these questions that settles it does."""
    at, word, product, provider = event.received_at, event.status, event.product, account.provider
    if account.newest_at is not None and at < account.newest_at:
        return _decision(account, event, _HELD, None, ((AnomalyKind.OUT_OF_ORDER, ""),), policy)
    deviations: Deviations = ()
    if event.provider is not None and (event.provider != provider or account.memory.disputed_provider is not None):
        provider, deviations = _provider_deviations(account, event.provider, policy)
    if event.owner is not None and account.owner is not None and event.owner != account.owner:
        deviations = (*deviations, (AnomalyKind.OWNER_CHANGED, event.owner))
    table = policy.table
    traits = table.traits(provider)
    answers = table.cells[traits.announces_sync][policy.ok_subscribed]
    if product and not (traits.has_products and word == _SYNC):
        deviations = (*deviations, (AnomalyKind.UNEXPECTED_PRODUCT, product))
    if account.held and heard_within(account.held, word, product, at, policy.retry_horizon) is not None:
        return _decision(account, event, _REPEATED, None, deviations, policy)
    cell = answers[account.situation].get(word)
    if cell is None:
        return _decision(account, event, _HELD, None, (*deviations, (AnomalyKind.UNKNOWN_STATUS, "")), policy)
    heard_at = None
    for entry in account.heard:
        if entry[0] == word and entry[1] == product:
            heard_at = entry[2]
    if heard_at is not None or word == account.situation.status:
        repeated = _judge_repeat(account, event, heard_at, cell, deviations, policy)
        if repeated is not None:
            return repeated
        if heard_at is not None and at - heard_at >= policy.retry_horizon:
            heard_at = None
    step = cell if isinstance(cell, Step) else _choose(cell, account, at, heard_at is not None, policy)
    if step.deviation is not None:
        deviations = (*deviations, (step.deviation, ""))
    if (heard_at is not None or account.held) and _is_stale(account, step, heard_at is not None, at, policy):
        deviations = (*deviations, (_STALE, ""))
    if deviations or step.verdict is not _APPLIED:
        return _decision(account, event, step.verdict, step, deviations, policy)
    after, window = after_acceptance(account, event, step, (), policy)
    effects = _effects(account, after, event, step, window)
    return Decision(after, account, event, _APPLIED, (), effects, window)


def _judge_repeat(
    account: Account,
    event: StatusAnnounced,
    heard_at: datetime | None,
    cell: Step | Choice,
    deviations: Deviations,
    policy: Policy,
) -> Decision | None:
    """Judge an announcement that was accepted before, or is of the present status; None if it is news all the same.

    ``heard_at`` is when it was last heard, if it is remembered.
    """
    at, word, product, status = event.received_at, event.status, event.product, account.situation.status
    is_recent = heard_at is not None and at - heard_at < policy.retry_horizon
    is_last = heard_at is not None and account.heard[-1][:2] == (word, product)
    if word == status and is_life_again(word, is_last, policy):
        is_outage = account.last_live_at is not None and at - account.last_live_at >= policy.redelivery_window
        if is_outage and policy.reports_outages:
            deviations = (*deviations, (AnomalyKind.MISSED_OUTAGE, ""))
        return _decision(account, event, _REPEATED, None, deviations, policy, is_outage=is_outage)
    if heard_at is not None and is_last:
        if at - heard_at < policy.redelivery_window or (is_recent and word == _SYNC):
            return _decision(account, event, _REPEATED, None, deviations, policy)
        step = cell if isinstance(cell, Step) else cell.step(frozenset())
        if step.is_loss and not is_recent:
            return _decision(account, event, _APPLIED, step, (*deviations, (_AGAIN, "")), policy)
        if word != _SYNC:
            return _decision(account, event, _REPEATED, None, (*deviations, (AnomalyKind.STALE_REPEAT, "")), policy)
    if word == _SYNC and is_recent and status in (_SYNC, _OK) and _only_life_behind(account.heard, word, product):
        return _decision(account, event, _REPEATED, None, deviations, policy)
    return None


def _provider_deviations(account: Account, announced: str, policy: Policy) -> tuple[str, Deviations]:
    """Return the provider in force once an account type is announced, and what deviates in it."""
    known = account.provider
    if known is None:
        return announced, () if announced in policy.table.source.providers else (
            (AnomalyKind.UNKNOWN_PROVIDER, announced),
        )
    if announced in (known, account.memory.disputed_provider):
        return announced, ()
    return known, ((AnomalyKind.PROVIDER_CHANGED, announced),)


def _only_life_behind(heard: tuple[Heard, ...], word: str, product: str) -> bool:
    """Return whether nothing but OK and SYNC_SUCCESS was accepted after an announcement that was heard."""
    for entry in reversed(heard):
        if entry.status == word and entry.product == product:
            return True
        if entry.status not in (_OK, _SYNC):
            return False
    return False


def _choose(cell: Choice, account: Account, at: datetime, is_recent: bool, policy: Policy) -> Step:
    """Return the step of a cell that depends on the time that has passed."""
    horizon, known_since, since = policy.retry_horizon, account.memory.known_since, account.since
    holds = {
        Guard.RECENT: is_recent,
        Guard.YOUNG: known_since is not None and at - known_since < horizon,
        Guard.SETTLED: since is not None and at - since >= horizon,
    }
    return cell.step(frozenset(guard for guard in TIMES if holds[guard]))


def _is_stale(account: Account, step: Step, is_recent: bool, at: datetime, policy: Policy) -> bool:
    """Return whether an accepted announcement may be a late redelivery.

    It was heard before and newer ones have come since, or it is a loss whose answer, RECONNECTED, came first.
    """
    if step.verdict is not _APPLIED:
        return False
    if is_recent:
        return step.moved or step.finishes_sync
    return (
        step.is_loss
        and step.moved
        and any(e.status == Status.RECONNECTED and at - e.at < policy.retry_horizon for e in account.held)
    )


def _judge_failed_creation(account: Account, event: StatusAnnounced, policy: Policy) -> Decision:
    """Judge a creation that failed before there was an account: news once for each owner."""
    owner = event.owner or ""
    is_known = heard_within(account.heard, event.status, owner, event.received_at, policy.retry_horizon) is not None
    verdict = _REPEATED if is_known else _APPLIED
    after, _ = apply(account, event, verdict, None, (), policy)
    effects = () if is_known else (Effect(EffectKind.CREATION_FAILED, owner),)
    return Decision(after, account, event, verdict, (), effects)


# ---- Observations and deadlines -------------------------------------------------------------------------------


def _judge_observation(account: Account, event: StatusObserved, policy: Policy) -> Decision:
    """Judge what the vendor's list says: most often it confirms what is known."""
    at, status, word = event.received_at, account.situation.status, event.status
    since, memory = account.since, account.memory
    if account.newest_at is not None and at < account.newest_at:
        return _decision(account, event, _HELD, None, (), policy)
    if since is not None and at - since < policy.settling:
        return _decision(account, event, _HELD, None, (), policy)
    if word == ABSENT:
        if status in (definition.TERMINAL, Status.CREATION_FAIL):
            return _decision(account, event, _CONFIRMED, None, (), policy)
        was_absent = memory.absent_since is not None and at - memory.absent_since >= ABSENCE
        if not was_absent or status is definition.INITIAL:
            return _decision(account, event, _HELD, None, (), policy)
        step = _observed_step(account, definition.TERMINAL, policy)
        return _decision(account, event, _APPLIED, step, ((AnomalyKind.VANISHED, ""),), policy)
    if status is definition.TERMINAL:
        survives = not memory.survival_told and since is not None and at - since >= SURVIVAL
        deviations: Deviations = ((AnomalyKind.NOT_DELETED, word),) if survives else ()
        return _decision(account, event, _HELD, None, deviations, policy)
    provider, deviations = account.provider, ()
    if event.provider is not None:
        provider, deviations = _provider_deviations(account, event.provider, policy)
    if event.owner is not None and account.owner is not None and event.owner != account.owner:
        deviations = (*deviations, (AnomalyKind.OWNER_CHANGED, event.owner))
    if word == status or (word == Status.CONNECTING and status in policy.table.source.settles_into_ok):
        if word == _OK and _lacks_sync(account, event, provider, policy):
            deviations = (*deviations, (AnomalyKind.SYNC_MISSING, event.product))
        return _decision(account, event, _CONFIRMED, None, deviations, policy)
    is_news = status is not definition.INITIAL and not (word == _OK and not policy.ok_subscribed)
    if is_news:
        deviations = (*deviations, (AnomalyKind.DRIFT, word))
    return _decision(account, event, _APPLIED, _observed_step(account, Status(word), policy), deviations, policy)


def _observed_step(account: Account, word: Status, policy: Policy) -> Step:
    return policy.table.observed_step(word, account.situation, policy.ok_subscribed)


def _lacks_sync(account: Account, event: StatusObserved, provider: str | None, policy: Policy) -> bool:
    """Return whether a premium account that is OK has synced less since its last sign-in than it has products.

    That is known only of a sign-in that was announced, and it is reported once for each.
    """
    signed_in_at, known_since = account.signed_in_at, account.memory.known_since
    if not event.product or signed_in_at is None or known_since is None or account.memory.sync_missing_told:
        return False
    has_products = policy.table.traits(provider).has_products and _SYNC in policy.subscribed
    is_due = known_since <= signed_in_at and event.received_at - signed_in_at > SYNCED_WITHIN
    return has_products and is_due and len(account.synced_products) < PREMIUM_SYNCS


def _judge_deadline(account: Account, event: DeadlinePassed, policy: Policy) -> Decision:
    """Judge a deadline; one of a stay, an outage or a session that is over is on record, and does nothing."""
    if not is_due(account, event):
        return Decision(replace(account, sequence=account.sequence + 1), account, event, _HELD)
    after, window = apply(account, event, _HELD, None, (), policy)
    if event.kind is DeadlineKind.REMINDER:
        return Decision(after, account, event, _HELD, (), (Effect(EffectKind.STILL_DOWN),))
    if event.kind is DeadlineKind.SESSION:
        return Decision(after, account, event, _HELD, (), (Effect(EffectKind.SESSION_EXPIRING),))
    effects = _effects(account, after, event, None, window)
    if after.health is _LIVE:
        return Decision(after, account, event, _HELD, (), effects, window)
    deviations = ((AnomalyKind.STUCK, str(int(event.allowed.total_seconds()))),)
    return _deviating(account, after, event, _HELD, deviations, effects, window, policy)


# ---- The decision ------------------------------------------------------------------------------------------------


def _decision(
    account: Account,
    event: StatusAnnounced | StatusObserved,
    verdict: Verdict,
    step: Step | None,
    deviations: Deviations,
    policy: Policy,
    *,
    is_outage: bool = False,
) -> Decision:
    """Return the decision with the account that the event leaves, its effects and its explained anomalies.

    ``is_outage`` tells that the account was not live for an unknown part of the time since its last proof of life.
    """
    kinds = tuple([kind for kind, _ in deviations]) if deviations else ()
    after, window = apply(account, event, verdict, step, kinds, policy)
    if is_outage:
        window = missed_outage(account, after, event.received_at)
    effects = _effects(account, after, event, step, window)
    if not deviations:
        return Decision(after, account, event, verdict, (), effects, window)
    return _deviating(account, after, event, verdict, deviations, effects, window, policy)


def _effects(
    account: Account, after: Account, event: Event, step: Step | None, window: BlindWindow | None
) -> tuple[Effect, ...]:
    """Return the effects of what an event leaves in its account, but for those of its anomalies."""
    effects: tuple[Effect, ...] = ()
    if after.health is not account.health or after.situation is not account.situation:
        effects = effects_of(account.situation.status, after.situation.status, account.health, after.health)
        if after.health is _LIVE and account.last_live_at is None:
            effects = (*effects, Effect(EffectKind.CONNECTED, "" if after.memory.born else "adopted"))
    if window is not None and window.recovered:
        effects = (*effects, Effect(EffectKind.RECOVERED, "", False, window))
    if step is not None and step.finishes_sync and type(event) is StatusAnnounced:
        effects = (*effects, _sync_completed(event.product))
    if after.owner is not account.owner and after.owner is not None:
        effects = (*effects, Effect(EffectKind.CLAIMED, after.owner))
    return effects


def _deviating(
    account: Account,
    after: Account,
    event: Event,
    verdict: Verdict,
    deviations: Deviations,
    effects: tuple[Effect, ...],
    window: BlindWindow | None,
    policy: Policy,
) -> Decision:
    """Return a decision with an anomaly, and what follows from it, for everything that deviates."""
    for kind, _ in deviations:
        if kind is _AGAIN:
            again = EffectKind.ACTION_REQUIRED if after.health is Health.ACTION_REQUIRED else EffectKind.INTERRUPTED
            effects = (*effects, Effect(again))
        elif kind is AnomalyKind.RECONNECT_FAILED:
            effects = (*effects, Effect(EffectKind.RECONNECT_FAILED))
    effects = (*effects, *_anomaly_effects(tuple([kind for kind, _ in deviations])))
    if any(kind is _STALE for kind, _ in deviations):
        effects = tuple([effect._replace(doubtful=True) for effect in effects])
    anomalies = tuple([_anomaly(account, after, event, kind, detail, policy) for kind, detail in deviations])
    return Decision(after, account, event, verdict, anomalies, effects, window)


@lru_cache(maxsize=256)
def _sync_completed(product: str) -> Effect:
    """Cached, as is the next, so that accounts share what is the same."""
    return Effect(EffectKind.SYNC_COMPLETED, product)


@lru_cache(maxsize=256)
def _anomaly_effects(kinds: tuple[AnomalyKind, ...]) -> tuple[Effect, ...]:
    return tuple([Effect(EffectKind.ANOMALY, kind) for kind in kinds])


def _anomaly(before: Account, after: Account, event: Event, kind: AnomalyKind, detail: str, policy: Policy) -> Anomaly:
    """Return an anomaly with the evidence by which its story is chosen."""
    at, last = event.received_at, before.last_accepted
    product = reason = ""
    heard_at = None
    other_channel = False
    if isinstance(event, StatusAnnounced):
        names_type = before.provider is None and event.provider is not None
        names_owner = before.owner is None and event.owner is not None
        other_channel = before.sequence > 0 and (names_type or names_owner)
        product, reason = event.product, event.reason
        same = (e.at for e in (*before.heard, *before.held) if e.status == event.status and e.product == product)
        heard_at = max(same, default=None)
    elif isinstance(event, StatusObserved):
        product, reason = event.product, event.reason
    return Anomaly(
        kind,
        before.account_id,
        after.sequence,
        at,
        event.status,
        before.situation,
        after.provider,
        before.since,
        None if last is None else Status(last.status),
        None if last is None else last.at,
        detail,
        product,
        reason,
        heard_at,
        before.memory.known_since,
        before.last_live_at,
        tuple([entry.status for entry in before.held if at - entry.at < policy.retry_horizon]),
        tuple([word for word in policy.table.source.words if word not in policy.subscribed]),
        policy.retry_horizon,
        after.health,
        after.status is not before.status,
        tuple([entry.status for entry in before.heard if at - entry.at < policy.retry_horizon]),
        before.newest_at,
        other_channel,
        before.doubtful,
        before.signed_in_at,
    )

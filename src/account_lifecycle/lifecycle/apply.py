"""What an event leaves in its account: the one description of it.

``apply`` asks nothing but the outcome (the verdict, the step of the machine, the anomalies), never whether it should
have been another. So the live engine, a replay and the proof write the same account, and an outcome that is on record
goes through it without being judged again (``applied``): what was decided stays decided when the definition changes.

What most events change are fields of the account; what few change is together in its ``memory``, which is made anew
only when one of them does.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from . import definition
from .account import Account, Heard, Memory
from .anomalies import AnomalyKind
from .compiled import Step
from .deadlines import is_due
from .events import ABSENT, NOBODY, DeadlineKind, DeadlinePassed, Event, StatusAnnounced, StatusObserved
from .machine import Situation
from .policy import Policy
from .status import Health, Status, Verdict
from .windows import BlindWindow

MAX_HEARD, MAX_HELD, MAX_FAILED = 16, 8, 1000
"""How many announcements are remembered: of an account that were accepted, that were held, and of nobody's."""
MAX_PRODUCTS = 32
"""How many synced products are remembered of an account. Those are the first that were announced since the last
sign-in: each one more is judged and told of like any other, and not remembered as synced."""

_APPLIED, _HELD, _CONFIRMED = Verdict.APPLIED, Verdict.HELD, Verdict.CONFIRMED
_AGAIN = AnomalyKind.MISSED_RECOVERY
_LIVE, _GONE, _OK = Health.LIVE, Health.GONE, definition.PROVES_LIFE
_FIRST = datetime.min.replace(tzinfo=UTC)
"""The first moment there is."""


def apply(
    account: Account, event: Event, verdict: Verdict, step: Step | None, kinds: Sequence[AnomalyKind], policy: Policy
) -> tuple[Account, BlindWindow | None]:
    """Return the account after an event that was judged, and the blind window that it opened, changed or closed.

    ``step`` is the answer of the machine, which only an APPLIED event needs; ``kinds`` are the anomalies found.
    """
    if isinstance(event, DeadlinePassed):
        return _after_deadline(account, event, policy)
    if verdict is _APPLIED and step is not None:
        return after_acceptance(account, event, step, kinds, policy)
    if AnomalyKind.OUT_OF_ORDER in kinds:
        return _one_later(account, account.memory, account.newest_at), None
    return _after_hearing(account, event, verdict, kinds, policy), None


def applied(
    account: Account,
    event: Event,
    verdict: Verdict,
    before: Situation,
    after: Situation,
    kinds: Sequence[AnomalyKind],
    policy: Policy,
) -> Account:
    """Return the account after an event whose outcome is on record, without judging it again.

    ``before`` and ``after`` are the recorded situations, ``kinds`` the recorded anomalies.
    """
    if isinstance(event, DeadlinePassed) and not is_due(account, event):
        return replace(account, sequence=account.sequence + 1)
    step = None
    if verdict is _APPLIED and account.account_id != NOBODY:
        word = definition.TERMINAL if event.status == ABSENT else Status(event.status)
        step = policy.table.recorded_step(word, before, after, policy.ok_subscribed)
    return apply(account, event, verdict, step, kinds, policy)[0]


def after_acceptance(
    account: Account, event: StatusAnnounced | StatusObserved, step: Step, kinds: Sequence[AnomalyKind], policy: Policy
) -> tuple[Account, BlindWindow | None]:
    """Return the account after an announcement or an observation that was accepted, and the window that it changed."""
    at, was, last_live_at, memory = event.received_at, account.health, account.last_live_at, account.memory
    provider, synced, signed_in_at = account.provider, account.synced_products, account.signed_in_at
    since, stuck, presumed, product, reason = account.since, account.stuck, False, None, ""
    is_again = bool(kinds) and _AGAIN in kinds
    if step.moved or is_again:
        since, stuck = at, False
    if event.provider is not None and event.provider != provider:
        provider = _provider_after(account, event.provider)[0]
    if not policy.ok_subscribed:
        presumed = _is_presumed(step.after.status, stuck, provider, policy)
    now = step.healths[stuck][last_live_at is not None][presumed]
    window, changed = account.blind_window, None
    if now is not was or window is not None or kinds:
        window, changed = _follow_window(account, event, step, now, AnomalyKind.ADOPTED in kinds, policy)
    if step.proves_life or (now is _LIVE and last_live_at is None):
        last_live_at = _later(last_live_at, at)
    if isinstance(event, StatusAnnounced):
        product, reason = event.product, event.reason
        if step.signs_in:
            signed_in_at = _later(signed_in_at, at)
    elif event.signed_in_at is not None and (signed_in_at is None or event.signed_in_at > signed_in_at):
        signed_in_at = event.signed_in_at
    if step.signs_in:
        synced = frozenset()
    elif step.finishes_sync and (product or "") not in synced and len(synced) < MAX_PRODUCTS:
        synced = _with_product(synced, product or "")
    down_since = None
    if now in definition.DOWN:
        down_since = at if is_again or was not in definition.DOWN else account.down_since
    if memory.known_since is None or kinds or step.gives_birth or memory.passes or product is None or reason:
        memory = _memory_after(account, event, step, kinds, down_since is None and window is None)
    if memory.session_noticed and signed_in_at != account.signed_in_at:
        memory = memory._replace(session_noticed=False)
    if memory.sync_missing_told and step.signs_in:
        memory = memory._replace(sync_missing_told=False)
    if event.provider is not None and (memory.disputed_provider is not None or event.provider != provider):
        memory = memory._replace(disputed_provider=_provider_after(account, event.provider)[1])
    after = Account(
        account.account_id,
        step.after,
        account.sequence + 1,
        now,
        provider,
        event.owner if account.owner is None else account.owner,
        since,
        stuck,
        presumed,
        _accepted(account.heard, step.announced, product, at, policy.retry_horizon),
        (),
        at,
        last_live_at,
        synced,
        window,
        signed_in_at,
        down_since,
        memory,
    )
    return after, changed


def _accepted(
    heard: tuple[Heard, ...], word: str, product: str | None, at: datetime, horizon: timedelta
) -> tuple[Heard, ...]:
    """Return what was heard once an announcement was accepted: without what is too old, and the announcement last."""
    new = Heard(word, product, at)
    if not heard:
        return (new,)
    begin = _earlier(at, horizon, None)
    kept = [entry for entry in heard if entry[2] > begin and (entry[0] != word or entry[1] != product)]
    kept.append(new)
    return tuple(kept[-MAX_HEARD:])


def _after_hearing(
    account: Account,
    event: StatusAnnounced | StatusObserved,
    verdict: Verdict,
    kinds: Sequence[AnomalyKind],
    policy: Policy,
) -> Account:
    """Return the account after an event that moved nothing: what was heard, when, and who told it."""
    at, word, heard, held = event.received_at, event.status, account.heard, account.held
    memory, last_live_at, signed_in_at = account.memory, account.last_live_at, account.signed_in_at
    if account.sequence == 0:
        memory = memory._replace(known_since=at)
    if isinstance(event, StatusObserved):
        if verdict is not _HELD or kinds or word == ABSENT:
            memory = _memory_of_observation(account, event, verdict, kinds, memory, policy)
        if verdict is _HELD or word == ABSENT:
            # Even of an observation that says nothing it is known when it was made: what is older is late.
            newest_at = at if account.newest_at is None else max(at, account.newest_at)
            return _one_later(account, memory, newest_at)
        if word == _OK:
            last_live_at = _later(last_live_at, at)
        if event.signed_in_at is not None and (signed_in_at is None or event.signed_in_at > signed_in_at):
            signed_in_at = event.signed_in_at
    elif account.account_id == NOBODY:
        recent = [e for e in heard if at - e.at < policy.retry_horizon and e.product != (event.owner or "")]
        heard = tuple([*recent, Heard(word, event.owner or "", at)][-MAX_FAILED:])
    else:
        product = event.product
        if verdict is _HELD:
            if AnomalyKind.UNEXPECTED_RECONNECT in kinds:
                entries = [e for e in heard if (e.status, e.product) != (word, product)]
                heard = tuple([*entries[:-1], Heard(word, product, at), *entries[-1:]][-MAX_HEARD:])
                signed_in_at = _later(signed_in_at, at)
            elif AnomalyKind.LATE_EVENT in kinds:
                heard = _refreshed(heard, word, product, at)
            held = (*[e for e in held if (e.status, e.product) != (word, product)], Heard(word, product, at))[
                -MAX_HELD:
            ]
        elif held and heard_within(held, word, product, at, policy.retry_horizon) is not None:
            held = (*[e for e in held if (e.status, e.product) != (word, product)], Heard(word, product, at))
        else:
            last = heard[-1] if heard else None
            is_last = last is not None and last.status == word and last.product == product
            if word == account.situation.status and is_life_again(word, is_last, policy):
                last_live_at = _later(last_live_at, at)
            heard = _refreshed(heard, word, product, at)
    provider, disputed = _provider_after(account, event.provider)
    if disputed != memory.disputed_provider:
        memory = memory._replace(disputed_provider=disputed)
    if memory.session_noticed and signed_in_at != account.signed_in_at:
        memory = memory._replace(session_noticed=False)
    return Account(
        account.account_id,
        account.situation,
        account.sequence + 1,
        account.health,
        provider,
        event.owner if account.owner is None else account.owner,
        account.since,
        account.stuck,
        account.presumed,
        heard,
        held,
        at,
        last_live_at,
        account.synced_products,
        account.blind_window,
        signed_in_at,
        account.down_since,
        memory,
    )


def _after_deadline(account: Account, event: DeadlinePassed, policy: Policy) -> tuple[Account, BlindWindow | None]:
    """Return the account after a deadline that was due."""
    at, last_live_at, down_since = event.received_at, account.last_live_at, account.down_since
    if event.kind is DeadlineKind.REMINDER:
        return _one_later(account, account.memory._replace(reminded=event.allowed), account.newest_at), None
    if event.kind is DeadlineKind.SESSION:
        return _one_later(account, account.memory._replace(session_noticed=True), account.newest_at), None
    presumed = not policy.ok_subscribed and _is_presumed(account.status, True, account.provider, policy)
    now = policy.table.source.healths[account.situation][True][last_live_at is not None][presumed]
    window, changed = account.blind_window, None
    if now is _LIVE:
        last_live_at = last_live_at or at
        if window is not None:
            changed = window.closed(at, recovered=True)
            window = None
    if now in definition.DOWN and account.health not in definition.DOWN:
        down_since = at
    after = replace(
        account,
        sequence=account.sequence + 1,
        health=now,
        stuck=True,
        presumed=presumed,
        last_live_at=last_live_at,
        blind_window=window,
        down_since=down_since,
    )
    return after, changed


def _one_later(account: Account, memory: Memory, newest_at: datetime | None) -> Account:
    """Return the account one event later, with what is remembered now; spelled out, for ``replace`` is slow."""
    return Account(
        account.account_id,
        account.situation,
        account.sequence + 1,
        account.health,
        account.provider,
        account.owner,
        account.since,
        account.stuck,
        account.presumed,
        account.heard,
        account.held,
        newest_at,
        account.last_live_at,
        account.synced_products,
        account.blind_window,
        account.signed_in_at,
        account.down_since,
        memory,
    )


def _provider_after(account: Account, announced: str | None) -> tuple[str | None, str | None]:
    """Return the provider in force after an account type was announced, and the one that disputes it."""
    known, disputed = account.provider, account.memory.disputed_provider
    if announced is None:
        return known, disputed
    if known is None or announced in (known, disputed):
        return announced, None
    return known, announced


def _is_presumed(status: Status, stuck: bool, provider: str | None, policy: Policy) -> bool:
    """Return whether an account counts as live although OK, which is not subscribed, was not announced."""
    if status in policy.table.source.presumed_live:
        return True
    is_quiet = policy.presumes_created or not policy.table.traits(provider).announces_sync
    return status is definition.BIRTH and stuck and is_quiet


def is_life_again(word: str, is_last: bool, policy: Policy) -> bool:
    """Return whether an announcement of the status that the account is in says that it lives.

    Where OK is not subscribed, RECONNECTED serves for it, as long as nothing was accepted since.
    """
    return word == _OK or (word == Status.RECONNECTED and is_last and not policy.ok_subscribed)


def heard_within(
    entries: tuple[Heard, ...], word: str, product: str, at: datetime, horizon: timedelta
) -> datetime | None:
    """Return when an announcement was last heard, if that was within the horizon."""
    for entry in entries:
        if entry.status == word and entry.product == product:
            return entry.at if at - entry.at < horizon else None
    return None


def _refreshed(heard: tuple[Heard, ...], word: str, product: str, at: datetime) -> tuple[Heard, ...]:
    """Return what was heard, with the time of an announcement that is in it, which keeps its place."""
    return tuple([Heard(word, product, at) if e.status == word and e.product == product else e for e in heard])


@lru_cache(maxsize=256)
def _with_product(synced: frozenset[str], product: str) -> frozenset[str]:
    return synced | {product}


def _memory_after(
    account: Account,
    event: StatusAnnounced | StatusObserved,
    step: Step,
    kinds: Sequence[AnomalyKind],
    is_over: bool,
) -> Memory:
    """Return what is remembered of rare things after an acceptance; ``is_over`` tells that no outage is left."""
    memory, at, reason = account.memory, event.received_at, ""
    is_again = AnomalyKind.MISSED_RECOVERY in kinds
    if type(event) is StatusAnnounced and step.is_loss:
        reason = event.reason
    if not reason and step.after.lost and account.lost:
        reason = memory.reason
    return Memory(
        memory.known_since or at,
        memory.born or (step.gives_birth and type(event) is StatusAnnounced),
        reason,
        AnomalyKind.POSSIBLY_STALE in kinds,
        memory.disputed_provider,
        at if is_again else None if is_over else memory.remind_from,
        timedelta(0) if is_again or is_over else memory.reminded,
        memory.session_noticed,
        None,
        memory.survival_told,
        memory.sync_missing_told,
    )


def _memory_of_observation(
    account: Account,
    event: StatusObserved,
    verdict: Verdict,
    kinds: Sequence[AnomalyKind],
    memory: Memory,
    policy: Policy,
) -> Memory:
    """Return what is remembered of rare things after an observation that moved nothing."""
    at = event.received_at
    if event.status == ABSENT:
        is_late = account.newest_at is not None and at < account.newest_at
        is_unsettled = account.since is not None and at - account.since < policy.settling
        if verdict is _HELD and not is_late and not is_unsettled and memory.absent_since is None:
            return memory._replace(absent_since=at)
        return memory
    if verdict is _HELD:
        return memory._replace(survival_told=memory.survival_told or AnomalyKind.NOT_DELETED in kinds)
    is_told = memory.sync_missing_told or AnomalyKind.SYNC_MISSING in kinds
    return memory._replace(absent_since=None, doubtful=False, sync_missing_told=is_told)


# ---- Blind windows -----------------------------------------------------------------------------------------------


def _follow_window(
    account: Account,
    event: StatusAnnounced | StatusObserved,
    step: Step,
    now: Health,
    adopted: bool,
    policy: Policy,
) -> tuple[BlindWindow | None, BlindWindow | None]:
    """Return the window that is open after an acceptance, and the one that it opened, changed or closed."""
    window, at, last_live_at = account.blind_window, event.received_at, account.last_live_at
    if window is not None:
        if now is _LIVE or now is _GONE:
            return None, window.closed(at, recovered=now is _LIVE)
        grown = window.with_cause(step.announced) if step.is_loss else window
        return grown, None if grown is window else grown
    sequence = account.sequence + 1
    if account.health is _LIVE and now is not _LIVE and now is not _GONE:
        if type(event) is StatusObserved and last_live_at is not None:
            opened_at = begins = min(last_live_at, at)
        else:
            opened_at, begins = at, _earlier(at, policy.delivery_margin, account.since)
        is_estimated = type(event) is StatusObserved
        window = BlindWindow(
            account.account_id, sequence, opened_at, begins, None, False, is_estimated, (step.announced,)
        )
        return window, window
    if adopted and now is not _LIVE and now is not _GONE:
        causes = (step.announced,) if step.is_loss else ()
        window = BlindWindow(account.account_id, sequence, at, None, causes=causes)
        return window, window
    memory = account.memory
    is_first = now is _LIVE and last_live_at is None
    if is_first and not memory.born and not step.gives_birth and memory.known_since is not None:
        begins = _earlier(memory.known_since, policy.delivery_margin, None)
        return None, BlindWindow(
            account.account_id, sequence, memory.known_since, begins, at, recovered=True, estimated=True
        )
    return None, None


def missed_outage(account: Account, after: Account, at: datetime) -> BlindWindow:
    """Return the window of an outage that nobody announced: somewhere between two proofs of life."""
    opened_at = min(account.last_live_at or at, at)
    return BlindWindow(account.account_id, after.sequence, opened_at, opened_at, at, recovered=True, estimated=True)


def _later(known: datetime | None, at: datetime) -> datetime:
    """Return the later of a moment that is known and another: what an account knows of time never moves backwards."""
    return at if known is None or at > known else known


def _earlier(at: datetime, length: timedelta, not_before: datetime | None) -> datetime:
    """Return the moment a length of time before another, but not before a third, nor before there were years."""
    try:
        earlier = at - length
    except OverflowError:
        earlier = _FIRST
    return earlier if not_before is None or earlier > not_before else min(not_before, at)

"""A delivery from plan to completion: claim it, call the hook in isolation, keep what became of it.

The way of a delivery:

1. **Plan.** The transaction that keeps an event makes a delivery of each of its effects for each hook that wants it and
   that the store knows, in whichever process it runs. Of a hook that became known later and is to be called for
   earlier events as well (``since``), workers make the deliveries of those, page by page.
2. **Claim.** A worker takes deliveries that are due under a lease (``leases``). That counts an attempt in advance, so
   that a hook which kills its process is out of attempts some day too. Of an ordered hook's deliveries for one
   account, its lane, only the first unfinished one can be claimed. A feed whose process has the hooks claims what it
   makes for them in its own transaction.
3. **Call.** The hook gets the account as it is now. Whatever it raises ends here, and is a failed attempt
   (``calling``).
4. **Complete.** Done, waiting (with a due time), dead or halted is written under the claim's fencing token. A refused
   completion means that the lease was lost to another worker, whose completion is the one that counts. What was
   claimed and not called is released: it waits as if it had not been claimed, and the attempt is given back.

Whoever finds a lease that has run out reaps it: a failed attempt of a worker that died. A call can therefore be made
again after it succeeded, if its completion could not be written: a hook is called at least once for each effect, under
one idempotency key.

A failed delivery waits for its backoff: nothing after the first failure, then 5 s, 20 s, 80 s ... up to 6 h, less up to
half of it, by a hash of key and attempt, so that what failed together does not come back together.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from threading import Thread, current_thread, main_thread
from typing import NamedTuple

from ..errors import logger
from ..intake.times import in_utc
from ..lifecycle.account import Account
from ..records import Claim, Completion, Delivery, DeliveryState, OnDead, TimeSource
from ..stores.protocol import Claiming, Store
from .calling import Calls, RunningCall
from .calls import HookCall, call_for
from .confirming import HEALED, Confirmation, Confirming
from .leases import LEASE, Leases
from .options import LONGEST_CALL
from .outcomes import Dead, Disable, RetryAt
from .registry import HookOutcome, HookRegistry, Subscription
from .tracebacks import Tracebacks

OUTBOX_PAGE = 100
"""How many events or deliveries are taken from the outbox at a time."""
ABANDONED = "its worker died or lost its lease"
"""Why a delivery failed whose lease has run out."""
FIRST_BACKOFF = timedelta(seconds=5)
"""The longest wait after the second failure; after the first there is none."""
BACKOFF_GROWTH = 4
"""How many times longer each further wait is."""
LONGEST_BACKOFF = timedelta(hours=6)
"""The longest wait of all."""
SHORTEST_PAUSE = timedelta(seconds=1)
"""The shortest pause that costs no attempt; without it, a hook could keep a worker busy with nothing."""


# ---- What becomes of a delivery: pure --------------------------------------------------------------------


def completed(delivery: Delivery, answer: object, now: datetime) -> Completion:
    """Return what becomes of a delivery whose hook returned ``answer``."""
    if isinstance(answer, RetryAt):
        return _retried(delivery, answer, now)
    if isinstance(answer, Dead):
        return _dead(delivery, in_words(answer.reason) or "the hook declared it dead", now)
    if isinstance(answer, Disable):
        return released(delivery, now, now, in_words(answer.reason) or "the hook disabled itself")
    return Completion(claim_of(delivery), DeliveryState.DONE, now)


def failed(delivery: Delivery, error: str, now: datetime, at: datetime | None = None) -> Completion:
    """Return what becomes of a delivery that failed: due again ``at`` a time, by default after its backoff, or dead
    after its last attempt.
    """
    if delivery.attempts >= delivery.hook.attempts_limit:
        return _dead(delivery, error, now)
    due_at = now + backoff(delivery.attempts, _jitter_key(delivery)) if at is None else at
    return Completion(claim_of(delivery), DeliveryState.WAITING, now, due_at, error)


def released(delivery: Delivery, now: datetime, due_at: datetime, error: str | None = None) -> Completion:
    """Return a delivery to those that wait, as if it had not been claimed: the attempt does not count.

    Without an ``error``, the one of the attempt before stays.
    """
    return Completion(claim_of(delivery), DeliveryState.WAITING, now, due_at, error, counts=False)


def _retried(delivery: Delivery, answer: RetryAt, now: datetime) -> Completion:
    try:
        at = None if answer.at is None else in_utc("RetryAt.at", answer.at)
    except (TypeError, ValueError) as wrong:
        return failed(delivery, in_words(wrong), now)
    reason = in_words(answer.reason) or "the hook asked to be called again"
    if answer.counts:
        return failed(delivery, reason, now, at)
    pause_ends = now + backoff(delivery.attempts + 1, _jitter_key(delivery)) if at is None else at
    return released(delivery, now, max(pause_ends, now + SHORTEST_PAUSE), reason)


def _dead(delivery: Delivery, error: str, now: datetime) -> Completion:
    is_halting = delivery.hook.on_dead is OnDead.HALT and delivery.hook.is_ordered
    state = DeliveryState.HALTED if is_halting else DeliveryState.DEAD
    return Completion(claim_of(delivery), state, now, None, error)


def backoff(attempt: int, key: str) -> timedelta:
    """Return the wait after the failure of an attempt (numbered from 1): the same for the same ``key`` and attempt."""
    if attempt < 2:
        return timedelta(0)
    exponent = min(attempt - 2, 16)  # the longest wait is reached long before
    longest = min(FIRST_BACKOFF * int(BACKOFF_GROWTH**exponent), LONGEST_BACKOFF)
    digest = sha256(f"{attempt} {key}".encode("utf-8", "surrogatepass")).digest()
    return longest * (0.5 + int.from_bytes(digest[:6]) / (2**48 - 1) / 2)


def _jitter_key(delivery: Delivery) -> str:
    return f"{delivery.hook.name} {delivery.row.key}"  # the hooks of one effect are spread as well


def claim_of(delivery: Delivery) -> Claim:
    """Return what proves that the delivery is one's own."""
    return Claim(delivery.delivery_id, delivery.token)


def in_words(reason: object) -> str:
    """Return somebody else's error or reason as text that can be stored, whatever it does when it is asked for it."""
    try:
        text = f"{type(reason).__name__}: {reason}" if isinstance(reason, BaseException) else str(reason)
    except Exception:
        text = f"{type(reason).__name__}, which has no text"
    return text.encode("utf-8", errors="backslashreplace").decode("utf-8")


# ---- Planning, claiming, calling, completing ---------------------------------------------------------------


class Called(NamedTuple):
    """A call that is over, and what is to be written of it."""

    outcome: HookOutcome
    completion: Completion
    disables: str | None = None
    """Why the hook is not to be called any more."""
    interrupt: KeyboardInterrupt | None = None
    """The user's Ctrl-C while the hook ran, which ends more than the call."""

    @property
    def ends_page(self) -> bool:
        """Return whether nothing that was claimed beside it may be called."""
        return self.disables is not None or self.interrupt is not None


class Deliverer:
    """Takes deliveries to the hooks of one registry. Safe to share between threads.

    ``longest`` is how long a call's lease is renewed.
    Raise ``StoreError`` from every method that reads or writes the store, if that cannot be used.
    """

    def __init__(
        self,
        store: Store,
        registry: HookRegistry,
        clock: TimeSource,
        lease: timedelta = LEASE,
        longest: timedelta = LONGEST_CALL,
        confirming: Confirming | None = None,
    ) -> None:
        self._store = store
        self._registry = registry
        self._clock = clock
        self._longest = longest
        self._leases = Leases(store, clock, lease, longest)
        self._calls = Calls(clock)
        self._confirming = confirming or Confirming(clock)
        self._tracebacks = Tracebacks(clock)
        self._hooks: dict[str, Subscription] = {}  # in the order of their registration

    @property
    def running(self) -> list[RunningCall]:
        """Return the calls that have not returned, oldest first."""
        return self._calls.running

    def overdue(self) -> list[Thread]:
        """Return the threads that wait for calls whose leases are renewed no more; each is returned once."""
        return self._calls.overdue(self._longest)

    def subscribe(self) -> None:
        """Make this process's hooks known to the store, if some are new."""
        subscriptions = tuple(self._registry.subscriptions)
        if len(subscriptions) != len(self._hooks):
            self._store.subscribe([subscription.terms for subscription in subscriptions], self._clock())
            self._hooks = {subscription.name: subscription for subscription in subscriptions}

    def reap(self) -> int:
        """Take deliveries whose leases have run out by now, of any hook, as failed attempts; return how many."""
        count, is_more, now = 0, True, self._clock()
        while is_more:
            expired = self._store.expired(now, OUTBOX_PAGE)
            completions = [failed(delivery, ABANDONED, now) for delivery in expired]
            taken = self._store.complete(completions) if expired else []
            for delivery, completion, is_taken in zip(expired, completions, taken, strict=True):
                if is_taken:
                    _log(delivery, completion)
            count += sum(taken)
            is_more = len(expired) == OUTBOX_PAGE and any(taken)
        return count

    def plan(self) -> int:
        """Make the deliveries of one page of what a hook that became known later missed, of the hooks of all processes;
        return how many events were looked through, 0 when no hook is behind."""
        return self._store.plan(self._clock(), OUTBOX_PAGE)

    def now(self) -> datetime:
        """Return the time by which deliveries are due."""
        return self._clock()

    def claiming(self) -> Claiming:
        """Return the wish to claim for this process's hooks what a feed is about to make; ``hold`` what it claimed."""
        return Claiming(self._names(asks=False), self._leases.until(), OUTBOX_PAGE)

    def claim(
        self,
        limit: int,
        account_ids: Sequence[str] | None = None,
        due_by: datetime | None = None,
        *,
        asks: bool = True,
    ) -> list[Delivery]:
        """Take at most ``limit`` deliveries that are due, by now or by an earlier time, of some accounts or of all.

        The hooks of one effect come in the order of their registration. Those that hang too often are left out, and
        unless it ``asks`` those that are to be confirmed.
        """
        return self.hold(
            self._store.claim(self._names(asks=asks), due_by or self._clock(), self._leases.until(), limit, account_ids)
        )

    def _names(self, *, asks: bool) -> list[str]:
        """Return the hooks of this process; not those that hang too often, nor, unless it ``asks``, the confirmed."""
        called = (name for name, hook in self._hooks.items() if asks or not hook.terms.is_confirmed)
        return [name for name in called if not self._calls.is_blocked(name)]

    def hold(self, claimed: Sequence[Delivery]) -> list[Delivery]:
        """Renew the leases of claimed deliveries from now on; return them in the order in which they are called."""
        self._leases.hold([claim_of(delivery) for delivery in claimed])
        places = {name: place for place, name in enumerate(self._hooks)}
        return sorted(claimed, key=lambda delivery: (delivery.row.effect_id, places[delivery.hook.name]))

    def accounts_of(self, deliveries: Sequence[Delivery]) -> dict[str, Account]:
        """Return the accounts that the deliveries are about as they are now, by id."""
        return self._store.accounts_by_id([delivery.row.account_id for delivery in deliveries])

    def call(self, delivery: Delivery, account: Account | None) -> Called:
        """Call the hook; return what became of that, whatever the hook returned or raised.

        One that is to be confirmed may be withdrawn or put off instead.
        """
        confirmation = self._confirming.look(delivery, account)
        call = call_for(delivery, confirmation.account, confirmation.is_confirmed)
        if confirmation.is_healed or confirmation.due_at is not None:
            completion = _not_called(delivery, confirmation, self._clock())
            _log(delivery, completion)
            return Called(_outcome(call, delivery, completion), completion)
        try:
            answer = self._calls.make(self._hooks[delivery.hook.name], call)
        except BaseException as error:
            completion = failed(delivery, in_words(error), self._clock())
            _log(delivery, completion, error=self._tracebacks.due(delivery.hook.name, error))
            is_main = current_thread() is main_thread()
            interrupt = error if isinstance(error, KeyboardInterrupt) and is_main else None
            return Called(_outcome(call, delivery, completion, error), completion, interrupt=interrupt)
        completion = completed(delivery, answer, self._clock())
        _log(delivery, completion, answer)
        disables = completion.error if isinstance(answer, Disable) else None
        return Called(_outcome(call, delivery, completion), completion, disables)

    def complete(
        self,
        called: Sequence[Called],
        uncalled: Sequence[Delivery] = (),
        due_by: datetime | None = None,
    ) -> list[HookOutcome]:
        """Write what became of calls, and release what was claimed and not called; return the calls' outcomes.

        What is released is due again by the time by which it was claimed, now by default.

        The claims are held all the while, and when ``StoreError`` is raised: ``complete`` again, or ``drop`` them.
        """
        completions = self._completions(called, uncalled, due_by)
        return self._outcomes(called, self._store.complete(completions) if completions else [])

    def complete_and_claim(
        self,
        called: Sequence[Called],
        uncalled: Sequence[Delivery],
        limit: int,
        account_ids: Sequence[str] | None,
        due_by: datetime,
        *,
        asks: bool = True,
    ) -> tuple[list[HookOutcome], list[Delivery]]:
        """Do both in one transaction, first ``complete`` and then ``claim``; return what both do."""
        completions, until = self._completions(called, uncalled, due_by), self._leases.until()
        names = self._names(asks=asks)
        written, claimed = self._store.complete_and_claim(completions, names, due_by, until, limit, account_ids)
        return self._outcomes(called, written), self.hold(claimed)

    def _completions(
        self, called: Sequence[Called], uncalled: Sequence[Delivery], due_by: datetime | None
    ) -> list[Completion]:
        now = self._clock()
        for each in called:
            if each.disables is not None:
                self._store.disable(each.outcome.hook, now, each.disables)
        completions = [each.completion for each in called]
        return completions + [released(delivery, now, due_by or now) for delivery in uncalled]

    def _outcomes(self, called: Sequence[Called], written: Sequence[bool]) -> list[HookOutcome]:
        outcomes = [
            each.outcome if is_written else self._lost(each)
            for each, is_written in zip(called, written, strict=False)  # the released ones follow
        ]
        for outcome in outcomes:
            for watcher in self._registry.watchers:
                watcher(outcome)
        return outcomes

    def drop(self, called: Sequence[Called], uncalled: Sequence[Delivery] = ()) -> None:
        """Renew the leases of these no more; what was not written is left to its lease."""
        self._leases.drop([*(each.completion.claim for each in called), *map(claim_of, uncalled)])

    def abandon(self) -> None:
        """Renew no leases any more; what still runs is left to them."""
        self._leases.abandon()

    def _lost(self, called: Called) -> HookOutcome:
        """Return the outcome of a call whose completion was refused, as its lease was lost to another worker."""
        why = self._leases.loss_of(called.completion.claim) or "its lease ran out"
        outcome = called.outcome
        logger().warning(
            "hook was too late: its lease was lost to another worker",
            hook=outcome.hook,
            key=outcome.call.key,
            attempt=outcome.call.attempt,
            token=outcome.call.token,
            error=why,
        )
        return outcome._replace(error=f"stale: {why}", state=DeliveryState.RUNNING, due_at=None)


def _not_called(delivery: Delivery, confirmation: Confirmation, now: datetime) -> Completion:
    """Return what becomes of a delivery that is withdrawn or put off after the vendor was asked."""
    if confirmation.due_at is not None:
        return released(delivery, now, confirmation.due_at, confirmation.why)
    return Completion(claim_of(delivery), DeliveryState.WITHDRAWN, now, None, HEALED, counts=False)


def _outcome(
    call: HookCall, delivery: Delivery, completion: Completion, error: BaseException | None = None
) -> HookOutcome:
    return HookOutcome(delivery.hook.name, call, completion.error, completion.state, completion.due_at, error)


_MESSAGES = {
    DeliveryState.WAITING: "hook failed; it is due again",
    DeliveryState.DEAD: "hook failed; it was dead-lettered",
    DeliveryState.HALTED: "hook failed; it was dead-lettered, and later calls for the account wait for a redrive",
}


def _log(delivery: Delivery, completion: Completion, answer: object = None, error: BaseException | None = None) -> None:
    """Log whatever is not simply done, as a line; ``error`` with its traceback below."""
    if completion.state is DeliveryState.DONE:
        return
    facts: dict[str, object] = {
        "hook": delivery.hook.name,
        "key": delivery.row.key,
        "attempt": delivery.attempts,
        "error": completion.error,
    }
    if isinstance(answer, Disable):
        logger().error("hook disabled itself; it waits to be enabled", **facts)
        return
    if completion.state is DeliveryState.WITHDRAWN:
        logger().info("hook is not called: what it was for is over", **facts)
        return
    if completion.due_at is not None:
        facts["due_at"] = str(completion.due_at)
    if completion.counts:
        logger().error(_MESSAGES[completion.state], **facts, exc_info=error)
    else:
        logger().info("hook pauses", **facts)

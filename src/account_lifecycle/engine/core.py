"""The engine: a payload goes in, an explained decision comes out.

``Engine`` stamps the time, reads the payload, has the store judge and keep it in one transaction, and then shows the
decision to the observers and runs the hooks. Everything else is asked of the store.

A deadline of the account that passed before an event is judged before it, always: its decision is kept,
observers and hooks get it like any other. So it does not matter when, or by whom, the clock is looked at.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property, partial
from inspect import isawaitable, iscoroutine
from itertools import groupby, islice
from pathlib import Path
from typing import Self

from ..errors import PayloadError, StoreError, logger
from ..hooks.callables import is_async
from ..hooks.confirming import AskVendor, Confirming
from ..hooks.delivery import in_words
from ..hooks.inline import Runner
from ..hooks.registry import HookOutcome, HookRegistry
from ..hooks.tracebacks import Tracebacks
from ..hooks.worker import STOP_S, Worker, is_ticking
from ..intake import arguments
from ..intake.archives import event_of
from ..intake.layouts import Received
from ..intake.payloads import Payload, parse
from ..intake.quarantine import Replayed, refusal, replay_quarantine
from ..intake.times import arrival, in_utc
from ..lifecycle.decide import Decision, decide, judge
from ..lifecycle.events import NOBODY, DeadlinePassed, Event, StatusAnnounced, StatusObserved
from ..lifecycle.policy import DEFAULT_POLICY, Policy
from ..lifecycle.rules import Rules, rules_of
from ..records import (
    Judge,
    Observer,
    Segment,
    TimeSource,
)
from ..stores.opening import open_store
from ..stores.protocol import Feed, Store
from ..stores.unpruned import Unpruned
from ..verify.record import Verification, verify
from ..verify.rejudge import Differences, against_definition
from ..verify.signing import SignedHead
from .answers import Answers
from .arrivals import Arrivals
from .batches import RefusedPayloads, events_in_body, in_batches
from .deadlines import passed_deadlines, redate
from .handover import Handover
from .known_hooks import KnownHooks
from .listed import Listed
from .observations import Observation, observed
from .telemetry import log_anomalies
from .waiting import WaitingCalls, refuse_old, waiting_calls

BATCH_SIZE = 1000
"""How many payloads ``feed_events`` commits at a time."""
MAX_THREADS = 1_000
"""How many threads of a runner may call hooks."""

utc_now = partial(datetime.now, UTC)
"""The present time: aware, UTC."""


class Engine(Answers, KnownHooks, HookRegistry):
    """The life-cycle engine over a store; ``Engine.open`` opens one by its URL.

    A context manager, which closes it. Every method may raise ``StoreError`` if the store cannot be used.
    """

    def __init__(
        self,
        store: Store,
        *,
        policy: Policy = DEFAULT_POLICY,
        clock: TimeSource = utc_now,
        observers: Sequence[Observer] = (),
    ) -> None:
        super().__init__(store.subscribed if store.is_lasting else None)
        self.store = store
        self.url: str | None = None
        """What ``open`` opened; None for a store that was handed in."""
        self.policy = policy
        self._judge: Judge = judge if policy == DEFAULT_POLICY else partial(judge, policy=policy)
        self._clock = clock
        self._arrivals = Arrivals()
        self._listed = Listed(store, self._judge)
        self._observers = tuple(observers)
        for observer in self._observers:
            if is_async(observer):
                raise arguments.refuse("observers", observer, "functions that are not async: nobody awaits them")
        self._tracebacks = Tracebacks(clock)
        self._confirming = Confirming(clock, policy.confirm_within)
        self._runner = Runner(store, self, clock, confirming=self._confirming)
        self._worker: Worker | None = None
        self._handover = Handover()

    @classmethod
    def open(
        cls,
        url: str,
        *,
        policy: Policy = DEFAULT_POLICY,
        clock: TimeSource = utc_now,
        observers: Sequence[Observer] = (log_anomalies,),
    ) -> Self:
        """Open an engine on a store: ``memory:``, ``sqlite:///FILE``, which is made if it is not there, or
        ``postgresql://USER@HOST/DATABASE``, a database that is there, in which tables are made if need be.

        ``sqlite:///accounts.db`` is relative to the working directory, ``sqlite:////var/lib/accounts.db``
        is absolute. A ``postgresql:`` URL is libpq's, with all its parameters, and needs the extra
        ``account-lifecycle[postgres]``. By default every anomaly is logged. Use it as a context manager, or close
        it. Raise ``ConfigurationError`` for a URL that names no store and ``StoreError`` for one that cannot
        be opened.
        """
        arguments.text("url", url)
        if not isinstance(policy, Policy):
            raise arguments.refuse("policy", policy, "a Policy")
        arguments.called("clock", clock)
        for observer in arguments.many("observers", observers, "observers"):
            arguments.called("observers", observer)
        engine = cls(open_store(url), policy=policy, clock=clock, observers=observers)
        engine.url = url
        return engine

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self, timeout_s: float | None = STOP_S) -> None:
        """Finish what was handed over by ``afeed_…``, stop the runner if one was started, and release the store.

        Both are waited for until ``timeout_s`` seconds are over (None: for as long as it takes). What runs on is
        logged; a call that does is made again, by the worker that takes it over once its lease has run out. Closing
        twice is harmless.
        """
        arguments.maybe(arguments.waiting_time, "timeout_s", timeout_s)
        ends_s = None if timeout_s is None else time.monotonic() + timeout_s
        self._handover.finish(timeout_s)
        self.stop_runner(timeout_s=None if ends_s is None else max(0.0, ends_s - time.monotonic()))
        if self._worker is not None:
            self._worker.abandon()
        self.store.close()

    def now(self) -> datetime:
        """Return the time by the engine's clock."""
        return self._clock()

    # ---- Feeding ---------------------------------------------------------------------------------

    def feed_event(self, payload: Payload, *, received_at: datetime | None = None) -> Decision:
        """Feed one payload: judge it, keep it, run its hooks; return the decision.

        ``received_at`` (aware) is when it arrived; now, unless you replay a log: and then never before the newest event
        of its account, so that clocks that differ cannot make news old. When this returns, the event is committed, and
        so are deadlines that passed before it, which observers and hooks are told of too. Raise ``PayloadError`` for a
        payload that cannot be read, after its bytes were put into the quarantine; ``ConfigurationError`` for a
        ``received_at`` that is naive or more than a day in the future; and ``StoreError`` if the store cannot be
        written: then nothing was kept, and the payload may be fed again.
        """
        now = self._clock()
        at = now if received_at is None else arrival("received_at", received_at, now)
        try:
            event = parse(payload, at)
        except PayloadError as error:
            self._quarantine([(error, at)])
            raise
        return self._advance((event,), now, is_live=received_at is None)[-1]

    def feed_body(self, body: bytes, headers: Mapping[str, str] | None = None) -> list[Decision]:
        """Feed all that is in the body of a request, now and in one transaction; return a decision for each event.

        ``headers``: see ``intake.bodies.read_body``. Raise ``PayloadError`` if any of it cannot be read, after that was
        put into the quarantine and the rest was fed; ``UnreadablePayloads``, which is one, if several cannot.
        """
        now = self._clock()
        events, refusals = events_in_body(body, headers, now)
        decisions = self._advance(events, now, is_live=True) if events else []
        if refusals:
            self._quarantine(refusals)
            if len(refusals) == 1:
                raise refusals[0][0]
            unreadable = RefusedPayloads()
            for error, _ in refusals:
                unreadable.add(error)
            unreadable.raise_any()
        return [each for each in decisions if isinstance(each.event, StatusAnnounced)]

    async def afeed_event(self, payload: Payload, *, received_at: datetime | None = None) -> Decision:
        """Feed one payload as ``feed_event`` does, in a thread, while the event loop goes on.

        If the task that awaits this is cancelled, the payload is fed all the same.
        """
        return await self._handover.call(partial(self.feed_event, payload, received_at=received_at))

    async def afeed_body(self, body: bytes, headers: Mapping[str, str] | None = None) -> list[Decision]:
        """Feed the body of a request as ``feed_body`` does, in a thread; a cancelled request is fed all the same."""
        return await self._handover.call(partial(self.feed_body, body, headers))

    def feed_events(
        self,
        payloads: Iterable[Payload | Received],
        *,
        batch_size: int = BATCH_SIZE,
        on_unreadable: Callable[[PayloadError], object] | None = None,
        deadlines: bool = False,
    ) -> Iterator[Decision]:
        """Feed many payloads, one transaction for each batch; yield a decision for each that can be read.

        Deadlines that passed before one are judged before it: observers and hooks are told of these decisions, which
        are yielded, too, if ``deadlines`` is true. Iterate over the result, or nothing is fed. A decision is yielded
        after its batch is committed. Payloads that cannot be read are put into the quarantine and do not stop the feed:
        each error is passed to ``on_unreadable``; without that, one ``UnreadablePayloads`` is raised at the end. If
        ``payloads`` itself raises an error, or has something in it that is no payload or was received at no possible
        time (``ConfigurationError``), what was taken from it before is fed first.
        """
        arguments.many("payloads", payloads, "payloads")
        arguments.count("batch_size", batch_size)
        arguments.maybe(arguments.called, "on_unreadable", on_unreadable)
        return self._feed(payloads, batch_size, on_unreadable, deadlines)

    def _feed(
        self,
        payloads: Iterable[Payload | Received],
        batch_size: int,
        on_unreadable: Callable[[PayloadError], object] | None,
        deadlines: bool,
    ) -> Iterator[Decision]:
        unreadable = RefusedPayloads()
        for batch in in_batches(self._dated(payloads), batch_size):
            events: list[tuple[Event, bool]] = []
            refusals: list[tuple[PayloadError, datetime]] = []
            for payload, at, is_live, now in batch:  # noqa: B007 - the last is when all of them are fed
                try:
                    events.append((event_of(payload, at), is_live))
                except PayloadError as error:
                    refusals.append((error, at))
            if refusals:
                self._quarantine(refusals)
            decisions: list[Decision] = []
            for is_live, together in groupby(events, key=lambda each: each[1]):
                fed = self._advance([event for event, _ in together], now, is_live=is_live)
                decisions += [each for each in fed if not (is_live and isinstance(each.event, StatusObserved))]
            for refused, _ in refusals:
                (on_unreadable or unreadable.add)(refused)
            yield from (d for d in decisions if deadlines or not isinstance(d.event, DeadlinePassed))
        unreadable.raise_any()

    def _dated(
        self, payloads: Iterable[Payload | Received]
    ) -> Iterator[tuple[Payload | Event, datetime, bool, datetime]]:
        """Yield each payload with the time of its arrival, and whether that is now, and now."""
        for item in payloads:
            now = self._clock()
            payload, given = (item.payload, item.received_at) if isinstance(item, Received) else (item, None)
            if not isinstance(item, Received) or not isinstance(payload, Event):
                arguments.require_payload(payload)
            yield payload, now if given is None else arrival("received_at", given, now), given is None, now

    def _advance(
        self, events: Sequence[Event], now: datetime, *, is_live: bool = False, quiet: bool = False
    ) -> list[Decision]:
        """Judge and keep events, then tell of what was decided; ``is_live``: they were stamped by the clock now."""
        judge = self._judge
        if is_live:
            self._listed.look(events, now)
            judge = partial(self._arrivals.judge, judge=self._listed.judge)
        return self._follow_through(Feed(events, judge, self._rules, quiet=quiet, now=now, policy=self.policy))

    def _follow_through(self, feed: Feed) -> list[Decision]:
        """Judge and keep events, then call the observers and run the hooks, or have the runner do that."""
        if self.subscriptions:
            self._runner.subscribe()  # what is fed from now on is theirs
        is_left = is_ticking.get() or (self._worker is not None and self._worker.is_running)
        is_inline = bool(self.subscriptions) and not is_left
        claiming = self._runner.claiming() if is_inline and not feed.quiet else None
        fed = self.store.feed(feed._replace(claiming=claiming))
        try:
            self._show(fed.decisions)
        except BaseException:  # an observer was interrupted
            self._runner.release(fed.claimed)
            raise
        if claiming is not None:
            try:
                self._runner.run_fed(fed)
            except StoreError as error:  # the events are committed all the same, with their deliveries
                logger().error(
                    "hooks could not be run; they are due under run_hooks()",
                    error=in_words(error),
                    exc_info=self._tracebacks.due("store", error),
                )
        elif self._worker is not None:
            self._worker.nudge()
        return fed.decisions

    @cached_property
    def _rules(self) -> Rules:
        """What events are judged by, as it is kept with them."""
        return rules_of(self.policy)

    def _quarantine(self, refusals: Sequence[tuple[PayloadError, datetime]]) -> None:
        """Put what could not be read, and when it arrived, into the quarantine, and number the errors."""
        rows = [refusal(error, at) for error, at in refusals]
        for (error, _), number in zip(refusals, self.store.quarantine(rows), strict=True):
            error.quarantine_id = number

    def _show(self, decisions: Sequence[Decision]) -> None:
        """Call the observers. Nothing here can undo the feed."""
        for decision in decisions:
            for observer in self._observers:
                try:
                    if isawaitable(answer := observer(decision)):
                        if iscoroutine(answer):
                            answer.close()
                        raise TypeError("it returned what nobody awaits; expected a function that does its work itself")
                except KeyboardInterrupt:
                    raise
                except BaseException as error:  # nothing that an observer raises may keep hooks from running
                    name = getattr(observer, "__qualname__", type(observer).__qualname__)
                    facts = {"observer": name, "account_id": decision.after.account_id, "error": in_words(error)}
                    logger().error("observer failed", **facts, exc_info=self._tracebacks.due(f"observer {name}", error))

    # ---- Deadlines -------------------------------------------------------------------------------

    def check_deadlines(self, now: datetime | None = None) -> list[Decision]:
        """Look at the clock; return a decision for each deadline that has passed and was not told yet.

        There are three kinds: a transient status has lasted too long (STUCK), an account is still down, a session
        ends soon. Each is told once, dated at the moment it passed, however late somebody looks. ``now`` (aware)
        defaults to the clock.
        """
        now = self._clock() if now is None else in_utc("now", now)
        redate(self.store, self.policy, self._clock())
        due = passed_deadlines(self.store, self.policy, now, self._arrivals.moment)
        found: list[Decision] = []
        while batch := list(islice(due, BATCH_SIZE)):
            found += self._advance(batch, self._clock())
        return found

    # ---- Observations ----------------------------------------------------------------------------

    def observe(
        self,
        account_id: str,
        status: str | Iterable[str],
        *,
        observed_at: datetime | None = None,
        provider: str | None = None,
        owner: str | None = None,
        signed_in_at: datetime | None = None,
    ) -> Decision:
        """Feed what the vendor's list of accounts says of one; return the decision.

        ``status`` is OK, CONNECTING, CREDENTIALS, PERMISSIONS, ERROR or STOPPED, or the words of all its sources, of
        which the worst counts; or ABSENT, if the list does not have it. ``observed_at`` (aware) is when the list was
        read, now by default; ``signed_in_at`` (aware) when its user last signed in, if the list tells. Where the list
        agrees with what was announced, the verdict is CONFIRMED; a true difference is told once, as DRIFT. Raise
        ``ConfigurationError``, which is a ``ValueError``, for another word.
        """
        observation = Observation(account_id, status, observed_at, provider, owner, signed_in_at)
        now = self._clock()
        return self._advance((observed(observation, now),), now, is_live=observed_at is None)[-1]

    def observe_all(self, observations: Iterable[Observation], *, silent: bool = False) -> list[Decision]:
        """Feed what the vendor's list says of many accounts; return a decision for each, in their order.

        One transaction for each thousand. ``silent`` is for the first import of a whole fleet: no hook ever hears of
        it, whenever it is registered. If one cannot be read, ``ConfigurationError`` is raised, and nothing of its
        thousand, nor of those after it, is kept.
        """
        rest, found = iter(arguments.many("observations", observations, "observations")), list[Decision]()
        while batch := list(islice(rest, BATCH_SIZE)):
            now = self._clock()
            events = [(observed(each, now), each.observed_at is None) for each in batch]
            for is_live, together in groupby(events, key=lambda each: each[1]):
                found += self._advance([event for event, _ in together], now, is_live=is_live, quiet=silent)
        return [decision for decision in found if not isinstance(decision.event, DeadlinePassed)]

    # ---- Hooks: registered by the methods on_…, which HookRegistry has -----------------------------

    def run_hooks(self, *, ask: AskVendor | None = None) -> list[HookOutcome]:
        """Run every hook that is due, also for earlier events that one is called for since it became known.

        Feeding runs the hooks of its own event already; this is for what failed or has dwelt, or what a process that
        had no hooks or crashed has left. Return what happened, in order. ``ask``: see ``start_runner``.
        """
        self._confirming.ask = arguments.maybe(arguments.called, "ask", ask) or self._confirming.ask
        return self._runner.run_due()

    def waiting_calls(self) -> list[WaitingCalls]:
        """Return what waits for each hook of this process, and how much of it is older than an hour; call nothing."""
        return waiting_calls(self.store, (each.terms for each in self.subscriptions), self._clock())

    def start_runner(
        self, *, threads: int = 4, poll_s: float = 1.0, catch_up: bool = True, ask: AskVendor | None = None
    ) -> Worker:
        """Run hooks in threads of their own from now on; feeding then returns without waiting for them.

        The runner looks for what is due every ``poll_s`` seconds, and at once after a feed of this process. It looks
        for deadlines that have passed at once, and then every minute of the engine's clock. Register the hooks first.
        Closing the engine stops it; calls that are running are waited for, for a time.

        ``ask`` asks the vendor for an account before hooks with ``confirm=True`` are called, as ``vendor.asking``
        does.

        With ``catch_up=False`` raise ``ConfigurationError`` if a hook would be called for what is older than an hour,
        and start nothing. By default such calls are made: what receives webhooks has to start in any case.
        """
        arguments.count("threads", threads, most=MAX_THREADS)
        arguments.seconds("poll_s", poll_s)
        arguments.instance("catch_up", catch_up, bool)
        self._confirming.ask = arguments.maybe(arguments.called, "ask", ask) or self._confirming.ask
        if self._worker is None or not self._worker.is_running:
            if not catch_up:
                refuse_old(self.waiting_calls())
            clock, tick, asks = self._clock, self.check_deadlines, self._confirming
            self._worker = Worker(self.store, self, clock, threads=threads, poll_s=poll_s, tick=tick, confirming=asks)
        return self._worker

    def stop_runner(self, *, timeout_s: float | None = STOP_S) -> bool:
        """Stop the runner that ``start_runner`` started, as ``Worker.stop`` does; harmless if there is none.

        Return False if something still runs after ``timeout_s`` seconds; each call that does is logged.
        """
        arguments.maybe(arguments.waiting_time, "timeout_s", timeout_s)
        is_over = self._worker is None or self._worker.stop(timeout_s)
        if is_over:
            self._worker = None
        return is_over

    # ---- The record ------------------------------------------------------------------------------

    def verify(
        self, *, archives: Iterable[Path] = (), expect_head: str | None = None, signed: Iterable[SignedHead] = ()
    ) -> Verification:
        """Prove the record: the chain, and that judging the ledger again gives exactly what is stored.

        ``archives`` are the files of earlier prunes, which are proved too, with what the ledger goes on from;
        ``expect_head`` is a head that was noted down (``Verification.head``), which has to be in the ledger, and
        so do those that were ``signed``.

        Others may feed meanwhile. ``is_proved`` is the answer. If it is False, either something does not hold
        (``is_intact``, ``first``), or events could not be judged again (``not_judged``).
        """
        files = [arguments.file_path("archives", each) for each in arguments.many("archives", archives, "paths")]
        head = arguments.maybe(arguments.text, "expect_head", expect_head)
        heads = [arguments.instance("signed", each, SignedHead) for each in arguments.many("signed", signed, "heads")]
        return verify(self.store, archives=files, expect_head=head, signed=heads, policy=self.policy)

    def verify_against_definition(self) -> Differences:
        """Return what today's rules and this engine's policy would decide differently about every event ever fed."""
        return against_definition(self.store, partial(decide, policy=self.policy), self._rules.name)

    def erase_account(self, account_id: str) -> int:
        """Erase an account's payloads, owners and the vendor's reasons for good; return how many payloads.

        Its events stay, with digests in place of what was erased, so that the ledger still verifies.
        """
        account_id = arguments.account_id("account_id", account_id)
        return self.store.erase(account_id, self._clock()) if account_id != NOBODY else 0

    def replay_quarantine(self, quarantine_ids: Sequence[int] | None = None) -> list[Replayed]:
        """Feed what can be read by now of the quarantine, each payload once; None means all of it."""
        asked = arguments.maybe(arguments.numbers, "quarantine_ids", quarantine_ids)
        return replay_quarantine(self.store.quarantined, self._advance_released, asked)

    def dismiss_quarantined(self, quarantine_ids: Sequence[int]) -> int:
        """Mark payloads as seen and done with: they are kept, not tried again unless named; return how many were."""
        return self.store.dismiss(arguments.numbers("quarantine_ids", quarantine_ids), self._clock())

    def _advance_released(self, event: Event, quarantine_id: int) -> Decision:
        """Feed an event from the quarantine, which is marked in the same transaction."""
        released, now = (quarantine_id,), self._clock()
        feed = Feed((event,), self._judge, self._rules, released, now, now=now, policy=self.policy)
        return self._follow_through(feed)[-1]

    def prune(self, until: datetime, archive: Path) -> Segment | None:
        """Archive the events received before ``until`` (aware) in a file and take them out of the store.

        Accounts, open windows and whatever a hook still waits for stay, and the ledger still verifies, from
        the archive's last digest on. Return None if there was nothing to take out.
        """
        return self.store.prune(in_utc("until", until), arguments.file_path("archive", archive), self._clock())

    def unpruned(self, until: datetime) -> Unpruned:
        """Return how many events before ``until`` (aware) a prune up to it leaves in the store, and what holds them."""
        return self.store.unpruned(in_utc("until", until))

"""Hooks under fire: workers are killed, or stopped for longer than their lease; receivers fail; one hook is poison.

No delivery may be lost, those of one lane must be completed in the order of the events, a worker that lost its lease
must be refused, and every attempt after the first must have a cause: a failure, or an interrupted worker. The
poison must be dead-lettered after exactly its attempts.
"""

import argparse
import os
import signal
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random
from typing import NamedTuple

from account_lifecycle import Engine, HookCall, RetryAt
from account_lifecycle.engine.core import utc_now
from account_lifecycle.hooks.worker import Worker
from account_lifecycle.lifecycle.definition import LOSSES, PROVES_LIFE
from account_lifecycle.lifecycle.effects import EffectKind
from account_lifecycle.records import DeliveryFilter, DeliveryRecord, DeliveryState

from .attempts import Attempts
from .processes import Say, fork, halt, kill, reporting, resume, wait_until
from .report import Report, conclude, silence_logs
from .sites import STORES, Site, opened_site
from .webhooks import names

LEASE_S = 0.8
WORKERS = 5
NAMES = ("mail", "page", "backfill")
POISON = "poison"
BUSY_S = 3.0
"""How long to wait for a worker with an attempt in progress, in seconds."""
SETTLED_S = 300.0
"""How long the last waits may take, in seconds."""
ATTEMPTS = 100
"""Of the other hooks: more than can be spent on workers that are killed."""


class Plan(NamedTuple):
    """The size of a run on one kind of store."""

    store: str
    rounds: int = 10
    accounts: int = 4
    events: int = 25
    """How many for each account; each makes one delivery for each of the hooks."""
    kills: int = 10
    stops: int = 3
    longest_call_s: float = 0.06
    poison_attempts: int = 3
    threads: int = 3
    """Of each worker: so many attempts are lost with it, and what was lost thrice waits for minutes."""
    seed: int = 1


STOPS_THAT_COUNT = 8
"""One that is stopped need not be refused: it may be killed when it wakes, or wake between two calls."""

LONG = tuple(Plan(store) for store in STORES)
SHORT = tuple(
    plan._replace(rounds=1, kills=3, stops=2, longest_call_s=0.02, poison_attempts=2, threads=1) for plan in LONG
)


def main(arguments: Sequence[str]) -> int:
    """Run the campaign with options of the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="campaigns hooks", description=__doc__)
    parser.add_argument("--short", action="store_true", help="the size that the test suite runs")
    parser.add_argument("--store", choices=STORES, help="one kind of store only")
    parser.add_argument("--rounds", type=int, help=f"how many times everything (default {LONG[0].rounds})")
    parser.add_argument("--seed", type=int, default=1, help="for other chances than usual")
    options = parser.parse_args(arguments)
    silence_logs()
    plans = [plan for plan in (SHORT if options.short else LONG) if options.store in (None, plan.store)]
    asked = [plan._replace(rounds=options.rounds or plan.rounds, seed=options.seed) for plan in plans]
    return max([conclude(run(plan)) for plan in asked])


def run(plan: Plan) -> Report:
    """All rounds, on one kind of store."""
    title, counts, broken = f"hooks under fire, {plan.store}", Counter[str](), list[str]()
    started_s = time.monotonic()
    with opened_site(plan.store, own_server=False) as site:
        if isinstance(site, str):
            return Report(title, {}, skipped=site)
        for number in range(plan.rounds):
            broken += Round(plan, site, Random(plan.seed * 1000 + number), counts).run()
    if plan.rounds * plan.stops >= STOPS_THAT_COUNT and not counts["completions refused as stale"]:
        broken.append("workers were stopped past their lease, and yet no completion was refused")
    figures: dict[str, object] = {**counts, "seconds": f"{time.monotonic() - started_s:.0f}"}
    return Report(title, figures, tuple(broken))


# ---- A worker ----------------------------------------------------------------------------------------


class Orders(NamedTuple):
    """The parameters of a worker."""

    url: str
    log: Path
    plan: Plan


def work(orders: Orders) -> None:
    """Run hooks until killed, and report every attempt."""
    with reporting(orders.log) as say, Engine.open(orders.url, observers=()) as engine:
        register(engine, _Receiver(say, orders.plan), orders.plan.poison_attempts)
        lease = timedelta(seconds=LEASE_S)
        worker = Worker(engine.store, engine, utc_now, threads=orders.plan.threads, poll_s=0.05, lease=lease)
        refused = 0
        while True:
            time.sleep(0.02)
            for _ in range(worker.counts.get(DeliveryState.RUNNING, 0) - refused):
                say("stale")
                refused += 1


def register(engine: Engine, receiver: "_Receiver", poison_attempts: int) -> None:
    """The hooks: all of one kind, and the poison."""
    for name in NAMES:
        engine.subscribe(EffectKind.ENTERED, None, receiver.named(name), name, attempts=ATTEMPTS, since="beginning")
    engine.subscribe(
        EffectKind.CONNECTED, None, receiver.named(POISON), POISON, attempts=poison_attempts, since="beginning"
    )


class _Receiver:
    """The receiver that the hooks call: slow, and sometimes failing."""

    def __init__(self, say: Say, plan: Plan) -> None:
        self._say = say
        self._plan = plan

    def named(self, name: str) -> "_NamedHook":
        return _NamedHook(self, name)

    def take(self, name: str, call: HookCall) -> object:
        """One attempt."""
        facts = (os.getpid(), name, call.account_id, call.sequence, call.token)
        random = Random(f"{self._plan.seed} {name} {call.key} {call.token}")
        self._say("begun", *facts)
        if name == POISON:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(random.uniform(0, self._plan.longest_call_s))
        if random.random() < 0.15:
            self._say("failed", *facts)
            if call.attempt == 1:
                raise RuntimeError("the receiver does not answer")
            return RetryAt(datetime.now(UTC) + timedelta(milliseconds=20), "the receiver asks for patience")
        self._say("done", *facts)
        return None


class _NamedHook:
    """A hook with the name it is registered under."""

    def __init__(self, receiver: _Receiver, name: str) -> None:
        self._receiver = receiver
        self._name = name

    def __call__(self, call: HookCall) -> object:
        return self._receiver.take(self._name, call)


# ---- The supervisor ----------------------------------------------------------------------------------


class Round:
    """One store, its workers, and what happens to them."""

    def __init__(self, plan: Plan, site: Site, random: Random, counts: Counter[str]) -> None:
        self._plan = plan
        self._site = site
        self._random = random
        self._counts = counts
        self._url = site.new_store()
        self._log = site.new_folder() / "attempts"
        self._interrupted: set[int] = set()
        self._stopped: dict[int, float] = {}  # by place among the workers, when to go on
        self._workers: list[BaseProcess] = []

    def run(self) -> list[str]:
        """Feed, interrupt, wait, judge; every promise that was found broken."""
        self._feed(0)
        self._workers = [self._start() for _ in range(WORKERS)]
        try:
            self._interrupt_all()
            is_over = self._wait()
        finally:
            for worker in self._workers:
                kill(worker)
        broken = self._judge()
        if not is_over:
            broken.insert(0, f"not everything was completed within {SETTLED_S:g} s")
        self._site.drop(self._url)
        return broken

    def _feed(self, part: int, parts: int = 5) -> None:
        """A share of the events: each moves its account, so each is an effect for all hooks."""
        with Engine.open(self._url, observers=()) as engine:
            for number in range(part, self._plan.events, parts):
                for account_id in names("account", self._plan.accounts):
                    word = str(
                        LOSSES[number // parts % len(LOSSES)] if self._is_live(engine, account_id) else PROVES_LIFE
                    )
                    status = {"account_id": account_id, "account_type": "LINKEDIN", "message": word}
                    engine.feed_event({"AccountStatus": status})

    @staticmethod
    def _is_live(engine: Engine, account_id: str) -> bool:
        account = engine.account(account_id)
        return account is not None and account.status is PROVES_LIFE

    def _start(self) -> BaseProcess:
        return fork(work, Orders(self._url, self._log, self._plan))

    # ---- Interruptions

    def _interrupt_all(self) -> None:
        interruptions = ["kill"] * self._plan.kills + ["stop"] * self._plan.stops
        self._random.shuffle(interruptions)
        fed = 1
        for number, interruption in enumerate(interruptions):
            if number * 4 // len(interruptions) >= fed - 1 and fed < 5:
                self._feed(fed)
                fed += 1
            self._tend(self._random.uniform(0.02, 0.2))
            wait_until(lambda interruption=interruption: self._interrupt(interruption), BUSY_S)  # type: ignore[misc]
        for part in range(fed, 5):
            self._feed(part)

    def _interrupt(self, interruption: str) -> bool:
        """Interrupt a worker that has an attempt in progress; return False if there is none."""
        busy = self._busy()
        if not busy:
            return False
        place = self._random.choice(busy)
        return self._kill(place) if interruption == "kill" else self._stop(place)

    def _kill(self, place: int) -> bool:
        victim = self._workers[place]
        assert victim.pid is not None
        self._interrupted.add(victim.pid)
        kill(victim)
        self._counts["workers killed"] += 1
        return True

    def _stop(self, place: int) -> bool:
        """Stop a worker for longer than its lease, if it still has an attempt in progress then."""
        victim = self._workers[place]
        assert victim.pid is not None
        halt(victim)
        if place not in self._busy():
            if victim.is_alive():  # its own hook may have ended it right before it was stopped
                resume(victim)
            return False
        self._interrupted.add(victim.pid)
        self._stopped[place] = time.monotonic() + LEASE_S * 2
        self._counts["workers stopped past their lease"] += 1
        return True

    def _busy(self) -> list[int]:
        """Return the running workers that have an attempt in progress, by place."""
        in_hand = Attempts.read(self._log).in_hand
        alive = [place for place, worker in enumerate(self._workers) if worker.is_alive() and worker.pid in in_hand]
        return [place for place in alive if place not in self._stopped]

    def _tend(self, length_s: float) -> None:
        """Let some time pass, let stopped workers go on when it is time, replace those that died."""
        ends_s = time.monotonic() + length_s
        while True:
            self._resume_due()
            for place, worker in enumerate(self._workers):
                if not worker.is_alive():
                    self._replace_dead(place, worker)
            if time.monotonic() >= ends_s:
                return
            time.sleep(0.01)

    def _resume_due(self) -> None:
        for place in [place for place, at_s in self._stopped.items() if at_s <= time.monotonic()]:
            del self._stopped[place]
            if self._workers[place].is_alive():
                resume(self._workers[place])

    def _replace_dead(self, place: int, worker: BaseProcess) -> None:
        worker.join()
        assert worker.pid is not None
        self._stopped.pop(place, None)  # it was stopped when it was dying already
        if worker.pid not in self._interrupted:
            self._interrupted.add(worker.pid)
            self._counts["workers killed by the poison"] += 1
        self._workers[place] = self._start()

    def _wait(self) -> bool:
        """Until nothing is on its way any more; whether that came."""
        ends_s = time.monotonic() + SETTLED_S
        while time.monotonic() < ends_s:
            self._tend(0.2)
            if not self._stopped and not self._unfinished():
                self._tend(0.3)  # for stopped workers to report that they were refused
                return True
        return False

    def _unfinished(self) -> int:
        with Engine.open(self._url, observers=()) as engine:
            states = [record.state for record in engine.store.deliveries(DeliveryFilter())]
            over = (DeliveryState.DONE, DeliveryState.DEAD)
            return engine.store.waiting_effects() + sum(state not in over for state in states)

    # ---- Judging

    def _judge(self) -> list[str]:
        attempts = Attempts.read(self._log)
        with Engine.open(self._url, observers=()) as engine:
            records = list(engine.store.deliveries(DeliveryFilter()))
            verification = engine.verify()
        broken = [] if verification.is_intact else [f"verify: {verification.first}"]
        broken += [*self._unsettled(records), *_badly_poisoned(records, self._plan)]
        inversions, unexplained = attempts.inversions(), attempts.unexplained(self._interrupted)
        self._count(attempts, records, len(inversions))
        return [*broken, *inversions, *unexplained, *attempts.backward_tokens(self._interrupted)]

    def _unsettled(self, records: Sequence[DeliveryRecord]) -> list[str]:
        """Deliveries that should be there and be done, and are not."""
        own = [record for record in records if not record.hook.endswith(f":{POISON}")]
        expected = self._plan.accounts * self._plan.events * len(NAMES)
        lost = [f"delivery {r.delivery_id} of {r.hook} is {r.state}" for r in own if r.state is not DeliveryState.DONE]
        self._counts["deliveries"] += len(own)
        self._counts["lost"] += len(lost) + expected - len(own)
        return lost if len(own) == expected else [f"{len(own)} deliveries instead of {expected}", *lost]

    def _count(self, attempts: Attempts, records: Sequence[DeliveryRecord], inversions: int) -> None:
        self._counts["lanes"] = self._plan.accounts * len(NAMES)
        self._counts["poison dead-lettered"] += sum(record.state is DeliveryState.DEAD for record in records)
        self._counts["calls"] += attempts.begun
        self._counts["calls that failed"] += attempts.failed
        self._counts["calls again, each with a cause"] += attempts.begun - attempts.deliveries
        self._counts["completed more than once"] += attempts.completed_again
        self._counts["order inversions"] += inversions
        self._counts["completions refused as stale"] += attempts.stale


def _badly_poisoned(records: Sequence[DeliveryRecord], plan: Plan) -> list[str]:
    """Poison that is not dead-lettered after exactly its attempts."""
    poison, right = [r for r in records if r.hook.endswith(f":{POISON}")], (DeliveryState.DEAD, plan.poison_attempts)
    wrong = [r for r in poison if (r.state, r.attempts) != right]
    found = [f"poison {r.delivery_id} is {r.state} after {r.attempts} attempts" for r in wrong]
    if len(poison) != plan.accounts:
        found.append(f"{len(poison)} poisoned deliveries instead of {plan.accounts}")
    return found

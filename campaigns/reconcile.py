"""What the vendor's list is worth: one fleet, lived through three times, without it, with it, and asked before acting.

A simulated vendor has a fleet for 30 days: users are signed out and come back, accounts heal by themselves, providers
are down, webhooks are lost, our endpoint fails for two days, accounts are deleted outside. Webhooks are sent by the
vendor's default subscription, which leaves OK, CONNECTING and STOPPED out. The same things happen in each of three
settings: webhooks alone; with a reconciliation every 15 minutes; and with hooks that are confirmed as well.

Two questions: for how much of all the time of all accounts does the engine say what is true at the vendor? And of the
calls that ask a user to reconnect, how many come to one who need not?
"""

import argparse
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from math import log
from random import Random
from time import process_time
from typing import NamedTuple

from account_lifecycle import AccountCall, Decision, Engine, Health, Policy
from account_lifecycle.lifecycle.events import ABSENT
from account_lifecycle.records import DeliveryState
from account_lifecycle.testing import START, Clock
from account_lifecycle.testing.vendor import SimulatedAccount, SimulatedVendor
from account_lifecycle.vendor import asking, reconcile
from campaigns.report import Report, conclude, silence_logs

STEP, RECONCILED, LOOKED = timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1)
"""How often hooks run, the list is read, and deadlines are looked at."""
TYPES = {"LINKEDIN": 50, "WHATSAPP": 15, "GOOGLE_OAUTH": 15, "OUTLOOK": 10, "INSTAGRAM": 6, "MAIL": 4}
"""How many of a hundred accounts are of each type."""
LOST_SHARE, REPEATED_SHARE = 0.01, 0.02
"""Of a hundred webhooks one is never sent, and two are sent twice."""
ENDPOINT_FAILS = (timedelta(days=12), timedelta(days=14))
"""From when to when our endpoint answers with 503."""
OUTAGES = (
    (5.4, "LINKEDIN", "ERROR", 2.0),
    (17.6, "WHATSAPP", "CREDENTIALS", 1.5),
    (24.3, "GOOGLE_OAUTH", "ERROR", 1.0),
)
"""On which day which type has which status, and for how many hours."""
TRUE_OF = {
    **dict.fromkeys(("CREDENTIALS", "PERMISSIONS"), "user"),
    **dict.fromkeys(("ERROR", "STOPPED", "CONNECTING"), "wait"),
    "OK": "use",
    ABSENT: "gone",
}
"""What is to be done about an account, by what is true of it at the vendor."""
SAID_OF = {
    Health.LIVE: "use",
    Health.ACTION_REQUIRED: "user",
    **dict.fromkeys((Health.INTERRUPTED, Health.RECOVERING, Health.STARTING), "wait"),
    Health.GONE: "gone",
}
"""The same by what the engine says."""
LEAST_WITH_LIST = 0.995
"""The share of all time that has to be right with the list; a campaign with less ends with 1."""


class Plan(NamedTuple):
    """How much is lived through."""

    accounts: int = 5_000
    days: float = 30
    seed: int = 1


SHORT = Plan(accounts=60, days=8)


class Setting(NamedTuple):
    """How the engine is run."""

    name: str
    reconciles: bool
    confirms: bool


SETTINGS = (
    Setting("webhooks alone", reconciles=False, confirms=False),
    Setting("with the list, every 15 min", reconciles=True, confirms=False),
    Setting("with the list, and confirmed", reconciles=True, confirms=True),
)


class Outcome(NamedTuple):
    """What came of one setting."""

    agreed: float
    """The share of the time of all accounts for which the engine said what was true."""
    thought_lost: timedelta
    """How long accounts that worked were said not to, all together."""
    thought_live: timedelta
    """How long accounts that did not work were said to."""
    calls: int
    needless: int
    """Calls to reconnect, and how many of them were for an account that did not need its user."""
    unasked: int
    """How often a user was needed for more than a day, and was not asked then."""
    withdrawn: int
    asked: int
    """Calls that were withdrawn as healed, and questions to the vendor."""
    runs: int
    events: int
    cpu_s: float


# ---- What happens --------------------------------------------------------------------------------------------


class World:
    """A fleet and what happens to it: the same for each setting, because the vendor's chances do not depend on it."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.clock = plan, Clock()
        self.vendor = SimulatedVendor(
            clock=self.clock, seed=plan.seed, lost_share=LOST_SHARE, repeated_share=REPEATED_SHARE
        )
        self.script = sorted(_script(plan), key=lambda each: each[0])
        self._next = 0

    @property
    def now(self) -> timedelta:
        """How long the world has lasted."""
        return self.clock.now - START

    def live_until(self, end: timedelta) -> None:
        """Let everything happen up to a time, each at its moment."""
        while self._next < len(self.script) and self.script[self._next][0] <= end:
            at, account_id, what = self.script[self._next]
            self._next += 1
            self.vendor.advance(at - self.now)
            self._happen(account_id, what)
        self.vendor.advance(end - self.now)

    def _happen(self, account_id: str, what: str) -> None:
        vendor, account = self.vendor, self.vendor.accounts.get(account_id)
        word, _, more = what.partition(" ")
        if word == "outage":
            vendor.outage(account_id, more.split()[0], lasts=timedelta(hours=float(more.split()[1])))
        elif word == "create":
            vendor.create(more, account_id, premium=("recruiter",) if account_id.endswith("0") else ())
        elif account is None or account.is_deleted:
            return
        elif word == "delete":
            vendor.delete(account_id, announced=more == "announced")
        elif word == "reconnect":
            if TRUE_OF[account.status] == "user":
                vendor.reconnect(account_id)
        elif word == "heal":
            if account.status == more:
                vendor.heal(account_id)
        elif account.status == "OK":
            vendor.lose(account_id, word)


def _script(plan: Plan) -> Iterator[tuple[timedelta, str, str]]:
    """Yield what happens: when, to which account (or type), and what."""
    random, days = Random(plan.seed), plan.days
    kinds, weights = list(TYPES), list(TYPES.values())
    for day, kind, word, hours in OUTAGES:
        if day < days:
            yield timedelta(days=day), kind, f"outage {word} {hours}"
    for number in range(plan.accounts):
        account_id, kind = f"acc-{number:05}", random.choices(kinds, weights)[0]
        born = random.uniform(0, 1) if number % 20 else random.uniform(0, days)
        yield timedelta(days=born), account_id, f"create {kind}"
        if random.random() < days / 1_000:
            how = "announced" if random.random() < 0.5 else "outside"
            yield timedelta(days=random.uniform(born, days)), account_id, f"delete {how}"
        for word, every_days in _LOSSES.items():
            at = born + random.expovariate(1 / every_days)
            while at < days:
                yield timedelta(days=at), account_id, word
                yield from _ends(word, at, account_id, random)
                at += random.expovariate(1 / every_days)


_LOSSES = {"CREDENTIALS": 60, "PERMISSIONS": 300, "ERROR": 60, "STOPPED": 200, "CONNECTING": 10}
"""Every how many days an account comes into each."""


def _ends(word: str, at: float, account_id: str, random: Random) -> Iterator[tuple[timedelta, str, str]]:
    """Yield how a loss ends: by its user after hours or days, or of itself, of which nothing is announced."""
    if TRUE_OF[word] == "user" and (word == "PERMISSIONS" or random.random() < 0.7):
        hours = random.lognormvariate(log(8), 1)
        yield timedelta(days=at, hours=hours), account_id, "reconnect"
        return
    minutes = {"CREDENTIALS": (5, 120), "ERROR": (10, 600), "STOPPED": (600, 3_000), "CONNECTING": (3, 30)}[word]
    yield timedelta(days=at, minutes=random.uniform(*minutes)), account_id, f"heal {word}"


# ---- One setting ---------------------------------------------------------------------------------------------


class Seen:
    """What the engine says of each account, from when on."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.said: dict[str, list[tuple[datetime, str]]] = {}

    def __call__(self, decision: Decision) -> None:
        """Note what a decision changes."""
        said = SAID_OF.get(decision.after.health, "nothing")
        known = self.said.setdefault(decision.after.account_id, [])
        if not known or known[-1][1] != said:
            known.append((self._clock.now, said))


def lived(plan: Plan, setting: Setting) -> Outcome:
    """Live through everything in one setting; return what came of it."""
    world = World(plan)
    vendor, clock = world.vendor, world.clock
    seen, calls, begun_s = Seen(clock), list[tuple[datetime, str]](), process_time()
    policy = Policy(subscribed="default")
    with Engine.open("memory:", clock=clock, policy=policy, observers=(seen,)) as engine, vendor.client() as client:

        def ask_user(call: AccountCall) -> None:
            calls.append((clock.now, call.account_id))

        engine.on_action_required(ask_user, name="ask", confirm=setting.confirms)
        _receive(engine, world)
        ask, runs, steps = asking(engine, client), 0, round(timedelta(days=plan.days) / STEP)
        for step in range(1, steps + 1):
            world.live_until(step * STEP)
            if step * STEP % LOOKED == timedelta(0):
                engine.check_deadlines()
            if setting.reconciles and step * STEP % RECONCILED == timedelta(0):
                runs += reconcile(engine, client).is_whole
            engine.run_hooks(ask=ask if setting.confirms else None)
        states = Counter(each.state for each in engine.iter_deliveries())
        events = sum(1 for _ in engine.store.ledger())
    agreed, thought_lost, thought_live = _held(vendor.accounts.values(), seen.said, clock.now)
    needless = sum(TRUE_OF[vendor.accounts[account_id].status_at(at)] != "user" for at, account_id in calls)
    return Outcome(
        agreed, thought_lost, thought_live, len(calls), needless, _unasked(vendor, calls, clock.now),
        states[DeliveryState.WITHDRAWN], vendor.requests["GET /accounts/{id}"], runs, events, process_time() - begun_s,
    )  # fmt: skip


def _receive(engine: Engine, world: World) -> None:
    """Have the vendor's webhooks fed, but while our endpoint fails."""

    def receive(_method: str, headers: Mapping[str, str], _query: str, body: bytes) -> "_Answer":
        if ENDPOINT_FAILS[0] <= world.now < ENDPOINT_FAILS[1]:
            return _Answer(503)
        engine.feed_body(body, headers)
        return _Answer(200)

    world.vendor.connect("https://receiver.example/hooks", receive)
    world.vendor.register("https://receiver.example/hooks")


class _Answer(NamedTuple):
    status: int


# ---- Held against the truth ------------------------------------------------------------------------------------


def _held(
    accounts: Iterable[SimulatedAccount], said: Mapping[str, list[tuple[datetime, str]]], end: datetime
) -> tuple[float, timedelta, timedelta]:
    """Return the share of time that was right, and how long what worked was thought lost, and the other way."""
    whole = right = thought_lost = thought_live = timedelta(0)
    for account in accounts:
        heard = [*said.get(account.id, ()), (end, "")]
        true = [*((moved.at, TRUE_OF[moved.status]) for moved in account.truth), (end, "")]
        for begins, ends, is_true, is_said in _together(true, heard):
            whole += ends - begins
            right += (ends - begins) * (is_true == is_said)
            thought_lost += (ends - begins) * (is_true == "use" != is_said)
            thought_live += (ends - begins) * (is_said == "use" != is_true)
    return right / whole, thought_lost, thought_live


def _together(
    true: Sequence[tuple[datetime, str]], heard: Sequence[tuple[datetime, str]]
) -> Iterator[tuple[datetime, datetime, str, str]]:
    """Yield the pieces of time in which neither changes: begin, end, what is true, and what is said."""
    moments = sorted({at for at, _ in true} | {at for at, _ in heard if at >= true[0][0]})
    now_true, now_heard, first, second = "", "nothing", 0, 0
    for begins, ends in pairwise(moments):
        while first < len(true) and true[first][0] <= begins:
            now_true, first = true[first][1], first + 1
        while second < len(heard) and heard[second][0] <= begins:
            now_heard, second = heard[second][1], second + 1
        yield begins, ends, now_true, now_heard


def _unasked(vendor: SimulatedVendor, calls: Sequence[tuple[datetime, str]], end: datetime) -> int:
    """Return how often a user was needed for more than a day without being asked in that time."""
    asked: dict[str, list[datetime]] = {}
    for at, account_id in calls:
        asked.setdefault(account_id, []).append(at)
    count = 0
    for account in vendor.accounts.values():
        times = [(moved.at, TRUE_OF[moved.status]) for moved in account.truth] + [(end, "")]
        for (begins, what), (ends, _) in pairwise(times):
            if what == "user" and ends - begins > timedelta(days=1):
                count += not any(begins <= at < ends for at in asked.get(account.id, ()))
    return count


# ---- The campaign ----------------------------------------------------------------------------------------------


def campaign(plan: Plan, say: Callable[[str], object] = lambda _: None) -> Report:
    """Live through all settings; report the table, and what is worse than promised."""
    found: dict[str, Outcome] = {}
    for setting in SETTINGS:
        found[setting.name] = lived(plan, setting)
        say(f"{setting.name}: {json.dumps(found[setting.name]._asdict(), default=str)}")
    alone, listed, confirmed = found.values()
    broken = []
    for name, outcome in (("the list", listed), ("the list, and confirmed", confirmed)):
        if outcome.agreed < LEAST_WITH_LIST:
            broken.append(f"with {name} the engine is right for {outcome.agreed:.2%}, less than {LEAST_WITH_LIST:.1%}")
        if outcome.agreed <= alone.agreed:
            broken.append(f"with {name} the engine is no more right than by webhooks alone")
    if confirmed.needless * listed.calls > listed.needless * max(1, confirmed.calls):
        broken.append(f"confirmed calls are needless more often: {confirmed.needless} of {confirmed.calls}")
    title = f"{plan.accounts:,} accounts, {plan.days:g} days, by the vendor's default subscription"
    return Report(title, {"runs over the list": listed.runs}, tuple(broken), tuple(table(found)))


def table(found: Mapping[str, Outcome]) -> Iterator[str]:
    """Yield the table as Markdown."""
    yield "| | " + " | ".join(found) + " |"
    yield "|---|" + "---|" * len(found)
    rows: dict[str, Callable[[Outcome], str]] = {
        "the engine says what is true": lambda o: f"{o.agreed:.2%}",
        "account-hours that work, said to be lost": lambda o: _hours(o.thought_lost),
        "account-hours that do not, said to be live": lambda o: _hours(o.thought_live),
        "calls to reconnect": lambda o: f"{o.calls:,}",
        "of them needless": lambda o: f"{o.needless:,}",
        "users needed for a day and not asked": lambda o: f"{o.unasked:,}",
        "calls withdrawn as healed": lambda o: f"{o.withdrawn:,}",
        "questions to the vendor": lambda o: f"{o.asked:,}",
        "events on record": lambda o: f"{o.events:,}",
    }
    for name, cell in rows.items():
        yield f"| {name} | " + " | ".join(cell(outcome) for outcome in found.values()) + " |"


def _hours(length: timedelta) -> str:
    return f"{length / timedelta(hours=1):,.0f}"


def main(arguments: Sequence[str]) -> int:
    """Run the campaign; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m campaigns reconcile", description=__doc__)
    parser.add_argument("--accounts", type=int, default=Plan().accounts)
    parser.add_argument("--days", type=float, default=Plan().days)
    parser.add_argument("--seed", type=int, default=Plan().seed)
    parser.add_argument("--short", action="store_true", help="as the test suite runs it")
    asked = parser.parse_args(arguments)
    silence_logs()
    plan = SHORT if asked.short else Plan(asked.accounts, asked.days, asked.seed)
    return conclude(campaign(plan, lambda line: print(line, flush=True)))

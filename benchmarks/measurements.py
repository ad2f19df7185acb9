"""Every measurement as rows of one table: what, ours, the peer's, the ratio, the target, whether it is met."""

import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import contenders
import disk
import footprint
import outbox
import rows
import threads
from interleaving import Comparison, Spread, Start, Stream, compare, race, slices, spread
from lives import START, arrivals

from account_lifecycle import Account, Anomaly, AnomalyKind, Decision, Status
from account_lifecycle.intake.payloads import parse
from account_lifecycle.lifecycle.apply import after_acceptance
from account_lifecycle.lifecycle.compiled import Step, compiled
from account_lifecycle.lifecycle.deadlines import deadline_before
from account_lifecycle.lifecycle.decide import _effects, decide, judge
from account_lifecycle.lifecycle.events import ABSENT, Event, StatusAnnounced, StatusObserved
from account_lifecycle.lifecycle.policy import DEFAULT_POLICY

MICRO, MILLI = 1e6, 1e3


class Effort(NamedTuple):
    """How long to measure."""

    accounts: int
    passes: int
    slow_passes: int
    """For what takes long: a slow peer, a disk."""
    children: int


FULL = Effort(accounts=1_000, passes=10, slow_passes=3, children=15)
QUICK = Effort(accounts=60, passes=1, slow_passes=1, children=1)


class Row(NamedTuple):
    """One line of the table."""

    measurement: str
    ours: str
    peer: str = ""
    ratio: str = ""
    """The median of the rounds' ratios, with its quartiles."""
    overall: str = ""
    """The ratio of all rounds together, garbage collections included."""
    target: str = "for information"
    met: bool | None = None
    """None: there is no target."""
    value: float | None = None
    """What the target is about, as a number."""


Measurement = Callable[[Effort], Iterator[Row]]

# ---- In memory ------------------------------------------------------------------------------------------


def memory_feed(effort: Effort) -> Iterator[Row]:
    """Bytes to decision against what a team writes on the first day, and the parts of it."""
    peer = "pydantic model and two dicts"
    found = _race(contenders.pydantic_and_dicts, effort, effort.passes)
    yield _costs(f"payload to decision / {peer}", found, 2.5)
    for what, start in (
        ("… of which reading alone", contenders.reading),
        ("… and with a look at the deadlines", contenders.decision_with_clock),
    ):
        found = race(start, contenders.pydantic_and_dicts, _stream(effort), effort.passes)
        yield _compared(f"{what} / {peer}", found, found.ratio, found.overall)
    found = race(contenders.engine, contenders.pydantic_and_dicts, _stream(effort), effort.slow_passes)
    yield _compared(f"the engine on memory: / {peer}", found, found.ratio, found.overall)


def automat(effort: Effort) -> Iterator[Row]:
    """Both of Automat's ways to declare a machine."""
    for name, start in (
        ("MethodicalMachine", contenders.automat_methodical),
        ("TypeMachineBuilder", contenders.automat_typed),
    ):
        yield _faster(f"payload to decision / Automat {name}, bare step", _race(start, effort, effort.passes), 1.5)


def transitions(effort: Effort) -> Iterator[Row]:
    """``transitions`` with a model for each account."""
    found = _race(contenders.transitions_models, effort, effort.passes)
    yield _faster("payload to decision / transitions add_model, bare step", found, 2.0)


def statemachine(effort: Effort) -> Iterator[Row]:
    """``python-statemachine`` with an object for each account."""
    found = _race(contenders.python_statemachine, effort, effort.slow_passes)
    yield _faster("payload to decision / python-statemachine, bare step", found, 30.0)


def parts(effort: Effort) -> Iterator[Row]:
    """Where the time from a payload to its decision goes, part by part, and what a look at the deadlines adds."""
    stream = arrivals(effort.accounts)
    events = [parse(payload, at) for payload, at in stream]
    accounts: dict[str, Account] = {}
    made: list[tuple[Account, StatusAnnounced, Decision, Step]] = []
    for event in events:
        decided = decide(accounts.get(event.account_id) or Account(event.account_id), event)
        accounts[event.account_id] = decided.after
        step = compiled().recorded_step(Status(event.status), decided.before.situation, decided.after.situation, True)
        made.append((decided.before, event, decided, step))

    def nothing() -> None:
        for _account, _event, _decided, _step in made:
            pass

    def reading() -> None:
        for payload, at in stream:
            parse(payload, at)

    def deciding() -> None:
        for account, event, _, _ in made:
            decide(account, event)

    def applying() -> None:
        for account, event, _, step in made:
            after_acceptance(account, event, step, (), DEFAULT_POLICY)

    def finding_effects() -> None:
        for account, event, decided, step in made:
            _effects(account, decided.after, event, step, decided.blind_window)

    def finding_deadlines() -> None:
        for account, event, _, _ in made:
            deadline_before(account, event.received_at, DEFAULT_POLICY)

    works = (nothing, reading, deciding, applying, finding_effects, finding_deadlines)
    rounds = [[_cpu(work) for work in works] for _ in range(2 * effort.passes + 1)][1:]
    loop, read, decision, apply, effects, deadlines = [
        spread(column).median / len(events) * MICRO for column in zip(*rounds, strict=True)
    ]
    for what, cost in (
        ("part: reading a payload", read),
        ("part: deciding, all told", decision - loop),
        ("… of which the account after it, and its window", apply - loop),
        ("… of which its effects", effects - loop),
        ("… of which the questions, the look-up, the decision", decision - apply - effects + loop),
        ("part: a look at the deadlines, which stores and replays take before", deadlines - loop),
    ):
        yield Row(what, f"{cost:.2f} µs", value=cost)


def explanations(effort: Effort) -> Iterator[Row]:
    """How long it takes to tell an anomaly to a person."""
    times = [_explaining_s(anomaly, 20 * effort.passes) * MICRO for anomaly in _one_of_each()]
    middle = spread(times)
    yield Row(
        f"explanation, median of {len(times)} kinds",
        f"{middle.median:.1f} µs ({min(times):.1f}–{max(times):.1f})",
        value=middle.median,
    )


def _stream(effort: Effort) -> list[Stream]:
    return slices(arrivals(effort.accounts), 500)


def _race(peer: Start, effort: Effort, passes: int) -> Comparison:
    return race(contenders.decision, peer, _stream(effort), passes)


def _one_of_each() -> list[Anomaly]:
    """An anomaly of every kind, from lives that make no sense."""
    chance = random.Random(1)
    words = [*(status.value for status in Status), "NEW_STATUS"]
    listed = [*(status.value for status in (Status.OK, Status.CREDENTIALS, Status.ERROR)), ABSENT]
    accounts: dict[str, Account] = {}
    found: dict[AnomalyKind, Anomaly] = {}
    at = START
    for number in range(20_000):
        at += timedelta(minutes=chance.randint(1, 60))
        account_id, provider = f"acc{number % 40}", chance.choice(["LINKEDIN", "MICROSOFT", "NEW_PROVIDER"])
        event: Event = StatusAnnounced(
            account_id,
            chance.choice(words),
            at if chance.random() < 0.95 else at - timedelta(days=3),
            provider,
            "recruiter" if chance.random() < 0.1 else "",
            chance.choice(["user-1", "user-2"]) if chance.random() < 0.1 else None,
        )
        if chance.random() < 0.3:
            event = StatusObserved(account_id, chance.choice(listed), at)
        if number % 400 < 40:  # from time to time everything begins anew
            accounts.pop(account_id, None)
        for decided in judge(accounts.get(account_id) or Account(account_id), event):
            accounts[account_id] = decided.after
            found |= {a.kind: a for a in decided.anomalies}
    assert found.keys() == set(AnomalyKind), f"no anomaly of {set(AnomalyKind) - found.keys()}"
    return list(found.values())


def _explaining_s(anomaly: Anomaly, times: int) -> float:
    def explain() -> None:
        for _ in range(times):
            _ = anomaly.explanation

    explain()
    return _cpu(explain) / times


def _cpu(work: Callable[[], object]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


# ---- On disk --------------------------------------------------------------------------------------------

BATCH = 1_000


def sqlite(effort: Effort) -> Iterator[Row]:
    """The durable feed against a loop by hand, in batches and singly."""
    stream = arrivals(effort.accounts)
    batches = slices(stream, BATCH)
    what = f"SQLite feed_events, batches of {BATCH:,} / apsw loop by hand"
    found = race(disk.engine_batches, disk.loop_batches, batches, effort.slow_passes)
    yield _faster(f"{what}, CPU", found, 0.5, "its throughput")
    found = race(disk.engine_batches, disk.loop_batches, batches, effort.slow_passes, wall=True)
    yield _faster(f"{what}, elapsed", found, None)
    singles = slices(stream[:2_000], 50)
    found = race(disk.engine_singly, disk.loop_singly, singles, effort.slow_passes)
    yield _faster("SQLite feed_event, one commit each / apsw by hand, CPU", found, None)


def many_threads(effort: Effort) -> Iterator[Row]:
    """Eight threads that feed one file singly, against one thread that feeds it in groups."""
    stream = slices(arrivals(effort.accounts)[:8_000], 400)
    what = f"SQLite feed_event from {threads.THREADS} threads / one thread"
    found = race(threads.threads_singly, threads.one_thread_in_groups, stream, effort.slow_passes, wall=True)
    yield _faster(f"{what}, groups of {threads.THREADS}, elapsed", found, 0.7, "its throughput")
    found = race(threads.threads_singly, threads.one_thread_in_batches, stream, effort.slow_passes, wall=True)
    yield _faster(f"{what}, batches of 400, elapsed", found, None)


def hook_deliveries(effort: Effort) -> Iterator[Row]:
    """From the outbox to a hook that does nothing."""
    found = outbox.race_outboxes(slices(arrivals(effort.accounts)[:10_000], 500))
    rate = 1 / found.ours.median
    yield _faster(f"SQLite outbox to hooks ({rate:,.0f} deliveries/s) / outbox by hand, elapsed", found, None)


def postgres(effort: Effort) -> Iterator[Row]:
    """The feed into PostgreSQL against a loop by hand, on a server of our own."""
    import server

    sys.path.append(str(Path(__file__).parents[1] / "tests"))

    from postgres_server import private_server

    stream = arrivals(effort.accounts)
    with private_server() as own:
        os.environ[server.URL] = own.url.removesuffix("/postgres")
        what = "PostgreSQL feed_events, batches of 1,000 / psycopg loop by hand"
        found = race(
            server.engine_batches, server.loop_batches, slices(stream[:10_000], BATCH), effort.slow_passes, wall=True
        )
        yield _faster(f"{what}, elapsed", found, 0.5, "its throughput")
        singles = slices(stream[:1_000], 50)
        found = race(server.engine_singly, server.loop_singly, singles, effort.slow_passes, wall=True)
        yield _faster("PostgreSQL feed_event, one commit each / psycopg by hand, elapsed", found, None)


# ---- On a screen ----------------------------------------------------------------------------------------


def text_rows(effort: Effort) -> Iterator[Row]:
    """Rows of a table against ``str.format`` of the same tuples."""
    stream = slices(list(rows.account_rows()), 20_000)
    for name, start in (("in a pipe", rows.in_a_pipe), ("in colour", rows.in_colour), ("folded", rows.folded)):
        found = race(start, rows.by_format, stream, effort.slow_passes)
        yield _costs(f"{rows.ROWS:,} rows as text, {name} / str.format", found, 10)


# ---- Footprint ------------------------------------------------------------------------------------------


def memory(effort: Effort) -> Iterator[Row]:
    """Bytes per account beside a ``transitions`` model, and per event on disk."""
    found = footprint.footprint(effort.accounts)
    yield Row(
        "memory of an account, id not counted / transitions add_model",
        f"{found.account:,.0f} B",
        f"{found.model:,.0f} B",
        f"{found.account / found.model:.3f}",
        target="≤ 400 B",
        met=found.account <= 400,
        value=found.account,
    )
    yield Row("an event in a SQLite file, all told", f"{found.event:,.0f} B", value=found.event)


def imports(effort: Effort) -> Iterator[Row]:
    """CPU of a process that imports the library and ends, with its floors."""
    whole, pydantic, bare = footprint.children(
        ["import account_lifecycle", "import pydantic; pydantic.BaseModel, pydantic.TypeAdapter", "pass"],
        effort.children,
    )
    found = compare(whole, pydantic)
    yield Row(
        "import of the library, whole process / pydantic alone",
        _ms(found.ours),
        _ms(found.peer),
        _ratio(found.ratio),
        target="≤ 300 ms",
        met=found.ours.median <= 0.3,
        value=found.ours.median,
    )
    yield Row("… of which a bare interpreter", _ms(spread(bare)), value=spread(bare).median)
    shares = [f"{package} {seconds * MILLI:.0f}" for package, seconds in footprint.import_shares()[:5]]
    yield Row("… import times by package, elapsed ms", ", ".join(shares))


def compiling(effort: Effort) -> Iterator[Row]:
    """CPU of the first look into the compiled table."""
    found = spread([footprint.compile_cpu() for _ in range(effort.children)])
    met = found.median <= 0.05
    yield Row("compile the table at first use", _ms(found), target="≤ 50 ms", met=met, value=found.median)


# ---- Rows -----------------------------------------------------------------------------------------------


def _costs(what: str, found: Comparison, at_most: float) -> Row:
    """A row about how much dearer we are."""
    row = _compared(what, found, found.ratio, found.overall)
    return row._replace(target=f"≤ {at_most:g} × the cost", met=found.ratio.median <= at_most)


def _faster(what: str, found: Comparison, at_least: float | None, how: str = "as fast") -> Row:
    """A row about how much faster we are."""
    ratio = _inverse(found.ratio)
    row = _compared(what, found, ratio, 1 / found.overall)
    return row if at_least is None else row._replace(target=f"≥ {at_least:g} × {how}", met=ratio.median >= at_least)


def _compared(what: str, found: Comparison, ratio: Spread, overall: float) -> Row:
    return Row(what, _us(found.ours), _us(found.peer), _ratio(ratio), f"{overall:.2f}", value=ratio.median)


def _inverse(ratio: Spread) -> Spread:
    return Spread(1 / ratio.median, 1 / ratio.high, 1 / ratio.low)


def _us(found: Spread) -> str:
    return f"{found.median * MICRO:.2f} µs"


def _ms(found: Spread) -> str:
    return f"{found.median * MILLI:.1f} ms"


def _ratio(found: Spread) -> str:
    return f"{found.median:.2f} ({found.low:.2f}–{found.high:.2f})"


MEASUREMENTS: dict[str, Measurement] = {
    "memory-feed": memory_feed,
    "automat": automat,
    "transitions": transitions,
    "statemachine": statemachine,
    "account-memory": memory,
    "sqlite": sqlite,
    "threads": many_threads,
    "outbox": hook_deliveries,
    "postgres": postgres,
    "rows": text_rows,
    "import": imports,
    "compile": compiling,
    "parts": parts,
    "explanation": explanations,
}
"""By the name that ``--only`` takes."""

"""Which crew delivers how much, and how a claim fares when the server's statistics of the outbox are old.

Knows what is measured in which order; how a crew works, ``fleet_hooks`` knows.
"""

from collections.abc import Iterator, Sequence

import psycopg
from fleet_hooks import HOOK, Crew, Delivered, Outbox, deliver, fill, looking_s
from fleet_store import with_setting
from fleet_words import ms, table, us

CLAIMS = (4, 100)
"""How many are claimed at a time by a worker's threads, and by ``run_hooks``."""
DONE = 400_000
"""Deliveries that were made long ago."""


def deliveries(
    outbox: Outbox, counts: Sequence[int], backlog: int, length_s: float
) -> Iterator[tuple[str, object, list[str]]]:
    """Crews at work on a backlog that the server knows of, then one on a backlog that it does not know of."""
    crews = [Crew("workers with 4 threads", count, 4) for count in counts]
    crews += [Crew("threads of one worker", 1, count) for count in (*counts, 32)]
    crews += [Crew("processes with run_hooks", count, 0) for count in counts]
    found: list[tuple[Crew, Delivered]] = []
    for crew in crews:
        fill(outbox, backlog)
        _analyze(outbox)
        found.append((crew, deliver(crew, outbox, length_s)))
    _analyze(outbox)  # nothing waits
    for name, url in (("", outbox.url), (", enable_sort = off", _unsorted(outbox.url))):
        fill(outbox, backlog)
        crew = Crew(f"one worker, statistics of an empty outbox{name}", 1, 4)
        found.append((crew, deliver(crew, outbox._replace(url=url), length_s)))
    yield "delivering", [{**crew._asdict(), **done._asdict()} for crew, done in found], _crews_table(found)
    size = _size(outbox)
    yield "delivery_bytes", size, [f"a delivery that is done, with its indexes: {size:.0f} B"]
    yield "claiming", *_claiming(outbox, backlog)


def _crews_table(found: Sequence[tuple[Crew, Delivered]]) -> list[str]:
    headings = ("who delivers", "", "deliveries/s", "client CPU", "server CPU", "log")
    rows = [
        (crew.title, str(crew.threads if "threads of" in crew.title else crew.processes), f"{done.rate:,.0f}",
         us(done.client_s), us(done.server_s), f"{done.wal_bytes:,.0f} B")
        for crew, done in found
    ]  # fmt: skip
    return table(headings, rows)


def _claiming(outbox: Outbox, backlog: int) -> tuple[object, list[str]]:
    """How long claims take, of a backlog that grew after the statistics were gathered, and of one that they know."""
    times: dict[str, dict[str, float]] = {}
    for size in (backlog, 4 * backlog):
        fill(outbox, size)
        times[f"{size:,} wait, old statistics"] = _looks(outbox)
    _analyze(outbox)
    times[f"{4 * backlog:,} wait, new statistics"] = _looks(outbox)
    deliver(Crew("whoever", 1, 0), outbox, 0)
    _add_done(outbox)
    for size in (backlog, 4 * backlog):
        fill(outbox, size)
        times[f"{size:,} wait beside {DONE:,} done, old statistics"] = _looks(outbox)
    _analyze(outbox)
    times[f"{4 * backlog:,} wait beside {DONE:,} done, new statistics"] = _looks(outbox)
    rows = [(name, *map(ms, found.values())) for name, found in times.items()]
    return times, table(("a claim takes", *next(iter(times.values()))), rows)


def _looks(outbox: Outbox) -> dict[str, float]:
    urls = {"": outbox.url, ", enable_sort = off": _unsorted(outbox.url)}
    return {f"{limit}{name}": looking_s(url, limit) for limit in CLAIMS for name, url in urls.items()}


def _unsorted(url: str) -> str:
    return with_setting(url, "enable_sort", "off")


def _analyze(outbox: Outbox) -> None:
    """Let the server know how many deliveries wait by now."""
    with psycopg.connect(outbox.url, autocommit=True) as db:
        db.execute("VACUUM ANALYZE delivery")


def _size(outbox: Outbox) -> float:
    with psycopg.connect(outbox.url, autocommit=True) as db:
        ((size,),) = db.execute("SELECT pg_total_relation_size('delivery')::float / count(*) FROM delivery").fetchall()
    return float(size)


def _add_done(outbox: Outbox) -> None:
    with psycopg.connect(outbox.url, autocommit=True) as db:
        db.execute(_ADD_DONE, {"hook": HOOK, "accounts": outbox.accounts, "done": DONE})
    _analyze(outbox)


_ADD_DONE = """
INSERT INTO delivery (delivery_id, effect_id, account_id, hook, is_ordered, state, attempts, token, due_at, created_at,
                      settled_at)
SELECT nextval('delivery_number'), -n, (%(accounts)s::text[])[1 + n %% cardinality(%(accounts)s::text[])], %(hook)s, 1,
       'done', 1, 1, 0, 0, 0
FROM generate_series(1, %(done)s) n
"""

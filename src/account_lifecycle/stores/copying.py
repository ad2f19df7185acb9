"""From a file to a server: everything that a SQLite store holds, copied into an empty PostgreSQL store, and proved.

Knows what differs between the two: one chain over all events there, a chain for each account here. It must never
change the source.
"""

from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from itertools import groupby
from typing import NamedTuple

from ..errors import StoreError
from . import chain
from .postgres import PostgresStore
from .postgres.filling import TABLES, Filling
from .rows import NO_EFFECTS, Row
from .sqlite import SQLiteStore
from .sqlite.connection import told_plainly
from .sqlite.transactions import Snapshot


class Copied(NamedTuple):
    """What was copied."""

    rows: Mapping[str, int]
    """How many rows each table has, there and here."""
    head: str
    """The SHA-256 of the heads of all accounts' chains, in hexadecimal: what ``head`` of the target tells."""


def copy_store(
    source: SQLiteStore, target: PostgresStore, *, told: Callable[[str, int], object] | None = None
) -> Copied:
    """Copy everything that the source holds at this moment into the target, which has to be empty.

    Events, effects, deliveries and quarantined payloads keep their numbers, so that the keys that hooks have seen stay
    the same. Before it is committed the copy is proved: each account's chain, computed from the source, has to end at
    the head that the target has read back, without a fault, and every table has to have as many rows. ``told`` hears
    of each table and its rows. Stop feeding the source first: what comes later is not copied. Raises ``StoreError``
    if anything does not hold; then the target is empty as before.
    """
    with told_plainly(source.path), source.snapshot() as snapshot, target.filling() as filling:
        origin = _Origin(snapshot)
        for table, rows in origin.tables():
            count = filling.copy(table, rows)
            if told is not None:
                told(table, count)
        filling.number_on(*origin.last_numbers())
        return _proved(origin, filling)


def _proved(origin: "_Origin", filling: Filling) -> Copied:
    """The copy, if it is one."""
    counts = filling.counts()
    different = [table for table, count in origin.counts().items() if counts[table] != count]
    if different:
        raise StoreError(f"The copy has not the rows of the original in {', '.join(different)}. Nothing was kept.")
    for fault in filling.faults():
        raise StoreError(f"The copy does not prove itself ({fault}). Nothing was kept: verify the original.")
    if filling.head() != origin.head():
        raise StoreError("The copy's chains do not end where the original's do. Nothing was kept: verify the original.")
    return Copied(counts, filling.head())


class _Origin:
    """The rows of the source as the target keeps them."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._ask = snapshot.rows
        self._heads: dict[str, bytes] = {}
        ((self._last,),) = self._ask(_FIRST_LINK)

    def tables(self) -> Iterator[tuple[str, Iterator[Row]]]:
        """Every table with its rows; each is to be read to its end before the next."""
        yield "baseline", self._baselines()
        yield "event", self._events()
        yield "account", ((*row, self._heads[row[0]]) for row in self._ask("SELECT * FROM account"))
        yield "anomaly", self._ask("SELECT * FROM anomaly")
        yield "blind_window", self._ask("SELECT * FROM blind_window")
        yield "effect", self._ask("SELECT event_id, account_id, effects FROM effect")
        yield "pending", self._ask("SELECT account_id, event_id FROM pending")
        yield "quarantine", self._ask("SELECT * FROM quarantine")
        for table in ("hook", "delivery", "segment"):
            yield table, (row[:-1] for row in self._ask(f"SELECT * FROM {table}"))  # rows of a server have no digests

    def _baselines(self) -> Iterator[Row]:
        """An account's chain goes on from its baseline: the digest of that row is what it begins with."""
        for row in self._ask("SELECT * FROM baseline"):
            self._heads[row[0]] = row[-1]
            yield row

    def _events(self) -> Iterator[Row]:
        """Events with the digests of their accounts' chains."""
        for _, group in groupby(self._ask(_EVENTS), key=lambda row: row[0]):
            together = list(group)
            event, (rules, private, digest, effects) = together[0][:18], together[0][18:22]
            kept = private or chain.private_digest(event[7], event[8])
            anomalies = chain.anomalies_text([(0, *row[22:]) for row in together if row[22] is not None])
            text = chain.event_text(event[1:], kept, rules, anomalies, effects or NO_EFFECTS)
            self._follow(event[0], text, digest)
            digest = chain.linked(self._heads.get(event[1], chain.GENESIS), text)
            self._heads[event[1]] = digest
            yield (*event, rules, private, digest)

    def _follow(self, number: int, text: bytes, digest: bytes) -> None:
        """Refuse a source whose own chain is broken: a copy would hide it."""
        if chain.linked(self._last, text) != digest:
            raise StoreError(
                f"Event {number} is not as it was written, so that nothing is copied. Verify the original."
            )
        self._last = digest

    def last_numbers(self) -> tuple[int, int, int]:
        """The last number of an event, a delivery and a quarantined payload; none of them is to be used again."""
        ((event, delivery, quarantine),) = self._ask(_LAST_NUMBERS)
        return event, delivery, quarantine

    def counts(self) -> dict[str, int]:
        """How many rows each table has."""
        found = {table: next(self._ask(f"SELECT count(*) FROM {table}")) for table in TABLES}
        return {table: count for table, (count,) in found.items()}

    def head(self) -> str:
        """What stands for the chains of all accounts."""
        digest = sha256()
        for account_id in sorted(self._heads):
            digest.update(self._heads[account_id])
        return digest.hexdigest()


_EVENTS = """
SELECT e.event_id, e.account_id, e.sequence, e.received_at, e.word, e.product, e.provider, e.name, e.payload,
       e.stay_since, e.allowed, e.verdict, e.status_before, e.existing_before, e.lost_before,
       e.status_after, e.existing_after, e.lost_after, e.rules, e.private_digest, e.digest, f.effects,
       a.ordinal, a.kind, a.provider, a.since, a.last_announced, a.last_heard_at, a.detail
FROM event e LEFT JOIN effect f USING (event_id) LEFT JOIN anomaly a USING (event_id)
ORDER BY e.event_id, a.ordinal
"""
_FIRST_LINK = "SELECT coalesce((SELECT head FROM segment ORDER BY segment_id DESC LIMIT 1), zeroblob(32))"
_LAST_NUMBERS = """
SELECT max(coalesce((SELECT max(event_id) FROM event), 0), coalesce((SELECT sum(events) FROM segment), 0)),
       coalesce((SELECT max(value) FROM counter WHERE name = 'delivery'), 0),
       coalesce((SELECT max(quarantine_id) FROM quarantine), 0)
"""

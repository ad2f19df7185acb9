"""A store as a database: back it up, or move it from a file to a server.

A file has one chain over all its events, a server a chain for each account, so a copy computes the digests anew and
proves itself before anything is committed: the source's own chain must hold up to its end, and each account's new
chain must end where the target, reading back what it got, says that it does.
"""

from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import ConfigurationError, OutputError, StoreError
from ..outputs.endings import STORE_ENDINGS, form_of
from ..urls import public_url
from . import chain
from .opening import SERVERS, open_store
from .protocol import Store
from .rows import Row, segment_from

if TYPE_CHECKING:  # whoever copies nothing needs no psycopg
    from .postgres import PostgresStore
    from .postgres.filling import Filling
    from .sqlite import SQLiteStore
    from .sqlite.snapshots import Snapshot

_COPIES = "a store in a file, copied to postgresql://USER@HOST/DATABASE. From file to file: db backup"


class Copied(NamedTuple):
    """What was copied from a file to a server."""

    rows: Mapping[str, int]
    """How many rows each table has, there and here."""
    head: str
    """The ``head`` of the target, in hexadecimal. The source's goes on being answered."""
    source_head: str
    """The ``head`` of the source."""


def back_up(store: Store, target: Path) -> None:
    """Copy a store that lives in a file into another file, as it is at one moment, while others feed.

    Raises ``StoreError`` if there is a file of that name, if the name does not end as that of a SQLite file, or if the
    store is on a server, which has backups of its own.
    """
    from .sqlite import SQLiteStore

    if not isinstance(store, SQLiteStore):
        raise StoreError("A store on a server is backed up by the server's own means, such as pg_dump.")
    try:
        form_of(target, STORE_ENDINGS)
    except OutputError as error:
        raise StoreError(str(error)) from error
    store.backup(target)


def copy(source: Store, target_url: str) -> Copied:
    """Copy everything from a store in a file to one on a server, which has to be empty, and prove the copy.

    Raises ``StoreError`` if anything does not hold, and then nothing is kept; and ``ConfigurationError`` for any
    other two kinds of stores.
    """
    from .sqlite import SQLiteStore

    if not (isinstance(source, SQLiteStore) and target_url.startswith(SERVERS)):
        raise ConfigurationError("to", repr(public_url(target_url)), _COPIES)
    target = open_store(target_url)
    try:
        from .postgres import PostgresStore

        assert isinstance(target, PostgresStore)
        return copy_store(source, target)
    finally:
        target.close()


def copy_store(
    source: "SQLiteStore", target: "PostgresStore", *, on_table: Callable[[str, int], object] | None = None
) -> Copied:
    """Copy everything that the source holds at this moment into the target, which has to be empty.

    Events, deliveries and quarantined payloads keep their numbers, so that the keys that hooks have seen stay
    the same. Before it is committed the copy is proved: each account's chain, computed from the source, has to end at
    the head that the target has read back, without a fault, and every table has to have as many rows. ``on_table`` is
    called with each table and how many rows it got. Stop feeding the source first: what comes later is not copied.
    Raises ``StoreError`` if anything does not hold; then the target is empty as before.
    """
    from .sqlite.connection import in_our_words

    with in_our_words(source.path), source.snapshot() as snapshot, target.filling() as filling:
        origin = _Origin(snapshot)
        for table, rows in origin.tables():
            count = filling.copy(table, rows)
            if on_table is not None:
                on_table(table, count)
        filling.number_on(*origin.last_numbers())
        filling.note_origin(*origin.chained())
        return _proved(origin, filling)


def _proved(origin: "_Origin", filling: "Filling") -> Copied:
    """Return the copy; raise ``StoreError`` if it is none."""
    counts = filling.counts()
    different = [table for table, count in origin.counts().items() if counts[table] != count]
    if different:
        raise StoreError(f"The copy has not the rows of the original in {', '.join(different)}. Nothing was kept.")
    for fault in filling.faults():
        raise StoreError(f"The copy does not prove itself ({fault}). Nothing was kept: verify the original.")
    if filling.head() != origin.head():
        raise StoreError("The copy's chains do not end where the original's do. Nothing was kept: verify the original.")
    return Copied(counts, filling.head(), origin.source_head())


class _Origin:
    """The rows of the source as the target keeps them."""

    def __init__(self, snapshot: "Snapshot") -> None:
        self._ask = snapshot.rows
        self._heads: dict[str, bytes] = {}
        ((self._last,),) = self._ask(_FIRST_LINK)
        self._first, self._last_event = self._last, 0
        self._segments = [segment_from(row[:-1]) for row in self._ask("SELECT * FROM segment ORDER BY segment_id")]

    def tables(self) -> Iterator[tuple[str, Iterator[Row]]]:
        """Yield every table with its rows; each is to be read to its end before the next."""
        yield "baseline", self._baselines()
        yield "rules", self._ask("SELECT * FROM rules")
        yield "event", self._events()
        yield "account", self._accounts()
        yield "anomaly", self._ask("SELECT * FROM anomaly")
        yield "blind_window", self._ask("SELECT * FROM blind_window")
        yield "quarantine", self._ask("SELECT * FROM quarantine")
        yield "reconciliation", self._ask("SELECT * FROM reconciliation")
        for table in ("hook", "delivery", "segment"):
            yield table, (row[:-1] for row in self._ask(f"SELECT * FROM {table}"))  # rows of a server have no digests

    def _accounts(self) -> Iterator[Row]:
        """Yield accounts, each with the head of its chain before its deadline."""
        for row in self._ask("SELECT * FROM account"):
            yield (*row[:-2], self._heads[row[1]], *row[-2:])

    def _baselines(self) -> Iterator[Row]:
        """Yield baselines. An account's chain begins with the digest of its own."""
        for row in self._ask("SELECT * FROM baseline"):
            self._heads[row[0]] = row[-1]
            yield row

    def _events(self) -> Iterator[Row]:
        """Events with the digests of their accounts' chains."""
        for _, group in groupby(self._ask(_EVENTS), key=lambda row: row[0]):
            together = list(group)
            row, account_id = together[0][:21], together[0][21]
            kept = row[19] or chain.private_digest(*row[14:17])
            anomalies = chain.anomalies_text([(0, *each[22:]) for each in together if each[22] is not None])
            text = chain.event_text(account_id, row[2:12], kept, anomalies, *row[17:19])
            self._follow(row[0], text, row[20])
            digest = chain.linked(self._heads.get(account_id, chain.GENESIS), text)
            self._heads[account_id] = digest
            yield (*row[:20], digest)

    def _follow(self, number: int, text: bytes, digest: bytes) -> None:
        """Refuse a source whose own chain is broken: a copy would hide it."""
        if chain.linked(self._last, text) != digest:
            raise StoreError(
                f"Event {number} is not as it was written, so that nothing is copied. Verify the original."
            )
        self._last, self._last_event = digest, number

    def chained(self) -> tuple[int, bytes]:
        """Return the number of the last event, and what the first one's digest goes on from."""
        return self._last_event, self._first

    def source_head(self) -> str:
        """Return the head of the source."""
        return chain.committed(self._last, chain.commitment(self._segments)).hex()

    def last_numbers(self) -> tuple[int, int, int, int, int, int]:
        """Return the last number of an account, an event, a delivery, a quarantined payload and a run over the vendor's
        list, none of which is to be used again; and how many redrives there are."""
        ((account, event, delivery, quarantine, reconciliation, redrives),) = self._ask(_LAST_NUMBERS)
        return account, event, delivery, quarantine, reconciliation, redrives

    def counts(self) -> dict[str, int]:
        """Return how many rows each table has."""
        from .postgres.filling import FILLED_TABLES

        found = {table: next(self._ask(f"SELECT count(*) FROM {table}")) for table in FILLED_TABLES}
        return {table: count for table, (count,) in found.items()}

    def head(self) -> str:
        """Return what the head of the target has to be."""
        digest = sha256()
        for account_id in sorted(self._heads):
            digest.update(self._heads[account_id])
        return chain.committed(digest.digest(), chain.commitment(self._segments)).hex()


_EVENTS = """
SELECT e.*, c.account_id, a.ordinal, a.kind, a.provider, a.evidence
FROM event e CROSS JOIN account c USING (account_no) LEFT JOIN anomaly a USING (event_id)
ORDER BY e.event_id, a.ordinal
"""
_FIRST_LINK = "SELECT coalesce((SELECT head FROM segment ORDER BY segment_id DESC LIMIT 1), zeroblob(32))"
_LAST_NUMBERS = """
SELECT coalesce((SELECT max(account_no) FROM account), 0),
       max(coalesce((SELECT max(event_id) FROM event), 0), coalesce((SELECT sum(events) FROM segment), 0)),
       coalesce((SELECT max(value) FROM counter WHERE name = 'delivery'), 0),
       coalesce((SELECT max(value) FROM counter WHERE name = 'quarantine'), 0),
       coalesce((SELECT max(value) FROM counter WHERE name = 'reconciliation'), 0),
       coalesce((SELECT max(value) FROM counter WHERE name = 'redrive'), 0)
"""

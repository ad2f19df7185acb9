"""The durable feed, and the loop that one would write by hand, on a real disk.

The loop reads with the engine's own ``parse``, looks the account up, journals the payload where it can be asked for
by account, and upserts the account: with the same SQLite, the same pragmas, one transaction for as many payloads.
It judges by a dict of expected steps and knows no repeat, anomaly, effect, hook or window.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import apsw
from contenders import CHAIN
from interleaving import Step, Stream
from lives import Arrival, as_received

from account_lifecycle import Engine
from account_lifecycle.intake.payloads import parse
from account_lifecycle.stores.sqlite import CACHE_KIB

FOLDER = Path("/var/tmp")
"""Where the files lie for a while: on disk, whereas the system's usual place may be in memory."""

SCHEMA = """
CREATE TABLE account (account_id TEXT PRIMARY KEY, status TEXT NOT NULL, provider TEXT, changed_at INTEGER NOT NULL)
STRICT, WITHOUT ROWID;
CREATE TABLE journal (
    journal_id INTEGER PRIMARY KEY, account_id TEXT NOT NULL, received_at INTEGER NOT NULL, status TEXT NOT NULL,
    payload BLOB NOT NULL
) STRICT;
CREATE INDEX journal_of_account ON journal (account_id);
"""


class File:
    """A database file of its own, gone when nobody holds it."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(dir=FOLDER if FOLDER.is_dir() else None, prefix="account-lifecycle-")
        self.path = Path(self._folder.name) / "bench.db"


def engine_batches(_stream: Stream) -> Step:
    """``feed_events``: what it is given, it commits at once."""
    file = File()
    engine = Engine.open(f"sqlite:///{file.path}")

    def step(payloads: Stream) -> None:
        for _ in engine.feed_events(as_received(payloads), batch_size=len(payloads)):
            pass
        assert file.path

    return step


def engine_singly(_stream: Stream) -> Step:
    """``feed_event``: a commit for each payload."""
    file = File()
    engine = Engine.open(f"sqlite:///{file.path}")

    def step(payloads: Stream) -> None:
        for payload, at in payloads:
            engine.feed_event(payload, received_at=at)
        assert file.path

    return step


def loop_batches(_stream: Stream) -> Step:
    """The loop by hand: what it is given, it commits at once."""
    file = File()
    db = _open(file.path)

    def step(payloads: Stream) -> None:
        with by_hand_transaction(db):
            for payload in payloads:
                _take(db, payload)
        assert file.path

    return step


def loop_singly(_stream: Stream) -> Step:
    """The loop by hand: a commit for each payload."""
    file = File()
    db = _open(file.path)

    def step(payloads: Stream) -> None:
        for payload in payloads:
            with by_hand_transaction(db):
                _take(db, payload)
        assert file.path

    return step


def _open(path: Path) -> apsw.Connection:
    db = apsw.Connection(str(path))
    db.execute("PRAGMA journal_mode = WAL").fetchall()
    db.execute("PRAGMA synchronous = FULL")
    db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    db.execute(SCHEMA).fetchall()
    return db


@contextmanager
def by_hand_transaction(db: apsw.Connection) -> Iterator[None]:
    """One transaction, as plainly as it can be written."""
    db.execute("BEGIN IMMEDIATE")
    yield
    db.execute("COMMIT")


def _take(db: apsw.Connection, arrival: Arrival) -> None:
    event = parse(arrival.payload, arrival.received_at)
    found = db.execute("SELECT status FROM account WHERE account_id = ?", (event.account_id,)).fetchall()
    status = CHAIN[str(found[0][0]) if found else "UNSEEN", event.status]
    at = int(event.received_at.timestamp() * 1_000_000)
    db.execute(
        "INSERT INTO journal (account_id, received_at, status, payload) VALUES (?, ?, ?, ?)",
        (event.account_id, at, event.status, event.payload),
    )
    db.execute(
        "INSERT INTO account VALUES (?, ?, ?, ?) ON CONFLICT (account_id) DO UPDATE SET"
        " status = excluded.status, provider = excluded.provider, changed_at = excluded.changed_at",
        (event.account_id, status, event.provider, at),
    )

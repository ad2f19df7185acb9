"""The store in one file: SQLite through apsw, in WAL mode, synced at every commit.

Knows transactions and statements; it must never judge. One writing connection is shared between threads
behind a lock; every streaming read has a connection, and so a consistent snapshot, of its own.
"""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any

import apsw

from ..errors import StoreError
from ..lifecycle.account import Account
from ..lifecycle.anomalies import KINDS
from ..lifecycle.decide import Decision
from ..lifecycle.events import Event
from ..lifecycle.explain import Anomaly
from ..lifecycle.status import Status
from ..lifecycle.windows import BlindWindow
from ..ports import (
    AccountFilter,
    AuditFilter,
    Decide,
    Delivery,
    EffectRow,
    LedgerEntry,
    Quarantined,
    Refused,
    Settlement,
)
from . import rows
from .sql import migrations, statements

APPLICATION_ID = 0x41434C43
"""What marks a SQLite file as one of ours ("ACLC")."""
BUSY_TIMEOUT_MS = 10_000
"""How long to wait for another process that is writing, in milliseconds."""
CACHE_KIB = 32 * 1024
"""How much of the file the writing connection may hold in memory: a seventh of the time of feeding a long log."""
REMEMBERED_ACCOUNTS = 5_000
"""How many accounts are kept at hand between transactions; more would cost the garbage collector what it saves."""

_SQL = statements("sqlite")


class SQLiteStore:
    """Everything in one SQLite file, made if it is not there. Safe to share between threads.

    Raises ``StoreError`` when the file cannot be opened, is not one of ours, or was made by a newer version.
    """

    def __init__(self, path: Path) -> None:
        check_library(apsw.sqlite_lib_version())
        self._path = path = path.absolute()  # the working directory may change
        self._lock = RLock()
        self._remembered: dict[str, Account] = {}
        self._remembered_version = -1
        with _told_plainly(path):
            self._db = _connect(path, apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
            try:
                self._db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
                _prepare(self._db, path)
            except BaseException:
                self._db.close()
                raise

    def close(self) -> None:
        """Release the file; closing twice is harmless."""
        with self._lock:
            self._db.close()

    # ---- Ledger ----------------------------------------------------------------------------------

    def advance(self, events: Sequence[Event], decide: Decide) -> list[Decision]:
        """Judge events in order and keep everything, in one transaction."""
        with self._lock:
            with self._transaction() as db:
                accounts = self._current({event.account_id for event in events})
                decisions = []
                for event in events:
                    account = accounts.get(event.account_id) or Account(event.account_id)
                    decision = decide(account, event)
                    accounts[event.account_id] = decision.account
                    decisions.append(decision)
                _write(db, decisions, accounts.values())
            self._remember(accounts)  # only what was committed, and before anybody else writes
        return decisions

    def _current(self, account_ids: set[str]) -> dict[str, Account]:
        """Accounts as they are now: remembered ones only if nobody else has written since."""
        version = _pragma(self._db, "data_version")
        if version != self._remembered_version:
            self._remembered.clear()
            self._remembered_version = version
        found = {account_id: self._remembered[account_id] for account_id in account_ids & self._remembered.keys()}
        unknown = account_ids - found.keys()
        return {**found, **self._load(unknown)} if unknown else found

    def _remember(self, accounts: dict[str, Account]) -> None:
        """Keep what was just committed at hand, for the next events of the same accounts."""
        if len(self._remembered) > REMEMBERED_ACCOUNTS:
            self._remembered.clear()
        self._remembered.update(accounts)

    def _load(self, account_ids: set[str]) -> dict[str, Account]:
        where = "WHERE a.account_id IN (SELECT value FROM json_each(?))"
        found = self._db.execute(_SQL["load_accounts"].format(where=where), (json.dumps(list(account_ids)),))
        return {row[0]: rows.account_from(row) for row in found}

    def quarantine(self, refused: Sequence[Refused]) -> list[int]:
        """Keep unreadable payloads, in one transaction; their numbers."""
        with self._transaction() as db:
            columns = [(rows.to_us(r.received_at), r.payload, r.size, r.field, r.reason) for r in refused]
            return [number for row in columns for (number,) in db.execute(_SQL["quarantine"], row)]

    # ---- Reader ----------------------------------------------------------------------------------

    def account(self, account_id: str) -> Account | None:
        """The account as it is now, or None if nothing was ever fed for it."""
        with self._lock, _told_plainly(self._path):
            return self._load({account_id}).get(account_id)

    def accounts(self, wanted: AccountFilter) -> Iterator[Account]:
        """Accounts in the order of their ids."""
        columns = zip(("status", "health", "provider"), wanted, strict=True)
        clauses = [(f"a.{column} = ?", value) for column, value in columns if value is not None]
        return map(rows.account_from, self._stream("load_accounts", clauses, "ORDER BY a.account_id"))

    def history(self, account_id: str) -> Iterator[LedgerEntry]:
        """Every event of one account, oldest first."""
        found = self._stream("ledger", [("e.account_id = ?", account_id)], "ORDER BY e.sequence, a.ordinal")
        return rows.entries_from(found)

    def ledger(self) -> Iterator[LedgerEntry]:
        """Every event of every account, in the order in which they were fed."""
        return rows.entries_from(self._stream("ledger", [], "ORDER BY e.event_id, a.ordinal"))

    def audit(self, wanted: AuditFilter) -> Iterator[Anomaly]:
        """Anomalies in the order in which their events were fed."""
        clauses: list[tuple[str, Any]] = []
        if wanted.kind is not None:
            clauses.append(("a.kind = ?", wanted.kind))
        if wanted.severity is not None:
            kinds = [kind for kind, row in KINDS.items() if row.severity is wanted.severity]
            clauses.append(("a.kind IN (SELECT value FROM json_each(?))", json.dumps(kinds)))
        if wanted.account_id is not None:
            clauses.append(("e.account_id = ?", wanted.account_id))
        if wanted.provider is not None:
            clauses.append(("a.provider = ?", wanted.provider))
        if wanted.since is not None:
            clauses.append(("e.received_at >= ?", rows.to_us(wanted.since)))
        if wanted.until is not None:
            clauses.append(("e.received_at < ?", rows.to_us(wanted.until)))
        return map(rows.anomaly_from, self._stream("audit", clauses))

    def quarantined(self) -> Iterator[Quarantined]:
        """Unreadable payloads, oldest first."""
        return map(rows.quarantined_from, self._stream("quarantined", []))

    def blind_windows(self, account_id: str | None, *, open_only: bool) -> Iterator[BlindWindow]:
        """Blind windows in the order in which they opened."""
        clauses: list[tuple[str, Any]] = []
        if account_id is not None:
            clauses.append(("account_id = ?", account_id))
        if open_only:
            clauses.append(("closed_at IS ?", None))
        return map(rows.window_from, self._stream("blind_windows", clauses))

    def transient(self, statuses: Sequence[Status]) -> Iterator[Account]:
        """Accounts that are in one of these statuses and not yet stuck."""
        clauses = [("a.is_stuck = ?", 0), ("a.status IN (SELECT value FROM json_each(?))", json.dumps(statuses))]
        return map(rows.account_from, self._stream("load_accounts", clauses))

    def _stream(self, name: str, clauses: list[tuple[str, Any]], order: str = "") -> Iterator[rows.Row]:
        """A statement's rows one by one, from a snapshot of their own."""
        where = " AND ".join(clause for clause, _ in clauses)
        sql = _SQL[name].replace("{where}", f"WHERE {where}" if where else "")
        with _told_plainly(self._path):
            self._db.in_transaction  # noqa: B018 - a store that is closed says so
            db = _connect(self._path, apsw.SQLITE_OPEN_READWRITE)
            try:
                yield from db.execute(f"{sql} {order}", tuple(value for _, value in clauses))
            finally:
                db.close()

    # ---- Outbox ----------------------------------------------------------------------------------

    def pending(self, limit: int) -> list[EffectRow]:
        """The oldest effects that no process with hooks has looked at yet."""
        return self._pending("pending", (limit,))[:limit]

    def pending_of(self, events: Sequence[tuple[str, int]]) -> list[EffectRow]:
        """Those of some events, given by account id and sequence, in the order in which they were fed."""
        return self._pending("pending_of", (json.dumps(events),))

    def _pending(self, name: str, bindings: tuple[Any, ...]) -> list[EffectRow]:
        with self._lock, _told_plainly(self._path):
            found = _all(self._db, _SQL[name], bindings)
            ids = [effect_id for event_id, mask in found for effect_id in rows.effect_ids(event_id, mask)]
            effects = self._effects(ids)
            return [effects[effect_id] for effect_id in ids]

    def _effects(self, effect_ids: Sequence[int]) -> dict[int, EffectRow]:
        """Effects by their ids, with whatever else their events have."""
        event_ids = json.dumps([event_id for _, event_id in rows.masks(effect_ids)])
        where = "WHERE e.event_id IN (SELECT value FROM json_each(?))"
        anomalies: dict[tuple[str, int], list[Anomaly]] = {}
        for row in self._db.execute(_SQL["audit"].format(where=where), (event_ids,)):
            anomaly = rows.anomaly_from(row)
            anomalies.setdefault((anomaly.account_id, anomaly.sequence), []).append(anomaly)
        found = _all(self._db, _SQL["effects"], (event_ids,))
        return {e.effect_id: e for row in found for e in rows.effect_rows_from(row, anomalies.get(row[2:4], []))}

    def due(self, hooks: Sequence[str], limit: int, after: tuple[int, str] = (-1, "")) -> list[Delivery]:
        """Deliveries that failed and are due again, for these hooks, past ``after`` (effect id, hook)."""
        with self._lock, _told_plainly(self._path):
            found = _all(self._db, _SQL["due"], (*after, json.dumps(hooks), limit))
            effects = self._effects([effect_id for effect_id, _, _ in found])
            return [Delivery(effects[effect_id], hook, attempts) for effect_id, hook, attempts in found]

    def settle(self, effect_ids: Sequence[int], settlements: Sequence[Settlement]) -> None:
        """Effects that were looked at, and what became of their deliveries, in one transaction."""
        with self._transaction() as db:
            db.executemany(_SQL["settle_effect"], rows.masks(effect_ids))
            db.executemany(
                _SQL["settle_delivery"],
                [
                    (s.effect_id, s.hook, s.attempts, rows.to_us(s.settled_at), int(s.error is None), s.error)
                    for s in settlements
                ],
            )

    @contextmanager
    def _transaction(self) -> Iterator[apsw.Connection]:
        """One writing transaction: all of it is kept, or nothing."""
        with self._lock, _told_plainly(self._path), _transaction(self._db, "IMMEDIATE"):
            yield self._db


def _write(db: apsw.Connection, decisions: Sequence[Decision], accounts: Any) -> None:
    """Everything that decisions changed, table by table."""
    last = _all(db, _SQL["last_event_id"])[0][0]
    numbered = list(enumerate(decisions, last + 1))
    db.executemany(_SQL["save_event"], [rows.event_row(number, d) for number, d in numbered])
    anomalies = [row for number, d in numbered if d.anomalies for row in rows.anomaly_rows(number, d)]
    if anomalies:
        db.executemany(_SQL["save_anomaly"], anomalies)
    windows = [rows.window_row(d, d.blind_window) for d in decisions if d.blind_window is not None]
    if windows:
        db.executemany(_SQL["save_window"], windows)
    effects = [rows.effects_row(number, d.effects) for number, d in numbered if d.effects]
    if effects:
        db.executemany(_SQL["save_effects"], effects)
    db.executemany(_SQL["save_account"], [rows.account_row(account) for account in accounts])


# ---- Opening -------------------------------------------------------------------------------------


def check_library(version: str) -> None:
    """Refuse a SQLite that can lose committed transactions when it resets its write-ahead log.

    The flaw was mended in 3.51.3, and in 3.50.7 and 3.44.6 for those who stay on the older branches.
    """
    parts = tuple(int(part) for part in version.split("."))
    mended = parts >= (3, 51, 3) or (3, 50, 7) <= parts < (3, 51) or (3, 44, 6) <= parts < (3, 45)
    if not mended:
        raise StoreError(
            f"SQLite {version} can lose committed events when it resets its write-ahead log. "
            "Install apsw 3.51.3 or newer, which brings a SQLite in which that is mended."
        )


def _connect(path: Path, flags: int) -> apsw.Connection:
    db = apsw.Connection(str(path), flags=flags)
    db.set_busy_timeout(BUSY_TIMEOUT_MS)
    db.execute("PRAGMA synchronous = FULL")
    return db


def _prepare(db: apsw.Connection, path: Path) -> None:
    """Make a new file ours, bring an old one up to date, refuse anybody else's; wait while another process does."""
    patience_ends = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            _check(db, path)
            _migrate(db)
            if _pragma(db, "journal_mode") != "wal":
                _all(db, "PRAGMA journal_mode = WAL")
            return
        except apsw.BusyError:  # SQLite itself does not wait for a change of the journal mode
            if time.monotonic() > patience_ends:
                raise
            time.sleep(0.02)


def _check(db: apsw.Connection, path: Path) -> None:
    """Refuse a file that another program, or a newer version, has made."""
    with _transaction(db, "DEFERRED"):
        application_id, version = _pragma(db, "application_id"), _pragma(db, "user_version")
        is_new = application_id == 0 and _pragma(db, "schema_version") == 0
    if application_id != APPLICATION_ID and not is_new:
        raise StoreError(f"{path} is a SQLite file of another program. Name a file of your own.")
    if version > len(migrations("sqlite")):
        raise StoreError(
            f"{path} has schema version {version}, but this version of account-lifecycle knows only "
            f"{len(migrations('sqlite'))}. Install the newer version that made it."
        )


def _migrate(db: apsw.Connection) -> None:
    """Run the migrations that are missing, each in one transaction of its own."""
    for number, script in enumerate(migrations("sqlite"), 1):
        if _pragma(db, "user_version") >= number:
            continue
        with _transaction(db, "IMMEDIATE"):
            if _pragma(db, "user_version") < number:  # or else another process was faster
                _all(db, script)  # apsw stops at the first row of several statements unless exhausted
                _all(db, f"PRAGMA application_id = {APPLICATION_ID}")
                _all(db, f"PRAGMA user_version = {number}")


def _pragma(db: apsw.Connection, name: str) -> Any:
    return _all(db, f"PRAGMA {name}")[0][0]


def _all(db: apsw.Connection, sql: str, bindings: tuple[Any, ...] = ()) -> list[rows.Row]:
    return db.execute(sql, bindings).fetchall()


@contextmanager
def _transaction(db: apsw.Connection, mode: str) -> Iterator[None]:
    """One transaction. IMMEDIATE holds the write lock from its start, so that what it reads cannot be overtaken."""
    db.execute(f"BEGIN {mode}")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


@contextmanager
def _told_plainly(path: Path) -> Iterator[None]:
    """SQLite's errors in our words."""
    try:
        yield
    except apsw.Error as error:
        raise StoreError(f"{path}: {_advice(error)} SQLite says: {error}.") from error


def _advice(error: apsw.Error) -> str:
    for kind, advice in _ADVICE.items():
        if isinstance(error, kind):
            return advice
    return "the store failed; nothing of this call was kept."


_ADVICE: dict[type[apsw.Error], str] = {
    apsw.BusyError: f"another process has been writing for {BUSY_TIMEOUT_MS // 1000} s. Feed the same again.",
    apsw.CantOpenError: "the file cannot be opened or made. Check that its folder exists and may be written.",
    apsw.NotADBError: "this is not a SQLite file. Name another one.",
    apsw.ReadOnlyError: "the file may not be written. Check its permissions.",
    apsw.FullError: "the disk is full; nothing of this call was kept. Make room and feed the same again.",
    apsw.CorruptError: "the file is damaged. Restore a backup.",
    apsw.ConnectionClosedError: "the store is closed. Open the engine again.",
}

"""The reading side: each answer and each stream has a snapshot of its own."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import apsw
from typing_extensions import override

from ...errors import StoreError
from ...lifecycle.account import Account
from ...lifecycle.events import NOBODY
from ...lifecycle.status import Status
from .. import chain, rows, statements
from ..fleet_reading import Clause, Read
from ..reading import SQLReader
from ..reconciliations import Listing
from ..rows import Row
from .connection import damaged, every, has_tables
from .ledger import last_link, load
from .transactions import SQLiteFile

_SQL = statements("sqlite")


class SQLiteReader(SQLiteFile, SQLReader):
    """``Reader``, and what of ``Prover`` only reads."""

    is_one_chain = True

    @override
    def accounts_by_id(self, account_ids: Sequence[str]) -> dict[str, Account]:
        """Return several accounts at once; those that nothing was fed for are missing."""
        found = self._ask(lambda db: load(db, account_ids))
        return {row[0]: rows.account_from(row[: rows.ACCOUNT_COLUMNS]) for row in found}

    def check_schema(self) -> None:
        """Raise ``StoreError`` unless the file can be read and its tables are of this version."""
        if not self._ask(lambda db: has_tables(db, self.path)):
            raise StoreError(f"{self.path}: the tables are gone. Restore a backup.")

    @override
    def differing(self, listed: Sequence[Listing]) -> list[str]:
        """Return the ids of those accounts that are not so surely as they are listed that they need not be read."""
        if not listed:
            return []
        sql = _SQL["differing"].replace("{rows}", ", ".join(["(?, ?, ?)"] * len(listed)))
        values = tuple([value for each in listed for value in each])
        return [row[0] for row in self._ask(lambda db: every(db, sql, values))]

    @override
    def account_ids(self, statuses: Sequence[Status], after: str = NOBODY, limit: int = 1_000) -> list[str]:
        """Return at most ``limit`` ids of accounts in these statuses, in their order, ``after`` an id."""
        asked = after, json.dumps(statuses), limit
        return [row[0] for row in self._ask(lambda db: every(db, _SQL["account_ids"], asked))]

    def head(self) -> str:
        """Return what stands for the ledger: the digest of its last event, with what was pruned if anything was."""
        return self._ask(_head).hex()

    def links(self) -> Iterator[bytes]:
        """Yield what the chain ended in once: the digest of each event."""
        return (bytes(digest) for (digest,) in self._stream("SELECT digest FROM event ORDER BY event_id"))

    @override
    def _read(
        self,
        make: Callable[[Iterator[Row]], Iterator[Read]],
        name: str,
        clauses: Sequence[Clause] = (),
        order: str = "",
    ) -> Iterator[Read]:
        where, bindings = [], list[Any]()
        for column, value, comparison in clauses:
            if value is None:
                where.append(f"{column} IS NULL")
            elif isinstance(value, tuple):
                where.append(f"{column} {comparison} ({', '.join('?' for _ in value)})")
                bindings += value
            elif comparison == "IN":
                where.append(f"{column} IN (SELECT value FROM json_each(?))")
                bindings.append(json.dumps(value))
            else:
                where.append(f"{column} {comparison} ?")
                bindings.append(value)
        clause = f"WHERE {' AND '.join(where)}" if where else ""
        sql = _SQL[name].replace("{where}", f"{clause}\n{order}")
        try:
            yield from make(self._stream(sql, tuple(bindings)))
        except (ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
            raise damaged(self.path, error) from error


def _head(db: apsw.Connection) -> bytes:
    segments = [rows.segment_from(row) for row in every(db, _SQL["segments"])]
    return chain.committed(last_link(db)[1], chain.commitment(segments))

"""The reading side: each stream has a connection and a snapshot of its own."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from typing_extensions import override

from ...lifecycle.account import Account
from ...lifecycle.events import NOBODY
from ...lifecycle.status import Status
from .. import rows
from ..fleet_reading import Clause, Read
from ..reading import SQLReader
from ..reconciliations import Listing
from ..rows import Row
from .connection import check_version
from .transactions import Transactions


class PostgresReader(SQLReader):
    """``Reader``, and what of ``Prover`` only reads."""

    _transactions: Transactions

    @override
    def accounts_by_id(self, account_ids: Sequence[str]) -> dict[str, Account]:
        """Return several accounts at once; those that nothing was fed for are missing."""
        where = "WHERE a.account_id = ANY(%s)"
        found = self._transactions.rows("load_accounts", (list(account_ids),), where=where)
        return {row[0]: rows.account_from(row) for row in found}

    def check_schema(self) -> None:
        """Raise ``StoreError`` unless the database can be read and its tables are of this version."""
        self._transactions.read(lambda connection: check_version(connection, self._transactions.place))

    @override
    def differing(self, listed: Sequence[Listing]) -> list[str]:
        """Return the ids of those accounts that are not so surely as they are listed that they need not be read."""
        columns = [list(column) for column in zip(*listed, strict=True)]
        return [row[0] for row in self._transactions.rows("differing", columns)] if listed else []

    @override
    def account_ids(self, statuses: Sequence[Status], after: str = NOBODY, limit: int = 1_000) -> list[str]:
        """Return at most ``limit`` ids of accounts in these statuses, in their order, ``after`` an id."""
        asked = after, [status.value for status in statuses], limit
        return [row[0] for row in self._transactions.rows("account_ids", asked)]

    @override
    def _read(
        self,
        make: Callable[[Iterator[Row]], Iterator[Read]],
        name: str,
        clauses: Sequence[Clause] = (),
        order: str = "",
    ) -> Iterator[Read]:
        where, values = [], list[Any]()
        for column, value, comparison in clauses:
            if value is None:
                where.append(f"{column} IS NULL")
            elif isinstance(value, tuple):
                where.append(f"{column} {comparison} ({', '.join('%s' for _ in value)})")
                values += value
            else:
                where.append(f"{column} = ANY(%s)" if comparison == "IN" else f"{column} {comparison} %s")
                values.append(value)
        clause = f"WHERE {' AND '.join(where)}" if where else ""
        return make(self._transactions.stream(name, values, where=f"{clause}\n{order}"))

"""The reading side: each answer and each stream has a snapshot of its own."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from typing_extensions import override

from ...errors import StoreError
from ...lifecycle.account import Account
from .. import statements
from ..reading import Clause, Read, SQLReader
from ..rows import Row
from .ledger import last_link, load
from .transactions import SQLiteFile

_SQL = statements("sqlite")


class SQLiteReader(SQLiteFile, SQLReader):
    """``Reader``, and what of ``Prover`` only reads."""

    @override
    def accounts_by_id(self, account_ids: Sequence[str]) -> dict[str, Account]:
        """Return several accounts at once; those that nothing was fed for are missing."""
        return self._ask(lambda db: load(db, account_ids))

    def head(self) -> str:
        """Return what stands for the whole ledger, in hexadecimal: the digest of its last event."""
        return self._ask(last_link)[1].hex()

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
            elif comparison == "IN":
                where.append(f"{column} IN (SELECT value FROM json_each(?))")
                bindings.append(json.dumps(value))
            else:
                where.append(f"{column} {comparison} ?")
                bindings.append(value)
        sql = _SQL[name].replace("{where}", f"WHERE {' AND '.join(where)}" if where else "")
        try:
            yield from make(self._stream(f"{sql}\n{order}", tuple(bindings)))
        except (ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
            raise StoreError(
                f"{self.path}: a row is damaged ({error}). `account-lifecycle verify` names it; restore a backup."
            ) from error

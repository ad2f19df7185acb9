"""Runs over the vendor's list, one at a time, whichever process they are in."""

from datetime import datetime

import apsw

from .. import statements
from ..reconciliations import Reconciliation, run_from, run_row, starting
from .connection import every
from .outbox import note_number
from .transactions import SQLiteFile

_SQL = statements("sqlite")
_LAST = 2**63 - 1


class SQLiteReconciler(SQLiteFile):
    """``Reconciler``."""

    def begin_reconciliation(self, now: datetime, leased_until: datetime) -> int:
        """Begin a run and return its number; raise ``StoreBusy`` while another is running whose lease lasts."""

        def write(db: apsw.Connection) -> int:
            ((last,),) = every(db, _SQL["last_reconciliation"])
            for run in starting(_running(db), last, now, leased_until):
                db.execute(_SQL["save_reconciliation"], run_row(run))
            note_number(db, "reconciliation", last + 1)
            return int(last) + 1

        return self._write(write)

    def renew_reconciliation(self, number: int, leased_until: datetime) -> bool:
        """Lengthen a run's lease; return False if it has ended or was lost to another."""

        def write(db: apsw.Connection) -> bool:
            running = _running(db)
            if running is None or running.number != number:
                return False
            db.execute(_SQL["save_reconciliation"], run_row(running._replace(leased_until=leased_until)))
            return True

        return self._write(write)

    def end_reconciliation(self, run: Reconciliation) -> bool:
        """Keep what came of a run; return False if it was lost to another."""

        def write(db: apsw.Connection) -> bool:
            running = _running(db)
            if running is None or running.number != run.number:
                return False
            db.execute(_SQL["save_reconciliation"], run_row(run._replace(leased_until=None)))
            return True

        return self._write(write)

    def reconciliations(self, limit: int, before: int | None = None) -> list[Reconciliation]:
        """Return the newest runs, ``before`` a number, newest first."""
        bindings = _LAST if before is None else before, limit
        return self._ask(lambda db: [run_from(row) for row in every(db, _SQL["reconciliations"], bindings)])


def _running(db: apsw.Connection) -> Reconciliation | None:
    return next(map(run_from, every(db, _SQL["running_reconciliation"])), None)

"""Runs over the vendor's list, one at a time, whichever process they are in: they begin and end under one lock."""

from datetime import datetime

from ..reconciliations import Reconciliation, run_from, run_row, starting
from .transactions import Transaction, Transactions

_LAST = 2**63 - 1


class PostgresReconciler:
    """``Reconciler``."""

    _transactions: Transactions

    def begin_reconciliation(self, now: datetime, leased_until: datetime) -> int:
        """Begin a run and return its number; raise ``StoreBusy`` while another is running whose lease lasts."""

        def write(transaction: Transaction[int]) -> int:
            running = _running(transaction)
            if running is not None and running.number == transaction.earlier and running.started_at == now:
                return running.number  # the attempt whose outcome was not known was kept
            ((last,),) = transaction.ask("last_reconciliation")
            runs = starting(running, last, now, leased_until)
            for run in runs:
                transaction.put_off("save_reconciliation", [run_row(run)])
            transaction.put_off("number_reconciliation", [(runs[-1].number,)])
            return runs[-1].number

        return self._transactions.run(write)

    def renew_reconciliation(self, number: int, leased_until: datetime) -> bool:
        """Lengthen a run's lease; return False if it has ended or was lost to another."""

        def write(transaction: Transaction[bool]) -> bool:
            running = _running(transaction)
            if running is None or running.number != number:
                return False
            transaction.put_off("save_reconciliation", [run_row(running._replace(leased_until=leased_until))])
            return True

        return self._transactions.run(write)

    def end_reconciliation(self, run: Reconciliation) -> bool:
        """Keep what came of a run; return False if it was lost to another."""

        def write(transaction: Transaction[bool]) -> bool:
            running = _running(transaction)
            if running is None or running.number != run.number:
                return transaction.earlier is True
            transaction.put_off("save_reconciliation", [run_row(run._replace(leased_until=None))])
            return True

        return self._transactions.run(write)

    def reconciliations(self, limit: int, before: int | None = None) -> list[Reconciliation]:
        """Return the newest runs, ``before`` a number, newest first."""
        found = self._transactions.rows("reconciliations", (_LAST if before is None else before, limit))
        return [run_from(row) for row in found]


def _running(transaction: Transaction[int] | Transaction[bool]) -> Reconciliation | None:
    """Return the run that has not ended; nobody else begins or ends one until the transaction is over."""
    with transaction.round():
        transaction.execute("reconciling")
    return next(map(run_from, transaction.ask("running_reconciliation")), None)

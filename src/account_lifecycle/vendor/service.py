"""Reconciling again and again, in a thread beside whatever else a process does.

As many processes as there are may each have one: a run begins when the last one of any of them began long enough ago,
and the store lets only one be under way. The first run ever is silent: a fleet that is connected already calls no hook
for being known.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from threading import Event, Thread
from typing import Self

from ..engine.core import Engine
from ..engine.listed import whole_since
from ..errors import StoreBusy, StoreError, VendorUnavailable, logger
from ..hooks.confirming import AskVendor
from ..stores.reconciliations import Reconciliation
from .reconcile import VendorList, asking, reconcile
from .records import VendorAccount

RECONCILE_EVERY = timedelta(minutes=15)
"""How often the list is read by default."""
LONGEST_LOOK = timedelta(minutes=1)
"""How long the thread waits at most until it looks at the clock again."""
STOPPING_S = 10.0
"""How long a run that is under way is waited for at the end, in seconds: it ends with the page that it has."""


class Reconciling:
    """Reconciles every so long, from when it is entered until it is left.

    ``on_run`` is called with each run that has ended. A run that fails is logged, and the next one comes in its turn.
    """

    def __init__(
        self,
        engine: Engine,
        client: VendorList,
        every: timedelta = RECONCILE_EVERY,
        on_run: Callable[[Reconciliation], object] | None = None,
    ) -> None:
        self._engine, self._client, self._every, self._on_run = engine, client, every, on_run
        self._is_over = Event()
        self._thread = Thread(target=self._work, name="account-lifecycle reconciling", daemon=True)

    @property
    def ask(self) -> AskVendor:
        """What asks the same vendor for one account, for ``engine.start_runner(ask=…)``."""
        return asking(self._engine, self._client)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self, timeout_s: float = STOPPING_S) -> bool:
        """Begin no further run and wait for one that is under way; return False if it runs on after ``timeout_s``."""
        self._is_over.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while not self._is_over.is_set():
            left = LONGEST_LOOK
            try:
                left = self._time_left()
                if left <= timedelta(0):
                    left = LONGEST_LOOK
                    self._run()
                    left = timedelta(0)
            except StoreBusy:
                pass  # another process is at it
            except StoreError as error:
                logger().warning("not reconciled: the store cannot be used", error=str(error))
            except Exception as error:  # whatever it is: the next run may go better
                logger().error("not reconciled", error=str(error), exc_info=error)
            self._is_over.wait(min(left, LONGEST_LOOK).total_seconds())

    def _time_left(self) -> timedelta:
        """Return how long it is until the next run; nothing or less if it is due."""
        last, now = self._engine.last_reconciliation(), self._engine.now()
        if last is None:
            return timedelta(0)
        begins_at = last.started_at + self._every
        if last.leased_until is not None:
            begins_at = max(begins_at, last.leased_until)
        return begins_at - now

    def _run(self) -> None:
        """Make one run, and log what came of it."""
        until_over = _UntilOver(self._client, self._is_over)
        run = reconcile(self._engine, until_over, adopt=whole_since(self._engine.store) is None)
        facts = {"listed": run.listed, "drifted": run.drifted, "adopted": run.adopted, "vanished": run.vanished}
        if run.problem:
            logger().warning("reconciled in part", **facts, error=run.problem)
        else:
            logger().info("reconciled", **facts)
        if self._on_run is not None:
            self._on_run(run)


class _UntilOver:
    """A vendor's list that ends with an error once its reader is to stop."""

    def __init__(self, client: VendorList, is_over: Event) -> None:
        self._client, self._is_over = client, is_over

    def accounts(self) -> Iterator[VendorAccount]:
        """Yield every account."""
        for account in self._client.accounts():
            if self._is_over.is_set():
                raise VendorUnavailable("The list", "this process is being stopped", "The next run reads all of it.")
            yield account

    def account(self, account_id: str) -> VendorAccount | None:
        """Return an account as it is now."""
        return self._client.account(account_id)

"""The proofs of life that runs over the vendor's list are.

A run that was whole wrote nothing of an account that was OK, as it is on record: its time is the account's last proof
of life all the same. It matters when OK is announced of an account that is OK, because an outage in between went
unheard: that was after the run, and not somewhere in the months since the account was last heard of. So what the run
saw is judged first, as the observation that it was, and becomes an event like any other: judging the ledger again
comes to the same.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from ..lifecycle.account import Account
from ..lifecycle.decide import Decision
from ..lifecycle.definition import PROVES_LIFE
from ..lifecycle.events import Event, StatusAnnounced, StatusObserved
from ..lifecycle.providers import PROFILES
from ..records import Judge
from ..stores.protocol import Store

LOOKED_FOR = timedelta(minutes=1)
"""How often the last run is looked up, at most."""
_RUNS = 10
"""Among so many of the newest runs one is looked for that was whole."""


class Listed:
    """The last run over the vendor's list that was whole. May be used by several threads at once."""

    def __init__(self, store: Store, judge: Judge) -> None:
        self._store = store
        self._judge = judge
        self._looked_at: datetime | None = None
        self._lived_at: datetime | None = None

    def look(self, events: Sequence[Event], now: datetime) -> None:
        """Look up the last run, unless it was looked up just now or no event depends on it."""
        is_fresh = self._looked_at is not None and timedelta(0) <= now - self._looked_at < LOOKED_FOR
        if is_fresh or not any(map(_depends, events)):
            return
        self._looked_at, self._lived_at = now, whole_since(self._store)

    def judge(self, account: Account, event: Event) -> list[Decision]:
        """Judge an event after the proof of life that the last run is, where it depends on that."""
        at = self._lived_at
        if at is None or not _depends(event) or not was_seen(account, at) or at >= event.received_at:
            return self._judge(account, event)
        seen = self._judge(account, StatusObserved(account.account_id, PROVES_LIFE, at))
        return seen + self._judge(seen[-1].after, event)


def whole_since(store: Store) -> datetime | None:
    """Return when the last run began that was whole: every account was then as the list had it, or is on record."""
    return next((run.started_at for run in store.reconciliations(_RUNS) if run.is_whole), None)


def was_seen(account: Account, at: datetime) -> bool:
    """Return whether a whole run at a time has seen an account to be OK and written nothing of it."""
    is_listed = account.provider is None or account.provider in PROFILES
    is_older = account.newest_at is not None and account.newest_at < at
    return account.status is PROVES_LIFE and is_listed and is_older and account.memory.absent_since is None


def _depends(event: Event) -> bool:
    return type(event) is StatusAnnounced and event.status == PROVES_LIFE

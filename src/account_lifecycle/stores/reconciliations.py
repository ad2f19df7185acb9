"""Runs over the vendor's list: one row for each, by which two at once are kept apart, and which says what came of it.

A run begins with a row that has a lease, and ends by completing it. While a lease lasts no other run begins, in
whichever process. The row of a run that crashed has a lease that runs out: the next run closes it as broken off.

A run whose list was read to its end writes nothing of an account that is as the list has it. Its row stands for all of
them: ``started_at`` is a proof of life of each account that was OK then (``Reconciliation.is_whole``).
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from ..errors import StoreBusy
from ..lifecycle.anomalies import AnomalyKind
from ..lifecycle.wording import JsonObject, moment, time_text
from ..records import Fault
from . import chain
from .rows import Row, from_us, maybe_time, maybe_us, to_us

BROKEN_OFF = "it broke off: its process died, or could not reach the store"
"""The problem of a run whose lease has run out."""
_NONE: Mapping[str, int] = MappingProxyType({})


class Listing(NamedTuple):
    """What the vendor's list says of an account, where all of its sources say the same."""

    account_id: str
    status: str
    provider: str


class Reconciliation(NamedTuple):
    """A run over the vendor's list, and what came of it."""

    number: int
    """From 1 without gaps; 0 for a dry run, which has no row."""
    started_at: datetime
    ended_at: datetime | None = None
    """None as long as it runs."""
    leased_until: datetime | None = None
    """While it runs: until when no other may begin."""
    is_whole: bool = False
    """Whether the list was read to its end, and accounts that are not in it were looked for."""
    problem: str = ""
    """Why it is not whole; blank if it is."""
    listed: int = 0
    """How many accounts of the list were compared."""
    equal: int = 0
    """Of how many of them the list said nothing new, so that nothing was written."""
    adopted: int = 0
    """How many were never heard of before."""
    followed: int = 0
    """How many were found to be OK, which is not announced to you."""
    settled: int = 0
    """How many doubts the list settled: it says what is on record."""
    missing: int = 0
    """How many accounts on record the list does not have, and did have when it was last looked at."""
    unreadable: int = 0
    """How many entries of the list could not be read."""
    drift: Mapping[str, int] = _NONE
    """How many accounts were not as the list has them, by what they were and what they are, such as ``OK → ERROR``."""
    anomalies: Mapping[str, int] = _NONE
    """How many anomalies were found, by kind."""
    skipped: Mapping[str, int] = _NONE
    """How many entries are of types that are not followed, by type."""

    @property
    def vanished(self) -> int:
        """How many accounts the list has no more."""
        return self.anomalies.get(AnomalyKind.VANISHED, 0)

    @property
    def not_deleted(self) -> int:
        """How many accounts are deleted, and yet on the list."""
        return self.anomalies.get(AnomalyKind.NOT_DELETED, 0)

    @property
    def drifted(self) -> int:
        """How many accounts were not as the list has them."""
        return sum(self.drift.values())

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.ended_at is None

    def __str__(self) -> str:
        which = f"reconciliation {self.number}" if self.number else "dry run"
        became = "running" if self.is_running else self.problem or f"{self.listed:,} listed, {self.drifted:,} drifted"
        return f"{which} of {moment(self.started_at)}: {became}"

    def to_dict(self) -> JsonObject:
        """Return the run as a JSON object."""
        return {
            "number": self.number,
            "started_at": time_text(self.started_at),
            "ended_at": time_text(self.ended_at),
            "is_whole": self.is_whole,
            "problem": self.problem,
            **{name: getattr(self, name) for name in _COUNTS},
            "drifted": self.drifted,
            "vanished": self.vanished,
            "not_deleted": self.not_deleted,
            **{name: dict(getattr(self, name)) for name in _TABLES},
        }


_COUNTS = ("listed", "equal", "adopted", "followed", "settled", "missing", "unreadable")
_TABLES = ("drift", "anomalies", "skipped")


def run_row(run: Reconciliation) -> Row:
    """Return a run's columns, in the table's order, its digest last."""
    counts = {name: getattr(run, name) for name in _COUNTS}
    tables = {name: dict(sorted(getattr(run, name).items())) for name in _TABLES}
    columns = (
        run.number,
        to_us(run.started_at),
        maybe_us(run.ended_at),
        maybe_us(run.leased_until),
        int(run.is_whole),
        run.problem,
        json.dumps(counts | tables, separators=(",", ":")),
    )
    return chain.with_digest("reconciliation", columns)


def run_from(row: Row) -> Reconciliation:
    """Make a run from its columns; what stands behind them is left out."""
    number, started_at, ended_at, leased_until, is_whole, problem, found, *_ = row
    times = from_us(started_at), maybe_time(ended_at), maybe_time(leased_until)
    return Reconciliation(number, *times, bool(is_whole), problem, **json.loads(found))


def starting(
    running: Reconciliation | None, last: int, now: datetime, leased_until: datetime
) -> tuple[Reconciliation, ...]:
    """Return the runs to be written when one begins: the crashed one before it, if there is one, and itself.

    ``running`` is the run that has not ended, ``last`` the last number given. Raise ``StoreBusy`` while its lease
    lasts.
    """
    new = Reconciliation(last + 1, now, leased_until=leased_until)
    if running is None:
        return (new,)
    if running.leased_until is not None and running.leased_until > now:
        raise StoreBusy(
            f"Another reconciliation is running, since {moment(running.started_at)}. Wait for it: if it was killed, "
            f"the next one can begin at {moment(running.leased_until)}."
        )
    return running._replace(ended_at=running.leased_until or now, leased_until=None, problem=BROKEN_OFF), new


def run_faults(found: Iterable[Row], last: int) -> Iterator[Fault]:
    """Yield what is wrong with the rows of the runs, of which ``last`` is the last number given: none is missing."""
    expected = 1
    for row in found:
        if row[0] != expected:
            yield Fault(f"reconciliation {expected}", "is missing, or cannot be read")
        expected = row[0] + 1
        if not chain.digest_holds("reconciliation", row):
            yield Fault(f"reconciliation {row[0]}", "is not as it was written: its digest does not hold")
    if expected != last + 1:
        yield Fault(f"reconciliation {last}", "is not the last: rows are missing, or were put in")

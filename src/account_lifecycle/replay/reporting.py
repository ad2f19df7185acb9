"""The audit of a replay as the report that is written of any audit.

Knows how sums of codes become the report's records; it must never read a log, nor know how a report is shown.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from heapq import nsmallest
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..lifecycle.compiled import health_of
from ..lifecycle.explain import Anomaly
from ..lifecycle.status import Health, Status, Verdict
from ..report.audit import (
    EVERYTHING,
    MAX_TOP_ACCOUNTS,
    OTHER_PROVIDERS,
    AuditReport,
    CauseTotals,
    LogTotals,
    ProviderTotals,
    TopAccount,
    WindowTotals,
)
from .coding import Int64s
from .fleet import Fleet, micros
from .judging import Judging
from .kernel import ANOMALY, ROWS
from .lengths import length_of
from .spill import Rows
from .survey import CAUSES, Survey, WindowSums, survey
from .tables import ANNOUNCEMENTS, KNOWN_PROVIDERS, SITUATIONS, STATUSES, VERDICTS
from .tally import Tally
from .unpacking import anomaly_of
from .vocabulary import Vocabulary


class Facts(NamedTuple):
    """What a report is made of."""

    sources: tuple[str, ...]
    judging: Judging
    tally: Tally
    anomaly_rows: Rows
    refused_to: Path | None
    """The file that keeps what was refused, if it outlives the audit."""
    first_at: datetime | None
    until: datetime

    @property
    def fleet(self) -> Fleet:
        """The accounts as they are at the end."""
        return self.judging.fleet

    @property
    def clean(self) -> Int64s:
        """By provider's row, situation, word and verdict: how many events had no anomaly."""
        return self.judging.found.clean


def write_report(audit: Facts, max_listed: int) -> AuditReport:
    """The report of a replay."""
    arrays = audit.fleet.arrays
    found = survey(arrays.records, arrays.anomalies, micros(audit.until))
    statuses, healths = _standing(found)
    return AuditReport(
        EVERYTHING,
        audit.until,
        tuple(audit.tally.groups.ranked()),
        tuple(latest(audit.anomaly_rows, audit.fleet.vocabulary, max_listed)),
        int(found.affected.sum()),
        _top_accounts(audit.fleet),
        _window_totals(audit.tally.windows, found.windows),
        audit.tally.refused,
        statuses,
        healths,
        _log_totals(audit, found),
    )


def _log_totals(audit: Facts, found: Survey) -> LogTotals:
    verdicts = audit.tally.verdicts(audit.clean).sum(axis=0)
    return LogTotals(
        audit.sources,
        audit.judging.events,
        audit.tally.undated,
        audit.tally.refused,
        audit.first_at,
        audit.until,
        {Verdict(verdict): int(count) for verdict, count in zip(VERDICTS, verdicts, strict=True)},
        _provider_totals(audit, found),
        audit.tally.deadlines,
        str(audit.refused_to) if audit.refused_to and audit.tally.refused else None,
    )


def latest(anomalies: Rows, words: Vocabulary, count: int) -> list[Anomaly]:
    """The latest anomalies by their times, oldest first, at most so many."""
    kept = np.zeros(0, ANOMALY)
    for rows in anomalies.slices() if count else ():
        kept = np.concatenate([kept, rows])
        kept = kept[np.argsort(kept["at"], kind="stable")[-count:]]
    return [anomaly_of(row, words) for row in kept]


def _provider_totals(audit: Facts, found: Survey) -> tuple[ProviderTotals, ...]:
    tally, still_open = audit.tally, found.windows
    events = tally.verdicts(audit.clean).sum(axis=1)
    windows = (tally.windows.windows + still_open.windows).sum(axis=1)
    lost = (tally.windows.lost + still_open.lost).sum(axis=1)
    dwelt = audit.judging.found.dwelt + found.stays
    totals = [
        ProviderTotals(
            _provider_named(audit, row), int(found.accounts[row]), int(found.affected[row]), int(events[row]),
            int(tally.anomalies[row]), int(windows[row]), length_of(lost[row]), _by_status(dwelt[row]),
        )
        for row in range(ROWS)
        if found.accounts[row] or events[row]
    ]  # fmt: skip
    return tuple(sorted(totals, key=lambda p: (-p.accounts, -p.events, p.provider or "")))


def _provider_named(audit: Facts, row: int) -> str | None:
    if row == 0:
        return None
    return audit.fleet.vocabulary.providers[row - 1] if row <= KNOWN_PROVIDERS else OTHER_PROVIDERS


def _by_status(lengths: Int64s) -> Mapping[Status, timedelta]:
    """Lengths by situation, added up by status."""
    sums = dict.fromkeys(STATUSES, timedelta(0))
    for situation, length in zip(SITUATIONS, lengths, strict=True):
        sums[situation.status] += length_of(length)
    return sums


def _standing(found: Survey) -> tuple[Mapping[Status, int], Mapping[Health, int]]:
    """How many accounts are in which status and health."""
    statuses, healths = Counter[Status](), Counter[Health]()
    for number, ok_heard in np.argwhere(found.standing).tolist():
        situation, count = SITUATIONS[number], int(found.standing[number, ok_heard])
        statuses[situation.status] += count
        healths[health_of(situation, ok_heard=bool(ok_heard))] += count
    return {s: statuses[s] for s in Status if statuses[s]}, {h: healths[h] for h in Health if healths[h]}


def _top_accounts(fleet: Fleet) -> tuple[TopAccount, ...]:
    """The accounts with the most anomalies; equal ones in the order of their ids."""
    counts = fleet.arrays.anomalies
    if not (counts > 0).any():
        return ()
    least = max(int(np.sort(counts)[-MAX_TOP_ACCOUNTS:][0]), 1)
    names = fleet.vocabulary.accounts
    ranked = nsmallest(
        MAX_TOP_ACCOUNTS, ((-int(counts[n]), names[n], n) for n in np.flatnonzero(counts >= least).tolist())
    )
    return tuple(TopAccount(name, -count, fleet.account(n)) for count, name, n in ranked)


# ---- Blind windows ----------------------------------------------------------------------------------


def _window_totals(closed: WindowSums, still_open: WindowSums) -> WindowTotals:
    sums = WindowSums(*(one + other for one, other in zip(closed, still_open, strict=True)))
    by_cause = [
        CauseTotals(
            ANNOUNCEMENTS[cause - 1] if cause else None,
            int(sums.windows[:, cause].sum()),
            int(still_open.windows[:, cause].sum()),
            length_of(sums.lost[:, cause].sum(axis=0)),
        )
        for cause in range(CAUSES)
        if sums.windows[:, cause].any()
    ]
    return WindowTotals(
        int(sums.windows.sum()),
        int(still_open.windows.sum()),
        int(sums.unknown_start.sum()),
        length_of(sums.lost.sum(axis=(0, 1))),
        length_of(sums.lost_at_most.sum(axis=(0, 1))),
        tuple(sorted(by_cause, key=lambda c: (-c.lost, -c.windows, str(c.cause)))),
    )

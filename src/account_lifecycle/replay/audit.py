"""``replay``: logs go in, an audit comes out: its totals, and everything that was found, one by one or as a table."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo
from heapq import nlargest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal, Self

from ..errors import ConfigurationError
from ..intake.logs import HowToRead, Layout
from ..lifecycle.account import Account
from ..lifecycle.explain import Anomaly
from ..lifecycle.incidents import HISTORY, Burst, BurstLog, StatusMove
from ..lifecycle.policy import DEFAULT_POLICY, Policy
from ..lifecycle.status import Health, Status, Verdict
from ..lifecycle.unannounced import UnannouncedWord, unannounced_words
from ..lifecycle.windows import BlindWindow
from ..report.audit import (
    CHANGED_WITHIN,
    EVERYTHING,
    MAX_LISTED,
    AuditReport,
    CauseTotals,
    LogTotals,
    ProviderTotals,
    TopAccount,
    WindowTotals,
    totals_of,
    without_explained,
)
from ..report.grouping import Groups
from ..report.incidents import Incident, burst_behind, incidents_of
from ..stores.opening import open_store, store_file
from ..stores.protocol import Store
from .findings import (
    PlacedAnomaly,
    RefusedLine,
    account_cells,
    anomaly_cells,
    batches,
    rows_in,
    schemas,
    window_cells,
    write_refused,
)
from .loop import Blame, Crossed, Sums, WindowSum
from .shards import Progress, ReplayOutcome, Task, jobs_for, judge_all
from .sources import AnySource, LedgerSource, open_sources

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow as pa


def replay(
    logs: str | Path | Iterable[str | Path],
    *,
    policy: Policy = DEFAULT_POLICY,
    columns: Mapping[str, str] | None = None,
    layout: Layout | None = None,
    order: Literal["time", "file"] = "time",
    zone: tzinfo = UTC,
    until: datetime | None = None,
    refused_to: Path | None = None,
    jobs: int = 1,
    on_progress: Callable[[Progress], object] | None = None,
) -> "Audit":
    """Judge every event of one or more logs, in order, exactly as the live engine would have.

    A log is a file (JSON, text lines, CSV or Parquet; text also packed with gzip, zstd, bzip2 or zip), a pattern such
    as ``"logs/*.jsonl.gz"``, "-" for standard input, or the URL of a store, whose own ledger is replayed. Where payload
    and time stand is detected unless a ``layout`` says it (``intake.logs.layout_of``); ``columns`` names the columns of
    a table by what they hold, such as ``{"account_id": "acct"}``. Several logs are merged by time; ``order`` "file"
    reads them one after the other. ``zone`` is that of times without one. Deadlines are dated at the
    moment they passed, up to ``until`` (aware; by default the latest time in the logs). Lines that are
    no readable event stop nothing: they are counted and kept, in the file ``refused_to`` if it is given. Memory
    grows with the number of accounts only. With more ``jobs`` than one, so many processes judge a share of the
    accounts each; they import the script that runs, which needs ``if __name__ == "__main__":`` then.

    Use the audit as a context manager, or close it. Raise ``ConfigurationError`` for invalid arguments, and
    ``OSError`` for a log that cannot be read.
    """
    if jobs < 1:
        raise ConfigurationError("jobs", str(jobs), "1 or more")
    names = [logs] if isinstance(logs, str | Path) else list(logs)
    reading = HowToRead(layout, order, zone, columns or {})
    with open_sources(names, reading, _open_ledger) as sources:
        return replay_sources(
            sources, policy=policy, until=until, refused_to=refused_to, jobs=jobs, on_progress=on_progress
        )


def _open_ledger(url: str) -> Store:
    """Open a store that is there already: a question never makes one."""
    path = store_file(url)
    if path is not None and not path.exists():
        raise ConfigurationError("log", f"{path}, where there is no store", "the URL of a store that is there")
    return open_store(url)


def replay_sources(
    sources: Iterable[AnySource],
    *,
    policy: Policy = DEFAULT_POLICY,
    until: datetime | None = None,
    refused_to: Path | None = None,
    jobs: int | None = 1,
    on_progress: Callable[[Progress], object] | None = None,
) -> "Audit":
    """Judge every event of some sources; see ``replay``. ``jobs=None``: one for each core if the log is large."""
    sources = tuple(sources)
    jobs = jobs_for(sources, jobs)
    folder = TemporaryDirectory(prefix="account-lifecycle-replay-")
    try:
        folders = [Path(folder.name, str(number)) for number in range(jobs)]
        for each in folders:
            each.mkdir()
        task = Task(sources, policy, datetime.now(UTC), until)
        outcome = judge_all(task, jobs, folders, on_progress)
        names = [name for s in sources for name in ((s.name,) if isinstance(s, LedgerSource) else s.names)]
        return Audit(tuple(names), outcome, folder, folders, refused_to)
    except BaseException:
        folder.cleanup()
        raise


class Audit:
    """The outcome of a replay. What was found is kept in files of its own, which go when it is closed."""

    def __init__(
        self,
        sources: tuple[str, ...],
        outcome: ReplayOutcome,
        folder: "TemporaryDirectory[str]",
        folders: list[Path],
        refused_to: Path | None,
    ) -> None:
        self.sources = sources
        """What was read, in order."""
        self.until = outcome.until
        """When the log ends: the latest time in it, unless another was asked for."""
        self.sums = outcome.sums
        """Everything that was counted."""
        self.log = outcome.log
        """How the logs were read, and what there is to be said about them."""
        self._folder = folder
        self._folders = folders
        self._refused_to = refused_to
        if refused_to is not None:
            write_refused(self.refused(), refused_to)

    @property
    def events(self) -> int:
        """How many events were judged, deadlines that nobody recorded not among them."""
        return self.sums.events

    @property
    def first_at(self) -> datetime | None:
        """The earliest time of an event."""
        return self.sums.first_at

    @property
    def traffic(self) -> Counter[Crossed]:
        """How often which announcement did what, by the status before and after it."""
        return self.sums.crossed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Forget what was found; closing twice is harmless."""
        self._folder.cleanup()

    # ---- One by one ----------------------------------------------------------------------------------

    def anomalies(self) -> Iterator[Anomaly]:
        """Yield every anomaly in the order of the log; those of deadlines that passed by its end come last."""
        return (found.anomaly for found in self._placed())

    def placed_anomalies(self) -> Iterator[tuple[Anomaly, str | None, int | None]]:
        """Yield every anomaly with its source, and the position of its event in there, from 1: a line, or a row.

        Both are None for a deadline that nobody recorded.
        """
        return ((found.anomaly, found.source, found.line) for found in self._placed())

    def latest_anomalies(self, count: int) -> list[Anomaly]:
        """Return the latest anomalies by their times, oldest first, at most so many."""
        return self._latest(count, ())

    def _latest(self, count: int, silent: tuple[UnannouncedWord, ...]) -> list[Anomaly]:
        numbered = enumerate(without_explained(self.anomalies(), silent)) if count else ()
        return [anomaly for _, anomaly in sorted(nlargest(count, numbered, key=_by_time), key=_by_time)]

    def accounts(self) -> Iterator[Account]:
        """Yield every account as it was at the end, in the order in which they were first heard of."""
        return (Account(*fields) for _, fields in rows_in(self._folders, "accounts"))

    def account(self, account_id: str) -> Account | None:
        """Return one account as it was at the end; None if nothing was heard of it."""
        return next((account for account in self.accounts() if account.account_id == account_id), None)

    def windows(self) -> Iterator[BlindWindow]:
        """Yield every blind window: those that are over in the order in which they ended, then those still open."""
        yield from (window for _, window in rows_in(self._folders, "windows"))
        yield from (account.blind_window for account in self.accounts() if account.blind_window is not None)

    def refused(self) -> Iterator[RefusedLine]:
        """Yield every line that is no readable event, with what is kept of it."""
        return (RefusedLine(*line) for _, *line in rows_in(self._folders, "refused"))

    def _placed(self) -> Iterator[PlacedAnomaly]:
        return rows_in(self._folders, "anomalies")

    # ---- As a whole ----------------------------------------------------------------------------------

    def report(self, *, max_listed: int = MAX_LISTED) -> AuditReport:
        """Return the audit, added up and grouped, for ``account_lifecycle.report`` to write."""
        sums, groups = self.sums, Groups()
        silent = unannounced_words(sums.awaiting, sums.heard, self.until)
        blame = sums.blame_but_stuck if silent else sums.blame
        for anomaly in without_explained(self.anomalies(), silent):
            groups.add(anomaly)
        return AuditReport(
            EVERYTHING,
            self.until,
            tuple(groups.ranked()),
            tuple(self._latest(max_listed, silent)),
            sum(blame.affected.values()),
            tuple(TopAccount(account_id, -count, account) for count, account_id, account in blame.top),
            _window_totals(sums),
            sums.refused,
            *totals_of(sums.standing),
            sums.presumed,
            silent,
            self._log_totals(blame),
            tallies=sums.standing,
            incidents=self._incidents(),
            changed=self._changed(),
        )

    def _incidents(self) -> tuple[Incident, ...]:
        """Return the accounts that were lost together within the last fourteen days."""
        log = BurstLog()
        for _, *move in rows_in(self._folders, "moves"):
            log.moved(StatusMove(*move))
        bursts = tuple(burst for burst in log.ended() if burst.began_at >= self.until - HISTORY)
        still = Counter[Burst]()
        for account in self.accounts() if bursts else ():
            if burst := burst_behind(account, bursts):
                still[burst] += 1
        return incidents_of(bursts, still, self.sums.standing)

    def _changed(self) -> Mapping[Health, int]:
        first = int((self.until - CHANGED_WITHIN).timestamp()) // 3600 + 1
        counts = Counter[Health]()
        for (hour, health), count in self.sums.changed.items():
            counts[health] += count if hour >= first else 0
        return {health: counts[health] for health in Health if counts[health]}

    def _log_totals(self, blame: Blame) -> LogTotals:
        sums, verdicts = self.sums, Counter[Verdict]()
        for (_, verdict), count in sums.verdicts.items():
            verdicts[verdict] += count
        return LogTotals(
            self.sources,
            sums.events,
            sums.undated,
            sums.refused,
            sums.first_at,
            self.until,
            {verdict: verdicts[verdict] for verdict in Verdict},
            _provider_totals(sums, blame),
            sums.deadlines,
            sums.failed_creations,
            str(self._refused_to) if self._refused_to and sums.refused else None,
            tuple(self.log.lines(says_undated=False)),
        )

    # ---- As tables -----------------------------------------------------------------------------------

    def anomaly_batches(self) -> Iterator["pa.RecordBatch"]:
        """Yield every anomaly as Arrow record batches, some thousands at a time."""
        rows = ((*anomaly_cells(f.anomaly, f.status_after), f.source, f.line) for f in self._placed())
        return batches(rows, schemas().anomalies)

    def window_batches(self) -> Iterator["pa.RecordBatch"]:
        """Yield every blind window as Arrow record batches."""
        return batches(map(window_cells, self.windows()), schemas().windows)

    def account_batches(self) -> Iterator["pa.RecordBatch"]:
        """Yield every account as Arrow record batches."""
        return batches(map(account_cells, self.accounts()), schemas().accounts)

    def anomaly_table(self) -> "pa.Table":
        """Return every anomaly as one Arrow table."""
        return _table(self.anomaly_batches(), schemas().anomalies)

    def window_table(self) -> "pa.Table":
        """Return every blind window as one Arrow table."""
        return _table(self.window_batches(), schemas().windows)

    def account_table(self) -> "pa.Table":
        """Return every account as one Arrow table."""
        return _table(self.account_batches(), schemas().accounts)

    def to_polars(self) -> "polars.DataFrame":
        """Return every anomaly as a polars frame; needs polars."""
        import polars

        frame: Any = polars.from_arrow(self.anomaly_table())
        return frame  # type: ignore[no-any-return]

    def to_pandas(self) -> "pandas.DataFrame":
        """Return every anomaly as a pandas frame; needs pandas."""
        return self.anomaly_table().to_pandas()

    def _repr_html_(self) -> str:
        """Return the summary that a notebook shows."""
        from ..report.as_html import summary_html

        return summary_html(self.report(max_listed=0))

    def __repr__(self) -> str:
        accounts, anomalies = sum(self.sums.accounts.values()), sum(self.sums.blame.anomalies.values())
        found = f"{self.events:,} events of {accounts:,} accounts, {anomalies:,} anomalies"
        return f"<Audit of {', '.join(self.sources)}: {found}>"

    def __del__(self) -> None:
        with suppress(Exception):  # half made
            self.close()


def _by_time(numbered: tuple[int, Anomaly]) -> tuple[datetime, int]:
    return numbered[1].at, numbered[0]


def _table(found: Iterable["pa.RecordBatch"], schema: "pa.Schema") -> "pa.Table":
    import pyarrow as pa

    return pa.Table.from_batches(found, schema)


def _provider_totals(sums: Sums, blame: Blame) -> tuple[ProviderTotals, ...]:
    """Return the totals of each provider, the one with the most accounts first."""
    events, windows = Counter[str | None](), dict[str | None, WindowSum]()
    for (provider, _), count in sums.verdicts.items():
        events[provider] += count
    for (provider, _), found in sums.windows.items():
        windows[provider] = windows.get(provider, WindowSum()).plus(found)
    totals = [
        ProviderTotals(
            provider,
            sums.accounts[provider],
            blame.affected[provider],
            events[provider],
            blame.anomalies[provider],
            windows.get(provider, WindowSum()).windows,
            windows.get(provider, WindowSum()).lost,
            windows.get(provider, WindowSum()).estimated,
            {status: sums.dwelt.get((provider, status), timedelta(0)) for status in Status},
        )
        for provider in {**sums.accounts, **events}
    ]
    return tuple(sorted(totals, key=lambda p: (-p.accounts, -p.events, p.provider or "")))


def _window_totals(sums: Sums) -> WindowTotals:
    by_cause: dict[Status | None, WindowSum] = {}
    for (_, cause), found in sums.windows.items():
        by_cause[cause] = by_cause.get(cause, WindowSum()).plus(found)
    all_of_them = WindowSum()
    for found in by_cause.values():
        all_of_them = all_of_them.plus(found)
    causes = [
        CauseTotals(cause, found.windows, found.open, found.lost, found.estimated) for cause, found in by_cause.items()
    ]
    return WindowTotals(*all_of_them, tuple(sorted(causes, key=lambda c: (-c.lost, -c.windows, str(c.cause)))))

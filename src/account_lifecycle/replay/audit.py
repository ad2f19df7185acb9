"""What a replay came to: its totals, and everything that was found, one by one or as a table.

Knows where findings are kept until they are asked for; it must never judge an event, nor read a log.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ..lifecycle.account import Account
from ..lifecycle.explain import Anomaly
from ..lifecycle.windows import BlindWindow
from ..report.audit import MAX_LISTED, AuditReport
from .columns import Chunk, RefusedLine
from .fleet import time_of
from .judging import Findings, Judging
from .kernel import ANOMALY, WINDOW
from .refused import RefusedLines
from .reporting import Facts, latest, write_report
from .spill import Rows, Scratch
from .tally import Crossed, Tally
from .unpacking import anomaly_of, window_of

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow as pa


class Audit:
    """The outcome of a replay. Anomalies and windows are kept in files of its own, which go when it is closed."""

    def __init__(self, sources: tuple[str, ...], judging: Judging, refused_to: Path | None = None) -> None:
        self.sources = sources
        """What was read, in order."""
        self.events = 0
        """How many events were judged, passed deadlines that nobody recorded not among them."""
        self.first_at: datetime | None = None
        self.until = datetime.now(UTC)
        """When the log ends: the latest time in it, unless another was asked for."""
        self.vocabulary = judging.vocabulary
        self.fleet = judging.fleet
        self.tally = Tally(judging.vocabulary)
        self._judging = judging
        self._scratch = Scratch()
        self._refused_to = refused_to
        self._refused = RefusedLines(refused_to or self._scratch.path / "refused.jsonl")
        self.anomaly_rows = Rows(self._scratch.path / "anomalies", ANOMALY)
        self.window_rows = Rows(self._scratch.path / "windows", WINDOW)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Forget what was found; closing twice is harmless."""
        self.anomaly_rows.close()
        self.window_rows.close()
        self._refused.close()
        self._scratch.close()

    # ---- While it is made ------------------------------------------------------------------------------

    def put_chunk(self, chunk: Chunk) -> None:
        """Count what a chunk holds besides events that were told in time."""
        self._refused.add(chunk.refused)
        self.tally.refused += len(chunk.refused)
        self.tally.undated += chunk.undated

    def put(self, findings: Findings) -> None:
        """Put away what was found."""
        self.anomaly_rows.add(findings.anomalies)
        self.window_rows.add(findings.windows)

    def finish(self, until: datetime) -> None:
        """Add everything up; ``until`` is when the log ends."""
        self.events = self._judging.events
        self.first_at = None if self._judging.first_at is None else time_of(self._judging.first_at)
        self.until = until
        for rows in self.anomaly_rows.slices():
            self.tally.add_anomalies(rows)
        for rows in self.window_rows.slices():
            self.tally.add_windows(rows)

    # ---- One by one ----------------------------------------------------------------------------------

    def anomalies(self) -> Iterator[Anomaly]:
        """Every anomaly in the order of the log; those of deadlines that passed by its end come last."""
        for rows in self.anomaly_rows.slices():
            yield from (anomaly_of(row, self.vocabulary) for row in rows)

    def placed_anomalies(self) -> Iterator[tuple[Anomaly, str | None, int | None]]:
        """Every anomaly with its source, and the position of its event in there, from 1: a line, or a row.

        Both are None for a deadline that nobody recorded.
        """
        for rows in self.anomaly_rows.slices():
            for row in rows:
                source = self.sources[row["source"]] if row["line"] else None
                yield anomaly_of(row, self.vocabulary), source, int(row["line"]) or None

    def latest_anomalies(self, count: int) -> list[Anomaly]:
        """The latest anomalies by their times, oldest first, at most so many."""
        return latest(self.anomaly_rows, self.vocabulary, count)

    def accounts(self) -> Iterator[Account]:
        """Every account as it was at the end, in the order in which they were first heard of."""
        return (self.fleet.account(int(number)) for number in self.fleet.numbers())

    def account(self, account_id: str) -> Account | None:
        """One account as it was at the end; None if nothing was heard of it."""
        number = self.vocabulary.accounts.find(account_id)
        return self.fleet.account(number) if number >= 0 and self.fleet.is_heard_of(number) else None

    def windows(self) -> Iterator[BlindWindow]:
        """Every blind window: those that are over in the order in which they ended, then those still open."""
        for rows in self.window_rows.slices():
            yield from (window_of(row, self.vocabulary) for row in rows)
        yield from (account.blind_window for account in self.accounts() if account.blind_window is not None)

    def refused(self) -> Iterator[RefusedLine]:
        """Every line that is no readable event, byte for byte."""
        return iter(self._refused)

    # ---- As a whole ----------------------------------------------------------------------------------

    @property
    def traffic(self) -> Counter[Crossed]:
        """How often which announcement did what, by the status before and after it."""
        return self.tally.crossings(self._judging.found.clean)

    def report(self, *, max_listed: int = MAX_LISTED) -> AuditReport:
        """The audit, added up and grouped, for ``account_lifecycle.report`` to write."""
        facts = Facts(
            self.sources, self._judging, self.tally, self.anomaly_rows, self._refused_to, self.first_at, self.until
        )
        return write_report(facts, max_listed)

    # ---- As tables -----------------------------------------------------------------------------------

    def anomaly_batches(self) -> Iterator["pa.RecordBatch"]:
        """Every anomaly as Arrow record batches, some thousands at a time."""
        from .arrow import anomalies_batch

        return (anomalies_batch(rows, self.vocabulary, self.sources) for rows in self.anomaly_rows.slices())

    def anomaly_table(self) -> "pa.Table":
        """Every anomaly as one Arrow table."""
        import pyarrow as pa

        from .arrow import ANOMALY_SCHEMA

        return pa.Table.from_batches(self.anomaly_batches(), ANOMALY_SCHEMA)

    def window_batches(self) -> Iterator["pa.RecordBatch"]:
        """Every blind window as Arrow record batches."""
        from .arrow import open_windows_batches, windows_batch

        yield from (windows_batch(rows, self.vocabulary) for rows in self.window_rows.slices())
        yield from open_windows_batches(self.fleet)

    def window_table(self) -> "pa.Table":
        """Every blind window as one Arrow table."""
        import pyarrow as pa

        from .arrow import WINDOW_SCHEMA

        return pa.Table.from_batches(self.window_batches(), WINDOW_SCHEMA)

    def account_batches(self) -> Iterator["pa.RecordBatch"]:
        """Every account as Arrow record batches."""
        from .arrow import accounts_batches

        return accounts_batches(self.fleet)

    def account_table(self) -> "pa.Table":
        """Every account as one Arrow table."""
        import pyarrow as pa

        from .arrow import ACCOUNT_SCHEMA

        return pa.Table.from_batches(self.account_batches(), ACCOUNT_SCHEMA)

    def to_polars(self) -> "polars.DataFrame":
        """Every anomaly as a polars frame; needs polars."""
        import polars

        frame: Any = polars.from_arrow(self.anomaly_table())
        return frame  # type: ignore[no-any-return]

    def to_pandas(self) -> "pandas.DataFrame":
        """Every anomaly as a pandas frame; needs pandas."""
        return self.anomaly_table().to_pandas()

    def _repr_html_(self) -> str:
        """The summary that a notebook shows."""
        from ..report.as_html import summary_html

        return summary_html(self.report(max_listed=0))

    def __repr__(self) -> str:
        found = (
            f"{self.events:,} events of {len(self.fleet.numbers()):,} accounts, {len(self.anomaly_rows):,} anomalies"
        )
        return f"<Audit of {', '.join(self.sources)}: {found}>"

    def __del__(self) -> None:
        with suppress(Exception):  # half made
            self.close()

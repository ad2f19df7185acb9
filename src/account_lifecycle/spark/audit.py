"""What a replay in Spark came to: tables to query, and totals at hand."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple, Self

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from ..lifecycle.anomalies import AnomalyKind
from ..lifecycle.status import Verdict
from .executors import KINDS, VERDICTS, micros_of, time_of


class Totals(NamedTuple):
    """A replay in figures."""

    events: int
    """How many events were judged, deadlines that passed not among them."""
    verdicts: Mapping[Verdict, int]
    """Of those events."""
    kinds: Mapping[AnomalyKind, int]
    """How many anomalies of each kind there are; kinds without any are left out."""
    first_at: datetime | None
    last_at: datetime | None


class SparkAudit:
    """The outcome of a replay. A context manager: at its end Spark lets go of the findings."""

    def __init__(
        self, findings: DataFrame, until_us: int | None = None, *, keeps: Callable[[], object] = lambda: None
    ) -> None:
        self.findings = findings
        """All of it, as ``executors.findings_schema`` has it; one row an account."""
        self._keeps = keeps
        sums = _summed(findings)
        until_us = sums["last_us"] if until_us is None else until_us
        self.until = time_of(until_us)
        """As of when deadlines are reported; None for a log without events."""
        last = F.timestamp_micros(F.lit(until_us))
        self._passed = F.filter("more", lambda later: later["at"] <= last)
        self.totals = _totals(sums, self._later("anomaly"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of what Spark keeps; closing twice is harmless."""
        keeps, self._keeps = self._keeps, lambda: None
        keeps()

    def before_closing(self, last: Callable[[], object]) -> None:
        """Have something done when this is closed, after Spark has let go."""
        keeps = self._keeps
        self._keeps = lambda: (keeps(), last())

    @property
    def anomalies(self) -> DataFrame:
        """Every anomaly, those of deadlines that had passed in the end included."""
        return self._of("anomaly").select("anomaly.*").unionByName(self._later("anomaly"))

    @property
    def windows(self) -> DataFrame:
        """Every blind window; ``closed_at`` is null for one that is open."""
        closed = self._later("window")
        before = self._of("window").select("window.*")
        return before.join(closed, ["account_id", "sequence"], "left_anti").unionByName(closed)

    @property
    def accounts(self) -> DataFrame:
        """Every account at the end."""
        in_the_end = F.coalesce(F.try_element_at(self._passed, F.lit(-1))["account"], F.col("account"))
        return self._of("account").select(in_the_end.alias("account")).select("account.*")

    @property
    def refused(self) -> DataFrame:
        """What is no readable event, byte for byte, with the reason."""
        return self._of("refused").select("refused.*")

    def write(self, folder: str) -> None:
        """Write the four tables as Parquet into folders of ``folder``, and the totals as JSON text into ``totals``.

        Spark refuses to write where there is such a folder already.
        """
        for name in ("anomalies", "windows", "accounts", "refused"):
            getattr(self, name).write.mode("errorifexists").parquet(f"{folder}/{name}")
        totals = {**self.totals._asdict(), "until": self.until}
        text = self.findings.sparkSession.createDataFrame([(json.dumps(totals, default=str),)], "value string")
        text.coalesce(1).write.mode("errorifexists").text(f"{folder}/totals")

    def _of(self, record: str) -> DataFrame:
        return self.findings.where(F.col("record") == record)

    def _later(self, what: str) -> DataFrame:
        """Return the anomalies or the windows of deadlines that had passed in the end."""
        passed = self._of("account").select(F.explode(self._passed).alias("later"))
        return passed.where(F.col(f"later.{what}").isNotNull()).select(f"later.{what}.*")


def _summed(findings: DataFrame) -> Mapping[str, Any]:
    """Return the sums of all totals, in one row; asking for it is what makes Spark replay."""
    sums = [
        _sum("events").alias("events"),
        F.min("totals.first_us").alias("first_us"),
        F.max("totals.last_us").alias("last_us"),
    ]
    sums += [_sum(f"verdicts[{number}]").alias(f"verdict_{number}") for number in range(len(VERDICTS))]
    sums += [_sum(f"kinds[{number}]").alias(f"kind_{number}") for number in range(len(KINDS))]
    row = findings.where(F.col("record") == "totals").agg(*sums).first()
    assert row is not None
    return row.asDict()


def _sum(what: str) -> Column:
    return F.coalesce(F.sum(F.expr(f"totals.{what}")), F.lit(0))


def _totals(sums: Mapping[str, Any], stuck: DataFrame) -> Totals:
    kinds = {kind: sums[f"kind_{number}"] for number, kind in enumerate(KINDS)}
    kinds[AnomalyKind.STUCK] += stuck.count()
    return Totals(
        sums["events"],
        {verdict: sums[f"verdict_{number}"] for number, verdict in enumerate(VERDICTS)},
        {kind: count for kind, count in kinds.items() if count},
        time_of(sums["first_us"]),
        time_of(sums["last_us"]),
    )


def audit_of(findings: DataFrame, until: datetime | None = None) -> SparkAudit:
    """Return what a ``stream`` has found up to now, as tables: ``findings`` are the rows that it appended, read back.

    Deadlines are reported as of ``until`` (the latest time that was judged). Of what was reported several times of an
    account or of a window, the latest holds.
    """
    latest = F.row_number().over(Window.partitionBy("record", "account_id", "window.sequence").orderBy(F.desc("as_of")))
    is_reported_again = F.col("record").isin("account", "window")
    once = findings.where(is_reported_again).withColumn("place", latest).where("place = 1").drop("place")
    kept = findings.where(~is_reported_again).unionByName(once).persist()
    return SparkAudit(kept, None if until is None else micros_of(until, "until"), keeps=kept.unpersist)

"""A log in Spark, replayed: accounts are spread over the executors, and each lives through its part in order.

Knows how events are brought together and ordered; what is found in them, ``judged`` says. It must never hold a
rule, in SQL or otherwise.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from ..lifecycle.policy import DEFAULT_POLICY, Policy
from .audit import SparkAudit
from .inputs import events_of
from .judged import Court, Rulebook
from .moments import micros_of
from .schemas import findings_schema


def replay(
    df: DataFrame,
    *,
    policy: Policy = DEFAULT_POLICY,
    columns: Mapping[str, str] | None = None,
    until: datetime | None = None,
    partitions: int | None = None,
    deadlines: bool = True,
) -> SparkAudit:
    """Replay a log that is a DataFrame; it is read once, now, and what is found is kept by Spark until closed.

    ``df`` has the columns account_id, status, provider, product, name (the last three may be missing), or
    ``payload`` (the vendor's JSON), or ``value`` (lines of a log, bare or enveloped); and received_at (a
    timestamp), unless lines tell it. ``columns`` maps these names to those that yours have. Events of an account
    are judged by received_at, equal times by ``position``: anything that Spark can sort by. Without one, equal
    times are judged as Spark happens to read them. What carries no time counts as received now.

    Transient statuses that outlived their deadline are reported as of ``until`` (the latest time in the log);
    ``deadlines=False`` reports none. ``partitions`` is how many parts the accounts are spread over (else as many
    as there are cores). Raises ``ConfigurationError`` for what cannot be meant.
    """
    until_us = None if until is None else micros_of(until, "until")
    log = events_of(df, columns)
    whose = F.coalesce("account_id", F.hex(F.xxhash64("raw")))  # what is refused has no account, and goes anywhere
    together = log.events.repartition(partitions or df.sparkSession.sparkContext.defaultParallelism, whose)
    ordered = together.sortWithinPartitions("received_at", "position")
    rulebook = Rulebook(picklable(policy), deadlines, log.position)
    findings = ordered.mapInArrow(_Judging(rulebook).judge, from_arrow_schema(findings_schema(log.position))).persist()
    return SparkAudit(findings, until_us, keeps=findings.unpersist)


def picklable(policy: Policy) -> Policy:
    """The same policy, fit for a journey."""
    return Policy(policy.redelivery_window, {provider: dict(own) for provider, own in policy.deadlines.items()})


class _Judging(NamedTuple):
    """One partition; ``mapInArrow`` takes its method."""

    rulebook: Rulebook

    def judge(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        court = Court(self.rulebook, self.rulebook.begin())
        for batch in batches:
            yield from court.judge(batch)
        yield court.totals()
        yield from court.close()

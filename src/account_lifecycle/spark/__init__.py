"""The replay on Apache Spark: logs that no single machine should read, and logs that never end.

    from account_lifecycle import spark

    with spark.replay(df) as audit:
        audit.anomalies.groupBy("kind").count().show()

Needs the extra ``account-lifecycle[spark]`` and Java 17 or later. The executors run the very loop that ``replay`` runs
on one machine.
"""

from .audit import SparkAudit, Totals, audit_of
from .batch import replay, replay_logs
from .streaming import stream

__all__ = ["SparkAudit", "Totals", "audit_of", "replay", "replay_logs", "stream"]

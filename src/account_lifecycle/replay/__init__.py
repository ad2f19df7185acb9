"""The judge over logs of any size: no store, no effects, the verdicts of the live engine.

from account_lifecycle.replay import replay

with replay("logs/*.jsonl.gz") as audit:
    print(audit.events, len(audit.anomaly_table()))
"""

from .audit import Audit, replay
from .findings import RefusedLine
from .loop import Crossed
from .shards import Progress

__all__ = ["Audit", "Crossed", "Progress", "RefusedLine", "replay"]

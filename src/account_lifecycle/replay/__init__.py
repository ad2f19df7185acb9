"""The machine over logs of any size: columns of codes, one pass, and the verdicts of the live engine.

    from account_lifecycle.replay import replay

    with replay("logs/*.jsonl.gz") as audit:
        print(audit.events, len(audit.anomaly_rows))

Needs the extra ``account-lifecycle[replay]``. Knows nothing that the live engine does not know: what is lawful is
read from the compiled machine, and what a line means from ``payloads``.
"""

from .audit import Audit
from .columns import RefusedLine
from .running import Progress, replay

__all__ = ["Audit", "Progress", "RefusedLine", "replay"]

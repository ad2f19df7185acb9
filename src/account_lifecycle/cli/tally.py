"""What a feed came to, counted while it runs.

Knows how to count decisions and refusals in a room that does not grow; it must never know how that is shown.
"""

from collections import Counter
from time import perf_counter

from ..errors import PayloadError
from ..lifecycle.anomalies import AnomalyKind, Severity
from ..lifecycle.decide import Decision
from ..lifecycle.status import Verdict
from ..lifecycle.wording import JsonObject

MAX_TOLD = 3
"""How many unreadable payloads are told one by one; the quarantine has them all."""


class Tally:
    """Counts of events, verdicts, anomalies and refusals."""

    def __init__(self) -> None:
        self.verdicts: Counter[Verdict] = Counter()
        self.kinds: Counter[AnomalyKind] = Counter()
        self.new_accounts = 0
        self.quarantined = 0
        self.first_unreadable: list[str] = []
        self._started_s = perf_counter()
        self.seconds = 0.0

    @property
    def events(self) -> int:
        """How many payloads were read and judged."""
        return self.verdicts.total()

    @property
    def lines(self) -> int:
        """How many payloads were committed, into the ledger or the quarantine."""
        return self.events + self.quarantined

    @property
    def rate(self) -> float:
        """Payloads per second."""
        return self.lines / self.seconds if self.seconds else 0.0

    def severities(self) -> dict[Severity, int]:
        """How many anomalies of each severity, the worst first."""
        return {s: sum(n for kind, n in self.kinds.items() if kind.severity is s) for s in reversed(Severity)}

    def add(self, decision: Decision) -> None:
        """Count one decision."""
        self.verdicts[decision.verdict] += 1
        self.new_accounts += decision.sequence == 1
        for anomaly in decision.anomalies:
            self.kinds[anomaly.kind] += 1

    def add_unreadable(self, error: PayloadError) -> None:
        """Count one payload that went into the quarantine."""
        self.quarantined += 1
        if len(self.first_unreadable) < MAX_TOLD:
            self.first_unreadable.append(str(error))

    def stop(self) -> None:
        """The feed is over: stop the clock."""
        self.seconds = perf_counter() - self._started_s

    def record(self) -> JsonObject:
        """The same for programs."""
        return {
            "events": self.events,
            "new_accounts": self.new_accounts,
            "verdicts": {str(verdict): self.verdicts[verdict] for verdict in Verdict},
            "anomalies": {str(severity): count for severity, count in self.severities().items()},
            "kinds": {str(kind): count for kind, count in self.kinds.most_common()},
            "quarantined": self.quarantined,
            "seconds": round(self.seconds, 3),
            "events_per_s": round(self.rate),
        }

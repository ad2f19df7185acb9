"""Structured logs of what the engine decides.

Logs go through ``structlog`` as you have configured it, or else through the standard library's ``logging`` under the
name ``account_lifecycle``.
"""

import logging

from ..errors import logger
from ..lifecycle.anomalies import Severity
from ..lifecycle.decide import Decision
from ..lifecycle.wording import printable

_LEVELS = {Severity.INFO: logging.INFO, Severity.WARNING: logging.WARNING, Severity.ERROR: logging.ERROR}


def log_anomalies(decision: Decision) -> None:
    """Log every anomaly of a decision, each at the level of its severity; an observer."""
    for anomaly in decision.anomalies:
        logger().log(
            _LEVELS[anomaly.severity],
            anomaly.meaning,
            anomaly=str(anomaly.kind),
            account_id=anomaly.account_id,
            sequence=anomaly.sequence,
            announced=printable(anomaly.announced),
            status=str(decision.after.status),
            verdict=str(decision.verdict),
            next_step=str(anomaly.next_step),
        )

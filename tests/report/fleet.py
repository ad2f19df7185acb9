"""A small fleet in which something of everything has happened, for the tests of the report."""

from datetime import datetime, timedelta
from typing import Any

from account_lifecycle import AnomalyKind, Engine, Received
from account_lifecycle.lifecycle.explain import Anomaly
from account_lifecycle.lifecycle.machine import INITIAL_SITUATION, situation_of
from account_lifecycle.lifecycle.status import Status
from builders import T0, at, notification, webhook

NOW = T0 + timedelta(days=3)

EVENTS: tuple[tuple[float, Any], ...] = (
    # ada lives well: born, synced, live.
    (0, notification("ada", "CREATION_SUCCESS")),
    (5, webhook("ada", "SYNC_SUCCESS")),
    (6, webhook("ada", "OK")),
    # bob loses his credentials for an hour; a redelivery and a late sync come in between.
    (0, webhook("bob", "CREATION_SUCCESS")),
    (10, webhook("bob", "OK")),
    (60, webhook("bob", "CREDENTIALS")),
    (65, webhook("bob", "CREDENTIALS")),
    (80, webhook("bob", "SYNC_SUCCESS")),
    (110, webhook("bob", "RECONNECTED")),
    (120, webhook("bob", "OK")),
    # cyd was adopted in an error and never came back.
    (30, webhook("cyd", "ERROR", "OUTLOOK")),
    # dan is deleted, and spoken of thrice after it.
    (0, webhook("dan", "CREATION_SUCCESS", "WHATSAPP")),
    (20, webhook("dan", "OK", "WHATSAPP")),
    (30, webhook("dan", "DELETED", "WHATSAPP")),
    (1240, webhook("dan", "OK", "WHATSAPP")),
    (2450, webhook("dan", "OK", "WHATSAPP")),
    (3660, webhook("dan", "OK", "WHATSAPP")),
    # eve uses words that nobody knows.
    (40, webhook("eve", "CREATION_SUCCESS", "MYSPACE")),
    (41, webhook("eve", "PAUSED", "MYSPACE")),
    # Nobody can read these.
    (50, "{broken"),
    (51, "[]"),
)


def fed(events: tuple[tuple[float, Any], ...] = EVENTS, url: str = "memory:") -> Engine:
    """An engine that has heard of the fleet."""
    engine = Engine.open(url, observers=())
    feed = (Received(payload, at(minutes)) for minutes, payload in sorted(events, key=lambda event: event[0]))
    for _ in engine.feed_events(feed, on_unreadable=lambda _: None):
        pass
    return engine


def anomaly(
    kind: AnomalyKind = AnomalyKind.AFTER_DELETION,
    *,
    account_id: str = "acc",
    announced: str = "OK",
    before: Status = Status.DELETED,
    provider: str | None = "LINKEDIN",
    found_at: datetime = T0,
    sequence: int = 2,
    detail: str = "",
) -> Anomaly:
    """One anomaly, made up."""
    situation = INITIAL_SITUATION if before is Status.UNSEEN else situation_of(before, True, False, False)
    return Anomaly(kind, account_id, sequence, found_at, announced, situation, provider, T0, before, T0, detail)


def stranger(word: str, **more: Any) -> Anomaly:
    """An announcement of a word that nobody knows."""
    return anomaly(AnomalyKind.UNKNOWN_STATUS, announced=word, before=Status.OK, **more)

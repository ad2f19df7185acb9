"""The domain's records as plain JSON types: what every machine-readable output is made of.

Knows field names, which are promises to programs, and no output format. Times are ISO 8601 in UTC with a
``Z``, lengths are seconds in fields that end in ``_s``, and what is not known is null.
"""

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

from ..lifecycle.account import Account
from ..lifecycle.decide import Decision
from ..lifecycle.effects import Effect
from ..lifecycle.events import DeadlinePassed, Event
from ..lifecycle.explain import Anomaly
from ..lifecycle.windows import BlindWindow
from ..records import LedgerEntry, Quarantined

Record = dict[str, Any]
"""A JSON object: text, numbers, booleans, null, and lists and objects of these."""


def account_record(account: Account, now: datetime | None = None) -> Record:
    """An account as it is. ``now`` (aware) tells how long it has been so, which is null without it."""
    window = account.blind_window
    return {
        "account_id": account.account_id,
        "status": account.status.value,
        "health": account.health.value,
        "provider": _word(account.provider),
        "name": account.name,
        "since": time_text(account.since),
        "in_status_s": None if now is None or account.since is None else _seconds(now - account.since),
        "stuck": account.stuck,
        "exists": account.exists,
        "lost": account.lost,
        "sequence": account.sequence,
        "last_announced": _word(account.last_announced),
        "last_product": account.last_product,
        "last_heard_at": time_text(account.last_heard_at),
        "last_ok_at": time_text(account.last_ok_at),
        "synced_products": sorted(account.synced_products),
        "blind_window": None if window is None else window_record(window, now),
    }


def entry_record(entry: LedgerEntry) -> Record:
    """One event as the ledger keeps it, with its anomalies."""
    return {
        "account_id": entry.account_id,
        "sequence": entry.sequence,
        "received_at": time_text(entry.received_at),
        **_event_fields(entry.event),
        "verdict": entry.verdict.value,
        "status_before": entry.before.status.value,
        "status_after": entry.after.status.value,
        "anomalies": [anomaly_record(anomaly) for anomaly in entry.anomalies],
        "erased": entry.is_erased,
        **_payload_fields(entry.payload),
    }


def anomaly_record(anomaly: Anomaly) -> Record:
    """An anomaly: its facts, and its explanation for a person."""
    return {
        "kind": anomaly.kind.value,
        "severity": anomaly.severity.value,
        "meaning": anomaly.meaning,
        "account_id": anomaly.account_id,
        "sequence": anomaly.sequence,
        "at": time_text(anomaly.at),
        "announced": _word(anomaly.announced),
        "status_before": anomaly.situation.status.value,
        "provider": _word(anomaly.provider),
        "expected": [status.value for status in anomaly.expected],
        "likely_path": [status.value for status in anomaly.likely_path],
        "next_step": anomaly.next_step.value,
        "explanation": anomaly.explanation,
        "detail": anomaly.detail,
    }


def window_record(window: BlindWindow, now: datetime | None = None) -> Record:
    """A blind window. ``now`` (aware) is where an open one is measured to; its length is null without it."""
    length = window.duration(now)
    return {
        "account_id": window.account_id,
        "sequence": window.sequence,
        "last_ok_at": time_text(window.last_ok_at),
        "opened_at": time_text(window.opened_at),
        "closed_at": time_text(window.closed_at),
        "open": window.is_open,
        "recovered": window.recovered,
        "causes": [cause.value for cause in window.causes],
        "duration_s": None if length is None else _seconds(length),
    }


def quarantined_record(quarantined: Quarantined) -> Record:
    """A payload that could not be read: as text if it is UTF-8, else in base64, which a flag tells."""
    return {
        "quarantine_id": quarantined.quarantine_id,
        "received_at": time_text(quarantined.received_at),
        "field": quarantined.field,
        "reason": quarantined.reason,
        "size": quarantined.size,
        "cut": quarantined.size > len(quarantined.payload) and not quarantined.is_erased,
        "erased": quarantined.is_erased,
        "released_at": time_text(quarantined.released_at),
        **_payload_fields(quarantined.payload),
    }


def decision_record(decision: Decision) -> Record:
    """What became of one event: the verdict, the account after it, its anomalies and effects."""
    account, window = decision.account, decision.blind_window
    return {
        "account_id": account.account_id,
        "sequence": decision.sequence,
        "received_at": time_text(decision.event.received_at),
        **_event_fields(decision.event),
        "verdict": decision.verdict.value,
        "status_before": decision.previous.status.value,
        "status_after": account.status.value,
        "health_before": decision.previous.health.value,
        "health_after": account.health.value,
        "anomalies": [anomaly_record(anomaly) for anomaly in decision.anomalies],
        "effects": [_effect_record(effect, decision) for effect in decision.effects],
        "blind_window": None if window is None else window_record(window),
        "account": account_record(account),
    }


def time_text(at: datetime | None) -> str | None:
    """An aware time as ISO 8601 in UTC with a ``Z``; None stays None."""
    return None if at is None else at.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"


def _event_fields(event: Event) -> Record:
    if isinstance(event, DeadlinePassed):
        return {
            "event": "deadline_passed",
            "announced": event.status.value,
            "since": time_text(event.since),
            "allowed_s": _seconds(event.allowed),
        }
    return {
        "event": "status_announced",
        "announced": _word(event.status),
        "provider": _word(event.provider),
        "product": event.product,
        "name": event.name,
    }


def _effect_record(effect: Effect, decision: Decision) -> Record:
    window = effect.blind_window
    return {
        "key": effect.key(decision.account.account_id, decision.sequence),
        "kind": effect.kind.value,
        "subject": _word(effect.subject),
        "blind_window": None if window is None else window_record(window),
    }


def _payload_fields(payload: bytes) -> Record:
    """Bytes as text, whatever they are, and whether they had to be encoded for it."""
    try:
        return {"payload": payload.decode(), "payload_is_base64": False}
    except UnicodeDecodeError:
        return {"payload": b64encode(payload).decode("ascii"), "payload_is_base64": True}


def _word(word: str | None) -> str | None:
    """A word as plain text: an enum's member is text to Python, but not to every serializer."""
    return None if word is None else str(word)


def _seconds(length: timedelta) -> float:
    return length.total_seconds()

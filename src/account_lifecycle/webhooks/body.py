"""A webhook's body: what a hook is told, as JSON.

Knows the keys, which are promises to receivers and stand in ``docs/webhooks.md``; it must never know where a body
goes. ASCII only, so that no encoding in between can harm it.
"""

import json

from ..hooks.registry import HookCall
from ..lifecycle.effects import EffectKind
from ..records import Transition
from ..report.records import Record, account_record, anomaly_record, time_text, window_record


def type_of(kind: EffectKind) -> str:
    """The type of a webhook, such as ``account.recovered``."""
    return f"account.{kind}"


def body_of(call: HookCall) -> bytes:
    """The body of a webhook."""
    record = {"type": type_of(call.kind), "timestamp": time_text(call.occurred_at), "data": _data(call)}
    return json.dumps(record, separators=(",", ":")).encode("ascii")


def _data(call: HookCall) -> Record:
    account = account_record(call.account)
    del account["in_status_s"]  # depends on when one asks
    return {
        "key": call.key,
        "account_id": call.account_id,
        "sequence": call.sequence,
        "kind": call.kind.value,
        "subject": str(call.subject),
        "account": account,
        "blind_window": None if call.blind_window is None else window_record(call.blind_window),
        "anomaly": None if call.anomaly is None else anomaly_record(call.anomaly),
        "transitions": [_transition_record(transition) for transition in call.transitions],
    }


def _transition_record(transition: Transition) -> Record:
    return {
        "sequence": transition.sequence,
        "at": time_text(transition.at),
        "announced": str(transition.announced),
        "status_before": transition.before.value,
        "status_after": transition.after.value,
    }

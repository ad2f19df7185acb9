"""A webhook's body: what a hook is told, as JSON.

Knows the keys, which are promises to receivers and stand in ``docs/webhooks.md``; it must never know where a body
goes. ASCII only, so that no encoding in between can harm it.
"""

import json

from ..hooks.registry import HookCall
from ..lifecycle.effects import EffectKind
from ..lifecycle.wording import time_text


def type_of(kind: EffectKind) -> str:
    """The type of a webhook, such as ``account.recovered``."""
    return f"account.{kind}"


def body_of(call: HookCall) -> bytes:
    """The body of a webhook."""
    record = {"type": type_of(call.kind), "timestamp": time_text(call.occurred_at), "data": call.to_dict()}
    return json.dumps(record, separators=(",", ":")).encode("ascii")

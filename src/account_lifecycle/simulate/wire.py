"""Messages as the vendor would send them, and what can become of a payload on its way.

Both are written with the rows of ``intake.dialects``, so that a change of a wire format needs no other here.
"""

import json
from random import Random
from string import Template

from ..intake.dialects import HOSTED_AUTH, STATUS_WEBHOOK, Dialect, write
from .faults import Message


def to_wire(account_id: str, name: str, message: Message, dialect: Dialect, *, status_first: bool) -> str:
    """Return a message as JSON in a dialect; ``status_first`` puts the status before the account type."""
    announcement = message.announcement
    values = {
        "account_id": account_id,
        "provider": message.account_type,
        "status": message.word or announcement.status.value,
        "product": announcement.product or None,
        "name": name,
        "reason": announcement.reason or None,
    }
    order = [field for field in dialect.fields if values[field] is not None]
    if status_first and "provider" in order:
        provider, status = order.index("provider"), order.index("status")
        order[provider], order[status] = order[status], order[provider]
    return json.dumps(write(dialect, {field: values[field] for field in order}))


def garble(account_id: str, message: Message, random: Random) -> str:
    """Return what has become of a payload, as JSON: an object that says nothing usable, or text that is not JSON."""
    words = {"id": account_id, "type": message.account_type, "status": message.announcement.status}
    return random.choice(UNREADABLE_PAYLOADS).substitute(words)


def _webhook(**fields: object) -> str:
    words = {"account_id": "$id", "provider": "$type", "status": "$status"}
    return json.dumps(write(STATUS_WEBHOOK, {**words, **fields}))


def _notification(**fields: object) -> str:
    return json.dumps(write(HOSTED_AUTH, {"status": "$status", **fields}))


_WEBHOOK = _webhook()
_OUTER, _ID = STATUS_WEBHOOK.fields["account_id"]
_UNREADABLE_TEXTS = (
    _WEBHOOK[:-20],  # the connection broke
    _WEBHOOK.replace('"', "'"),  # printed by Python
    _WEBHOOK.replace(f'"{_ID}"', f'"{_ID}": "someone-else", "{_ID}"'),
    *("", "  ", "null", "42", "true", "ping", "<h1>502 Bad Gateway</h1>", "[" * 3_000),
)
_UNREADABLE_OBJECTS = (
    *(json.dumps({_OUTER: inner}) for inner in (_WEBHOOK, None, dict[str, str](), ["$id", "$status"])),
    f'{_WEBHOOK[:-1]}, "padding": "{"x" * 66_000}"}}',  # over the limit
    *("{}", "[]"),
    '{"event": "message_received", "account_id": "$id"}',  # another kind of webhook
    *(_webhook(account_id=text) for text in (None, "", "   ", 12345, ["$id"], "$id\x07", "$id\ud800", "$id" * 12)),
    _WEBHOOK.replace(f'"{_ID}"', '"id"'),
    *(_webhook(status=value) for value in (None, "", " ", 7, ["$status"], False)),
    *(_webhook(provider=value) for value in (7, ["$type"])),
    _webhook(product=["recruiter"]),
    *(_notification(status="RECONNECTED"), _notification(status=None, account_id="$id"), _notification(account_id=7)),
    _notification(account_id="$id", name={"user": 7}),
)
UNREADABLE_PAYLOADS = tuple(Template(each) for each in (*map(json.dumps, _UNREADABLE_TEXTS), *_UNREADABLE_OBJECTS))

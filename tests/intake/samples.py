"""Payloads to read: small builders for both formats, and the two ways in which reading can end."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from account_lifecycle.errors import PayloadError
from account_lifecycle.intake.payloads import parse
from account_lifecycle.lifecycle.events import StatusAnnounced

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
LIMIT = 64 * 1024
MISSING = object()
"""Stands for a key that is left out."""


def _without_missing(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value is not MISSING}


def webhook(
    message: Any = "OK", *, account_id: Any = "acc", account_type: Any = "LINKEDIN", **more: Any
) -> dict[str, Any]:
    """A status webhook; ``more`` goes inside."""
    fields = {"account_id": account_id, "account_type": account_type, "message": message, **more}
    return {"AccountStatus": _without_missing(fields)}


def notification(
    status: Any = "CREATION_SUCCESS", *, account_id: Any = "acc", name: Any = "user-7", **more: Any
) -> dict[str, Any]:
    """A hosted-auth notification."""
    return _without_missing({"status": status, "account_id": account_id, "name": name, **more})


def as_bytes(payload: object) -> bytes:
    """How it looks on the wire."""
    return json.dumps(payload).encode()


def read(payload: Any) -> StatusAnnounced:
    """The event in a payload that arrived at noon."""
    return parse(payload, NOON)


def refusal(payload: Any, received_at: Any = NOON) -> PayloadError:
    """The error with which a payload is refused."""
    with pytest.raises(PayloadError) as caught:
        parse(payload, received_at)
    return caught.value


def filled_up_to(size: int) -> bytes:
    """A good payload of exactly so many bytes."""
    empty = as_bytes(webhook(padding=""))
    return as_bytes(webhook(padding="x" * (size - len(empty))))


def nested(depth: int) -> dict[str, Any]:
    """An object in an object in an object ..."""
    outermost: dict[str, Any] = {}
    innermost = outermost
    for _ in range(depth):
        innermost["a"] = {}
        innermost = innermost["a"]
    return outermost

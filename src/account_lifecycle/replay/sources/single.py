"""One row of a table as the payload that it amounts to, to be read as the live engine reads any other.

Knows the vendor's two formats as far as their keys go. It must never know what a value means.
"""

import json

from ...intake.payloads import provider_of


def payload_of(
    account_id: bytes | None, status: bytes | None, provider: bytes | None, product: bytes | None, name: bytes | None
) -> bytes:
    """A notification if your user id is told and no provider, a status webhook if not."""
    account_type = as_text(provider)
    if name and (account_type is None or provider_of(account_type) is None):
        return _json({"status": as_text(status), "account_id": as_text(account_id), "name": as_text(name)})
    fields = {"account_id": account_id, "account_type": provider, "message": status, "product": product}
    needed = ("account_id", "message")
    told = {key: as_text(value) for key, value in fields.items() if value is not None or key in needed}
    return _json({"AccountStatus": told})


def line_of(payload: bytes, at: str | None) -> bytes:
    """A line of a log: a payload on one line, and when it was received, if that was told."""
    return payload if at is None else b'{"received_at": %b, "payload": %b}' % (_json(at), payload)


def quoted(payload: bytes | None) -> bytes:
    """Whatever was meant to be a payload, on one line."""
    return _json(as_text(payload))


def as_text(data: bytes | None) -> str | None:
    """Bytes as text; half characters stand for such as are not UTF-8."""
    return None if data is None else data.decode("utf-8", errors="surrogateescape")


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", errors="surrogateescape")

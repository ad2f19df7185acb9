"""Event logs: JSON Lines, each line a bare payload or one with the time of its arrival.

``{"received_at": "2026-05-01T12:00:00Z", "payload": {...}}`` is the enveloped form; a payload that was
not JSON is carried in it as text. Knows lines, not payloads: what a payload means, ``payloads`` says.
"""

import json
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from pydantic_core import from_json

from .payloads import Payload


class Received(NamedTuple):
    """A payload with the time of its arrival, for feeding a log."""

    payload: Payload
    received_at: datetime | None = None
    """Aware; None for now."""


def read_log(lines: Iterable[bytes]) -> Iterator[Received]:
    """The payloads of a log, line by line; blank lines are passed over.

    Nothing is refused here: a line that is no JSON is handed on as it is, and feeding it tells why.
    """
    for line in lines:
        if text := line.strip():
            yield read_line(text)


def read_line(line: bytes) -> Received:
    """One line, bare or enveloped."""
    text = line.removeprefix(b"\xef\xbb\xbf")
    if (enveloped := _ENVELOPE.fullmatch(text)) and _is_json(enveloped["payload"]):
        return Received(enveloped["payload"], _time(enveloped["time"].decode()))
    try:
        record = json.loads(text.decode(), object_pairs_hook=_unambiguous)
    except (ValueError, RecursionError):
        return Received(line)
    if not isinstance(record, dict) or "payload" not in record or not record.keys() <= {"received_at", "payload"}:
        return Received(line)
    return Received(record["payload"], _time(record.get("received_at")))


_ENVELOPE = re.compile(
    rb'\{\s*"received_at":\s*"(?P<time>[0-9T:.Z+-]+)",\s*"payload":\s*(?P<payload>\{.*\})\s*\}', re.DOTALL
)
"""The usual envelope, from which the payload can be taken byte for byte."""


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object in which no key has two values: one of them would be lost."""
    record = dict(pairs)
    if any(record[key] != value for key, value in pairs):
        raise ValueError("a key is given twice, with different values")
    return record


def _is_json(data: bytes) -> bool:
    try:
        from_json(data)
    except ValueError:
        return False
    return True


def _time(text: object) -> datetime | None:
    """When it arrived. What is not a time is handed on as it is: feeding it tells what is wrong with it."""
    try:
        return None if text is None else datetime.fromisoformat(text)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return text  # type: ignore[return-value]

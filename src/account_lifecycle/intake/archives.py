"""Archives as logs: events that were taken out of a store are read as they were on record, not out of their payloads.

So an archive comes to the same accounts as the store did: also its deadlines and observations, which have no payload,
and the events whose payload was erased. Its other columns, what was decided and the chain, are for ``verify``.
"""

import json
from datetime import datetime, timedelta
from typing import Annotated

import msgspec

from ..errors import PayloadError
from ..lifecycle.definition import WORST_FIRST
from ..lifecycle.events import (
    ABSENT,
    ANNOUNCED,
    MAX_CHARACTERS,
    OBSERVED,
    DeadlineKind,
    DeadlinePassed,
    Event,
    StatusAnnounced,
    StatusObserved,
)
from ..lifecycle.status import Status
from .layouts import Received
from .payloads import MAX_BYTES, Payload, parse
from .times import in_utc
from .words import provider_of, status_of

_Time = Annotated[datetime, msgspec.Meta(tz=True)]
_Word = Annotated[str, msgspec.Meta(max_length=MAX_CHARACTERS)]


class _Line(msgspec.Struct):
    """What of a line of an archive is an event."""

    account_id: _Word
    received_at: _Time
    kind: str
    announced: _Word
    product: _Word
    provider: _Word | None
    owner: _Word | None
    reason: _Word
    payload: bytes | None
    erased: bool
    since: _Time | None
    allowed_us: int | None
    signed_in_at: _Time | None


_KEYS = {*_Line.__struct_fields__, "sequence", "verdict", "before", "after", "digest"}


def is_archive(record: object) -> bool:
    """Return whether the first record of a log is a line of an archive."""
    return isinstance(record, dict) and record.keys() >= _KEYS


def archived(line: bytes) -> list[Received]:
    """Return the event in a line of an archive; in its place the refusal of a line that is none."""
    try:
        event = _event(msgspec.convert(json.loads(line), _Line))
        return [Received(event, event.received_at)]
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        found = f"a line that is none ({error})"
        return [Received(PayloadError("line", found, "the next line of an archive", line[:MAX_BYTES], len(line)))]


def _event(line: _Line) -> Event:
    """Return the event in a line; raise ``ValueError`` if it cannot be one."""
    at = in_utc("received_at", line.received_at)
    if not line.account_id.isprintable() or line.account_id.strip() != line.account_id:
        raise ValueError(f"account_id: {line.account_id!r}")
    provider = provider_of(line.provider) if line.provider else None
    if line.kind == ANNOUNCED:
        payload = line.payload or b""
        if not line.announced or status_of(line.announced) != line.announced or bool(payload) == line.erased:
            raise ValueError("neither a payload, nor the mark that it was erased, or no status")
        return StatusAnnounced(
            line.account_id, line.announced, at, provider, line.product, line.owner, line.reason, payload
        )
    if line.kind == OBSERVED:
        if line.announced not in (*WORST_FIRST, ABSENT):
            raise ValueError(f"announced: {line.announced!r}")
        signed_in_at = line.signed_in_at and in_utc("signed_in_at", line.signed_in_at)
        told = provider, line.owner, signed_in_at, line.product, line.reason
        return StatusObserved(line.account_id, line.announced, at, *told)
    if line.since is None or line.allowed_us is None:
        raise ValueError("a deadline without since or allowed_us")
    allowed = timedelta(microseconds=line.allowed_us)
    kind = DeadlineKind(line.kind)
    return DeadlinePassed(line.account_id, Status(line.announced), at, in_utc("since", line.since), allowed, kind)


def event_of(payload: Payload | Event, received_at: datetime) -> Event:
    """Return the event that a log hands on, which is read already if it comes from an archive. See ``parse``."""
    if type(payload) is bytes or not isinstance(payload, Event):  # most are bytes, and the question is a slow one
        return parse(payload, received_at)
    return payload

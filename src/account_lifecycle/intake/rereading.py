"""A payload that was kept, read again: whether it still says what its event says."""

import msgspec

from ..errors import PayloadError
from ..lifecycle.events import StatusAnnounced
from ..lifecycle.providers import family_of
from .dialects import TableRow
from .payloads import Payload, parse

_read_cells = msgspec.json.Decoder(dict[str, str]).decode

COMPARED = ("account_id", "status", "provider", "product", "owner", "reason")
"""What a payload says of an event."""


def misread(event: StatusAnnounced) -> tuple[str, ...]:
    """Return what of an event its payload does not say as it is read today: names of ``COMPARED``, or ``payload`` if it
    cannot be read.

    A provider that was unknown when the payload was read, and is an alias by now, is no difference. An event without a
    payload comes from an archive in which it was erased: it can name no owner and no reason.
    """
    if not event.payload:
        return tuple(name for name in ("owner", "reason") if getattr(event, name))
    best: tuple[str, ...] = ("payload",)
    for payload in (event.payload, _row_of(event.payload)):
        try:
            found = None if payload is None else parse(payload, event.received_at)
        except PayloadError:
            continue
        if found is not None and not (best := _differing(event, found)):
            break
    return best


def _differing(event: StatusAnnounced, found: StatusAnnounced) -> tuple[str, ...]:
    names = [name for name in COMPARED if getattr(event, name) != getattr(found, name)]
    if "provider" in names and event.provider is not None and family_of(event.provider) == found.provider:
        names.remove("provider")
    return tuple(names)


def _row_of(data: bytes) -> Payload | None:
    """Return the row of a table that was kept as these bytes; None if it is none."""
    try:
        row = TableRow(**_read_cells(data))
    except (msgspec.MsgspecError, UnicodeDecodeError, TypeError):
        return None
    return row if row.to_bytes() == data else None

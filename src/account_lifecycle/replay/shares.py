"""Whose an event is: the accounts of a log split over several processes, each of which judges its own only."""

import zlib
from collections.abc import Collection
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec

from ..errors import PayloadError
from ..intake.dialects import DIALECTS, TableRow
from ..intake.dialects import Path as KeyPath
from ..intake.payloads import Payload, parse
from ..lifecycle.events import Event


def _name(key: str) -> str:
    """Return the name of an attribute for a key, which need not be an identifier."""
    return f"at_{key.encode().hex()}"


def _object(paths: Collection[KeyPath], ids: Collection[KeyPath]) -> type[msgspec.Struct]:
    """Return the type of an object in which nothing is read but what paths lead to: an id, or whether it is there."""
    fields: list[tuple[str, Any, None]] = []
    keys = sorted({path[0] for path in paths})
    for key in keys:
        inner = [path[1:] for path in paths if path[0] == key and len(path) > 1]
        kind: Any = str if (key,) in ids else msgspec.Raw
        if inner:
            kind = _object(inner, [path[1:] for path in ids if path[0] == key])
        fields.append((_name(key), kind, None))
    return msgspec.defstruct("Object", fields, rename={_name(key): key for key in keys})


_IDS = [row.fields["account_id"] for row in DIALECTS]
_Payload = _object([*_IDS, *((key,) for row in DIALECTS for key in row.keys)], _IDS)
_decode = msgspec.json.Decoder(_Payload).decode
_BY_DIALECT = [
    ([attrgetter(_name(key)) for key in row.keys], attrgetter(".".join(map(_name, row.fields["account_id"]))))
    for row in DIALECTS
]


def account_in(payload: bytes) -> str | None:
    """Return the account that a payload is about, if it is about any; None where only ``parse`` can tell.

    Whenever ``parse`` accepts the payload, this is the very id that it reads: both go by the rows of ``dialects``.
    """
    try:
        found: Any = _decode(payload)
        for keys, id_in in _BY_DIALECT:
            for value_of in keys:
                if value_of(found) is None:
                    break
            else:
                account_id: str | None = id_in(found)
                return account_id and account_id.strip()
    except (msgspec.MsgspecError, AttributeError, ValueError, RecursionError):
        pass
    return None


_ANY_TIME = datetime(1970, 1, 1, tzinfo=UTC)


class Share(NamedTuple):
    """The accounts that one of several processes judges."""

    number: int
    of: int

    def has_account(self, account_id: str) -> bool:
        """Return whether an account is in it."""
        return zlib.crc32(account_id.encode("utf-8", "surrogateescape")) % self.of == self.number

    def has_payload(self, payload: Payload | Event) -> bool:
        """Return whether the account of a payload is in it; one without any is in one share, whichever that is."""
        account_id = account_in(payload) if isinstance(payload, bytes) else None
        if account_id is None:
            if isinstance(payload, Event):
                return self.has_account(payload.account_id)
            if isinstance(payload, TableRow):
                return self.has_account((payload.account_id or "").strip())
            try:
                account_id = parse(payload, _ANY_TIME).account_id
            except PayloadError as error:
                return zlib.crc32(error.reason.encode("utf-8", "surrogateescape")) % self.of == self.number
        return zlib.crc32(account_id.encode()) % self.of == self.number

"""The wire formats as data: one row for each, from which payloads, tables and simulated logs are read and written.

A row says by which top-level keys a payload in it is recognized and where each field of an event stands. Rows are
tried in their order; the last one has no keys and takes every object that no other row recognizes. Everything else
follows: ``payloads`` builds one model of all rows, ``columns`` names the columns of a table, ``write`` makes a
payload of the fields of an event. A row of a table is in a dialect of its own, which is never tried on a body that
the vendor sent. Other webhooks of the vendor are rows too, so that they can be named. Sources: the vendor's page
"Account status updates"; what integrators see on the wire (``reason``, CREATION_FAILED, failures without an account).
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

Path = tuple[str, ...]
"""The keys that lead from the outermost object to a value."""

FIELDS = ("account_id", "provider", "status", "product", "name", "reason")
"""What a payload can say of an event; ``provider`` is its account type."""
REMARK = "reason"
"""The field that only remarks on an event: whatever stands there, the event is not refused for it."""
_WORDS = {"CREATION_FAILED": "CREATION_FAIL"}


class Dialect(NamedTuple):
    """One wire format."""

    name: str
    keys: tuple[str, ...]
    """The top-level keys that a payload has if it is in this dialect; none in the last row."""
    fields: Mapping[str, Path]
    """Where each of ``FIELDS`` stands that it has, in the order in which they are written and checked."""
    required: tuple[str, ...]
    """The fields that must say something."""
    example: str
    """A status that is typical of it, for messages."""
    words: Mapping[str, str] = _WORDS
    """Its own words for statuses, upper-cased, and the status that each means."""
    statuses: frozenset[str] = frozenset()
    """The only statuses that it announces; empty if it may announce any."""
    nobodys: frozenset[str] = frozenset()
    """The statuses that it may announce of no account at all."""
    foreign_keys: tuple[str, ...] = ()
    """Top-level keys that a payload in it never has."""
    loose: tuple[str, ...] = ()
    """The fields whose key may be in any case, and beside the object in which it belongs."""

    @property
    def by_reading_order(self) -> dict[str, Path]:
        """The fields in the order of ``FIELDS``, which is the order in which wrong types are found."""
        return {field: self.fields[field] for field in FIELDS if field in self.fields}

    @property
    def objects(self) -> tuple[Path, ...]:
        """Where objects must stand, outermost first."""
        inner = {path[:depth]: None for path in self.by_reading_order.values() for depth in range(1, len(path))}
        return tuple(sorted(inner, key=len))


STATUS_WEBHOOK = Dialect(
    "status webhook",
    keys=("AccountStatus",),
    fields={
        "account_id": ("AccountStatus", "account_id"),
        "provider": ("AccountStatus", "account_type"),
        "status": ("AccountStatus", "message"),
        "product": ("AccountStatus", "product"),
        "reason": ("AccountStatus", "reason"),
    },
    required=("account_id", "status"),
    example="CREDENTIALS",
    loose=("product", "reason"),
)
HOSTED_AUTH = Dialect(
    "hosted-auth notification",
    keys=(),
    fields={"status": ("status",), "account_id": ("account_id",), "name": ("name",)},
    required=("account_id", "status"),
    example="CREATION_SUCCESS",
    statuses=frozenset({"CREATION_SUCCESS", "RECONNECTED", "CREATION_FAIL"}),
    nobodys=frozenset({"CREATION_FAIL"}),
    foreign_keys=("event", "type", "object"),
)
DIALECTS = (STATUS_WEBHOOK, HOSTED_AUTH)
"""Every dialect of a live body in the order in which they are tried."""
TABLE = Dialect(
    "row of a table",
    keys=(),
    fields={field: (field,) for field in FIELDS},
    required=("account_id", "status"),
    example="CREDENTIALS",
    nobodys=frozenset({"CREATION_FAIL"}),
)
"""The dialect of what a table has in its columns."""


class TableRow(NamedTuple):
    """A row of a table whose columns hold the fields of an event: a payload in the dialect ``TABLE``."""

    account_id: str | None = None
    provider: str | None = None
    status: str | None = None
    product: str | None = None
    name: str | None = None
    reason: str | None = None

    def to_bytes(self) -> bytes:
        """Return the row as the JSON object that is kept of it; cells that are null are left out."""
        cells = {field: cell for field, cell in zip(FIELDS, self, strict=True) if cell is not None}
        try:
            return msgspec.json.encode(cells)
        except UnicodeEncodeError:  # of what was no UTF-8, which is refused
            text = json.dumps(cells, ensure_ascii=False)
            try:
                return text.encode("utf-8", errors="surrogateescape")
            except UnicodeEncodeError:
                return text.encode("utf-8", errors="surrogatepass")


class Foreign(NamedTuple):
    """Another kind of webhook of the vendor, which is not about the status of an account."""

    kind: str
    key: str
    """The top-level key that it is recognized by."""
    values: re.Pattern[str]
    """What the text there looks like."""


FOREIGN = (
    Foreign("a v2 event", "type", re.compile(r"[a-z_]+(\.[a-z_]+)+", re.IGNORECASE)),
    Foreign("a message webhook", "event", re.compile(r"message_\w+", re.IGNORECASE)),
    Foreign("a mail webhook", "event", re.compile(r"e?mail_\w+", re.IGNORECASE)),
    Foreign("a calendar webhook", "event", re.compile(r"calendar\w*", re.IGNORECASE)),
    Foreign("a relations webhook", "event", re.compile(r"new_relation\w*", re.IGNORECASE)),
)
"""The foreign webhooks that are known, in the order in which they are tried."""


def check_dialects(dialects: Sequence[Dialect]) -> None:
    """Raise ``ValueError`` naming the row at fault if the rows cannot be distinguished or read together."""
    texts: dict[Path, Dialect] = {}
    objects: dict[Path, Dialect] = {}
    for place, row in enumerate(dialects, 1):
        if bool(row.keys) != (place < len(dialects)):
            raise ValueError(f"dialect {row.name!r}: every row but the last, and only those, is recognized by keys")
        if unknown := {*row.fields, *row.required} - {*FIELDS}:
            raise ValueError(f"dialect {row.name!r}: {sorted(unknown)} is not among the fields {', '.join(FIELDS)}")
        if missing := {"account_id", "status"} - ({*row.fields} & {*row.required}):
            raise ValueError(f"dialect {row.name!r}: it requires no {' and no '.join(sorted(missing))}")
        texts |= dict.fromkeys(row.fields.values(), row)
        objects |= dict.fromkeys(row.objects, row)
    for path in texts.keys() & objects.keys():
        names = f"dialect {texts[path].name!r} has text at {'.'.join(path)}, where {objects[path].name!r}"
        raise ValueError(f"{names} has an object")


def write(dialect: Dialect, fields: Mapping[str, object], more: Mapping[str, object] | None = None) -> dict[str, Any]:
    """Return the payload that says ``fields``, in their order, in a dialect; ``more`` is added beside the status.

    Fields that the dialect has no place for are left out; keys that it is recognized by are null if they hold none.
    """
    payload: dict[str, Any] = {}
    beside: dict[str, Any] = payload
    for field, value in fields.items():
        if field not in dialect.fields:
            continue
        *parents, key = dialect.fields[field]
        inner = payload
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[key] = value
        beside = inner if field == "status" else beside
    beside.update(more or {})
    return dict.fromkeys(dialect.keys) | payload


def columns() -> dict[str, tuple[str, ...]]:
    """Return the names that the column of each field goes by: its own, then the key it has in each dialect."""
    return {
        field: tuple(dict.fromkeys((field, *(row.fields[field][-1] for row in DIALECTS if field in row.fields))))
        for field in FIELDS
    }

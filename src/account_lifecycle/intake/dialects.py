"""The wire formats as data: one row for each, from which payloads, tables and simulated logs are read and written.

A row says by which top-level keys a payload in it is recognized and where each field of an event stands. Rows are
tried in their order; the last one has no keys and takes every object that no other row recognizes. Everything else
follows: ``payloads`` builds one model of all rows, ``columns`` names the columns of a table, ``write`` makes a
payload of the fields of an event. Source: the vendor's page "Account status updates".
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

Path = tuple[str, ...]
"""The keys that lead from the outermost object to a value."""

FIELDS = ("account_id", "provider", "status", "product", "name")
"""What a payload can say of an event; ``provider`` is its account type."""


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
    words: Mapping[str, str] = {}
    """Its own words for statuses, upper-cased, and the status that each means."""

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
    },
    required=("account_id", "status"),
    example="CREDENTIALS",
)
HOSTED_AUTH = Dialect(
    "hosted-auth notification",
    keys=(),
    fields={"status": ("status",), "account_id": ("account_id",), "name": ("name",)},
    required=("account_id", "status"),
    example="CREATION_SUCCESS",
)
DIALECTS = (STATUS_WEBHOOK, HOSTED_AUTH)
"""Every dialect in the order in which they are tried."""


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


def write_row(fields: Mapping[str, str | None]) -> dict[str, Any]:
    """Return the payload that a row of a table amounts to, in the dialect that has a place for what it says.

    A provider decides before a name, and a name before a product; of equals, the first row is taken. Fields that are
    None are left out unless they are required.
    """
    said = [field for field in ("provider", "name", "product") if (fields.get(field) or "").strip()]
    dialect = max(DIALECTS, key=lambda row: [field in row.fields for field in said])
    kept = [field for field in dialect.fields if fields.get(field) is not None or field in dialect.required]
    return write(dialect, {field: fields.get(field) for field in kept})

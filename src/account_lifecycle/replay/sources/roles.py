"""Which column of a table holds what: by its usual name, or as it was told.

Knows names. It must never know a file format, nor what a value means.
"""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import NoReturn

from ...errors import ConfigurationError


class Role(StrEnum):
    """What a column can hold."""

    ACCOUNT_ID = "account_id"
    STATUS = "status"
    PROVIDER = "provider"
    PRODUCT = "product"
    NAME = "name"
    RECEIVED_AT = "received_at"
    PAYLOAD = "payload"
    """A whole webhook as JSON; beside it, only ``RECEIVED_AT`` is read."""


NAMES: Mapping[Role, tuple[str, ...]] = {
    Role.ACCOUNT_ID: ("account_id",),
    Role.STATUS: ("status", "message"),
    Role.PROVIDER: ("provider", "account_type"),
    Role.PRODUCT: ("product",),
    Role.NAME: ("name",),
    Role.RECEIVED_AT: ("received_at", "at", "timestamp", "time"),
    Role.PAYLOAD: ("payload",),
}
"""How a column is called by whoever was not told otherwise, the first one that is there."""


def checked(columns: Mapping[str, str]) -> dict[Role, str]:
    """What was told about columns; ``ConfigurationError`` for a role that there is none of."""
    unknown = [role for role in columns if role not in list(Role)]
    if unknown:
        raise ConfigurationError("columns", repr(unknown[0]), f"one of {', '.join(Role)}")
    return {Role(role): column for role, column in columns.items()}


def roles_of(name: str, there: Collection[str], told: Mapping[Role, str]) -> dict[Role, str]:
    """The columns that will be read, by role; ``ConfigurationError`` if what is needed is not there.

    What came in, byte for byte, is better than what somebody made of it: a payload is read in place of all other
    columns, unless it was told where those are.
    """
    found = {**_usual(there, told), **told}
    if Role.PAYLOAD in told or (Role.PAYLOAD in found and not told.keys() & _NEEDED):
        found = {role: column for role, column in found.items() if role in (Role.PAYLOAD, Role.RECEIVED_AT)}
    elif found.keys() >= _NEEDED:
        found.pop(Role.PAYLOAD, None)
    else:
        _refuse(name, there, "account_id and status, or payload, under these names or under others that are told")
    for role, column in found.items():
        if list(there).count(column) != 1:
            _refuse(name, there, f"{column!r} for {role}, once")
    return found


_NEEDED = {Role.ACCOUNT_ID, Role.STATUS}


def _usual(there: Collection[str], told: Mapping[Role, str]) -> dict[Role, str]:
    taken = set(told.values())
    usual = {}
    for role, names in NAMES.items():
        column = next((column for column in names if column in there and column not in taken), None)
        if column is not None:
            usual[role] = column
    return usual


def _refuse(name: str, there: Collection[str], expected: str) -> NoReturn:
    raise ConfigurationError(f"columns of {name}", ", ".join(map(repr, there)) or "none", expected)

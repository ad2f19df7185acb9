"""Settings that are forced on every SQLite connection from outside, whatever the store asks for.

Knows pragmas and the hooks of the database library; it must never know why a setting is forced.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import apsw

_Authorizer = Callable[[int, str | None, str | None, str | None, str | None], int]


@contextmanager
def imposed(**pragmas: str | int) -> Iterator[None]:
    """Force these on every connection that is opened meanwhile in this process; blanks and zeros force nothing."""
    forced = {name: value for name, value in pragmas.items() if value}

    def impose(connection: apsw.Connection) -> None:
        for name, value in forced.items():
            connection.execute(f"PRAGMA {name} = {value}").fetchall()
        connection.authorizer = _ignoring(forced)

    apsw.connection_hooks.append(impose)
    try:
        yield
    finally:
        apsw.connection_hooks.remove(impose)


def _ignoring(forced: Mapping[str, object]) -> _Authorizer:
    """Let every later wish for another setting pass unheard."""

    def authorize(
        action: int, first: str | None, second: str | None, _database: str | None, _trigger: str | None
    ) -> int:
        is_wish = action == apsw.SQLITE_PRAGMA and (first or "").lower() in forced and second is not None
        return apsw.SQLITE_IGNORE if is_wish else apsw.SQLITE_OK

    return authorize

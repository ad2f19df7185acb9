"""The schema: made in an empty database, brought up to date in an old one, refused when it is newer than this program.

Knows the numbered migrations; it must never know what they are for.
"""

from ...errors import StoreError
from ..sql import migrations
from .connections import Connection, statement


def migrate(connection: Connection, place: str) -> None:
    """Run the migrations that are missing, all of them or none; whoever else does so at the same time waits.

    Raises ``StoreError`` for a schema of a newer version.
    """
    scripts = migrations("postgres")
    if (_version(connection) if _is_ours(connection) else 0) == len(scripts):
        return
    with connection.transaction():
        connection.execute(statement("migrating"))
        connection.execute(statement("version_table"))
        version = _version(connection)
        if version > len(scripts):
            raise StoreError(
                f"{place} has schema version {version}, but this version of account-lifecycle knows only "
                f"{len(scripts)}. Install the newer version that made it."
            )
        for number, script in enumerate(scripts[version:], version + 1):
            connection.execute(script.encode())
            connection.execute(statement("save_version"), (number,))


def _is_ours(connection: Connection) -> bool:
    return bool(connection.execute(statement("has_version")).fetchall()[0][0])


def _version(connection: Connection) -> int:
    found: int = connection.execute(statement("version")).fetchall()[0][0]
    return found

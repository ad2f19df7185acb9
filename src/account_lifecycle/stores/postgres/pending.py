"""What opening a database would do to its schema, told beforehand.

Knows the numbered migrations and which were run; it must never run one.
"""

from ...errors import StoreError
from ..sql import migration_names
from .connections import Connections, statement
from .troubles import told_plainly


def pending_migrations(url: str) -> list[str]:
    """The names of the migrations that opening a database would run, in order; all of them in an empty one.

    Changes nothing. Raises ``StoreError`` for a database that cannot be used or a schema of a newer version.
    """
    names = list(migration_names("postgres"))
    connections = Connections(url)
    try:
        with told_plainly(connections.place), connections.lent() as connection:
            ((is_ours,),) = connection.execute(statement("has_version")).fetchall()
            version = connection.execute(statement("version")).fetchall()[0][0] if is_ours else 0
    finally:
        connections.close()
    if version > len(names):
        raise StoreError(
            f"{connections.place} has schema version {version}, but this version of account-lifecycle knows only "
            f"{len(names)}. Install the newer version that made it."
        )
    return names[version:]

"""What version 1 kept, as version 2 keeps it: its events sealed, its deliveries with a state, its hooks by name.

Knows both layouts; it runs once in a file's life, in the middle of the second migration.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby

import apsw

from ...lifecycle.effects import EffectKind
from ...records import DeliveryState, SubscribedHook
from .. import chain
from ..outbox_rows import EFFECTS_PER_EVENT, DeliveryRow, hook_row
from ..rows import NO_EFFECTS, Row, from_us
from ..sql import statements
from .connection import every
from .digests import with_digest

_SQL = statements("sqlite")

_EVENTS = """
SELECT e.*, f.effects, a.event_id, a.ordinal, a.kind, a.provider, a.since, a.last_announced, a.last_heard_at, a.detail
FROM event_1 e LEFT JOIN effect_1 f USING (event_id) LEFT JOIN anomaly a USING (event_id)
ORDER BY e.event_id, a.ordinal
"""
_END = """
CREATE UNIQUE INDEX event_of_account ON event (account_id, sequence);
DROP TABLE event_1;
DROP TABLE effect_1;
DROP TABLE delivery_1;
DROP TABLE quarantine_1;
PRAGMA legacy_alter_table = OFF;
PRAGMA secure_delete = FAST;
"""


def carry_over(db: apsw.Connection) -> None:
    """Fill the tables of version 2 from those of version 1, and drop the latter."""
    db.executemany(_SQL["save_event"], _sealed(db.execute(_EVENTS)))
    every(
        db,
        "INSERT INTO effect SELECT f.event_id, e.account_id, f.effects FROM effect_1 f JOIN event_1 e USING (event_id);"
        "INSERT INTO pending SELECT e.account_id, f.event_id FROM effect_1 f JOIN event_1 e USING (event_id) "
        "WHERE f.pending <> 0",
    )
    db.executemany(_SQL["quarantine"], (_refused(row) for row in every(db, "SELECT * FROM quarantine_1")))
    deliveries = [_delivery(number, row) for number, row in enumerate(every(db, _DELIVERIES), 1)]
    db.executemany(_SQL["save_delivery"], (with_digest("delivery", row) for row in deliveries))
    db.execute(_SQL["save_counter"], with_digest("counter", ("delivery", len(deliveries))))
    db.executemany(_SQL["save_hook"], (with_digest("hook", hook_row(hook)) for hook in _hooks(deliveries)))
    every(db, _END)


def _sealed(rows: Iterable[Row]) -> Iterator[Row]:
    """The events as a chain; what they were judged by is not known."""
    digest = chain.GENESIS
    for _, group in groupby(rows, key=lambda row: row[0]):
        joined = list(group)
        event, effects = joined[0][:18], joined[0][18] or NO_EFFECTS
        anomalies = [row[19:] for row in joined if row[19] is not None]
        digest = chain.sealed(digest, event, "", anomalies, effects)
        yield (*event, "", None, digest)


def _refused(row: Row) -> Row:
    columns = (*row, None)
    return (*columns, chain.quarantine_digest(columns))


_DELIVERIES = f"""
SELECT d.effect_id, e.account_id, d.hook, d.attempts, d.settled_at, d.is_done, d.error
FROM delivery_1 d JOIN event_1 e ON e.event_id = d.effect_id / {EFFECTS_PER_EVENT} ORDER BY d.effect_id, d.hook
"""


def _delivery(number: int, row: Row) -> DeliveryRow:
    """One that failed waits, and is due at once."""
    effect_id, account_id, hook, attempts, at, is_done, error = row
    state = DeliveryState.DONE if is_done else DeliveryState.WAITING
    return DeliveryRow(
        number, effect_id, account_id, hook, 1, state.value, attempts, attempts, at, None, at, at, error
    )  # fmt: skip


def _hooks(deliveries: Iterable[DeliveryRow]) -> list[SubscribedHook]:
    """The hooks that there are deliveries of. Their names say what they want: ``kind:subject|*:function``."""
    first: dict[str, int] = {}
    for row in deliveries:
        first[row.hook] = min(first.get(row.hook, row.created_at), row.created_at)
    found = []
    for name, at in first.items():
        kind, _, rest = name.partition(":")
        subject = rest.rpartition(":")[0]
        if kind in set(EffectKind):
            wanted = None if subject in ("", "*") else subject
            found.append(SubscribedHook(name, EffectKind(kind), wanted, subscribed_at=from_us(at)))
    return found

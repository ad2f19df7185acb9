"""What the tables must hold, from what the live engine's pure step has made of the same log."""

from collections.abc import Iterable, Iterator
from typing import Any

from account_lifecycle.lifecycle.decide import Decision
from replay.reference import Lived

Row = tuple[Any, ...]


def expected(lived: Lived) -> dict[str, list[Row]]:
    """Every row of the three tables; anomalies without their positions."""
    return {
        "anomalies": ordered(_anomalies(lived.everything)),
        "windows": ordered((*w[:7], [cause.value for cause in w.causes]) for w in lived.windows.values()),
        "accounts": ordered(_account(account) for account in lived.accounts.values()),
    }


def found(audit: Any) -> dict[str, list[Row]]:
    """The same of an audit."""
    return {
        "anomalies": rows_of(audit.anomalies.drop("position")),
        "windows": rows_of(audit.windows),
        "accounts": rows_of(audit.accounts),
    }


def rows_of(table: Any) -> list[Row]:
    """A table of Spark's, in an order of ours."""
    return ordered(tuple(row.values()) for row in table.toArrow().to_pylist())


def ordered(rows: Iterable[Row]) -> list[Row]:
    return sorted(
        (tuple(getattr(cell, "timestamp", lambda cell=cell: cell)() for cell in row) for row in rows), key=repr
    )


def _anomalies(decisions: Iterable[Decision]) -> Iterator[Row]:
    for decision in decisions:
        for a in decision.anomalies:
            yield (
                a.kind.value, a.severity.value, a.account_id, a.sequence, a.at, str(a.announced),
                a.situation.status.value, decision.after.status.value, a.provider and str(a.provider), a.detail,
                a.reason, a.since, a.last_announced and a.last_announced.value, a.last_heard_at,
            )  # fmt: skip


def _account(a: Any) -> Row:
    last = a.last_accepted
    return (
        a.account_id, a.status.value, a.health.value, a.exists, a.lost, a.needs_user, a.born,
        a.provider and str(a.provider), a.owner, a.since, a.stuck, a.presumed, a.doubtful, a.reason, a.sequence,
        a.known_since, a.signed_in_at, a.last_live_at, last and str(last.status), (last and last.product) or "",
        last and last.at, sorted(a.synced_products),
    )  # fmt: skip

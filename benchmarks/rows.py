"""Rows of a table as text: ours beside ``str.format`` of the same tuples, 200,000 of them."""

from collections.abc import Callable, Iterator, Sequence

from account_lifecycle.report.tables import Column, Table, style_of

ROWS = 200_000
WORDS = ("LIVE", "INTERRUPTED", "ACTION_REQUIRED", "GONE")

COLUMNS = (
    Column("account", 22),
    Column("status", 16),
    Column("health", 15, style=style_of),
    Column("provider", 12),
    Column("for", 12, right=True),
    Column("name"),
)
FORMAT = "{:<22}  {:<16}  {:<15}  {:<12}  {:>12}  {}\n"

Cells = tuple[str, ...]
Step = Callable[[Sequence[Cells]], object]


def account_rows() -> Iterator[Cells]:
    """Yield rows as ``account list`` has them."""
    for n in range(ROWS):
        yield f"acc_{n:06}", "CREDENTIALS", WORDS[n % 4], "LINKEDIN", f"{n % 23 + 1} h 20 min", f"user-{n}"


def in_a_pipe(_: Sequence[Cells]) -> Step:
    """Start with a table as wide as it needs to be, without colour."""
    return _written(Table(COLUMNS))


def in_colour(_: Sequence[Cells]) -> Step:
    """Start with a table for a terminal that is wide enough."""
    return _written(Table(COLUMNS, width=120, colour=True))


def folded(_: Sequence[Cells]) -> Step:
    """Start with a table for a terminal where the last cell of each row moves to a line of its own."""
    return _written(Table(COLUMNS, width=80, colour=True))


def by_format(_: Sequence[Cells]) -> Step:
    """Start with nothing."""
    return lambda rows: "".join([FORMAT.format(*row) for row in rows])


def _written(table: Table) -> Step:
    return lambda rows: "".join([table.row(*row) for row in rows])

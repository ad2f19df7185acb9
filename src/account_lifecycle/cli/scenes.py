"""The scenes of the demo: what is shown of a fleet, one after the other.

Knows the screen; it must never know how the fleet came about.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from ..lifecycle.account import Account
from ..lifecycle.anomalies import Severity
from ..lifecycle.providers import Provider
from ..lifecycle.status import Health
from ..lifecycle.windows import BlindWindow
from ..report.audit import AuditReport, WindowTotals
from ..report.words import blindness, counted, headline
from ..simulate.score import Score
from .accounts import write_accounts
from .commands import introduced
from .feeding import write_tally
from .output import STYLES, joined, styled, write_fields, write_heading, write_paragraph
from .tally import Tally
from .windows import write_windows

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

MAX_ROWS = 8
"""How many accounts or windows are shown of a kind."""
MAX_STORIES = 3
NEEDS_SOMEBODY = (Health.ACTION_REQUIRED, Health.INTERRUPTED, Health.RECOVERING, Health.STARTING, Health.UNKNOWN)
"""The healths that are worth a look, the most urgent first."""


def open_show(console: "Console", accounts: int, days: int, lines: int, faults: int) -> None:
    """What is about to be seen."""
    write_paragraph(
        console,
        f"{counted(accounts, 'account')} of {len(Provider)} providers, simulated over {counted(days, 'day')}: "
        f"{counted(lines, 'webhook')}, and {counted(faults, 'fault')} put in on purpose, such as webhooks that come "
        "late, twice, broken or never.",
    )


def show_feed(console: "Console", tally: Tally, result: Score, stuck: int) -> None:
    """What the feed came to, and whether the faults were found."""
    write_heading(console, "The log is fed")
    write_tally(tally, result)
    if stuck:
        write_paragraph(console, f"{counted(stuck, 'account')} found stuck when the deadlines were checked.")


def show_fleet(console: "Console", accounts: Sequence[Account], now: datetime) -> None:
    """How the fleet stands, and which of its accounts need somebody."""
    write_heading(console, "The fleet now", "accounts by provider and health")
    console.print(_fleet_table(accounts))
    waiting = sorted(
        (a for a in accounts if a.health in NEEDS_SOMEBODY),
        key=lambda account: NEEDS_SOMEBODY.index(account.health),
    )
    more = f", the first {MAX_ROWS} of {len(waiting)}" if len(waiting) > MAX_ROWS else ""
    write_heading(console, "Accounts that are not live", f"the most urgent first{more}")
    write_accounts(waiting[:MAX_ROWS], now)


def show_anomalies(console: "Console", report: AuditReport) -> None:
    """What deviated, by kind; then the worst of it, explained."""
    write_heading(console, "What was odd")
    write_paragraph(console, headline(report))
    for severity in reversed(Severity):
        for kind, count in report.by_kind.items():
            if kind.severity is severity:
                lead = joined(f"{count:>5}  ", styled(f"{severity:<9}", STYLES[severity]), f"{kind:<23}")
                write_paragraph(console, kind.meaning, lead.cell_len, first=lead)
    write_heading(console, "Explained", f"the latest of the {MAX_STORIES} worst kinds")
    examples = {group.kind: group.example for group in reversed(report.groups)}
    for kind in islice(dict.fromkeys(group.kind for group in report.groups), MAX_STORIES):
        example = examples[kind]
        story = joined(styled(kind, STYLES[kind.severity]), f" on {example.account_id}. {example.explanation}")
        write_paragraph(console, story, 4, first="  ·")


def show_windows(console: "Console", still_open: Sequence[BlindWindow], totals: WindowTotals, now: datetime) -> None:
    """When accounts were blind, and which are at this moment."""
    more = f", the latest {MAX_ROWS} of {len(still_open)}" if len(still_open) > MAX_ROWS else ""
    write_heading(console, "Blind windows", f"those that last still{more}")
    write_windows(still_open[-MAX_ROWS:], now)
    write_paragraph(console, blindness(totals))


def show_files(console: "Console", written: Iterable[tuple[str, Sequence[Path]]]) -> None:
    """What is on disk now: what each is, and its files, which differ in their endings only."""
    write_heading(console, "Left behind")
    write_fields(console, [(what, _endings(paths)) for what, paths in written])


def show_next(console: "Console", url: str, star: Account) -> None:
    """Commands to go on with; each works as it stands here."""
    write_heading(console, "What to try next")
    account_id = quote(star.account_id)
    for purpose, line in (
        ("Let every command below ask this store", f"export ACCOUNT_LIFECYCLE_STORE={quote(url)}"),
        ("Why is this account down, and what was missed?", f"account-lifecycle account explain {account_id}"),
        ("Everything that was ever heard of it", f"account-lifecycle history {account_id}"),
        ("The whole audit, grouped and explained", "account-lifecycle audit"),
        ("What could not be read, and why", "account-lifecycle quarantine list"),
        ("What a late sync does to a lost account", "account-lifecycle explain CREDENTIALS SYNC_SUCCESS"),
    ):
        console.print(joined(f"  {introduced(purpose)}"))
        console.print(joined(styled(f"    {line}", "bold")))


def _fleet_table(accounts: Sequence[Account]) -> "Table":
    from rich.table import Table

    counts = Counter((account.provider or "not told", account.health) for account in accounts)
    healths = [health for health in Health if any(met is health for _, met in counts)]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("provider", header_style="dim")
    for health in healths:
        table.add_column(health.replace("_", "\n"), justify="right", header_style="dim", vertical="bottom")
    for provider in sorted({provider for provider, _ in counts}):
        row = [_number(counts[provider, health], health) for health in healths]
        table.add_row(provider, *row)
    return table


def _endings(paths: Sequence[Path]) -> str:
    """``demo/fleet.svg .png``."""
    first, *others = paths
    return " ".join([str(first), *(other.suffix for other in others)])


def _number(count: int, health: Health) -> "Text":
    return styled(f"{count:,}", STYLES[health]) if count else styled("·", "dim")

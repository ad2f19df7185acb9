"""``demo``: everything at work in a few seconds, on a simulated fleet."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from ..engine.core import BATCH_SIZE, Engine, utc_now
from ..errors import ConfigurationError
from ..intake.logs import open_log
from ..lifecycle.account import Account
from ..lifecycle.anomalies import Severity
from ..lifecycle.decide import Decision
from ..lifecycle.providers import Provider
from ..lifecycle.status import Health
from ..outputs.drafts import drafted
from ..report.audit import AuditReport, build_report
from ..report.tables import STYLES
from ..report.words import blindness, counted, headline
from ..simulate.faults import Faults
from ..simulate.log import Simulation, simulate
from ..simulate.score import Listened, Score, score
from ..simulate.truth import read_truth, truth_path
from .accounts import write_accounts
from .commands import Command, introduced
from .drawing import draw_path, draw_traffic, save
from .feeding import ScoredLines, counting_feed, feeding, write_counts
from .output import composed, say, screen, styled, write_fields, write_heading, write_paragraph
from .outputs import OutputFolder
from .progress import FeedCounts, LogReader, waiting_for
from .windows import write_windows

if TYPE_CHECKING:
    from rich.console import Console

FLEET_SIZE, DAYS, SEED = 60, 240, 1
FAULT_RATES = Faults.everything(0.012)
MAX_ROWS = 8
"""How many accounts or windows of a kind are shown."""
MAX_EXPLAINED = 3
BY_WORRY = (Health.ACTION_REQUIRED, Health.INTERRUPTED, Health.RECOVERING, Health.STARTING, Health.UNKNOWN)
"""The healths of accounts that are worth a look, the most urgent first."""


class DemoFiles:
    """The demo's files, all in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "fleet.jsonl"
        self.truth = truth_path(self.log)
        self.store = folder / "fleet.db"
        self.url = f"sqlite:///{self.store}"

    @classmethod
    def are_in(cls, folder: Path) -> bool:
        """Return whether an earlier demo left them in a folder: the truth is that about its fleet."""
        try:
            header = read_truth(cls(folder).truth).header
        except (OSError, ConfigurationError):
            return False
        return (header["accounts"], header["days"], header["seed"]) == (FLEET_SIZE, DAYS, SEED)

    def clear(self) -> None:
        """Make the folder, and delete the store of an earlier demo but nothing else."""
        self.folder.mkdir(exist_ok=True)
        for suffix in ("", "-wal", "-shm"):
            self.store.with_name(self.store.name + suffix).unlink(missing_ok=True)


@click.command(
    cls=Command,
    short_help="Everything at work, on a simulated fleet",
    examples=[
        ("See everything at work; it takes a few seconds", "account-lifecycle demo"),
        ("Keep its files in another folder", "account-lifecycle demo --keep /tmp/fleet"),
    ],
)
@click.option(
    "--keep",
    "folder",
    type=OutputFolder(DemoFiles.are_in),
    default="demo",
    show_default=True,
    metavar="DIR",
    help="The folder for the log, the store, the pictures and the report: a new one, or that of an earlier demo.",
)
def demo(folder: Path) -> None:
    """Show everything at work on a simulated fleet: feeding, the audit, blind windows, pictures, a report.

    A log with accounts of every provider and every kind of fault is fed into a new store; what is found is
    shown and scored against the truth.
    """
    files = DemoFiles(folder)
    files.clear()
    simulation = _simulation()
    simulation.write(files.log, force=True)
    console = screen()
    with Engine.open(files.url, observers=()) as engine:
        write_paragraph(
            console,
            f"{counted(FLEET_SIZE, 'account')} of {len(Provider)} providers, simulated over {counted(DAYS, 'day')}: "
            f"{counted(simulation.events, 'webhook')} with {counted(len(simulation.faults), 'fault')} on purpose, such "
            "as webhooks that come late, twice, broken or never.",
        )
        now = utc_now()
        _feed_section(console, engine, files, now)
        report = build_report(engine.store, now=now)
        _fleet_section(console, engine.accounts(), now)
        _anomaly_section(console, report)
        _window_section(console, engine, report, now)
        example = _example(engine)
        with waiting_for("Drawing the pictures and writing the report"):
            fields = _write_files(engine, files, example, report)
        write_heading(console, "Files")
        write_fields(console, fields)
        _next_section(console, files.url, example)


def _simulation() -> Simulation:
    """Return the same fleet every time, shifted so that its last announcement has just come in."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    rehearsal = _simulate(start)
    for _ in rehearsal:
        pass
    length = datetime.fromisoformat(rehearsal.header["last_received_at"]) - start
    return _simulate((utc_now() - length - timedelta(minutes=1)).replace(second=0, microsecond=0))


def _simulate(start: datetime) -> Simulation:
    return simulate(accounts=FLEET_SIZE, seed=SEED, start=start, days=DAYS, faults=FAULT_RATES)


def _example(engine: Engine) -> Account:
    """Return the account that is worth a closer look: down now, and with the most anomalies."""
    down = engine.accounts(health=Health.ACTION_REQUIRED) or engine.accounts()
    return max(down, key=lambda account: len(engine.audit(account_id=account.account_id)))


def _write_files(engine: Engine, files: DemoFiles, example: Account, report: AuditReport) -> list[tuple[str, str]]:
    """Draw the pictures and write the report; return what each file is, and its name."""
    from .. import drawing
    from ..report.as_html import write_html

    missing = set[str]()
    life_cycle = save(drawing.lifecycle(), files.folder / "lifecycle", missing)
    traffic = save(draw_traffic(engine.store), files.folder / "traffic", missing)
    path = save(draw_path(engine.store, example), files.folder / "path", missing)
    for reason in sorted(missing):
        say(reason)
    page = files.folder / "audit.html"
    with drafted(page, replace=True) as draft:
        write_html(report, draft.text(), "".join(p.read_text("utf-8") for p in traffic if p.suffix == ".svg"))
    return [
        ("report", str(page)),
        ("life cycle", _endings(life_cycle)),
        ("traffic", _endings(traffic)),
        (f"path of {example.account_id}", _endings(path)),
        ("log", str(files.log)),
        ("truth about it", str(files.truth)),
        ("store", str(files.store)),
    ]


def _endings(paths: Sequence[Path]) -> str:
    """Return ``demo/fleet.svg .png``."""
    first, *others = paths
    return " ".join([str(first), *(other.suffix for other in others)])


# ---- Sections -------------------------------------------------------------------------------------------


def _feed_section(console: "Console", engine: Engine, files: DemoFiles, now: datetime) -> None:
    """Feed the log, check the deadlines, and score what was found against the truth."""
    reader, passed = LogReader(open_log(files.log)), list[Decision]()
    counts = FeedCounts(reader.log.summary)

    def heard() -> Iterator[Listened]:
        lines = ScoredLines(reader)
        yield from lines.heard(counting_feed(engine, counts, BATCH_SIZE))
        passed.extend(engine.check_deadlines(now))
        yield from map(lines.about, passed)

    with feeding(reader, counts):
        result: Score = score(files.truth, heard())
    write_heading(console, "The log is fed")
    write_counts(counts, result)
    if passed:
        stuck = sum(bool(decision.anomalies) for decision in passed)
        write_paragraph(
            console,
            f"When the clock was looked at, {counted(len(passed), 'deadline')} had passed: "
            f"{counted(stuck, 'account')} stuck, the rest still down or about to lose their session.",
        )


def _fleet_section(console: "Console", accounts: Sequence[Account], now: datetime) -> None:
    """Show how many accounts of each provider have which health, and those that are not live."""
    from rich.table import Table

    write_heading(console, "The fleet now", "accounts by provider and health")
    counts = Counter((account.provider or "unknown", account.health) for account in accounts)
    healths = [health for health in Health if any(other is health for _, other in counts)]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("provider", header_style="dim")
    for health in healths:
        table.add_column(health.replace("_", "\n"), justify="right", header_style="dim", vertical="bottom")
    for provider in sorted({provider for provider, _ in counts}):
        row = [(counts[provider, health], STYLES[health]) for health in healths]
        table.add_row(provider, *(styled(f"{n:,}", style) if n else styled("·", "dim") for n, style in row))
    console.print(table)
    waiting = sorted((a for a in accounts if a.health in BY_WORRY), key=lambda account: BY_WORRY.index(account.health))
    more = f", the first {MAX_ROWS} of {len(waiting)}" if len(waiting) > MAX_ROWS else ""
    write_heading(console, "Accounts that are not live", f"the most urgent first{more}")
    write_accounts(waiting[:MAX_ROWS], now)


def _anomaly_section(console: "Console", report: AuditReport) -> None:
    """Show the anomalies by kind, then the latest of the worst kinds explained."""
    write_heading(console, "Anomalies")
    write_paragraph(console, headline(report))
    for severity in reversed(Severity):
        for kind, count in report.by_kind.items():
            if kind.severity is severity:
                lead = composed(f"{count:>5}  ", styled(f"{severity:<9}", STYLES[severity]), f"{kind:<23}")
                write_paragraph(console, kind.meaning, lead.cell_len, first=lead)
    write_heading(console, "Explained", f"the latest of the {MAX_EXPLAINED} worst kinds")
    examples = {group.kind: group.example for group in reversed(report.groups)}
    for kind in islice(dict.fromkeys(group.kind for group in report.groups), MAX_EXPLAINED):
        example = examples[kind]
        story = composed(styled(kind, STYLES[kind.severity]), f" on {example.account_id}. {example.explanation}")
        write_paragraph(console, story, 4, first="  ·")


def _window_section(console: "Console", engine: Engine, report: AuditReport, now: datetime) -> None:
    """Show which accounts are blind now, and how long all were."""
    ongoing = engine.blind_windows(open_only=True)
    more = f", the latest {MAX_ROWS} of {len(ongoing)}" if len(ongoing) > MAX_ROWS else ""
    write_heading(console, "Blind windows", f"ongoing ones{more}")
    write_windows(ongoing[-MAX_ROWS:], now)
    write_paragraph(console, blindness(report.windows))


def _next_section(console: "Console", url: str, example: Account) -> None:
    """Show commands to go on with; each works as it is printed."""
    write_heading(console, "What to try next")
    account_id = quote(example.account_id)
    for purpose, line in (
        ("Let every command below use this store", f"export ACCOUNT_LIFECYCLE_STORE={quote(url)}"),
        ("Why is this account down, and what was missed?", f"account-lifecycle account explain {account_id}"),
        ("Every event of it", f"account-lifecycle history {account_id}"),
        ("The whole audit, grouped and explained", "account-lifecycle audit"),
        ("Unreadable payloads, and why", "account-lifecycle quarantine list"),
        ("What a late sync does to a lost account", "account-lifecycle explain CREDENTIALS SYNC_SUCCESS"),
    ):
        console.print(composed(f"  {introduced(purpose)}"))
        console.print(composed(styled(f"    {line}", "bold")))

"""``demo``: everything at work in a few seconds, on a fleet that never was.

Knows in which order things happen and which files they leave; how they look, ``scenes`` knows.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import click

from ..engine.core import BATCH_SIZE, Engine, utc_now
from ..intake.logs import read_log
from ..lifecycle.account import Account
from ..lifecycle.decide import Decision
from ..lifecycle.status import Health
from ..report.as_html import write_html
from ..report.audit import AuditReport, build_report
from ..simulate.log import Faults, Simulation, simulate, truth_path
from ..simulate.score import Heard, Score, score
from . import scenes
from .commands import Command
from .feeding import counting_feed, feeding
from .output import say, screen
from .pictures import draw_lifecycle, draw_path, draw_traffic, save
from .progress import waiting_for
from .reel import Reel
from .scoring import Numbered
from .tally import Tally

ACCOUNTS, DAYS, SEED = 60, 240, 44
FAULTS = Faults.everything(0.012)


class Stage(NamedTuple):
    """The demo's files, all in one folder."""

    folder: Path

    @property
    def log(self) -> Path:
        """The simulated log."""
        return self.folder / "fleet.jsonl"

    @property
    def truth(self) -> Path:
        """What was done to it."""
        return truth_path(self.log)

    @property
    def store(self) -> Path:
        """The store that it is fed into."""
        return self.folder / "fleet.db"

    @property
    def url(self) -> str:
        """The store's URL."""
        return f"sqlite:///{self.store}"

    def clear(self) -> None:
        """Make the folder; an earlier demo's store is taken away, nothing else is."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for suffix in ("", "-wal", "-shm"):
            self.store.with_name(self.store.name + suffix).unlink(missing_ok=True)


@click.command(
    cls=Command,
    short_help="Everything at work, on a simulated fleet",
    examples=[
        ("See everything at work; it takes a few seconds", "account-lifecycle demo"),
        ("Keep what it leaves in another folder", "account-lifecycle demo --keep /tmp/fleet"),
    ],
)
@click.option(
    "--keep",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("demo"),
    show_default=True,
    metavar="DIR",
    help="The folder for the log, the store, the pictures and the report.",
)
def demo(folder: Path) -> None:
    """Show everything at work on a simulated fleet: feeding, the audit, blind windows, pictures, a report.

    A log of every provider with every fault in it is fed into a fresh store; what is found is shown and
    scored against the truth.
    """
    stage = Stage(folder)
    stage.clear()
    simulation = _simulation()
    simulation.write(stage.log)
    console = screen()
    with Engine.open(stage.url, observers=()) as engine:
        scenes.open_show(console, ACCOUNTS, DAYS, simulation.events, len(simulation.truth))
        tally, now = Tally(), utc_now()
        result, stuck = _feed(engine, stage, tally, now)
        scenes.show_feed(console, tally, result, len(stuck))
        report = build_report(engine.store, now=now)
        scenes.show_fleet(console, list(engine.accounts()), now)
        scenes.show_anomalies(console, report)
        scenes.show_windows(console, engine.blind_windows(open_only=True), report.windows, now)
        star = _star(engine)
        with waiting_for("Drawing the pictures and writing the report"):
            written = _leave_behind(engine, stage, star, report)
        scenes.show_files(console, written)
        scenes.show_next(console, stage.url, star)


def _simulation() -> Simulation:
    """The same fleet every time, shifted so that its last news has just come in."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    rehearsal = _simulate(start)
    for _ in rehearsal:
        pass
    length = datetime.fromisoformat(rehearsal.header["last_received_at"]) - start
    return _simulate((utc_now() - length - timedelta(minutes=1)).replace(second=0, microsecond=0))


def _simulate(start: datetime) -> Simulation:
    return simulate(accounts=ACCOUNTS, seed=SEED, start=start, days=DAYS, faults=FAULTS)


def _feed(engine: Engine, stage: Stage, tally: Tally, now: datetime) -> tuple[Score, Sequence[Decision]]:
    """Feed the log, check the deadlines, and score what was heard."""
    reel, stuck = Reel([str(stage.log)]), list[Decision]()

    def heard() -> Iterator[Heard]:
        lines = Numbered(read_log(reel))
        yield from lines.heard(counting_feed(engine, tally, BATCH_SIZE))
        stuck.extend(engine.check_deadlines(now))
        yield from map(lines.about, stuck)

    with feeding(reel, tally):
        return score(stage.truth, heard(), deadlines_checked=True), stuck


def _star(engine: Engine) -> Account:
    """The account that is worth a closer look: down by now, and with the most anomalies."""
    down = engine.accounts(health=Health.ACTION_REQUIRED) or engine.accounts()
    return max(down, key=lambda account: len(engine.audit(account_id=account.account_id)))


def _leave_behind(engine: Engine, stage: Stage, star: Account, report: AuditReport) -> list[tuple[str, Sequence[Path]]]:
    """Draw the pictures and write the report; what was written, and what each is."""
    missing = set[str]()
    life_cycle = save(draw_lifecycle(), stage.folder / "lifecycle", missing)
    traffic = save(draw_traffic(engine.store), stage.folder / "traffic", missing)
    path = save(draw_path(engine.store, star), stage.folder / "path", missing)
    for word in sorted(missing):
        say(word)
    page = stage.folder / "audit.html"
    with page.open("w", encoding="utf-8") as file:
        write_html(report, file, "".join(p.read_text("utf-8") for p in traffic if p.suffix == ".svg"))
    return [
        ("report", [page]),
        ("life cycle", life_cycle),
        ("traffic", traffic),
        (f"path of {star.account_id}", path),
        ("log", [stage.log]),
        ("truth about it", [stage.truth]),
        ("store", [stage.store]),
    ]

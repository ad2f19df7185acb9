"""``simulate``: a log of a fleet that never was, with faults put in on purpose and the truth about them.

Knows options; how accounts live and what goes wrong, ``simulate`` and ``lifecycle.lives`` know.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from ..lifecycle.providers import Provider
from ..lifecycle.wording import one_of
from ..report.words import counted
from ..simulate.log import Faults, simulate
from .commands import Command
from .options import KNOWN_PROVIDER, MOMENT, json_option
from .output import say, write_json

DEFAULT_RATE = 0.01
"""How often each fault strikes unless it is told: the probability for one announcement."""


@click.command(
    "simulate",
    cls=Command,
    short_help="Write the log of a fleet that never was",
    examples=[
        ("A small fleet with every fault in it", "account-lifecycle simulate fleet.jsonl"),
        ("Only late and lost ones", "account-lifecycle simulate --clean --fault reorder=0.05 --fault drop=0.1 f.jsonl"),
        ("A large log, without a fault", "account-lifecycle simulate --accounts 20000 --days 365 --clean big.jsonl"),
    ],
)  # fmt: skip
@click.argument("log", metavar="FILE", type=click.Path(dir_okay=False, writable=True, path_type=Path))
@click.option(
    "--accounts",
    type=click.IntRange(1, 10_000_000),
    default=50,
    show_default=True,
    metavar="COUNT",
    help="How many accounts.",
)
@click.option(
    "--days",
    type=click.FloatRange(0, 36_500, min_open=True),
    default=90,
    show_default=True,
    metavar="DAYS",
    help="How long it lasts.",
)
@click.option("--seed", type=int, default=1, show_default=True, metavar="NUMBER", help="The same seed, the same log.")
@click.option("--start", type=MOMENT, default="2026-01-01", show_default=True, metavar="TIME", help="When it begins.")
@click.option("--provider", "providers", type=KNOWN_PROVIDER, multiple=True, metavar="PROVIDER", help="Only these.")
@click.option(
    "--faults",
    "rate",
    type=click.FloatRange(0, 1),
    metavar="RATE",
    help=f"How often each fault strikes, for one announcement.  [default: {DEFAULT_RATE}]",
)
@click.option(
    "--fault",
    "rates",
    multiple=True,
    metavar="NAME=RATE",
    help=f"How often one fault strikes: {one_of(Faults._fields)}.",
)
@click.option("--clean", is_flag=True, help="No faults but those that --fault names.")
@click.option("--bare", is_flag=True, help="Bare payloads, without the times of their arrival.")
@json_option
def simulate_command(
    log: Path,
    accounts: int,
    days: float,
    seed: int,
    start: datetime,
    providers: Sequence[str],
    rate: float | None,
    rates: Sequence[str],
    clean: bool,
    bare: bool,
    as_json: bool,
) -> None:
    """Write a log of webhooks for a fleet that never was, and the truth about every fault in it.

    FILE is JSON Lines, ready for "feed"; beside it FILE.truth.jsonl says what was done to it, ready for
    "feed --truth". The lives are lawful, the faults are what webhooks suffer: lost, late, twice, broken.
    """
    if clean and rate is not None:
        raise click.UsageError("--clean and --faults exclude each other.")
    simulation = simulate(
        accounts=accounts,
        seed=seed,
        start=start,
        days=days,
        faults=_faults(0 if clean else DEFAULT_RATE if rate is None else rate, rates),
        providers=[Provider(word) for word in providers] or tuple(Provider),
        bare=bare,
    )
    truth = simulation.write(log)
    if as_json:
        write_json({"log": str(log), "truth": str(truth), **simulation.header})
        return
    lines, faults = counted(simulation.events, "line"), counted(len(simulation.truth), "fault")
    say(f"{log}: {lines} of {counted(accounts, 'account')}; {truth}: {faults}")
    say(f"Feed it: account-lifecycle feed {log} --truth {truth}")


def _faults(everywhere: float, rates: Sequence[str]) -> Faults:
    return Faults.everything(everywhere)._replace(**dict(map(_rate, rates)))


def _rate(text: str) -> tuple[str, float]:
    name, _, rate = text.partition("=")
    if name not in Faults._fields:
        raise click.UsageError(f"{name!r} is not a fault. There are {one_of(Faults._fields, 'and')}.")
    try:
        return name, float(rate)
    except ValueError:
        raise click.UsageError(f"{text!r} gives no rate. Write {name}=0.02, from 0 to 1.") from None

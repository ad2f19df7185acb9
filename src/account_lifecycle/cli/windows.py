"""Asking about time: ``windows`` (when accounts were blind) and ``deadlines`` (what has lasted too long).

Knows how intervals are shown; what makes one, the library knows.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

from ..lifecycle.decide import Decision
from ..lifecycle.windows import BlindWindow
from ..report.words import counted
from .commands import Command
from .opening import open_existing, open_to_read, read_settings
from .options import MOMENT, FailOn, fail_on_option, json_option, now_option, policy_options, store_option
from .output import Column, Sheet, about, clock, joined, say, screen, styled, write_json_line, write_paragraph

if TYPE_CHECKING:
    from rich.text import Text


@click.command(
    cls=Command,
    short_help="When accounts were blind, and what to backfill",
    examples=[
        ("What is being missed at this moment", "account-lifecycle windows --open"),
        ("What to backfill for one account, for a program", "account-lifecycle windows --account acc_1 --json"),
    ],
)
@click.option("--open", "open_only", is_flag=True, help="Only windows that last still.")
@click.option("--account", "account_id", metavar="ID", help="Only windows of this account.")
@now_option
@json_option
@store_option
def windows(open_only: bool, account_id: str | None, now: datetime, as_json: bool, store: str | None) -> None:
    """List blind windows: when accounts were not OK, so that messages were missed.

    Messages may have been missed from the last proof of life to the recovery: exactly that is to be
    backfilled. How long the account was down for certain is told beside it.
    """
    with open_to_read(store) as engine:
        found = engine.store.blind_windows(account_id, open_only=open_only)
        if as_json:
            for each in found:
                write_json_line(each.to_dict(now))
        else:
            say(counted(write_windows(found, now), "blind window"))


def write_windows(found: Iterable[BlindWindow], now: datetime) -> int:
    """Windows, one a line; how many there were."""
    sheet = Sheet(
        screen(),
        Column("account", 22),
        Column("backfill from", 16),
        Column("until (UTC)", 16),
        Column("down", 6, right=True),
        Column("causes", 11),
    )
    count = 0
    for each in found:
        sheet.row(
            each.account_id,
            clock(each.last_ok_at)[:16],
            _ending(each),
            about((each.closed_at or now) - each.opened_at),
            ", ".join(each.causes) or "not told",
        )
        count += 1
    return count


def _ending(window: BlindWindow) -> "str | Text":
    if window.closed_at is None:
        return styled("lasts still", "yellow")
    return clock(window.closed_at)[:16]


@click.command(
    cls=Command,
    short_help="Look for accounts that are stuck",
    examples=[
        ("Once an hour, from cron: what got stuck since", "account-lifecycle deadlines --fail-on warning"),
        ("What will be stuck at a given time", "account-lifecycle deadlines --now 2026-06-01T12:00:00Z"),
    ],
)
@click.option("--now", type=MOMENT, default="now", metavar="TIME", help="Check for this time.  [default: now]")
@fail_on_option
@policy_options
@json_option
@store_option
def deadlines(
    now: datetime,
    fail_on: tuple[str, ...],
    redelivery_window_s: float | None,
    deadlines: str | None,
    as_json: bool,
    store: str | None,
) -> None:
    """Look for accounts that are stuck, and put each on record.

    A transient status that outlives its deadline is told once for each stay: run this every few minutes,
    and each time it tells what is new.
    """
    settings = read_settings(store=store, redelivery_window_s=redelivery_window_s, deadlines=deadlines)
    with open_existing(settings) as engine:
        found = engine.check_deadlines(now)
    if as_json:
        for decision in found:
            write_json_line(decision.to_dict())
    else:
        _write_stuck(found, now)
    watch = FailOn(fail_on)
    for decision in found:
        for anomaly in decision.anomalies:
            watch.see(anomaly.kind)
    watch.end()


def _write_stuck(found: Sequence[Decision], now: datetime) -> None:
    console = screen()
    sheet = Sheet(
        console,
        Column("account", 22),
        Column("provider", 9),
        Column("stuck in", 16),
        Column("since (UTC)", 19),
        Column("for", 6, right=True),
    )
    for decision in found:
        account = decision.account
        sheet.row(
            account.account_id,
            account.provider or "not told",
            joined(styled(account.status, "yellow")),
            clock(account.since),
            about(now - account.since) if account.since else "",
        )
        write_paragraph(console, decision.explanation, 4)
    say(counted(len(found), "account") + " newly stuck")

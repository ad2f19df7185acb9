"""Commands about time: ``windows`` (when accounts were blind) and ``deadlines`` (what has lasted too long)."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import click

from ..lifecycle.decide import Decision
from ..lifecycle.windows import BlindWindow
from ..report.tables import Column
from ..report.words import counted
from .commands import Command
from .opening import open_existing, open_to_read, read_settings
from .options import MOMENT, FailOn, fail_on_option, json_option, now_option, policy_options, store_option
from .output import Sheet, about, clock, say, write_record

ONGOING = "ongoing"


@click.command(
    cls=Command,
    short_help="When accounts were blind, and what to backfill",
    examples=[
        ("What is being missed at this moment", "account-lifecycle windows --open"),
        ("What to backfill for one account, for a program", "account-lifecycle windows --account acc_1 --json"),
    ],
)
@click.option("--open", "open_only", is_flag=True, help="Only ongoing windows.")
@click.option("--account", "account_id", metavar="ID", help="Only windows of this account.")
@now_option
@json_option
@store_option
def windows(open_only: bool, account_id: str | None, now: datetime, as_json: bool, store: str | None) -> None:
    """List blind windows: when accounts were not OK, so that messages were missed.

    Messages may have been missed from the last proof of life to the recovery: backfill exactly that. The
    column "down" says how long the account was certainly down.
    """
    with open_to_read(store) as engine:
        found = engine.store.blind_windows(account_id, open_only=open_only)
        if as_json:
            for each in found:
                write_record(each.to_dict(now))
        else:
            say(counted(write_windows(found, now), "blind window"))


def write_windows(found: Iterable[BlindWindow], now: datetime) -> int:
    """Write windows, one a line, and return how many there were."""
    sheet = Sheet(
        Column("account", 22),
        Column("backfill from", 16),
        Column("until (UTC)", 16, style=lambda until: "yellow" if until == ONGOING else ""),
        Column("down", 6, right=True),
        Column("causes", 11),
    )
    for each in found:
        sheet.row(
            each.account_id,
            clock(each.last_ok_at)[:16],
            clock(each.closed_at)[:16] if each.closed_at else ONGOING,
            about((each.closed_at or now) - each.opened_at),
            ", ".join(each.causes) or "unknown",
        )
    return sheet.row_count


@click.command(
    cls=Command,
    short_help="Look for accounts that are stuck",
    examples=[
        ("Once an hour, from cron: what got stuck since", "account-lifecycle deadlines --fail-on warning"),
        ("What will be stuck by a given time", "account-lifecycle deadlines --now 2026-06-01T12:00:00Z"),
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

    A transient status that outlives its deadline is reported once for each stay: run this every few minutes,
    and each time it reports what is new.
    """
    settings = read_settings(store=store, redelivery_window_s=redelivery_window_s, deadlines=deadlines)
    with open_existing(settings) as engine:
        found = engine.check_deadlines(now)
    if as_json:
        for decision in found:
            write_record(decision.to_dict())
    else:
        _write_stuck(found, now)
    watch = FailOn(fail_on)
    for decision in found:
        for anomaly in decision.anomalies:
            watch.see(anomaly.kind)
    watch.end()


def _write_stuck(found: Sequence[Decision], now: datetime) -> None:
    sheet = Sheet(
        Column("account", 22),
        Column("provider", 9),
        Column("stuck in", 16, style=lambda _: "yellow"),
        Column("since (UTC)", 19),
        Column("for", 6, right=True),
    )
    for decision in found:
        account = decision.after
        sheet.row(
            account.account_id,
            account.provider or "unknown",
            account.status,
            clock(account.since),
            about(now - account.since) if account.since else "",
        )
        sheet.note("    ", decision.explanation)
    say(counted(len(found), "account") + " newly stuck")

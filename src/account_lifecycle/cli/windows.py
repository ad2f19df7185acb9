"""Commands about time: ``windows`` (when accounts were blind) and ``deadlines`` (what has passed)."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import islice

import click

from ..lifecycle.account import Account
from ..lifecycle.decide import Decision
from ..lifecycle.events import DeadlineKind, DeadlinePassed
from ..lifecycle.status import Health
from ..lifecycle.windows import BlindWindow
from ..report.tables import Column
from ..report.words import counted
from .accounts import id_of
from .commands import Command
from .opening import open_existing, open_to_read, read_settings
from .options import MOMENT, FailOn, fail_on_option, json_option, limit_option, now_option, policy_options, store_option
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
@limit_option
@now_option
@json_option
@store_option
def windows(
    open_only: bool, account_id: str | None, limit: int | None, now: datetime, as_json: bool, store: str | None
) -> None:
    """List blind windows: when accounts were not live, so that messages were missed.

    Messages may have been missed until it closed: backfill exactly that, from where each says, or everything where
    that is unknown. Nobody announced the beginning of a window that lasted "<" so long: the account may have been
    live for much of it.
    """
    with open_to_read(store) as engine:
        found = islice(engine.store.blind_windows(id_of(engine, account_id), open_only=open_only), limit)
        if as_json:
            for each in found:
                write_record(each.to_dict(now))
        else:
            say(counted(write_windows(found, now), "blind window"))


def write_windows(found: Iterable[BlindWindow], now: datetime) -> int:
    """Write windows, one a line, and return how many there were."""
    sheet = Sheet(
        Column("account", 22),
        Column("opened (UTC)", 16),
        Column("closed (UTC)", 16, style=lambda until: "yellow" if until == ONGOING else ""),
        Column("lasted", 7, right=True),
        Column("causes", 11),
    )
    for each in found:
        length = about(each.duration(now) or timedelta(0))
        sheet.row(
            each.account_id,
            clock(each.opened_at)[:16],
            clock(each.closed_at)[:16] if each.closed_at else ONGOING,
            f"< {length}" if each.estimated else length,
            ", ".join(each.causes) or "unknown",
        )
        start = clock(each.backfill_from) if each.backfill_from else "the beginning: since when it was down is unknown"
        sheet.note("    ", f"backfill from {start}")
    return sheet.row_count


@click.command(
    cls=Command,
    short_help="Look at the clock: what is stuck, still down, about to expire",
    examples=[
        ("Once an hour, from cron: what has passed since", "account-lifecycle deadlines --fail-on warning"),
        ("What will have passed by a given time", "account-lifecycle deadlines --now 2026-06-01T12:00:00Z"),
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
    as_json: bool,
    **options: object,
) -> None:
    """Look for deadlines that have passed, and put each on record.

    There are three kinds: an account is stuck in a status that should pass, an account is still down, a session ends
    soon. Each is reported once, dated at the moment it passed: run this every few minutes, and each time it reports
    what is new.
    """
    with open_existing(read_settings(**options)) as engine:
        found = engine.check_deadlines(now)
    if as_json:
        for decision in found:
            write_record(decision.to_dict())
    else:
        _write_passed(found)
    watch = FailOn(fail_on)
    for decision in found:
        for anomaly in decision.anomalies:
            watch.see(anomaly.kind)
    watch.end()


def _write_passed(found: Sequence[Decision]) -> None:
    sheet = Sheet(
        Column("account", 22),
        Column("passed (UTC)", 19),
        Column("after", 6, right=True),
        Column("what", 25, style=lambda what: "yellow" if what.startswith("stuck") else ""),
    )
    for decision in found:
        event, account = decision.event, decision.after
        assert isinstance(event, DeadlinePassed)
        words = passed_words(event, account)
        sheet.row(account.account_id, clock(event.received_at), about(event.allowed), words)
        if decision.explanation:
            sheet.note("    ", decision.explanation)
    say(counted(len(found), "deadline") + " newly passed")


def passed_words(event: DeadlinePassed, account: Account) -> str:
    """Return what a deadline that passed tells."""
    if event.kind is DeadlineKind.REMINDER:
        return "still down"
    if event.kind is DeadlineKind.SESSION:
        return "session ends soon"
    return "presumed live" if account.health is Health.LIVE else f"stuck in {event.status}"

"""``events``: what happened to the fleet, and when."""

import sys
import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice

import click

from ..engine.answers import known_family
from ..engine.core import utc_now
from ..lifecycle.status import Status
from ..lifecycle.wording import shown
from ..report.tables import STYLES, Column, style_of
from ..report.words import counted
from ..stores.fleet import EventFilter, FleetEvent
from ..stores.protocol import Reader
from .accounts import what_came
from .clocks import local_text, zone_name
from .commands import Command
from .opening import open_to_read
from .options import MOMENT, PROVIDER, Keyword, json_option, limit_option, store_option
from .output import (
    Sheet,
    say,
    write_record,
)

FOLLOW_EVERY_S = 1.0
"""How long --follow waits between two looks, in seconds."""
OVERLAP = 512
"""How many numbers back --follow looks again: where many processes feed, an event may be committed after one of a
higher number."""


@click.command(
    "events",
    cls=Command,
    short_help="What happened to the fleet, and when",
    examples=[
        ("What happened between two and three o'clock?", "account-lifecycle events --since 14:00 --until 15:00"),
        ("Which LinkedIn accounts were lost today?",
         "account-lifecycle events --since today --provider LINKEDIN --status CREDENTIALS --moved"),
        ("Watch it as it comes", "account-lifecycle events --follow"),
    ],
)  # fmt: skip
@click.option(
    "--since",
    type=MOMENT,
    metavar="TIME",
    help="Only what was received then or later.  [default: 1h, or now with --follow]",
)
@click.option("--until", type=MOMENT, metavar="TIME", help="Only what was received before then.")
@click.option("--provider", type=PROVIDER, metavar="PROVIDER", help="Only accounts of this provider.")
@click.option("--status", type=Keyword(Status), metavar="STATUS", help="Only what left an account in this status.")
@click.option("--moved", is_flag=True, help="Only what changed an account's status.")
@click.option("--follow", is_flag=True, help="Go on with what is fed from now on, until Ctrl-C.")
@limit_option
@json_option
@store_option
def events_command(
    since: datetime | None,
    until: datetime | None,
    provider: str | None,
    status: str | None,
    moved: bool,
    follow: bool,
    limit: int | None,
    as_json: bool,
    store: str | None,
) -> None:
    """List the events of all accounts in the order of their times, which are shown in the local zone.

    An arrow stands before a status that an event changed; (in parentheses) stands what a clock found, [in brackets]
    what the vendor's list says.
    """
    if follow and (until is not None or limit is not None):
        raise click.UsageError("--follow goes on until it is stopped: --until and --limit are for what is over.")
    now = utc_now()
    if since is not None and until is not None and until <= since:
        raise click.UsageError(
            f"--until {local_text(until)} is not after --since {local_text(since)} {zone_name(since)}."
        )
    begin = since or (now if follow else now - timedelta(hours=1))
    with open_to_read(store) as engine:
        family = None if provider is None else known_family(engine.store, provider)
        wanted = EventFilter(begin, until, family, Status(status) if status else None, moved)
        found = islice(engine.store.events(wanted), limit)
        if not as_json:
            end = f" to {local_text(until)}" if until else ""
            say(f"From {local_text(begin)}{end} {zone_name(begin)}")
        count = _write_events(_followed(engine.store, wanted, found) if follow else found, now, as_json=as_json)
    if not as_json:
        say(counted(count, "event"))


def _followed(store: Reader, wanted: EventFilter, found: Iterable[FleetEvent]) -> Iterator[FleetEvent]:
    """Yield what is found, then what is fed from now on and fits, each once, until somebody stops it."""
    begin = newest = store.standing().last_event
    seen = dict[int, None]()
    for each in found:
        seen[each.event_id] = None
        yield each
    while True:
        sys.stdout.flush()
        time.sleep(FOLLOW_EVERY_S)
        while page := store.recent(max(0, newest - OVERLAP), FOLLOWED):
            for each in page:
                since = None if each.event_id > begin else wanted.since
                if each.event_id not in seen and _fits(each, wanted._replace(since=since)):
                    yield each
                seen[each.event_id] = None
            is_end = len(page) < FOLLOWED
            newest = max(newest, page[-1].event_id)
            for old in [number for number in seen if number <= newest - OVERLAP]:
                del seen[old]
            if is_end:
                break


FOLLOWED = 2_000
"""How many events --follow reads at a time: more than it looks at again."""


def _fits(each: FleetEvent, wanted: EventFilter) -> bool:
    entry = each.entry
    return (
        (wanted.since is None or entry.received_at >= wanted.since)
        and wanted.provider in (None, each.provider)
        and wanted.status in (None, entry.status)
        and (each.is_move or not wanted.moved)
    )


def _write_events(found: Iterable[FleetEvent], now: datetime, *, as_json: bool) -> int:
    """Write events, one a line; return how many there were."""
    sheet = Sheet(
        Column(f"received ({zone_name(now)})", 19),
        Column("account", 22),
        Column("provider", 9),
        Column("announced", 16),
        Column("verdict", 9, style=style_of),
        Column("  status after", 18),
    )
    count = 0
    for each in found:
        count += 1
        entry = each.entry
        if as_json:
            write_record(each.to_dict())
            continue
        sheet.row(
            local_text(entry.received_at),
            entry.account_id or "(no account)",
            each.provider or "unknown",
            what_came(entry.event),
            entry.verdict,
            f"{'→' if each.is_move else ' '} {entry.status}",
        )
        if reason := getattr(entry.event, "reason", ""):
            sheet.note("    - ", f"reason: {shown(reason, 200)}")
        for anomaly in entry.anomalies:
            sheet.note("    ! ", f"{anomaly.kind}: {anomaly.meaning}", anomaly.kind, STYLES[anomaly.severity])
    return count

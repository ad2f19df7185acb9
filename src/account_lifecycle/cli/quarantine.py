"""``quarantine``: list and show unreadable payloads, and feed those that can be read now.

Payloads are strangers' bytes: on a screen they are escaped, and only ``--raw`` writes them as they are.
"""

import sys
from collections.abc import Sequence

import click

from ..intake.quarantine import Replayed
from ..lifecycle.wording import JsonObject, escaped
from ..records import Quarantined
from ..report.tables import Column, style_of
from ..report.words import counted
from ..stores.protocol import Reader
from .commands import CommandGroup, NotFound
from .opening import open_existing, open_to_read, read_settings
from .options import json_option, policy_options, store_option
from .output import (
    Sheet,
    clock,
    composed,
    say,
    screen,
    styled,
    write_document,
    write_fields,
    write_paragraph,
    write_record,
)


@click.group(
    cls=CommandGroup,
    short_help="Unreadable payloads, byte for byte",
    examples=[("Unreadable payloads, and why", "account-lifecycle quarantine list")],
)
def quarantine() -> None:
    """Payloads that could not be read, kept byte for byte."""


@quarantine.command(
    "list",
    examples=[
        ("Unreadable payloads, and why", "account-lifecycle quarantine list"),
        ("The same for a program", "account-lifecycle quarantine list --json"),
    ],
)
@json_option
@store_option
def list_quarantined(as_json: bool, store: str | None) -> None:
    """List unreadable payloads, oldest first, each with what is wrong with it."""
    with open_to_read(store) as engine:
        if as_json:
            for each in engine.store.quarantined():
                write_record(each.to_dict())
        else:
            say(counted(_write_list(engine.store), "payload"))


@quarantine.command(
    examples=[
        ("What number 3 is and why it was refused", "account-lifecycle quarantine show 3"),
        ("Its bytes, exactly, into a file", "account-lifecycle quarantine show 3 --raw > payload.bin"),
    ]
)
@click.argument("number", type=click.IntRange(min=1))
@click.option("--raw", is_flag=True, help="Write the payload's bytes and nothing else.")
@json_option
@store_option
def show(number: int, raw: bool, as_json: bool, store: str | None) -> None:
    """Show one unreadable payload: what is wrong with it, and its bytes."""
    with open_to_read(store) as engine:
        found = next((each for each in engine.store.quarantined() if each.quarantine_id == number), None)
    if found is None:
        raise NotFound(f"there is no number {number} in the quarantine. See: account-lifecycle quarantine list")
    if raw:
        sys.stdout.buffer.write(found.payload)
    elif as_json:
        write_document(found.to_dict())
    else:
        _write_one(found)


@quarantine.command(
    short_help="Feed what can be read now",
    examples=[
        ("After an upgrade: feed what the new version can read", "account-lifecycle quarantine replay"),
        ("Only these, for a program", "account-lifecycle quarantine replay 3 7 --json"),
    ],
)
@click.argument("numbers", metavar="[NUMBER]...", nargs=-1, type=click.IntRange(min=1))
@policy_options
@json_option
@store_option
def replay(numbers: tuple[int, ...], as_json: bool, **options: object) -> None:
    """Feed what can be read now, each payload once, with the time at which it came.

    Without numbers everything is tried that is kept whole and was not fed yet. A payload that is fed stays in
    the quarantine, with the time at which it was released.
    """
    with open_existing(read_settings(**options)) as engine:
        results = engine.replay_quarantine(numbers or None)
    if as_json:
        for each in results:
            write_record(_replayed_record(each))
    else:
        _write_replayed(results)
    unknown = [str(each.quarantine_id) for each in results if not each.is_known]
    if unknown:
        raise NotFound(f"not in the quarantine: {', '.join(unknown)}. See: account-lifecycle quarantine list")


def _write_replayed(results: Sequence[Replayed]) -> None:
    sheet = Sheet(
        Column("number", right=True),
        Column("account", 22),
        Column("announced", 16),
        Column("verdict", 8, style=style_of),
        Column("status after", 16),
    )
    fed = [each for each in results if each.decision]
    for each in results:
        if each.decision is None:
            sheet.note(f"{each.quarantine_id:>6}  ", each.error or "")
        else:
            account, event = each.decision.after, each.decision.event
            cells = (account.account_id, event.status, each.decision.verdict, account.status)
            sheet.row(str(each.quarantine_id), *cells)
    say(f"{counted(len(fed), 'payload')} fed, {len(results) - len(fed):,} not")


def _replayed_record(each: Replayed) -> JsonObject:
    decision = each.decision and each.decision.to_dict()
    return {"quarantine_id": each.quarantine_id, "decision": decision, "error": each.error}


def _write_list(reader: Reader) -> int:
    """Write the quarantine, one payload a line with what is wrong below it, and return how many there were."""
    sheet = Sheet(
        Column("number", right=True), Column("received (UTC)", 19), Column("bytes", 9, right=True), Column("field", 26)
    )
    for each in reader.quarantined():
        sheet.row(str(each.quarantine_id), clock(each.received_at), f"{each.size:,}", each.field)
        fed = " (fed later)" if each.released_at else ""
        sheet.note("        ", each.reason.removeprefix(f"{each.field}: ") + fed)
    return sheet.row_count


def _write_one(found: Quarantined) -> None:
    console = screen()
    is_cut = found.size > len(found.payload) and not found.is_erased
    cut = f", of which the first {len(found.payload):,} are kept" if is_cut else ""
    console.print(composed(styled(f"Number {found.quarantine_id}", "bold"), " in the quarantine"))
    write_fields(
        console,
        [
            ("received", f"{clock(found.received_at)} UTC"),
            ("size", f"{counted(found.size, 'byte')}{cut}"),
            ("field", found.field),
            ("wrong", found.reason.removeprefix(f"{found.field}: ")),
            ("fed", f"later, at {clock(found.released_at)} UTC" if found.released_at else ""),
            ("erased", "its bytes were erased on request" if found.is_erased else ""),
        ],
    )
    console.print()
    for line in found.payload.decode(errors="backslashreplace").splitlines():
        write_paragraph(console, escaped(line), 2)

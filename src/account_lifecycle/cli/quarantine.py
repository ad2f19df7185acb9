"""Asking about what could not be read: ``quarantine list`` and ``quarantine show``.

Knows that payloads are strangers' bytes: on a screen they are escaped, and only ``--raw`` hands them out.
"""

import sys

import click

from ..ports import Quarantined, Reader
from ..report.words import counted, printable
from .commands import Group, NotFound
from .opening import open_to_read
from .options import json_option, store_option
from .output import (
    Column,
    Sheet,
    clock,
    joined,
    say,
    screen,
    styled,
    write_fields,
    write_json,
    write_json_line,
    write_paragraph,
)


@click.group(
    cls=Group,
    short_help="What could not be read, byte for byte",
    examples=[("What could not be read, and why", "account-lifecycle quarantine list")],
)
def quarantine() -> None:
    """Payloads that could not be read, kept byte for byte."""


@quarantine.command(
    "list",
    examples=[
        ("What could not be read, and why", "account-lifecycle quarantine list"),
        ("The same for a program", "account-lifecycle quarantine list --json"),
    ],
)
@json_option
@store_option
def list_quarantined(as_json: bool, store: str | None) -> None:
    """List unreadable payloads, oldest first, each with what is wrong with it."""
    with open_to_read(store) as engine:
        if as_json:
            from ..report.records import quarantined_record

            for each in engine.store.quarantined():
                write_json_line(quarantined_record(each))
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
        from ..report.records import quarantined_record

        write_json(quarantined_record(found))
    else:
        _write_one(found)


def _write_list(reader: Reader) -> int:
    console = screen()
    sheet = Sheet(console, Column("number", right=True), Column("received (UTC)", 19), Column("bytes", 9, right=True),
                  Column("field", 26))  # fmt: skip
    count = 0
    for each in reader.quarantined():
        sheet.row(str(each.quarantine_id), clock(each.received_at), f"{each.size:,}", each.field)
        write_paragraph(console, each.reason.removeprefix(f"{each.field}: "), 8)
        count += 1
    return count


def _write_one(found: Quarantined) -> None:
    console = screen()
    cut = f", of which the first {len(found.payload):,} are kept" if found.size > len(found.payload) else ""
    console.print(joined(styled(f"Number {found.quarantine_id}", "bold"), " in the quarantine"))
    write_fields(
        console,
        [
            ("received", f"{clock(found.received_at)} UTC"),
            ("size", f"{counted(found.size, 'byte')}{cut}"),
            ("field", found.field),
            ("wrong", found.reason.removeprefix(f"{found.field}: ")),
        ],
    )
    console.print()
    for line in found.payload.decode(errors="backslashreplace").splitlines():
        write_paragraph(console, printable(line), 2)

"""``verify``: whether the record holds, and what today's rules would decide differently.

Knows how a proof is shown and how it ends; what there is to prove, the library knows.
"""

import re
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from ..lifecycle.decide import redelivery_window_of
from ..lifecycle.wording import JsonObject, lasting
from ..report.words import counted, printable
from ..stores.admin import has_head
from ..verify.record import Differences, Verification
from .commands import Command, ExitCode, Failed
from .opening import open_existing, read_settings
from .options import json_option, policy_options, store_option
from .output import joined, say, screen, styled, write_fields, write_heading, write_json, write_paragraph
from .parting import differences_record, write_differences
from .progress import waiting_for

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

MAX_TOLD = 20
"""How many faults a screen shows; JSON has a hundred."""


class Head(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """A head of the ledger: 64 hexadecimal digits."""

    name = "head"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The digits in lower case."""
        text = str(value).strip().lower()
        if not re.fullmatch("[0-9a-f]{64}", text):
            self.fail(f"{value!r} is no head: 64 hexadecimal digits, as verify writes them.", param, ctx)
        return text


@click.command(
    cls=Command,
    short_help="Prove that the record holds, event by event",
    examples=[
        ("Prove the record, and note down its head", "account-lifecycle verify"),
        ("What would a changed definition decide differently?", "account-lifecycle verify --against-definition"),
        ("From cron, with the head that was noted down", f"account-lifecycle verify --json --expect-head {'4f' * 32}"),
    ],
)
@click.option("--against-definition", is_flag=True, help="Tell too what today's rules would decide differently.")
@click.option("--expect-head", type=Head(), metavar="HEAD", help="A head noted down earlier must be in the ledger.")
@policy_options
@json_option
@store_option
def verify(against_definition: bool, expect_head: str | None, as_json: bool, **options: object) -> None:
    """Prove the record: the chain of digests, and all that follows from the ledger.

    Every event is judged once more, and accounts, blind windows, anomalies and effects are compared with what
    comes of it. Others may go on feeding meanwhile. Nothing is changed.

    Ends with 1 if anything does not hold, and with 6 if everything does but --against-definition finds that
    something would be decided differently.
    """
    with open_existing(read_settings(**options)) as engine, waiting_for("Verifying"):
        began = time.perf_counter()
        found = engine.verify()
        seconds = time.perf_counter() - began
        is_head_there = expect_head is None or has_head(engine.store, expect_head)
        parted = engine.verify_against_definition() if against_definition else None
    if as_json:
        write_json(_record(found, seconds, expect_head, is_head_there, parted))
    else:
        _write(found, seconds, parted)
    _end(found, is_head_there, parted)


def in_short(found: Verification) -> str:
    """What came of it, in a line."""
    if found.is_intact:
        return f"holds: {counted(found.events, 'event')} of {counted(found.accounts, 'account')}"
    return f"does not hold: {counted(found.fault_count, 'fault')}, the first: {printable(str(found.first))}"


def _record(
    found: Verification, seconds: float, expected: str | None, is_head_there: bool, parted: Differences | None
) -> JsonObject:
    return {
        "intact": found.is_intact and is_head_there,
        "events": found.events,
        "accounts": found.accounts,
        "checked_by_rules": dict(found.checked_by_rules),
        "structure_only": found.structure_only,
        "head": found.head,
        "expected_head": expected,
        "expected_head_found": None if expected is None else is_head_there,
        "seconds": round(seconds, 3),
        "fault_count": found.fault_count,
        "first": found.first and found.first.to_dict(),
        "faults": [fault.to_dict() for fault in found.faults],
        "differences": parted and differences_record(parted),
    }


def _write(found: Verification, seconds: float, parted: Differences | None) -> None:
    console = screen()
    if found.is_intact:
        console.print(styled("The record holds", "bold green"))
    else:
        console.print(styled(f"The record does not hold: {counted(found.fault_count, 'fault')}", "bold red"))
    write_fields(console, _fields(found))
    if not found.is_intact:
        _write_faults(console, found)
    if parted is not None:
        write_differences(console, parted)
    say(f"Verified in {seconds:,.2f} s")
    if found.head and found.is_intact:
        say("Note the head down elsewhere: later, --expect-head tells whether it is still in the ledger.")


def _fields(found: Verification) -> "list[tuple[str, str | Text]]":
    judged = [f"{count:,} {_rules_told(rules)}" for rules, count in found.checked_by_rules.items()]
    structure = f"{found.structure_only:,} by other rules: in order, each from where the last one ended"
    return [
        ("events", f"{found.events:,} of {counted(found.accounts, 'account')}"),
        ("judged again", "; ".join(judged) or "none"),
        ("structure", structure if found.structure_only else ""),
        ("first", found.first.place if found.first and found.fault_count > 1 else ""),
        ("head", found.head or "none: this store keeps no chain"),
    ]


def _rules_told(rules: str) -> str:
    window = redelivery_window_of(rules) or timedelta(0)
    return f"by today's machine, redelivery window {lasting(window)}"


def _write_faults(console: "Console", found: Verification) -> None:
    write_heading(console, "Faults", f"the first {MAX_TOLD}" if found.fault_count > MAX_TOLD else "")
    for fault in found.faults[:MAX_TOLD]:
        write_paragraph(console, joined(styled(fault.place, "bold"), f": {fault.finding}"), 4, first="  ·")


def _end(found: Verification, is_head_there: bool, parted: Differences | None) -> None:
    """The exit code that the findings come to."""
    if not found.is_intact:
        raise Failed(
            "the record does not hold: something else than this program has changed it, or the disk has. Compare with "
            "a backup."
        )
    if not is_head_there:
        raise Failed(
            "the head that was noted down is not in this ledger: events were taken off its end, or it is another "
            "ledger. Compare with a backup."
        )
    if parted is not None and not parted.is_same:
        say(f"{counted(parted.accounts_differing, 'account')} would be judged differently today")
        click.get_current_context().exit(ExitCode.FOUND)

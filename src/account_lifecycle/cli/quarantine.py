"""``quarantine``: list and show unreadable payloads, feed those that can be read now, dismiss the others.

Payloads are strangers' bytes: on a screen they are escaped, and only ``--raw`` writes them as they are.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import click

from ..intake.quarantine import Replayed, expected_in, grouped, what_is_wrong
from ..lifecycle.wording import JsonObject, escaped
from ..records import Quarantined
from ..report.tables import Column, style_of
from ..report.words import counted
from .commands import CommandGroup, NotFound
from .opening import open_existing, open_to_read, read_settings
from .options import MOMENT, NUMBER, json_option, policy_options, store_option
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


class _Listed:
    """The payloads of a period that are listed; as text, what is left out of it, known once they are read."""

    def __init__(self, rows: Iterable[Quarantined], since: datetime | None, *, everything: bool) -> None:
        self._rows = rows
        self._since = since
        self._everything = everything
        self._fed = self._dismissed = 0

    def __iter__(self) -> Iterator[Quarantined]:
        for each in self._rows:
            if self._since is not None and each.received_at < self._since:
                continue
            if not self._everything and each.released_at is not None:
                self._fed += 1
            elif not self._everything and each.dismissed_at is not None:
                self._dismissed += 1
            else:
                yield each

    def __str__(self) -> str:
        counts = ((self._fed, "fed later"), (self._dismissed, "dismissed"))
        others = ", ".join(f"{count:,} {word}" for count, word in counts if count)
        return f"; left out: {others} (--all lists them too)" if others else ""


@quarantine.command(
    "list",
    examples=[
        ("Unreadable payloads, by what is wrong with them", "account-lifecycle quarantine list"),
        ("Each one of the last day, for a program", "account-lifecycle quarantine list --since 24h --full --json"),
    ],
)
@click.option("--since", type=MOMENT, metavar="TIME", help="Only what was received then or later.")
@click.option("--full", is_flag=True, help="Every payload by itself; by default they are grouped.")
@click.option("--all", "everything", is_flag=True, help="Also what was fed later or dismissed.")
@json_option
@store_option
def list_quarantined(since: datetime | None, full: bool, everything: bool, as_json: bool, store: str | None) -> None:
    """List unreadable payloads by what is wrong with them, the commonest first, with what to do.

    What was fed later or dismissed is left out, and counted at the end. --full lists each payload, oldest first.
    """
    with open_to_read(store) as engine:
        listed = _Listed(engine.store.quarantined(), since, everything=everything)
        if full:
            _list_in_full(listed, as_json)
        else:
            _list_groups(listed, as_json)


def _list_in_full(listed: _Listed, as_json: bool) -> None:
    if as_json:
        for each in listed:
            write_record(each.to_dict())
    else:
        say(f"{counted(_write_list(listed), 'payload')}{listed}")


def _list_groups(listed: _Listed, as_json: bool) -> None:
    groups = grouped(listed)
    if as_json:
        for group in groups:
            write_record(group.to_dict())
        return
    sheet = Sheet(
        Column("count", right=True), Column("field", 26), Column("first (UTC)", 19), Column("last (UTC)", 19),
        Column("example", right=True),
    )  # fmt: skip
    for group in groups:
        first = group.first
        sheet.row(
            f"{group.payloads:,}", group.what, clock(group.first_at), clock(group.last_at),
            str(first.quarantine_id),
        )  # fmt: skip
        sheet.note("        ", group.wrong)
        sheet.note("        ", f"Try: {group.to_do}")
    total = sum(group.payloads for group in groups)
    say(f"{counted(total, 'payload')}, {counted(len(groups), 'reason')}{listed}")
    if total:
        say("Seen and done with: account-lifecycle quarantine dismiss NUMBER... or --reason FIELD")


@quarantine.command(
    examples=[
        ("What number 3 is and why it was refused", "account-lifecycle quarantine show 3"),
        ("Its bytes, exactly, into a file", "account-lifecycle quarantine show 3 --raw > payload.bin"),
    ]
)
@click.argument("number", type=NUMBER)
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
@click.argument("numbers", metavar="[NUMBER]...", nargs=-1, type=NUMBER)
@policy_options
@json_option
@store_option
def replay(numbers: tuple[int, ...], as_json: bool, **options: object) -> None:
    """Feed what can be read now, each payload once, with the time at which it came.

    Without numbers everything is tried that is kept whole and was neither fed nor dismissed. A payload that is fed
    stays in the quarantine, with the time at which it was released. What is not fed is listed by its reasons.
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


@quarantine.command(
    short_help="Leave out what needs no more work",
    examples=[
        ("Two that were looked at", "account-lifecycle quarantine dismiss 3 7"),
        ("All with the same field at fault", "account-lifecycle quarantine dismiss --reason AccountStatus.account_id"),
    ],
)
@click.argument("numbers", metavar="[NUMBER]...", nargs=-1, type=NUMBER)
@click.option("--reason", metavar="FIELD", help="All with this field at fault, or of this other kind of webhook.")
@json_option
@store_option
def dismiss(numbers: tuple[int, ...], reason: str | None, as_json: bool, store: str | None) -> None:
    """Dismiss payloads that need no more work: they are neither listed nor tried again.

    They stay in the quarantine, with the time at which they were dismissed: list --all lists them, and replay
    tries them if it names them. Name numbers, or the FIELD by which list groups them.
    """
    if bool(numbers) == (reason is not None):
        raise click.UsageError("Name either numbers or a --reason. See: account-lifecycle quarantine list")
    with open_to_read(store) as engine:
        if reason is None:
            found = {each.quarantine_id for each in engine.store.quarantined()}.intersection(numbers)
        else:
            found = {each.quarantine_id for each in engine.store.quarantined() if reason in (each.field, each.foreign)}
        missing = ", ".join(str(number) for number in numbers if number not in found)
        if missing or not found:
            what = missing or f"anything for {escaped(reason or '')}"
            raise NotFound(f"not in the quarantine: {what}. See: account-lifecycle quarantine list --all")
        dismissed = engine.dismiss_quarantined(sorted(found))
    before = len(found) - dismissed
    if as_json:
        write_document({"dismissed": dismissed, "fed_or_dismissed_before": before})
    else:
        rest = f", {before:,} fed or dismissed before" if before else ""
        say(f"{counted(dismissed, 'payload')} dismissed{rest}")


def _write_replayed(results: Sequence[Replayed]) -> None:
    sheet = Sheet(
        Column("number", right=True),
        Column("account", 22),
        Column("announced", 16),
        Column("verdict", 8, style=style_of),
        Column("status after", 16),
    )
    fed, unread = 0, dict[str, list[Replayed]]()
    for each in results:
        if each.decision is None:
            unread.setdefault(expected_in(each.error or ""), []).append(each)
            continue
        fed += 1
        account, event = each.decision.after, each.decision.event
        cells = (account.account_id, event.status, each.decision.verdict, account.status)
        sheet.row(str(each.quarantine_id), *cells)
    for alike in sorted(unread.values(), key=len, reverse=True):
        first = alike[0]
        which = f"{'the first: ' if len(alike) > 1 else ''}number {first.quarantine_id}"
        sheet.note(f"{len(alike):>6,} x ", f"not fed ({which}): {first.error}")
    say(f"{counted(fed, 'payload')} fed, {len(results) - fed:,} not")


def _replayed_record(each: Replayed) -> JsonObject:
    decision = each.decision and each.decision.to_dict()
    return {"quarantine_id": each.quarantine_id, "decision": decision, "error": each.error}


def _write_list(listed: Iterable[Quarantined]) -> int:
    """Write payloads, one a line with what is wrong below it, and return how many there were."""
    sheet = Sheet(
        Column("number", right=True), Column("received (UTC)", 19), Column("bytes", 9, right=True), Column("field", 26)
    )
    for each in listed:
        sheet.row(str(each.quarantine_id), clock(each.received_at), f"{each.size:,}", each.field)
        became = " (fed later)" if each.released_at else " (dismissed)" if each.dismissed_at else ""
        sheet.note("        ", what_is_wrong(each) + became)
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
            ("wrong", what_is_wrong(found)),
            ("fed", f"later, at {clock(found.released_at)} UTC" if found.released_at else ""),
            ("dismissed", f"at {clock(found.dismissed_at)} UTC" if found.dismissed_at else ""),
            ("erased", "its bytes were erased on request" if found.is_erased else ""),
        ],
    )
    console.print()
    for line in found.payload.decode(errors="backslashreplace").splitlines():
        write_paragraph(console, escaped(line), 2)

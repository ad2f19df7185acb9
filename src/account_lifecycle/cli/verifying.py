"""``verify``: prove the record, and show what today's rules would decide differently."""

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..engine.core import utc_now
from ..lifecycle.machine import Situation
from ..lifecycle.policy import DEFAULT_POLICY
from ..lifecycle.rules import RecordedPolicies
from ..lifecycle.wording import JsonObject, escaped, lasting, one_of, time_text
from ..report.words import counted, short
from ..verify.heads import HeadProof
from ..verify.record import Verification
from ..verify.rejudge import DifferenceGroup, Differences, Outcome
from ..verify.signing import MIN_KEY_BYTES, SignedHead, signed_heads, signed_line
from .accounts import facts_of
from .commands import Command, ExitCode, Failed
from .opening import open_existing, read_settings
from .options import json_option, policy_options, store_option
from .output import composed, say, screen, styled, write_document, write_fields, write_heading, write_paragraph
from .progress import waiting_for

if TYPE_CHECKING:
    from rich.console import Console

_SHOWN = 20
"""How many faults and groups of differences are shown as text; JSON has more."""


class Head(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """The head of a ledger: 64 hexadecimal digits."""

    name = "head"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the digits in lower case."""
        text = str(value).strip().lower()
        if not re.fullmatch("[0-9a-f]{64}", text):
            self.fail(f"{value!r} is not a head: 64 hexadecimal digits, as verify writes them.", param, ctx)
        return text


class KeyFile(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """A file that holds a key: its bytes, without white space around them."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        """Return the key."""
        if isinstance(value, bytes):
            return value
        try:
            key = Path(value).read_bytes().strip()
        except OSError as error:
            self.fail(f"{value}: {error.strerror}.", param, ctx)
        if len(key) < MIN_KEY_BYTES:
            self.fail(f"{value} holds {len(key)} bytes, and a key has at least {MIN_KEY_BYTES}.", param, ctx)
        return key


FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def read_signed(key: bytes, path: Path) -> list[SignedHead]:
    """Return the signed heads in a log; raise ``Failed`` if there is none."""
    heads = [*signed_heads(key, path.read_text(encoding="utf-8", errors="replace").splitlines())]
    if not heads:
        raise Failed(f"there is no signed head in {path}.")
    return heads


@click.command(
    cls=Command,
    short_help="Prove that the record holds, event by event",
    examples=[
        ("Prove the record, and print its head to be noted down", "account-lifecycle verify"),
        ("What would a changed definition decide differently?", "account-lifecycle verify --against-definition"),
        ("From cron, with the head that was noted down", f"account-lifecycle verify --json --expect-head {'4f' * 32}"),
    ],
)
@click.option("--against-definition", is_flag=True, help="Show too what today's rules would decide differently.")
@click.option("--expect-head", type=Head(), metavar="HEAD", help="A head noted down earlier must be in the ledger.")
@click.option(
    "--archive", "archives", multiple=True, type=FILE, metavar="FILE", help="Prove an archive of db prune; repeatable."
)
@click.option("--sign", "key", type=KeyFile(), metavar="KEYFILE", help="Print the head as a signed line, for a log.")
@click.option("--signed", type=FILE, metavar="FILE", help="Prove the heads in a log of such lines, by --sign's key.")
@policy_options
@json_option
@store_option
def verify(
    against_definition: bool,
    expect_head: str | None,
    archives: tuple[Path, ...],
    key: bytes | None,
    signed: Path | None,
    as_json: bool,
    **options: object,
) -> None:
    """Prove the record: the chain of digests, and all that follows from the ledger.

    Every event is judged again, and accounts, blind windows, anomalies and effects are compared with the
    result. With --archive, so are the events that were pruned, and the accounts from which the ledger goes on.
    Others may go on feeding meanwhile. Nothing is changed.

    Ends with 1 if anything does not hold, with 7 if an event could not be judged again, because other code judged
    it, or if --expect-head names a head older than a prune whose archives are not given, and otherwise with 6 if
    --against-definition finds that something would be decided differently.
    """
    if signed is not None and key is None:
        raise click.UsageError("--signed needs --sign KEYFILE: the key by which the lines were signed.")
    heads = [] if signed is None else read_signed(key or b"", signed)
    with open_existing(read_settings(**options)) as engine, waiting_for("Verifying"):
        began = time.perf_counter()
        found = engine.verify(archives=archives, expect_head=expect_head, signed=heads)
        seconds = time.perf_counter() - began
        differences = engine.verify_against_definition() if against_definition else None
        judged_by = [_rules_text(name, RecordedPolicies(engine.store.rules)) for name in found.checked_by_rules]
    line = None if key is None or not found.is_intact else signed_line(key, utc_now(), found.events, found.head)
    if as_json:
        write_document(
            {
                "intact": found.is_intact,
                "proved": found.is_proved,
                "events": found.events,
                "accounts": found.accounts,
                "checked_by_rules": dict(found.checked_by_rules),
                "not_judged": found.not_judged,
                "head": found.head,
                "expected_head": expect_head,
                "expected_head_proof": found.expected_head,
                "signed": line,
                "signed_heads": len(heads),
                "archived_events": found.archives.events,
                "archives_missing": list(found.archives.missing),
                "seconds": round(seconds, 3),
                "fault_count": found.fault_count,
                "first": found.first and found.first.to_dict(),
                "faults": [fault.to_dict() for fault in found.faults],
                "differences": differences and _differences_dict(differences),
            }
        )
    else:
        _write(found, seconds, differences, judged_by)
        if line is not None:
            click.echo(line)
    _end(found, differences)


def summary(found: Verification) -> str:
    """Return the result in one line."""
    if not found.is_intact:
        return f"does not hold: {counted(found.fault_count, 'fault')}, the first: {escaped(str(found.first))}"
    events = f"{counted(found.events, 'event')} of {counted(found.accounts, 'account')}"
    if found.is_proved:
        return f"holds: {events}"
    if not found.not_judged:
        return f"not proved: {_NEEDS_MORE}"
    return f"not proved: {found.not_judged:,} of {events} could not be judged again"


def _write(found: Verification, seconds: float, differences: Differences | None, judged_by: list[str]) -> None:
    console = screen()
    if found.is_proved:
        console.print(styled("The record holds", "bold green"))
    elif found.is_intact:
        why = f"{counted(found.not_judged, 'event')} could not be judged again" if found.not_judged else _NEEDS_MORE
        console.print(styled(f"The record is not proved: {why}", "bold yellow"))
    elif not found.fault_count:
        console.print(styled("The record does not hold: the head that was noted down is not in it", "bold red"))
    else:
        console.print(styled(f"The record does not hold: {counted(found.fault_count, 'fault')}", "bold red"))
    judged = [f"{count:,} {text}" for text, count in zip(judged_by, found.checked_by_rules.values(), strict=True)]
    not_judged = f"{found.not_judged:,}, judged by other rules: only their order and where each begins was checked"
    write_fields(
        console,
        [
            ("events", f"{found.events:,} of {counted(found.accounts, 'account')}"),
            ("judged again", "; ".join(judged) or "none"),
            ("not judged", not_judged if found.not_judged else ""),
            ("first", found.first.place if found.first and found.fault_count > 1 else ""),
            ("head", found.head or "none: this store keeps no chain"),
        ],
    )
    if found.faults:
        write_heading(console, "Faults", f"the first {_SHOWN}" if found.fault_count > _SHOWN else "")
        for fault in found.faults[:_SHOWN]:
            write_paragraph(console, composed(styled(fault.place, "bold"), f": {fault.finding}"), 4, first="  ·")
    if differences is not None:
        _write_differences(console, differences)
    say(f"Verified in {seconds:,.2f} s")
    if found.head and found.is_intact:
        say("Note the head down elsewhere: later, --expect-head checks that it is still in the ledger.")


_NEEDS_MORE = "a head that was noted down needs more to be compared"


def _rules_text(rules: str, policies: RecordedPolicies) -> str:
    policy = policies.policy(rules)
    if policy is None:
        return f"by the rules {rules}"
    terms = [
        f"redelivery window {lasting(policy.redelivery_window)}",
        f"retry horizon {lasting(policy.retry_horizon)}",
        f"delivery margin {lasting(policy.delivery_margin)}",
    ]
    source = policy.table.source
    if missing := tuple(sorted({*source.words} - policy.subscribed)):
        terms.append(f"{one_of(missing, 'and')} not subscribed")
    definition = "today's definition" if source == DEFAULT_POLICY.table.source else "the definition of another day"
    return f"by {definition}, {', '.join(terms)}"


def _end(found: Verification, differences: Differences | None) -> None:
    """End with the exit code of the findings: what is wrong first, then what is not proved, then differences."""
    if found.fault_count:
        raise Failed(
            "the record does not hold: something else than this program has changed it, or the disk has. Compare with "
            "a backup."
        )
    if found.expected_head is HeadProof.MISSING:
        raise Failed(
            "the head that was noted down is not in this ledger: events were taken off its end, or it is another "
            "ledger. Compare with a backup."
        )
    if found.expected_head is HeadProof.NOT_PROVED:
        missing = one_of(found.archives.missing, "and") or "the file"
        say(
            "Not proved: the head that was noted down is older than a prune, and does not cover what the ledger goes "
            f"on from: name what was pruned with --archive ({escaped(missing)}). Or the store is a server, and more "
            "was fed since: a head of its many chains can be compared only while nothing is."
        )
    if found.not_judged:
        say(
            f"Not proved: {counted(found.not_judged, 'event')} of other rules could not be judged again, so accounts "
            "that they belong to may have been changed without being noticed."
        )
    if not found.is_proved:
        click.get_current_context().exit(ExitCode.NOT_PROVED)
    if differences is not None and not differences.is_same:
        say(f"{counted(differences.accounts_differing, 'account')} would be judged differently today")
        click.get_current_context().exit(ExitCode.FOUND)


# ---- What today's rules would decide differently ------------------------------------------------------


def _write_differences(console: "Console", found: Differences) -> None:
    """Write what would be decided differently, the most frequent first."""
    write_heading(console, "Against today's rules", found.rules)
    if found.is_same:
        write_paragraph(console, f"Each of {counted(found.events, 'event')} would be decided as it was.", 2)
        return
    write_paragraph(
        console,
        f"{found.accounts_differing:,} of {counted(found.accounts, 'account')} would have gone another way, and "
        f"{found.accounts_elsewhere:,} would be in another status now; {found.events_differing:,} of "
        f"{counted(found.events, 'event')} would be decided differently.",
        2,
    )
    for group in found.groups[:_SHOWN]:
        title = f"  {short(group.announced)} while {group.before.status}"
        write_heading(console, title, counted(group.accounts, "account"))
        examples = (f"account {escaped(e.account_id)}, event {e.sequence:,}" for e in group.examples)
        write_fields(
            console,
            [
                ("recorded", _outcome_text(group.recorded)),
                ("today", _outcome_text(group.today)),
                ("such as", "; ".join(examples)),
            ],
            4,
        )
    if len(found.groups) > _SHOWN:
        write_paragraph(console, f"... and in {len(found.groups) - _SHOWN:,} more ways: see --json.", 2)


def _outcome_text(outcome: Outcome) -> str:
    parts = [f"{outcome.verdict}, then {outcome.after.status} ({facts_of(outcome.after)})"]
    if outcome.anomalies:
        parts.append(f"anomalies: {', '.join(outcome.anomalies)}")
    if outcome.effects:
        effects = (
            f"{kind} {subject}".strip() + (" (doubtful)" if doubtful else "")
            for kind, subject, doubtful in outcome.effects
        )
        parts.append(f"hooks: {', '.join(map(escaped, effects))}")
    return "; ".join(parts)


def _differences_dict(found: Differences) -> JsonObject:
    return {
        "rules": found.rules,
        "events": found.events,
        "accounts": found.accounts,
        "events_by_rules": dict(found.events_by_rules),
        "events_differing": found.events_differing,
        "accounts_differing": found.accounts_differing,
        "accounts_elsewhere": found.accounts_elsewhere,
        "groups": [_group_dict(group) for group in found.groups],
    }


def _group_dict(group: DifferenceGroup) -> JsonObject:
    return {
        "before": _situation_dict(group.before),
        "announced": group.announced,
        "accounts": group.accounts,
        "recorded": _outcome_dict(group.recorded),
        "today": _outcome_dict(group.today),
        "examples": [
            {"account_id": e.account_id, "sequence": e.sequence, "received_at": time_text(e.received_at)}
            for e in group.examples
        ],
    }


def _outcome_dict(outcome: Outcome) -> JsonObject:
    return {
        "verdict": str(outcome.verdict),
        "after": _situation_dict(outcome.after),
        "anomalies": [str(kind) for kind in outcome.anomalies],
        "effects": [
            {"kind": str(kind), "subject": str(subject), "doubtful": doubtful}
            for kind, subject, doubtful in outcome.effects
        ],
    }


def _situation_dict(situation: Situation) -> JsonObject:
    return {
        "status": str(situation.status),
        "exists": situation.exists,
        "lost": situation.lost,
        "needs_user": situation.needs_user,
    }

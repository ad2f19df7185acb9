"""Where today's rules part from the record, for people and for programs.

Knows how differences are shown; it must never know how they are found.
"""

from typing import TYPE_CHECKING

from ..lifecycle.machine import Situation
from ..lifecycle.wording import JsonObject, time_text
from ..report.words import counted, printable, short
from ..verify.rejudge import Difference, DifferenceGroup, Differences, Outcome
from .output import write_fields, write_heading, write_paragraph

if TYPE_CHECKING:
    from rich.console import Console

MAX_GROUPS = 20
"""How many groups a screen shows; JSON has them all."""


def write_differences(console: "Console", found: Differences) -> None:
    """What would be decided differently, the most frequent first."""
    write_heading(console, "Against today's rules", found.rules)
    if found.is_same:
        write_paragraph(console, f"Each of {counted(found.events, 'event')} would be decided as it was.", 2)
        return
    total = f"of {counted(found.accounts, 'account')}"
    write_paragraph(
        console,
        f"{found.accounts_differing:,} {total} would have gone another way, and {found.accounts_elsewhere:,} would "
        f"stand elsewhere now; {found.events_differing:,} of {counted(found.events, 'event')} would be decided "
        "differently.",
        2,
    )
    for group in found.groups[:MAX_GROUPS]:
        _write_group(console, group)
    if len(found.groups) > MAX_GROUPS:
        write_paragraph(console, f"... and in {len(found.groups) - MAX_GROUPS:,} more ways: see --json.", 2)


def _write_group(console: "Console", group: DifferenceGroup) -> None:
    write_heading(
        console, f"  {short(group.announced)} while {group.before.status}", counted(group.accounts, "account")
    )
    write_fields(
        console,
        [
            ("recorded", _outcome_told(group.recorded)),
            ("today", _outcome_told(group.today)),
            ("such as", "; ".join(_example_told(example) for example in group.examples)),
        ],
        4,
    )


def _outcome_told(outcome: Outcome) -> str:
    """An outcome in a line."""
    _, exists, lost = outcome.after
    facts = f"{'exists' if exists else 'not known to exist'}, {'lost' if lost else 'not lost'}"
    parts = [f"{outcome.verdict}, then {outcome.after.status} ({facts})"]
    if outcome.anomalies:
        parts.append(f"odd: {', '.join(outcome.anomalies)}")
    if outcome.effects:
        parts.append(f"hooks: {', '.join(printable(' '.join(effect).strip()) for effect in outcome.effects)}")
    return "; ".join(parts)


def _example_told(example: Difference) -> str:
    return f"account {printable(example.account_id)}, event {example.sequence:,}"


# ---- For programs ---------------------------------------------------------------------------------


def differences_record(found: Differences) -> JsonObject:
    """The same for programs."""
    return {
        "rules": found.rules,
        "events": found.events,
        "accounts": found.accounts,
        "events_by_rules": dict(found.events_by_rules),
        "events_differing": found.events_differing,
        "accounts_differing": found.accounts_differing,
        "accounts_elsewhere": found.accounts_elsewhere,
        "groups": [_group_record(group) for group in found.groups],
    }


def _group_record(group: DifferenceGroup) -> JsonObject:
    return {
        "before": _situation_record(group.before),
        "announced": group.announced,
        "accounts": group.accounts,
        "recorded": _outcome_record(group.recorded),
        "today": _outcome_record(group.today),
        "examples": [
            {"account_id": e.account_id, "sequence": e.sequence, "received_at": time_text(e.received_at)}
            for e in group.examples
        ],
    }


def _outcome_record(outcome: Outcome) -> JsonObject:
    return {
        "verdict": str(outcome.verdict),
        "after": _situation_record(outcome.after),
        "anomalies": [str(kind) for kind in outcome.anomalies],
        "effects": [{"kind": str(kind), "subject": str(subject)} for kind, subject in outcome.effects],
    }


def _situation_record(situation: Situation) -> JsonObject:
    return {"status": str(situation.status), "exists": situation.exists, "lost": situation.lost}

"""``explain``: what an announcement would do to an account in a given situation, judged by the engine's own step."""

from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import click

from ..engine.core import utc_now
from ..lifecycle import definition
from ..lifecycle.account import Account
from ..lifecycle.compiled import compiled
from ..lifecycle.decide import Decision, decide
from ..lifecycle.events import StatusAnnounced
from ..lifecycle.evidence import expected_from
from ..lifecycle.machine import INITIAL_SITUATION, Situation
from ..lifecycle.providers import profile_of
from ..lifecycle.status import Status
from ..lifecycle.windows import BlindWindow
from ..lifecycle.wording import JsonObject, lasting
from ..report.tables import STYLES
from .commands import Command
from .options import KNOWN_PROVIDER, LENGTH, Keyword, json_option
from .output import composed, screen, styled, write_document, write_fields, write_paragraph

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text


class Question(NamedTuple):
    """What the question is about."""

    situation: Situation
    announced: Status
    provider: str | None
    after: timedelta
    """How long the account has been in the situation."""


@click.command(
    cls=Command,
    short_help="What an announcement would do, and why",
    examples=[
        ("What a finished sync does to an account that is lost", "account-lifecycle explain CREDENTIALS SYNC_SUCCESS"),
        ("The same by provider, for a program", "account-lifecycle explain CONNECTING OK --provider LINKEDIN --json"),
        ("A repeat that is too late for a redelivery", "account-lifecycle explain OK OK --after 2h"),
    ],
)  # fmt: skip
@click.argument("start", metavar="FROM", type=Keyword(Status))
@click.argument("announcement", metavar="ANNOUNCEMENT", type=Keyword(definition.ANNOUNCEMENTS))
@click.option("--provider", type=KNOWN_PROVIDER, metavar="PROVIDER", help="Only this provider.  [default: any]")
@click.option("--exists/--not-exists", default=None, help="Whether the account is known to exist.")
@click.option("--lost/--not-lost", default=None, help="Whether its connection is lost.")
@click.option("--after", type=LENGTH, default="5min", metavar="LENGTH", help="After so long in FROM.  [default: 5min]")
@json_option
def explain(
    start: str,
    announcement: str,
    provider: str | None,
    exists: bool | None,
    lost: bool | None,
    after: timedelta,
    as_json: bool,
) -> None:
    """Explain what ANNOUNCEMENT would do to an account that is FROM, and why.

    If FROM can mean several situations (a CONNECTING account may exist already or not), each is answered,
    unless the options say which.
    """
    situations = [s for s in _situations(Status(start)) if exists in (None, s.exists) and lost in (None, s.lost)]
    if not situations:
        possible = " or ".join(_facts(s) for s in _situations(Status(start)))
        raise click.UsageError(f"An account that is {start} is always: {possible}.")
    questions = [Question(s, Status(announcement), provider, after) for s in situations]
    answers = [(each, answer(each)) for each in questions]
    if as_json:
        write_document({"answers": [_record(each, decision) for each, decision in answers]})
        return
    console = screen()
    for number, (each, decision) in enumerate(answers):
        if number:
            console.print()
        _write_answer(console, each, decision)


def answer(question: Question) -> Decision:
    """Return what the engine would decide about an account in that situation; nothing is stored."""
    now = utc_now().replace(second=0, microsecond=0)
    since = now - question.after
    situation = question.situation
    unseen = situation == INITIAL_SITUATION
    was_ok = (situation, True) in _reachable()
    is_blind = was_ok and situation.status not in (definition.PROVES_LIFE, definition.TERMINAL)
    account = Account(
        "the account",
        situation,
        provider=question.provider,
        since=None if unseen else since,
        last_announced=None if unseen else situation.status,
        last_heard_at=None if unseen else since,
        last_ok_at=since if was_ok else None,
        blind_window=BlindWindow("the account", 1, since, since) if is_blind else None,
    )
    return decide(account, StatusAnnounced(account.account_id, question.announced, now, question.provider))


@cache
def _reachable() -> frozenset[tuple[Situation, bool]]:
    """Return every situation with whether OK may have been announced by then."""
    seen = {(INITIAL_SITUATION, False)}
    frontier = [(INITIAL_SITUATION, False)]
    while frontier:
        situation, ok_heard = frontier.pop()
        for step in compiled().steps[True][ok_heard][situation].values():
            reached = (step.after, ok_heard or step.after.status is definition.PROVES_LIFE)
            if reached not in seen:
                seen.add(reached)
                frontier.append(reached)
    return frozenset(seen)


def _situations(status: Status) -> Iterator[Situation]:
    return (situation for situation in compiled().situations if situation.status is status)


def _facts(situation: Situation) -> str:
    exists = "exists" if situation.exists else "not known to exist"
    return f"{exists}, {'lost' if situation.lost else 'not lost'}"


def _setting(question: Question) -> str:
    """Return the rest of what is assumed."""
    lasted = "" if question.situation == INITIAL_SITUATION else f", for {lasting(question.after)}"
    return f"({_facts(question.situation)}{lasted}; {question.provider or 'any provider'})"


def _expected(question: Question) -> tuple[Status, ...]:
    return expected_from(question.situation, profile_of(question.provider).announces_sync)


def _record(question: Question, decision: Decision) -> JsonObject:
    return {
        "from": str(question.situation.status),
        "exists": question.situation.exists,
        "lost": question.situation.lost,
        "announced": str(question.announced),
        "provider": question.provider and str(question.provider),
        "after_s": question.after.total_seconds(),
        "verdict": str(decision.verdict),
        "status_after": str(decision.after.status),
        "health_before": str(decision.before.health),
        "health_after": str(decision.after.health),
        "expected": [str(status) for status in _expected(question)],
        "anomalies": [anomaly.to_dict() for anomaly in decision.anomalies],
        "effects": [{"kind": str(e.kind), "subject": str(e.subject)} for e in decision.effects],
    }


def _write_answer(console: "Console", question: Question, decision: Decision) -> None:
    title = styled(f"{question.announced} while {question.situation.status}", "bold")
    write_paragraph(console, composed(title, f"  {_setting(question)}"))
    write_fields(console, _answer(question, decision))


def _answer(question: Question, decision: Decision) -> "Iterator[tuple[str, str | Text]]":
    before, after = decision.before, decision.after
    stays = before.status is after.status
    yield (
        "verdict",
        composed(styled(decision.verdict), f": the account {'stays' if stays else 'becomes'} {after.status}"),
    )
    unchanged = before.health is after.health
    yield "health", composed(styled(after.health), ", as before" if unchanged else f", {before.health} before")
    for anomaly in decision.anomalies:
        yield (
            "anomaly",
            composed(styled(anomaly.kind, STYLES[anomaly.severity]), f", {anomaly.severity}: {anomaly.meaning}"),
        )
        yield "explained", anomaly.explanation
        yield "likely path", " → ".join(anomaly.likely_path)
        yield "next step", anomaly.next_step
    yield "expected", ", ".join(_expected(question))
    yield "hooks", ", ".join(f"{effect.kind} {effect.subject}".rstrip() for effect in decision.effects) or "none"

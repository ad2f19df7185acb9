"""``explain``: what an announcement would do to an account in a given situation, judged by the engine's own step."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import click

from ..engine.core import utc_now
from ..lifecycle import definition
from ..lifecycle.account import Account, Heard, Memory
from ..lifecycle.compiled import compiled, health_of
from ..lifecycle.decide import Decision, decide
from ..lifecycle.effects import Effect
from ..lifecycle.events import StatusAnnounced
from ..lifecycle.evidence import circumstances_of, expected_from
from ..lifecycle.machine import INITIAL_SITUATION, Situation
from ..lifecycle.policy import DEFAULT_POLICY, Policy
from ..lifecycle.status import Health, Status
from ..lifecycle.windows import BlindWindow
from ..lifecycle.wording import JsonObject, health_words, lasting, one_of
from ..report.tables import STYLES
from .accounts import facts_of
from .commands import Command
from .opening import read_settings
from .options import KNOWN_PROVIDER, LENGTH, Keyword, json_option, policy_options
from .output import composed, screen, styled, write_document, write_fields, write_paragraph

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text


class Question(NamedTuple):
    """What the question is about."""

    situation: Situation
    announced: Status
    provider: str | None = None
    after: timedelta = timedelta(minutes=5)
    """How long the account has been in the situation."""
    known_for: timedelta = timedelta(days=30)
    """How long ago it was first heard of."""
    heard_before: timedelta | None = None
    """How long ago the same was announced; None for never."""
    policy: Policy = DEFAULT_POLICY


@click.command(
    cls=Command,
    short_help="What an announcement would do, and why",
    examples=[
        ("What a finished sync does to an account that is lost", "account-lifecycle explain CREDENTIALS SYNC_SUCCESS"),
        ("The same by provider, for a program", "account-lifecycle explain CONNECTING OK --provider LINKEDIN --json"),
        ("An old loss that comes again an hour later", "account-lifecycle explain OK CREDENTIALS --heard-before 1h"),
        ("With the vendor's default subscription",
         "account-lifecycle explain CREDENTIALS RECONNECTED --subscribed default"),
    ],
)  # fmt: skip
@click.argument("start", metavar="FROM", type=Keyword(Status))
@click.argument("announcement", metavar="ANNOUNCEMENT", type=Keyword(definition.ANNOUNCEMENTS))
@click.option("--provider", type=KNOWN_PROVIDER, metavar="PROVIDER", help="Only this provider.  [default: any]")
@click.option("--exists/--not-exists", default=None, help="Whether the account is known to exist.")
@click.option("--lost/--not-lost", default=None, help="Whether its connection is lost.")
@click.option("--needs-user/--needs-nobody", default=None, help="Whether its user has to sign in again.")
@click.option("--after", type=LENGTH, default="5m", metavar="LENGTH", help="After so long in FROM.  [default: 5m]")
@click.option(
    "--known-for", type=LENGTH, default="30d", metavar="LENGTH", help="First heard of so long ago.  [default: 30d]"
)
@click.option(
    "--heard-before", type=LENGTH, metavar="LENGTH", help="The same was announced so long ago.  [default: never]"
)
@policy_options
@json_option
def explain(
    start: str,
    announcement: str,
    provider: str | None,
    exists: bool | None,
    lost: bool | None,
    needs_user: bool | None,
    after: timedelta,
    known_for: timedelta,
    heard_before: timedelta | None,
    as_json: bool,
    **options: object,
) -> None:
    """Explain what ANNOUNCEMENT would do to an account that is FROM, and why.

    If FROM can mean several situations (a CONNECTING account may exist already or not), each is answered,
    unless the options say which.
    """
    wanted = (exists, lost, needs_user)
    situations = [
        s
        for s in _situations(Status(start))
        if all(asked in (None, fact) for asked, fact in zip(wanted, (s.exists, s.lost, s.needs_user), strict=True))
    ]
    if not situations:
        possible = " or ".join(facts_of(s) for s in _situations(Status(start)))
        raise click.UsageError(f"An account that is {start} is always: {possible}.")
    policy = read_settings(**options).policy()
    questions = [
        Question(s, Status(announcement), provider, after, max(known_for, after), heard_before, policy)
        for s in situations
    ]
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
    event = StatusAnnounced("the account", question.announced, now, question.provider)
    return decide(_account(question, now), event, question.policy)


def _account(question: Question, now: datetime) -> Account:
    """Return the account that the question is about; one that may have been live was."""
    situation, policy = question.situation, question.policy
    status, since, known_since = situation.status, now - question.after, now - question.known_for
    if situation == INITIAL_SITUATION:
        return Account("the account", provider=question.provider)
    heard = [Heard(status, "", since)]
    if question.heard_before is not None and question.announced is not status:
        heard.insert(0, Heard(question.announced, "", now - question.heard_before))
    was_live = situation.exists and status is not definition.BIRTH
    presumed = not policy.ok_subscribed and status in definition.PRESUMED_LIVE
    health = health_of(situation, ever_live=was_live, presumed=presumed)
    is_blind = was_live and health not in (Health.LIVE, Health.GONE)
    return Account(
        "the account",
        situation,
        1,
        health,
        question.provider,
        since=since,
        presumed=presumed,
        heard=tuple(heard),
        newest_at=since,
        last_live_at=since if was_live else None,
        blind_window=BlindWindow("the account", 1, since, since) if is_blind else None,
        down_since=since if health in definition.DOWN else None,
        memory=Memory(known_since, born=True),
    )


def _situations(status: Status) -> Iterator[Situation]:
    return (situation for situation in compiled().situations if situation.status is status)


def _setting(question: Question) -> str:
    """Return the rest of what is assumed, in words."""
    policy, announced = question.policy, question.announced
    parts = [facts_of(question.situation)]
    if question.situation != INITIAL_SITUATION:
        parts[0] += f", for {lasting(question.after)}"
        parts.append(f"known for {lasting(question.known_for)}")
        if question.heard_before is not None:
            within = "within" if question.heard_before < policy.retry_horizon else "beyond"
            ago = lasting(question.heard_before)
            parts.append(f"{announced} was heard {ago} ago, {within} the {lasting(policy.retry_horizon)} of retries")
    parts.append(question.provider or "any provider")
    if missing := tuple(word for word in definition.ANNOUNCEMENTS if word not in policy.subscribed):
        parts.append(f"{one_of(missing, 'and')} not subscribed")
    return f"({'; '.join(parts)})"


def _expected(question: Question) -> tuple[Status, ...]:
    return expected_from(question.situation, circumstances_of(question.provider, question.policy.ok_subscribed))


def _record(question: Question, decision: Decision) -> JsonObject:
    return {
        "from": str(question.situation.status),
        "exists": question.situation.exists,
        "lost": question.situation.lost,
        "needs_user": question.situation.needs_user,
        "announced": str(question.announced),
        "provider": question.provider and str(question.provider),
        "after_s": question.after.total_seconds(),
        "known_for_s": question.known_for.total_seconds(),
        "heard_before_s": None if question.heard_before is None else question.heard_before.total_seconds(),
        "subscribed": sorted(question.policy.subscribed),
        "verdict": str(decision.verdict),
        "status_after": str(decision.after.status),
        "health_before": str(decision.before.health),
        "health_after": str(decision.after.health),
        "expected": [str(status) for status in _expected(question)],
        "anomalies": [anomaly.to_dict() for anomaly in decision.anomalies],
        "effects": [{"kind": str(e.kind), "subject": str(e.subject), "doubtful": e.doubtful} for e in decision.effects],
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
    yield "", health_words(after.health, after.presumed).text
    for anomaly in decision.anomalies:
        yield (
            "anomaly",
            composed(styled(anomaly.kind, STYLES[anomaly.severity]), f", {anomaly.severity}: {anomaly.meaning}"),
        )
        yield "explained", anomaly.explanation
        yield "likely path", " → ".join(anomaly.likely_path)
        yield "next step", anomaly.next_step
    yield "expected", ", ".join(_expected(question))
    yield "hooks", ", ".join(map(_effect_words, decision.effects)) or "none"


def _effect_words(effect: Effect) -> str:
    words = f"{effect.kind} {effect.subject}".rstrip()
    return f"{words} (doubtful)" if effect.doubtful else words

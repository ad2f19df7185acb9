"""Writes the pages that follow from the code: ``python docs/generate.py``, or ``--check`` to see if they are current.

Knows how a page reads. What is lawful, what a kind means and how an anomaly is explained comes from the
package, so that no page can say anything that the engine does not do.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from account_lifecycle import AnomalyKind, Engine, NextStep, Provider, Status
from account_lifecycle.lifecycle import definition
from account_lifecycle.lifecycle.compiled import Step, compiled
from account_lifecycle.lifecycle.explain import Anomaly
from account_lifecycle.lifecycle.machine import Situation
from account_lifecycle.lifecycle.policy import DEFAULT_POLICY
from account_lifecycle.lifecycle.providers import ALIASES, PERMISSIVE, PROFILES
from account_lifecycle.lifecycle.wording import lasting, one_of

HERE = Path(__file__).parent
ACCOUNT = "acc-4711"
DAY = datetime(2026, 5, 4, tzinfo=UTC)

INTRODUCTION = """\
# Anomalies

<!-- Written by `python docs/generate.py`. Change that, or the code that it reads, and run it again. -->

An anomaly is an event that the life cycle does not allow where it arrived, or one that came late, twice or
not at all. It never stops the feed: the event is on record, the account is in the state that the evidence
supports, and the anomaly says what happened, what was expected instead, what is the likely story and what to
do. `engine.audit()` lists them, `engine.on_anomaly()` hooks on to them, and every decision carries its own.

An **error** means that the record and the vendor contradict each other. A **warning** means that something was
missed or is unknown to this version. An **info** is what late, repeated and missed deliveries usually look like;
it is there for the record.

Every example below is an event log that an engine has read; the text under it is what that engine said.
"""


# ---- The pages ------------------------------------------------------------------------------------------


def main(arguments: Sequence[str]) -> int:
    """Write every page, or with ``--check`` only tell which are out of date; 0 if all is well."""
    is_check = "--check" in arguments
    stale = {name: text for name, text in pages().items() if _read(HERE / name) != text}
    for name, text in stale.items():
        if is_check:
            sys.stderr.write(f"docs/{name} is out of date: run python docs/generate.py\n")
        else:
            (HERE / name).write_text(text, encoding="utf-8", newline="\n")
            sys.stderr.write(f"docs/{name} written\n")
    return int(is_check and bool(stale))


def pages() -> dict[str, str]:
    """The text of every generated page, by its name."""
    return {"anomalies.md": "\n".join(anomalies_page()) + "\n"}


def anomalies_page() -> Iterator[str]:
    """Every kind of anomaly: what it means, when it arises, and a real one explained."""
    yield INTRODUCTION
    yield from _table(
        ("Kind", "Severity", "Meaning"),
        [(f"[`{kind}`](#{kind.lower()})", kind.severity, kind.meaning) for kind in AnomalyKind],
    )
    for kind in AnomalyKind:
        yield f"\n## {kind}\n"
        yield f"*{kind.severity.capitalize()}*: {kind.meaning}. **Next step:** {_next_steps(kind)}.\n"
        yield from (_WHEN[kind]() if kind in _WHEN else _when_announced(kind))
        yield from _example(kind)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(titles)} |"
    yield f"|{'---|' * len(titles)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def _code(words: Sequence[str | None]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _some_of(members: Sequence[Any], everything: Sequence[Any], told: Callable[[Sequence[Any]], str]) -> str:
    """The members, or what is missing where that is shorter to tell."""
    rest = [each for each in everything if each not in members]
    return f"any but {told(rest)}" if len(members) > len(rest) else told(members)


# ---- When a kind arises: out of the compiled machine ---------------------------------------------------


class Case(NamedTuple):
    """What cells of the table have in common."""

    announced: tuple[Status, ...]
    moves: bool
    next_step: NextStep


def _when_announced(kind: AnomalyKind) -> Iterator[str]:
    """The cells of the table that give this kind: situations with the same announcements share a line."""
    cases: dict[Case, list[Situation]] = {}
    for situation in compiled().situations:
        for case in _cases(kind, situation):
            cases.setdefault(case, []).append(situation)
    rows = [
        (
            _some_of(situations, compiled().situations, _labels),
            _some_of(case.announced, definition.ANNOUNCEMENTS, _code),
            "follows" if case.moves else "stays",
            str(case.next_step),
        )
        for case, situations in cases.items()
    ]
    yield from _table(("While the account is", "this is announced", "and its status", "Next step"), rows)


def _cases(kind: AnomalyKind, situation: Situation) -> list[Case]:
    found: dict[tuple[bool, NextStep], list[Status]] = {}
    for step in _deviations(kind):
        if step.before == situation:
            found.setdefault((step.moved, _anomaly(kind, step).next_step), []).append(step.announced)
    return [Case(tuple(announced), *rest) for rest, announced in found.items()]


def _deviations(kind: AnomalyKind) -> Iterator[Step]:
    """The cells that give this kind for some provider, those that depend on the provider last."""
    everybody = [step for step in compiled().rows(announces_sync=True) if step.deviation is kind]
    yield from everybody or (step for step in compiled().rows(announces_sync=False) if step.deviation is kind)


def _anomaly(kind: AnomalyKind, step: Step) -> Anomaly:
    return Anomaly(kind, "", 1, DAY, step.announced, step.before)


def _labels(situations: Sequence[Situation]) -> str:
    return ", ".join(f"`{situation.status}`{_facts(situation)}" for situation in situations)


def _facts(situation: Situation) -> str:
    """What tells a situation from the others of the same status."""
    if sum(other.status is situation.status for other in compiled().situations) == 1:
        return ""
    if not situation.exists:
        return " (not known to exist)"
    return " (exists, lost)" if situation.lost else " (exists, not lost)"


def _next_steps(kind: AnomalyKind) -> str:
    """What to do about a kind, and what else it can come to."""
    others = {_anomaly(kind, step).next_step: None for step in _deviations(kind)}
    others.pop(kind.next_step, None)
    return f"{kind.next_step}{f'; sometimes {one_of(tuple(others))} (see the table)' if others else ''}"


# ---- When a kind arises: what no table of statuses can say ----------------------------------------------


def _when_unsupported() -> Iterator[str]:
    silent = [provider for provider, profile in PROFILES.items() if not profile.announces_sync]
    yield f"Arises for accounts of {_code(silent)}, which announce everything but `{definition.FINISHES_SYNC}`.\n"
    yield from _when_announced(AnomalyKind.UNSUPPORTED_STATUS)


def _when_product() -> Iterator[str]:
    owners = [provider for provider, profile in PROFILES.items() if profile.has_products]
    yield f"Arises when a payload names a product, unless it is a `{definition.FINISHES_SYNC}` of {_code(owners)}."
    yield "The announcement itself is judged as if there were no product."


def _when_changed() -> Iterator[str]:
    yield "Arises when a payload names an account type of another family than the first one told for the account."
    yield "The first one stays in force. Account types of one family are one provider under several names:\n"
    families = {p: [word for word, family in ALIASES.items() if family is p and word != p] for p in Provider}
    yield from _table(("Provider", "Other names"), [(f"`{p}`", _code(words)) for p, words in families.items() if words])


def _when_unknown_provider() -> Iterator[str]:
    yield "Arises once for an account, when the first account type told for it is none of the known ones:"
    yield f"{_code(list(ALIASES))}. From then on it may announce anything."


def _when_unknown_status() -> Iterator[str]:
    yield "Arises when the word announced, without regard to case and surrounding blanks, is none of the known ones:"
    yield f"{_code(definition.ANNOUNCEMENTS)}. The account's status stays."


def _when_repeated() -> Iterator[str]:
    window = lasting(DEFAULT_POLICY.redelivery_window)
    yield "Arises when the status and product of the last accepted announcement are announced once more, over"
    yield f"{window} after they were last heard. Sooner than that it is a redelivery, and no anomaly. The limit can be"
    yield "set: `Policy(redelivery_window=…)`."


def _when_stuck() -> Iterator[str]:
    yield "Arises when deadlines are checked (`engine.check_deadlines()`), once for each stay in a transient status"
    yield "that has lasted too long. The deadlines can be set for each provider: `Policy(deadlines=…)`.\n"
    yield from _table(
        ("Status", "should pass within"), [(f"`{s}`", lasting(limit)) for s, limit in PERMISSIVE.deadlines.items()]
    )


_WHEN: dict[AnomalyKind, Callable[[], Iterator[str]]] = {
    AnomalyKind.UNSUPPORTED_STATUS: _when_unsupported,
    AnomalyKind.UNEXPECTED_PRODUCT: _when_product,
    AnomalyKind.PROVIDER_CHANGED: _when_changed,
    AnomalyKind.UNKNOWN_PROVIDER: _when_unknown_provider,
    AnomalyKind.UNKNOWN_STATUS: _when_unknown_status,
    AnomalyKind.STALE_REPEAT: _when_repeated,
    AnomalyKind.STUCK: _when_stuck,
}

# ---- Examples: real payloads through a real engine ------------------------------------------------------

Payload = dict[str, Any]


class Told(NamedTuple):
    """One line of an example."""

    at: datetime
    payload: Payload | None
    """None where nothing is told and the deadlines are checked instead."""


def told(clock: str, status: str, account_type: str = "LINKEDIN", **more: str) -> Told:
    """A status webhook at a time of day, or on the next day with a ``+``."""
    inner = {"account_id": ACCOUNT, "account_type": account_type, "message": status, **more}
    return Told(_time(clock), {"AccountStatus": inner})


def added(clock: str, status: str) -> Told:
    """A hosted-auth notification."""
    return Told(_time(clock), {"status": status, "account_id": ACCOUNT, "name": "user-7"})


def checked(clock: str) -> Told:
    """A check of the deadlines."""
    return Told(_time(clock), None)


def _time(clock: str) -> datetime:
    hours, minutes, seconds = map(int, clock.removeprefix("+").split(":"))
    return DAY + timedelta(days=clock.startswith("+"), hours=hours, minutes=minutes, seconds=seconds)


EXAMPLES: dict[AnomalyKind, tuple[Told, ...]] = {
    AnomalyKind.ADOPTED: (told("09:12:40", "CREDENTIALS"),),
    AnomalyKind.SKIPPED_STEP: (added("09:00:00", "CREATION_FAIL"), told("09:07:31", "OK")),
    AnomalyKind.LATE_EVENT: (
        added("09:00:00", "CREATION_SUCCESS"), told("09:04:10", "OK"), told("09:06:02", "CREATION_SUCCESS"),
    ),
    AnomalyKind.UNEXPECTED_RECONNECT: (
        added("09:00:00", "CREATION_SUCCESS"), told("09:04:10", "OK"), told("16:20:00", "RECONNECTED"),
    ),
    AnomalyKind.SYNC_WHILE_LOST: (
        added("09:00:00", "CREATION_SUCCESS"), told("09:04:10", "OK"), told("11:30:00", "CREDENTIALS"),
        told("11:31:15", "SYNC_SUCCESS"),
    ),
    AnomalyKind.CONTRADICTED_CREATION: (
        added("09:00:00", "CREATION_SUCCESS"), told("09:04:10", "OK"), added("14:02:45", "CREATION_FAIL"),
    ),
    AnomalyKind.AFTER_DELETION: (
        added("09:00:00", "CREATION_SUCCESS"), told("09:04:10", "OK"), told("17:45:00", "DELETED"),
        told("17:45:03", "CREDENTIALS"),
    ),
    AnomalyKind.UNSUPPORTED_STATUS: (
        told("09:00:00", "CREATION_SUCCESS", "GOOGLE_OAUTH"), told("09:02:00", "SYNC_SUCCESS", "GOOGLE_OAUTH"),
    ),
    AnomalyKind.UNEXPECTED_PRODUCT: (
        told("09:00:00", "CREATION_SUCCESS", "WHATSAPP"),
        told("09:31:00", "SYNC_SUCCESS", "WHATSAPP", product="classic"),
    ),
    AnomalyKind.PROVIDER_CHANGED: (
        told("09:00:00", "CREATION_SUCCESS", "OUTLOOK"), told("09:10:00", "OK", "TELEGRAM"),
    ),
    AnomalyKind.UNKNOWN_PROVIDER: (told("09:00:00", "CREATION_SUCCESS", "SLACK"),),
    AnomalyKind.UNKNOWN_STATUS: (
        added("09:00:00", "CREATION_SUCCESS"), told("09:04:10", "OK"), told("12:00:00", "PAUSED"),
    ),
    AnomalyKind.STALE_REPEAT: (
        added("09:00:00", "CREATION_SUCCESS"), told("09:04:10", "OK"), told("+08:15:00", "OK"),
    ),
    AnomalyKind.STUCK: (
        added("09:00:00", "CREATION_SUCCESS"), told("09:40:00", "CONNECTING"), checked("10:30:00"),
    ),
}  # fmt: skip
"""What leads to each kind: its last line is the one that deviates."""


def _example(kind: AnomalyKind) -> Iterator[str]:
    anomaly = happened(kind)
    yield "\n```json"
    yield from (_log_line(line) for line in EXAMPLES[kind] if line.payload is not None)
    yield "```\n"
    yield _cause(EXAMPLES[kind][-1]) + "\n"
    yield f"> {anomaly.explanation}"


def happened(kind: AnomalyKind) -> Anomaly:
    """The anomaly of a kind that an engine found in its example."""
    *_, decision = _fed(EXAMPLES[kind])
    return next(anomaly for anomaly in decision if anomaly.kind is kind)


def _fed(lines: Sequence[Told]) -> Iterator[tuple[Anomaly, ...]]:
    with Engine.open("memory:", observers=()) as engine:
        for at, payload in lines:
            if payload is None:
                yield from (decision.anomalies for decision in engine.check_deadlines(at))
            else:
                yield engine.feed_event(payload, received_at=at).anomalies


def _log_line(line: Told) -> str:
    return json.dumps({"received_at": f"{line.at:%Y-%m-%dT%H:%M:%SZ}", "payload": line.payload})


def _cause(last: Told) -> str:
    if last.payload is None:
        return f"When the deadlines were checked at {last.at:%H:%M}, this was found:"
    return "The last line gives this anomaly:"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

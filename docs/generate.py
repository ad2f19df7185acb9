"""Write the pages that follow from the code: ``python docs/generate.py``, or ``--check`` to see if they are current.

What is expected, what a kind means and how an anomaly is explained comes from the package, so that no page can say
anything that the engine does not do.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import fill
from typing import Any, NamedTuple

from account_lifecycle import AnomalyKind, NextStep, Provider, Status
from account_lifecycle.intake.payloads import parse
from account_lifecycle.lifecycle import definition
from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.compiled import Choice, Step, compiled, health_of
from account_lifecycle.lifecycle.decide import SYNCED_WITHIN, judge
from account_lifecycle.lifecycle.definition import Guard
from account_lifecycle.lifecycle.events import ABSENT, DeadlinePassed, Event, StatusObserved
from account_lifecycle.lifecycle.explain import Anomaly
from account_lifecycle.lifecycle.machine import Situation
from account_lifecycle.lifecycle.policy import DEFAULT, DEFAULT_POLICY
from account_lifecycle.lifecycle.providers import ALIASES, PERMISSIVE, PROFILES
from account_lifecycle.lifecycle.status import Health
from account_lifecycle.lifecycle.wording import HEALTH_WORDS, PRESUMED, lasting, one_of
from account_lifecycle.outputs.drafts import drafted
from account_lifecycle.server import openapi
from account_lifecycle.server.filters import MOST_ROWS, ROWS
from account_lifecycle.server.views import VIEWS

HERE = Path(__file__).parent
ACCOUNT = "acc-4711"
DAY = datetime(2026, 5, 4, tzinfo=UTC)
HORIZON = lasting(DEFAULT_POLICY.retry_horizon)
WINDOW = lasting(DEFAULT_POLICY.redelivery_window)

GENERATED = "<!-- Written by `python docs/generate.py`. Change that, or the code that it reads, and run it again. -->"

INTRODUCTION = f"""\
# Anomalies

{GENERATED}

An anomaly is an event that the life cycle does not expect where it arrived, or one that came late, twice or
not at all. It never stops the feed: the event is on record, the account is in the state that the evidence
supports, and the anomaly says what happened, what is likely and what to do. `engine.audit()` lists them,
`engine.on_anomaly()` hooks on to them, and every decision carries its own.

An **error** means that the record and the vendor contradict each other. A **warning** means that something was
missed or is unknown to this version. An **info** is what late, repeated and missed deliveries usually look like;
it is there for the record.

Announcements carry no id and no time of their own, so a late redelivery looks like news. What may have happened is
therefore weighed by the evidence: elapsed time against the retry horizon ({HORIZON} by default), which of the two
channels spoke, what was held, what is subscribed, when the account was last live. `anomaly.stories` has every
story with its likelihood, the likeliest first; the explanation tells that one, and the next where it is close.

Every example below is a log that was judged with the default policy; the text under it is the explanation of its
last line.
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
            (HERE / name).parent.mkdir(parents=True, exist_ok=True)
            with drafted(HERE / name, replace=True) as draft:
                draft.text().write(text)
            sys.stderr.write(f"docs/{name} written\n")
    return int(is_check and bool(stale))


def pages() -> dict[str, str]:
    """Return the text of every generated page, by its name."""
    return {
        "anomalies.md": "\n".join(anomalies_page()) + "\n",
        "lifecycle.md": "\n".join(lifecycle_page()) + "\n",
        "api.md": "\n".join(api_page()) + "\n",
        "../src/account_lifecycle/server/openapi.json": openapi.as_text(),
    }


def anomalies_page() -> Iterator[str]:
    """Yield every kind of anomaly: what it means, when it arises, and a real one explained."""
    yield INTRODUCTION
    yield from _table(
        ("Kind", "Severity", "Meaning"),
        [(f"[`{kind}`](#{kind.lower()})", kind.severity, kind.meaning) for kind in AnomalyKind],
    )
    for kind in AnomalyKind:
        yield f"\n## {kind}\n"
        yield f"*{kind.severity.capitalize()}*: {kind.meaning}. **Next step:** {_next_steps(kind)}.\n"
        if kind in _WHEN:
            yield from _WHEN[kind]()
        if kind in _OF_THE_TABLE:
            yield from _when_announced(kind)
        yield from _example(kind)


API = f"""\
# The API

{GENERATED}

`account-lifecycle serve` answers with JSON what its pages, the command line and the engine's methods answer: the
same questions, the same records. It only reads. `/api/openapi.json` is its description in OpenAPI 3.1, made from the
code; the tests ask every path what it allows and what it does not, and hold each answer against that description.

```sh
curl http://127.0.0.1:8787/api/fleet
curl 'http://127.0.0.1:8787/api/accounts?health=ACTION_REQUIRED&provider=LINKEDIN'
curl 'http://127.0.0.1:8787/accounts.csv?down=true' -o down.csv
```

If a page token is set, send it: `-H "Authorization: Bearer $TOKEN"`. A request must name a host that is allowed, as
for the [pages](live-page.md).

- Times are in UTC with a `Z`; a time in a query has its zone. Names that end in `_s` are seconds.
- A list is `{{"items": [...], "next": path}}`. Ask for `next` until it is null: {ROWS} items at a time, or `limit`, at
  most {MOST_ROWS:,}. A page begins where the last record of the page before stands, so nothing is skipped or twice
  while others write.
- Every list is a table, too, with `.csv` behind its path: all of it, unless there is a `limit`, with a column for
  each part that fits into a cell. No cell can become a formula.
- The lists of pages are under their own paths as well: `/accounts.csv?status=ERROR` is the table of what
  `/accounts?status=ERROR` shows, `/accounts.json` the same as JSON; so are `/anomalies`, `/quarantine`, and `/hooks`,
  which lists deliveries.
- What is wrong is said in JSON: `{{"error": {{"message": ..., "parameter": ..., "found": ..., "expected": ...}}}}`,
  with 400 for a parameter (`parameter` names it), 401 for a token, 404 for an account, 503 while the store cannot be
  read.

"""


def api_page() -> Iterator[str]:
    """Yield every view: what it answers, what it can be narrowed to, and where the shape of its records is written."""
    yield API
    for view in VIEWS:
        yield f"## `/api{view.path}`\n"
        many = f"A list of `{view.record.__name__}`" if view.is_list else f"One `{view.record.__name__}`"
        yield f"{view.text} {many}.\n"
        if view.parameters:
            rows = [
                (f"`{each.name}`{' (required)' if each.is_required else ''}", each.text, each.expected)
                for each in view.parameters
            ]
            yield from _table(("parameter", "meaning", "expected"), rows)
            yield ""


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(titles)} |"
    yield f"|{'---|' * len(titles)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def prose(text: str) -> str:
    """Return a paragraph in lines of a length that is easy to read, with the line ends that are around it."""
    before, after = ("\n" * text.startswith("\n"), "\n" * text.endswith("\n"))
    return before + fill(text.strip(), 115, break_long_words=False, break_on_hyphens=False) + after


def _code(words: Sequence[str | None]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _some_of(members: Sequence[Any], everything: Sequence[Any], named: Callable[[Sequence[Any]], str]) -> str:
    """Return the members, or what is missing where that is shorter."""
    rest = [each for each in everything if each not in members]
    return f"any but {named(rest)}" if len(members) > len(rest) else named(members)


# ---- When a kind arises: out of the compiled machine ---------------------------------------------------

TIME_WORDS = {
    Guard.RECENT: f"the same was accepted less than {HORIZON} ago",
    Guard.YOUNG: f"the account has been known for less than {HORIZON}",
    Guard.SETTLED: f"it has been in that status for {HORIZON} or more",
}
"""The guards of time, for people."""

_OF_THE_TABLE = {row.kind for row in definition.DEVIATIONS}


class Case(NamedTuple):
    """What cells of the table have in common."""

    announced: tuple[Status, ...]
    condition: str
    moves: bool
    next_step: NextStep


class Found(NamedTuple):
    """A cell that gives a kind."""

    step: Step
    condition: str
    """The guards of time under which it does, for people; blank if it always does."""


def _when_announced(kind: AnomalyKind) -> Iterator[str]:
    """Yield the cells of the table that give this kind: situations with the same announcements share a line."""
    cases: dict[Case, list[Situation]] = {}
    for situation in compiled().situations:
        for case in cases_of(kind, situation):
            cases.setdefault(case, []).append(situation)
    rows = [
        (
            _some_of(situations, compiled().situations, _labels),
            _some_of(case.announced, definition.ANNOUNCEMENTS, _code),
            case.condition or "always",
            "follows" if case.moves else "stays",
            str(case.next_step),
        )
        for case, situations in cases.items()
    ]
    yield from _table(("While the account is", "this is announced", "when", "and its status", "Next step"), rows)


def cases_of(kind: AnomalyKind, situation: Situation) -> list[Case]:
    """Return what gives a kind in a situation."""
    found: dict[tuple[str, bool, NextStep], list[Status]] = {}
    for step, condition in found_cells(kind):
        if step.before is situation:
            rest = (condition, step.moved, _anomaly(kind, step).next_step)
            found.setdefault(rest, []).append(step.announced)
    return [Case(tuple(announced), *rest) for rest, announced in found.items()]


def found_cells(kind: AnomalyKind) -> Iterator[Found]:
    """Yield the cells that give this kind for a provider that announces syncs, or else for one that does not."""
    yield from [*_cells_of(kind, announces_sync=True)] or _cells_of(kind, announces_sync=False)


def _cells_of(kind: AnomalyKind, *, announces_sync: bool) -> Iterator[Found]:
    for cells in compiled().cells[announces_sync][True].values():
        for cell in cells.values():
            if isinstance(cell, Step):
                if cell.deviation is kind:
                    yield Found(cell, "")
                continue
            step = next((step for step in cell.steps.values() if step.deviation is kind), None)
            if step is not None:
                yield Found(step, _condition(cell, kind))


def _condition(cell: Choice, kind: AnomalyKind) -> str:
    """Return under which guards of time a cell gives a kind."""
    alone = {guard: cell.step(frozenset({guard})).deviation is kind for guard in cell.guards}
    if cell.step(frozenset()).deviation is kind:
        others = [guard for guard, gives in alone.items() if not gives]
        return f"unless {_any_of(others)}" if others else ""
    return f"if {_any_of([guard for guard, gives in alone.items() if gives])}"


def _any_of(guards: Sequence[Guard]) -> str:
    return " or ".join(TIME_WORDS[guard] for guard in guards)


def _anomaly(kind: AnomalyKind, step: Step) -> Anomaly:
    health = health_of(step.after, ever_live=True)
    return Anomaly(kind, "", 1, DAY, step.announced, step.before, health=health, moved=step.moved)


def _labels(situations: Sequence[Situation]) -> str:
    return ", ".join(f"`{situation.status}`{_facts(situation)}" for situation in situations)


def _facts(situation: Situation) -> str:
    """Return what tells a situation from the others of the same status."""
    if sum(other.status is situation.status for other in compiled().situations) == 1:
        return ""
    facts = ["known" if situation.exists else "new"]
    facts += ["lost"] * situation.lost
    facts += ["needs its user"] * situation.needs_user
    return f" ({', '.join(facts)})"


def _next_steps(kind: AnomalyKind) -> str:
    """Return what to do about a kind, and what else it can come to."""
    others = {_anomaly(kind, step).next_step: None for step, _ in found_cells(kind)}
    others.pop(kind.next_step, None)
    return f"{kind.next_step}{f'; sometimes {one_of(tuple(others))} (see the table)' if others else ''}"


# ---- When a kind arises: what no table of statuses can say ----------------------------------------------


def _when_unsupported() -> Iterator[str]:
    silent = [provider for provider, profile in PROFILES.items() if not profile.announces_sync]
    yield f"Arises for accounts of {_code(silent)}, which announce everything but `{definition.FINISHES_SYNC}`.\n"


def _when_product() -> Iterator[str]:
    owners = [provider for provider, profile in PROFILES.items() if profile.has_products]
    yield prose(
        f"Arises when a payload names a product, unless it is a `{definition.FINISHES_SYNC}` of {_code(owners)}. "
        "The product stays part of what is compared when it is announced again."
    )


def _when_changed() -> Iterator[str]:
    yield prose(
        "Arises when a payload names an account type of another family than the one in force for the account. "
        "The first one stays in force until the other is announced a second time in a row. Account types of one "
        "family are one provider under several names:\n"
    )
    families = {p: [word for word, family in ALIASES.items() if family is p and word != p] for p in Provider}
    yield from _table(("Provider", "Other names"), [(f"`{p}`", _code(words)) for p, words in families.items() if words])


def _when_unknown_provider() -> Iterator[str]:
    yield prose(
        "Arises once for an account, when the first account type announced for it is none of the known ones: "
        f"{_code(list(ALIASES))}. From then on it may announce anything."
    )


def _when_unknown_status() -> Iterator[str]:
    yield prose(
        "Arises when the word announced, without regard to case and surrounding blanks, is none of the known ones: "
        f"{_code(definition.ANNOUNCEMENTS)}. The account's status stays."
    )


def _when_out_of_order() -> Iterator[str]:
    yield prose(
        "Arises when an event is fed with a time before that of the newest announcement or observation of its account. "
        "Nothing else is learned from it. Events that are fed as they arrive are never out of order."
    )


def _when_possibly_stale() -> Iterator[str]:
    yield prose(
        f"Arises when an accepted announcement moved the account or finished a sync, and the same was heard less than "
        f"{HORIZON} before, with newer news in between; or when a loss moved it while a `RECONNECTED` is held that may "
        "have answered it. All effects of such an event are `doubtful`: an observation settles which it was. The "
        "horizon can be set: `Policy(retry_horizon=…)`."
    )


def _when_repeated() -> Iterator[str]:
    yield prose(
        f"Arises when what was accepted last is announced once more, over {WINDOW} after it was last heard, and no "
        "other kind says it better. Sooner than that it is a redelivery, and no anomaly: "
        "`Policy(redelivery_window=…)`."
    )


def _when_missed_outage() -> Iterator[str]:
    yield prose(
        f"Arises when `OK` is announced for an account that is `OK`, over {WINDOW} after its last proof of life. Only "
        "changes are announced, so it was probably down in between: `recovered` is called with an estimated window. "
        "Where `CONNECTING` is not subscribed, outages go unheard by design, and there is no anomaly."
    )


def _when_missed_recovery() -> Iterator[str]:
    yield f"Arises when the loss that was accepted last is announced again, {HORIZON} or more after it was last heard."


def _when_owner() -> Iterator[str]:
    yield "Arises when a payload names another owner (`name` in hosted auth) than the first one that was named."


def _when_stuck() -> Iterator[str]:
    yield prose(
        "Arises once for each stay in a transient status that has lasted too long, dated at the moment when it had. "
        "The deadlines can be set for each provider: `Policy(deadlines=…)`. Where `OK` is not subscribed, an account "
        "that may be presumed live is never stuck.\n"
    )
    yield from _deadlines()


def _deadlines() -> Iterator[str]:
    tables = {"any other": PERMISSIVE.deadlines} | {str(p): row.deadlines for p, row in PROFILES.items()}
    alike: dict[tuple[str, ...], list[str]] = {}
    for name, table in tables.items():
        alike.setdefault(tuple(lasting(table[status]) for status in PERMISSIVE.deadlines), []).append(name)
    rows = [(", ".join(f"`{n}`" if n.isupper() else n for n in names), *lengths) for lengths, names in alike.items()]
    yield from _table(("Provider", *(f"`{status}`" for status in PERMISSIVE.deadlines)), rows)


def _when_sync_missing() -> Iterator[str]:
    yield prose(
        "Arises once for each sign-in when the vendor's list names the premium option of a LinkedIn account that is "
        f"OK, and {lasting(SYNCED_WITHIN)} after the sign-in fewer than two syncs have finished. The sign-in has to "
        "have been announced."
    )


def _when_drift() -> Iterator[str]:
    yield prose(
        "Arises when the vendor's list names another status than the one that is known, unless the account changed "
        f"less than {lasting(DEFAULT_POLICY.settling)} before (`Policy(settling=…)`). The status follows the list."
    )


def _when_vanished() -> Iterator[str]:
    yield "Arises when two looks at the vendor's list, ten minutes apart or more, do not find the account."


def _when_not_deleted() -> Iterator[str]:
    yield "Arises once when the vendor's list still has an account an hour after its deletion was announced."


_WHEN: dict[AnomalyKind, Callable[[], Iterator[str]]] = {
    AnomalyKind.OUT_OF_ORDER: _when_out_of_order,
    AnomalyKind.POSSIBLY_STALE: _when_possibly_stale,
    AnomalyKind.STALE_REPEAT: _when_repeated,
    AnomalyKind.MISSED_OUTAGE: _when_missed_outage,
    AnomalyKind.MISSED_RECOVERY: _when_missed_recovery,
    AnomalyKind.UNSUPPORTED_STATUS: _when_unsupported,
    AnomalyKind.UNEXPECTED_PRODUCT: _when_product,
    AnomalyKind.PROVIDER_CHANGED: _when_changed,
    AnomalyKind.OWNER_CHANGED: _when_owner,
    AnomalyKind.UNKNOWN_PROVIDER: _when_unknown_provider,
    AnomalyKind.UNKNOWN_STATUS: _when_unknown_status,
    AnomalyKind.STUCK: _when_stuck,
    AnomalyKind.SYNC_MISSING: _when_sync_missing,
    AnomalyKind.DRIFT: _when_drift,
    AnomalyKind.VANISHED: _when_vanished,
    AnomalyKind.NOT_DELETED: _when_not_deleted,
}

# ---- Examples: real payloads, judged -------------------------------------------------------------------------

Payload = dict[str, Any]


class Line(NamedTuple):
    """One line of an example."""

    at: datetime
    payload: Payload | None = None
    listed: str | None = None
    """The status on the vendor's list, where that was read; where neither is given, the clock was looked at."""
    product: str = ""
    """The premium option that the list names."""

    def event(self) -> Event:
        """Return the event that it stands for."""
        if self.payload is not None:
            return parse(self.payload, self.at)
        if self.listed is not None:
            return StatusObserved(ACCOUNT, self.listed, self.at, product=self.product)
        return DeadlinePassed(ACCOUNT, Status.UNSEEN, self.at, self.at, timedelta(0))


def announced(clock: str, status: str, account_type: str = "LINKEDIN", **more: str) -> Line:
    """Return a status webhook at a time of day; each ``+`` before it is a day later."""
    inner = {"account_id": ACCOUNT, "account_type": account_type, "message": status, **more}
    return Line(_time(clock), {"AccountStatus": inner})


def added(clock: str, status: str, name: str = "user-7") -> Line:
    """Return a hosted-auth notification."""
    return Line(_time(clock), {"status": status, "account_id": ACCOUNT, "name": name})


def listed(clock: str, status: str, product: str = "") -> Line:
    """Return a look at the vendor's list."""
    return Line(_time(clock), listed=status, product=product)


def _time(clock: str) -> datetime:
    hours, minutes, seconds = map(int, clock.lstrip("+").split(":"))
    return DAY + timedelta(days=clock.count("+"), hours=hours, minutes=minutes, seconds=seconds)


_BORN = (added("09:00:00", "CREATION_SUCCESS"), announced("09:04:10", "OK"))

EXAMPLES: dict[AnomalyKind, tuple[Line, ...]] = {
    AnomalyKind.ADOPTED: (announced("09:12:40", "CREDENTIALS"),),
    AnomalyKind.SKIPPED_STEP: (added("09:00:00", "CREATION_FAIL"), announced("09:27:31", "OK")),
    AnomalyKind.LATE_EVENT: (*_BORN, announced("09:06:02", "CREATION_SUCCESS")),
    AnomalyKind.OUT_OF_ORDER: (*_BORN, announced("09:03:55", "CONNECTING")),
    AnomalyKind.POSSIBLY_STALE: (
        *_BORN, announced("11:30:00", "CREDENTIALS"), announced("12:10:00", "RECONNECTED"), announced("12:12:30", "OK"),
        announced("14:41:00", "CREDENTIALS"),
    ),
    AnomalyKind.STALE_REPEAT: (*_BORN, announced("11:30:00", "ERROR"), announced("13:05:00", "ERROR")),
    AnomalyKind.MISSED_OUTAGE: (*_BORN, announced("++08:15:00", "OK")),
    AnomalyKind.MISSED_RECOVERY: (
        *_BORN, announced("11:30:00", "CREDENTIALS"), announced("+++16:00:00", "CREDENTIALS"),
    ),
    AnomalyKind.UNEXPECTED_RECONNECT: (*_BORN, announced("16:20:00", "RECONNECTED")),
    AnomalyKind.RECONNECT_FAILED: (*_BORN, announced("11:30:00", "CREDENTIALS"), added("11:52:20", "CREATION_FAIL")),
    AnomalyKind.SYNC_WHILE_LOST: (*_BORN, announced("11:30:00", "CREDENTIALS"), announced("11:31:15", "SYNC_SUCCESS")),
    AnomalyKind.CONTRADICTED_CREATION: (*_BORN, added("14:02:45", "CREATION_FAIL")),
    AnomalyKind.RECREATED: (*_BORN, added("+++10:20:00", "CREATION_SUCCESS")),
    AnomalyKind.AFTER_DELETION: (*_BORN, announced("17:45:00", "DELETED"), announced("+++08:00:00", "CREDENTIALS")),
    AnomalyKind.UNSUPPORTED_STATUS: (
        announced("09:00:00", "CREATION_SUCCESS", "GOOGLE_OAUTH"),
        announced("09:02:00", "SYNC_SUCCESS", "GOOGLE_OAUTH"),
    ),
    AnomalyKind.UNEXPECTED_PRODUCT: (
        announced("09:00:00", "CREATION_SUCCESS", "WHATSAPP"),
        announced("09:31:00", "SYNC_SUCCESS", "WHATSAPP", product="classic"),
    ),
    AnomalyKind.PROVIDER_CHANGED: (
        announced("09:00:00", "CREATION_SUCCESS", "OUTLOOK"), announced("09:10:00", "OK", "TELEGRAM"),
    ),
    AnomalyKind.OWNER_CHANGED: (
        *_BORN, announced("11:30:00", "CREDENTIALS"), added("12:10:00", "RECONNECTED", "user-8"),
    ),
    AnomalyKind.UNKNOWN_PROVIDER: (announced("09:00:00", "CREATION_SUCCESS", "SLACK"),),
    AnomalyKind.UNKNOWN_STATUS: (*_BORN, announced("12:00:00", "PAUSED")),
    AnomalyKind.STUCK: (
        added("09:00:00", "CREATION_SUCCESS"), announced("09:40:00", "SYNC_SUCCESS"), Line(_time("11:00:00")),
    ),
    AnomalyKind.SYNC_MISSING: (
        announced("09:00:00", "CREATION_SUCCESS"), announced("09:30:00", "SYNC_SUCCESS", product="classic"),
        announced("09:31:00", "OK"), listed("15:15:00", "OK", "recruiter"),
    ),
    AnomalyKind.DRIFT: (*_BORN, listed("13:00:00", "CREDENTIALS")),
    AnomalyKind.VANISHED: (*_BORN, listed("13:00:00", ABSENT), listed("13:15:00", ABSENT)),
    AnomalyKind.NOT_DELETED: (*_BORN, announced("13:00:00", "DELETED"), listed("15:00:00", "OK")),
}  # fmt: skip
"""What leads to each kind: its last line is the one that deviates."""
if lacking := sorted(set(AnomalyKind) - EXAMPLES.keys()):
    raise TypeError(f"no example leads to {' and '.join(lacking)}: add a row to EXAMPLES")


def _example(kind: AnomalyKind) -> Iterator[str]:
    anomaly = happened(kind)
    yield "\n```json"
    yield from (_log_line(line) for line in EXAMPLES[kind] if line.payload is not None or line.listed is not None)
    yield "```\n"
    yield f"{_cause(EXAMPLES[kind][-1])}\n"
    yield f"> {anomaly.explanation}\n"
    stories = ", ".join(f"`{story.kind}` {story.likelihood:.2f}" for story in anomaly.stories)
    yield f"Its stories: {stories}."


def happened(kind: AnomalyKind) -> Anomaly:
    """Return the anomaly of a kind that is found in its example."""
    account, found = Account(ACCOUNT), tuple[Anomaly, ...]()
    for line in EXAMPLES[kind]:
        for decision in judge(account, line.event(), DEFAULT_POLICY):
            account, found = decision.after, decision.anomalies or found
    return next(anomaly for anomaly in found if anomaly.kind is kind)


def _log_line(line: Line) -> str:
    at = f"{line.at:%Y-%m-%dT%H:%M:%SZ}"
    if line.payload is None:
        option = {"product": line.product} if line.product else {}
        return json.dumps({"observed_at": at, "account_id": ACCOUNT, "status": line.listed, **option})
    return json.dumps({"received_at": at, "payload": line.payload})


def _cause(last: Line) -> str:
    if last.payload is None and last.listed is None:
        return f"When the deadlines were checked at {last.at:%H:%M}, this was found:"
    return "The last line gives this anomaly:"


# ---- The life cycle -------------------------------------------------------------------------------------------

LIFE_CYCLE = f"""\
# The life cycle of an account

{GENERATED}

```
CONNECTING → CREATION_SUCCESS → SYNC_SUCCESS → OK ↔ CREDENTIALS/ERROR/STOPPED → RECONNECTED
DELETED is terminal
```

The vendor announces what an account becomes, by status webhooks and by hosted auth's `notify_url`. Neither has an id,
a time or an order, the vendor retries what it could not deliver, and it announces only changes. So each event is
judged by what is known of its account and by the time that has passed. `lifecycle/definition.py` is the whole of it
on one screen, in the vocabulary of `transitions`; this page is written from the machine that it defines.

## How an event is judged

The first of these that settles it does:

1. Is it dated before the newest event of its account? It is held as `OUT_OF_ORDER`.
2. Does it name another provider or owner than the one on record, or a product where none belongs? That is an anomaly
   of its own, and judging goes on.
3. Was the very same held before, within the retry horizon ({HORIZON})? Then it is a repeat.
4. Is its word unknown? It is held as `UNKNOWN_STATUS`.
5. Is it `OK` for an account that is `OK`? Within {WINDOW} of its last proof of life that is a repeat; later there was
   an outage that nobody announced.
6. Is it what was accepted last? Then it is a repeat, a loss that came back (`MISSED_RECOVERY`), a new sync, or
   `STALE_REPEAT`, as the time that has passed has it.
7. Is it a sync that is known already, with nothing behind it but other syncs and `OK`? Then it is a repeat.
8. Otherwise the table below decides. What is accepted, but was heard within the retry horizon before newer news, is
   `POSSIBLY_STALE` as well, and its effects are `doubtful`.

Deadlines that passed before an event are judged before it, in every way of feeding, so that an engine that was closed,
a replay and a live engine agree.

## The table

**move**: the account is in the announced status from then on. **stay**: as expected, nothing moves. **hold**: an
anomaly, and nothing moves. **move** with a kind is an anomaly, too, but is followed, for what the vendor says weighs
more than what was expected. *New* accounts are those of which nothing has proved yet that they exist. In brackets:
what the time that has passed changes.
"""


def lifecycle_page() -> Iterator[str]:
    """Yield the life cycle: how events are judged, the table, deadlines and what each state means to a caller."""
    yield LIFE_CYCLE
    yield from _table(("While it is", *(f"`{word}`" for word in definition.ANNOUNCEMENTS)), [*table_rows()])
    yield prose(
        f"\n*recent*: {TIME_WORDS[Guard.RECENT]}. *young*: {TIME_WORDS[Guard.YOUNG]}. *settled*: "
        f"{TIME_WORDS[Guard.SETTLED]}."
    )
    silent = [provider for provider, profile in PROFILES.items() if not profile.announces_sync]
    yield prose(
        f"\n{_code(silent)} never announce a sync: their `{definition.FINISHES_SYNC}` is held as `UNSUPPORTED_STATUS` "
        "everywhere but after a deletion."
    )
    yield "\n## Where OK is not subscribed\n"
    yield prose(
        f'The vendor\'s default subscription leaves out {_code(_left_out())}. With `Policy(subscribed="default")`, or '
        f"any set of words without `OK`, {_code(definition.PRESUMED_LIVE)} count as proofs of life, a sync that "
        "finishes while an account is lost heals the loss, and an account whose creation has passed its deadline "
        "counts as live where nothing else would be announced. `account.presumed` tells such an account from one that "
        "said `OK`."
    )
    yield "\n## What a state means to a caller\n"
    yield "The first row that fits:\n"
    yield from _table(("Status", "if", "Health"), [*_health_rows()])
    yield "\nAnd in words, the same wherever a person reads a health:\n"
    words = [(f"`{health}`", each.text, each.advice) for health, each in HEALTH_WORDS.items()]
    words.append(("`LIVE`, presumed", PRESUMED.text, PRESUMED.advice))
    yield from _table(("Health", "It is", "What to do"), words)
    yield "\n## Deadlines\n"
    yield "A status that lasts longer than this has outlived its deadline (`Policy(deadlines=…)`):\n"
    yield from _deadlines()
    yield prose(
        f"\nOf an account that is `{Health.ACTION_REQUIRED}` or `{Health.INTERRUPTED}` you are reminded (`still_down`) "
        f"after {one_of(tuple(map(lasting, DEFAULT_POLICY.reminders)), 'and')}. Where a provider's session has a known "
        f"length, `session_expiring` comes {lasting(DEFAULT_POLICY.expiry_notice)} before its end."
    )


def _left_out() -> list[Status]:
    return [word for word in definition.ANNOUNCEMENTS if word not in DEFAULT]


def table_rows() -> Iterator[list[str]]:
    """Yield the table's rows, for a provider that announces syncs and a subscription to every word."""
    for situation in compiled().situations:
        cells = compiled().cells[True][True][situation]
        label = f"`{situation.status}`{_facts(situation)}"
        yield [label, *(_cell(cells[word.value]) for word in definition.ANNOUNCEMENTS)]


def _cell(cell: Step | Choice) -> str:
    if isinstance(cell, Step):
        return _answer(cell)
    usual = cell.step(frozenset())
    others: dict[str, list[str]] = {}
    for guard in cell.guards:
        step = cell.step(frozenset({guard}))
        if _answer(step) != _answer(usual):
            others.setdefault(_answer(step), []).append(guard.value)
    changes = "; ".join(f"{'/'.join(guards)}: {answer}" for answer, guards in others.items())
    return f"{_answer(usual)} ({changes})" if changes else _answer(usual)


def _answer(step: Step) -> str:
    verb = "move" if step.moved else "stay" if step.accepted else "hold"
    return verb if step.deviation is None else f"{verb} `{step.deviation}`"


def _health_rows() -> Iterator[tuple[str, str, str]]:
    names = ("needs_user", "lost", "stuck", "ever_live", "presumed")
    words = {
        "needs_user": "its user must sign in",
        "lost": "its connection was announced as lost",
        "stuck": "it has outlived its deadline",
        "ever_live": "it was live before",
        "presumed": "it is presumed live",
    }
    for row in definition.HEALTH:
        facts = [words[n] if getattr(row, n) else f"not: {words[n]}" for n in names if getattr(row, n) is not None]
        yield _some_of(row.statuses, tuple(Status), _code), "; ".join(facts) or "always", f"`{row.health}`"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

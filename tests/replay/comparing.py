"""A replay and the live engine's pure step over the same events, put into the same words and compared."""

import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.decide import Decision, decide
from account_lifecycle.lifecycle.events import DeadlinePassed, Event, StatusAnnounced
from account_lifecycle.lifecycle.explain import Anomaly
from account_lifecycle.lifecycle.machine import Situation
from account_lifecycle.lifecycle.policy import DEFAULT_POLICY, Policy
from account_lifecycle.lifecycle.status import Verdict
from account_lifecycle.lifecycle.windows import BlindWindow
from account_lifecycle.replay.columns import DEADLINE, Chunk, Columns
from account_lifecycle.replay.fleet import micros
from account_lifecycle.replay.judging import Findings, Judging
from account_lifecycle.replay.kernel import AFTER_SHIFT, VERDICT_SHIFT
from account_lifecycle.replay.sources.json_lines import BLOCK, JsonLines
from account_lifecycle.replay.tables import KINDS, KNOWN_PROVIDERS, SITUATIONS, VERDICTS, WORD_OF
from account_lifecycle.replay.unpacking import anomaly_of, window_of
from account_lifecycle.replay.vocabulary import Vocabulary
from replay.reference import MICROSECOND, Lived, live

STAMP = datetime(2026, 11, 23, tzinfo=UTC)
"""When a line without a time was received."""
_STUCK = 1 << KINDS.index(KINDS[-1])
_FAMILIES = Vocabulary().providers


class Noted(NamedTuple):
    """An anomaly, and what a report is told about the event that it is of."""

    anomaly: Anomaly
    after: Situation
    verdict: Verdict
    is_first: bool


class Outcome(NamedTuple):
    """All that became of some events."""

    events: list[int]
    """Of each, as the kernel packs it."""
    noted: list[Noted]
    """In the order of the log."""
    overdue: list[Noted]
    """What had lasted too long by the end, by account."""
    windows: dict[tuple[str, int], BlindWindow]
    """As they were at the end."""
    accounts: dict[str, Account]
    refused: list[tuple[str, str]]
    """The fields and the reasons."""
    clean: Counter[tuple[int, ...]]
    """How many events had no anomaly: by provider's row, situation, word and verdict."""
    dwelt: Counter[tuple[int, ...]]
    """For how long accounts were in which situation, by provider's row: in microseconds, up to the last move."""


# ---- The replay ------------------------------------------------------------------------------------------


def replayed(
    log: bytes,
    policy: Policy = DEFAULT_POLICY,
    *,
    block: int = BLOCK,
    until: datetime | None = None,
    cuts: Sequence[int] = (),
) -> Outcome:
    """What a replay makes of a log, read in blocks of some size, each of which is cut at some events again."""

    def read(vocabulary: Vocabulary) -> Iterator[Chunk]:
        for chunk in JsonLines("log", io.BytesIO(log), block=block).chunks(vocabulary, STAMP):
            yield from cut(chunk, cuts)

    return judged(read, policy, until=until)


def replayed_events(events: Sequence[Event], policy: Policy = DEFAULT_POLICY, cuts: Sequence[int] = ()) -> Outcome:
    """What a replay makes of events among which the deadlines that passed are recorded."""

    def read(vocabulary: Vocabulary) -> Iterator[Chunk]:
        yield from cut(coded(events, vocabulary), cuts)

    return judged(read, policy, watches_deadlines=False)


def judged(
    read: Callable[[Vocabulary], Iterable[Chunk]],
    policy: Policy = DEFAULT_POLICY,
    *,
    until: datetime | None = None,
    watches_deadlines: bool = True,
) -> Outcome:
    """What the kernel makes of chunks."""
    vocabulary = Vocabulary()
    judging = Judging(vocabulary, policy, watches_deadlines=watches_deadlines)
    outcome = Outcome([], [], [], {}, {}, [], Counter(), Counter())
    for chunk in read(vocabulary):
        for findings in judging.judge(chunk):
            _unpack(findings, vocabulary, outcome, outcome.noted)
        outcome.events.extend(judging.found.outcomes.tolist())
        outcome.refused.extend((line.field, line.reason) for line in chunk.refused)
    last = STAMP if judging.last_at is None else datetime(1970, 1, 1, tzinfo=UTC) + judging.last_at * MICROSECOND
    for findings in judging.end(micros(until or last)):
        _unpack(findings, vocabulary, outcome, outcome.overdue)
    outcome.overdue.sort(key=_account_of)
    _unpack_fleet(judging, outcome)
    return outcome


def _unpack(findings: Findings, vocabulary: Vocabulary, outcome: Outcome, noted: list[Noted]) -> None:
    for row in findings.anomalies:
        what = (SITUATIONS[row["after"]], VERDICTS[row["verdict"]], bool(row["is_first"]))
        noted.append(Noted(anomaly_of(row, vocabulary), *what))
    for row in findings.windows:
        window = window_of(row, vocabulary)
        assert (window.account_id, window.sequence) not in outcome.windows, "a window closes once"
        outcome.windows[window.account_id, window.sequence] = window


def _unpack_fleet(judging: Judging, outcome: Outcome) -> None:
    counts = Counter(noted.anomaly.account_id for noted in (*outcome.noted, *outcome.overdue))
    for number in range(len(judging.vocabulary.accounts)):
        account = judging.fleet.account(number)
        assert judging.fleet.arrays.anomalies[number] == counts[account.account_id], "an account counts its anomalies"
        if account.sequence:
            outcome.accounts[account.account_id] = account
        if account.blind_window is not None:
            outcome.windows[account.account_id, account.blind_window.sequence] = account.blind_window
    outcome.clean.update(_counted(judging.found.clean))
    outcome.dwelt.update(_counted(judging.found.dwelt @ np.array([1_000_000, 1])))


def _counted(sums: NDArray[np.int64]) -> dict[tuple[int, ...], int]:
    return {tuple(place): int(sums[tuple(place)]) for place in np.argwhere(sums).tolist()}


def _account_of(noted: Noted) -> str:
    return noted.anomaly.account_id


# ---- The live engine ---------------------------------------------------------------------------------------


def lived(log: bytes, policy: Policy = DEFAULT_POLICY, until: datetime | None = None) -> Outcome:
    """What the live engine makes of a log."""
    return _told(live(io.BytesIO(log), STAMP, policy, until))


def lived_events(events: Iterable[Event], policy: Policy = DEFAULT_POLICY) -> Outcome:
    """What the live engine makes of events, with no deadlines but those among them."""
    lived = Lived([], [], [], {}, [])
    for event in events:
        before = lived.accounts.get(event.account_id, Account(event.account_id))
        lived.decisions.append(decide(before, event, policy))
        lived.before.append(None)
        lived.accounts[event.account_id] = lived.decisions[-1].account
    return _told(lived)


def _told(lived: Lived) -> Outcome:
    outcome = Outcome([], [], [], lived.windows, lived.accounts, [], Counter(), Counter())
    for early, decision in zip(lived.before, lived.decisions, strict=True):
        if early is not None:
            outcome.noted.extend(_noted(early))
        outcome.noted.extend(_noted(decision))
        outcome.events.append(packed(decision, is_overdue=early is not None))
        _count(decision, outcome)
    outcome.overdue.extend(noted for decision in lived.ending for noted in _noted(decision))
    outcome.overdue.sort(key=_account_of)
    outcome.refused.extend((error.field, str(error)) for error in lived.refused)
    return outcome


def _noted(decision: Decision) -> Iterator[Noted]:
    for place, anomaly in enumerate(decision.anomalies):
        yield Noted(anomaly, decision.account.situation, decision.verdict, place == 0)


def packed(decision: Decision, *, is_overdue: bool = False) -> int:
    """A decision as the kernel packs it; ``is_overdue`` if a deadline had passed before."""
    kinds = _STUCK if is_overdue else 0
    for anomaly in decision.anomalies:
        kinds |= 1 << KINDS.index(anomaly.kind)
    verdict, after = VERDICTS.index(decision.verdict), SITUATIONS.index(decision.account.situation)
    return kinds | verdict << VERDICT_SHIFT | after << AFTER_SHIFT


def _count(decision: Decision, outcome: Outcome) -> None:
    before, after, event = decision.previous, decision.account, decision.event
    row = 0 if after.provider is None else min(_FAMILIES.number(after.provider) + 1, KNOWN_PROVIDERS + 1)
    situation = SITUATIONS.index(before.situation)
    if not decision.anomalies:
        outcome.clean[row, situation, WORD_OF[event.status], VERDICTS.index(decision.verdict)] += 1  # type: ignore[index]
    if before.status is not after.status and before.since is not None:
        length = max((event.received_at - before.since) // MICROSECOND, 0)
        outcome.dwelt.update({(row, situation): length} if length else {})


# ---- Events on their way -------------------------------------------------------------------------------------


def coded(events: Sequence[Event], words: Vocabulary) -> Chunk:
    """Events as columns."""
    rows: list[tuple[int, ...]] = []
    deadlines: list[tuple[int, int, int]] = []
    for line, event in enumerate(events, 1):
        account, at = words.accounts.code(event.account_id), micros(event.received_at)
        if isinstance(event, DeadlinePassed):
            rows.append((account, DEADLINE, -1, len(deadlines), -1, at, line))
            deadlines.append((WORD_OF[event.status], micros(event.since), event.allowed // MICROSECOND))
        else:
            provider = -1 if event.provider is None else words.providers.number(event.provider)
            name = -1 if event.name is None else words.names.code(event.name)
            product = words.products.number(event.product)
            rows.append((account, words.words.number(event.status), provider, product, name, at, line))
    table = np.array(rows, np.int64).reshape(len(rows), 7).T
    account_codes, word, provider_codes, product_codes, name_codes = (
        np.ascontiguousarray(c, np.int32) for c in table[:5]
    )
    times, lines = (np.ascontiguousarray(column) for column in table[5:])
    passed = np.array(deadlines, np.int64).reshape(len(deadlines), 3)
    return Chunk(Columns(account_codes, word, provider_codes, product_codes, name_codes, times, lines, passed))


def cut(chunk: Chunk, at: Sequence[int]) -> Iterator[Chunk]:
    """The same events in several chunks; what was refused comes with the first one."""
    columns, deadlines = chunk.columns[:7], chunk.columns.deadlines
    ends = sorted({min(place, len(columns[0])) for place in (*at, len(columns[0]))})
    for begin, end in zip((0, *ends), ends, strict=False):
        parts = (np.ascontiguousarray(column[begin:end]) for column in columns)
        part = Columns(*parts, deadlines)  # type: ignore[call-arg, arg-type]
        yield chunk._replace(columns=part, refused=chunk.refused if end == ends[0] else ())


def line_of(
    account_id: str,
    status: str,
    after_s: float | None = 0,
    *,
    provider: str | None = None,
    product: str | None = None,
    name: str | None = None,
) -> bytes:
    """A webhook as a line of a log, so many seconds after a first moment; a notification if it has a name."""
    if name is not None:
        payload: dict[str, Any] = {"status": status, "account_id": account_id, "name": name}
    else:
        told = {"account_type": provider, "product": product}
        fields = {key: value for key, value in told.items() if value is not None}
        payload = {"AccountStatus": {"account_id": account_id, "message": status, **fields}}
    if after_s is None:
        return json.dumps(payload).encode() + b"\n"
    received_at = datetime(2026, 5, 1, 12) + timedelta(seconds=after_s)
    return json.dumps({"received_at": f"{received_at.isoformat()}Z", "payload": payload}).encode() + b"\n"


# ---- Comparing ---------------------------------------------------------------------------------------------


def differences(one: Outcome, other: Outcome, shown: int = 5) -> list[str]:
    """What is not the same in both, the first few of it for each field."""
    found = []
    for field in Outcome._fields:
        left, right = getattr(one, field), getattr(other, field)
        if left != right:
            found += [f"{field}: {line}" for line in _unequal(left, right)][:shown]
    return found


def _unequal(left: Any, right: Any) -> Iterator[str]:
    if isinstance(left, dict):
        yield from (
            f"{k}: {left.get(k)} != {right.get(k)}" for k in left.keys() | right.keys() if left.get(k) != right.get(k)
        )
        return
    yield from (f"#{n}: {a} != {b}" for n, (a, b) in enumerate(zip(left, right, strict=False)) if a != b)
    if len(left) != len(right):
        yield f"{len(left)} != {len(right)} in all"


__all__ = [
    "STAMP", "Noted", "Outcome", "StatusAnnounced", "coded", "cut", "differences", "judged", "line_of", "lived",
    "lived_events", "packed", "replayed", "replayed_events",
]  # fmt: skip

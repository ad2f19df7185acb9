"""Between rows and records: how values look in a database. Times are whole microseconds since 1970, UTC.

An account has columns for what is searched by, and one JSON object, ``facts``, for whatever else is remembered of it;
an anomaly has its kind, its provider, and its ``evidence``. What is left out of such an object is as by default. What
was decided about an event is one text (``decided``). Whatever names a person is in the event's own columns and nowhere
else, so that it can be erased: an effect or an anomaly that is about the owner refers to them.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import groupby
from typing import Any

from ..lifecycle.account import Account, Heard, Memory
from ..lifecycle.anomalies import AnomalyKind
from ..lifecycle.deadlines import next_deadline
from ..lifecycle.decide import Decision
from ..lifecycle.events import (
    ANNOUNCED,
    OBSERVED,
    DeadlineKind,
    DeadlinePassed,
    Event,
    StatusAnnounced,
    StatusObserved,
)
from ..lifecycle.explain import Anomaly
from ..lifecycle.machine import Situation, situation_of
from ..lifecycle.policy import Policy
from ..lifecycle.providers import Provider
from ..lifecycle.rules import Rules
from ..lifecycle.status import Health, Status
from ..lifecycle.windows import BlindWindow
from ..records import Evidence, LedgerEntry, Quarantined, Segment
from .decided import decided_from

Row = tuple[Any, ...]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NO_TIME = timedelta(0)
_STATUS: dict[str | None, Status] = {status.value: status for status in Status}
_PROVIDER: dict[str, str] = {provider.value: provider for provider in Provider}
_json = json.JSONEncoder(separators=(",", ":")).encode
"""Canonical as long as keys are written in one order."""


def to_us(at: datetime) -> int:
    """Return an aware time in microseconds."""
    return (at - _EPOCH) // _MICROSECOND


def from_us(us: int) -> datetime:
    """Return microseconds as an aware time in UTC."""
    return _EPOCH + us * _MICROSECOND


def maybe_us(at: datetime | None) -> int | None:
    """Return the same for a time that may be missing."""
    return None if at is None else (at - _EPOCH) // _MICROSECOND


def maybe_time(us: int | None) -> datetime | None:
    """Return the same for a time that may be missing."""
    return None if us is None else _EPOCH + us * _MICROSECOND


def provider_from(word: str | None) -> str | None:
    """Return a provider as a member of ``Provider`` where it is one; what was an unknown word then stays one."""
    return None if word is None else _PROVIDER.get(word, word)


# ---- Accounts -------------------------------------------------------------------------------------
# A member of an enum is text and a truth is a number already: a database takes them as they are.

_NOTHING = Memory()


def account_row(account: Account) -> Row:
    """Return an account's columns, in the table's order, without its number and its deadline."""
    return (
        account.account_id,
        account.sequence,
        account.situation.status,
        account.health,
        account.provider,
        account.owner,
        maybe_us(account.since),
        account.stuck,
        facts_text(account),
    )


ACCOUNT_COLUMNS = 9
"""How many they are."""


def due_columns(account: Account, policy: Policy | None, now: datetime | None) -> tuple[int | None, int]:
    """Return when an account's next deadline passes, and the fingerprint of the policy's terms that it follows from.

    The time is that of the clock that says ``now``, which accounts may be ahead of (``engine.arrivals``). Without a
    policy nothing is known.
    """
    if policy is None:
        return None, 0
    passed = next_deadline(account, policy)
    if passed is None:
        return None, policy.fingerprint
    is_ahead = now is not None and account.newest_at is not None and account.newest_at > now
    ahead = account.newest_at - now if is_ahead else _NO_TIME  # type: ignore[operator]
    return to_us(passed.received_at - ahead), policy.fingerprint


def dated_late(found: Iterator[Row], policy: Policy) -> Iterator[Account]:
    """Yield accounts whose next deadline, by a policy's terms, would be missed, from their columns and when it is kept
    to pass. One that is kept to pass too soon is none: then the account is looked at in vain."""
    for *columns, due_at in found:
        account = account_from(tuple(columns))
        passes, _ = due_columns(account, policy, None)
        if passes is not None and (due_at is None or due_at > passes):
            yield account


def dated_row(row: Row, policy: Policy, now: datetime) -> Row:
    """Return time, fingerprint and number of an account that is dated anew, from its columns and its number."""
    return (*due_columns(account_from(row[:ACCOUNT_COLUMNS]), policy, now), row[ACCOUNT_COLUMNS])


def facts_text(account: Account) -> str:
    """Return what is remembered of an account beside its columns, as a JSON object."""
    found = [*_marks(account.situation, account.presumed)]
    if account.heard:
        found.append(f'"heard":[{_heard_text(account.heard)}]')
    if account.held:
        found.append(f'"held":[{_heard_text(account.held)}]')
    if account.newest_at is not None:
        found.append(f'"newest_at":{(account.newest_at - _EPOCH) // _MICROSECOND}')
    if account.last_live_at is not None:
        found.append(f'"last_live_at":{(account.last_live_at - _EPOCH) // _MICROSECOND}')
    if account.synced_products:
        found.append(f'"synced_products":{_json(sorted(account.synced_products))}')
    if account.blind_window is not None:
        found.append(f'"blind_window":{_window_text(account.blind_window)}')
    if account.signed_in_at is not None:
        found.append(f'"signed_in_at":{to_us(account.signed_in_at)}')
    if account.down_since is not None:
        found.append(f'"down_since":{to_us(account.down_since)}')
    memory = account.memory
    if memory != _NOTHING:
        found.append(f'"memory":{{{_memory_text(memory)}}}')
    return f"{{{','.join(found)}}}"


@lru_cache(maxsize=256)
def _marks(situation: Situation, presumed: bool) -> tuple[str, ...]:
    """Return the truths that hold."""
    _, *facts = situation.key
    names = "exists", "lost", "needs_user", "presumed"
    return tuple([f'"{name}":1' for name, holds in zip(names, (*facts, presumed), strict=True) if holds])


def _heard_text(heard: tuple[Heard, ...]) -> str:
    return ",".join([f"{_said(word, product)}{(at - _EPOCH) // _MICROSECOND}]" for word, product, at in heard])


@lru_cache(maxsize=1024)
def _said(word: str, product: str | None) -> str:
    """Return how what was said begins, up to its time."""
    return f"{_json([word, product])[:-1]},"


def _window_text(window: BlindWindow) -> str:
    """Return an open window: which it is, when it opened, from when on to backfill, if estimated, and its causes."""
    opened_at, backfill_from = to_us(window.opened_at), maybe_us(window.backfill_from)
    return _json([window.sequence, opened_at, backfill_from, int(window.estimated), window.causes])


def _memory_text(memory: Memory) -> str:
    """Return what differs from a memory of nothing. The reason may be erased one day, so that no cache has it."""
    if memory.reason:
        rest = _text_but_reason(memory._replace(reason=""))
        return f'{rest}{"," if rest else ""}"reason":{_json(memory.reason)}'
    return _text_but_reason(memory)


@lru_cache(maxsize=4096)
def _text_but_reason(memory: Memory) -> str:
    pairs = zip(Memory._fields, memory, _NOTHING, strict=True)
    return _json({name: _plain(value) for name, value, default in pairs if value != default})[1:-1]


def _plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    match value:
        case datetime():
            return to_us(value)
        case timedelta():
            return value // _MICROSECOND
        case bool():
            return int(value)
        case _:
            return value


def account_from(row: Row) -> Account:
    """Make an account from its columns."""
    account_id, sequence, status, health, provider, owner, since, stuck, text = row
    facts = json.loads(text)
    window = facts.get("blind_window")
    return Account(
        account_id,
        situation_of(_STATUS[status], "exists" in facts, "lost" in facts, "needs_user" in facts),
        sequence,
        Health(health),
        provider_from(provider),
        owner,
        maybe_time(since),
        bool(stuck),
        "presumed" in facts,
        tuple([Heard(word, product, from_us(at)) for word, product, at in facts.get("heard", ())]),
        tuple([Heard(word, product, from_us(at)) for word, product, at in facts.get("held", ())]),
        maybe_time(facts.get("newest_at")),
        maybe_time(facts.get("last_live_at")),
        frozenset(facts.get("synced_products", ())),
        None if window is None else _open_window(account_id, *window),
        maybe_time(facts.get("signed_in_at")),
        maybe_time(facts.get("down_since")),
        _memory_from(facts["memory"]) if "memory" in facts else _NOTHING,
    )


def _open_window(
    account_id: str, sequence: int, opened_at: int, backfill_from: int | None, estimated: int, causes: list[str]
) -> BlindWindow:
    return BlindWindow(
        account_id,
        sequence,
        from_us(opened_at),
        maybe_time(backfill_from),
        estimated=bool(estimated),
        causes=tuple([_STATUS[cause] for cause in causes]),
    )


_MEMORY_FROM: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("known_since", "remind_from", "absent_since"), from_us),
    **dict.fromkeys(("born", "doubtful", "session_noticed", "survival_told", "sync_missing_told"), bool),
    "reminded": lambda us: us * _MICROSECOND,
    "disputed_provider": provider_from,
    "reason": str,
}


def _memory_from(facts: dict[str, Any]) -> Memory:
    return Memory(**{name: _MEMORY_FROM[name](value) for name, value in facts.items()})


# ---- Events and what was decided about them -------------------------------------------------------


def event_row(event_id: int, account: int | str, decision: Decision, decided: str) -> Row:
    """Return an event's columns, in the table's order, up to its payload, but for those that only repeat what was
    ``decided``. ``account`` is the number or the id of its account."""
    event = decision.event
    at = (event.received_at - _EPOCH) // _MICROSECOND
    place = event_id, account, decision.after.sequence, at
    if isinstance(event, StatusAnnounced):
        return (
            *place, ANNOUNCED, event.status, event.product, event.provider, None, None, None, decided,
            event.owner, event.reason, event.payload,
        )  # fmt: skip
    if isinstance(event, StatusObserved):
        said = event.status, event.product, event.provider, None, None, maybe_us(event.signed_in_at)
        return (*place, OBSERVED, *said, decided, event.owner, event.reason, None)
    passed = to_us(event.since), event.allowed // _MICROSECOND, None
    return (*place, event.kind, event.status, "", None, *passed, decided, None, "", None)


def repeats_decided(event: Row) -> bool:
    """Return whether an event's last two columns, its status and whether it is a move, repeat what was decided."""
    decided = decided_from(event[11])
    return bool(tuple(event[-2:]) == (decided.after.status, decided.is_move))


def anomaly_rows(event_id: int, decision: Decision) -> Iterator[Row]:
    """Return the columns of a decision's anomalies, in the table's order."""
    for ordinal, anomaly in enumerate(decision.anomalies):
        yield event_id, ordinal, anomaly.kind, anomaly.provider, evidence_text(anomaly)


_ELSEWHERE = ("provider", "product", "reason")
"""Facts of an anomaly that have a column of their own, or that its event has."""


def evidence_text(anomaly: Anomaly) -> str:
    """Return what an anomaly is explained by, as a JSON object; the owner's name is the event's."""
    facts = anomaly.evidence()
    for name in _ELSEWHERE:
        facts.pop(name, None)
    if anomaly.kind is AnomalyKind.OWNER_CHANGED:
        facts.pop("detail", None)
    return _json(facts)


def anomaly_from(row: Row) -> Anomaly:
    """Make an anomaly from its columns and those of its event."""
    kind, account_id, sequence, at, word, product, owner, reason, decided, provider, evidence = row
    facts = json.loads(evidence) | {"provider": provider_from(provider), "product": product, "reason": reason}
    if kind == AnomalyKind.OWNER_CHANGED:
        facts["detail"] = owner or ""
    place = account_id, sequence, from_us(at), word, decided_from(decided).before
    return Anomaly.from_evidence(AnomalyKind(kind), *place, facts)


def window_row(window: BlindWindow, sequence: int) -> Row:
    """Return a blind window's columns after its account's, after the event of that ``sequence``, which closed it if it
    did."""
    return (
        window.sequence,
        to_us(window.opened_at),
        maybe_us(window.backfill_from),
        maybe_us(window.closed_at),
        None if window.is_open else sequence,
        window.recovered,
        window.estimated,
        _causes_text(window.causes),
    )


def window_from(row: Row) -> BlindWindow:
    """Make a blind window from its columns without the sequence of the event that closed it."""
    account_id, sequence, opened_at, backfill_from, closed_at, recovered, estimated, causes = row
    return BlindWindow(
        account_id,
        sequence,
        from_us(opened_at),
        maybe_time(backfill_from),
        maybe_time(closed_at),
        bool(recovered),
        bool(estimated),
        _causes_from(causes),
    )


@lru_cache(maxsize=256)
def _causes_text(causes: tuple[Status, ...]) -> str:
    return json.dumps(causes)


@lru_cache(maxsize=256)
def _causes_from(text: str) -> tuple[Status, ...]:
    return tuple(_STATUS[cause] for cause in json.loads(text))


ANOMALY_COLUMNS = 3
"""How many columns of an anomaly end the row of an event that is joined with them; all NULL if there is none."""
PUBLIC, PRIVATE = slice(2, 12), slice(12, 15)
"""Which of an event's columns are hashed as they are, after its account's id, and which may be erased: owner, reason,
payload."""
EVENT_COLUMNS = 15
"""How many columns of an event say what happened and what became of it, its number first; after them come the rules,
whether it is quiet, what stands for what is erased, and the digest."""
JUDGED = slice(15, 17)
"""Those that are hashed after them: the rules, whether it is quiet."""


def entries_from(rows: Iterator[Row]) -> Iterator[LedgerEntry]:
    """Yield ledger entries from events joined with their anomalies, those of one event next to each other.

    A row is: the first columns of an event, whether it is erased, anything else, the columns of an anomaly.
    """
    return (_entry_from(joined) for joined in _by_event(rows))


def evidence_from(rows: Iterator[Row]) -> Iterator[Evidence]:
    """Yield the same with how it was decided: after whether it is erased come the rules, and whether it is quiet."""
    for joined in _by_event(rows):
        row = joined[0]
        rules, is_quiet = row[EVENT_COLUMNS + 1 : EVENT_COLUMNS + 3]
        effects = tuple([(e.kind, e.subject, e.doubtful) for e in decided_from(row[11], row[12]).effects])
        yield Evidence(_entry_from(joined), effects, rules, bool(is_quiet))


def _by_event(rows: Iterator[Row]) -> Iterator[list[Row]]:
    return (list(group) for _, group in groupby(rows, key=lambda row: row[0]))


def _entry_from(joined: Sequence[Row]) -> LedgerEntry:
    row = joined[0]
    verdict, before, after, _ = decided_from(row[11])
    return LedgerEntry(
        _event_from(row),
        row[2],
        verdict,
        before,
        after,
        tuple([_joined_anomaly(each) for each in joined if each[-ANOMALY_COLUMNS] is not None]),
        bool(row[EVENT_COLUMNS]),
    )


def _event_from(row: Row) -> Event:
    account_id, _, at, kind, word, product, provider, since, allowed, signed_in_at = row[1:11]
    owner, reason, payload = row[PRIVATE]
    received_at = from_us(at)
    if kind == ANNOUNCED:
        provider = provider_from(provider)
        return StatusAnnounced(account_id, word, received_at, provider, product, owner, reason, payload or b"")
    if kind == OBSERVED:
        told = provider_from(provider), owner, maybe_time(signed_in_at), product, reason
        return StatusObserved(account_id, word, received_at, *told)
    passed = from_us(since), allowed * _MICROSECOND, DeadlineKind(kind)
    return DeadlinePassed(account_id, _STATUS[word], received_at, *passed)


def _joined_anomaly(row: Row) -> Anomaly:
    account_id, sequence, at, _, word, product = row[1:7]
    kind, *facts = row[-ANOMALY_COLUMNS:]
    return anomaly_from((kind, account_id, sequence, at, word, product, row[12], row[13], row[11], *facts))


# ---- Around the ledger ----------------------------------------------------------------------------


def quarantined_from(row: Row) -> Quarantined:
    """Make a quarantined payload from its first eleven columns and whether it is erased."""
    quarantine_id, received_at, payload, size, field, reason, released_at, dismissed_at, *rest = row
    foreign, account_id, sha256, is_erased = rest
    return Quarantined(
        quarantine_id,
        from_us(received_at),
        payload or b"",
        size,
        field,
        reason,
        maybe_time(released_at),
        bool(is_erased),
        foreign,
        account_id,
        sha256,
        maybe_time(dismissed_at),
    )


def rules_from(row: Row) -> Rules:
    """Make rules from their columns."""
    name, content = row
    return Rules(name, bytes(content))


def segment_row(segment: Segment) -> Row:
    """Return a segment's columns, in the table's order."""
    segment_id, until, pruned_at, events, path, archive_sha256, *digests = segment
    return segment_id, to_us(until), to_us(pruned_at), events, path, archive_sha256, *map(bytes.fromhex, digests)


def segment_from(row: Row) -> Segment:
    """Make a segment from its columns."""
    segment_id, until, pruned_at, events, path, archive_sha256, *digests = row
    head, baselines = (bytes(each).hex() for each in digests)
    return Segment(segment_id, from_us(until), from_us(pruned_at), events, path, archive_sha256, head, baselines)


ERASED = "erased on request"
"""What stands for the reason of an erased payload, which may have quoted it, and for an erased error of a hook."""

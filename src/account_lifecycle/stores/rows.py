"""Between rows and records: how values look in a database. Times are whole microseconds since 1970, UTC."""

import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import groupby
from typing import Any

from ..lifecycle.account import Account
from ..lifecycle.anomalies import AnomalyKind
from ..lifecycle.compiled import health_of
from ..lifecycle.decide import Decision
from ..lifecycle.effects import Effect, EffectKind
from ..lifecycle.events import DeadlinePassed, Event, StatusAnnounced
from ..lifecycle.explain import Anomaly
from ..lifecycle.machine import Situation, situation_of
from ..lifecycle.providers import ALIASES
from ..lifecycle.status import Health, Status, Verdict
from ..lifecycle.windows import BlindWindow
from ..records import Evidence, LedgerEntry, Quarantined, Segment

Row = tuple[Any, ...]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_STATUS: dict[str | None, Status] = {status.value: status for status in Status}
_VERDICT = {verdict.value: verdict for verdict in Verdict}


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
    """Return a provider as a member of ``Provider`` where it is one."""
    return None if word is None else ALIASES.get(word, word)


# ---- Records to rows ------------------------------------------------------------------------------
# A member of an enum is text and a truth is a number already: a database takes them as they are.


def account_row(account: Account) -> Row:
    """Return an account's columns, in the table's order."""
    since, heard_at, ok_at, window = account.since, account.last_heard_at, account.last_ok_at, account.blind_window
    heard = maybe_us(heard_at)
    return (
        account.account_id,
        *account.situation.key,
        account.sequence,
        account.provider,
        account.name,
        heard if since is heard_at else maybe_us(since),  # often the very same: a conversion is dear
        account.last_announced,
        account.last_product,
        heard,
        heard if ok_at is heard_at else maybe_us(ok_at),
        _products_text(account.synced_products),
        window.sequence if window else None,
        account.stuck,
        _health(account.situation, ok_at is not None),
    )


@lru_cache(maxsize=64)
def _health(situation: Situation, ok_heard: bool) -> Health:
    return health_of(situation, ok_heard=ok_heard)


@lru_cache(maxsize=1024)
def _products_text(products: frozenset[str]) -> str:
    return json.dumps(sorted(products))


@lru_cache(maxsize=1024)
def _products_from(text: str) -> frozenset[str]:
    return frozenset(json.loads(text))


def event_row(event_id: int, decision: Decision) -> Row:
    """Return an event's columns, in the table's order."""
    event, sequence = decision.event, decision.after.sequence
    before, after = decision.before.situation.key, decision.after.situation.key
    if isinstance(event, DeadlinePassed):
        stay = (event.status, "", None, None, None, to_us(event.since), event.allowed // _MICROSECOND)
        return (
            event_id, event.account_id, sequence, to_us(event.received_at), *stay,
            decision.verdict, *before, *after,
        )  # fmt: skip
    return (
        event_id, event.account_id, sequence, to_us(event.received_at), event.status, event.product, event.provider,
        event.name, event.payload, None, None, decision.verdict, *before, *after,
    )  # fmt: skip


def anomaly_rows(event_id: int, decision: Decision) -> Iterator[Row]:
    """Return the columns of a decision's anomalies, in the table's order."""
    for ordinal, a in enumerate(decision.anomalies):
        since, heard = maybe_us(a.since), maybe_us(a.last_heard_at)
        yield event_id, ordinal, a.kind, a.provider, since, a.last_announced, heard, a.detail


def window_row(window: BlindWindow, sequence: int) -> Row:
    """Return a blind window's columns, in the table's order, after that event, which closed it if it did."""
    return (
        window.account_id,
        window.sequence,
        maybe_us(window.last_ok_at),
        to_us(window.opened_at),
        maybe_us(window.closed_at),
        None if window.is_open else sequence,
        window.recovered,
        _causes_text(window.causes),
    )


@lru_cache(maxsize=1024)
def _causes_text(causes: tuple[Status, ...]) -> str:
    return json.dumps(causes)


@lru_cache(maxsize=1024)
def _causes_from(text: str) -> tuple[Status, ...]:
    return tuple(_STATUS[cause] for cause in json.loads(text))


NO_EFFECTS = "[]"
"""Return what stands for the effects of an event that has none."""


@lru_cache(maxsize=1024)
def effects_text(effects: tuple[Effect, ...]) -> str:
    """Return an event's effects as they are kept, and as they are hashed.

    They are a JSON array of [kind, subject], with true as a third element of what is doubtful.
    """
    return json.dumps(
        [(kind, subject, True) if doubtful else (kind, subject) for kind, subject, doubtful, _ in effects]
    )


# ---- Rows to records ------------------------------------------------------------------------------


def account_from(row: Row) -> Account:
    """Make an account from its columns and those of its open window."""
    account_id, status, exists, lost, sequence, provider, name, since = row[:8]
    announced, product, heard, ok, products, stuck, window_sequence, window_ok, window_opened, causes = row[8:]
    window = None
    if window_sequence is not None:
        window = window_from((account_id, window_sequence, window_ok, window_opened, None, 0, causes))
    return Account(
        account_id,
        situation_of(_STATUS[status], bool(exists), bool(lost)),
        sequence,
        provider_from(provider),
        name,
        maybe_time(since),
        None if announced is None else _STATUS[announced],
        product,
        maybe_time(heard),
        maybe_time(ok),
        _products_from(products),
        window,
        bool(stuck),
    )


def window_from(row: Row) -> BlindWindow:
    """Make a blind window from its columns."""
    account_id, sequence, last_ok_at, opened_at, closed_at, recovered, causes = row
    return BlindWindow(
        account_id,
        sequence,
        maybe_time(last_ok_at),
        from_us(opened_at),
        maybe_time(closed_at),
        bool(recovered),
        _causes_from(causes),
    )


def anomaly_from(row: Row) -> Anomaly:
    """Make an anomaly from its columns and those of its event."""
    (kind, account_id, sequence, at, word, status, exists, lost, provider, since, announced, heard, detail) = row
    return Anomaly(
        AnomalyKind(kind),
        account_id,
        sequence,
        from_us(at),
        word,
        situation_of(_STATUS[status], bool(exists), bool(lost)),
        provider_from(provider),
        maybe_time(since),
        None if announced is None else _STATUS[announced],
        maybe_time(heard),
        detail,
    )


ANOMALY_COLUMNS = 6
"""How many columns of an anomaly end the row of an event that is joined with them; all NULL if there is none."""


def entries_from(rows: Iterator[Row]) -> Iterator[LedgerEntry]:
    """Yield ledger entries from events joined with their anomalies, those of one event next to each other.

    A row is: the first 18 columns of an event, whether it is erased, anything else, the columns of an anomaly.
    """
    return (_entry_from(joined) for joined in _by_event(rows))


def evidence_from(rows: Iterator[Row]) -> Iterator[Evidence]:
    """Yield the same with what was decided: after whether it is erased come the rules and the effects, or NULL."""
    for joined in _by_event(rows):
        rules, text = joined[0][19:21]
        effects = tuple([(effect.kind, effect.subject) for effect in effects_from(text or NO_EFFECTS)])
        yield Evidence(_entry_from(joined), effects, rules)


def _by_event(rows: Iterator[Row]) -> Iterator[list[Row]]:
    return (list(group) for _, group in groupby(rows, key=lambda row: row[0]))


@lru_cache(maxsize=1024)
def effects_from(text: str) -> tuple[Effect, ...]:
    """Return the effects of an event, without the blind window that one of them may be about."""
    found = [(EffectKind(kind), subject, bool(doubtful)) for kind, subject, *doubtful in json.loads(text)]
    return tuple([Effect(kind, subject_from(kind, subject), doubtful) for kind, subject, doubtful in found])


def subject_from(kind: EffectKind, subject: str) -> str:
    """Return an effect's subject as the member of an enum that it was, where it was one."""
    if kind is EffectKind.ANOMALY:
        return AnomalyKind(subject)
    if kind is EffectKind.HEALTH_CHANGED:
        return Health(subject)
    return _STATUS.get(subject, subject) if kind in (EffectKind.ENTERED, EffectKind.LEFT) else subject


def _entry_from(joined: Sequence[Row]) -> LedgerEntry:
    row = joined[0]
    event = _event_from(row)
    verdict, status_before, existed, was_lost, status_after, exists, is_lost, is_erased = row[11:19]
    return LedgerEntry(
        event,
        row[2],
        _VERDICT[verdict],
        situation_of(_STATUS[status_before], bool(existed), bool(was_lost)),
        situation_of(_STATUS[status_after], bool(exists), bool(is_lost)),
        tuple([_joined_anomaly(row, event.status) for row in joined if row[-ANOMALY_COLUMNS] is not None]),
        bool(is_erased),
    )


def _event_from(row: Row) -> Event:
    (account_id, _, at, word, product, provider, name, payload, stay_since, allowed) = row[1:11]
    if stay_since is not None:
        return DeadlinePassed(account_id, _STATUS[word], from_us(at), from_us(stay_since), allowed * _MICROSECOND)
    return StatusAnnounced(account_id, word, from_us(at), provider_from(provider), product, name, payload or b"")


def _joined_anomaly(row: Row, word: str) -> Anomaly:
    account_id, sequence, at = row[1:4]
    kind, *facts = row[-ANOMALY_COLUMNS:]
    return anomaly_from((kind, account_id, sequence, at, word, *row[12:15], *facts))


# ---- Around the ledger ----------------------------------------------------------------------------


def quarantined_from(row: Row) -> Quarantined:
    """Make a quarantined payload from its first seven columns and whether it is erased."""
    quarantine_id, received_at, payload, size, field, reason, released_at, is_erased = row
    return Quarantined(
        quarantine_id,
        from_us(received_at),
        payload or b"",
        size,
        field,
        reason,
        maybe_time(released_at),
        bool(is_erased),
    )


def segment_row(segment: Segment) -> Row:
    """Return a segment's columns, in the table's order."""
    segment_id, until, pruned_at, events, path, archive_sha256, head = segment
    return segment_id, to_us(until), to_us(pruned_at), events, path, archive_sha256, bytes.fromhex(head)


def segment_from(row: Row) -> Segment:
    """Make a segment from its columns."""
    segment_id, until, pruned_at, events, path, archive_sha256, head = row
    return Segment(segment_id, from_us(until), from_us(pruned_at), events, path, archive_sha256, bytes(head).hex())


def baseline_row(account: Account) -> Row:
    """Return the columns of an account as it was where the ledger begins, in the table's order: an account's, then
    those of the window that was open then."""
    window = account.blind_window
    if window is None:
        return (*account_row(account), None, None, None)
    return (*account_row(account), maybe_us(window.last_ok_at), to_us(window.opened_at), _causes_text(window.causes))


def baseline_from(row: Row) -> Account:
    """Make an account as it was from those columns and the digest that ends them."""
    *columns, window_sequence, is_stuck, _health, window_ok, window_opened, causes, _digest = row
    return account_from((*columns, is_stuck, window_sequence, window_ok, window_opened, causes))


# ---- Erasing: whose an unreadable payload is -------------------------------------------------------

ERASED = "erased on request"
"""Return what stands for the reason of an erased payload, which may have quoted it."""

_WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
"""What text with NUL bytes may be meant as."""


def mentions(payload: bytes, account_id: str) -> bool:
    """Return whether an account's id stands somewhere in a payload, as a word of its own.

    A short id may well be found in a payload that is about something else: what is erased is rather too much
    than too little.
    """
    pattern = _pattern(account_id)
    if pattern.search(payload.decode("utf-8", errors="surrogateescape")):
        return True
    return b"\0" in payload and any(pattern.search(payload.decode(code, errors="replace")) for code in _WIDE)


@lru_cache(maxsize=16)
def _pattern(account_id: str) -> re.Pattern[str]:
    spelled = {account_id, json.dumps(account_id)[1:-1], json.dumps(account_id, ensure_ascii=False)[1:-1]}
    return re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, sorted(spelled)))})(?![\w-])", re.IGNORECASE)

"""Between rows and records: how the domain's values look in a database.

Knows columns, not SQL: every SQL store shares it. Times are whole microseconds since 1970, UTC.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import groupby
from typing import Any

from ..lifecycle.account import Account
from ..lifecycle.anomalies import AnomalyKind
from ..lifecycle.decide import Decision
from ..lifecycle.effects import Effect, EffectKind
from ..lifecycle.events import DeadlinePassed, Event, StatusAnnounced
from ..lifecycle.explain import Anomaly
from ..lifecycle.machine import Situation
from ..lifecycle.providers import ALIASES
from ..lifecycle.status import Status, Verdict
from ..lifecycle.windows import BlindWindow
from ..ports import EffectRow, LedgerEntry, Quarantined

Row = tuple[Any, ...]

EFFECTS_PER_EVENT = 16
"""More than any event can have: an effect's id is its event's id times this, plus its own place."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_STATUS: dict[str | None, Status] = {status.value: status for status in Status}
_VERDICT = {verdict.value: verdict for verdict in Verdict}


def to_us(at: datetime) -> int:
    """An aware time in microseconds."""
    return (at - _EPOCH) // _MICROSECOND


def from_us(us: int) -> datetime:
    """Microseconds as an aware time in UTC."""
    return _EPOCH + timedelta(microseconds=us)


def _maybe_us(at: datetime | None) -> int | None:
    return None if at is None else (at - _EPOCH) // _MICROSECOND


def _maybe_time(us: int | None) -> datetime | None:
    return None if us is None else _EPOCH + timedelta(microseconds=us)


def provider_from(word: str | None) -> str | None:
    """A provider as a member of ``Provider`` where it is one."""
    return None if word is None else ALIASES.get(word, word)


# ---- Records to rows ------------------------------------------------------------------------------
# A member of an enum is text and a truth is a number already: a database takes them as they are.


def account_row(account: Account) -> Row:
    """An account's columns, in the table's order."""
    status, exists, lost = account.situation
    window = account.blind_window
    return (
        account.account_id,
        status,
        exists,
        lost,
        account.sequence,
        account.provider,
        account.name,
        _maybe_us(account.since),
        account.last_announced,
        account.last_product,
        _maybe_us(account.last_heard_at),
        _maybe_us(account.last_ok_at),
        _products_text(account.synced_products),
        window.sequence if window else None,
        account.stuck,
        account.health,
    )


@lru_cache(maxsize=1024)
def _products_text(products: frozenset[str]) -> str:
    return json.dumps(sorted(products))


@lru_cache(maxsize=1024)
def _products_from(text: str) -> frozenset[str]:
    return frozenset(json.loads(text))


def event_row(event_id: int, decision: Decision) -> Row:
    """An event's columns, in the table's order."""
    account, previous, event, verdict, *_ = decision
    before, after = previous.situation, account.situation
    return (
        event_id,
        account.account_id,
        account.sequence,
        to_us(event.received_at),
        event.status,
        *_event_columns(event),
        verdict,
        before.status,
        before.exists,
        before.lost,
        after.status,
        after.exists,
        after.lost,
    )


def _event_columns(event: Event) -> Row:
    if isinstance(event, DeadlinePassed):
        return "", None, None, None, to_us(event.since), event.allowed // _MICROSECOND
    return event.product, event.provider, event.name, event.payload, None, None


def anomaly_rows(event_id: int, decision: Decision) -> Iterator[Row]:
    """The columns of a decision's anomalies, in the table's order."""
    for ordinal, a in enumerate(decision.anomalies):
        since, heard = _maybe_us(a.since), _maybe_us(a.last_heard_at)
        yield event_id, ordinal, a.kind, a.provider, since, a.last_announced, heard, a.detail


def window_row(decision: Decision, window: BlindWindow) -> Row:
    """A blind window's columns, in the table's order."""
    return (
        window.account_id,
        window.sequence,
        _maybe_us(window.last_ok_at),
        to_us(window.opened_at),
        _maybe_us(window.closed_at),
        None if window.is_open else decision.sequence,
        window.recovered,
        _causes_text(window.causes),
    )


@lru_cache(maxsize=1024)
def _causes_text(causes: tuple[Status, ...]) -> str:
    return json.dumps(causes)


@lru_cache(maxsize=1024)
def _causes_from(text: str) -> tuple[Status, ...]:
    return tuple(_STATUS[cause] for cause in json.loads(text))


def effects_row(event_id: int, effects: tuple[Effect, ...]) -> Row:
    """The columns of an event's effects, in the table's order."""
    return event_id, _effects_text(tuple([(kind, subject) for kind, subject, _ in effects])), (1 << len(effects)) - 1


@lru_cache(maxsize=1024)
def _effects_text(effects: tuple[tuple[str, str], ...]) -> str:
    return json.dumps(effects)


def effect_ids(event_id: int, mask: int) -> Iterator[int]:
    """The ids of those effects of an event whose bit is set."""
    return (event_id * EFFECTS_PER_EVENT + place for place in range(EFFECTS_PER_EVENT) if mask & 1 << place)


def masks(ids: Sequence[int]) -> list[tuple[int, int]]:
    """For each event of these effects, their bits and the event's id."""
    found: dict[int, int] = {}
    for effect_id in ids:
        event_id, place = divmod(effect_id, EFFECTS_PER_EVENT)
        found[event_id] = found.get(event_id, 0) | 1 << place
    return [(mask, event_id) for event_id, mask in found.items()]


# ---- Rows to records ------------------------------------------------------------------------------


def account_from(row: Row) -> Account:
    """An account from its columns and those of its open window."""
    account_id, status, exists, lost, sequence, provider, name, since = row[:8]
    announced, product, heard, ok, products, stuck, window_sequence, window_ok, window_opened, causes = row[8:]
    window = None
    if window_sequence is not None:
        window = window_from((account_id, window_sequence, window_ok, window_opened, None, 0, causes))
    return Account(
        account_id,
        Situation(_STATUS[status], bool(exists), bool(lost)),
        sequence,
        provider_from(provider),
        name,
        _maybe_time(since),
        None if announced is None else _STATUS[announced],
        product,
        _maybe_time(heard),
        _maybe_time(ok),
        _products_from(products),
        window,
        bool(stuck),
    )


def window_from(row: Row) -> BlindWindow:
    """A blind window from its columns."""
    account_id, sequence, last_ok_at, opened_at, closed_at, recovered, causes = row
    return BlindWindow(
        account_id,
        sequence,
        _maybe_time(last_ok_at),
        from_us(opened_at),
        _maybe_time(closed_at),
        bool(recovered),
        _causes_from(causes),
    )


def anomaly_from(row: Row) -> Anomaly:
    """An anomaly from its columns and those of its event."""
    (kind, account_id, sequence, at, word, status, exists, lost, provider, since, announced, heard, detail) = row
    return Anomaly(
        AnomalyKind(kind),
        account_id,
        sequence,
        from_us(at),
        word,
        Situation(_STATUS[status], bool(exists), bool(lost)),
        provider_from(provider),
        _maybe_time(since),
        None if announced is None else _STATUS[announced],
        _maybe_time(heard),
        detail,
    )


def entries_from(rows: Iterator[Row]) -> Iterator[LedgerEntry]:
    """Ledger entries from events joined with their anomalies, those of one event next to each other."""
    for _, group in groupby(rows, key=lambda row: row[0]):
        joined = list(group)
        yield _entry_from(joined[0], tuple(_joined_anomaly(row) for row in joined if row[18] is not None))


def _entry_from(row: Row, anomalies: tuple[Anomaly, ...]) -> LedgerEntry:
    (_, account_id, sequence, at, word, product, provider, name, payload, stay_since, allowed) = row[:11]
    verdict, *situations = row[11:18]
    event: Event
    if stay_since is not None:
        length = timedelta(microseconds=allowed)
        event = DeadlinePassed(account_id, _STATUS[word], from_us(at), from_us(stay_since), length)
    else:
        event = StatusAnnounced(account_id, word, from_us(at), provider_from(provider), product, name, payload)
    before, after = (Situation(_STATUS[s], bool(e), bool(lost)) for s, e, lost in (situations[:3], situations[3:]))
    return LedgerEntry(event, sequence, _VERDICT[verdict], before, after, anomalies)


def _joined_anomaly(row: Row) -> Anomaly:
    account_id, sequence, at, word = row[1:5]
    kind, *facts = row[18:]
    return anomaly_from((kind, account_id, sequence, at, word, *row[12:15], *facts))


def effect_rows_from(row: Row, anomalies: Sequence[Anomaly]) -> Iterator[EffectRow]:
    """An event's effects from their columns, those of the event and of the window that it closed, and its anomalies."""
    event_id, effects, account_id, sequence, at, *window_columns = row
    window = window_from((account_id, *window_columns)) if window_columns[0] is not None else None
    by_kind = {str(anomaly.kind): anomaly for anomaly in anomalies}
    for effect_id, (word, subject) in enumerate(json.loads(effects), event_id * EFFECTS_PER_EVENT):
        kind = EffectKind(word)
        effect = Effect(kind, _subject_from(kind, subject), window if kind is EffectKind.RECOVERED else None)
        anomaly = by_kind[subject] if kind is EffectKind.ANOMALY else None
        yield EffectRow(effect_id, account_id, sequence, from_us(at), effect, anomaly)


def _subject_from(kind: EffectKind, subject: str) -> str:
    """The subject as the member that it was, where it was one."""
    if kind is EffectKind.ANOMALY:
        return AnomalyKind(subject)
    return _STATUS.get(subject, subject) if kind in (EffectKind.ENTERED, EffectKind.LEFT) else subject


def quarantined_from(row: Row) -> Quarantined:
    """A quarantined payload from its columns."""
    quarantine_id, received_at, payload, size, field, reason = row
    return Quarantined(quarantine_id, from_us(received_at), payload, size, field, reason)

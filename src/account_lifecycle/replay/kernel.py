"""The one pass over a log: every event judged as ``decide`` judges it, with the accounts in arrays.

Knows the order of judging and what is remembered; what is lawful it reads from ``tables``. It must never hold a
rule of its own: the tests hold it to ``decide``, event by event.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..lifecycle import definition
from ..lifecycle.anomalies import AnomalyKind
from ..lifecycle.status import Verdict
from .coding import Int32s, Int64s
from .columns import DEADLINE, NO_TIME, Columns
from .fleet import CAUSE_BITS, MEMO, MEMO_STEP, Arrays
from .lengths import SECOND, add_length
from .native import Int, Record, inlined, native
from .tables import (
    ADDS_CAUSE,
    AFTER,
    ENDS,
    FINISHES_SYNC,
    HELD,
    IS_CAUSE,
    KIND_SHIFT,
    KINDS,
    KNOWN_PROVIDERS,
    KNOWN_WORDS,
    MOVED,
    NEVER,
    NO_CHANGE,
    OPENS,
    PROVES_LIFE,
    RECOVERS,
    RESTARTS_SYNC,
    SITUATIONS,
    VERDICTS,
    WINDOW_MASK,
    WINDOW_SHIFT,
    WORD_OF,
    Rules,
)

ANOMALY = np.dtype(
    [
        ("at", "i8"),
        (
            "line",
            "i8",
        ),  # where its event stands in its source; 0 for a deadline that nobody recorded
        ("since", "i8"),  # of the account before the event, as are heard and announced
        ("heard", "i8"),
        ("account", "i4"),
        ("sequence", "u4"),
        ("word", "i4"),
        ("provider", "i4"),
        (
            "detail",
            "i4",
        ),  # the provider that was told, the product that was named, or the seconds allowed
        ("source", "i4"),
        ("kind", "u1"),
        ("before", "u1"),  # situations
        ("after", "u1"),
        ("announced", "u1"),
        ("is_first", "u1"),  # of its event
        ("verdict", "u1"),
    ],
    align=True,
)
WINDOW = np.dtype(
    [
        ("ok", "i8"),
        ("opened", "i8"),
        ("closed", "i8"),
        ("account", "i4"),
        ("sequence", "u4"),
        ("causes", "u4"),
        ("provider", "i4"),
        ("recovered", "u1"),
    ],
    align=True,
)

APPLIED_, REPEATED_, HELD_ = (VERDICTS.index(verdict) for verdict in Verdict)
VERDICT_SHIFT, AFTER_SHIFT = 16, 18
"""An outcome: a bit for each kind of anomaly, lowest, then the verdict and the situation after the event.

The bit of STUCK tells of a deadline that passed before the event, and of the event itself if it is one.
"""
ROWS = KNOWN_PROVIDERS + 2
"""How accounts are counted: as untold, by known provider, and all others together."""
MAX_ANOMALIES = 5
"""How many anomalies there can be before the next event is judged: a passed deadline's, and those of the event."""

DONE, FULL, UNKNOWN_SET = range(3)
"""Why a pass has stopped: at its end, for want of room, or because the memo lacks an answer (``learn_set``)."""

_UNKNOWN_STATUS, _STALE_REPEAT = (
    KINDS.index(AnomalyKind.UNKNOWN_STATUS),
    KINDS.index(AnomalyKind.STALE_REPEAT),
)
_PROVIDER_CHANGED = KINDS.index(AnomalyKind.PROVIDER_CHANGED)
_UNKNOWN_PROVIDER = KINDS.index(AnomalyKind.UNKNOWN_PROVIDER)
_UNEXPECTED_PRODUCT, _STUCK = (
    KINDS.index(AnomalyKind.UNEXPECTED_PRODUCT),
    KINDS.index(AnomalyKind.STUCK),
)
_LIFE, _SYNC = WORD_OF[definition.PROVES_LIFE], WORD_OF[definition.FINISHES_SYNC]
_AHEAD = 64
"""Of how many events the accounts are touched before they are judged, so that memory is waited for only once."""
_I = np.uint64
"""For an index: the compiler then knows that it does not count from the end, which costs more than it seems."""

Event = tuple[Int, Int, Int, Int]
"""The account, the time, the line and the source."""


class Found(NamedTuple):
    """What a pass leaves behind, besides the accounts."""

    outcomes: NDArray[np.uint32]
    """By event."""
    anomalies: NDArray[np.void]
    windows: NDArray[np.void]
    """Blind windows that closed."""
    clean: Int64s
    """By provider's row, situation, word and verdict: how many events had no anomaly."""
    dwelt: Int64s
    """By provider's row and situation: for how long accounts were in it, up to their last move (``lengths``)."""
    ends: Int64s
    """How many anomalies and windows there are, what the memo lacks, and a sum that nobody needs."""


def room_for(events: int, anomalies: int, windows: int) -> Found:
    """Arrays for so many at a time."""
    return Found(
        np.zeros(events, np.uint32),
        np.zeros(max(anomalies, MAX_ANOMALIES), ANOMALY),
        np.zeros(max(windows, 1), WINDOW),
        np.zeros((ROWS, len(SITUATIONS), KNOWN_WORDS, len(VERDICTS)), np.int64),
        np.zeros((ROWS, len(SITUATIONS), 2), np.int64),
        np.zeros(4, np.int64),
    )


@native
def judge(columns: Columns, first: int, source: int, fleet: Arrays, rules: Rules, found: Found) -> tuple[int, int]:
    """Judge events from ``first`` on; where it stopped, and why. Begins its anomalies and windows anew."""
    accounts, words, providers, products, names, times, lines, deadlines = columns
    records, names_now, synced, odd, memo_keys, memo_sets = fleet
    steps, announces_sync, has_products, allowed, words_of, redelivery_window = rules
    outcomes, anomalies, windows, clean, dwelt, ends = found
    events, row, touched, noted, closed, reason = _I(accounts.shape[0]), _I(first), _I(first), 0, 0, DONE
    while row < events:
        if row >= touched:
            touched = min(row + _I(_AHEAD), events)
            ends[3] += _touch(accounts[row:touched], records)
        account, word, product, at, told = _I(accounts[row]), words[row], products[row], times[row], providers[row]
        event, record = (account, at, lines[row], source), records[account]
        slot, key = _memo_place(synced[account], product)
        is_full = noted + MAX_ANOMALIES > anomalies.shape[0] or closed == windows.shape[0]
        if is_full or (word == _SYNC and memo_keys[_I(slot)] != key):
            ends[2], reason = key, FULL if is_full else UNKNOWN_SET
            break
        first_note, kinds, before, after, verdict = noted, np.int64(0), record.situation, record.situation, HELD_
        if at > record.due:
            outcomes[row] = _note_stuck(anomalies[_I(noted)], record, event, words_of[before])
            odd[account] += 1
            noted = first_note = noted + 1
        if names[row] >= 0:
            names_now[account] = names[row]
        if word == DEADLINE:
            word = np.int32(deadlines[product, 0])
            kinds = _judge_deadline(anomalies[_I(noted)], record, deadlines[product], words_of[before], event)
            noted += kinds != 0
        else:
            kinds = _recognize(anomalies[_I(noted)], record, told, allowed[_I(max(told, 0) + 1), before], event, word)
            noted += kinds != 0
            profile = _I(record.provider + 1)
            oddity = _oddity(word, product, has_products[profile])
            kinds |= _note_if(oddity >= 0, anomalies[_I(noted)], record, event, word, oddity, product)
            noted += oddity >= 0
            if word < KNOWN_WORDS:
                if word == record.announced and product == record.product:
                    verdict, is_late = REPEATED_, at - record.heard > redelivery_window[0]
                    kinds |= _note_if(is_late, anomalies[_I(noted)], record, event, word, _STALE_REPEAT, 0)
                    noted += is_late
                    record.heard, record.ok = at, at if word == _LIFE else record.ok
                else:
                    step = steps[announces_sync[profile], before, _I(word)]
                    kind = np.int64(step >> KIND_SHIFT) - 1
                    kinds |= _note_if(kind >= 0, anomalies[_I(noted)], record, event, word, kind, 0)
                    noted += kind >= 0
                    if not step & HELD:
                        verdict, after = APPLIED_, np.uint8(step & AFTER)
                        closed += _follow_window(windows[_I(closed)], record, step, word, event)
                        synced[account] = _synced(step, synced[account], memo_sets[_I(slot)])
                        stay = _move(record, step, word, product, at, allowed[profile, after])
                        add_length(dwelt, _I(_row_of(record)), before, stay)
        record.sequence += np.uint32(1)
        if noted == first_note:
            clean[_I(_row_of(record)), before, _I(word), _I(verdict)] += 1
        else:
            odd[account] += _settle(anomalies[first_note:noted], after, verdict)
        outcomes[row] |= np.uint32(kinds | verdict << VERDICT_SHIFT | np.int64(after) << AFTER_SHIFT)
        row += _I(1)
    ends[0], ends[1] = noted, closed
    return int(row), reason


@native
def report_deadlines(until: int, source: int, first: int, fleet: Arrays, rules: Rules, found: Found) -> tuple[int, int]:
    """Report the accounts that are stuck at the end of the log, from the account ``first`` on; like ``judge``."""
    records, anomalies, odd, words_of, noted = (fleet.records, found.anomalies, fleet.anomalies, rules.words, 0)
    account, reason = first, DONE
    while account < records.shape[0]:
        record = records[account]
        if noted == anomalies.shape[0]:
            reason = FULL
            break
        if until > record.due:
            _note_stuck(anomalies[noted], record, (account, until, 0, source), words_of[record.situation])
            noted, odd[account] = noted + 1, odd[account] + 1
        account += 1
    found.ends[0], found.ends[1] = noted, 0
    return account, reason


@native
def _touch(accounts: Int32s, records: NDArray[np.void]) -> Int:
    """Load the records of the next events, all at the same time; a sum, lest it be optimized away."""
    total = 0
    for row in range(accounts.shape[0]):
        total += records[_I(accounts[row])].situation
    return total


@inlined
def _memo_place(synced_set: Int, product: Int) -> tuple[Int, Int]:
    """Where the memo keeps which set comes of adding a product, and under which key (``memo_slot``)."""
    slot = (np.int64(synced_set) * MEMO_STEP + product) & (MEMO - 1)
    return slot, np.int64(synced_set) << 32 | np.int64(product)


@inlined
def _oddity(word: Int, product: Int, has_products: Int) -> Int:
    """What is odd about the words of an event, whatever the account; negative for nothing."""
    if word >= KNOWN_WORDS:
        return _UNKNOWN_STATUS
    return _UNEXPECTED_PRODUCT if product != 0 and not (word == _SYNC and has_products) else -1


@inlined
def _note_if(is_odd: Int, anomaly: Record, record: Record, event: Event, word: Int, kind: Int, detail: Int) -> Int:
    """Write down an anomaly if there is one; its bit."""
    kinds = np.int64(0)
    if is_odd:
        kinds = _note(anomaly, record, event, word, kind, detail)
    return kinds


@inlined
def _row_of(record: Record) -> Int:
    """The row in which an account is counted."""
    return min(record.provider + 1, KNOWN_PROVIDERS + 1)


@inlined
def _note(anomaly: Record, record: Record, event: Event, word: Int, kind: Int, detail: Int) -> Int:
    """Write down an anomaly, with the account as it was before its event; the bit of its kind."""
    anomaly.account, anomaly.at, anomaly.line, anomaly.source = event
    anomaly.since, anomaly.heard, anomaly.announced = (record.since, record.heard, record.announced)
    anomaly.sequence, anomaly.provider = record.sequence + np.uint32(1), record.provider
    anomaly.word, anomaly.kind, anomaly.detail = word, kind, detail
    anomaly.before = anomaly.after = record.situation
    anomaly.verdict, anomaly.is_first = HELD_, 1
    return np.int64(1) << kind


@inlined
def _note_stuck(anomaly: Record, record: Record, event: Event, word: Int) -> Int:
    """A deadline has passed before an event: an event of its own, noticed the moment after; the bit of its kind."""
    account, _, _, source = event
    seconds = (record.due - record.since) // SECOND
    kinds = _note(anomaly, record, (account, record.due + 1, 0, source), word, _STUCK, seconds)
    record.sequence += np.uint32(1)
    record.due, record.stuck = NEVER, 1
    return kinds


@inlined
def _judge_deadline(anomaly: Record, record: Record, deadline: Int64s, word: Int, event: Event) -> Int:
    """A deadline that is on record: odd once for each stay, and in no way for a stay that is over."""
    kinds = np.int64(0)
    if deadline[0] == word and not record.stuck and deadline[1] == record.since:
        kinds = _note(anomaly, record, event, deadline[0], _STUCK, deadline[2] // SECOND)
        record.due, record.stuck = NEVER, 1
    return kinds


@inlined
def _recognize(anomaly: Record, record: Record, told: Int, allowed: Int, event: Event, word: Int) -> Int:
    """Remember the provider when it is first told; the bit of what is odd about it."""
    kinds = np.int64(0)
    if told >= 0 and told != record.provider:
        if record.provider >= 0:
            kinds = _note(anomaly, record, event, word, _PROVIDER_CHANGED, told)
        else:
            record.provider = told
            if not record.stuck and record.since != NO_TIME:
                record.due = _due(record.since, allowed)
            if told >= KNOWN_PROVIDERS:
                kinds = _note(anomaly, record, event, word, _UNKNOWN_PROVIDER, told)
    return kinds


@inlined
def _settle(anomalies: NDArray[np.void], after: Int, verdict: Int) -> Int:
    """Write into the anomalies of an event what became of it; one of them counts it. How many there are."""
    for place in range(anomalies.shape[0]):
        anomaly = anomalies[place]
        anomaly.after, anomaly.verdict, anomaly.is_first = after, verdict, place == 0
    return anomalies.shape[0]


@inlined
def _synced(step: Int, now: Int, with_product: Int) -> Int:
    """Which set of products is synced after an accepted announcement."""
    if step & FINISHES_SYNC:
        return with_product
    return np.int32(0) if step & RESTARTS_SYNC else now


@inlined
def _due(since: Int, allowed: Int) -> Int:
    """When a stay has lasted too long."""
    return NEVER if allowed == NEVER else since + allowed


@inlined
def _move(record: Record, step: Int, word: Int, product: Int, at: Int, allowed: Int) -> Int:
    """Remember an accepted announcement; how long the stay lasted that it ends, 0 for none."""
    stay: Int = np.int64(0)
    if step & PROVES_LIFE:
        record.ok = at
    if step & MOVED:
        if record.since != NO_TIME:
            stay = max(at - record.since, 0)
        record.since, record.stuck, record.due = at, 0, _due(at, allowed)
    record.situation, record.announced, record.product, record.heard = (np.uint8(step & AFTER), word, product, at)
    return stay


@inlined
def _follow_window(window: Record, record: Record, step: Int, word: Int, event: Event) -> Int:
    """Open, extend or close the blind window; how many were closed."""
    account, at, _, _ = event
    change, closed = step >> WINDOW_SHIFT & WINDOW_MASK, 0
    if change != NO_CHANGE:
        if record.window == 0:
            if change == OPENS:
                record.window, record.opened = record.sequence + np.uint32(1), at
                record.causes = np.uint32(word + 1) if step & IS_CAUSE else np.uint32(0)
        elif change in (RECOVERS, ENDS):
            window.ok, window.opened, window.closed = record.ok, record.opened, at
            window.account, window.sequence, window.causes = (account, record.window, record.causes)
            window.provider, window.recovered = record.provider, change == RECOVERS
            record.window, closed = np.uint32(0), 1
        elif step & ADDS_CAUSE:
            causes, place = record.causes, np.uint32(0)
            while causes >> place and causes >> place & np.uint32(0xF) != np.uint32(word + 1):
                place += np.uint32(CAUSE_BITS)
            record.causes = causes | np.uint32(word + 1) << place
    return closed

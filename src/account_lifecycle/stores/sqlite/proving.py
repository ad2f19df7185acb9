"""What the file can tell by itself: damaged pages, changed rows, missing rows, rows in the wrong place."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import groupby

import apsw

from ...lifecycle.events import ANNOUNCED
from ...records import Fault
from .. import chain, rows, statements
from ..completeness import undelivered, unowned
from ..decided import effects_from
from ..outbox_rows import EFFECTS_PER_EVENT, hook_from
from ..reconciliations import run_faults
from ..rows import Row
from .connection import in_our_words, schema
from .snapshots import Snapshot
from .transactions import SQLiteFile

_SQL = statements("sqlite")

_NOT_DAMAGE = (apsw.BusyError, apsw.CantOpenError, apsw.ConnectionClosedError, apsw.InterruptError)
_ODD_VALUES = (TypeError, ValueError, LookupError, AttributeError, OverflowError)
"""What comes of a value that no row of ours can hold."""

_CHANGED = "is not as it was written: its digest does not hold"


class SQLiteProver(SQLiteFile):
    """``Prover.faults``."""

    def faults(self) -> Iterator[Fault]:
        """Yield what the store itself finds wrong: rows that were changed, are missing, or stand in the wrong place."""
        with self.snapshot() as snapshot, in_our_words(self.path):
            for check in _CHECKS:
                yield from _run(check, snapshot)


def _run(check: Callable[[Snapshot], Iterator[Fault]], snapshot: Snapshot) -> Iterator[Fault]:
    """Yield the faults of a check, one of which may be that it comes to no end."""
    try:
        yield from check(snapshot)
    except _NOT_DAMAGE:
        raise
    except (apsw.Error, *_ODD_VALUES) as error:
        yield Fault("the file", f"is damaged where {check.__name__.strip('_')} are: {error}")


def _rows(snapshot: Snapshot, name: str, what: str) -> Iterator[Row | Fault]:
    """Yield the rows of a named statement; a fault in the place of one whose text is none."""
    return _readable(snapshot, _SQL[name].replace("{where}", ""), what)


def _readable(snapshot: Snapshot, sql: str, what: str) -> Iterator[Row | Fault]:
    found, last = snapshot.rows(sql), ""
    while True:
        try:
            row = next(found, None)
        except UnicodeDecodeError as error:
            place = f"{what} after {last}" if last else f"the first {what}"
            yield Fault(place, f"holds text that is not UTF-8 ({error.reason})")
            continue
        if row is None:
            return
        yield row
        last = repr(row[0])


# ---- The file -----------------------------------------------------------------------------------------


def _pages(snapshot: Snapshot) -> Iterator[Fault]:
    for (finding,) in snapshot.rows("PRAGMA integrity_check"):
        if finding != "ok":
            yield Fault("the file", f"is damaged: {finding}")


def _tables(snapshot: Snapshot) -> Iterator[Fault]:
    found: dict[str, str] = dict(
        snapshot.rows("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'")
    )
    for name, sql in schema().items():
        if found.get(name) != sql:
            yield Fault(f"the definition of {name}", "is not the one of this version")


# ---- The ledger -----------------------------------------------------------------------------------------


def _events(snapshot: Snapshot) -> Iterator[Fault]:
    """Check that events are numbered without gaps from the last segment's end, each linked to the one before it."""
    segments = list(snapshot.rows(_SQL["segments"]))
    expected = sum(segment[3] for segment in segments) + 1
    before = {segments[-1][6] if segments else chain.GENESIS}
    for event_id, group in groupby(_rows(snapshot, "chained", "event"), key=_event_id):
        joined, faults = _parted(group)
        yield from faults
        if event_id is None or event_id < expected:
            continue  # it was judged by what could be read of it
        if event_id != expected:
            yield Fault(f"event {_span(expected, event_id - 1)}", "is missing, or cannot be read")
            before = set()
        expected = event_id + 1
        finding, digests = _prove(joined, before)
        if finding:
            yield Fault(f"event {event_id}", finding, *joined[0][1:3])
        before = digests


def _event_id(row: Row | Fault) -> int | None:
    return None if isinstance(row, Fault) else row[0]


def _parted(group: Iterator[Row | Fault]) -> tuple[list[Row], list[Fault]]:
    found = list(group)
    return [row for row in found if not isinstance(row, Fault)], [row for row in found if isinstance(row, Fault)]


def _span(first: int, last: int) -> str:
    return str(first) if first >= last else f"{first} to {last}"


def _prove(joined: list[Row], before: set[bytes]) -> tuple[str, set[bytes]]:
    """Return what is wrong with an event, and the digests that the next one may go on from: if its own is wrong, the
    next one still goes on from the right one. ``before`` is empty if the one before is missing."""
    event, digest = joined[0][:EVENT], joined[0][18]
    if event[1] is None:
        return "belongs to no account", {digest}
    try:
        text = _text(joined)
        finding = _oddity(event)
    except _ODD_VALUES as error:
        return f"holds a value that no event can have ({error})", {digest}
    possible = {chain.linked(previous, text) for previous in before}
    if before and digest not in possible:
        finding = _CHANGED
    return finding, {digest} | possible


def _text(joined: list[Row]) -> bytes:
    event = joined[0]
    private = chain.private_digest(*event[rows.PRIVATE]) if event[17] is None else event[17]
    anomalies = chain.anomalies_text([(0, *row[EVENT:]) for row in joined if row[EVENT] is not None])
    return chain.event_text(event[1], event[rows.PUBLIC], private, anomalies, *event[rows.JUDGED])


EVENT = 21
"""How many columns of an event come before those of its anomaly: the last two repeat what was decided."""


def _oddity(event: Row) -> str:
    """Return what digests cannot show: where two rows look the same in them."""
    kind, (owner, reason, payload), private = event[4], event[rows.PRIVATE], event[17]
    if private is not None and (owner, reason, payload) != (None, "", None):
        return "is erased, and yet has a payload, an owner or a reason"
    if (payload is None) != (kind != ANNOUNCED or private is not None) or owner == "":
        return "has no payload where there must be one, or one where there must be none"
    return "" if rows.repeats_decided(event) else "has another status than what was decided"


def _orphans(snapshot: Snapshot) -> Iterator[Fault]:
    for event_id, ordinal in snapshot.rows(_SQL["orphan_anomalies"]):
        yield Fault(f"anomaly {ordinal} of event {event_id}", "belongs to no event")


# ---- Accounts and windows ---------------------------------------------------------------------------------


def _accounts(snapshot: Snapshot) -> Iterator[Fault]:
    for row in _rows(snapshot, "stored_accounts", "account"):
        if isinstance(row, Fault):
            yield row
        elif finding := _account_finding(row):
            yield Fault(f"account {row[0]!r}", finding, str(row[0]))


def _account_finding(row: Row) -> str:
    """Check that an account is the same when written again, and that its open window is the one that is kept."""
    stored, (sequence, opened_at, backfill_from, estimated, causes) = row[:9], row[9:]
    try:
        account = rows.account_from(stored)
        is_same = rows.account_row(account) == stored
        columns = None if sequence is None else (sequence, opened_at, backfill_from, None, 0, estimated, causes)
        if account.blind_window != (None if columns is None else rows.window_from((account.account_id, *columns))):
            return "has another blind window than the one that is open"
    except _ODD_VALUES as error:
        return f"holds a value that no account can have ({error})"
    return "" if is_same else "is not written as an account is"


def _windows(snapshot: Snapshot) -> Iterator[Fault]:
    for row in _rows(snapshot, "stored_windows", "blind window of account"):
        if isinstance(row, Fault):
            yield row
        elif finding := _window_finding(row):
            yield Fault(f"blind window {row[1]} of account {row[0]!r}", finding, str(row[0]), row[1])


def _window_finding(row: Row) -> str:
    """Check that it is the same when written again, and that the events that opened and closed it exist unless taken
    out."""
    stored, (closed_event_at, opened_event_at, taken_out) = row[:9], row[9:]
    sequence, opened_at, closed_at, closed_sequence, is_estimated = *stored[1:3], *stored[4:6], stored[7]
    if stored[0] is None:
        return "belongs to no account"
    try:
        window = rows.window_from((*stored[:5], *stored[6:]))
        is_same = rows.window_row(window, closed_sequence) == stored[1:]
        if not is_same or (closed_at is None) != (closed_sequence is None):
            return "is not written as a window is"
        if sequence > taken_out and opened_event_at != opened_at and not (is_estimated and opened_event_at):
            return "was opened by no event"
        if closed_at is not None and closed_sequence > taken_out and closed_event_at != closed_at:
            return "was closed by no event"
    except _ODD_VALUES as error:
        return f"holds a value that no window can have ({error})"
    return ""


# ---- Rows with a digest of their own ------------------------------------------------------------------------


def _quarantine(snapshot: Snapshot) -> Iterator[Fault]:
    expected = 1
    for row in _rows(snapshot, "quarantine_rows", "number of the quarantine"):
        if isinstance(row, Fault):
            yield row
            continue
        if row[0] != expected:
            yield Fault(f"number {_span(expected, row[0] - 1)} of the quarantine", "is missing, or cannot be read")
        expected = row[0] + 1
        if not _is_quarantined_right(row):
            yield Fault(f"number {row[0]} of the quarantine", _CHANGED)
    last = _counter(snapshot, "quarantine")
    if last >= expected:
        yield Fault(f"number {_span(expected, last)} of the quarantine", "is missing, or cannot be read")
    elif last < expected - 1:
        yield Fault("the counter of the quarantine", f"is at {last}, and there is a number {expected - 1}")


def _counter(snapshot: Snapshot, name: str) -> int:
    return next((value for (value,) in snapshot.rows(_SQL["counter"], (name,))), 0)


def _is_quarantined_right(row: Row) -> bool:
    *columns, private, digest = row
    try:
        is_whole = (columns[2] is None) == (private is not None)
        return is_whole and bool(chain.quarantine_digest(columns, private) == digest)
    except _ODD_VALUES:
        return False


def _sealed_rows(snapshot: Snapshot) -> Iterator[Fault]:
    for table, what in (("segment", "segment"), ("hook", "hook"), ("counter", "the counter of")):
        for row in _readable(snapshot, f"SELECT * FROM {table} ORDER BY 1", table):
            if isinstance(row, Fault):
                yield row
            elif not _is_sealed(table, row):
                yield Fault(f"{what} {row[0]}", _CHANGED)
    ((hooks,),) = snapshot.rows(_SQL["count_hooks"])
    if hooks != (known := _counter(snapshot, "hook")):
        yield Fault("the hooks", f"there are {hooks} of them, and there should be {known}")


def _reconciliations(snapshot: Snapshot) -> Iterator[Fault]:
    found, faults = _parted(_rows(snapshot, "reconciliation_rows", "reconciliation"))
    yield from faults
    yield from run_faults(iter(found), _counter(snapshot, "reconciliation"))


def _rules(snapshot: Snapshot) -> Iterator[Fault]:
    """Check that each can be read; whether it is what its name says is checked when events are judged by it."""
    yield from _parted(_rows(snapshot, "rules", "rules"))[1]


def _baselines(snapshot: Snapshot) -> Iterator[Fault]:
    shares = []
    for row in _rows(snapshot, "baselines", "baseline of account"):
        if isinstance(row, Fault):
            yield row
            continue
        windows = list(snapshot.rows(_SQL["windows_before"], row[:2]))
        if not _is_baseline_right(row, windows):
            finding = "is not as it was written, or a blind window that was closed before it is not"
            yield Fault(f"the baseline of account {row[0]!r}", finding, str(row[0]))
        with suppress(*_ODD_VALUES):
            shares.append(chain.baseline_share(rows.account_from(row[:-1]), windows))
    yield from chain.pruned_faults([rows.segment_from(row) for row in snapshot.rows(_SQL["segments"])], shares)


def _is_baseline_right(row: Row, windows: list[Row]) -> bool:
    try:
        return bool(chain.baseline_digest(row[:-1], windows) == row[-1])
    except _ODD_VALUES:
        return False


def _is_sealed(table: str, row: Row) -> bool:
    try:
        return chain.digest_holds(table, row)
    except _ODD_VALUES:
        return False


# ---- The outbox ---------------------------------------------------------------------------------------------


def _deliveries(snapshot: Snapshot) -> Iterator[Fault]:
    (last,) = next(snapshot.rows(_SQL["last_delivery"]))
    for row in _rows(snapshot, "delivery_rows", "delivery"):
        if isinstance(row, Fault):
            yield row
        elif finding := _delivery_finding(row, last):
            yield Fault(f"delivery {row[0]}", finding)
    ((redrives,),) = snapshot.rows(_SQL["count_redrives"])
    if redrives != (known := _counter(snapshot, "redrive")):
        yield Fault("the redrives", f"there are {redrives} of them, and there should be {known}")


def _undelivered(snapshot: Snapshot) -> Iterator[Fault]:
    """Check that deliveries belong to a hook, and that each hook has those that it wanted since it is known."""
    hooks = [hook_from(row) for row in snapshot.rows(_SQL["hooks"])]
    for delivery_id, account_id in unowned(hooks, snapshot.rows(_SQL["unowned_deliveries"])):
        yield Fault(f"delivery {delivery_id}", "its hook is not there", account_id)
    known_after = min((hook.known_after for hook in hooks), default=0)
    events = snapshot.rows(_SQL["events_with_effects"], (known_after,)) if hooks else iter(())
    made = snapshot.rows(_SQL["deliveries_made"], (known_after * EFFECTS_PER_EVENT,))
    for effect_id, account_id, hook in undelivered(hooks, _delivered(events, made)):
        place = f"the delivery of effect {effect_id} for hook {hook.name}"
        yield Fault(place, "is missing", account_id)


def _delivered(events: Iterator[Row], made: Iterator[Row]) -> Iterator[tuple[int, str, int, str, set[tuple[int, str]]]]:
    """Yield events, each with the effects and hooks of its deliveries; both come in the order of their numbers."""
    delivery = next(made, None)
    for event_id, account_id, received_at, text in events:
        found = set()
        while delivery is not None and delivery[0] // EFFECTS_PER_EVENT <= event_id:
            found.add((delivery[0], delivery[1]))
            delivery = next(made, None)
        yield event_id, account_id, received_at, text, found


def _delivery_finding(row: Row, last: int) -> str:
    *stored, account_id, decided = row
    if not _is_sealed("delivery", tuple(stored)):
        return _CHANGED
    if account_id != stored[2] or stored[1] % EFFECTS_PER_EVENT >= _count(decided):
        return "is of an effect that is not there"
    return "has a number that was not given yet" if stored[0] > last else ""


def _count(decided: str) -> int:
    try:
        return len(effects_from(decided))
    except _ODD_VALUES:
        return 0


_CHECKS = (
    _pages, _tables, _events, _orphans, _accounts, _windows, _baselines, _quarantine, _sealed_rows, _deliveries,
    _undelivered, _reconciliations, _rules,
)  # fmt: skip

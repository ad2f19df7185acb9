"""The outbox: effects planned, claimed and completed by as many processes as there are.

Every change is a transaction that holds the write lock, so a claim is simply read and written: nobody else can take
the same delivery, and an ordered one is taken only if no earlier one of its lane (hook and account) is unfinished. A
claim counts an attempt and gets a fencing token, one more than the last, and a lease. Renewing and completing match
the token: a worker that lost its lease changes nothing. A delivery's number is never used again, or a stale claim
could hold. Work is looked for in a snapshot, so that idle workers keep nobody from writing.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import apsw

from ...errors import StoreBusy
from ...records import (
    MOVES_TOLD,
    Backlog,
    Claim,
    Completion,
    Delivery,
    DeliveryState,
    EffectRow,
    SubscribedHook,
)
from .. import chain, outbox_rows, rows, statements
from ..outbox_rows import EFFECTS_PER_EVENT, DeliveryRow, Planner
from ..protocol import Feed
from ..rows import Row
from ..withdrawal import (
    HOOKS_PAGE,
    NOT_DELIVERED,
    RENAMED,
    SKIPPED,
    dependents,
    renamed,
    renaming,
    skipped,
    watch_backlog,
    withdrawn,
)
from ..writing import FeedRows
from .connection import every
from .transactions import Kept, SQLiteFile

_SQL = statements("sqlite")

Change = Callable[[DeliveryRow], DeliveryRow]

_ONCE_FINISHED = (DeliveryState.DONE, DeliveryState.DEAD, DeliveryState.HALTED, DeliveryState.WITHDRAWN)


class SQLiteOutbox(SQLiteFile):
    """``Outbox``."""

    _planner: Planner | None
    """What feeds plan by; None when it is to be read again."""

    # ---- Hooks -----------------------------------------------------------------------------------

    def subscribe(self, hooks: Sequence[SubscribedHook], now: datetime) -> None:
        """Make hooks known, or change how known ones are run; a disabled one stays disabled."""
        known = {hook.name: hook for hook in self.subscribed()}
        if not outbox_rows.changed_hooks(hooks, known, None, now):
            return  # and nobody is kept from writing

        def write(db: apsw.Connection) -> None:
            first, last = every(db, _SQL["earlier_events"])[0]
            earlier = None if last is None else Backlog(first, last)
            save_hooks(db, outbox_rows.changed_hooks(hooks, known_hooks(db), earlier, now))

        self._write_hooks(write)

    def subscribed(self) -> list[SubscribedHook]:
        """Return every hook that the store knows, by name."""
        return list(self._ask(known_hooks).values())

    def unsubscribe(self, hook: str) -> bool:
        """Forget a hook and its unfinished deliveries; return False if it is not known."""

        def write(db: apsw.Connection) -> bool:
            count_redrives(db, every(db, _SQL["forget_deliveries"], (hook,)))
            waiting = [DeliveryRow(*row) for row in every(db, _SQL["waiting_for_hook"], (hook,))]
            change_deliveries(db, [withdrawn(row, row.created_at, NOT_DELIVERED) for row in waiting])
            return bool(every(db, _SQL["forget_hook"], (hook,)))

        return self._write_hooks(write)

    def disable(self, hook: str, now: datetime, reason: str) -> None:
        """Let a hook's deliveries wait until it is enabled."""
        self._write_hooks(lambda db: _change_hook(db, hook, disabled_at=now, disabled_reason=reason))

    def enable(self, hook: str) -> bool:
        """Let a disabled hook go on; return False if it is not known."""
        return self._write_hooks(lambda db: _change_hook(db, hook, disabled_at=None, disabled_reason=""))

    def skip(self, hook: str, before: datetime, now: datetime) -> int:
        """Withdraw what waits for a hook of events received before a time, and leave such events out of its backlog;
        return how many deliveries were withdrawn."""

        def move_on(db: apsw.Connection) -> None:
            save_hooks(db, [skipped(each, before) for name, each in known_hooks(db).items() if name == hook])

        def write(db: apsw.Connection) -> int:
            found = every(db, _SQL["skippable"], (hook, rows.to_us(before), HOOKS_PAGE))
            for row in found:
                gone = withdrawn(DeliveryRow(*row), rows.to_us(now), SKIPPED)
                change_deliveries(db, [gone, *_dependents(db, gone, rows.to_us(now))])
            return len(found)

        self._write_hooks(move_on)
        count = 0
        while page := self._write(write):
            count += page
        return count

    def rename(self, old: str, new: str, now: datetime) -> bool:
        """Let a hook be known by another name, with all its deliveries; return False if the old one is not known."""

        def begin(db: apsw.Connection) -> bool:
            hooks = known_hooks(db)
            if old not in hooks:
                return new in hooks and hooks[new].disabled_reason == renaming(old)
            if every(db, _SQL["is_running"], (old,))[0][0]:
                raise StoreBusy(f"{old} is being called. Stop the workers that have it under this name, and try again.")
            last = every(db, _SQL["earlier_events"])[0][1] or 0
            save_hooks(db, [renamed(hooks[old], hooks.get(new), new, now, last)])
            db.execute(_SQL["forget_hook"], (old,)).fetchall()
            return True

        def move(db: apsw.Connection) -> int:
            found = [DeliveryRow(*row) for row in every(db, _SQL["deliveries_of"], (old, last, HOOKS_PAGE))]
            change_deliveries(db, [row._replace(hook=new) for row in found])
            return found[-1].delivery_id if found else 0

        def end(db: apsw.Connection) -> None:
            waiting = [DeliveryRow(*row) for row in every(db, _SQL["waiting_for_hook"], (old,))]
            change_deliveries(db, [row._replace(opener_hook=new) for row in waiting])
            twins = [DeliveryRow(*row) for row in every(db, _SQL["twins"], (new,))]
            change_deliveries(db, [withdrawn(row, rows.to_us(now), RENAMED) for row in twins])
            _change_hook(db, new, disabled_at=None, disabled_reason="")

        if not self._write_hooks(begin):
            return False
        last = 0
        while number := self._write(move):
            last = number
        self._write_hooks(end)
        return True

    def _write_hooks(self, write: Callable[[apsw.Connection], Kept]) -> Kept:
        """Have a function write that changes hooks: what feeds plan by is read again."""

        def change(db: apsw.Connection) -> Kept:
            self._planner = None
            written = write(db)
            note_number(db, "hook", every(db, _SQL["count_hooks"])[0][0])
            return written

        return self._write(change)

    # ---- Planning --------------------------------------------------------------------------------

    def plan(self, now: datetime, limit: int) -> int:
        """Make deliveries of the next events, about ``limit``, of the hooks that are behind; return how many events
        were looked through."""
        if not self._all(_SQL["is_any_behind"])[0][0]:
            return 0

        def write(db: apsw.Connection) -> int:
            planner = Planner(known_hooks(db).values())
            page = planner.next_page(limit)
            if page is None:
                return 0
            events = every(db, _SQL["backlog"], (*page, limit))
            last = events[-1][0] if len(events) == limit else page.until
            made = list(planner.backlog(events, now))
            if watched := sorted({row.account_id for row in made if row.hook in planner.watched}):
                later = every(db, _SQL["later_effects"], (json.dumps(watched), page.after))
                changed, made = watch_backlog(planner, made, later, now, *_watched(db, planner, watched))
                change_deliveries(db, changed)
            save_deliveries(db, number_deliveries(db, made))
            save_hooks(db, planner.after_backlog(last))
            return int(last - page.after)

        return self._write_hooks(write)

    def waiting_effects(self) -> int:
        """Return how many events with effects are still to be looked through for a hook that is behind."""
        return int(self._all(_SQL["count_backlog"])[0][0])

    def behind(self, hook: SubscribedHook, before: datetime) -> int:
        """Return how many of them, received before a time, one hook has: one that is not known yet will have all that
        there are since its ``since``."""
        bounds = outbox_rows.behind(hook, before)
        return int(self._all(_SQL["count_behind"], bounds)[0][0]) if bounds else 0

    # ---- Claiming --------------------------------------------------------------------------------

    def claim(
        self,
        hooks: Sequence[str],
        now: datetime,
        leased_until: datetime,
        limit: int,
        account_ids: Sequence[str] | None = None,
    ) -> list[Delivery]:
        """Take deliveries that are due, in the order of their effects; each counts an attempt, committed on return."""
        wanted = partial(_claimable, hooks=hooks, now=now, limit=limit, account_ids=account_ids)
        if not self._ask(partial(wanted, limit=1)):
            return []  # and nobody is kept from writing
        return self._write(lambda db: _claim(db, wanted(db), leased_until))

    def renew(self, claims: Sequence[Claim], leased_until: datetime) -> list[bool]:
        """Lengthen leases; return for each claim whether it still holds."""
        until = rows.to_us(leased_until)
        return self._write(
            lambda db: _change(db, [(claim, lambda row: row._replace(leased_until=until)) for claim in claims])
        )

    def expired(self, now: datetime, limit: int) -> list[Delivery]:
        """Return deliveries whose lease has run out, with the tokens that they were claimed by."""
        return self._ask(
            lambda db: _deliveries(
                db, [DeliveryRow(*row) for row in every(db, _SQL["expired"], (rows.to_us(now), limit))]
            )
        )

    # ---- Completing --------------------------------------------------------------------------------

    def complete(self, completions: Sequence[Completion]) -> list[bool]:
        """Keep what became of deliveries, in one transaction; return for each whether its claim still held."""
        return self._write(lambda db: _complete(db, completions))

    def complete_and_claim(
        self,
        completions: Sequence[Completion],
        hooks: Sequence[str],
        now: datetime,
        leased_until: datetime,
        limit: int,
        account_ids: Sequence[str] | None = None,
    ) -> tuple[list[bool], list[Delivery]]:
        """Do both in one transaction, first ``complete`` and then ``claim``."""

        def write(db: apsw.Connection) -> tuple[list[bool], list[Delivery]]:
            held = _complete(db, completions)
            wanted = _claimable(db, hooks=hooks, now=now, limit=limit, account_ids=account_ids)
            return held, _claim(db, wanted, leased_until)

        return self._write(write)

    def redrive(self, delivery_ids: Sequence[int], now: datetime) -> list[int]:
        """Try finished deliveries again: a new delivery for each that is done, dead or halted; return their numbers."""

        def write(db: apsw.Connection) -> list[int]:
            hooks = known_hooks(db)
            made = [_redrive(db, hooks, delivery_id, now) for delivery_id in delivery_ids]
            return [delivery_id for delivery_id in made if delivery_id is not None]

        return self._write(write)


# ---- Hooks ------------------------------------------------------------------------------------------


def known_hooks(db: apsw.Connection) -> dict[str, SubscribedHook]:
    """Return every hook that the store knows, by name, in the order of the names."""
    return {row[0]: outbox_rows.hook_from(row) for row in every(db, _SQL["hooks"])}


def save_hooks(db: apsw.Connection, hooks: Iterable[SubscribedHook]) -> None:
    """Write hooks, new ones or changed ones."""
    db.executemany(_SQL["save_hook"], [chain.with_digest("hook", outbox_rows.hook_row(hook)) for hook in hooks])


def _change_hook(db: apsw.Connection, name: str, **changes: Any) -> bool:
    hook = known_hooks(db).get(name)
    if hook is not None:
        save_hooks(db, [hook._replace(**changes)])
    return hook is not None


# ---- Deliveries --------------------------------------------------------------------------------------


def save_deliveries(db: apsw.Connection, deliveries: Iterable[DeliveryRow]) -> None:
    """Write new deliveries."""
    db.executemany(_SQL["save_delivery"], [chain.with_digest("delivery", row) for row in deliveries])


def change_deliveries(db: apsw.Connection, deliveries: Iterable[DeliveryRow]) -> None:
    """Write what may change of deliveries."""
    db.executemany(_SQL["change_delivery"], map(_changed, deliveries))


def _changed(row: DeliveryRow) -> rows.Row:
    """Return the columns of a delivery that may change, its digest and its number."""
    digest = chain.row_digest("delivery", row)
    return (row.hook, *row[5:10], *row[11:13], row.opener_hook, digest, row.delivery_id)


def number_deliveries(db: apsw.Connection, made: Iterable[DeliveryRow]) -> list[DeliveryRow]:
    """Give new deliveries their numbers: none is ever used again, or a stale claim could hold."""
    last = last_delivery(db)
    numbered = [row._replace(delivery_id=number) for number, row in enumerate(made, last + 1)]
    if numbered:
        note_number(db, "delivery", numbered[-1].delivery_id)
    return numbered


def note_number(db: apsw.Connection, name: str, value: int) -> None:
    """Note how far a number has come."""
    db.execute(_SQL["save_counter"], chain.with_digest("counter", (name, value)))


def count_redrives(db: apsw.Connection, gone: Iterable[Row] = (), made: int = 0) -> None:
    """Note how many redrives there are, once some were made and deliveries with these ``redrive_of`` are gone."""
    if change := made - sum(redrive_of is not None for (redrive_of,) in gone):
        known = sum(value for (value,) in every(db, _SQL["counter"], ("redrive",)))
        note_number(db, "redrive", known + change)


def last_delivery(db: apsw.Connection) -> int:
    """Return the last number that was given to a delivery."""
    return int(every(db, _SQL["last_delivery"])[0][0])


def _claimable(
    db: apsw.Connection, *, hooks: Sequence[str], now: datetime, limit: int, account_ids: Sequence[str] | None
) -> list[DeliveryRow]:
    sql = _SQL["claimable"]
    bindings: list[Any] = [rows.to_us(now), json.dumps(list(hooks))]
    if account_ids is None:
        sql = sql.format(from_index="INDEXED BY delivery_due", of_accounts="")
    else:
        sql = sql.format(from_index="", of_accounts="AND d.account_id IN (SELECT value FROM json_each(?))")
        bindings.append(json.dumps(list(account_ids)))
    return [DeliveryRow(*row) for row in every(db, sql, (*bindings, limit))]


def _claim(db: apsw.Connection, wanted: Iterable[DeliveryRow], leased_until: datetime) -> list[Delivery]:
    taken = [outbox_rows.claimed(row, leased_until) for row in wanted]
    change_deliveries(db, taken)
    return _deliveries(db, taken)


def _complete(db: apsw.Connection, completions: Sequence[Completion]) -> list[bool]:
    changes = [(each.claim, partial(outbox_rows.after_completion, completion=each)) for each in completions]
    held = _change(db, changes)
    for each, holds in zip(completions, held, strict=True):
        if holds and each.state in (DeliveryState.DEAD, DeliveryState.WITHDRAWN):
            _withdraw_dependents(db, each)
    return held


def _change(db: apsw.Connection, changes: Sequence[tuple[Claim, Change]]) -> list[bool]:
    """Change deliveries as far as the claims on them still hold; for each whether it did."""
    numbers = json.dumps([claim.delivery_id for claim, _ in changes])
    running = {row[0]: DeliveryRow(*row) for row in every(db, _SQL["claimed"], (numbers,))}
    changed: dict[int, DeliveryRow] = {}
    held = []
    for claim, change in changes:
        row = changed.get(claim.delivery_id) or running.get(claim.delivery_id)
        holds = row is not None and row.token == claim.token and row.state == DeliveryState.RUNNING
        if row is not None and holds:
            changed[claim.delivery_id] = change(row)
        held.append(holds)
    change_deliveries(db, changed.values())
    return held


def _withdraw_dependents(db: apsw.Connection, completion: Completion) -> None:
    """Withdraw the paired deliveries that have waited for one that is dead-lettered or withdrawn."""
    dead = DeliveryRow(*every(db, _SQL["delivery"], (completion.claim.delivery_id,))[0])
    change_deliveries(db, _dependents(db, dead, rows.to_us(completion.at)))


def _dependents(db: apsw.Connection, row: DeliveryRow, at: int) -> list[DeliveryRow]:
    """Return the paired deliveries that have waited for one that will not be delivered, withdrawn."""
    waiting = [DeliveryRow(*each) for each in every(db, _SQL["waiting_for_opener"], (row.account_id,))]
    return list(dependents(row, waiting, at))


def _redrive(db: apsw.Connection, hooks: dict[str, SubscribedHook], delivery_id: int, now: datetime) -> int | None:
    found = every(db, _SQL["delivery"], (delivery_id,))
    row = DeliveryRow(*found[0]) if found else None
    if row is None or row.state not in _ONCE_FINISHED or row.hook not in hooks:
        return None
    if every(db, _SQL["is_redriven"], (delivery_id,))[0][0]:
        return None
    again = outbox_rows.new_delivery(0, row.effect_id, row.account_id, hooks[row.hook], now, delivery_id)
    (new,) = number_deliveries(db, [again])
    closed = [row._replace(state=DeliveryState.DEAD.value)] if row.state == DeliveryState.HALTED else []
    save_deliveries(db, [new])
    count_redrives(db, made=1)
    change_deliveries(db, closed)
    return new.delivery_id


# ---- What a claimed delivery carries ------------------------------------------------------------------


def _deliveries(db: apsw.Connection, taken: Sequence[DeliveryRow]) -> list[Delivery]:
    if not taken:
        return []
    hooks, effects = known_hooks(db), _effects(db, {row.effect_id for row in taken})
    return [
        outbox_rows.delivery_from(row, hooks[row.hook], effects[row.effect_id]) for row in taken if row.hook in hooks
    ]


def _effects(db: apsw.Connection, effect_ids: set[int]) -> dict[int, EffectRow]:
    """Return effects by their ids, with whatever else their events have."""
    event_ids = json.dumps(sorted({effect_id // EFFECTS_PER_EVENT for effect_id in effect_ids}))
    events = every(db, _SQL["effects"], (event_ids,))
    audit = _SQL["audit"].format(where="WHERE e.event_id IN (SELECT value FROM json_each(?))")
    moved = outbox_rows.by_event(every(db, _SQL["moves"], (event_ids, MOVES_TOLD)))
    return outbox_rows.effects_by_id(events, every(db, audit, (event_ids,)), moved)


# ---- Deliveries that are claimed while they are made ------------------------------------------------------


def make_deliveries(db: apsw.Connection, planner: Planner, written: FeedRows) -> list[tuple[Feed, Delivery]]:
    """Write the deliveries that feeds make, claimed as far as their feeds wish and lanes are free; return those."""
    if written.watched:
        change_deliveries(db, written.watch(*_watched(db, planner, written.watched_accounts())))
    made = written.deliveries
    if not made:
        return []
    numbered, taken = number_deliveries(db, [new.row for new in made]), list[int]()
    for place in outbox_rows.claimable(made):
        (_, hook, _, feed), row = made[place], numbered[place]
        if feed.claiming is None or (hook.is_ordered and _is_busy(db, hook.name, row.account_id)):
            continue
        numbered[place] = outbox_rows.claimed(row, feed.claiming.leased_until)
        taken.append(place)
    save_deliveries(db, numbered)
    if not taken:
        return []
    event_ids = {numbered[place].effect_id // EFFECTS_PER_EVENT for place in taken}
    moved = outbox_rows.by_event(every(db, _SQL["moves"], (json.dumps(sorted(event_ids)), MOVES_TOLD)))
    return [outbox_rows.fed_delivery(numbered[place], made[place], moved) for place in taken]


def _watched(
    db: apsw.Connection, planner: Planner, account_ids: Sequence[str]
) -> tuple[list[DeliveryRow], dict[tuple[str, str], int]]:
    """Return the unfinished deliveries of watched hooks for some accounts, and the last effect of each that is done."""
    bindings = json.dumps(list(account_ids)), json.dumps(sorted(planner.watched))
    unfinished = [DeliveryRow(*row) for row in every(db, _SQL["watched"], bindings)]
    delivered = {(hook, account_id): last for hook, account_id, last in every(db, _SQL["last_delivered"], bindings)}
    return unfinished, delivered


def _is_busy(db: apsw.Connection, hook: str, account_id: str) -> bool:
    """Return whether a lane has a delivery that is not finished."""
    return bool(every(db, _SQL["is_lane_busy"], (hook, account_id))[0][0])

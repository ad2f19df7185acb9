"""The outbox: effects on their way to hooks, planned, claimed and completed by any number of processes at once.

One planner at a time makes deliveries, under an advisory lock, so that those of an account are made in the order of
its effects. Claiming skips rows that others have locked; that no two deliveries of a lane (one hook and account) run
at once is kept by a unique index, so a lost race is an error of the database and never a second call. A claim counts
an attempt and gets a fencing token and a lease; renewing and completing match the token, so that a worker that lost its
lease changes nothing. A completion whose COMMIT was never answered is looked up by token and time.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from ...errors import StoreBusy
from ...records import (
    Backlog,
    Claim,
    Completion,
    Delivery,
    DeliveryState,
    EffectRow,
    SubscribedHook,
)
from .. import rows
from ..outbox_rows import (
    EFFECTS_PER_EVENT,
    HOOK_COLUMNS,
    DeliveryRow,
    Planner,
    behind,
    by_event,
    changed_hooks,
    delivery_from,
    effects_by_id,
    hook_from,
    hook_row,
    new_delivery,
)
from ..rows import Row
from ..withdrawal import (
    HOOKS_PAGE,
    NOT_DELIVERED,
    RENAMED,
    SKIPPED,
    renamed,
    renaming,
    skipped,
    watch_backlog,
)
from .connection import Connection, statement
from .transactions import Cursor, Result, Transaction, Transactions


class PostgresOutbox:
    """The outbox side of the store."""

    _transactions: Transactions

    # ---- Hooks -----------------------------------------------------------------------------------

    def subscribe(self, hooks: Sequence[SubscribedHook], now: datetime) -> None:
        """Make hooks known, or change how known ones are run; a disabled one stays disabled."""
        known = {hook.name: hook for hook in self.subscribed()}
        if not changed_hooks(hooks, known, None, now):
            return  # and nobody waits

        def change(transaction: Transaction[None]) -> None:
            known = self._hooks_to_change(transaction)
            ((first, last),) = transaction.ask("earlier_events")
            earlier = None if last is None else Backlog(first, last)
            _put_off_hooks(transaction, changed_hooks(hooks, known, earlier, now))

        self._transactions.run(change)

    def subscribed(self) -> list[SubscribedHook]:
        """Return every hook that the store knows, by name."""
        return [hook_from(row) for row in self._transactions.rows("hooks")]

    def unsubscribe(self, hook: str) -> bool:
        """Forget a hook and its unfinished deliveries; return False if it is not known."""

        def forget(transaction: Transaction[bool]) -> bool:
            with transaction.round():
                transaction.execute("planning")
                transaction.execute("changing_hooks")
                transaction.execute("hooks_changed")
                transaction.execute("lock_seal")
                known = transaction.execute("delete_hook", (hook,))
                transaction.execute("delete_unfinished", (hook,))
                transaction.execute("withdraw_dependents_of_hook", (NOT_DELIVERED, hook))
                transaction.execute("seal_hooks")
            return bool(known.fetchall()) or bool(transaction.earlier)

        return self._transactions.run(forget)

    def disable(self, hook: str, now: datetime, reason: str) -> None:
        """Let a hook's deliveries wait until it is enabled."""
        self._change("disable", (rows.to_us(now), reason, hook))

    def enable(self, hook: str) -> bool:
        """Let a disabled hook go on; return False if it is not known."""
        return self._change("enable", (hook,))

    def skip(self, hook: str, before: datetime, now: datetime) -> int:
        """Withdraw what waits for a hook of events received before a time, and leave such events out of its backlog;
        return how many deliveries were withdrawn."""

        def move_on(transaction: Transaction[None]) -> None:
            found = self._hooks_to_change(transaction).get(hook)
            _put_off_hooks(transaction, [skipped(found, before)] if found else [])

        def withdraw(transaction: Transaction[int]) -> int:
            at = rows.to_us(now)
            taken = transaction.ask("skip", (at, SKIPPED, hook, rows.to_us(before), HOOKS_PAGE))
            transaction.put_off("withdraw_dependents", [(at, NOT_DELIVERED, [n for (n,) in taken])] if taken else [])
            return len(taken)

        self._transactions.run(move_on)
        count = 0
        while page := self._transactions.run(withdraw):
            count += page
        return count

    def rename(self, old: str, new: str, now: datetime) -> bool:
        """Let a hook be known by another name, with all its deliveries; return False if the old one is not known."""

        def begin(transaction: Transaction[bool]) -> bool:
            transaction.ask("planning")
            hooks = self._hooks_to_change(transaction)
            if old not in hooks:
                return new in hooks and hooks[new].disabled_reason == renaming(old)
            if transaction.ask("is_running", (old,))[0][0]:
                raise StoreBusy(f"{old} is being called. Stop the workers that have it under this name, and try again.")
            last = transaction.ask("earlier_events")[0][1] or 0
            taking = renamed(hooks[old], hooks.get(new), new, now, last)
            with transaction.round():
                transaction.execute("delete_hook", (old,))
                transaction.execute("delete_hook", (new,))
            _put_off_hooks(transaction, [taking])
            return True

        def end(transaction: Transaction[None]) -> None:
            self._hooks_to_change(transaction)
            with transaction.round():
                transaction.execute("rename_openers", (new, old))
                transaction.execute("withdraw_twins", (rows.to_us(now), RENAMED, new))
                transaction.execute("enable", (new,))
                transaction.execute("seal_hooks")

        if not self._transactions.run(begin):
            return False
        last: int | None = 0

        def move(transaction: Transaction[int | None]) -> int | None:
            number: int | None = transaction.ask("rename", (new, old, last, HOOKS_PAGE))[0][0]
            return number

        while last is not None:
            last = self._transactions.run(move)
        self._transactions.run(end)
        return True

    def _hooks_to_change(self, transaction: Transaction[Any]) -> dict[str, SubscribedHook]:
        """Return all hooks once nobody feeds, and keep everybody from it."""
        with transaction.round():
            transaction.execute("changing_hooks")
            transaction.execute("hooks_changed")
            transaction.execute("lock_seal")
            found = transaction.execute("hooks")
        return {row[0]: hook_from(row) for row in found.fetchall()}

    def _change(self, name: str, params: Row) -> bool:
        """Change a hook by a statement; return whether it is known."""

        def change(transaction: Transaction[bool]) -> bool:
            with transaction.round():
                transaction.execute("changing_hooks")
                transaction.execute("hooks_changed")
                transaction.execute("lock_seal")
                changed = transaction.execute(name, params)
                transaction.execute("seal_hooks")
            return bool(changed.fetchall())

        return self._transactions.run(change)

    # ---- Planning --------------------------------------------------------------------------------

    def plan(self, now: datetime, limit: int) -> int:
        """Make deliveries of the next events, about ``limit``, of the hooks that are behind; return how many events
        were looked through.

        One planner at a time, so that the deliveries of an account are made in the order of its effects.
        """
        if not self._transactions.rows("is_any_behind")[0][0]:
            return 0

        def plan(transaction: Transaction[int]) -> int:
            with transaction.round():
                transaction.execute("planning")
                found = transaction.execute("hooks")
            planner = Planner(map(hook_from, found.fetchall()))
            page = planner.next_page(limit)
            if page is None:
                return 0
            events = transaction.ask("backlog", (*page, limit))
            last = events[-1][0] if len(events) == limit else page.until
            made = list(planner.backlog(events, now))
            if watched := sorted({row.account_id for row in made if row.hook in planner.watched}):
                later = transaction.ask("later_effects", (watched, page.after))
                changed, made = watch_backlog(planner, made, later, now, *lock_watched(transaction, planner, watched))
                put_off_withdrawals(transaction, changed)
            self._number(transaction, made)
            moved = planner.after_backlog(last)
            if any(hook.backlog is None for hook in moved):  # from now on feeds may claim for it
                with transaction.round():
                    transaction.execute("changing_hooks")
                    transaction.execute("hooks_changed")
            _put_off_hooks(transaction, moved)
            return int(last - page.after)

        return self._transactions.run(plan)

    def waiting_effects(self) -> int:
        """Return how many events with effects are still to be looked through for a hook that is behind."""
        count: int = self._transactions.rows("count_backlog")[0][0]
        return count

    def behind(self, hook: SubscribedHook, before: datetime) -> int:
        """Return how many of them, received before a time, one hook has: one that is not known yet will have all that
        there are since its ``since``."""
        bounds = behind(hook, before)
        return int(self._transactions.rows("count_behind", bounds)[0][0]) if bounds else 0

    def _number(self, transaction: Transaction[Result], made: Sequence[DeliveryRow]) -> list[int]:
        """Put off the making of deliveries; return their numbers."""
        numbers = [number for (number,) in transaction.ask("delivery_numbers", (len(made),))] if made else []
        transaction.put_off("save_delivery", [(number, *row[1:]) for number, row in zip(numbers, made, strict=True)])
        return numbers

    # ---- Claiming --------------------------------------------------------------------------------

    def claim(
        self,
        hooks: Sequence[str],
        now: datetime,
        leased_until: datetime,
        limit: int,
        account_ids: Sequence[str] | None = None,
    ) -> list[Delivery]:
        """Take deliveries that are due, in the order of their effects; each counts an attempt, committed on return.

        If the connection is lost meanwhile, what may have been taken comes back when its lease runs out.
        """

        def run(transaction: Transaction[Sequence[Row]]) -> Sequence[Row]:
            with transaction.round():
                claimed = _execute_claim(transaction, hooks, now, leased_until, limit, account_ids)
                transaction.execute_commit()
            return claimed.fetchall()

        return self._deliveries(self._transactions.run(run))

    def expired(self, now: datetime, limit: int) -> list[Delivery]:
        """Return deliveries whose lease has run out, with the tokens that they were claimed by."""
        return self._deliveries(self._transactions.rows("expired", (rows.to_us(now), limit)))

    def renew(self, claims: Sequence[Claim], leased_until: datetime) -> list[bool]:
        """Lengthen leases; return for each claim whether it still holds."""
        ids, tokens = [claim.delivery_id for claim in claims], [claim.token for claim in claims]
        params = (rows.to_us(leased_until), ids, tokens)
        held = (
            set(self._transactions.run(lambda transaction: transaction.ask_last("renew", params))) if claims else set()
        )
        return [claim in held for claim in claims]

    def _deliveries(self, taken: Sequence[Row]) -> list[Delivery]:
        """Make deliveries, as their owners get them, from rows joined with their hooks."""
        if not taken:
            return []
        pairs = [(DeliveryRow(*row[:-HOOK_COLUMNS]), hook_from(row[-HOOK_COLUMNS:])) for row in taken]
        event_ids = sorted({row.effect_id // EFFECTS_PER_EVENT for row, _ in pairs})
        effects = self._transactions.read(lambda connection: _effects(connection, event_ids))
        pairs.sort(key=lambda pair: (pair[0].effect_id, pair[0].delivery_id))
        return [delivery_from(row, hook, effects[row.effect_id]) for row, hook in pairs]

    # ---- Completing --------------------------------------------------------------------------------

    def complete(self, completions: Sequence[Completion]) -> list[bool]:
        """Keep what became of deliveries, in one transaction; return for each whether its claim still held."""
        completing = _Completing(completions)
        return completing.held(self._transactions.run(completing.run)) if completions else []

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
        if not completions:
            return [], self.claim(hooks, now, leased_until, limit, account_ids)
        completing, taken = _Completing(completions), list[Row]()

        def run(transaction: Transaction[set[Row]]) -> set[Row]:
            with transaction.round():
                completing.execute(transaction)
                claimed = _execute_claim(transaction, hooks, now, leased_until, limit, account_ids)
                transaction.execute_commit(completing.claims)
            taken[:] = claimed.fetchall()
            return completing.completed(transaction)

        held = completing.held(self._transactions.run(run))
        return held, self._deliveries(taken)

    def redrive(self, delivery_ids: Sequence[int], now: datetime) -> list[int]:
        """Try finished deliveries again: a new delivery for each that is done, dead or halted; return their numbers."""
        wanted = list(dict.fromkeys(delivery_ids))

        def redrive(transaction: Transaction[list[int]]) -> list[int]:
            with transaction.round():
                transaction.execute("planning")  # nobody prunes meanwhile
                locked = transaction.execute("lock_finished", (sorted(wanted),))
                kept = transaction.execute("redriven", (transaction.earlier or [],))
            if kept.fetchall():
                return transaction.earlier or []
            found = {row[0]: row for row in locked.fetchall()}
            made = [_redriven(found[delivery_id], now) for delivery_id in wanted if delivery_id in found]
            halted = [(row.redrive_of,) for row in made if found[row.redrive_of or 0][3] == DeliveryState.HALTED]
            transaction.put_off("give_up_halted", halted)
            transaction.put_off("note_redrives", [(len(made),)] if made else [])
            return self._number(transaction, made)

        return self._transactions.run(redrive) if wanted else []


def lock_watched(
    transaction: Transaction[Any], planner: Planner, account_ids: Sequence[str]
) -> tuple[list[DeliveryRow], dict[tuple[str, str], int]]:
    """Return the unfinished deliveries of watched hooks for some accounts, and the last effect of each that is done."""
    params = list(account_ids), sorted(planner.watched)
    with transaction.round():
        unfinished = transaction.execute("lock_watched", params)
        delivered = transaction.execute("last_delivered", params)
    found = {(hook, account_id): last for hook, account_id, last in delivered.fetchall()}
    return [DeliveryRow(*row) for row in unfinished.fetchall()], found


def put_off_withdrawals(transaction: Transaction[Any], withdrawn: Iterable[DeliveryRow]) -> None:
    """Put off the writing of what is withdrawn."""
    transaction.put_off("withdraw", [(row.settled_at, row.error, row.delivery_id) for row in withdrawn])


def _put_off_hooks(transaction: Transaction[Any], hooks: Sequence[SubscribedHook]) -> None:
    """Put off the writing of hooks, and of what stands for all of them."""
    transaction.put_off("lock_seal", [()])
    transaction.put_off("save_hook", list(map(hook_row, hooks)))
    transaction.put_off("seal_hooks", [()])


def _execute_claim(
    transaction: Transaction[Any],
    hooks: Sequence[str],
    now: datetime,
    leased_until: datetime,
    limit: int,
    account_ids: Sequence[str] | None,
) -> Cursor:
    """Claim, within a round."""
    which, accounts = ("", ()) if account_ids is None else ("AND d.account_id = ANY(%s)", (list(account_ids),))
    if account_ids is None:
        transaction.execute("by_index")
    params = (rows.to_us(now), list(hooks), *accounts, limit, rows.to_us(leased_until))
    return transaction.execute("claim", params, which=which)


class _Completing:
    """What is to become of some deliveries; of several completions of one, the first counts."""

    def __init__(self, completions: Sequence[Completion]) -> None:
        self._completions = completions
        self._first: dict[int, Completion] = {}
        for completion in completions:
            self._first.setdefault(completion.claim.delivery_id, completion)
        in_order = [self._first[delivery_id] for delivery_id in sorted(self._first)]
        self.claims: set[Row] = {each.claim for each in in_order}
        self._columns = list(map(list, zip(*map(_completion_row, in_order), strict=True)))
        gone = [each for each in in_order if each.state in (DeliveryState.DEAD, DeliveryState.WITHDRAWN)]
        self._gone = [each.claim.delivery_id for each in gone]
        self._gone_at = max((rows.to_us(each.at) for each in gone), default=0)

    def run(self, transaction: Transaction[set[Row]]) -> set[Row]:
        """Make one attempt; return what was completed."""
        with transaction.round():
            self.execute(transaction)
            transaction.execute_commit(self.claims)
        return self.completed(transaction)

    def execute(self, transaction: Transaction[set[Row]]) -> None:
        """Complete, within a round."""
        self._now = transaction.execute("complete", (self._columns[0], *self._columns))
        self._before = transaction.execute("completed_before", self._columns) if transaction.earlier else None
        if self._gone:
            transaction.execute("withdraw_dependents", (self._gone_at, NOT_DELIVERED, self._gone))

    def completed(self, transaction: Transaction[set[Row]]) -> set[Row]:
        """Return the claims that were completed, by this attempt or by an earlier one that was kept after all."""
        held = set(self._now.fetchall())
        if self._before is not None and transaction.earlier is not None:
            held |= transaction.earlier & set(self._before.fetchall())
        return held

    def held(self, completed: set[Row]) -> list[bool]:
        """Return for each completion whether its claim still held."""
        firsts = self._first
        return [each is firsts[each.claim.delivery_id] and each.claim in completed for each in self._completions]


def _completion_row(completion: Completion) -> Row:
    claim, state, at, due_at, error, counts = completion
    due = rows.to_us(due_at or at) if state is DeliveryState.WAITING else None
    return claim.delivery_id, claim.token, state.value, rows.to_us(at), due, error, int(counts)


def _redriven(row: Row, now: datetime) -> DeliveryRow:
    delivery_id, effect_id, account_id, _state, *hook = row
    return new_delivery(0, effect_id, account_id, hook_from(tuple(hook)), now, redrive_of=delivery_id)


def _effects(connection: Connection, event_ids: Sequence[int]) -> dict[int, EffectRow]:
    """Return the effects of events with everything that a hook gets, by their ids; in one round trip."""
    params = (list(event_ids),)
    with connection.pipeline():
        found = connection.execute(statement("effects"), params, binary=True)
        audited = connection.execute(statement("audit", where="WHERE e.event_id = ANY(%s)"), params, binary=True)
        moved = connection.execute(statement("transitions"), params, binary=True)
    return effects_by_id(found.fetchall(), audited.fetchall(), by_event(moved.fetchall()))

"""Accounts as they were at a moment of the past, by the fold that ``verify`` proves them with.

An account at a moment is what follows from the events that had been received by then: from the first one on, or from
the account's baseline if earlier events were pruned. A deadline is an event of the moment at which it passed.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby

from ..errors import StoreError
from ..lifecycle.account import Account
from ..lifecycle.events import NOBODY
from ..lifecycle.rules import RecordedPolicies
from ..lifecycle.wording import moment, one_of, printable
from ..records import Evidence, Segment
from ..stores.protocol import Prover
from .fold import MAX_SHOWN, Fold
from .record import ByAccount


def account_as_of(store: Prover, account_id: str, at: datetime) -> Account | None:
    """Return an account as it was at a moment (aware, UTC); None if nothing had been fed for it by then.

    Raise ``StoreError`` if that lies before what was pruned, or if it follows from events that cannot be judged again.
    """
    if account_id == NOBODY:
        return None
    segments = store.segments()
    begins = next((each for each in store.baselines() if each.account_id == account_id), None) if segments else None
    return _folded(account_id, begins, store.evidence(account_id), at, segments, RecordedPolicies(store.rules))


def accounts_as_of(store: Prover, at: datetime) -> Iterator[Account]:
    """Yield every account as it was at a moment (aware, UTC), in the order of their ids; raises as the above."""
    segments, policies = store.segments(), RecordedPolicies(store.rules)
    baselines = ByAccount(store.baselines(), lambda each: each.account_id)
    for account_id, evidence in groupby(store.evidence(), lambda each: each.entry.account_id):
        while baselines.head_id is not None and baselines.head_id < account_id:  # all of its events were pruned
            yield from _alone(baselines, at, segments)
        begins = next(iter([*baselines.take(account_id)]), None)
        found = _folded(account_id, begins, evidence, at, segments, policies)
        if found is not None and account_id != NOBODY:
            yield found
    while baselines.head_id is not None:
        yield from _alone(baselines, at, segments)


def _alone(baselines: ByAccount[Account], at: datetime, segments: list[Segment]) -> Iterator[Account]:
    """Yield the next account, of which nothing but the baseline is left."""
    for account in [*baselines.take(baselines.head_id or "")]:
        _check_reach(account, at, segments)
        if account.account_id != NOBODY:
            yield account


def _folded(
    account_id: str,
    begins: Account | None,
    history: Iterable[Evidence],
    at: datetime,
    segments: list[Segment],
    policies: RecordedPolicies,
) -> Account | None:
    if begins is not None:
        _check_reach(begins, at, segments)
    fold = Fold(begins or Account(account_id), policies)
    for evidence in history:
        if evidence.entry.received_at > at:
            break
        fold.assume(evidence)
        if not fold.is_certain:
            place = f"event {evidence.entry.sequence} of account {printable(account_id, MAX_SHOWN)}"
            raise StoreError(f"What came of {place} is not known: it cannot be judged again. See: verify")
    return fold.account if fold.account.sequence else None


def _check_reach(begins: Account, at: datetime, segments: list[Segment]) -> None:
    """Raise ``StoreError`` if a moment lies before that at which the ledger begins for an account."""
    missing = tuple(segment.path for segment in segments if segment.until > at)
    if missing:
        raise StoreError(
            f"What account {printable(begins.account_id, MAX_SHOWN)} was at {moment(at)} is no longer in the ledger: "
            f"events received before {moment(segments[-1].until)} were pruned. They are in {one_of(missing, 'and')}."
        )

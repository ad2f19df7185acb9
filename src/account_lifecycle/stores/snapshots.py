"""Accounts as they were: retold from the ledger, event by event, without judging anything again.

Knows what each recorded verdict leaves behind in an account; it must never ask what is lawful: what was decided
is on record, and stays decided when the definition changes.
"""

from ..lifecycle import definition
from ..lifecycle.account import Account
from ..lifecycle.anomalies import AnomalyKind
from ..lifecycle.events import DeadlinePassed, StatusAnnounced
from ..lifecycle.status import Status, Verdict
from ..lifecycle.windows import BlindWindow
from ..records import LedgerEntry


def retold(account: Account, entry: LedgerEntry) -> Account:
    """The account after its next event. Begin with ``Account(account_id)``, or with its baseline."""
    event = entry.event
    if isinstance(event, DeadlinePassed):
        return account._replace(sequence=entry.sequence, stuck=account.stuck or bool(entry.anomalies))
    known = account._replace(
        sequence=entry.sequence,
        provider=event.provider if account.provider is None else account.provider,
        name=event.name or account.name,
    )
    if entry.verdict is Verdict.APPLIED:
        return _moved_or_stayed(known, entry, event)
    return _heard_again(known, event) if entry.verdict is Verdict.REPEATED else known


def _heard_again(account: Account, event: StatusAnnounced) -> Account:
    at = event.received_at
    proves_life = account.last_announced is definition.PROVES_LIFE
    return account._replace(last_heard_at=at, last_ok_at=at if proves_life else account.last_ok_at)


def _moved_or_stayed(account: Account, entry: LedgerEntry, event: StatusAnnounced) -> Account:
    at, told = event.received_at, Status(event.status)
    moved = entry.before.status is not entry.after.status
    return account._replace(
        situation=entry.after,
        since=at if moved else account.since,
        last_announced=told,
        last_product=event.product,
        last_heard_at=at,
        last_ok_at=at if told is definition.PROVES_LIFE else account.last_ok_at,
        synced_products=_synced(account.synced_products, told, event.product),
        blind_window=_window(account, entry, told),
        stuck=account.stuck and not moved,
    )


def _synced(products: frozenset[str], told: Status, product: str) -> frozenset[str]:
    if told is definition.FINISHES_SYNC:
        return products | {product}
    return frozenset() if told in definition.RESTARTS_SYNC else products


def _window(account: Account, entry: LedgerEntry, told: Status) -> BlindWindow | None:
    """The window that is open after the event; ``account`` has its sequence already, and all else from before."""
    window = account.blind_window
    if told in (definition.PROVES_LIFE, definition.TERMINAL):
        return None
    if window is not None:
        return window.with_cause(told) if told in definition.LOSES else window
    if not _opens_window(entry):
        return None
    causes = () if told in definition.RESTORES else (told,)
    return BlindWindow(account.account_id, entry.sequence, account.last_ok_at, entry.received_at, causes=causes)


def _opens_window(entry: LedgerEntry) -> bool:
    leaves_life = entry.before.status is definition.PROVES_LIFE and entry.after.status is not definition.PROVES_LIFE
    return leaves_life or any(anomaly.kind is AnomalyKind.ADOPTED for anomaly in entry.anomalies)

"""What makes the record provable: each account's chain from baseline to head, and every row that hangs on it."""

from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import groupby, islice
from typing import Any

from ...lifecycle.wording import printable
from ...records import Fault
from .. import chain, rows
from ..completeness import undelivered, unowned
from ..outbox_rows import hook_from
from ..reading import BY_ACCOUNT
from ..reconciliations import run_faults
from ..rows import Row
from .reading import PostgresReader

_SHOWN = 80


class PostgresProver(PostgresReader):
    """``Prover``."""

    is_one_chain = False

    def head(self) -> str:
        """Return the SHA-256 of the heads of all accounts' chains in the order of the accounts' ids, with what was
        pruned if anything was."""
        return head_in(self._transactions.stream)

    def links(self) -> Iterator[bytes]:
        """Yield the SHA-256 of the accounts' present heads; of events that were copied from a file, what its one chain
        ended in after each."""
        yield joined(self._transactions.stream("heads"))
        for last_event, link in self._transactions.rows("origin"):
            yield from _copied_links(self._transactions.stream, last_event, bytes(link))

    def faults(self) -> Iterator[Fault]:
        """Yield what the store itself finds wrong: rows that were changed, are missing, or stand in the wrong place."""
        return faults_in(self._transactions.stream)


def faults_in(stream: Callable[..., Iterator[Row]]) -> Iterator[Fault]:
    """Yield what is wrong with the rows that statements of these names tell."""
    for account_id, group in groupby(stream("links", where=BY_ACCOUNT), key=lambda row: row[1]):
        yield from _chain_faults(account_id, group)
    for row in stream("accounts_without_events"):
        yield from _lone_account_faults(*row)
    for place, account_id, finding in stream("strays"):
        yield Fault(place, finding, account_id)
    yield from _quarantine_in(stream)
    yield from _baseline_faults(stream)
    yield from _hook_faults(stream)
    ((last,),) = stream("last_reconciliation")
    yield from run_faults(stream("reconciliation_rows"), last)


def _quarantine_in(stream: Callable[..., Iterator[Row]]) -> Iterator[Fault]:
    """Yield what is wrong with the quarantine, of which numbers have no gaps."""
    ((last,),) = stream("last_quarantined")
    expected = 1
    for *columns, private, digest in stream("quarantine_rows"):
        yield from _missing_numbers(expected, columns[0] - 1)
        expected = columns[0] + 1
        yield from _quarantine_faults(columns, private, digest)
    yield from _missing_numbers(expected, last)


def _missing_numbers(first: int, last: int) -> Iterator[Fault]:
    if first <= last:
        yield Fault(f"quarantine {first if first == last else f'{first} to {last}'}", "it is missing")


def _hook_faults(stream: Callable[..., Iterator[Row]]) -> Iterator[Fault]:
    """Yield what is wrong with the hooks, and which deliveries they lack. Others may change hooks meanwhile: what is
    lacking is lacking only if its hook is still the same."""
    ((known, digest, hooks, found),) = stream("hook_seal")
    if (hooks and known is None) or (known is not None and (known, digest) != (hooks, found)):
        yield Fault("the hooks", f"they are not as they were written; there are {hooks} of them")
    ((redrives, counted),) = stream("count_redrives")
    if redrives != counted:
        yield Fault("the redrives", f"there are {redrives} of them, and there should be {counted}")
    before = [hook_from(row) for row in stream("hooks")]
    lone = list(unowned(before, stream("unowned_deliveries")))
    after = [hook_from(row) for row in stream("hooks")]
    for delivery_id, account_id in lone if before == after else ():
        yield Fault(f"delivery {delivery_id}", "its hook is not there", account_id)
    if not before:
        return
    events = (
        (*event, set(zip(effects, names, strict=True)))
        for *event, effects, names in stream("events_delivered", (min(hook.known_after for hook in before),))
    )
    lacking = list(islice(undelivered(before, events), MAX_LACKING))
    after = [hook_from(row) for row in stream("hooks")] if lacking else []
    for effect_id, account_id, hook in lacking:
        if hook in after:
            yield Fault(f"the delivery of effect {effect_id} for hook {hook.name}", "it is missing", account_id)


MAX_LACKING = 100
"""How many deliveries that are missing are named."""


def head_in(stream: Callable[..., Iterator[Row]]) -> str:
    """Return what stands for the whole ledger, in hexadecimal."""
    segments = [rows.segment_from(row) for row in stream("segments")]
    return chain.committed(joined(stream("heads")), chain.commitment(segments)).hex()


def _baseline_faults(stream: Callable[..., Iterator[Row]]) -> Iterator[Fault]:
    """Yield what is wrong with where the ledger begins."""
    windows = {key: [row[1:] for row in group] for key, group in _by_account(stream("windows_before_baselines"))}
    accounts = (rows.account_from(row[:-1]) for row in stream("baselines", where=""))
    shares = [chain.baseline_share(account, windows.get(account.account_id, [])) for account in accounts]
    yield from chain.pruned_faults([rows.segment_from(row) for row in stream("segments")], shares)


def _by_account(found: Iterator[Row]) -> Iterator[tuple[str, Iterator[Row]]]:
    return groupby(found, key=lambda row: row[0])


def _copied_links(stream: Callable[..., Iterator[Row]], last_event: int, link: bytes) -> Iterator[bytes]:
    """Yield what the one chain of a file ended in after each of its events that were copied, as far as none is gone."""
    order = "WHERE e.event_id <= %s ORDER BY e.event_id, a.ordinal"
    for _, group in groupby(stream("links", (last_event,), where=order), key=lambda row: row[0]):
        link = chain.linked(link, _text(list(group)))
        yield link


def joined(heads: Iterator[Row]) -> bytes:
    """Return what stands for many chains: the SHA-256 of their heads, one after the other."""
    digest = sha256()
    for (head,) in heads:
        digest.update(head)
    return digest.digest()


# ---- One account's chain -------------------------------------------------------------------------


def _chain_faults(account_id: str | None, group: Iterator[Row]) -> Iterator[Fault]:
    """Yield what is wrong with an account's events, each joined with its anomalies, the account and its baseline."""
    if account_id is None:
        yield from (Fault(f"event {row[0]}", "it belongs to no account") for row in group)
        return
    sequence: int | None = None
    previous: bytes | None = None
    for _, same in groupby(group, key=lambda row: row[0]):
        joined_rows = list(same)
        row = joined_rows[0]
        first_sequence, first_previous, last_sequence, last_digest = row[21:25]
        if sequence is None:
            sequence, previous = first_sequence, first_previous
        found, place = row[2], f"event {row[0]}"
        if found != sequence + 1:
            missing = f"number {found} follows number {sequence} of its account: events are missing before it"
            yield Fault(place, missing, account_id, found)
            previous = None
        for finding in _event_findings(row, joined_rows, previous):
            yield Fault(place, finding, account_id, found)
        sequence, previous = found, bytes(row[18])
    if (last_sequence, last_digest) != (sequence, previous):
        finding = "its chain does not end at its head: events are missing at its end, or it was changed"
        yield Fault(_place(account_id), finding, account_id)


def _event_findings(row: Row, joined_rows: list[Row], previous: bytes | None) -> Iterator[str]:
    private, digest = row[17:19]
    if private is not None and tuple(row[rows.PRIVATE]) != (None, "", None):
        yield "it is erased, and yet has an owner, a reason or a payload"
    if not _is_repeated(row):
        yield "it has another status than what was decided"
    if previous is None:
        return  # what it goes on from is not there
    if chain.linked(previous, _text(joined_rows)) != digest:
        yield "its digest does not fit: it was changed, or its anomalies or effects, or the event before it"


def _text(joined_rows: list[Row]) -> bytes:
    """Return the text of an event that is hashed, from its row joined with its anomalies."""
    row = joined_rows[0]
    private = row[17]
    kept = chain.private_digest(*row[rows.PRIVATE]) if private is None else bytes(private)
    anomalies = [(row[0], *each[25:]) for each in joined_rows if each[25] is not None]
    return chain.event_text(row[1], row[rows.PUBLIC], kept, chain.anomalies_text(anomalies), *row[rows.JUDGED])


def _is_repeated(row: Row) -> bool:
    try:
        return rows.repeats_decided(row[:21])
    except (ValueError, LookupError, TypeError):
        return False


def _lone_account_faults(account_id: str, sequence: int, digest: bytes, first: int, head: bytes) -> Iterator[Fault]:
    if (sequence, digest) != (first, head):
        yield Fault(_place(account_id), f"its events up to number {sequence} are missing", account_id)


def _place(account_id: str) -> str:
    return f"account {printable(account_id, _SHOWN)}"


# ---- The quarantine ------------------------------------------------------------------------------


def _quarantine_faults(columns: list[Any], private: bytes | None, digest: bytes) -> Iterator[Fault]:
    place = f"quarantine {columns[0]}"
    if private is not None and columns[2] is not None:
        yield Fault(place, "it is erased, and yet has a payload")
    if chain.quarantine_digest(columns, private) != digest:
        yield Fault(place, "its digest does not fit: it was changed")

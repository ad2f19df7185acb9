"""The chain: what makes a row of the ledger prove itself and everything before it.

An event's digest is the SHA-256 of its predecessor's digest and of its own text: a JSON array of the event, of what
was decided about it and of the rules it was judged by. Whoever changes, inserts or removes a row has to change every
digest after it, up to the head that somebody may have noted down. SQLite keeps one chain over all events, because one
process writes at a time; PostgreSQL keeps one for each account, because accounts are written side by side.

The owner, the reason and the payload of an event enter the text only through their own digest, which is kept when they
are erased: so what a person asks to be erased is gone, and the chain still verifies. Rows that stand by themselves
(hooks, deliveries, segments, baselines) have a digest of their own columns. The format is a promise: whoever has a row
can compute its digest with nothing but JSON and SHA-256 (``docs/ledger.md``).
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any

from ..lifecycle.account import Account
from ..records import Fault, Segment, without_person
from .rows import PRIVATE, PUBLIC, account_row, segment_row

GENESIS = bytes(32)
"""What the first event goes on from."""

NO_BASELINES = "00" * 32
"""What stands for no baselines, where the ledger begins with its first event."""

_quoted = json.encoder.encode_basestring_ascii
_array = json.JSONEncoder(separators=(",", ":"), default=bytes.hex).encode


def sealed(
    previous: bytes, account_id: str, row: Sequence[Any], judged: Sequence[Any], anomalies: Sequence[Sequence[Any]]
) -> bytes:
    """Return the digest of an event from its account's id, its columns (``rows.event_row``), those that follow them
    (the rules, whether it is quiet), and its anomalies'."""
    text = event_text(account_id, row[PUBLIC], private_digest(*row[PRIVATE]), anomalies_text(anomalies), *judged)
    return sha256(previous + text).digest()


def linked(previous: bytes, text: bytes) -> bytes:
    """Return the digest of a row: SHA-256 over its predecessor's and its own text."""
    return sha256(previous + text).digest()


def private_digest(owner: str | None, reason: str, payload: bytes | None) -> bytes:
    """Return what stands for an event's owner, reason and payload, so that they can be erased and the chain still
    holds: the SHA-256 of the first two in UTF-8, each with its length in bytes and a colon before it, and of the last.
    """
    if not owner and not reason:
        return sha256(b"0:0:" + payload if payload else b"0:0:").digest()
    named, why = (text.encode("utf-8", errors="surrogatepass") for text in (owner or "", reason))
    return sha256(b"%d:%s%d:%s%s" % (len(named), named, len(why), why, payload or b"")).digest()


def event_text(
    account_id: str, event: Sequence[Any], private: bytes, anomalies: str, rules: str, is_quiet: int
) -> bytes:
    """Return an event as the JSON array that is hashed.

    It has the account's id, and not its number, by which the row names it. ``event`` are the columns of
    ``rows.event_row`` after these, without those that ``private`` stands for. What was decided is JSON already, as the
    column keeps it, and so are ``anomalies`` (``anomalies_text``).
    """
    sequence, at, kind, word, product, provider, since, allowed, signed_in_at, decided = event
    moments = _NO_MOMENTS if since is allowed is signed_in_at is None else _array([since, allowed, signed_in_at])[1:-1]
    return (
        f"[{_quoted(account_id)},{sequence},{at},{_texts(kind, word, product, provider)},{moments},"
        f'{decided},{_quoted(rules)},"{private.hex()}",{anomalies},{is_quiet:d}]'
    ).encode()  # all of it is ASCII


_NO_MOMENTS = "null,null,null"


@lru_cache(maxsize=1024)
def _texts(*texts: str | None) -> str:
    """Return what many events have in common, as JSON."""
    return _array(texts)[1:-1]


def anomalies_text(anomalies: Sequence[Sequence[Any]]) -> str:
    """Return the anomalies of one event as JSON: their columns of ``rows.anomaly_rows`` without the event's number."""
    return _array([list(row[1:]) for row in anomalies]) if anomalies else "[]"


def row_digest(table: str, columns: Sequence[str | int | bytes | None]) -> bytes:
    """Return the digest of a row that stands by itself: SHA-256 over a JSON array of its table's name and its columns,
    bytes in hexadecimal, truths as 0 and 1."""
    text = _array([table, *[int(column) if column.__class__ is bool else column for column in columns]])
    return sha256(text.encode("ascii")).digest()


def quarantine_digest(row: Sequence[Any], private: bytes | None = None) -> bytes:
    """Return the digest of a payload in the quarantine from its first eleven columns, and its payload's if erased.

    The payload enters through its own digest, so that it can be erased.
    """
    quarantine_id, received_at, payload, *rest = row
    kept = private_digest(None, "", payload) if private is None else private
    return row_digest("quarantine", (quarantine_id, received_at, kept, *rest))


def with_digest(table: str, columns: Sequence[Any]) -> tuple[Any, ...]:
    """Return a row that stands by itself as it is written: its columns, then their digest."""
    return (*columns, row_digest(table, columns))


def digest_holds(table: str, row: Sequence[Any]) -> bool:
    """Return whether a row that stands by itself is as it was written."""
    return bool(row[-1] == row_digest(table, row[:-1]))


def baseline_share(account: Account, windows: Iterable[Sequence[Any]]) -> int:
    """Return what one account adds to ``Segment.baselines``: a digest of the account where the ledger begins, without
    what may be erased of it, and of its blind windows that were closed by then."""
    return int.from_bytes(baseline_digest(account_row(without_person(account)), [*windows]))


def baselines_moved(baselines: str, before: Iterable[int], after: Iterable[int]) -> str:
    """Return ``Segment.baselines`` once some accounts' shares were replaced: the sum of all of them, in 32 bytes."""
    total = (int(baselines, 16) - sum(before) + sum(after)) % (1 << 256)
    return total.to_bytes(32).hex()


def pruned_faults(segments: Sequence[Segment], shares: Iterable[int]) -> Iterator[Fault]:
    """Yield what is wrong with what was pruned: a segment that is missing, baselines that are not those it left."""
    for number, segment in enumerate(segments, 1):
        if segment.segment_id != number:
            yield Fault(f"segment {number}", "is missing")
            break
    baselines = segments[-1].baselines if segments else NO_BASELINES
    if baselines_moved(NO_BASELINES, (), shares) != baselines:
        yield Fault("the baselines", "are not those that the last prune left: one was changed, added or taken out")


def commitment(segments: Iterable[Segment]) -> bytes:
    """Return what stands for all that was pruned, and for where the ledger begins since; empty if nothing was."""
    found = b""
    for segment in segments:
        found = linked(found, row_digest("segment", segment_row(segment)))
    return found


def committed(head: bytes, commitment: bytes) -> bytes:
    """Return the head that is noted down: the chain's own, with what was pruned if anything was."""
    return linked(head, commitment) if commitment else head


def baseline_digest(columns: Sequence[Any], windows: Sequence[Sequence[Any]]) -> bytes:
    """Return the digest of an account's baseline. It covers the windows closed by then too, because the events that
    closed them are no longer in the ledger."""
    return row_digest("baseline", (*columns, *(value for window in windows for value in window)))

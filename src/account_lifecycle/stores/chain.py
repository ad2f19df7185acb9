"""The chain: what makes a row of the ledger prove itself and everything before it.

An event's digest is the SHA-256 of its predecessor's digest and of its own text: a JSON array of the event, of what
was decided about it and of the rules it was judged by. Whoever changes, inserts or removes a row has to change every
digest after it, up to the head that somebody may have noted down. SQLite keeps one chain over all events, because one
process writes at a time; PostgreSQL keeps one for each account, because accounts are written side by side.

A name and a payload enter the text only through their own digest, which is kept when they are erased: so what a
person asks to be erased is gone, and the chain still verifies. Rows that stand by themselves (hooks, deliveries,
segments, baselines) have a digest of their own columns. The format is a promise: whoever has a row can compute its
digest with nothing but JSON and SHA-256 (``docs/ledger.md``).
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any

GENESIS = bytes(32)
"""What the first event goes on from."""

_quoted = json.encoder.encode_basestring_ascii
_array = json.JSONEncoder(separators=(",", ":")).encode


def sealed(previous: bytes, row: Sequence[Any], rules: str, anomalies: Sequence[Sequence[Any]], effects: str) -> bytes:
    """Return the digest of an event from its columns (``rows.event_row``), its anomalies' and its effects."""
    text = event_text(row[1:], private_digest(row[7], row[8]), rules, anomalies_text(anomalies), effects)
    return sha256(previous + text).digest()


def linked(previous: bytes, text: bytes) -> bytes:
    """Return the digest of a row: SHA-256 over its predecessor's and its own text."""
    return sha256(previous + text).digest()


def private_digest(name: str | None, payload: bytes | None) -> bytes:
    """Return what stands for an event's name and payload, so that both can be erased and the chain still holds."""
    if not name:
        return sha256(b"0:" + payload if payload else b"0:").digest()
    named = name.encode("utf-8", errors="surrogatepass")
    return sha256(b"%d:%s%s" % (len(named), named, payload or b"")).digest()


def event_text(event: Sequence[Any], private: bytes, rules: str, anomalies: str, effects: str) -> bytes:
    """Return an event as the JSON array that is hashed.

    ``event`` are the columns of ``rows.event_row`` without the first, the event's number, which is its place
    and no part of it. ``anomalies`` is JSON already (``anomalies_text``), and so is ``effects``, as the effect
    table keeps it, ``[]`` when there is none.
    """
    account_id, sequence, at, word, product, provider, _, _, stay_since, allowed, verdict, b, be, bl, a, ae, al = event
    deadline = _NO_DEADLINE if stay_since is None is allowed else _deadline(stay_since, allowed)
    return (
        f"[{_quoted(account_id)},{sequence},{at},{_origin(word, product, provider)},"
        f'"{private.hex()}",{deadline},{_decided(verdict, b, be, bl, a, ae, al, rules)},{anomalies},{effects}]'
    ).encode()  # all of it is ASCII


_NO_DEADLINE = "null,null"


def _deadline(stay_since: int | None, allowed: int | None) -> str:
    return _array([stay_since, allowed])[1:-1]


@lru_cache(maxsize=1024)
def _origin(word: str, product: str, provider: str | None) -> str:
    """Return what many events have in common, as JSON."""
    return f"{_quoted(word)},{_quoted(product)},{'null' if provider is None else _quoted(provider)}"


@lru_cache(maxsize=1024)
def _decided(
    verdict: str, before: str, existed: int, was_lost: int, after: str, exists: int, is_lost: int, rules: str
) -> str:
    """Return the rest of it."""
    return (
        f"{_quoted(verdict)},{_quoted(before)},{existed:d},{was_lost:d},{_quoted(after)},{exists:d},{is_lost:d},"
        f"{_quoted(rules)}"
    )


def anomalies_text(anomalies: Sequence[Sequence[Any]]) -> str:
    """Return the anomalies of one event as JSON: their columns of ``rows.anomaly_rows`` without the event's number."""
    return _array([list(row[1:]) for row in anomalies]) if anomalies else "[]"


def row_digest(table: str, columns: Sequence[str | int | bytes | None]) -> bytes:
    """Return the digest of a row that stands by itself: SHA-256 over a JSON array of its table's name and its columns,
    bytes in hexadecimal, truths as 0 and 1."""
    text = _array([table, *map(_plain, columns)])
    return sha256(text.encode("ascii")).digest()


def _plain(column: str | int | bytes | None) -> str | int | None:
    if isinstance(column, bytes):
        return column.hex()
    return int(column) if isinstance(column, bool) else column


def quarantine_digest(row: Sequence[Any], private: bytes | None = None) -> bytes:
    """Return the digest of a payload in the quarantine from its first seven columns, and its payload's if erased.

    The payload enters through its own digest, so that it can be erased.
    """
    quarantine_id, received_at, payload, size, field, reason, released_at = row
    kept = private_digest(None, payload) if private is None else private
    return row_digest("quarantine", (quarantine_id, received_at, kept, size, field, reason, released_at))


def with_digest(table: str, columns: Sequence[Any]) -> tuple[Any, ...]:
    """Return a row that stands by itself as it is written: its columns, then their digest."""
    return (*columns, row_digest(table, columns))


def digest_holds(table: str, row: Sequence[Any]) -> bool:
    """Return whether a row that stands by itself is as it was written."""
    return bool(row[-1] == row_digest(table, row[:-1]))


def baseline_digest(columns: Sequence[Any], windows: Sequence[Sequence[Any]]) -> bytes:
    """Return the digest of an account's baseline. It covers the windows closed by then too, because the events that
    closed them are no longer in the ledger."""
    return row_digest("baseline", (*columns, *(value for window in windows for value in window)))

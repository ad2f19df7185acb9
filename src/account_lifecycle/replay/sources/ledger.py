"""A store's own ledger, in the order in which its events were fed.

Knows stores as ``ports`` has them, and events; where one was pruned, the accounts begin as they then were.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Protocol

import numpy as np

from ...errors import StoreError
from ...lifecycle.account import Account
from ...lifecycle.events import DeadlinePassed
from ...records import LedgerEntry
from ...stores.protocol import Prover, Reader
from ..coding import NONE, PADDING, Codes, Int32s
from ..columns import DEADLINE, Chunk, Columns
from ..fleet import micros
from ..tables import MICROSECOND, WORD_OF
from ..vocabulary import Vocabulary

EVENTS = 16_384
"""How many are read at a time."""


class KeptLedger(Reader, Prover, Protocol):
    """What is asked of a store."""


class Ledger:
    """The ledger of a store, which stays open."""

    size = None
    has_deadlines = True

    def __init__(self, name: str, store: KeptLedger, events: int = EVENTS) -> None:
        self.name = name
        self._store = store
        self._events = events
        self._pruned: int | None = None

    def beginnings(self) -> Iterator[Account]:
        """The accounts as they were where the ledger begins; none if nothing was pruned."""
        self._pruned = len(self._store.segments())
        return self._store.baselines()

    def chunks(self, vocabulary: Vocabulary, stamp: datetime) -> Iterator[Chunk]:  # noqa: ARG002  (all of it has its time)
        """Its events, some at a time; ``StoreError`` if it was pruned since the beginnings were read."""
        entries, done = self._store.ledger(), 0
        while batch := list(islice(entries, self._events)):
            if not done:
                self._check()
            yield _chunk(batch, done, vocabulary)
            done += len(batch)

    def _check(self) -> None:
        if self._pruned is not None and self._pruned != len(self._store.segments()):
            raise StoreError(f"{self.name} was pruned while its replay began. Start it again.")


def _chunk(entries: list[LedgerEntry], done: int, words: Vocabulary) -> Chunk:
    passed: list[tuple[int, int, int]] = []
    rows = [_row(entry, passed, words) for entry in entries]
    word, provider, product = np.array(rows, np.int32).T.copy()
    columns = Columns(
        _codes([entry.account_id for entry in entries], words.accounts),
        word,
        provider,
        product,
        _codes([getattr(entry.event, "name", None) for entry in entries], words.names),
        np.array([micros(entry.received_at) for entry in entries], np.int64),
        np.arange(done + 1, done + len(entries) + 1),
        np.array(passed, np.int64).reshape(-1, 3),
    )
    return Chunk(columns, accounts=len(words.accounts))


def _row(entry: LedgerEntry, passed: list[tuple[int, int, int]], words: Vocabulary) -> tuple[int, int, int]:
    """The word, the provider and the product of an event."""
    event = entry.event
    if isinstance(event, DeadlinePassed):
        passed.append((WORD_OF[event.status], micros(event.since), event.allowed // MICROSECOND))
        return DEADLINE, NONE, len(passed) - 1
    provider = NONE if event.provider is None else words.providers.number(event.provider)
    return words.words.number(event.status), provider, words.products.number(event.product)


def _codes(texts: list[str | None], codes: Codes) -> Int32s:
    data = [b"" if text is None else text.encode() for text in texts]
    lengths = np.array(
        [NONE if text is None else len(there) for text, there in zip(texts, data, strict=True)], np.int64
    )
    begins = np.cumsum(np.maximum(lengths, 0)) - np.maximum(lengths, 0)
    return codes.encode(np.frombuffer(b"".join(data) + bytes(PADDING), np.uint8), begins, lengths)

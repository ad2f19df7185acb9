"""A fleet as bytes: what a stream remembers of some accounts from one micro-batch to the next.

Knows a format, which a checkpoint keeps for years: Arrow, compressed, every code told as the word that it stands for,
so that another version of the definition still understands it. It must never judge an event.
"""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..errors import StoreError
from ..lifecycle.machine import FACTS
from ..lifecycle.status import Status
from ..replay.arrow import known_accounts, products_in, texts, words_of
from ..replay.coding import Int32s
from ..replay.fleet import NOTHING_ANNOUNCED, Fleet, causes_of, packed_causes
from ..replay.judging import Judging
from ..replay.tables import SITUATIONS
from .batches import as_bytes, batches_in
from .events import spans_of

FORMAT = b"1"
_CODEC = pa.Codec("zstd")
_TIMES = ("due", "since", "heard", "ok", "opened")
_NUMBERS = ("sequence", "window", "stuck")
_SITUATION_NAMES = tuple(json.dumps([s.status, s.exists, s.lost]) for s in SITUATIONS)
_NUMBER_OF_SITUATION = {name: number for number, name in enumerate(_SITUATION_NAMES)}


def packed(fleet: Fleet) -> bytes:
    """All accounts of a fleet of which anything was judged."""
    words, arrays, accounts = fleet.vocabulary, fleet.arrays, known_accounts(fleet)
    records = arrays.records[accounts]
    columns = {
        "account_id": texts(words.accounts, accounts),
        "name": texts(words.names, arrays.names[accounts]),
        **{name: pa.array(np.ascontiguousarray(records[name])) for name in (*_TIMES, *_NUMBERS)},
        "provider": _dictionary(records["provider"], words.providers.__getitem__),
        "product": _dictionary(records["product"], words.products.__getitem__),
        "situation": _dictionary(records["situation"], _SITUATION_NAMES.__getitem__),
        "announced": _dictionary(_signed(records["announced"]), words.words.__getitem__),
        "causes": _dictionary(records["causes"], lambda causes: json.dumps(causes_of(causes))),
        "synced": _dictionary(arrays.synced[accounts], lambda number: json.dumps(products_in(fleet, number))),
    }
    table = as_bytes([pa.RecordBatch.from_pydict(columns)])
    return FORMAT + len(table).to_bytes(8, "little") + bytes(_CODEC.compress(table))


def unpack(data: bytes, judging: Judging) -> None:
    """Put the accounts into a fleet that is empty. Raises ``StoreError`` for bytes of another version."""
    if data[:1] != FORMAT:
        raise StoreError(
            "The state of this stream was written by another version of account-lifecycle; "
            "go on with that version, or begin a new checkpoint with the whole log."
        )
    (batch,) = batches_in(_CODEC.decompress(data[9:], int.from_bytes(data[1:9], "little")))
    fleet, words = judging.fleet, judging.vocabulary
    accounts = words.accounts.encode(*spans_of(batch["account_id"]))
    fleet.grow(len(accounts))
    records, count = fleet.arrays.records, len(accounts)
    for name in (*_TIMES, *_NUMBERS):
        records[name][:count] = np.asarray(batch[name])
    records["provider"][:count] = _numbers(batch["provider"], words.providers.number)
    records["product"][:count] = _numbers(batch["product"], words.products.number)
    records["situation"][:count] = _numbers(batch["situation"], _NUMBER_OF_SITUATION.__getitem__)
    announced = _numbers(batch["announced"], words.words.number)
    records["announced"][:count] = np.where(announced < 0, NOTHING_ANNOUNCED, announced)
    records["causes"][:count] = _numbers(batch["causes"], _causes)
    fleet.arrays.names[:count] = words.names.encode(*spans_of(batch["name"]))
    fleet.arrays.synced[:count] = _numbers(batch["synced"], lambda text: _set_number(fleet, text))


def _signed(announced: NDArray[np.uint8]) -> NDArray[np.integer[Any]]:
    return np.where(announced == NOTHING_ANNOUNCED, -1, announced.astype(np.int64))


def _dictionary(numbers: NDArray[Any], word_of: Callable[[int], str]) -> pa.DictionaryArray:
    return words_of(np.ascontiguousarray(numbers), word_of).dictionary_encode()


def _numbers(column: pa.DictionaryArray, number_of: Callable[[str], int]) -> Int32s:
    """The numbers that words have here; -1 for null. Each word is looked up once."""
    numbers = np.array([*(number_of(word) for word in column.dictionary.to_pylist()), -1], np.int64)
    found = numbers[np.asarray(column.indices.fill_null(-1))]
    return found.astype(np.int32) if (numbers < 2**31).all() else found  # type: ignore[no-any-return]


def _causes(text: str) -> int:
    return packed_causes(tuple(Status(word) for word in json.loads(text)))


def _set_number(fleet: Fleet, text: str) -> int:
    products = fleet.vocabulary.products
    return fleet.set_number(frozenset(products.number(product) for product in json.loads(text)))


assert FACTS == ("exists", "lost")

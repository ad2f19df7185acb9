"""The accounts of a replay, one record of 64 bytes each: all that is remembered of an account between two events.

Knows how an ``Account`` is packed and unpacked. It must never know what changes one (``kernel``).
"""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..lifecycle.account import Account
from ..lifecycle.status import Status
from ..lifecycle.windows import BlindWindow
from .coding import Int32s, Int64s
from .columns import NO_TIME
from .tables import ANNOUNCEMENTS, MICROSECOND, NEVER, SITUATIONS, START, WORD_OF
from .vocabulary import Vocabulary

RECORD = np.dtype(
    [
        ("due", "i8"),  # when its status has lasted too long; NEVER if it may last, or is reported already
        ("since", "i8"),
        ("heard", "i8"),
        ("ok", "i8"),
        ("opened", "i8"),  # of the open blind window ...
        ("window", "u4"),  # ... the sequence that opened it; 0 while none is open
        ("causes", "u4"),  # ... and what was announced against the account, four bits each, the first one lowest
        ("sequence", "u4"),
        ("product", "i4"),
        ("provider", "i4"),
        ("situation", "u1"),
        ("announced", "u1"),
        ("stuck", "u1"),
        ("spare", "u1"),
    ],
    align=True,
)
NOTHING_ANNOUNCED = 255
NOTHING_SYNCED = 0
CAUSE_BITS = 4
MEMO = 4096
"""How many answers to "which products are synced once this one is too" are at hand; a power of two."""
MEMO_STEP = 61
"""How far apart the answers for one set and the next are in the memo."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Arrays(NamedTuple):
    """A fleet as the kernel takes it: by account, except for the last two."""

    records: NDArray[np.void]
    names: Int32s
    synced: Int32s
    """Which set of products is synced."""
    anomalies: Int32s
    """How many were found."""
    memo_keys: Int64s
    memo_sets: Int32s


class Fleet:
    """The accounts, by their numbers in the vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.arrays = Arrays(
            _records(0),
            np.zeros(0, np.int32),
            np.zeros(0, np.int32),
            np.zeros(0, np.int32),
            np.full(MEMO, -1, np.int64),
            np.zeros(MEMO, np.int32),
        )
        self.product_sets: list[frozenset[int]] = [frozenset()]
        self._set_numbers = {self.product_sets[0]: NOTHING_SYNCED}

    def __len__(self) -> int:
        return len(self.arrays.records)

    def grow(self, accounts: int) -> None:
        """Make room for so many accounts in all; nothing was heard of the new ones."""
        old = self.arrays
        if accounts <= len(old.records):
            return
        size = max(accounts, len(old.records) * 2)
        records = _records(size)
        records[: len(old.records)] = old.records
        more = size - len(old.records)
        self.arrays = old._replace(
            records=records,
            names=np.concatenate([old.names, np.full(more, -1, np.int32)]),
            synced=np.concatenate([old.synced, np.full(more, NOTHING_SYNCED, np.int32)]),
            anomalies=np.concatenate([old.anomalies, np.zeros(more, np.int32)]),
        )

    def learn_set(self, key: int) -> None:
        """Put into the memo which set comes of one to which a product is added."""
        number, product = key >> 32, key & 0xFFFF_FFFF
        self.arrays.memo_keys[memo_slot(key)] = key
        self.arrays.memo_sets[memo_slot(key)] = self.set_number(self.product_sets[number] | {product})

    def set_number(self, products: frozenset[int]) -> int:
        """The number of a set of products."""
        number = self._set_numbers.setdefault(products, len(self.product_sets))
        if number == len(self.product_sets):
            self.product_sets.append(products)
        return number

    def numbers(self) -> NDArray[np.intp]:
        """The accounts of which anything was heard; a number may have been given for a line that was refused."""
        return np.flatnonzero(self.arrays.records["sequence"] > 0)

    def is_heard_of(self, number: int) -> bool:
        """Whether anything was heard of an account."""
        return number < len(self) and bool(self.arrays.records["sequence"][number] > 0)

    # ---- Accounts ----------------------------------------------------------------------------------

    def account(self, number: int) -> Account:
        """An account as it is now."""
        record, words = self.arrays.records[number], self.vocabulary
        account_id = words.accounts[number]
        name = int(self.arrays.names[number])
        announced, provider = int(record["announced"]), int(record["provider"])
        products = self.product_sets[self.arrays.synced[number]]
        return Account(
            account_id,
            SITUATIONS[record["situation"]],
            int(record["sequence"]),
            words.providers[provider] if provider >= 0 else None,
            words.names[name] if name >= 0 else None,
            time_of(record["since"]),
            None if announced == NOTHING_ANNOUNCED else ANNOUNCEMENTS[announced],
            words.products[int(record["product"])],
            time_of(record["heard"]),
            time_of(record["ok"]),
            frozenset(words.products[product] for product in products),
            self._open_window(account_id, record),
            bool(record["stuck"]),
        )

    def put(self, account: Account) -> None:
        """Begin with an account as it was, with no deadline to watch."""
        words = self.vocabulary
        number = words.accounts.code(account.account_id)
        self.grow(number + 1)
        window = account.blind_window
        record = self.arrays.records[number]
        record["due"] = NEVER
        record["since"], record["heard"], record["ok"] = map(
            micros, (account.since, account.last_heard_at, account.last_ok_at)
        )
        if window is not None:
            record["opened"], record["window"] = micros(window.opened_at), window.sequence
            record["causes"] = packed_causes(window.causes)
        record["sequence"], record["stuck"] = account.sequence, account.stuck
        record["product"] = words.products.number(account.last_product)
        record["provider"] = -1 if account.provider is None else words.providers.number(account.provider)
        record["situation"] = SITUATIONS.index(account.situation)
        if account.last_announced is not None:
            record["announced"] = WORD_OF[account.last_announced]
        self.arrays.names[number] = -1 if account.name is None else words.names.code(account.name)
        products = frozenset(words.products.number(product) for product in account.synced_products)
        self.arrays.synced[number] = self.set_number(products)

    def _open_window(self, account_id: str, record: np.void) -> BlindWindow | None:
        if not record["window"]:
            return None
        opened = time_of(record["opened"])
        assert opened is not None
        causes = causes_of(int(record["causes"]))
        return BlindWindow(account_id, int(record["window"]), time_of(record["ok"]), opened, causes=causes)


def memo_slot(key: int) -> int:
    """Where the memo keeps an answer."""
    return ((key >> 32) * MEMO_STEP + (key & 0xFFFF_FFFF)) & (MEMO - 1)


def time_of(microseconds: int) -> datetime | None:
    """A time as the domain has it."""
    return None if microseconds == NO_TIME else _EPOCH + timedelta(microseconds=int(microseconds))


def micros(at: datetime | None) -> int:
    """A time as columns have it."""
    return int(NO_TIME) if at is None else (at - _EPOCH) // MICROSECOND


def causes_of(packed: int) -> tuple[Status, ...]:
    """The causes of a blind window, the first one first."""
    found = []
    while packed:
        found.append(ANNOUNCEMENTS[(packed & 0xF) - 1])
        packed >>= CAUSE_BITS
    return tuple(found)


def packed_causes(causes: tuple[Status, ...]) -> int:
    """Causes as one number."""
    return sum(WORD_OF[cause] + 1 << CAUSE_BITS * place for place, cause in enumerate(causes))


def _records(size: int) -> NDArray[np.void]:
    """Accounts that nothing was heard of, each on a cache line of its own."""
    room = np.zeros((size + 1) * RECORD.itemsize, np.uint8)
    first = -room.ctypes.data % RECORD.itemsize
    records = room[first : first + size * RECORD.itemsize].view(RECORD)
    for field in ("since", "heard", "ok", "opened"):
        records[field] = NO_TIME
    records["due"], records["provider"] = NEVER, -1
    records["announced"], records["situation"] = NOTHING_ANNOUNCED, START
    return records

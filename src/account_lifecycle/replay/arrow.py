"""What a replay has found, as Arrow tables: the same columns wherever they are made.

Knows how rows of codes become columns, a batch at a time and never a row at a time. It must never know where a
table goes.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..lifecycle.compiled import health_of
from .coding import Codes
from .columns import NO_TIME
from .fleet import Fleet, causes_of
from .kernel import WINDOW
from .tables import KINDS, SITUATIONS
from .unpacking import detail_of
from .vocabulary import Vocabulary

MOMENT = pa.timestamp("us", tz="UTC")
WORDS = pa.list_(pa.string())

ANOMALY_SCHEMA = pa.schema(
    [
        ("kind", pa.string()),
        ("severity", pa.string()),
        ("account_id", pa.string()),
        ("sequence", pa.int64()),
        ("at", MOMENT),
        ("announced", pa.string()),
        ("status_before", pa.string()),
        ("status_after", pa.string()),
        ("provider", pa.string()),
        ("detail", pa.string()),
        ("since", MOMENT),
        ("last_announced", pa.string()),
        ("last_heard_at", MOMENT),
        ("source", pa.string()),
        ("position", pa.int64()),
    ]
)
"""``position`` is the line in its source; both are null for a deadline that nobody recorded."""
WINDOW_SCHEMA = pa.schema(
    [
        ("account_id", pa.string()),
        ("sequence", pa.int64()),
        ("last_ok_at", MOMENT),
        ("opened_at", MOMENT),
        ("closed_at", MOMENT),
        ("recovered", pa.bool_()),
        ("causes", WORDS),
    ]
)
"""``closed_at`` is null while a window is open."""
ACCOUNT_SCHEMA = pa.schema(
    [
        ("account_id", pa.string()),
        ("status", pa.string()),
        ("health", pa.string()),
        ("exists", pa.bool_()),
        ("lost", pa.bool_()),
        ("provider", pa.string()),
        ("name", pa.string()),
        ("since", MOMENT),
        ("sequence", pa.int64()),
        ("last_announced", pa.string()),
        ("last_product", pa.string()),
        ("last_heard_at", MOMENT),
        ("last_ok_at", MOMENT),
        ("synced_products", WORDS),
        ("stuck", pa.bool_()),
    ]
)

ACCOUNTS_AT_A_TIME = 65_536

_KINDS = pa.array([kind.value for kind in KINDS])
_SEVERITIES = pa.array([kind.severity.value for kind in KINDS])
_STATUSES = pa.array([situation.status.value for situation in SITUATIONS])
_EXISTS = np.array([situation.exists for situation in SITUATIONS])
_LOST = np.array([situation.lost for situation in SITUATIONS])
_HEALTH = pa.array([health_of(s, ok_heard=heard).value for s in SITUATIONS for heard in (False, True)])


def anomalies_batch(rows: NDArray[np.void], vocabulary: Vocabulary, sources: Sequence[str] = ()) -> pa.RecordBatch:
    """Anomalies as the kernel notes them, by ``ANOMALY_SCHEMA``; ``sources`` are names by number, as far as told."""
    line = rows["line"].astype(np.int64)
    source = np.where((line == 0) | (rows["source"] >= len(sources)), -1, rows["source"])
    columns = [
        _KINDS.take(pa.array(rows["kind"])),
        _SEVERITIES.take(pa.array(rows["kind"])),
        texts(vocabulary.accounts, rows["account"]),
        pa.array(rows["sequence"].astype(np.int64)),
        moments(rows["at"]),
        words_of(rows["word"], vocabulary.words.__getitem__),
        _STATUSES.take(pa.array(rows["before"])),
        _STATUSES.take(pa.array(rows["after"])),
        words_of(rows["provider"], vocabulary.providers.__getitem__),
        _details(rows, vocabulary),
        moments(rows["since"]),
        _announcements(rows["announced"], vocabulary),
        moments(rows["heard"]),
        words_of(source, sources.__getitem__),
        pa.array(line, mask=line == 0),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=ANOMALY_SCHEMA)


def windows_batch(rows: NDArray[np.void], vocabulary: Vocabulary) -> pa.RecordBatch:
    """Blind windows by ``WINDOW_SCHEMA``: those that closed, as the kernel notes them, or the open ones of a fleet."""
    columns = [
        texts(vocabulary.accounts, rows["account"]),
        pa.array(rows["sequence"].astype(np.int64)),
        moments(rows["ok"]),
        moments(rows["opened"]),
        moments(rows["closed"]),
        pa.array(rows["recovered"].astype(np.bool_)),
        lists_of(rows["causes"], lambda causes: [cause.value for cause in causes_of(causes)]),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=WINDOW_SCHEMA)


def open_windows(fleet: Fleet, accounts: NDArray[np.integer[Any]]) -> NDArray[np.void]:
    """The windows that are open now, of some accounts, as rows that ``windows_batch`` takes."""
    accounts = accounts[fleet.arrays.records["window"][accounts] != 0]
    records = fleet.arrays.records[accounts]
    rows = np.zeros(len(accounts), WINDOW)
    rows["account"], rows["sequence"], rows["causes"] = accounts, records["window"], records["causes"]
    rows["ok"], rows["opened"], rows["closed"] = records["ok"], records["opened"], NO_TIME
    rows["provider"] = records["provider"]
    return rows


def accounts_batch(fleet: Fleet, accounts: NDArray[np.integer[Any]]) -> pa.RecordBatch:
    """Some accounts, by ``ACCOUNT_SCHEMA``."""
    words, arrays = fleet.vocabulary, fleet.arrays
    records = arrays.records[accounts]
    situation = records["situation"]
    columns = [
        texts(words.accounts, accounts),
        _STATUSES.take(pa.array(situation)),
        _HEALTH.take(pa.array(situation.astype(np.int64) * 2 + (records["ok"] != NO_TIME))),
        pa.array(_EXISTS[situation]),
        pa.array(_LOST[situation]),
        words_of(records["provider"], words.providers.__getitem__),
        texts(words.names, arrays.names[accounts]),
        moments(records["since"]),
        pa.array(records["sequence"].astype(np.int64)),
        _announcements(records["announced"], words),
        words_of(records["product"], words.products.__getitem__),
        moments(records["heard"]),
        moments(records["ok"]),
        lists_of(arrays.synced[accounts], lambda number: products_in(fleet, number)),
        pa.array(records["stuck"].astype(np.bool_)),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=ACCOUNT_SCHEMA)


def known_accounts(fleet: Fleet) -> NDArray[np.integer[Any]]:
    """The numbers of the accounts of which anything was judged."""
    named = min(len(fleet), len(fleet.vocabulary.accounts))
    return np.flatnonzero(fleet.arrays.records["sequence"][:named])


def accounts_batches(fleet: Fleet, size: int = ACCOUNTS_AT_A_TIME) -> Iterator[pa.RecordBatch]:
    """Every account, so many at a time."""
    known = known_accounts(fleet)
    return (accounts_batch(fleet, known[first : first + size]) for first in range(0, len(known), size))


def open_windows_batches(fleet: Fleet, size: int = ACCOUNTS_AT_A_TIME) -> Iterator[pa.RecordBatch]:
    """The windows of every account that are open now, those of so many accounts at a time."""
    known = known_accounts(fleet)
    for first in range(0, len(known), size):
        yield windows_batch(open_windows(fleet, known[first : first + size]), fleet.vocabulary)


# ---- Columns ---------------------------------------------------------------------------------------------


def moments(microseconds: NDArray[np.integer[Any]]) -> pa.Array:
    """Times; null for ``NO_TIME``."""
    microseconds = np.ascontiguousarray(microseconds)
    return pa.array(microseconds, pa.int64(), mask=microseconds == NO_TIME).cast(MOMENT)


def texts(codes: Codes, numbers: NDArray[np.integer[Any]]) -> pa.Array:
    """Texts by their codes, without a look at any of them; null for a negative one."""
    slots, numbers = codes.slots, np.ascontiguousarray(numbers)
    buffers = [None, pa.py_buffer(slots.ends), pa.py_buffer(slots.text)]
    everything = pa.Array.from_buffers(pa.large_string(), len(codes), buffers)
    return everything.take(pa.array(numbers, mask=numbers < 0)).cast(pa.string())


def words_of(numbers: NDArray[np.integer[Any]], word_of: Callable[[int], str]) -> pa.Array:
    """Words by their numbers, each of which is looked up only once; null for a negative one."""
    distinct, places = np.unique(numbers, return_inverse=True)
    words = pa.array([None if number < 0 else str(word_of(int(number))) for number in distinct], pa.string())
    return words.take(pa.array(places))


def lists_of(numbers: NDArray[np.integer[Any]], words_in: Callable[[int], list[str]]) -> pa.Array:
    """Lists of words by a number that stands for the whole list."""
    distinct, places = np.unique(numbers, return_inverse=True)
    return pa.array([words_in(int(number)) for number in distinct], WORDS).take(pa.array(places))


def products_in(fleet: Fleet, number: int) -> list[str]:
    """The products of a set, sorted."""
    return sorted(fleet.vocabulary.products[product] for product in fleet.product_sets[number])


def _announcements(announced: NDArray[np.integer[Any]], vocabulary: Vocabulary) -> pa.Array:
    """Words that were accepted; the kernel's number for none is beyond all of them."""
    numbers = announced.astype(np.int8)  # 255 becomes -1
    return words_of(numbers, vocabulary.words.__getitem__)


def _details(rows: NDArray[np.void], vocabulary: Vocabulary) -> pa.Array:
    """What a detail means depends on the kind: both make up the number that is looked up."""
    pairs = rows["kind"].astype(np.int64) << 32 | rows["detail"].astype(np.int64) & 0xFFFF_FFFF
    return words_of(pairs, lambda pair: detail_of(KINDS[pair >> 32], pair & 0xFFFF_FFFF, vocabulary))

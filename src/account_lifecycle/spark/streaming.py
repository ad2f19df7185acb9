"""A log that never ends: accounts live in buckets, and each micro-batch carries every bucket a little further.

Knows how a bucket is brought together, remembered, and how findings leave. It must never hold a rule.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.streaming.state import GroupState

from ..errors import ConfigurationError
from ..lifecycle.policy import DEFAULT_POLICY, Policy
from ..replay.coding import Bytes, Int64s
from ..replay.native import native
from .batch import picklable
from .batches import as_bytes, batches_in
from .events import spans_of
from .fleet_state import packed, unpack
from .inputs import events_of
from .judged import Court, Rulebook
from .numbering import numbered
from .schemas import event_schema, findings_schema

_PACKED = "bucket bigint, events binary"
_JUDGED = "findings binary"
_STATE = "fleet binary"
_FNV_BEGIN, _FNV_PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
_U32 = np.uint64(32)


def stream(
    df: DataFrame,
    *,
    policy: Policy = DEFAULT_POLICY,
    columns: Mapping[str, str] | None = None,
    buckets: int = 64,
    deadlines: bool = True,
) -> DataFrame:
    """Judge a streaming DataFrame, with columns as for ``replay``; the findings as a stream, for append mode.

    A row says in ``record`` which of its columns is filled: an anomaly, a blind window, an account as it is now, what
    was refused, or totals to add up. Rows are only ever appended; ``audit_of`` reads them back as tables. Within a
    micro-batch, events of an account are judged by received_at, then position; what an earlier micro-batch brought
    was judged before.

    Accounts are kept in so many ``buckets``, a number that a checkpoint holds on to, as it does to
    ``spark.sql.shuffle.partitions``. Raises ``ConfigurationError`` for what cannot be meant.
    """
    if not df.isStreaming:
        raise ConfigurationError(
            "df", "a DataFrame that ends", "one of spark.readStream; replay() takes the other kind"
        )
    if buckets < 1:
        raise ConfigurationError("buckets", str(buckets), "1 or more")
    log = events_of(df, columns)
    rulebook = Rulebook(picklable(policy), deadlines, log.position)
    judged = (
        log.events.mapInArrow(_Packing(buckets, log.position).pack, _PACKED)
        .groupBy("bucket")
        .applyInPandasWithState(_Hearing(rulebook).hear, _JUDGED, _STATE, "append", "NoTimeout")
    )
    return judged.mapInArrow(_unpacked, from_arrow_schema(findings_schema(log.position)))


class _Packing(NamedTuple):
    """Events to few rows, one a bucket, so that Spark moves and pandas sees no more than bytes."""

    buckets: int
    position: pa.DataType

    def pack(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in numbered(batches):
            if batch.num_rows:
                yield self._pack(batch.cast(event_schema(self.position)))

    def _pack(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        numbers = np.arange(batch.num_rows) % self.buckets  # what is refused has no account, and goes anywhere
        bucket_numbers(*spans_of(batch["account_id"]), self.buckets, numbers)
        order = np.argsort(numbers, kind="stable")
        batch, numbers = batch.take(pa.array(order)), numbers[order]
        found, begins = np.unique(numbers, return_index=True)
        ends = [*begins[1:].tolist(), len(numbers)]
        parts = [as_bytes([batch.slice(begin, end - begin)]) for begin, end in zip(begins.tolist(), ends, strict=True)]
        return pa.RecordBatch.from_arrays(
            [pa.array(found, pa.int64()), pa.array(parts, pa.binary())], ["bucket", "events"]
        )


class _Hearing(NamedTuple):
    """One bucket in one micro-batch; ``applyInPandasWithState`` takes its method."""

    rulebook: Rulebook

    def hear(self, _key: tuple[Any, ...], frames: Iterator[pd.DataFrame], state: GroupState) -> Iterator[pd.DataFrame]:
        parts = [part for frame in frames for data in frame["events"] for part in batches_in(data)]
        old = bytes(state.get[0]) if state.exists else None
        new, findings = hear(self.rulebook, old, pa.concat_batches(parts))
        state.update((new,))
        yield pd.DataFrame({"findings": [findings]})


def hear(rulebook: Rulebook, old: bytes | None, events: pa.RecordBatch) -> tuple[bytes, bytes]:
    """Carry a bucket further by some events: its new state, and the findings."""
    judging = rulebook.begin()
    if old is not None:
        unpack(old, judging)
    before = judging.fleet.arrays.records["sequence"].copy()
    court = Court(rulebook, judging)
    found = list(court.judge(in_order(events)))
    new = packed(judging.fleet)
    after = judging.fleet.arrays.records["sequence"]
    changed = np.flatnonzero(after != np.concatenate([before, np.zeros(len(after) - len(before), before.dtype)]))
    return new, as_bytes([pa.concat_batches([*found, court.totals(), *court.close(changed)])])


def in_order(events: pa.RecordBatch) -> pa.RecordBatch:
    """Events by time, then by position, whatever that is made of."""
    keys = pa.Table.from_batches([events.select(["received_at", "position"])])
    while any(pa.types.is_struct(field.type) for field in keys.schema):
        keys = keys.flatten()
    order = pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in keys.column_names])
    return events.take(order)


def _unpacked(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Findings as rows; many in a batch, because for so many columns every batch costs Spark milliseconds."""
    for batch in batches:
        found = [part for data in batch["findings"] for part in batches_in(data.as_buffer())]
        if found:
            yield pa.concat_batches(found)


@native
def bucket_numbers(data: Bytes, begins: Int64s, lengths: Int64s, buckets: int, numbers: Int64s) -> None:
    """The buckets of accounts by their ids (FNV-1a); never to be changed, since checkpoints rely on it."""
    for row in range(begins.shape[0]):
        if lengths[row] >= 0:
            hashed = _FNV_BEGIN
            for i in range(lengths[row]):
                hashed = (hashed ^ np.uint64(data[begins[row] + i])) * _FNV_PRIME
            numbers[row] = np.int64((hashed ^ (hashed >> _U32)) % np.uint64(buckets))

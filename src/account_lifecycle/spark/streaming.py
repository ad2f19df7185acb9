"""A log that never ends: accounts live in buckets, and each micro-batch carries every bucket a little further.

Spark keeps one value for each bucket, the accounts in it (``executors.packed``), and moves events and findings as one
row of bytes for each bucket, because for rows of so many columns every batch costs it milliseconds.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.streaming.state import GroupState

from ..errors import ConfigurationError
from ..lifecycle.policy import DEFAULT_POLICY, Policy
from .batch import events_of
from .executors import Court, Rulebook, event_schema, findings_schema, packed, unpacked

_PACKED = "bucket bigint, events binary"
_JUDGED = "findings binary"
_STATE = "accounts binary"


def stream(
    df: DataFrame,
    *,
    policy: Policy = DEFAULT_POLICY,
    columns: Mapping[str, str] | None = None,
    buckets: int = 64,
    deadlines: bool = True,
) -> DataFrame:
    """Judge a streaming DataFrame, with columns as for ``replay``; return the findings as a stream, for append mode.

    A row says in ``record`` which of its columns is filled: an anomaly, a blind window, an account as it is now, what
    was refused, or totals to add up. Rows are only ever appended; ``audit_of`` reads them back as tables. Within a
    micro-batch, events of an account are judged by received_at, then position; what an earlier micro-batch brought
    was judged before.

    Accounts are kept in so many ``buckets``, a number that a checkpoint holds on to, as it does to
    ``spark.sql.shuffle.partitions``. Raise ``ConfigurationError`` for invalid arguments.
    """
    if not df.isStreaming:
        raise ConfigurationError(
            "df", "a DataFrame that ends", "one of spark.readStream; replay() takes the other kind"
        )
    if buckets < 1:
        raise ConfigurationError("buckets", str(buckets), "1 or more")
    log = events_of(df, columns)
    rulebook = Rulebook(policy, deadlines, log.position)
    whose = F.coalesce("account_id", F.hex("raw"))  # what is refused has no account, and goes anywhere
    bucketed = log.events.withColumn("bucket", F.pmod(F.xxhash64(whose), F.lit(buckets)))
    judged = (
        bucketed.mapInArrow(_Packing(log.position).pack, _PACKED)
        .groupBy("bucket")
        .applyInPandasWithState(_Hearing(rulebook).hear, _JUDGED, _STATE, "append", "NoTimeout")
    )
    return judged.mapInArrow(_findings, from_arrow_schema(findings_schema(log.position)))


class _Packing(NamedTuple):
    """Events to few rows, one a bucket."""

    position: pa.DataType

    def pack(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            buckets = batch.column("bucket")
            events = batch.drop_columns(["bucket"]).cast(event_schema(self.position))
            found = pc.unique(buckets).to_pylist()
            parts = [as_bytes([events.filter(pc.equal(buckets, bucket))]) for bucket in found]
            yield pa.RecordBatch.from_arrays(
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
    """Carry a bucket further by some events; return its new state, and the findings."""
    before = [] if old is None else unpacked(old)
    court = Court(rulebook, before)
    found = list(court.judge(in_order(events)))
    sequences = {account.account_id: account.sequence for account in before}
    accounts = court.judge_of.accounts.values()
    changed = [account for account in accounts if account.sequence != sequences.get(account.account_id)]
    return packed(accounts), as_bytes([pa.concat_batches([*found, *court.close(changed)])])


def in_order(events: pa.RecordBatch) -> pa.RecordBatch:
    """Return events by time, then by position, whatever that is made of."""
    keys = pa.Table.from_batches([events.select(["received_at", "position"])])
    while any(pa.types.is_struct(field.type) for field in keys.schema):
        keys = keys.flatten()
    order = pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in keys.column_names])
    return events.take(order)


def _findings(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield findings as rows, many in a batch."""
    for batch in batches:
        found = [part for data in batch["findings"] for part in batches_in(data.as_buffer())]
        if found:
            yield pa.concat_batches(found)


def as_bytes(batches: list[pa.RecordBatch]) -> bytes:
    """Return batches of one schema, at least one, in Arrow's own format."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batches[0].schema, options=pa.ipc.IpcWriteOptions(use_threads=False)) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return bytes(sink.getvalue())


def batches_in(data: bytes | pa.Buffer) -> list[pa.RecordBatch]:
    """Return what ``as_bytes`` was given."""
    with pa.ipc.open_stream(data, options=pa.ipc.IpcReadOptions(use_threads=False)) as reader:
        return list(reader)

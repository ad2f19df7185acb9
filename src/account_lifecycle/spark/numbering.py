"""Positions for the rows of a stream, which Spark itself does not number.

Knows tasks and batches; it must never know what is in a row.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from pyspark import TaskContext

_TASK_BITS = 33
"""A row's number within its task fits into so many bits; so it is where Spark numbers the rows of a batch."""


def numbered(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The batches of a task, each row with its place among them as its position, unless it has one."""
    task = TaskContext.get()
    number = (0 if task is None else task.partitionId()) << _TASK_BITS
    for batch in batches:
        yield batch if _has_positions(batch) else _with_positions(batch, number)
        number += batch.num_rows


def _has_positions(batch: pa.RecordBatch) -> bool:
    position = batch["position"]
    return position.null_count < len(position) or not pa.types.is_int64(position.type)


def _with_positions(batch: pa.RecordBatch, first: int) -> pa.RecordBatch:
    place = batch.schema.get_field_index("position")
    return batch.set_column(place, "position", pa.array(np.arange(first, first + batch.num_rows)))

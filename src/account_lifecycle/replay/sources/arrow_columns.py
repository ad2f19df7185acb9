"""Columns as Arrow has them, as texts and times without a copy.

Knows Arrow's types and buffers. It must never know what a column is for, nor where it was read from.
"""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..coding import NONE, PADDING, Bytes, Int64s
from .cells import Cells, Marks, frozen, padded
from .moments import SECOND, Moments, in_range, read_numbers, read_texts

_TO_MICROSECONDS = {"s": SECOND, "ms": 1000, "us": 1, "ns": 1}


def is_text(kind: pa.DataType) -> bool:
    """Whether a column can be read as texts."""
    kind = _stored_type(kind)
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return _is_bytes(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind)


def is_time(kind: pa.DataType) -> bool:
    """Whether a column can be read as times."""
    kinds = (pa.types.is_timestamp, pa.types.is_date, pa.types.is_floating, pa.types.is_decimal)
    return is_text(kind) or any(is_kind(_stored_type(kind)) for is_kind in kinds)


def cells_of(column: pa.Array) -> Cells:
    """A column as texts."""
    column = _stored(column)
    if not pa.types.is_dictionary(column.type):
        return _texts(column)
    if len(column.dictionary) > len(column):
        return _texts(_stored(column).dictionary_decode())
    texts = _texts(column.dictionary)
    rows = column.indices.fill_null(NONE).cast(pa.int32(), safe=False).to_numpy(zero_copy_only=False)
    used = np.zeros(len(texts.begins) + 1, np.bool_)  # the last one is what none finds
    used[rows] = True
    return texts.without(~used[:-1])._replace(rows=rows)


def moments_of(column: pa.Array) -> Moments:
    """A column as times."""
    column = _stored(column)
    kind = column.type
    if pa.types.is_date(kind):
        column = column.cast(pa.timestamp("s"))
    if pa.types.is_timestamp(column.type):
        return _timestamps(column)
    if pa.types.is_integer(kind) and not pa.types.is_uint64(kind):
        return read_numbers(_numbers(column.cast(pa.int64()), np.int64), _told(column))
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_uint64(kind):
        numbers = _numbers(column.cast(pa.float64(), safe=False), np.float64)
        return read_numbers(numbers, _told(column) & ~np.isnan(numbers))
    return read_texts(cells_of(column))


def spelt(column: pa.Array, row: int) -> str:
    """How the value of a row looks, whatever it is."""
    column = _stored(column)
    if pa.types.is_timestamp(column.type):
        return f"{column.view(pa.int64())[row].as_py()} as {column.type}"
    value = column[row].as_py()
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


# ---- Buffers ---------------------------------------------------------------------------------------


def _is_bytes(kind: pa.DataType) -> bool:
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    others = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view)
    return any(is_kind(kind) for is_kind in (*texts, *others))


def _stored_type(kind: pa.DataType) -> pa.DataType:
    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind


def _stored(column: pa.Array) -> pa.Array:
    return column.storage if isinstance(column, pa.ExtensionArray) else column


def _texts(column: pa.Array) -> Cells:
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_null(kind) or pa.types.is_string_view(kind):
        column = column.cast(pa.string())
    elif pa.types.is_binary_view(kind):
        column = column.cast(pa.binary())
    is_wide = pa.types.is_large_string(column.type) or pa.types.is_large_binary(column.type)
    offsets = _offsets(column, np.int64 if is_wide else np.int32)
    begins = offsets[:-1].astype(np.int64)
    lengths = np.diff(offsets).astype(np.int64)
    if column.null_count:
        lengths[~_told(column)] = NONE
    return _padded_cells(_bytes(column.buffers()[2]), begins, lengths)


def _offsets(column: pa.Array, kind: type[np.int32] | type[np.int64]) -> NDArray[np.signedinteger[Any]]:
    if not len(column):
        return np.zeros(1, kind)
    size = np.dtype(kind).itemsize
    return np.frombuffer(column.buffers()[1], kind, len(column) + 1, column.offset * size)


def _bytes(buffer: pa.Buffer | None) -> Bytes:
    return padded(b"") if buffer is None or not buffer.size else frozen(np.frombuffer(buffer, np.uint8))


def _padded_cells(data: Bytes, begins: Int64s, lengths: Int64s) -> Cells:
    """What is beyond the end of a buffer is nobody's to read: if a text ends there, the texts are copied."""
    first = int(begins[0]) if len(begins) else 0
    end = int(begins[-1] + max(int(lengths[-1]), 0)) if len(begins) else 0
    if end + PADDING <= len(data):
        return Cells(data[first : end + PADDING], begins - first, lengths)
    copied = np.zeros(end - first + PADDING, np.uint8)
    copied[: end - first] = data[first:end]
    return Cells(frozen(copied), begins - first, lengths)


def _told(column: pa.Array) -> Marks:
    if not column.null_count:
        return np.ones(len(column), np.bool_)
    marks: Marks = column.is_valid().to_numpy(zero_copy_only=False)
    return marks


def _numbers(column: pa.Array, kind: type[np.int64] | type[np.float64]) -> Any:
    """The values of a column of 64 bits, whatever those of nulls are."""
    if not len(column):
        return np.zeros(0, kind)
    return np.frombuffer(column.buffers()[1], kind, len(column), column.offset * 8)


def _timestamps(column: pa.Array) -> Moments:
    numbers, told, unit = _numbers(column.view(pa.int64()), np.int64), _told(column), column.type.unit
    factor = _TO_MICROSECONDS[unit]
    if unit == "ns":
        return in_range(numbers // 1000, told)
    most = np.iinfo(np.int64).max // factor
    beyond = (numbers > most) | (numbers < -most)
    return in_range(np.where(beyond, np.iinfo(np.int64).max, numbers * factor), told)

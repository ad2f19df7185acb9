"""A caller's DataFrame as one of events: columns found, types checked, texts read.

Knows the three shapes that a log can have in Spark. It must never judge an event.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema
from pyspark.sql.types import TimestampType

from ..errors import ConfigurationError
from .lines import LineReading
from .moments import micros_of
from .schemas import TEXTS, event_schema

NAMES = (*TEXTS, "received_at", "position", "payload", "value")
_SHAPES = (("account_id", "status"), ("payload",), ("value",))


class Input(NamedTuple):
    """Events in Spark."""

    events: DataFrame
    """By ``event_schema``."""
    position: pa.DataType


def events_of(df: DataFrame, columns: Mapping[str, str] | None = None) -> Input:
    """The events of a log, whichever shape it has.

    Without a position, a batch is numbered in the order in which Spark reads it; of a stream the position is null
    for now. Raises ``ConfigurationError`` for columns that are missing or of a type that cannot be meant.
    """
    named = _Named(df, columns or {})
    shape = next((shape for shape in _SHAPES if all(name in named for name in shape)), None)
    if shape is None:
        raise ConfigurationError(
            "columns", ", ".join(df.columns) or "none", "account_id and status, or payload, or value (lines of a log)"
        )
    stamp_us = micros_of(datetime.now(UTC), "now")
    position = named.position()
    kind = _nullable(to_arrow_schema(df.select(position.alias("position")).schema).field("position").type)
    if shape == _SHAPES[0]:
        return Input(_from_columns(df, named, position, stamp_us), kind)
    text = named[shape[0]].cast("binary").alias("text")
    received_at = named.received_at() if shape == _SHAPES[1] else F.lit(None).cast("timestamp")
    lines = df.select(text, received_at.alias("received_at"), position.alias("position"))
    reading = LineReading(kind, stamp_us, are_payloads=shape == _SHAPES[1])
    return Input(lines.mapInArrow(reading.read, from_arrow_schema(event_schema(kind))), kind)


def _nullable(kind: pa.DataType) -> pa.DataType:
    """The same type with nulls anywhere: not every anomaly has a position."""
    if not pa.types.is_struct(kind):
        return kind
    return pa.struct([(field.name, _nullable(field.type)) for field in kind])


class _Named:
    """Columns by the names that they have here."""

    def __init__(self, df: DataFrame, columns: Mapping[str, str]) -> None:
        if unknown := sorted(columns.keys() - set(NAMES)):
            raise ConfigurationError("columns", ", ".join(unknown), f"names among {', '.join(NAMES)}")
        if missing := sorted(set(columns.values()) - set(df.columns)):
            raise ConfigurationError("columns", ", ".join(missing), f"columns that there are: {', '.join(df.columns)}")
        self._df = df
        self._names = {name: name for name in NAMES if name in df.columns} | dict(columns)

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def __getitem__(self, name: str) -> Column:
        """The column, or nulls."""
        if name not in self:
            return F.lit(None)
        return self._df[self._names[name]]

    def received_at(self) -> Column:
        """Times; null is for now."""
        if "received_at" not in self:
            return F.lit(None).cast("timestamp")
        found = self._df.schema[self._names["received_at"]].dataType
        if not isinstance(found, TimestampType):
            expected = "timestamp (with time zone: cast it where you know the zone)"
            raise ConfigurationError("columns.received_at", found.simpleString(), expected)
        return self["received_at"]

    def position(self) -> Column:
        """Where events stand; of a stream, which Spark cannot number, null if nobody says."""
        if "position" in self:
            return self["position"]
        return F.lit(None).cast("bigint") if self._df.isStreaming else F.monotonically_increasing_id()


def _from_columns(df: DataFrame, named: _Named, position: Column, stamp_us: int) -> DataFrame:
    texts = [named[name].cast("string").alias(name) for name in TEXTS]
    received_at = F.coalesce(named.received_at(), F.timestamp_micros(F.lit(stamp_us)))
    nothing = [F.lit(None).cast(kind).alias(name) for name, kind in (("field", "string"), ("reason", "string"))]
    return df.select(
        *texts,
        received_at.alias("received_at"),
        position.alias("position"),
        *nothing,
        F.lit(None).cast("binary").alias("raw"),
    )

"""The columns that travel through Spark: events on their way in, findings on their way out.

Knows names and types only; it must never know where a table comes from or goes.
"""

from collections.abc import Mapping
from typing import NamedTuple

import pyarrow as pa

from ..lifecycle.status import Verdict
from ..replay.arrow import ACCOUNT_SCHEMA, ANOMALY_SCHEMA, MOMENT, WINDOW_SCHEMA
from ..replay.tables import KINDS

TEXTS = ("account_id", "status", "provider", "product", "name")
VERDICTS = tuple(Verdict)


def event_schema(position: pa.DataType) -> pa.Schema:
    """Events as they were told; where there is a ``reason``, something that is no readable event instead."""
    told = [(name, pa.string()) for name in TEXTS]
    refused = [("field", pa.string()), ("reason", pa.string()), ("raw", pa.binary())]
    return pa.schema([*told, ("received_at", MOMENT), ("position", position), *refused])


def findings_schema(position: pa.DataType) -> pa.Schema:
    """Everything that a replay finds: ``record`` names the one column that is filled, in a row of its own.

    An ``account`` comes with what will be ``overdue`` of it: the anomaly to report if nothing more is heard by then.
    ``as_of`` is the account's sequence when the row was made: of two rows about the same, the higher one holds.
    """
    anomaly = _struct(anomaly_schema(position))
    return pa.schema(
        [
            ("record", pa.string()),
            ("account_id", pa.string()),
            ("as_of", pa.int64()),
            ("anomaly", anomaly),
            ("window", _struct(WINDOW_SCHEMA)),
            ("account", _struct(ACCOUNT_SCHEMA)),
            ("overdue", anomaly),
            ("refused", _struct(refused_schema(position))),
            ("totals", _struct(TOTALS_SCHEMA)),
        ]
    )


def anomaly_schema(position: pa.DataType) -> pa.Schema:
    """Anomalies, with positions of the caller's type: what they are in, the caller knows."""
    fields = [field for field in ANOMALY_SCHEMA if field.name not in ("source", "position")]
    return pa.schema([*fields, ("position", position)])


def refused_schema(position: pa.DataType) -> pa.Schema:
    """What is no readable event, byte for byte."""
    return pa.schema([("position", position), ("field", pa.string()), ("reason", pa.string()), ("raw", pa.binary())])


_COUNTS = pa.list_(pa.int64())
TOTALS_SCHEMA = pa.schema(
    [
        ("events", pa.int64()),
        ("verdicts", _COUNTS),  # in the order of ``VERDICTS``
        ("kinds", _COUNTS),  # in the order of ``KINDS``
        ("first_us", pa.int64()),
        ("last_us", pa.int64()),
    ]
)
assert len(KINDS) > len(VERDICTS)


class Tagged(NamedTuple):
    """Makes findings of what one kind of record says."""

    schema: pa.Schema

    def __call__(self, record: str, filled: Mapping[str, pa.Array | pa.RecordBatch]) -> pa.RecordBatch:
        """Rows of one kind, with the columns that are ``filled``, each by an array or by its fields."""
        size = len(next(iter(filled.values())))
        columns = []
        for field in self.schema:
            column = filled.get(field.name)
            if field.name == "record":
                columns.append(pa.repeat(record, size))
            elif column is None:
                columns.append(pa.nulls(size, field.type))
            elif isinstance(column, pa.RecordBatch):
                columns.append(column.to_struct_array())
            else:
                columns.append(column)
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)


def _struct(schema: pa.Schema) -> pa.StructType:
    return pa.struct(list(schema))

"""Sameness without mercy: two values of one shape are equal in value, in type and in time zone, all the way down."""

from datetime import datetime
from typing import Any


def shape(value: Any) -> Any:
    """Everything that can differ between two values, as something to compare and to read."""
    kind = type(value).__name__
    if isinstance(value, frozenset):
        return kind, sorted(value)
    if isinstance(value, tuple):
        return (kind, *map(shape, value))
    if isinstance(value, datetime):
        return kind, value.isoformat(), value.tzinfo
    return kind, value

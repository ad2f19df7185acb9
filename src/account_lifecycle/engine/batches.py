"""Batches of a feed, and the errors that nobody asked to be told of one by one."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TypeVar

from ..errors import PayloadError, UnreadablePayloads
from ..intake.bodies import read_body
from ..intake.payloads import parse
from ..lifecycle.events import Event

UNREADABLE_KEPT = 100
"""How many errors ``UnreadablePayloads`` holds."""

_Item = TypeVar("_Item")


def in_batches(payloads: Iterable[_Item], size: int) -> Iterator[list[_Item]]:
    """Yield lists of ``size``; if the source raises an error, what was taken from it comes first."""
    batch: list[_Item] = []
    try:
        for payload in payloads:
            batch.append(payload)
            if len(batch) == size:
                yield batch
                batch = []
    except Exception:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def events_in_body(
    body: bytes, headers: Mapping[str, str] | None, at: datetime
) -> tuple[list[Event], list[tuple[PayloadError, datetime]]]:
    """Return the events in the body of a request that arrived ``at`` that time, and what cannot be read of it."""
    events, refusals = list[Event](), list[tuple[PayloadError, datetime]]()
    try:
        payloads = read_body(body, headers)
    except PayloadError as error:
        return [], [(error, at)]
    for payload in payloads:
        try:
            events.append(parse(payload, at))
        except PayloadError as error:
            refusals.append((error, at))
    return events, refusals


class RefusedPayloads:
    """The errors of a feed, counted; the first of them are kept."""

    def __init__(self) -> None:
        self._errors: list[PayloadError] = []
        self._count = 0

    def add(self, error: PayloadError) -> None:
        """Count one more."""
        self._count += 1
        if self._count <= UNREADABLE_KEPT:
            self._errors.append(error)

    def raise_any(self) -> None:
        """Raise ``UnreadablePayloads`` if there were any."""
        if self._errors:
            raise UnreadablePayloads(self._errors, self._count)

"""The quarantine: what goes into it, and what of it a newer parser can read and is fed after all, each payload once."""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import NamedTuple

from ..errors import PayloadError, StoreError
from ..lifecycle.decide import Decision
from ..lifecycle.events import Event
from ..lifecycle.wording import JsonObject, time_text
from ..records import Quarantined, Refused
from .payloads import parse

Rows = Callable[[], Iterable[Quarantined]]
"""Return the quarantine as it is now, in its order."""
Advance = Callable[[Event, int], Decision]
"""Feed an event and mark its number in the quarantine as released, both or neither."""


class QuarantineGroup(NamedTuple):
    """Payloads that could not be read for the same reason."""

    first: Quarantined
    """The one that came first."""
    payloads: int
    first_at: datetime
    last_at: datetime

    @property
    def what(self) -> str:
        """The field at fault, or which other kind of webhook they are."""
        return self.first.foreign or self.first.field

    @property
    def wrong(self) -> str:
        """What is wrong with the first of them."""
        return what_is_wrong(self.first)

    @property
    def to_do(self) -> str:
        """What to do about them, in a sentence."""
        from .logs import hint_of  # imports whatever reads logs

        look = f"look at one of them: account-lifecycle quarantine show {self.first.quarantine_id}"
        return hint_of(self.first.field, self.first.foreign) or look

    def to_dict(self) -> JsonObject:
        """Return the group as a JSON object."""
        first = self.first
        return {
            "field": first.field,
            "foreign": first.foreign,
            "reason": first.reason,
            "count": self.payloads,
            "first_at": time_text(self.first_at),
            "last_at": time_text(self.last_at),
            "example": first.quarantine_id,
            "to_do": self.to_do,
        }


def grouped(payloads: Iterable[Quarantined]) -> list[QuarantineGroup]:
    """Return payloads by what is alike in their reasons, the commonest first."""
    groups: dict[tuple[str, str], QuarantineGroup] = {}
    for each in payloads:
        at = each.received_at
        key = _key_of(each)
        known = groups.get(key, QuarantineGroup(each, 0, at, at))
        groups[key] = QuarantineGroup(known.first, known.payloads + 1, min(known.first_at, at), max(known.last_at, at))
    return sorted(groups.values(), key=lambda group: -group.payloads)


def is_alike(one: Quarantined, other: Quarantined) -> bool:
    """Return whether two payloads belong to one group."""
    return _key_of(one) == _key_of(other)


def _key_of(row: Quarantined) -> tuple[str, str]:
    return row.foreign or row.field, expected_in(row.reason)


def is_pending(row: Quarantined) -> bool:
    """Return whether a payload was neither fed nor dismissed since."""
    return row.released_at is None and row.dismissed_at is None


def what_is_wrong(row: Quarantined) -> str:
    """Return why a payload could not be read, without its field."""
    return row.reason.removeprefix(f"{row.field}: ")


def expected_in(reason: str) -> str:
    """Return what is alike in reasons: what would be right, not what was found."""
    return reason.rpartition("; expected ")[2]


class Replayed(NamedTuple):
    """What became of one quarantined payload."""

    quarantine_id: int
    decision: Decision | None = None
    """What was decided about it; None if it was not fed."""
    error: str | None = None
    """Why it was not fed."""
    is_known: bool = True
    """Whether there is such a number in the quarantine."""


def refusal(error: PayloadError, at: datetime) -> Refused:
    """Return the row that goes into the quarantine for a payload that could not be read; ``at`` is when it arrived."""
    kept = (error.payload, error.size, error.field, error.reason, error.foreign, error.account_id, error.sha256)
    return Refused(at, *kept)


def replay_quarantine(rows: Rows, advance: Advance, quarantine_ids: Collection[int] | None = None) -> list[Replayed]:
    """Feed what can be read by now, in the order of the quarantine, each payload with its own time of arrival.

    ``quarantine_ids`` None means whatever can be tried: payloads that are kept whole, not erased, not dismissed and not
    fed yet; the result is about those alone. Of numbers that are named, each has a result; a dismissed one is tried.
    A payload is fed once, even if several processes replay at the same time. Raise ``StoreError`` if the store fails;
    what was fed until then stays.
    """
    asked = None if quarantine_ids is None else set(quarantine_ids)
    chosen = (row for row in rows() if asked is None or row.quarantine_id in asked)
    results = [result for row in chosen if (result := _replay(rows, advance, row, is_named=asked is not None))]
    missing = sorted((asked or set()) - {result.quarantine_id for result in results})
    unknown = "there is no number {} in the quarantine"
    return [*results, *(Replayed(number, error=unknown.format(number), is_known=False) for number in missing)]


def _replay(rows: Rows, advance: Advance, row: Quarantined, *, is_named: bool) -> Replayed | None:
    """Return what became of a payload; None for one that cannot be tried and was not named."""
    if row.dismissed_at is not None and not is_named:
        return None
    number, hindrance = row.quarantine_id, hindrance_of(row)
    if not hindrance:
        try:
            return Replayed(number, advance(parse(row.payload, row.received_at), number))
        except PayloadError as error:
            return Replayed(number, error=error.reason)
        except StoreError:  # perhaps another process was first
            now = next((other for other in rows() if other.quarantine_id == number), row)
            if not (hindrance := hindrance_of(now)):
                raise
    return Replayed(number, error=hindrance) if is_named else None


def hindrance_of(row: Quarantined) -> str:
    """Return why a payload cannot be tried again; blank if it can."""
    if row.released_at is not None:
        return f"it was fed at {row.released_at:%Y-%m-%d %H:%M:%S} UTC"
    if row.is_erased:
        return "its payload was erased"
    if row.size and not row.payload:
        return "it is another kind of webhook, whose text is not kept"
    if row.size > len(row.payload):
        return f"only the first {len(row.payload):,} of its {row.size:,} bytes are kept"
    return ""

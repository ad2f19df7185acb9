"""What a prune leaves in a store although it is old enough, and what holds it there."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from ..lifecycle.wording import JsonObject, moment, time_text
from .rows import Row, from_us


class Unpruned(NamedTuple):
    """The events received before a time that a prune up to it leaves, and what holds them."""

    events: int
    """How many there are."""
    hooks: tuple[tuple[str, int], ...]
    """With how many of them each hook has not finished: a delivery is to be made, or is not done."""
    later: tuple[str, int, datetime] | None
    """The first event that was received later and stands before some of them in the ledger, which is taken out in its
    order only: account id, sequence, time. A clock that was wrong dates such events."""

    def reasons(self) -> list[str]:
        """Return what holds them, for people, one thing a line."""
        said = [f"hook {name} has not finished with {count:,} of them" for name, count in self.hooks]
        if self.later is not None:
            account_id, sequence, at = self.later
            where = f"event {sequence} of {account_id or 'no account'}"
            said.append(f"{where} was received later ({moment(at)}), and stands before some of them in the ledger")
        return said or ["they follow others that a hook had not finished with when the prune began"]

    def to_dict(self) -> JsonObject:
        """Return it as a JSON object."""
        later = None
        if self.later is not None:
            account_id, sequence, at = self.later
            later = {"account_id": account_id, "sequence": sequence, "received_at": time_text(at)}
        return {"events": self.events, "hooks": dict(self.hooks), "later": later}


def unpruned_from(events: int, hooks: Sequence[Row], behind: Sequence[Row]) -> Unpruned:
    """Return it from what was counted."""
    later = next(((account_id, sequence, from_us(at)) for account_id, sequence, at in behind), None)
    return Unpruned(events, tuple([(name, count) for name, count in hooks]), later)

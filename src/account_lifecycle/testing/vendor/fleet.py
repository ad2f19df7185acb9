"""One account of the simulated vendor: what its list says of it, and what was true of it when."""

import json
from bisect import bisect_right
from datetime import datetime
from typing import NamedTuple

from ...lifecycle.definition import CONNECTING, OK, WORST_FIRST
from ...lifecycle.events import ABSENT
from ...lifecycle.providers import family_of, profile_of
from ...lifecycle.status import Status

_SYNCED_APART = ("recruiter", "sales_navigator")
"""The premium features of which one has a sync of its own."""


class Moved(NamedTuple):
    """From when on an account was in a status."""

    at: datetime
    status: str
    """The worst word of its sources, or ``ABSENT``."""


class SimulatedAccount:
    """An account of the simulated vendor; change it by the methods of ``SimulatedVendor``."""

    __slots__ = (
        "_item", "created_at", "episode", "id", "name", "notify_url", "number", "owner", "premium", "sources", "truth",
        "type",
    )  # fmt: skip

    def __init__(
        self, number: int, account_id: str, kind: str, at: datetime, *, name: str, owner: str | None,
        notify_url: str | None, premium: tuple[str, ...], sources: int, status: Status,
    ) -> None:  # fmt: skip
        self.number = number
        self.id = account_id
        self.type = kind
        self.name = name
        self.owner = owner
        """Your own user id, which notifications of hosted auth hand back."""
        self.notify_url = notify_url
        self.premium = premium
        self.created_at = at
        self.episode = 0
        """Counts what happens to it, so that what was planned before is not done after."""
        self.sources = {f"{account_id}_{n}": status for n in range(1, sources + 1)}
        self.truth = [Moved(at, str(status))]
        """Every status that it was in, from its creation on."""
        self._item: bytes | None = None

    @property
    def status(self) -> str:
        """What is true of it now: the worst word of its sources, or ``ABSENT`` once it is deleted."""
        return self.truth[-1].status

    @property
    def is_deleted(self) -> bool:
        """Whether the vendor has it no more."""
        return self.status == ABSENT

    @property
    def announces_sync(self) -> bool:
        """Whether SYNC_SUCCESS is announced for it."""
        return profile_of(family_of(self.type)).announces_sync

    @property
    def products(self) -> tuple[str, ...]:
        """What is synced apart, and announced so; a blank product where there are none."""
        if not profile_of(family_of(self.type)).has_products:
            return ("",)
        return ("classic", *[feature for feature in self.premium if feature in _SYNCED_APART][:1])

    def status_at(self, at: datetime) -> str:
        """Return what was true of it at a time; ``ABSENT`` before its creation."""
        number = bisect_right(self.truth, at, key=lambda moved: moved.at)
        return self.truth[number - 1].status if number else ABSENT

    def move(self, at: datetime, status: Status, source: int | None = None) -> bool:
        """Put one source, or all, into a status; return whether its own status is another now."""
        for number, name in enumerate(self.sources):
            if source in (None, number):
                self.sources[name] = status
        self._item = None
        worst = next(word for word in WORST_FIRST if word in self.sources.values())
        return self._moved(at, str(worst))

    def delete(self, at: datetime) -> None:
        """Take it out of the vendor's list."""
        self._moved(at, ABSENT)

    def _moved(self, at: datetime, status: str) -> bool:
        self.episode += 1
        if status == self.status:
            return False
        self.truth.append(Moved(at, status))
        return True

    def item(self) -> bytes:
        """Return what the vendor's API answers about it."""
        if self._item is None:
            features = {"premiumFeatures": [*self.premium]} if self.premium else {}
            item = {
                "object": "Account",
                "type": self.type,
                "id": self.id,
                "name": self.name,
                "created_at": self.created_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "connection_params": {"im": {"username": f"{self.name}@example.com", "id": self.id, **features}},
                "sources": [{"id": name, "status": str(word)} for name, word in self.sources.items()],
            }
            self._item = json.dumps(item).encode()
        return self._item


STARTS_AS = CONNECTING
"""What the list says of an account until its first sync has ended."""
LIVES_AS = OK

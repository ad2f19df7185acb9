"""A second reading of the rules, as plain as possible: judges announcements with the grid and nothing else.

Slow, mutable and unconcerned with explanations; the tests hold the package's decisions against it.
"""

from datetime import datetime, timedelta

from account_lifecycle.lifecycle.events import StatusAnnounced
from lifecycle.expected_table import START, WORDS, Spot, after, cell
from lifecycle_builders import FAMILIES, LOSSES, SYNC_SILENT

REDELIVERY_WINDOW = timedelta(minutes=10)


class Window:
    """A blind window: when OK was last heard, when something else was, and what was lost."""

    def __init__(self, last_ok_at: datetime | None, opened_at: datetime) -> None:
        self.last_ok_at = last_ok_at
        self.opened_at = opened_at
        self.losses: list[str] = []


class Reading:
    """What the rules make of one account."""

    def __init__(self) -> None:
        self.spot: Spot = START
        self.provider: str | None = None
        self.accepted: tuple[str, str] | None = None
        self.heard_at: datetime | None = None
        self.ok_at: datetime | None = None
        self.since: datetime | None = None
        self.products: set[str] = set()
        self.window: Window | None = None

    @property
    def announces_sync(self) -> bool:
        return self.provider not in SYNC_SILENT

    def judge(self, event: StatusAnnounced) -> tuple[str, list[str]]:
        """The verdict and the kinds of anomaly, in the order of judging."""
        word, product, at = event.status, event.product, event.received_at
        kinds = self._meet(event.provider)
        if word not in WORDS:
            return "HELD", [*kinds, "UNKNOWN_STATUS"]
        if product and (word, self.provider) != ("SYNC_SUCCESS", "LINKEDIN"):
            kinds.append("UNEXPECTED_PRODUCT")
        if (word, product) == self.accepted:
            return "REPEATED", kinds + self._hear_again(at)
        answer = cell(self.spot, word, announces_sync=self.announces_sync)
        kinds += [answer.kind] if answer.kind else []
        if not answer.accepted:
            return "HELD", kinds
        self._accept(word, product, at, adopted=answer.kind == "ADOPTED")
        return "APPLIED", kinds

    def _meet(self, told: str | None) -> list[str]:
        if told is None or told == self.provider:
            return []
        if self.provider is not None:
            return ["PROVIDER_CHANGED"]
        self.provider = told
        return [] if told in FAMILIES else ["UNKNOWN_PROVIDER"]

    def _hear_again(self, at: datetime) -> list[str]:
        assert self.heard_at is not None
        assert self.accepted is not None
        stale = at - self.heard_at > REDELIVERY_WINDOW
        self.heard_at = at
        if self.accepted[0] == "OK":
            self.ok_at = at
        return ["STALE_REPEAT"] if stale else []

    def _accept(self, word: str, product: str, at: datetime, *, adopted: bool) -> None:
        before, self.spot = self.spot, after(self.spot, word, announces_sync=self.announces_sync)
        if self.spot[0] != before[0]:
            self.since = at
        self._follow_window(word, at, opens=before[0] == "OK" != self.spot[0] or adopted)
        self.accepted, self.heard_at = (word, product), at
        if word == "OK":
            self.ok_at = at
        if word in ("CREATION_SUCCESS", "RECONNECTED"):
            self.products = set()
        if word == "SYNC_SUCCESS":
            self.products.add(product)

    def _follow_window(self, word: str, at: datetime, *, opens: bool) -> None:
        if word in ("OK", "DELETED"):
            self.window = None
        elif opens and self.window is None:
            self.window = Window(self.ok_at, at)
        if self.window and word in LOSSES and word not in self.window.losses:
            self.window.losses.append(word)

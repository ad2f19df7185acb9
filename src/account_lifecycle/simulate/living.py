"""A fleet that lives as you watch: weeks of history, then news at a pace that can be watched, sometimes an incident.

The lives are those of ``log``. History has their own times. News has none: one thing comes after the other, as fast as
it is asked for, so that a user who comes back after nine hours comes back within minutes. News that is pressed together
would look like an incident where there is none; so of what is next, that comes first which does not (``Calm``).
"""

import json
import math
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from heapq import merge
from itertools import count, islice
from random import Random
from typing import NamedTuple

from ..errors import PayloadError
from ..intake.payloads import parse
from ..lifecycle.definition import CREDENTIALS, ERROR, PROVES_LIFE
from ..lifecycle.incidents import GOOD_NEWS, WIDTH
from ..lifecycle.providers import Provider
from ..lifecycle.status import Status
from .faults import Faults, Message
from .lives import Announcement, Channel, traits_of
from .log import WRITTEN_IN, simulate
from .wire import to_wire

FAULTY = Faults.everything(0.0015)
"""One announcement in twenty-five is disturbed: enough to see every kind of anomaly within an hour."""
CALM = 6
"""How many accounts of a provider may come into one status within the width of a burst, of which ten would be one."""
LOOK_AHEAD = 400
"""Among how many deliveries that are next is looked for one that may come."""
STRIKES = (ERROR, CREDENTIALS)
"""What incidents announce, in turn."""


class NewsItem(NamedTuple):
    """One delivery of the vendor's."""

    at: datetime
    """When it is sent in the simulated world."""
    body: bytes
    provider: Provider
    account_id: str = ""
    """Blank if it cannot be read."""
    status: str = ""


def fleet_news(accounts: int, seed: int, start: datetime, days: float) -> Iterator[NewsItem]:
    """Yield all that is delivered about a fleet in the order of its times; the same arguments give the same news.

    Every provider has its share, the largest less of it than in the world: many accounts of one look like an incident
    sooner.
    """
    weights = {provider: math.sqrt(traits_of(provider).share) for provider in Provider}
    whole = sum(weights.values())
    parts = [  # each with a seed of its own, or accounts of two providers would have the same ids
        _news_of(provider, round(accounts * weight / whole), seed * len(weights) + place, start, days)
        for place, (provider, weight) in enumerate(weights.items())
    ]
    return merge(*parts, key=lambda item: item.at)


def _news_of(provider: Provider, accounts: int, seed: int, start: datetime, days: float) -> Iterator[NewsItem]:
    log = simulate(accounts=accounts, seed=seed, start=start, days=days, faults=FAULTY, providers=(provider,))
    for line in log:
        entry = json.loads(line)
        at, payload = datetime.fromisoformat(entry["received_at"]), entry["payload"]
        body = (payload if isinstance(payload, str) else json.dumps(payload)).encode("utf-8", "surrogatepass")
        try:
            event = parse(body, at)
        except PayloadError:
            yield NewsItem(at, body, provider)
        else:
            yield NewsItem(at, body, provider, event.account_id, event.status)


def endless_news(accounts: int, seed: int, start: datetime, days: float) -> Iterator[NewsItem]:
    """Yield the news of a fleet; when nothing more becomes of it, that of another one, and so on."""
    for number in count():
        yield from fleet_news(accounts, seed + number, start + number * timedelta(days=days), days)


class Calm:
    """Lets news pass so that none of it looks like an incident; what an account does stays in its order."""

    def __init__(self, news: Iterator[NewsItem]) -> None:
        self._news = news
        self._next = list[NewsItem]()
        self._moved = deque[tuple[datetime, tuple[Provider, str]]]()
        self._counts = Counter[tuple[Provider, str]]()

    def take(self, now: datetime) -> NewsItem | None:
        """Return what may come now, the first that is next if possible; None if nothing may."""
        while self._moved and now - self._moved[0][0] > WIDTH:
            self._counts[self._moved.popleft()[1]] -= 1
        self._next += islice(self._news, LOOK_AHEAD - len(self._next))
        waiting = set[str]()
        for index, item in enumerate(self._next):
            kind = item.provider, item.status
            is_bad = item.status not in GOOD_NEWS
            if item.account_id in waiting or (is_bad and self._counts[kind] >= CALM):
                waiting.add(item.account_id)
                continue
            if is_bad:
                self._moved.append((now, kind))
                self._counts[kind] += 1
            return self._next.pop(index)
        return None


class Timed(NamedTuple):
    """A delivery of an incident, and when it comes: seconds after the first."""

    after_s: float
    body: bytes


def incident(account_ids: Sequence[str], provider: Provider, status: Status, random: Random) -> list[Timed]:
    """Return what is delivered when a provider fails: these accounts are lost within two minutes, in no order.

    Nearly all of them come back by themselves within a quarter of an hour.
    """
    [word, *_] = traits_of(provider).words[0][0]
    found: list[Timed] = []
    for account_id in account_ids:
        lost_s = random.uniform(0, 1) ** 1.5 * 110
        found.append(Timed(lost_s, _written(account_id, word, status)))
        if random.random() < 0.9:
            back_s = lost_s + random.uniform(240, 700)
            found.append(Timed(back_s, _written(account_id, word, PROVES_LIFE)))
    return sorted(found)


def _written(account_id: str, word: str, status: Status) -> bytes:
    message = Message(Announcement(0, status, Channel.WEBHOOK), word)
    return to_wire(account_id, "", message, WRITTEN_IN[Channel.WEBHOOK], status_first=False).encode()

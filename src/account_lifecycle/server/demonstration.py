"""What ``serve --demo`` serves: a simulated fleet with a past, and a vendor that goes on sending.

The vendor is a thread that posts to the receiver as the real one would, a webhook every few seconds; now and then a
provider fails, and most of its accounts with it. The hooks do nothing but take their time, and one of them fails for
some accounts, so that retries and dead letters can be seen.
"""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import chain
from random import Random
from threading import Event, Thread
from typing import NamedTuple
from zlib import crc32

from ..engine.core import Engine, utc_now
from ..errors import AccountLifecycleError
from ..hooks.calls import HookCall
from ..hooks.outcomes import RetryAt
from ..intake.logs import Received
from ..lifecycle.providers import Provider
from ..lifecycle.status import Health, Status
from ..records import AccountFilter
from ..simulate.living import STRIKES, Calm, NewsItem, Timed, endless_news, incident
from ..webhooks.posting import Poster
from .samples import JSON

_ACCOUNTS, _SEED = 2_000, 7
PAST, _DAYS = timedelta(days=30), 70.0
"""How long the fleet has lived, and will: accounts are born in the first half of it."""
GAP_S = 4.0
"""How long it takes from one webhook to the next, on average, in seconds."""
FIRST_INCIDENT_S, INCIDENTS_S = 75.0, 1_200.0
"""How long after the beginning a provider fails, and how long from then to the next, in seconds."""
PAST_INCIDENT = timedelta(minutes=100)
"""How long ago a provider failed last."""
MOST_STRUCK = 160
_BATCH = 5_000
_PAUSE_S = 1.0
_HOOK_S = 0.15
_FAILS_FOR = 7
"""The hook for backfills fails for one account in so many."""


class Filled(NamedTuple):
    """What the past of the fleet is made of."""

    accounts: int
    webhooks: int
    took_s: float


class DemoFleet:
    """The fleet over an engine whose store is new. ``fill`` it, ``register`` its hooks, and let it ``live``."""

    def __init__(self, engine: Engine, *, seed: int = _SEED, accounts: int = _ACCOUNTS, gap_s: float = GAP_S) -> None:
        self._engine = engine
        self._random = Random(f"{seed}/demo")
        self._gap_s = gap_s
        self._begins = utc_now()
        self._incidents = 0
        self._struck: Provider | None = None
        self._news: Iterator[NewsItem] = endless_news(accounts, seed, self._begins - PAST, _DAYS)
        self._stopping = Event()
        self._thread: Thread | None = None

    def fill(self) -> Filled:
        """Feed the past, an incident in it, up to now; return what there is."""
        begun_s, fails = time.monotonic(), self._begins - PAST_INCIDENT
        before = list[NewsItem]()
        for item in self._news:
            if item.at >= self._begins:
                self._news = chain([item], self._news)
                break
            before.append(item)
        webhooks = self._feed((item.at, item.body) for item in before if item.at < fails)
        strike = ((fails + timedelta(seconds=each.after_s), each.body) for each in self.strike())
        rest = chain(strike, ((item.at, item.body) for item in before if item.at >= fails))
        webhooks += self._feed(sorted(rest))
        self._engine.check_deadlines()
        return Filled(self._engine.overview().accounts, webhooks, time.monotonic() - begun_s)

    def _feed(self, deliveries: "Iterator[tuple[datetime, bytes]] | list[tuple[datetime, bytes]]") -> int:
        payloads = (Received(body, at) for at, body in deliveries)
        unreadable = list[object]()
        fed = self._engine.feed_events(payloads, batch_size=_BATCH, on_unreadable=unreadable.append)
        return sum(1 for _ in fed) + len(unreadable)

    def register(self) -> None:
        """Register hooks for what happens from now on."""
        engine = self._engine
        engine.on_action_required(ask_to_reconnect, name="ask_to_reconnect", after=timedelta(seconds=20))
        engine.on_recovered(backfill, name="backfill", attempts=3)
        engine.on_anomaly(tell_support, name="tell_support", severity="warning")

    def live(self, url: str) -> None:
        """Go on sending to a receiver, in a thread, until ``stop``."""
        self._thread = Thread(target=self._live, args=(Poster(url),), name="demo vendor", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Send nothing more."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _live(self, poster: Poster) -> None:
        calm, due = Calm(self._news), list[Timed]()
        begun_s = time.monotonic()
        next_s, fails_s = 0.0, FIRST_INCIDENT_S
        while not self._stopping.is_set():
            now_s = time.monotonic() - begun_s
            item: NewsItem | Timed | None = None
            if due and due[0].after_s <= now_s:
                item = heappop(due)
            elif next_s <= now_s:
                next_s = now_s + self._random.uniform(0.2, 1.8) * self._gap_s
                item = calm.take(utc_now())
            elif fails_s <= now_s:
                fails_s = now_s + INCIDENTS_S
                try:
                    for each in self.strike():
                        heappush(due, each._replace(after_s=now_s + each.after_s))
                except AccountLifecycleError:  # the store was closed
                    return
            if item is not None and poster.post(JSON, item.body).status != 200:
                self._stopping.wait(_PAUSE_S)  # what was not answered is lost, as the vendor's is in the end
            upcoming = min(next_s, fails_s, due[0].after_s if due else next_s)
            self._stopping.wait(max(0.0, upcoming - (time.monotonic() - begun_s)))

    def strike(self) -> list[Timed]:
        """Return an incident of a provider that has enough accounts: not the last one, and in another status."""
        self._incidents += 1
        providers = [provider for provider in Provider if provider is not self._struck]
        self._random.shuffle(providers)
        for provider in providers:
            ids = list(self._live_accounts(provider))
            if len(ids) >= _ENOUGH:
                self._struck = provider
                struck = self._random.sample(ids, min(MOST_STRUCK, int(len(ids) * self._random.uniform(0.5, 0.9))))
                return incident(struck, provider, self._status(), self._random)
        return []

    def _status(self) -> Status:
        return STRIKES[(self._incidents - 1) % len(STRIKES)]

    def _live_accounts(self, provider: Provider) -> Iterator[str]:
        return (each.account_id for each in self._engine.store.accounts(AccountFilter(None, Health.LIVE, provider)))


_ENOUGH = 40
"""How many live accounts a provider needs to have for an incident."""


def ask_to_reconnect(_call: HookCall) -> None:
    """Ask a user to reconnect, as far as the demo goes."""
    time.sleep(_HOOK_S)


def backfill(call: HookCall) -> RetryAt | None:
    """Fetch what was missed, as far as the demo goes; of some accounts it never can."""
    time.sleep(_HOOK_S)
    is_failing = crc32(call.account_id.encode()) % _FAILS_FOR == 0
    return RetryAt(reason="the CRM did not answer: a failure on purpose, of the demo") if is_failing else None


def tell_support(_call: HookCall) -> None:
    """Tell the support team, as far as the demo goes."""
    time.sleep(_HOOK_S)

"""The workload that the ``power`` campaign records, with the promises made to its callers.

Feeds one by one, in batches and from several threads, hooks that sometimes fail, a store that is closed and opened
again.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from account_lifecycle import Decision, Engine, HookCall, PayloadError
from account_lifecycle.lifecycle.effects import EffectKind
from account_lifecycle.testing import Clock

from .recording import Call, Promised, imposed, recorded
from .webhooks import LATER, Sent, names, webhooks

HOOKED = (EffectKind.CONNECTED, EffectKind.ACTION_REQUIRED, EffectKind.RECOVERED, EffectKind.ANOMALY)
"""The kinds of effect that a hook waits for."""
BATCH_SIZE = 25
THREADS = 3


class Fed(NamedTuple):
    """An event was acknowledged; hooks wait for these of its effects, by key."""

    payload: bytes
    wanted: tuple[str, ...]


class Quarantined(NamedTuple):
    """A payload was reported as unreadable, and as quarantined."""

    payload: bytes


class Called(NamedTuple):
    """A hook has done an effect."""

    key: str


class Completed(NamedTuple):
    """A delivery was reported as done: its hook must not be called again."""

    key: str


class Record(NamedTuple):
    """A recorded workload."""

    log: list[Call]
    sent: dict[str, list[bytes]]
    """The payloads that were sent for each account, in order."""


def record(seed: int, events: int, folder: Path, *, synchronous: str = "", checkpoint_pages: int = 0) -> Record:
    """Run the workload on a new store in a folder, and record it.

    ``synchronous`` makes every connection sync less than the store asks for; ``checkpoint_pages`` makes it move
    its write-ahead log into the database after so many pages; both leave the store's own ways when blank.
    """
    url = f"sqlite:///{folder}/accounts.db"
    with imposed(synchronous=synchronous, wal_autocheckpoint=checkpoint_pages), recorded() as log:
        workload = _Workload(log, seed)
        half = events // 2
        with workload.opened(url) as engine:
            workload.feed_singly(engine, names("single", 5), half // 2)
            workload.feed_in_batches(engine, names("batch", 9), half // 2)
            workload.run_hooks(engine)
        with workload.opened(url) as engine:
            workload.feed_from_threads(engine, half // 2)
            workload.feed_in_batches(engine, names("batch", 9), half // 4)
            workload.feed_singly(engine, names("single", 5), half // 4)
            workload.run_hooks(engine)
    return Record(log, workload.sent)


def subscribe(engine: Engine, hook: Callable[[HookCall], object]) -> None:
    """Register a hook for every kind that is waited for."""
    for kind in HOOKED:
        engine.subscribe(kind, None, hook, "campaign", since="beginning")


class _Workload:
    """Feeds, and logs what it was promised."""

    def __init__(self, log: list[Call], seed: int) -> None:
        self.sent: dict[str, list[bytes]] = {}
        self._log = log
        self._seed = seed
        self._clock = Clock()
        self._done: set[str] = set()

    @contextmanager
    def opened(self, url: str) -> Iterator[Engine]:
        """The store, with its hooks."""
        with Engine.open(url, clock=self._clock, observers=()) as engine:
            subscribe(engine, self._hook)
            yield engine

    def feed_singly(self, engine: Engine, accounts: Sequence[str], count: int) -> None:
        """One by one."""
        for sent in self._next(accounts, count):
            self._feed(engine, sent)

    def feed_in_batches(self, engine: Engine, accounts: Sequence[str], count: int) -> None:
        """Many in one transaction."""
        sent = self._next(accounts, count)
        payloads = (one.as_received for one in sent)
        refused: list[bytes] = []
        for decision in engine.feed_events(
            payloads, batch_size=BATCH_SIZE, on_unreadable=lambda error: refused.append(error.payload)
        ):
            self._tell(_fed(decision))
        for payload in refused:
            self._tell(Quarantined(payload))

    def feed_from_threads(self, engine: Engine, count: int) -> None:
        """From several threads at once, each with accounts of its own."""
        shares = [self._next(names(f"thread-{number}", 3), count // THREADS) for number in range(THREADS)]
        threads = [threading.Thread(target=self._feed_share, args=(engine, share)) for share in shares]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def run_hooks(self, engine: Engine) -> None:
        """Everything that is due, also what failed before."""
        self._clock.now = LATER
        for outcome in engine.run_hooks():
            if outcome.done:
                self._tell(Completed(outcome.call.key))

    def _feed_share(self, engine: Engine, share: Sequence[Sent]) -> None:
        for sent in share:
            self._feed(engine, sent)

    def _feed(self, engine: Engine, sent: Sent) -> None:
        try:
            fed = _fed(engine.feed_event(sent.payload, received_at=sent.received_at))
        except PayloadError as error:
            self._tell(Quarantined(error.payload))
            return
        self._tell(fed)

    def _hook(self, call: HookCall) -> None:
        if call.attempt == 1 and crc32(call.key.encode()) % 4 == 0:
            raise RuntimeError("not now")
        self._tell(Called(call.key))

    def _tell(self, promise: Fed | Quarantined | Called | Completed) -> None:
        self._log.append(Promised(promise))

    def _next(self, accounts: Sequence[str], count: int) -> list[Sent]:
        self._seed += 1000
        found = webhooks(self._seed, count, accounts, padding=300)
        for sent in found:
            if sent.account_id:
                self.sent.setdefault(sent.account_id, []).append(sent.payload)
        return found


def _fed(decision: Decision) -> Fed:
    account_id, sequence = decision.after.account_id, decision.sequence
    wanted = tuple(effect.key(account_id, sequence) for effect in decision.effects if effect.kind in HOOKED)
    return Fed(getattr(decision.event, "payload", b""), wanted)

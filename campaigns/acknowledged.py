"""Compare what feeders and hooks reported with the ledger.

Every acknowledged event must be there once, at the sequence that was reported, and no hook may have been called for an
effect that is not in the ledger.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from account_lifecycle import Engine
from account_lifecycle.lifecycle.effects import Effect
from account_lifecycle.records import DeliveryFilter, DeliveryState, Evidence

from .processes import reported
from .webhooks import marker_of

ROUNDS = 50
"""How often hooks are run until nothing is due."""


class Acknowledged(NamedTuple):
    """An event that was acknowledged to its feeder."""

    account_id: str
    sequence: int
    marker: str


class Call(NamedTuple):
    """A call of a hook."""

    caller: str
    """The process that made it."""
    key: str
    """The idempotency key that the hook was called with."""


class Reports(NamedTuple):
    """Everything that was reported so far."""

    acks: tuple[Acknowledged, ...]
    calls: tuple[Call, ...]
    """The calls of hooks, in order."""

    @classmethod
    def read(cls, acks: Iterable[Path], calls: Path) -> "Reports":
        """Read what was reported until now: all of it must be in a ledger that is read afterwards."""
        acknowledged = tuple(Acknowledged(*line) for path in acks for line in reported(path))
        return cls(acknowledged, tuple(Call(*line) for line in reported(calls)))

    @property
    def keys(self) -> set[str]:
        """What hooks were called for."""
        return {call.key for call in self.calls}


def unkept(engine: Engine, promised: Reports) -> list[str]:
    """Return every promise of the store that does not hold; others may feed meanwhile."""
    ledger = list(engine.store.evidence())
    return [*_unverified(engine), *_lost(ledger, promised.acks), *_made_up(ledger, promised.keys)]


def undelivered(engine: Engine, promised: Reports) -> list[str]:
    """Return effects that no hook was called for, and deliveries that are not done, once all hooks have been run."""
    return [
        *(f"lost effect: {key}" for key in sorted(_keys(engine.store.evidence()) - promised.keys)),
        *(f"still {state}: {count} deliveries" for state, count in _unfinished(engine).items()),
        *(f"never planned: the effects of {count} events" for count in [engine.store.waiting_effects()] if count),
    ]


def calls_again(promised: Reports) -> tuple[int, int]:
    """Return how many calls were made again, and in how many runs.

    A run is a series of calls by one process that were all made again later: deliveries are completed together, so
    each interruption of a process can explain one run and no more.
    """
    last = {call.key: place for place, call in enumerate(promised.calls)}
    repeated, runs, was_repeated = 0, 0, dict[str, bool]()
    for place, call in enumerate(promised.calls):
        is_repeated = last[call.key] != place
        repeated += is_repeated
        runs += is_repeated and not was_repeated.get(call.caller, False)
        was_repeated[call.caller] = is_repeated
    return repeated, runs


def drain(engine: Engine) -> None:
    """Run hooks until nothing is due any more."""
    for _ in range(ROUNDS):
        if not engine.run_hooks():
            return


def _unverified(engine: Engine) -> Iterator[str]:
    verification = engine.verify()
    if not verification.is_intact:
        yield f"verify: {verification.first}"


def _lost(ledger: Iterable[Evidence], acks: Iterable[Acknowledged]) -> Iterator[str]:
    """Acknowledged events that are not in the ledger exactly once, at the sequence that was reported."""
    places: dict[str, list[tuple[str, int]]] = {}
    for entry in (evidence.entry for evidence in ledger):
        if marker := marker_of(entry):  # a clock's event has none
            places.setdefault(marker, []).append((entry.account_id, entry.sequence))
    yield from (f"{marker} is in the ledger {len(found)} times" for marker, found in places.items() if len(found) > 1)
    for ack in acks:
        if places.get(ack.marker) != [(ack.account_id, ack.sequence)]:
            found_at = places.get(ack.marker)
            yield f"acknowledged as event {ack.sequence} of {ack.account_id}: {ack.marker} is at {found_at}"


def _made_up(ledger: Iterable[Evidence], called: set[str]) -> Iterator[str]:
    """Yield hook calls for what is not in the ledger."""
    return (f"a hook was called for what is not in the ledger: {key}" for key in sorted(called - _keys(ledger)))


def _keys(ledger: Iterable[Evidence]) -> set[str]:
    return {
        Effect(kind, subject).key(evidence.entry.account_id, evidence.entry.sequence)
        for evidence in ledger
        for kind, subject, _ in evidence.effects
    }


def _unfinished(engine: Engine) -> Counter[str]:
    records = engine.store.deliveries(DeliveryFilter())
    return Counter(record.state.value for record in records if record.state is not DeliveryState.DONE)

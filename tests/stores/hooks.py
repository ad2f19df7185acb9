"""Hooks, claims and completions for the tests of the outbox, in few words."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from account_lifecycle.lifecycle.decide import Decision
from account_lifecycle.lifecycle.effects import EffectKind
from account_lifecycle.records import (
    BEGINNING,
    Claim,
    Completion,
    Delivery,
    DeliveryFilter,
    DeliveryRecord,
    DeliveryState,
    SubscribedHook,
)
from account_lifecycle.stores.protocol import Feed, Store
from builders import T0, announced, as_it_is, at

ALL = 10_000
LATER = at(1)


def hook(
    name: str = "mail", kind: EffectKind = EffectKind.ENTERED, subject: str | None = None, **more: Any
) -> SubscribedHook:
    """A hook for every status that is entered, also before the store knew it, unless told otherwise."""
    return SubscribedHook(name, kind, subject, **({"since": BEGINNING} | more))


def one_for_each_kind(**more: Any) -> list[SubscribedHook]:
    """Hooks that between them hear of every effect, each of them once."""
    return [hook(f"on {kind}", kind, **more) for kind in EffectKind]


def feed(store: Store, account_id: str, *words: str, minute: float = 0, now: datetime = T0) -> list[Decision]:
    """Announcements, a minute apart, whose deliveries are made and due at one time."""
    events = [announced(account_id, word, minute + n) for n, word in enumerate(words)]
    return store.feed(Feed(events, as_it_is, now=now)).decisions


def planned(store: Store, *hooks: SubscribedHook, now: datetime = T0) -> None:
    """Make hooks known and plan all there is."""
    store.subscribe(hooks, now)
    while store.plan(now, ALL):
        pass


def claim(
    store: Store,
    *hooks: str,
    now: datetime = T0,
    lease_min: float = 5,
    limit: int = ALL,
    account_ids: Sequence[str] | None = None,
) -> list[Delivery]:
    """Claim for these hooks, or for every hook that the store knows."""
    names = hooks or [known.name for known in store.subscribed()]
    return store.claim(names, now, now + (at(lease_min) - T0), limit, account_ids)


def claim_one(store: Store, *hooks: str, now: datetime = T0) -> Delivery:
    """The one delivery that can be claimed."""
    (delivery,) = claim(store, *hooks, now=now)
    return delivery


def completed(
    delivery: Delivery,
    state: DeliveryState = DeliveryState.DONE,
    now: datetime = LATER,
    due_at: datetime | None = None,
    error: str | None = None,
    *,
    counts: bool = True,
) -> Completion:
    """What became of a claimed delivery: done, unless told otherwise."""
    return Completion(Claim(delivery.delivery_id, delivery.token), state, now, due_at, error, counts)


def complete(store: Store, *deliveries: Delivery, state: DeliveryState = DeliveryState.DONE) -> list[bool]:
    """Complete deliveries alike."""
    return store.complete([completed(delivery, state) for delivery in deliveries])


def back_off(store: Store, delivery: Delivery, until: datetime) -> bool:
    """Let a delivery wait for its next attempt."""
    return store.complete([completed(delivery, DeliveryState.WAITING, at(0), until, "ValueError: no")])[0]


def records(store: Store, **wanted: Any) -> list[DeliveryRecord]:
    """The deliveries that fit."""
    return list(store.deliveries(DeliveryFilter(**wanted)))


def record_of(store: Store, delivery_id: int) -> DeliveryRecord:
    """A delivery as it stands."""
    (record,) = records(store, delivery_id=delivery_id)
    return record


def states(store: Store, **wanted: Any) -> list[str]:
    """Where deliveries stand, in the order in which they were made."""
    return [record.state.value for record in records(store, **wanted)]


def run_all(store: Store, now: datetime = T0) -> list[Delivery]:
    """Plan, claim and complete as done until nothing is left, as a runner whose hooks never fail."""
    while store.plan(now, ALL):
        pass
    done: list[Delivery] = []
    while batch := claim(store, now=now):
        assert all(complete(store, *batch))
        done += batch
    return done


def sequences(deliveries: list[Delivery]) -> list[int]:
    """The sequences of their events."""
    return [delivery.row.sequence for delivery in deliveries]

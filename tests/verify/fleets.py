"""Fleets to be verified: every kind of anomaly and window, under the rules of today or of another day."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial

from account_lifecycle import Engine
from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.decide import Decision, decide
from account_lifecycle.lifecycle.effects import EffectKind
from account_lifecycle.lifecycle.events import Event
from account_lifecycle.lifecycle.policy import DEFAULT_POLICY, Policy
from account_lifecycle.lifecycle.rules import Rules, rules_of
from account_lifecycle.records import SubscribedHook
from account_lifecycle.stores.protocol import Store
from builders import T0, announced, as_it_is
from stores.scenarios import events_with_every_anomaly, events_with_every_window

OLD_RULES = Rules("0123456789abcdef0123456789abcdef")
"""What another day judged by, of which nothing is kept."""

NAMED = (
    announced("named", "CREATION_SUCCESS", 200, None, name="user-7"),
    announced("named", "SYNC_SUCCESS", 201, product="classic"),
    announced("named", "OK", 202),
)


def everything() -> list[Event]:
    """Events that leave something in every column of every table."""
    return [*events_with_every_anomaly(), *events_with_every_window(), *NAMED]


def feed(store: Store, events: Sequence[Event], policy: Policy = DEFAULT_POLICY, rules: Rules | None = None) -> None:
    """Feed events that have been read already, one batch; ``rules`` if they are to be others."""
    name = rules_of(policy) if rules is None else rules
    store.advance(events, partial(as_it_is, policy=policy), name)


def judged_otherwise(account: Account, event: Event) -> list[Decision]:
    """A step of another day: it held whatever ``decide`` moves out of ERROR."""
    decision = decide(account, event)
    if account.status == "ERROR" and decision.after.status != "ERROR":
        return [replace(decide(account, announced(event.account_id, "A_WORD_NOBODY_KNOWS")), event=event)]
    return [decision]


def words(engine: Engine, account_id: str, announcements: Iterable[str]) -> None:
    """Feed an account some words, a minute after each other."""
    feed(engine.store, [announced(account_id, word, minute) for minute, word in enumerate(announcements)])


def nothing_waits(engine: Engine) -> None:
    """Plan everything for a hook that wants none of it, so that all of it can be pruned."""
    engine.store.subscribe([SubscribedHook("idle", EffectKind.DELETED, "nothing")], T0)
    while engine.store.plan(T0, 1000):
        pass

"""Each hook has the deliveries that it wanted, and a store in which it rightly has none of an event still holds."""

from pathlib import Path

from account_lifecycle import Engine
from account_lifecycle.lifecycle.anomalies import NextStep, Severity
from account_lifecycle.lifecycle.effects import EffectKind
from account_lifecycle.records import DeliveryState
from builders import announced, at
from stores.hooks import claim, complete, hook, planned
from verify.fleets import feed

pytest_plugins = ("postgres_server",)

WORDS = ("OK", "CREDENTIALS", "OK", "ERROR", "OK", "PERMISSIONS")


def lives(engine: Engine, minute: float = 0) -> None:
    feed(engine.store, [announced(f"a{n % 3}", word, minute + n) for n, word in enumerate(WORDS * 3)])


def holds(engine: Engine) -> bool:
    found = engine.verify()
    assert found.faults == ()
    return found.is_proved


def test_a_backlog_that_is_looked_through_in_part_lacks_nothing(engine: Engine) -> None:
    lives(engine)
    engine.store.subscribe([hook("late"), hook("later", since=at(9))], at(60))
    assert holds(engine)
    while engine.store.plan(at(60), 2):
        assert holds(engine)


def test_a_hook_that_wants_something_else_is_not_asked_for_what_it_did_not_want(engine: Engine) -> None:
    lives(engine)
    engine.store.subscribe([hook("late", subject="OK")], at(60))
    engine.store.plan(at(60), 2)
    planned(engine.store, hook("late", subject="ERROR"), now=at(61))
    lives(engine, 100)
    assert holds(engine)


def test_what_is_skipped_of_a_backlog_is_not_missing(engine: Engine) -> None:
    lives(engine)
    engine.store.subscribe([hook("late")], at(60))
    engine.store.plan(at(60), 2)
    engine.store.skip("late", at(9), at(61))
    planned(engine.store, now=at(61))
    assert holds(engine)


def test_a_hook_that_took_over_from_another_is_asked_for_what_either_had(engine: Engine) -> None:
    engine.store.subscribe([hook("early", since=None), hook("other", subject="OK", since=None)], at(-1))
    lives(engine)
    planned(engine.store, hook("late"), hook("third", subject="ERROR", since=at(9)), now=at(60))
    for old, new in (("early", "late"), ("third", "other"), ("late", "fresh")):
        assert engine.store.rename(old, new, at(61))
        assert holds(engine)
    lives(engine, 100)
    assert holds(engine)


def test_hooks_that_choose_anomalies_lack_nothing_early_or_late(engine: Engine) -> None:
    planned(engine.store, hook("early", EffectKind.ANOMALY, severity=Severity.WARNING), now=at(-1))
    lives(engine)
    planned(engine.store, hook("late", EffectKind.ANOMALY, next_step=NextStep.REPORT), now=at(60))
    assert holds(engine)


def test_redrives_that_go_with_their_hook_or_are_pruned_are_not_missing(engine: Engine, tmp_path: Path) -> None:
    store = engine.store
    planned(store, hook("mail", since=None), hook("page", since=None), now=at(-1))
    lives(engine)
    for name in ("mail", "page"):
        first, second, *_ = claim(store, name, now=at(60))
        for each in (first, second):
            complete(store, each, state=DeliveryState.DEAD)
        store.redrive([first.delivery_id, second.delivery_id], at(61))
        assert holds(engine)
    assert store.unsubscribe("mail")
    assert holds(engine)
    while claimed := claim(store, "page", now=at(62)):
        for each in claimed:
            complete(store, each)
    assert engine.prune(at(100), tmp_path / "old.jsonl.gz")
    assert holds(engine)

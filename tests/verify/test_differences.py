"""Against the definition: the effect of other rules on everything that was ever fed, seen before they are shipped."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from account_lifecycle import AnomalyKind, Engine, Policy, Verdict
from account_lifecycle.lifecycle import definition
from account_lifecycle.lifecycle.compiled import compiled
from account_lifecycle.lifecycle.decide import decide
from account_lifecycle.lifecycle.evidence import expected_from, shortest_path
from account_lifecycle.lifecycle.machine import build_machine
from account_lifecycle.lifecycle.rules import Rules, rules_of
from account_lifecycle.verify.rejudge import against_definition
from builders import announced, at
from verify.fleets import everything, feed, judged_otherwise, nothing_waits, words

CACHES = (compiled, build_machine, expected_from, shortest_path)

pytest_plugins = ("postgres_server",)


@pytest.fixture
def stricter(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A definition in which nothing leads from ERROR to OK but RECONNECTED: a late OK is held."""
    rows = tuple(
        row._replace(source=tuple(s for s in row.source if s is not definition.ERROR))
        if row.trigger is definition.OK
        else row
        for row in definition.TRANSITIONS
    )
    held = definition.Deviation((definition.OK,), (definition.ERROR,), definition.HOLD, AnomalyKind.LATE_EVENT)
    with monkeypatch.context() as patch:
        patch.setattr(definition, "TRANSITIONS", rows)
        patch.setattr(definition, "DEVIATIONS", (held, *definition.DEVIATIONS))
        forget()
        yield
    forget()


def forget() -> None:
    """Have everything compiled anew."""
    for cache in CACHES:
        cache.cache_clear()


def test_the_rules_that_were_in_force_find_no_difference(fed: Engine) -> None:
    found = fed.verify_against_definition()
    assert found.is_same
    assert (found.events, found.accounts) == (len(everything()), len(fed.accounts()))
    assert dict(found.events_by_rules) == {rules_of(Policy()).name: found.events}
    assert (found.accounts_differing, found.accounts_elsewhere, found.groups) == (0, 0, ())


def test_an_empty_store_has_no_differences(engine: Engine) -> None:
    assert engine.verify_against_definition().is_same


def test_another_definition_is_a_difference_and_no_fault(engine: Engine, request: pytest.FixtureRequest) -> None:
    words(engine, "a", ["OK", "ERROR", "OK", "CREDENTIALS"])
    words(engine, "b", ["OK", "ERROR", "OK"])
    words(engine, "c", ["OK", "ERROR", "CREDENTIALS"])
    request.getfixturevalue("stricter")
    verified, found = engine.verify(), engine.verify_against_definition()
    assert verified.is_proved
    assert (found.accounts_differing, found.accounts_elsewhere, found.events_differing) == (2, 1, 3)
    (group,) = found.groups
    assert (group.before.status, group.announced, group.accounts) == ("ERROR", "OK", 2)
    assert (group.recorded.verdict, group.recorded.after.status) == (Verdict.APPLIED, "OK")
    assert (group.today.verdict, group.today.after.status) == (Verdict.HELD, "ERROR")
    assert group.today.anomalies == (AnomalyKind.LATE_EVENT,)
    assert [(each.account_id, each.sequence, each.received_at) for each in group.examples] == [
        ("a", 3, at(2)),
        ("b", 3, at(2)),
    ]


def test_another_redelivery_window_is_a_difference(engine: Engine) -> None:
    feed(engine.store, [announced("a", "OK", 0), announced("a", "OK", 30)])
    assert engine.verify_against_definition().is_same
    patient = Policy(redelivery_window=timedelta(hours=1))
    found = against_definition(engine.store, partial(decide, policy=patient), rules_of(patient).name)
    (group,) = found.groups
    assert (group.recorded.anomalies, group.today.anomalies) == ((AnomalyKind.MISSED_OUTAGE,), ())
    assert (found.events_differing, found.accounts_elsewhere) == (1, 0)
    assert found.rules == rules_of(patient).name


def test_what_an_older_step_decided_is_compared_with_what_today_s_would(engine: Engine) -> None:
    log = [announced("a", word, minute) for minute, word in enumerate(["OK", "ERROR", "OK"])]
    engine.store.advance(log, judged_otherwise, Rules("older"))
    found = engine.verify_against_definition()
    (group,) = found.groups
    assert (group.recorded.verdict, group.today.verdict) == (Verdict.HELD, Verdict.APPLIED)
    assert found.accounts_elsewhere == 1
    assert dict(found.events_by_rules) == {"older": 3}


def test_an_account_counts_once_where_it_first_goes_another_way(engine: Engine, request: pytest.FixtureRequest) -> None:
    """Whatever follows from that is counted as events, not as more ways."""
    words(engine, "a", ["OK", "ERROR", "OK", "STOPPED", "ERROR", "OK"])
    request.getfixturevalue("stricter")
    found = engine.verify_against_definition()
    assert [(group.accounts, group.examples[0].sequence) for group in found.groups] == [(1, 3)]
    assert found.events_differing > found.accounts_differing == 1


def test_the_largest_group_comes_first_with_three_examples(engine: Engine, request: pytest.FixtureRequest) -> None:
    words(engine, "other", ["CREDENTIALS", "ERROR", "OK"])
    for number in range(5):
        words(engine, f"acc_{number}", ["OK", "ERROR", "OK"])
    request.getfixturevalue("stricter")
    groups = engine.verify_against_definition().groups
    assert [group.accounts for group in groups] == [5, 1]
    assert [each.account_id for each in groups[0].examples] == ["acc_0", "acc_1", "acc_2"]


def test_what_was_decided_before_a_prune_is_taken_as_it_is(engine: Engine, tmp_path: Path) -> None:
    log = [announced("a", word, minute) for minute, word in enumerate(["OK", "ERROR", "OK"])]
    engine.store.advance(log, judged_otherwise, Rules("older"))
    nothing_waits(engine)
    engine.prune(at(5), tmp_path / "old.jsonl.gz")
    feed(engine.store, [announced("a", "OK", 10), announced("b", "OK", 10)])
    assert engine.verify_against_definition().is_same

"""Verifying: what was fed by this program holds, whatever was done to it by this program since."""

import threading
from datetime import timedelta
from pathlib import Path

import pytest

from account_lifecycle import Engine, Policy, Verification
from account_lifecycle.lifecycle.rules import UNNAMED, rules_of
from builders import announced, as_it_is, at, deadline_of, notification, webhook
from verify.fleets import OLD_RULES, everything, feed, judged_otherwise, nothing_waits, words

pytest_plugins = ("postgres_server",)


def holds(found: Verification) -> bool:
    """Whether it does; if not, the test tells why."""
    assert found.faults == ()
    assert found.first is None
    return found.is_intact


# ---- What holds -------------------------------------------------------------------------------------


def test_an_empty_store_holds(engine: Engine) -> None:
    found = engine.verify()
    assert holds(found)
    assert (found.events, found.accounts, found.not_judged) == (0, 0, 0)


def test_every_kind_of_event_anomaly_and_window_is_judged_again_and_holds(fed: Engine) -> None:
    found = fed.verify()
    assert holds(found)
    assert found.events == len(everything())
    assert found.accounts == len(fed.accounts())
    assert dict(found.checked_by_rules) == {rules_of(Policy()).name: found.events}
    assert found.not_judged == 0


def test_events_are_judged_by_the_redelivery_window_that_they_were_judged_by(engine: Engine) -> None:
    """Half an hour is a redelivery to the one policy and a stale repeat to the other."""
    patient = Policy(redelivery_window=timedelta(hours=1))
    feed(engine.store, [announced("patient", "OK", 0), announced("patient", "OK", 30)], patient)
    feed(engine.store, [announced("strict", "OK", 0), announced("strict", "OK", 30)])
    found = engine.verify()
    assert holds(found)
    assert dict(found.checked_by_rules) == {rules_of(patient).name: 2, rules_of(Policy()).name: 2}


def test_what_is_fed_in_any_order_and_batch_holds(engine: Engine) -> None:
    for each in (webhook("b", "OK"), notification("a", "CREATION_SUCCESS"), webhook("B", "OK"), webhook("b", "ERROR")):
        engine.feed_event(each)
    list(engine.feed_events([webhook(f"é{n % 3}\U0001f600", word) for n, word in enumerate(["OK", "ERROR", "OK"] * 4)]))
    assert holds(engine.verify())


def test_it_holds_after_a_prune_whatever_comes_next(fed: Engine, tmp_path: Path) -> None:
    nothing_waits(fed)
    segment = fed.prune(at(11), tmp_path / "old.jsonl.gz")
    assert segment is not None
    after = fed.verify()
    assert holds(after)
    assert 0 < after.events == len(everything()) - segment.events
    words(fed, "recovered", ["OK", "ERROR", "OK"])
    words(fed, "grown", ["OK"])
    words(fed, "newcomer", ["OK"])
    assert holds(fed.verify())


def test_it_holds_after_everything_was_pruned(fed: Engine, tmp_path: Path) -> None:
    nothing_waits(fed)
    fed.prune(at(10_000), tmp_path / "all.jsonl.gz")
    found = fed.verify()
    assert holds(found)
    assert (found.events, found.accounts) == (0, len(fed.accounts()))


def test_it_holds_after_an_erasure_whatever_comes_next(fed: Engine) -> None:
    assert fed.erase_account("named") == 3
    assert fed.verify().events == len(everything())
    assert holds(fed.verify())
    fed.feed_event(notification("named", "RECONNECTED", "user-8"))
    assert holds(fed.verify())
    fed.erase_account("named")
    assert holds(fed.verify())


def test_it_holds_after_an_erasure_and_a_prune_in_either_order(fed: Engine, tmp_path: Path) -> None:
    nothing_waits(fed)
    fed.erase_account("named")
    fed.prune(at(201.5), tmp_path / "first.jsonl.gz")
    assert holds(fed.verify())
    fed.feed_event(notification("named", "RECONNECTED", "user-8"), received_at=at(300))
    fed.prune(at(301), tmp_path / "second.jsonl.gz")
    fed.erase_account("named")
    assert holds(fed.verify())


def test_the_window_of_a_pruned_deadline_is_no_riddle(engine: Engine, tmp_path: Path) -> None:
    feed(engine.store, [announced("a", "OK", 0), announced("a", "CONNECTING", 1)])
    account = engine.account("a")
    assert account is not None
    feed(engine.store, [deadline_of(account, 100)])
    nothing_waits(engine)
    engine.prune(at(50), tmp_path / "old.jsonl.gz")
    words(engine, "a", ["OK"])
    assert holds(engine.verify())


# ---- What was judged by other rules -------------------------------------------------------------------


def test_events_of_rules_that_are_not_at_hand_are_verified_by_their_structure(engine: Engine) -> None:
    log = [announced("old", word, minute) for minute, word in enumerate(["OK", "ERROR", "OK", "CREDENTIALS"])]
    engine.store.advance(log[:3], judged_otherwise, OLD_RULES)
    engine.store.advance([log[3]], as_it_is, rules_of(Policy()))
    words(engine, "new", ["OK", "ERROR", "OK"])
    found = engine.verify()
    assert holds(found)
    assert found.not_judged == 4
    assert dict(found.checked_by_rules) == {rules_of(Policy()).name: 3}


def test_what_cannot_be_judged_again_holds_and_is_not_proved(engine: Engine) -> None:
    words(engine, "new", ["OK", "ERROR"])
    assert engine.verify().is_proved
    feed(engine.store, [announced("old", "OK", 0)], rules=OLD_RULES)
    found = engine.verify()
    assert (found.is_intact, found.is_proved, found.not_judged) == (True, False, 1)


def test_a_step_that_nobody_named_is_verified_by_its_structure(engine: Engine) -> None:
    feed(engine.store, everything(), rules=UNNAMED)
    found = engine.verify()
    assert holds(found)
    assert found.not_judged == found.events


def test_an_account_that_was_pruned_since_can_be_judged_again_whatever_rules_there_were(
    engine: Engine, tmp_path: Path
) -> None:
    feed(engine.store, [announced("a", "OK", 0), announced("a", "ERROR", 1)], rules=OLD_RULES)
    nothing_waits(engine)
    engine.prune(at(5), tmp_path / "old.jsonl.gz")
    feed(engine.store, [announced("a", "OK", 10)])
    found = engine.verify()
    assert holds(found)
    assert found.not_judged == 0


# ---- While others feed ----------------------------------------------------------------------------------


def test_a_store_that_is_fed_meanwhile_gives_no_false_alarm(engine: Engine) -> None:
    words(engine, "acc_0", ["OK"])
    is_over, errors = threading.Event(), list[BaseException]()

    def keep_feeding() -> None:
        try:
            minute = 0.0
            while not is_over.wait(0.001):
                minute += 1
                log = [announced(f"acc_{n}", "ERROR" if minute % 2 else "OK", minute) for n in range(6)]
                feed(engine.store, [*log, announced(f"born_at_{minute}", "CREDENTIALS", minute)])
        except BaseException as error:
            errors.append(error)

    feeder = threading.Thread(target=keep_feeding)
    feeder.start()
    try:
        found: list[Verification] = []
        while not errors and (len(found) < 5 or found[-1].events < found[0].events + 500):
            found.append(engine.verify())
    finally:
        is_over.set()
        feeder.join()
    assert errors == []
    assert [each.faults for each in found] == [()] * len(found)
    assert found[-1].events > found[0].events


@pytest.mark.parametrize("when", ["baselines", "evidence", "windows_by_account", "stored_accounts"])
def test_whatever_happens_between_two_streams_gives_no_false_alarm(
    fed: Engine, when: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worst moment for feeding, erasing and pruning: just before the next stream is opened."""
    nothing_waits(fed)
    original = getattr(fed.store, when)

    def interrupted(*arguments: object) -> object:
        monkeypatch.undo()
        words(fed, "recovered", ["OK", "ERROR", "OK"])
        words(fed, "newborn", ["CREDENTIALS"])
        fed.erase_account("named")
        fed.prune(at(3), tmp_path / "old.jsonl.gz")
        return original(*arguments)

    monkeypatch.setattr(fed.store, when, interrupted)
    assert holds(fed.verify())
    assert (tmp_path / "old.jsonl.gz").exists()
    assert holds(fed.verify())

"""The past: an account, and the fleet, as they were at any moment, by the fold that proves the ledger."""

from datetime import timedelta
from pathlib import Path

import pytest

from account_lifecycle import Engine, StoreError
from account_lifecycle.lifecycle.account import Account
from account_lifecycle.testing import Clock
from builders import announced, at, judged, webhook
from verify.fleets import OLD_RULES, everything, feed, nothing_waits, words

pytest_plugins = ("postgres_server",)

MOMENT = timedelta(microseconds=1)


def test_an_account_is_what_it_was_after_each_of_its_events(fed: Engine) -> None:
    """At the moment of the event, and until the next one; before the first, nothing is known of it."""
    lives: dict[str, list[Account]] = {}
    for decision in judged(everything()):
        lives.setdefault(decision.after.account_id, []).append(decision.after)
    for account_id, life in lives.items():
        if not account_id:
            continue
        entries = fed.history(account_id)
        assert fed.account(account_id, as_of=entries[0].received_at - MOMENT) is None
        newest = [max(entry.received_at for entry in entries[:n]) for n in range(1, len(entries) + 1)]
        for entry, latest, account, after in zip(entries, newest, life, [*entries[1:], None], strict=True):
            if entry.received_at < latest or (after is not None and after.received_at <= entry.received_at):
                continue  # it came out of order, or at the same time as the next one
            assert fed.account(account_id, as_of=entry.received_at) == account
            until = at(10**6) if after is None else after.received_at
            assert fed.account(account_id, as_of=until - MOMENT) == account


def test_a_deadline_counts_from_the_moment_at_which_it_passed(engine: Engine, clock: Clock) -> None:
    engine.feed_event(webhook("a", "CONNECTING"))
    since = clock()
    clock.tick(hours=5)
    engine.check_deadlines()
    passed = engine.history("a")[-1].received_at
    assert passed < clock()
    before, after = (engine.account("a", as_of=moment) for moment in (passed - MOMENT, passed))
    assert before is not None
    assert after is not None
    assert (before.since, before.stuck, after.stuck) == (since, False, True)


def test_the_overview_of_a_moment_is_that_of_the_accounts_of_then(fed: Engine) -> None:
    for minutes in (-1, 0, 3, 8, 12, 202, 10**6):
        found = fed.overview(at=at(minutes))
        then = [fed.account(each.account_id, as_of=at(minutes)) for each in fed.accounts()]
        known = [account for account in then if account is not None]
        assert found.accounts == len(known)
        assert found.at == at(minutes)
        assert sum(found.by_status.values()) == len(known)
        assert {status: sum(a.status is status for a in known) for status in found.by_status} == dict(found.by_status)
    last = fed.overview(at=at(10**6))
    assert last == fed.overview(now=at(10**6))._replace(machinery=None)


def test_a_time_without_its_zone_is_refused(fed: Engine) -> None:
    with pytest.raises(ValueError, match="as_of"):
        fed.account("named", as_of=at(1).replace(tzinfo=None))
    with pytest.raises(ValueError, match="at"):
        fed.overview(at=at(1).replace(tzinfo=None))


def test_an_account_nothing_was_ever_fed_for_has_no_past(fed: Engine) -> None:
    assert fed.account("nobody knows it", as_of=at(10**6)) is None


def test_what_was_pruned_is_named_with_its_archive(fed: Engine, tmp_path: Path) -> None:
    """From the pruned part's end on, everything is known as before."""
    moments = [at(minutes) for minutes in (11, 12, 201, 202, 10**6)]
    before = [[fed.account(each.account_id, as_of=moment) for each in fed.accounts()] for moment in moments]
    nothing_waits(fed)
    archive = tmp_path / "old.jsonl.gz"
    fed.prune(at(11), archive)
    assert [[fed.account(each.account_id, as_of=moment) for each in fed.accounts()] for moment in moments] == before
    assert [fed.overview(at=moment).accounts for moment in moments] == [
        sum(account is not None for account in found) for found in before
    ]
    with pytest.raises(StoreError, match=r"events received before 2026-.* were pruned\. They are in .*old\.jsonl\.gz"):
        fed.account([*fed.store.baselines()][-1].account_id, as_of=at(3))
    with pytest.raises(StoreError, match="were pruned"):
        fed.overview(at=at(3))
    assert fed.account("named", as_of=at(3)) is None


def test_everything_that_was_pruned_is_still_there_as_it_was_last(fed: Engine, tmp_path: Path) -> None:
    nothing_waits(fed)
    fed.prune(at(10**6), tmp_path / "all.jsonl.gz")
    assert [fed.account(each.account_id, as_of=at(10**6)) for each in fed.accounts()] == fed.accounts()
    assert fed.overview(at=at(10**6)).accounts == len(fed.accounts())


def test_an_erased_person_is_in_no_past(fed: Engine) -> None:
    assert fed.account("named", as_of=at(201)).owner == "user-7"  # type: ignore[union-attr]
    fed.erase_account("named")
    account = fed.account("named", as_of=at(201))
    assert account is not None
    assert (account.owner, account.sequence) == (None, 2)


def test_what_cannot_be_judged_again_has_no_past_that_is_known(engine: Engine) -> None:
    words(engine, "a", ["OK", "ERROR"])
    feed(engine.store, [announced("a", "OK", 30)], rules=OLD_RULES)
    account = engine.account("a", as_of=at(29))
    assert account is not None
    assert account.status == "ERROR"
    with pytest.raises(StoreError, match="What came of event 3 of account a is not known"):
        engine.account("a", as_of=at(30))

"""Accounts rebuilt from what is on record: the same as they were when their events were judged, without judging."""

import pytest
from hypothesis import given, settings

from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.apply import applied
from account_lifecycle.lifecycle.decide import Decision, decide, judge
from account_lifecycle.lifecycle.events import NOBODY, StatusAnnounced
from account_lifecycle.lifecycle.policy import DEFAULT_POLICY, Policy
from lifecycle.expected_table import WAYS, WORDS, Spot, named
from lifecycle.happenings import Happening, lived, lives, policies
from lifecycle_builders import DAY, MINUTE, NOON, Life, without


def assert_rebuilt(decisions: list[Decision], policy: Policy) -> None:
    """From one event to the next, what its record leaves is what judging left."""
    account = decisions[0].before if decisions else Account("acc")
    for decision in decisions:
        kinds = [anomaly.kind for anomaly in decision.anomalies]
        before, after = decision.before.situation, decision.after.situation
        account = applied(account, decision.event, decision.verdict, before, after, kinds, policy)
        assert account == decision.after


@settings(max_examples=200, deadline=None)
@given(lives(), policies)
def test_any_life_is_rebuilt_as_it_was(life: list[Happening], policy: Policy) -> None:
    assert_rebuilt(lived(life, policy).decisions, policy)


@pytest.mark.parametrize("way", WAYS, ids=named)
def test_every_announcement_in_every_situation_is_rebuilt_as_it_was(way: tuple[Spot, bool]) -> None:
    for policy in (DEFAULT_POLICY, without("OK")):
        for word in (*WORDS, "FROZEN"):
            for after in (MINUTE, DAY):
                life = Life(*WAYS[way], policy=policy)
                life.hears(word, after=after, provider="X")
                assert_rebuilt(life.decisions, policy)


def test_a_deadline_of_a_stay_that_was_over_leaves_nothing_behind() -> None:
    life = Life("CONNECTING")
    deadline = life.deadline()
    life.hears("OK")
    overtaken = decide(life.account, deadline, life.policy)

    assert_rebuilt([*life.decisions, overtaken], life.policy)


def test_failed_creations_of_nobodys_account_are_rebuilt_as_well() -> None:
    account, decisions = Account(NOBODY), list[Decision]()
    for number, owner in enumerate(["user-1", "user-2", "user-1", None, None]):
        decisions += judge(account, StatusAnnounced(NOBODY, "CREATION_FAIL", NOON + number * MINUTE, owner=owner))
        account = decisions[-1].after

    assert_rebuilt(decisions, DEFAULT_POLICY)

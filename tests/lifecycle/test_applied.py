"""Accounts retold from the ledger: the same as they were when their events were judged, without judging again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.compiled import compiled
from account_lifecycle.lifecycle.decide import Decision
from account_lifecycle.lifecycle.definition import ANNOUNCEMENTS
from account_lifecycle.lifecycle.events import Event
from account_lifecycle.lifecycle.machine import Situation
from builders import announced, deadline_of, judged
from stores.exactness import shape
from stores.ledger_contract import entry_of
from stores.retention_contract import full_life
from stores.scenarios import events_to, events_with_every_anomaly, events_with_every_window

steps = st.lists(
    st.tuples(
        st.sampled_from(["SNAFU", "late", *ANNOUNCEMENTS]),
        st.sampled_from([None, "LINKEDIN", "X", "MYSPACE"]),
        st.sampled_from(["", "classic"]),
        st.sampled_from([None, "user-1", "user-2"]),
    ),
    max_size=15,
)


def assert_retold(decisions: list[Decision]) -> None:
    """Each account, told from its ledger entries alone, is at every event what it was."""
    accounts: dict[str, Account] = {}
    for decision in decisions:
        account_id = decision.after.account_id
        before = accounts.get(account_id, Account(account_id))
        accounts[account_id] = entry_of(decision).applied_to(before)
        assert shape(accounts[account_id]) == shape(decision.after)


@given(steps)
def test_any_life_is_retold_as_it_was(life: list[tuple[str, str | None, str, str | None]]) -> None:
    log: list[Event] = []
    for minute, (word, provider, product, name) in enumerate(life):
        account = judged(log)[-1].account if log else Account("a")
        is_late = word == "late" and account.since is not None
        log.append(deadline_of(account, minute) if is_late else announced("a", word, minute, provider, product, name))
    assert_retold(judged(log))


@pytest.mark.parametrize("situation", compiled().situations, ids=lambda s: f"{s.status}-{s.exists}-{s.lost}")
@pytest.mark.parametrize("word", [*ANNOUNCEMENTS, "SNAFU"])
def test_every_announcement_in_every_situation_is_retold_as_it_was(situation: Situation, word: str) -> None:
    for provider in ("LINKEDIN", "X"):
        assert_retold(judged([*events_to(situation, "a"), announced("a", word, 99, provider)]))


def test_whole_logs_are_retold_as_they_were() -> None:
    assert_retold(judged([*events_with_every_anomaly(), *events_with_every_window(), *full_life()]))


def test_a_deadline_of_a_stay_that_was_over_leaves_nothing_behind() -> None:
    stay = judged([announced("a", "CONNECTING")])[0].account
    assert_retold(judged([announced("a", "CONNECTING"), announced("a", "OK", 1), deadline_of(stay, 60)]))

"""A replay under way: what it tells besides the verdicts, and how it goes on from where something else has ended."""

import io
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.decide import Decision, decide
from account_lifecycle.lifecycle.events import StatusAnnounced
from account_lifecycle.lifecycle.policy import Policy
from account_lifecycle.replay import judging as judging_module
from account_lifecycle.replay.columns import Chunk
from account_lifecycle.replay.fleet import Fleet, micros
from account_lifecycle.replay.judging import Judging
from account_lifecycle.replay.sources.json_lines import JsonLines
from account_lifecycle.replay.vocabulary import Vocabulary
from builders import T0
from replay.comparing import STAMP, coded, line_of, packed
from replay.fleets import logs, often, policies
from replay.reference import events_of


def chunks_of(log: bytes, vocabulary: Vocabulary, block: int = 1 << 20) -> list[Chunk]:
    return list(JsonLines("log", io.BytesIO(log), block=block).chunks(vocabulary, STAMP))


def judge(judging: Judging, chunk: Chunk, source: int = 0) -> NDArray[np.void]:
    """All anomalies that a chunk brings."""
    found = [findings.anomalies.copy() for findings in judging.judge(chunk, source)]
    return np.concatenate([judging.found.anomalies[:0], *found])


LOG = b"".join(line_of(f"account-{n % 7}", "OK", n, provider="MYSPACE") for n in range(50))


def test_it_knows_how_much_it_has_judged_and_of_which_time() -> None:
    judging = Judging(vocabulary := Vocabulary())
    assert (judging.events, judging.first_at, judging.last_at) == (0, None, None)
    for chunk in chunks_of(b"ping\n" + LOG + line_of("late", "OK", -5), vocabulary, block=700):
        judge(judging, chunk)
    first, last = T0 - timedelta(seconds=5), T0 + timedelta(seconds=49)
    assert (judging.events, judging.first_at, judging.last_at) == (51, micros(first), micros(last))


def test_an_anomaly_names_its_source_and_its_line() -> None:
    judging = Judging(vocabulary := Vocabulary())
    for source in (3, 8):
        (chunk,) = chunks_of(b"\n" + line_of("a", "SNAFU") + b"ping\n" + line_of("b", "SNAFU"), vocabulary)
        found = judge(judging, chunk, source)
        assert found["line"].tolist() == [2, 4]
        assert found["source"].tolist() == [source, source]


def test_a_deadline_that_nobody_recorded_stands_on_no_line() -> None:
    judging = Judging(vocabulary := Vocabulary())
    (chunk,) = chunks_of(line_of("a", "CONNECTING") + line_of("a", "DELETED", 10_000), vocabulary)
    (found,) = judge(judging, chunk, 2)
    assert (found["line"], found["source"], found["at"]) == (0, 2, micros(T0 + timedelta(minutes=30)) + 1)


@pytest.mark.parametrize("room", [0, 7, 65_536])
def test_findings_come_in_the_order_of_the_log_however_much_room_there_is(
    room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging_module, "ANOMALIES_AT_A_TIME", room)
    judging = Judging(vocabulary := Vocabulary())
    log = b"".join(line_of(f"account-{n % 7}", "SNAFU", n) for n in range(50))
    (chunk,) = chunks_of(log, vocabulary)
    assert judge(judging, chunk)["line"].tolist() == list(range(1, 51))


def test_a_chunk_of_nothing_changes_nothing() -> None:
    judging = Judging(vocabulary := Vocabulary())
    for chunk in (*chunks_of(b"ping\n", vocabulary), coded([], vocabulary)):
        assert len(judge(judging, chunk)) == 0
    assert (judging.events, judging.last_at, len(judging.fleet)) == (0, None, 0)


def test_accounts_are_never_forgotten_while_their_number_grows() -> None:
    judging = Judging(vocabulary := Vocabulary())
    accounts = 3_000
    log = b"".join(line_of(f"account-{n}", "CREDENTIALS", n) for n in range(accounts))
    log += b"".join(line_of(f"account-{n}", "OK", 5_000 + n) for n in range(accounts))
    windows = 0
    for chunk in chunks_of(log, vocabulary, block=10_000):
        windows += sum(len(findings.windows) for findings in judging.judge(chunk))
    assert windows == accounts
    assert {judging.fleet.account(n).sequence for n in range(accounts)} == {2}
    assert judging.fleet.arrays.records.ctypes.data % 64 == 0  # an account never lies across two cache lines


# ---- Going on from accounts as they were ---------------------------------------------------------------------


def live(events: list[StatusAnnounced], accounts: dict[str, Account], policy: Policy) -> list[Decision]:
    """With no deadlines."""
    decisions = []
    for event in events:
        before = accounts.get(event.account_id, Account(event.account_id))
        decisions.append(decide(before, event, policy))
        accounts[event.account_id] = decisions[-1].account
    return decisions


@often
@given(logs, policies, st.integers(0, 40))
def test_any_accounts_can_be_put_and_lived_on_with(log: bytes, policy: Policy, place: int) -> None:
    events, _ = events_of(io.BytesIO(log), STAMP)
    accounts: dict[str, Account] = {}
    live(events[:place], accounts, policy)
    judging = Judging(Vocabulary(), policy, watches_deadlines=False)
    for account in accounts.values():
        judging.fleet.put(account)
    judge(judging, coded(events[place:], judging.vocabulary))
    expected = live(events[place:], accounts, policy)
    assert judging.found.outcomes.tolist() == [packed(decision) for decision in expected]
    assert {a.account_id: a for a in map(judging.fleet.account, range(len(judging.vocabulary.accounts)))} == accounts


@often
@given(logs)
def test_an_account_that_was_put_is_the_same_account(log: bytes) -> None:
    events, _ = events_of(io.BytesIO(log), STAMP)
    fleet = Fleet(Vocabulary())
    for decision in live(events, {}, Policy()):
        fleet = Fleet(Vocabulary())
        fleet.put(decision.account._replace(stuck=decision.sequence % 2 == 0))
        assert fleet.account(0) == decision.account._replace(stuck=decision.sequence % 2 == 0)
    assert len(fleet) in (0, 1)

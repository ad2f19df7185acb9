"""Any short log: a replay gives the verdicts of the live engine, with any policy and wherever it is cut."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from account_lifecycle.lifecycle import definition
from account_lifecycle.lifecycle.events import DeadlinePassed, Event, StatusAnnounced
from account_lifecycle.lifecycle.policy import Policy
from account_lifecycle.lifecycle.status import Status
from account_lifecycle.replay import judging
from builders import T0
from replay.comparing import differences, line_of, lived, lived_events, replayed, replayed_events
from replay.fleets import FAMILIES, cuts, lengths, logs, often, policies


@often
@given(logs, policies)
def test_any_log_is_judged_as_the_live_engine_judges_it(log: bytes, policy: Policy) -> None:
    assert differences(replayed(log, policy), lived(log, policy)) == []


@often
@given(logs, policies, st.integers(-100_000, 1_000_000))
def test_what_lasts_too_long_is_reported_up_to_any_end(log: bytes, policy: Policy, second: int) -> None:
    until = T0 + timedelta(seconds=second)
    assert differences(replayed(log, policy, until=until), lived(log, policy, until)) == []


@often
@given(logs, st.integers(1, 2_000), cuts)
def test_it_makes_no_difference_where_a_log_is_cut(log: bytes, block: int, cuts: list[int]) -> None:
    assert differences(replayed(log, block=block, cuts=cuts), replayed(log)) == []


# ---- With hardly any room ------------------------------------------------------------------------------------


@pytest.fixture
def _no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "ANOMALIES_AT_A_TIME", 0)
    monkeypatch.setattr(judging, "WINDOWS_AT_A_TIME", 0)


@pytest.mark.usefixtures("_no_room")
class TestWithHardlyAnyRoomForWhatIsFound:
    @often
    @given(logs, policies)
    def test_nothing_is_lost_or_told_twice(self, log: bytes, policy: Policy) -> None:
        assert differences(replayed(log, policy), lived(log, policy)) == []

    def test_every_account_may_end_overdue(self) -> None:
        log = b"".join(line_of(f"account-{n}", "CONNECTING", n) for n in range(100))
        later = T0 + timedelta(days=1)
        outcome = replayed(log, until=later)
        assert len(outcome.overdue) == 100
        assert differences(outcome, lived(log, until=later)) == []


# ---- Products --------------------------------------------------------------------------------------------------


@often
@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 300) | st.just(None)), max_size=60))
def test_any_products_are_synced_in_any_order(syncs: list[tuple[str, int | None]]) -> None:
    log = b"".join(
        line_of(
            account, "RECONNECTED" if product is None else "SYNC_SUCCESS", provider="LINKEDIN", product=_named(product)
        )
        for account, product in syncs
    )
    assert differences(replayed(log), lived(log)) == []


def _named(product: int | None) -> str | None:
    return None if product is None else f"product-{product}" if product else ""


def test_answers_that_share_a_place_in_the_memo_do_not_disturb_each_other() -> None:
    """So many sets and products, met in turn, that there are several for each place."""
    lines = []
    for number in range(6_000):
        account, product = f"account-{number % 61}", f"product-{number * 7919 % 503}"
        lines.append(line_of(account, "SYNC_SUCCESS", number, provider="LINKEDIN", product=product))
        if number % 59 == 0:
            lines.append(line_of(account, "RECONNECTED", number))
    log = b"".join(lines)
    assert differences(replayed(log), lived(log)) == []


# ---- Deadlines that somebody recorded ----------------------------------------------------------------------------


announcements = st.builds(
    StatusAnnounced,
    st.sampled_from("ab"),
    st.sampled_from([*definition.ANNOUNCEMENTS, "SNAFU"]),
    st.integers(0, 5).map(lambda hours: T0 + timedelta(hours=hours)),
    st.sampled_from([None, *FAMILIES[1:]]),
    st.sampled_from(["", "", "recruiter"]),
    st.sampled_from([None, "user-1"]),
)
deadlines = st.builds(
    DeadlinePassed,
    st.sampled_from("ab"),
    st.sampled_from(definition.ANNOUNCEMENTS),
    st.integers(0, 5).map(lambda hours: T0 + timedelta(hours=hours)),
    st.integers(0, 5).map(lambda hours: T0 + timedelta(hours=hours)),
    lengths.filter(lambda length: length < timedelta(days=200_000)),
)


@often
@given(st.lists(announcements | deadlines, max_size=40), policies, cuts)
def test_deadlines_on_record_count_and_no_others(events: list[Event], policy: Policy, cuts: list[int]) -> None:
    assert differences(replayed_events(events, policy, cuts), lived_events(events, policy)) == []


@pytest.mark.parametrize("is_of_this_stay", [True, False])
@pytest.mark.parametrize("status", [*definition.ANNOUNCEMENTS])
def test_a_recorded_deadline_counts_once_and_only_for_its_own_stay(status: Status, is_of_this_stay: bool) -> None:
    since = T0 if is_of_this_stay else T0 - timedelta(hours=1)
    deadline = DeadlinePassed("a", status, T0 + timedelta(hours=1), since, timedelta(minutes=30))
    events: list[Event] = [StatusAnnounced("a", status, T0), deadline, deadline]
    outcome = replayed_events(events)
    found = [noted for noted in outcome.noted if noted.anomaly.kind == "STUCK"]
    assert len(found) == is_of_this_stay
    assert differences(outcome, lived_events(events)) == []

"""Bursts and silences: found at once when they are there, and never when they are not."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from account_lifecycle.intake.payloads import parse
from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.decide import judge
from account_lifecycle.lifecycle.events import StatusAnnounced
from account_lifecycle.lifecycle.incidents import GOOD_NEWS, WIDTH, Burst, BurstLog, StatusMove, Watch
from account_lifecycle.lifecycle.policy import DEFAULT_POLICY
from account_lifecycle.lifecycle.status import Status
from account_lifecycle.simulate.log import simulate
from lifecycle_builders import DAY, HOUR, MINUTE, NOON, SECOND


def watch_of(moves: Iterable[StatusMove]) -> Watch:
    watch = Watch()
    for move in moves:
        watch.moved(move)
    return watch


def lost_together(
    count: int, within: timedelta, *, at: datetime = NOON, status: Status = Status.ERROR
) -> list[StatusMove]:
    return [StatusMove(at + within * n / (count - 1), "IMAP", status, f"acc_{n}") for n in range(count)]


# ---- Bursts ------------------------------------------------------------------------------------------


def test_ten_accounts_within_ten_minutes_are_a_burst_and_nine_are_none() -> None:
    ten = lost_together(10, WIDTH)
    assert watch_of(ten).bursts(NOON + WIDTH) == (Burst("IMAP", Status.ERROR, 10, NOON, NOON + WIDTH),)
    assert watch_of(ten[:9]).bursts(NOON + WIDTH) == ()
    assert watch_of(lost_together(10, WIDTH + SECOND)).bursts(NOON + HOUR) == ()


def test_one_account_that_comes_and_goes_is_no_burst() -> None:
    again = [StatusMove(NOON + n * SECOND, "IMAP", Status.ERROR, f"acc_{n % 9}") for n in range(300)]
    assert watch_of(again).bursts(NOON + WIDTH) == ()


def test_accounts_of_several_providers_or_statuses_are_no_burst_together() -> None:
    kinds = [("IMAP", Status.ERROR), ("IMAP", Status.CREDENTIALS), ("GOOGLE", Status.ERROR)]
    moves = [StatusMove(NOON + n * SECOND, *kinds[n % 3], f"acc_{n}") for n in range(27)]
    assert watch_of(moves).bursts(NOON + HOUR) == ()


def test_a_burst_is_told_for_two_hours_from_its_first_account_on() -> None:
    watch = watch_of(lost_together(40, 3 * MINUTE))
    assert [str(each) for each in watch.bursts(NOON + 2 * HOUR)] == ["40 IMAP accounts went ERROR within 3 min"]
    assert watch.bursts(NOON + 5 * HOUR) == ()


def test_an_incident_that_spans_a_full_hour_is_not_cut_by_the_clock() -> None:
    begin = NOON.replace(minute=55)
    (burst,) = watch_of(lost_together(63, 9 * MINUTE, at=begin)).bursts(begin + HOUR)
    assert (burst.accounts, burst.began_at) == (63, begin)


def test_that_many_accounts_come_back_is_no_burst() -> None:
    for status in GOOD_NEWS:
        assert watch_of(lost_together(500, MINUTE, status=status)).bursts(NOON + HOUR) == ()


def test_what_happens_every_day_at_that_time_is_usual_until_it_is_five_times_as_much() -> None:
    watch = Watch()
    for day in range(14, 0, -1):
        for move in lost_together(20, 5 * MINUTE, at=NOON - day * DAY):
            watch.moved(move)
    for move in lost_together(99, 5 * MINUTE):
        watch.moved(move)
    assert watch.bursts(NOON + 5 * MINUTE) == ()
    watch.moved(StatusMove(NOON + 5 * MINUTE, "IMAP", Status.ERROR, "one more"))
    assert [each.usual for each in watch.bursts(NOON + 5 * MINUTE)] == [20.0]


def test_one_incident_does_not_make_the_next_one_usual() -> None:
    watch = watch_of(lost_together(500, MINUTE, at=NOON - 3 * DAY))
    watch.began(NOON - 14 * DAY)
    for move in lost_together(10, MINUTE):
        watch.moved(move)
    assert [each.accounts for each in watch.bursts(NOON + HOUR)] == [10]


def test_days_before_anything_is_on_record_say_nothing_of_what_is_usual() -> None:
    watch = Watch()
    for day in (3, 2, 1):
        for move in lost_together(30, MINUTE, at=NOON - day * DAY):
            watch.moved(move)
    for move in lost_together(40, MINUTE):
        watch.moved(move)
    assert watch.bursts(NOON + HOUR) == ()


def test_a_usual_crowd_does_not_hide_a_smaller_one_that_is_not_usual() -> None:
    watch = Watch()
    for day in range(14, -1, -1):
        for move in lost_together(100, MINUTE, at=NOON - day * DAY):
            watch.moved(move)
    for move in lost_together(50, MINUTE, at=NOON + HOUR):
        watch.moved(move)
    assert [(each.accounts, each.began_at) for each in watch.bursts(NOON + 90 * MINUTE)] == [(50, NOON + HOUR)]


@given(
    st.lists(st.tuples(st.integers(0, 7200), st.sampled_from(["A", "B"]), st.integers(0, 25)), max_size=120),
    st.integers(0, 3600),
)
def test_the_densest_ten_minutes_are_those_that_trying_all_of_them_finds(
    rows: list[tuple[int, str, int]], later: int
) -> None:
    moves = sorted(StatusMove(NOON + at * SECOND, kind, Status.ERROR, f"acc_{n}") for at, kind, n in rows)
    now = NOON + 2 * HOUR + later * SECOND
    present = [move for move in moves if move.at >= now - 2 * HOUR]
    expected = {}
    for provider in ("A", "B"):
        mine = [move for move in present if move.provider == provider]
        sizes = [len({m.account_id for m in mine if first.at <= m.at <= first.at + WIDTH}) for first in mine]
        if sizes and max(sizes) >= 10:
            expected[provider] = max(sizes)
    found = watch_of(moves).bursts(now)
    assert {each.provider: each.accounts for each in found} == expected
    for each in found:
        assert timedelta(0) <= each.lasted <= WIDTH


@given(st.lists(st.integers(0, 20 * 1440), max_size=200), st.integers(0, 1439))
def test_usual_is_the_median_of_the_same_ten_minutes_of_the_days_on_record(minutes: list[int], of_day: int) -> None:
    begins = NOON - 20 * DAY
    watch = Watch()
    watch.began(begins)
    times = sorted(begins + minute * MINUTE for minute in minutes)
    for at in times:
        watch.moved(StatusMove(at, "X", Status.ERROR, "acc"))
    begin = NOON + of_day * MINUTE
    counts = sorted(sum(begin - day * DAY <= at < begin - day * DAY + WIDTH for at in times) for day in range(1, 15))
    assert watch.usual(Burst("X", Status.ERROR, 10, begin, begin)) == max(1.0, (counts[6] + counts[7]) / 2)


# ---- Silence -----------------------------------------------------------------------------------------


def announced_at(times: Iterable[datetime]) -> Watch:
    watch = Watch()
    for at in times:
        watch.announced(at)
    return watch


def test_where_nothing_was_ever_announced_there_is_no_silence() -> None:
    assert Watch().silence(NOON) is None


def test_an_hour_without_an_announcement_is_a_silence_on_a_busy_fleet() -> None:
    watch = announced_at(NOON + n * MINUTE for n in range(600))
    last = NOON + 599 * MINUTE
    assert watch.silence(last + HOUR) is None
    found = watch.silence(last + HOUR + SECOND)
    assert found is not None
    assert (found.since, found.allowed, str(found)) == (last, HOUR, "No announcement for 1 h 1 s")


def test_a_fleet_that_is_heard_of_every_two_hours_may_be_silent_for_six() -> None:
    watch = announced_at(NOON + n * 2 * HOUR for n in range(100))
    last = NOON + 198 * HOUR
    assert watch.silence(last + 6 * HOUR) is None
    assert watch.silence(last + 6 * HOUR + SECOND) is not None


def test_a_silence_does_not_end_because_it_lasts() -> None:
    watch = announced_at(NOON + n * MINUTE for n in range(600))
    assert watch.silence(NOON + 60 * DAY) is not None


@given(st.lists(st.integers(0, 13 * 1440), min_size=2, max_size=150), st.integers(0, 5000))
def test_a_long_gap_is_the_one_that_ninety_nine_of_a_hundred_are_no_longer_than(minutes: list[int], lasts: int) -> None:
    ordered = sorted(minutes)
    gaps = sorted(later - earlier for earlier, later in pairwise(ordered))
    long_gap = next(gap for gap in gaps if sum(each <= gap for each in gaps) >= 0.99 * len(gaps))
    now = NOON + (ordered[-1] + lasts) * MINUTE
    found = announced_at(NOON + minute * MINUTE for minute in ordered).silence(now)
    assert (found is not None) == (lasts > max(60, 3 * long_gap))


# ---- A fleet -----------------------------------------------------------------------------------------


def seen(watch: Watch, lines: Iterator[StatusAnnounced]) -> Iterator[StatusAnnounced]:
    """Show the watch every announcement and every move that it makes."""
    accounts: dict[str, Account] = {}
    for event in lines:
        watch.announced(event.received_at)
        for decision in judge(accounts.get(event.account_id, Account(event.account_id)), event, DEFAULT_POLICY):
            accounts[event.account_id] = after = decision.after
            if decision.before.status is not after.status:
                at = decision.event.received_at
                watch.moved(StatusMove(at, after.provider, after.status, event.account_id))
        yield event


def quiet_month(accounts: int, *, days: int = 30) -> Iterator[StatusAnnounced]:
    for line in simulate(accounts=accounts, seed=7, start=NOON, days=days):
        record = json.loads(line)
        event = parse(record["payload"], datetime.fromisoformat(record["received_at"]))
        assert isinstance(event, StatusAnnounced)
        yield event


def test_a_quiet_month_has_no_burst_and_no_silence() -> None:
    watch, now, unusual = Watch(), NOON, []
    for event in seen(watch, quiet_month(1429)):
        while now < event.received_at:
            unusual += [str(each) for each in (*watch.bursts(now), watch.silence(now)) if each]
            now += 5 * MINUTE
    assert now > NOON + 29 * DAY
    assert unusual == []


def test_most_accounts_of_a_provider_lost_within_minutes_are_found_within_a_minute_of_the_beginning() -> None:
    watch = Watch()
    for _ in seen(watch, quiet_month(1429, days=16)):
        pass
    begin, random, found_at = NOON + 17 * DAY, Random(14), None
    times = sorted(begin + random.random() * 8 * MINUTE for _ in range(1286))
    for number, at in enumerate(times):
        watch.moved(StatusMove(at, "LINKEDIN", Status.CREDENTIALS, f"acc_{number}"))
        if found_at is None and watch.bursts(at):
            found_at = at
    assert found_at is not None
    assert found_at - times[0] < MINUTE
    (burst,) = watch.bursts(begin + HOUR)
    assert (str(burst), burst.began_at) == ("1,286 LINKEDIN accounts went CREDENTIALS within 8 min", times[0])


# ---- A whole period ------------------------------------------------------------------------------------


def bursts_of(moves: Iterable[StatusMove]) -> tuple[Burst, ...]:
    log = BurstLog()
    for move in moves:
        log.moved(move)
    return log.ended()


def test_a_period_has_each_of_its_bursts_once_wherever_they_are() -> None:
    first, second = lost_together(40, 3 * MINUTE), lost_together(12, MINUTE, at=NOON + 9 * HOUR)
    quiet = [StatusMove(NOON + n * HOUR, "GOOGLE", Status.ERROR, f"quiet_{n}") for n in range(20)]
    found = bursts_of(sorted([*first, *second, *quiet]))
    assert [(each.accounts, each.began_at) for each in found] == [(40, NOON), (12, NOON + 9 * HOUR)]


def test_one_incident_of_an_hour_is_one_burst_its_densest_ten_minutes() -> None:
    moves = [StatusMove(NOON + n * 10 * SECOND, "IMAP", Status.ERROR, f"a{n}") for n in range(360)]
    dense = [StatusMove(NOON + 30 * MINUTE + n * SECOND, "IMAP", Status.ERROR, f"b{n}") for n in range(100)]
    (burst,) = bursts_of(sorted([*moves, *dense]))
    assert burst.accounts == 161
    assert burst.began_at <= NOON + 30 * MINUTE <= burst.ended_at


def test_what_is_usual_is_no_burst_of_a_period_either() -> None:
    nightly = [move for day in range(20) for move in lost_together(12, MINUTE, at=NOON + day * DAY)]
    assert len(bursts_of(nightly)) < 3
    assert bursts_of([*nightly, *lost_together(70, MINUTE, at=NOON + 20 * DAY)])[-1].accounts == 70

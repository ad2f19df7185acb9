"""The score itself: cases made by hand, in which what is found, missed and false is known beforehand."""

import json
from collections.abc import Iterator

import pytest

from account_lifecycle.errors import ConfigurationError
from account_lifecycle.simulate.faults import Faults
from account_lifecycle.simulate.log import Injected, Trace
from account_lifecycle.simulate.score import (
    MAX_MISSES,
    FalseAlarm,
    Heard,
    Score,
    Tally,
    Truth,
    read_truth,
    score,
    truth_of,
)

APPLIED, REPEATED, HELD = "APPLIED", "REPEATED", "HELD"
NOON = "2026-05-01T12:00:00Z"
DROP = Injected(12, "a", "drop", NOON, ("SKIPPED_STEP", "STUCK"), (), 10, 20, Trace.ANNOUNCED)
DUPLICATE = Injected(5, "a", "duplicate", NOON, ("REPEATED",), (), 5, 5, Trace.ANNOUNCED)
MALFORMED = Injected(7, "a", "malformed", NOON, ("quarantine",), ("ADOPTED",), 7, 9, Trace.ANNOUNCED)


def judge(fault: Injected, *heard: Heard, deadlines_checked: bool = False) -> Score:
    truth = Truth({"version": 1, "events": len(heard)}, (fault,))
    return score(truth, heard, deadlines_checked=deadlines_checked)


def counts(result: Score) -> tuple[int, int, int, int]:
    return result.total.found, result.total.no_trace, result.total.missed, result.false_alarms


FOUND, NO_TRACE, MISSED = (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0)
MISSED_AND_FALSE, NO_TRACE_AND_FALSE, FOUND_AND_FALSE = (0, 0, 1, 1), (0, 1, 0, 1), (1, 0, 0, 1)


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        (Heard(12, "a", APPLIED, ("SKIPPED_STEP",)), FOUND),
        (Heard(10, "a", APPLIED, ("SKIPPED_STEP",)), FOUND),
        (Heard(20, "a", APPLIED, ("SKIPPED_STEP",)), FOUND),
        (Heard(9, "a", APPLIED, ("SKIPPED_STEP",)), MISSED_AND_FALSE),
        (Heard(21, "a", APPLIED, ("SKIPPED_STEP",)), MISSED_AND_FALSE),
        (Heard(12, "b", APPLIED, ("SKIPPED_STEP",)), MISSED_AND_FALSE),
        (Heard(12, "a", HELD, ("LATE_EVENT",)), MISSED_AND_FALSE),
        (Heard(12, "a", APPLIED, ("SKIPPED_STEP", "LATE_EVENT")), FOUND_AND_FALSE),
        (Heard(12, "a", APPLIED), MISSED),
        (Heard(12, None, None), MISSED_AND_FALSE),
    ],
)
def test_a_fault_is_found_by_an_expected_kind_of_its_account_while_it_is_open(heard, expected):
    assert counts(judge(DROP, heard)) == expected


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        (Heard(5, "a", REPEATED), FOUND),
        (Heard(6, "a", REPEATED), MISSED),
        (Heard(5, "b", REPEATED), MISSED),
        (Heard(5, "a", APPLIED), MISSED),
        (Heard(5, "a", REPEATED, ("STALE_REPEAT",)), FOUND_AND_FALSE),
        (Heard(5, None, None), MISSED_AND_FALSE),
    ],
)
def test_a_duplicate_is_found_by_the_verdict_at_its_very_line(heard, expected):
    assert counts(judge(DUPLICATE, heard)) == expected


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        ([Heard(7, None, None)], FOUND),
        ([Heard(8, None, None)], MISSED_AND_FALSE),
        ([Heard(7, "a", APPLIED)], MISSED),
        ([Heard(7, None, None), Heard(8, "a", APPLIED, ("ADOPTED",))], FOUND),
        ([Heard(7, "a", APPLIED), Heard(8, "a", APPLIED, ("ADOPTED",))], MISSED),
        ([Heard(7, None, None), Heard(10, "a", APPLIED, ("ADOPTED",))], FOUND_AND_FALSE),
    ],
)
def test_an_unreadable_line_is_found_by_its_refusal_and_excuses_what_follows_from_it(heard, expected):
    assert counts(judge(MALFORMED, *heard)) == expected


def test_a_fault_that_left_no_trace_is_not_missed():
    assert counts(judge(DROP._replace(trace=Trace.NONE), Heard(12, "a", APPLIED))) == NO_TRACE


def test_an_anomaly_where_all_that_was_received_is_expected_is_false():
    heard = Heard(12, "a", APPLIED, ("SKIPPED_STEP",))
    assert counts(judge(DROP._replace(trace=Trace.NONE), heard)) == NO_TRACE_AND_FALSE


@pytest.mark.parametrize(("checked", "expected"), [(True, MISSED), (False, NO_TRACE)])
def test_what_only_a_deadline_shows_is_missed_only_by_who_checks_deadlines(checked, expected):
    assert counts(judge(DROP._replace(trace=Trace.DEADLINE), deadlines_checked=checked)) == expected


@pytest.mark.parametrize("trace", Trace)
def test_a_passed_deadline_finds_a_fault_however_expected_the_announcements_are(trace):
    stuck = Heard(13, "a", HELD, ("STUCK",))
    assert counts(judge(DROP._replace(trace=trace), stuck, deadlines_checked=True)) == FOUND


def test_a_deadline_that_passes_just_before_the_line_where_a_fault_opens_belongs_to_it():
    assert counts(judge(DROP, Heard(9, "a", HELD, ("STUCK",)))) == FOUND
    assert counts(judge(DROP, Heard(8, "a", HELD, ("STUCK",)))) == MISSED_AND_FALSE


def test_a_deadline_between_two_faults_belongs_to_the_later_one():
    later = DROP._replace(fault="reorder", opens=21, closes=None)
    truth = Truth({"version": 1, "events": 0}, (DROP, later))
    result = score(truth, [Heard(20, "a", HELD, ("STUCK",))])
    assert {tally.fault: tally.found for tally in result.by_fault} == {"drop": 0, "reorder": 1}


def test_a_fault_that_never_closes_is_open_to_the_end():
    heard = Heard(10**6, "a", APPLIED, ("SKIPPED_STEP",))
    assert counts(judge(DROP._replace(line=None, closes=None), heard)) == FOUND


def test_one_fault_is_found_once_however_often_it_shows():
    heard = [Heard(line, "a", APPLIED, ("SKIPPED_STEP",)) for line in range(10, 21)]
    assert counts(judge(DROP, *heard)) == FOUND


def test_a_log_without_faults_makes_every_anomaly_a_false_alarm():
    truth = Truth({"version": 1, "events": 3}, ())
    result = score(truth, [Heard(1, "a", APPLIED, ("ADOPTED",)), Heard(2, None, None), Heard(3, "a", REPEATED)])
    assert result.false_alarm_examples == (FalseAlarm(1, "a", "ADOPTED"), FalseAlarm(2, None, "quarantine"))
    assert result.summary == "found 0 of 0 injected faults (0 left no trace); 0 missed; 2 false alarms"


def mixed() -> Score:
    faults = (
        *(DROP._replace(account_id=name) for name in "abc"),
        DROP._replace(account_id="d", trace=Trace.NONE),
        *(
            DUPLICATE._replace(account_id=name, line=line, opens=line, closes=line)
            for line, name in ((1, "e"), (2, "f"))
        ),
    )
    heard = [
        Heard(1, "e", REPEATED),
        Heard(2, "f", APPLIED),
        Heard(3, "z", APPLIED, ("ADOPTED",)),
        *(Heard(12, name, APPLIED, ("SKIPPED_STEP",)) for name in "ab"),
    ]
    return score(Truth({"version": 1, "events": 6}, faults), heard)


def test_the_rows_add_up_to_the_summary():
    result = mixed()
    assert result.by_fault == (Tally("duplicate", 2, 1, 0, 1), Tally("drop", 4, 2, 1, 1))
    assert result.total == Tally("all", 6, 3, 1, 2)
    assert {fault.account_id for fault in result.missed_examples} == {"c", "f"}


def test_the_rows_say_it_in_plain_words_and_admit_what_was_not_heard():
    assert list(mixed().rows()) == [
        "found 3 of 6 injected faults (1 left no trace); 2 missed; 1 false alarms; only 5 of 6 lines were heard",
        "  duplicate: found 1 of 2 (0 left no trace); 1 missed",
        "  drop: found 2 of 4 (1 left no trace); 1 missed",
    ]


def test_a_score_is_perfect_only_if_all_was_heard_and_nothing_was_missed_or_made_up():
    heard = Heard(12, "a", APPLIED, ("SKIPPED_STEP",))
    assert judge(DROP, heard).is_perfect
    assert not judge(DROP, Heard(12, "a", APPLIED)).is_perfect
    assert not judge(DROP, heard, Heard(13, "b", APPLIED, ("ADOPTED",))).is_perfect
    assert not score(Truth({"version": 1, "events": 2}, (DROP,)), [heard]).is_perfect


def test_passed_deadlines_are_no_lines_of_the_log():
    result = score(Truth({"version": 1, "events": 1}, ()), [Heard(1, "a", APPLIED), Heard(1, "a", HELD, ("STUCK",))])
    assert (result.lines, result.false_alarms) == (1, 1)


def test_what_is_heard_is_taken_one_at_a_time_and_only_some_examples_are_kept():
    taken = []

    def heard() -> Iterator[Heard]:
        for line in range(1, 5_001):
            yield Heard(line, "a", APPLIED, ("ADOPTED",))
            taken.append(line)

    result = score(Truth({"version": 1, "events": 5_000}, ()), heard())
    assert (result.false_alarms, len(result.false_alarm_examples), len(taken)) == (5_000, MAX_MISSES, 5_000)


HEADER = {"version": 1, "events": 3}
ROW = DROP._asdict()


def test_a_truth_file_is_read_row_by_row(tmp_path):
    path = tmp_path / "fleet.truth.jsonl"
    path.write_text(f"{json.dumps(HEADER)}\n{json.dumps(ROW)}\n")
    assert read_truth(path) == Truth(HEADER, (DROP,))
    assert score(path, [Heard(12, "a", APPLIED, ("SKIPPED_STEP",))]).total.found == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]\n",
        '{"version": 2, "events": 1}\n',
        '{"version": 1}\n',
        "not JSON\n",
        '{"version": 1, "events": 1}\n{}\n',
    ],
)
def test_a_file_that_is_no_truth_is_refused_and_named(text, tmp_path):
    path = tmp_path / "other.jsonl"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"other\.jsonl"):
        read_truth(path)


def test_the_truth_can_come_from_memory():
    assert truth_of([HEADER, ROW]).faults == (DROP,)


def test_an_engine_that_hears_nothing_odd_misses_every_fault_that_shows(fleet, truth):
    simulation = fleet(faults=Faults.everything(0.02))
    heard = [Heard(number, "x", APPLIED) for number, _ in enumerate(simulation, 1)]
    result = score(truth(simulation), heard)
    assert result.total.found == result.false_alarms == 0
    assert result.total.missed == sum(fault.trace is Trace.ANNOUNCED for fault in truth(simulation).faults) > 0


def test_an_engine_that_cries_at_every_line_is_scored_so(fleet, truth):
    simulation = fleet()
    heard = [Heard(number, "x", APPLIED, ("ADOPTED",)) for number, _ in enumerate(simulation, 1)]
    assert score(truth(simulation), heard).false_alarms == simulation.events

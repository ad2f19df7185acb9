"""The score itself: cases made by hand, in which what is found, missed and false is known beforehand."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from account_lifecycle.errors import ConfigurationError
from account_lifecycle.lifecycle.effects import Effect, EffectKind
from account_lifecycle.lifecycle.windows import BlindWindow
from account_lifecycle.simulate.experience import EffectScore, EffectTally
from account_lifecycle.simulate.faults import Faults
from account_lifecycle.simulate.score import MAX_MISSES, FalseAlarm, Listened, Score, Tally, score
from account_lifecycle.simulate.truth import Injected, Lived, Truth, read_truth, truth_of

APPLIED, REPEATED, HELD = "APPLIED", "REPEATED", "HELD"
NOON = "2026-05-01T12:00:00Z"
DROP = Injected(12, "a", "drop", NOON, 10, 20, ("SKIPPED_STEP", "STUCK"), stories=("MISSED_NEWS",))
UNKNOWABLE = DROP._replace(unknowable="silence is what a healthy account gives, too")
DUPLICATE = Injected(5, "a", "duplicate", NOON, 5, 5, ("REPEATED",), is_old_news=True)
MALFORMED = Injected(7, "a", "malformed", NOON, 7, 9, ("quarantine",), ("ADOPTED",))


def judge(fault: Injected, *heard: Listened) -> Score:
    truth = Truth({"version": 2, "events": len(heard)}, (fault,))
    return score(truth, heard)


def counts(result: Score) -> tuple[int, int, int, int]:
    return result.total.found, result.total.unknowable, result.total.missed, result.false_alarms


FOUND, MISSED = (1, 0, 0, 0), (0, 0, 1, 0)
MISSED_AND_FALSE, FOUND_AND_FALSE = (0, 0, 1, 1), (1, 0, 0, 1)


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        (Listened(12, "a", APPLIED, ("SKIPPED_STEP",)), FOUND),
        (Listened(10, "a", APPLIED, ("SKIPPED_STEP",)), FOUND),
        (Listened(20, "a", APPLIED, ("SKIPPED_STEP",)), FOUND),
        (Listened(9, "a", APPLIED, ("SKIPPED_STEP",)), MISSED_AND_FALSE),
        (Listened(21, "a", APPLIED, ("SKIPPED_STEP",)), MISSED_AND_FALSE),
        (Listened(12, "b", APPLIED, ("SKIPPED_STEP",)), MISSED_AND_FALSE),
        (Listened(12, "a", HELD, ("LATE_EVENT",)), MISSED_AND_FALSE),
        (Listened(12, "a", APPLIED, ("SKIPPED_STEP", "LATE_EVENT")), FOUND_AND_FALSE),
        (Listened(12, "a", APPLIED), MISSED),
        (Listened(12, None, None), MISSED_AND_FALSE),
    ],
)
def test_a_fault_is_found_by_an_expected_kind_of_its_account_while_it_is_open(heard, expected):
    assert counts(judge(DROP, heard)) == expected


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        (Listened(5, "a", REPEATED), FOUND),
        (Listened(6, "a", REPEATED), MISSED),
        (Listened(5, "b", REPEATED), MISSED),
        (Listened(5, "a", APPLIED), MISSED),
        (Listened(5, "a", REPEATED, ("STALE_REPEAT",)), MISSED_AND_FALSE),
        (Listened(5, None, None), MISSED_AND_FALSE),
    ],
)
def test_a_duplicate_is_found_by_the_verdict_at_its_very_line(heard, expected):
    assert counts(judge(DUPLICATE, heard)) == expected


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        ([Listened(7, None, None)], FOUND),
        ([Listened(8, None, None)], MISSED_AND_FALSE),
        ([Listened(7, "a", APPLIED)], MISSED),
        ([Listened(7, None, None), Listened(8, "a", APPLIED, ("ADOPTED",))], FOUND),
        ([Listened(7, "a", APPLIED), Listened(8, "a", APPLIED, ("ADOPTED",))], MISSED),
        ([Listened(7, None, None), Listened(10, "a", APPLIED, ("ADOPTED",))], FOUND_AND_FALSE),
    ],
)
def test_an_unreadable_line_is_found_by_its_refusal_and_excuses_what_follows_from_it(heard, expected):
    assert counts(judge(MALFORMED, *heard)) == expected


def test_a_fault_with_a_reason_is_unknowable_and_not_missed_and_the_reason_is_told():
    result = judge(UNKNOWABLE, Listened(12, "a", APPLIED))
    assert counts(result) == (0, 1, 0, 0)
    assert result.reasons == {("drop", UNKNOWABLE.unknowable): 1}


def test_a_fault_that_is_found_although_it_is_unknowable_is_found():
    assert counts(judge(UNKNOWABLE, Listened(12, "a", APPLIED, ("SKIPPED_STEP",)))) == FOUND


@pytest.mark.parametrize(
    ("stories", "first", "told"),
    [
        (("MISSED_NEWS", "SLOW_VENDOR"), 1, 1),
        (("SLOW_VENDOR", "MISSED_NEWS"), 0, 1),
        (("SLOW_VENDOR",), 0, 0),
        ((), 0, 0),
    ],
)
def test_a_fault_is_explained_rightly_first_if_the_first_story_of_its_first_anomaly_is_true(stories, first, told):
    result = judge(DROP, Listened(12, "a", APPLIED, ("SKIPPED_STEP",), (stories,)))
    assert (result.total.rankable, result.total.first, result.total.told) == (1, first, told)
    assert [kind for _, kind, _ in result.wrong_examples] == ["SKIPPED_STEP"] * (1 - first)


def test_a_later_anomaly_can_tell_the_true_story_but_not_first():
    wrong, right = (
        Listened(n, "a", APPLIED, ("STUCK",), ((s,),)) for n, s in ((12, "SLOW_VENDOR"), (13, "MISSED_NEWS"))
    )
    total = judge(DROP, wrong, right).total
    assert (total.first, total.told) == (0, 1)


def test_where_no_evidence_can_rank_the_true_story_it_need_only_be_told():
    fault = DROP._replace(ambiguous={"STUCK": "silence is silence"})
    result = judge(fault, Listened(12, "a", APPLIED, ("STUCK",), (("SLOW_VENDOR", "MISSED_NEWS"),)))
    assert (result.total.rankable, result.total.first, result.total.told) == (0, 0, 1)
    assert result.reasons == {("drop", "silence is silence"): 1}


def test_true_news_that_may_be_stale_is_no_false_alarm_and_is_counted():
    result = judge(DROP, Listened(30, "a", APPLIED, ("POSSIBLY_STALE",)))
    assert (result.false_alarms, result.stale) == (0, 1)


def test_a_redelivery_that_moves_an_account_or_syncs_it_again_without_a_word_is_never_perfect():
    sync = Effect(EffectKind.SYNC_COMPLETED)
    late = Injected(5, "a", "late", NOON, 5, 5, ("REPEATED", "POSSIBLY_STALE"), is_old_news=True)
    silent = judge(late, Listened(5, "a", APPLIED, effects=(sync,), moved=True))
    assert (silent.silent_moves, silent.silent_syncs, silent.is_perfect) == (1, 1, False)
    doubted = Listened(5, "a", APPLIED, ("POSSIBLY_STALE",), effects=(sync._replace(doubtful=True),), moved=True)
    assert (judge(late, doubted).silent_moves, judge(late, doubted).silent_syncs) == (0, 0)


def test_a_passed_deadline_belongs_to_the_fault_that_is_open_at_the_next_line_or_at_the_last_of_its_account():
    assert counts(judge(DROP, Listened(10, "a", HELD, ("STUCK",), of_clock=True))) == FOUND
    assert counts(judge(DROP, Listened(9, "a", HELD, ("STUCK",), of_clock=True))) == MISSED_AND_FALSE
    late = Listened(30, "a", HELD, ("STUCK",), of_clock=True)
    assert counts(judge(DROP, Listened(15, "a", APPLIED), late)) == FOUND
    assert counts(judge(DROP, Listened(25, "a", APPLIED), late)) == MISSED_AND_FALSE


def test_a_fault_that_never_closes_is_open_to_the_end():
    heard = Listened(10**6, "a", APPLIED, ("SKIPPED_STEP",))
    assert counts(judge(DROP._replace(line=None, closes=None), heard)) == FOUND


def test_one_fault_is_found_once_however_often_it_shows():
    heard = [Listened(line, "a", APPLIED, ("SKIPPED_STEP",)) for line in range(10, 21)]
    assert counts(judge(DROP, *heard)) == FOUND


def test_a_log_without_faults_makes_every_anomaly_a_false_alarm():
    truth = Truth({"version": 2, "events": 3}, ())
    result = score(
        truth, [Listened(1, "a", APPLIED, ("ADOPTED",)), Listened(2, None, None), Listened(3, "a", REPEATED)]
    )
    assert result.false_alarm_examples == (FalseAlarm(1, "a", "ADOPTED"), FalseAlarm(2, None, "quarantine"))
    assert result.summary == "found 0 of 0 injected faults (0 unknowable); 0 missed; 2 false alarms"


def mixed() -> Score:
    faults = (
        *(DROP._replace(account_id=name) for name in "abc"),
        UNKNOWABLE._replace(account_id="d"),
        *(
            DUPLICATE._replace(account_id=name, line=line, opens=line, closes=line)
            for line, name in ((1, "e"), (2, "f"))
        ),
    )
    heard = [
        Listened(1, "e", REPEATED),
        Listened(2, "f", APPLIED),
        Listened(3, "z", APPLIED, ("ADOPTED",)),
        Listened(12, "a", APPLIED, ("SKIPPED_STEP",), (("MISSED_NEWS",),)),
        Listened(12, "b", APPLIED, ("SKIPPED_STEP",), (("OVERTAKEN",),)),
    ]
    return score(Truth({"version": 2, "events": 6}, faults), heard)


def test_the_rows_add_up_to_the_summary():
    result = mixed()
    assert result.by_fault == (Tally("duplicate", 2, 1, 0, 1, 1, 1, 1), Tally("drop", 4, 2, 1, 1, 2, 1, 1))
    assert result.total == Tally("all", 6, 3, 1, 2, 3, 2, 2)
    assert {fault.account_id for fault in result.missed_examples} == {"c", "f"}


def test_the_rows_say_it_in_plain_words_and_admit_what_was_not_heard():
    assert list(mixed().rows())[:4] == [
        "found 3 of 6 injected faults (1 unknowable); 2 missed; 1 false alarms; only 5 of 6 lines were heard",
        "  duplicate: found 1 of 2 (0 unknowable); 1 missed; explained rightly 1, first of all 1 of 1",
        "  drop: found 2 of 4 (1 unknowable); 1 missed; explained rightly 1, first of all 1 of 2",
        "  1 × drop cannot be known, or not rightly first: silence is what a healthy account gives, too",
    ]


def test_a_score_is_perfect_only_if_all_was_heard_and_nothing_was_missed_or_made_up():
    heard = Listened(12, "a", APPLIED, ("SKIPPED_STEP",))
    assert judge(DROP, heard).is_perfect
    assert not judge(DROP, Listened(12, "a", APPLIED)).is_perfect
    assert not judge(DROP, heard, Listened(13, "b", APPLIED, ("ADOPTED",))).is_perfect
    assert not score(Truth({"version": 2, "events": 2}, (DROP,)), [heard]).is_perfect


def test_passed_deadlines_are_no_lines_of_the_log():
    result = score(
        Truth({"version": 2, "events": 1}, ()),
        [Listened(1, "a", APPLIED), Listened(1, "a", HELD, ("STUCK",), of_clock=True)],
    )
    assert (result.lines, result.false_alarms) == (1, 1)


def test_what_is_heard_is_taken_one_at_a_time_and_only_some_examples_are_kept():
    taken = []

    def heard() -> Iterator[Listened]:
        for line in range(1, 5_001):
            yield Listened(line, "a", APPLIED, ("ADOPTED",))
            taken.append(line)

    result = score(Truth({"version": 2, "events": 5_000}, ()), heard())
    assert (result.false_alarms, len(result.false_alarm_examples), len(taken)) == (5_000, MAX_MISSES, 5_000)


HEADER = {"version": 2, "events": 3}
ROW = DROP._asdict()


def test_a_truth_file_is_read_row_by_row(tmp_path):
    path = tmp_path / "fleet.truth.jsonl"
    path.write_text(f"{json.dumps(HEADER)}\n{json.dumps(ROW)}\n")
    assert read_truth(path) == Truth(HEADER, (DROP,))
    assert score(path, [Listened(12, "a", APPLIED, ("SKIPPED_STEP",))]).total.found == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]\n",
        '{"version": 1, "events": 1}\n',
        '{"version": 2}\n',
        "not JSON\n",
        '{"version": 2, "events": 1}\n{}\n',
    ],
)
def test_a_file_that_is_no_truth_is_refused_and_named(text, tmp_path):
    path = tmp_path / "other.jsonl"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"other\.jsonl"):
        read_truth(path)


def test_the_truth_can_come_from_memory():
    assert truth_of([HEADER, ROW]).faults == (DROP,)


def test_an_engine_that_hears_nothing_odd_misses_every_fault_that_shows(fleet):
    simulation = fleet(faults=Faults.everything(0.02))
    heard = [Listened(number, "x", APPLIED) for number, _ in enumerate(simulation, 1)]
    result = score(simulation.truth, heard)
    assert result.total.found == result.false_alarms == 0
    assert result.total.missed == sum(not fault.unknowable for fault in simulation.faults) > 0


def test_an_engine_that_cries_at_every_line_is_scored_so(fleet):
    simulation = fleet()
    heard = [Listened(number, "x", APPLIED, ("ADOPTED",)) for number, _ in enumerate(simulation, 1)]
    assert score(simulation.truth, heard).false_alarms == simulation.events


# ---- What users feel ---------------------------------------------------------------------------------------


def at(hour: int) -> datetime:
    return datetime(2026, 5, 1, hour, tzinfo=UTC)


TIMELINE = (("CREATION_SUCCESS", 0), ("SYNC_SUCCESS", 1), ("OK", 2), ("CREDENTIALS", 5), ("RECONNECTED", 8), ("OK", 9))
LIFE = Lived("a", "LINKEDIN", tuple((at(hour).isoformat(), word, "") for word, hour in TIMELINE))


def felt(*effects: tuple[int, Effect]) -> EffectScore:
    heard = [Listened(n, "a", APPLIED, at=at(hour), effects=(effect,)) for n, (hour, effect) in enumerate(effects, 1)]
    return score(Truth({"version": 2, "events": len(heard)}, (), (LIFE,)), heard).effects


@pytest.mark.parametrize(
    ("kind", "hour", "expected"),
    [
        (EffectKind.CONNECTED, 2, EffectTally(true=1)),
        (EffectKind.ACTION_REQUIRED, 5, EffectTally(true=1)),
        (EffectKind.ACTION_REQUIRED, 7, EffectTally(true=1)),
        (EffectKind.ACTION_REQUIRED, 4, EffectTally(false=1, unfelt=1)),
        (EffectKind.ACTION_REQUIRED, 8, EffectTally(false=1, unfelt=1)),
        (EffectKind.SYNC_COMPLETED, 1, EffectTally(true=1)),
        (EffectKind.SYNC_COMPLETED, 0, EffectTally(false=1, unfelt=1)),
    ],
)
def test_an_effect_is_true_if_there_is_a_fact_for_it_then(kind, hour, expected):
    assert felt((hour, Effect(kind))).tallies[kind] == expected


def test_a_second_effect_for_the_same_fact_is_false_unless_it_says_that_it_is_doubtful():
    required = Effect(EffectKind.ACTION_REQUIRED)
    assert felt((5, required), (6, required)).tallies["action_required"] == EffectTally(true=1, false=1)
    doubtful = felt((5, required), (6, required._replace(doubtful=True)))
    assert doubtful.tallies["action_required"] == EffectTally(true=1, doubtful=1)


@pytest.mark.parametrize(
    ("begins", "ends", "expected", "covered"),
    [(4, 9, EffectTally(true=1), 4), (6, 8, EffectTally(true=1), 2), (2, 4, EffectTally(false=1, unfelt=1), 0)],
)
def test_hours_handed_to_recovered_stand_beside_the_hours_truly_blind(begins, ends, expected, covered):
    window = BlindWindow("a", 4, at(begins), at(begins), at(ends), recovered=True)
    result = felt((9, Effect(EffectKind.RECOVERED, blind_window=window)))
    assert result.tallies["recovered"] == expected
    assert result[1:] == tuple(timedelta(hours=hours) for hours in (4, ends - begins, 0, covered))

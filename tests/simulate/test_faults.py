"""Faults put into a log: each shows where the truth says, or leaves no trace that anybody could find."""

import json
from collections import defaultdict
from datetime import UTC, datetime
from itertools import pairwise
from string import Template

import pytest

from account_lifecycle.errors import PayloadError
from account_lifecycle.intake.payloads import parse
from account_lifecycle.lifecycle.anomalies import AnomalyKind
from account_lifecycle.simulate.faults import FAULTS, Faults
from account_lifecycle.simulate.score import score
from account_lifecycle.simulate.wire import UNREADABLE_PAYLOADS

EVERY_FAULT_EQUALLY = Faults.everything(1 / len(Faults._fields))
SOMETIMES = Faults.everything(0.01)


@pytest.mark.parametrize("fault", Faults._fields)
@pytest.mark.parametrize("rate", [0.2, 1.0])
def test_every_fault_strikes_and_is_found_or_says_why_not_without_a_false_alarm(fault, rate, fleet, scored):
    result = scored(fleet(accounts=70, faults=Faults(**{fault: rate})))
    assert result.is_perfect, (result.summary, result.missed_examples, result.false_alarm_examples)
    assert [tally.fault for tally in result.by_fault] == [fault]
    assert result.total.found > 0
    if FAULTS[fault].unknowable is None:
        assert result.total.unknowable == 0


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("faults", [EVERY_FAULT_EQUALLY, SOMETIMES], ids=["at every step", "now and then"])
def test_all_faults_at_once_give_no_miss_and_no_false_alarm(seed, faults, fleet, scored):
    result = scored(fleet(seed=seed, faults=faults))
    assert result.is_perfect, (result.summary, result.missed_examples, result.false_alarm_examples)
    assert result.total.found > 10


@pytest.mark.parametrize("fault", Faults._fields)
def test_the_first_story_is_the_true_one_wherever_evidence_can_tell(fault, fleet, scored):
    tally = scored(fleet(accounts=150, faults=Faults(**{fault: 0.3}))).total
    assert tally.first >= 0.9 * tally.rankable
    assert tally.told >= 0.8 * tally.found


def test_every_kind_of_anomaly_is_reached_that_announcements_and_clocks_can_have(fleet, hear):
    heard = hear(fleet(accounts=1_500, faults=EVERY_FAULT_EQUALLY))
    observed = {AnomalyKind.SYNC_MISSING, AnomalyKind.DRIFT, AnomalyKind.VANISHED, AnomalyKind.NOT_DELETED}
    of_several_faults = {AnomalyKind.SKIPPED_STEP, AnomalyKind.OWNER_CHANGED}
    seen = {kind for each in heard for kind in each.kinds}
    assert seen | of_several_faults == set(AnomalyKind) - observed


@pytest.mark.parametrize("fault", ["overtaken", "late"])
def test_no_late_redelivery_moves_an_account_or_completes_a_sync_in_silence(fault, fleet, scored):
    result = scored(fleet(accounts=300, faults=Faults(**{fault: 0.4})))
    assert result.total.found == result.total.injected > 100
    assert (result.silent_moves, result.silent_syncs) == (0, 0)


def test_a_late_redelivery_comes_after_two_other_announcements_within_hours(fleet):
    simulation = fleet(accounts=200, faults=Faults(late=0.5))
    entries = [json.loads(line) for line in simulation]
    assert simulation.faults
    for injected in simulation.faults:
        late = entries[injected.line - 1]
        mine = [entry for entry in entries[: injected.line - 1] if injected.account_id in json.dumps(entry)]
        told = [index for index, entry in enumerate(mine) if entry["payload"] == late["payload"]]
        waits = (seconds_between(mine[index], late) for index in told if len(mine) - index > 2)
        assert any(60 <= wait <= 8 * 3_600 for wait in waits)


def seconds_between(earlier, later):
    times = [datetime.fromisoformat(entry["received_at"]) for entry in (earlier, later)]
    return (times[1] - times[0]).total_seconds()


@pytest.mark.parametrize("rate", [0.05, 0.2])
def test_a_rate_is_the_share_of_the_announcements_that_a_fault_befalls(rate, fleet):
    clean = sum(1 for _ in fleet(accounts=300))
    simulation = fleet(accounts=300, faults=Faults(provider_changed=rate))
    assert sum(1 for _ in simulation) == clean
    changeable = clean - 2 * 300  # its first webhook, and notifications, name no type that could change
    assert 0.7 * rate * changeable < len(simulation.faults) < 1.1 * rate * clean


def test_a_fault_is_open_alone(fleet):
    simulation = fleet(accounts=200, faults=EVERY_FAULT_EQUALLY)
    lines = list(simulation)
    windows = defaultdict(list)
    for injected in simulation.faults:
        assert injected.closes is None or injected.opens <= injected.closes <= len(lines)
        assert injected.line is None or injected.opens <= injected.line
        windows[injected.account_id].append((injected.opens, injected.closes))
    for spans in windows.values():
        for (_, closes), (opens, _) in pairwise(spans):
            assert closes is not None
            assert closes < opens


def test_the_line_of_a_fault_is_a_line_of_its_account(fleet):
    simulation = fleet(accounts=200, faults=EVERY_FAULT_EQUALLY)
    lines = list(simulation)
    for injected in simulation.faults:
        if injected.line is not None and injected.fault != "malformed":
            assert injected.account_id in lines[injected.line - 1]


def test_a_drop_names_the_next_line_of_its_account_or_none(fleet):
    simulation = fleet(accounts=200, faults=Faults(drop=0.3))
    lines = list(simulation)
    for injected in simulation.faults:
        later = (number for number, line in enumerate(lines, 1) if number >= injected.opens)
        of_account = (number for number in later if injected.account_id in lines[number - 1])
        assert injected.line == next(of_account, None)
    assert {injected.line is None for injected in simulation.faults} == {True, False}


def test_a_stalled_account_is_silent_for_good_and_found_when_its_deadline_passes(fleet, hear):
    simulation = fleet(accounts=100, faults=Faults(stalled=0.2))
    lines = list(simulation)
    stuck = {each.account_id for each in hear(lines) if AnomalyKind.STUCK in each.kinds}
    assert stuck == {injected.account_id for injected in simulation.faults}
    for injected in simulation.faults:
        assert not any(injected.account_id in line for line in lines[injected.line :])


def test_of_a_bare_log_nothing_is_known_to_be_late(fleet, hear):
    faults = Faults(stale_repeat=0.2, stalled=0.2, drop=0.2, reorder=0.2)
    simulation = fleet(accounts=100, faults=faults, bare=True)
    timeless = [f'{{"received_at": "2026-05-01T12:00:00Z", "payload": {line}}}' for line in simulation]
    result = score(simulation.truth, hear(timeless))
    assert not result.total.missed, (result.summary, result.missed_examples)
    found = {tally.fault: tally.found for tally in result.by_fault}
    assert found["stalled"] == 0 < found["drop"]


def test_a_duplicate_is_the_same_payload_within_the_redelivery_window(fleet):
    simulation = fleet(accounts=100, faults=Faults(duplicate=0.3))
    lines = list(simulation)
    duplicates = {injected.line for injected in simulation.faults}
    heard_at = {}
    for number, line in enumerate(lines, 1):
        entry = json.loads(line)
        at, payload = datetime.fromisoformat(entry["received_at"]), json.dumps(entry["payload"])
        if number in duplicates:
            assert 0 < (at - heard_at[payload]).total_seconds() <= 600
        heard_at[payload] = at


def test_a_malformed_line_is_refused_whichever_way_it_is_read(fleet):
    simulation = fleet(accounts=300, faults=Faults(malformed=0.5))
    lines = list(simulation)
    now = datetime.now(UTC)
    shapes = set()
    for injected in simulation.faults:
        payload = json.loads(lines[injected.line - 1])["payload"]
        shapes.add(type(payload))
        with pytest.raises(PayloadError):
            parse(payload, now)
        with pytest.raises(PayloadError):
            parse(payload if isinstance(payload, str) else json.dumps(payload), now)
    assert shapes == {str, dict, list}


@pytest.mark.parametrize("template", UNREADABLE_PAYLOADS, ids=lambda template: template.template[:80])
def test_everything_that_can_arrive_in_place_of_a_payload_is_refused(template: Template):
    payload = json.loads(template.substitute(id="h_EKCy2lRLef5NzHp0iw4A", type="LINKEDIN", status="OK"))
    with pytest.raises(PayloadError):
        parse(payload, datetime.now(UTC))
    with pytest.raises(PayloadError):
        parse(payload if isinstance(payload, str) else json.dumps(payload).encode(), datetime.now(UTC))


def test_every_payload_that_is_not_malformed_is_readable(fleet, hear):
    faults = EVERY_FAULT_EQUALLY._replace(malformed=0.0)
    assert all(each.verdict is not None for each in hear(fleet(accounts=100, faults=faults)))

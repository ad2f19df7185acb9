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
from account_lifecycle.lifecycle.status import Verdict
from account_lifecycle.simulate.faults import FAULTS, Faults
from account_lifecycle.simulate.log import Trace
from account_lifecycle.simulate.score import score
from account_lifecycle.simulate.wire import UNREADABLE_PAYLOADS

EVERY_FAULT_EQUALLY = Faults.everything(1 / len(Faults._fields))
SOMETIMES = Faults.everything(0.01)


@pytest.mark.parametrize("fault", Faults._fields)
@pytest.mark.parametrize("rate", [0.2, 1.0])
def test_every_fault_strikes_and_is_found_or_left_no_trace_without_a_false_alarm(fault, rate, fleet, hear, truth):
    simulation = fleet(accounts=70, faults=Faults(**{fault: rate}))
    lines = list(simulation)
    result = score(truth(simulation), hear(lines), deadlines_checked=True)
    assert result.is_perfect, (result.summary, result.missed_examples, result.false_alarm_examples)
    assert [tally.fault for tally in result.by_fault] == [fault]
    assert result.total.found > 0
    if FAULTS[fault].shows:
        assert result.total.no_trace == 0


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("faults", [EVERY_FAULT_EQUALLY, SOMETIMES], ids=["at every step", "now and then"])
@pytest.mark.parametrize("deadlines", [True, False])
def test_all_faults_at_once_give_no_miss_and_no_false_alarm(seed, faults, deadlines, fleet, hear, truth):
    simulation = fleet(seed=seed, faults=faults)
    lines = list(simulation)
    result = score(truth(simulation), hear(lines, deadlines=deadlines), deadlines_checked=deadlines)
    assert result.is_perfect, (result.summary, result.missed_examples, result.false_alarm_examples)
    assert result.total.found > 10


def test_every_kind_of_anomaly_is_reached(fleet, hear):
    heard = hear(fleet(accounts=400, faults=EVERY_FAULT_EQUALLY))
    assert {kind for each in heard for kind in each.kinds} == set(AnomalyKind)


@pytest.mark.parametrize("rate", [0.05, 0.5])
def test_a_rate_is_the_share_of_the_announcements_that_a_fault_befalls(rate, fleet):
    clean = sum(1 for _ in fleet(accounts=300))
    simulation = fleet(accounts=300, faults=Faults(provider_changed=rate))
    assert sum(1 for _ in simulation) == clean
    changeable = clean - 2 * 300  # its first webhook, and notifications, name no type that could change
    assert 0.7 * rate * changeable < len(simulation.truth) < 1.1 * rate * clean


def test_a_fault_is_open_alone(fleet):
    simulation = fleet(accounts=200, faults=EVERY_FAULT_EQUALLY)
    lines = list(simulation)
    windows = defaultdict(list)
    for injected in simulation.truth:
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
    for injected in simulation.truth:
        if injected.line is not None and injected.fault != "malformed":
            assert injected.account_id in lines[injected.line - 1]


def test_a_drop_names_the_next_line_of_its_account_or_none(fleet):
    simulation = fleet(accounts=200, faults=Faults(drop=0.3))
    lines = list(simulation)
    for injected in simulation.truth:
        later = (number for number, line in enumerate(lines, 1) if number >= injected.opens)
        of_account = (number for number in later if injected.account_id in lines[number - 1])
        assert injected.line == next(of_account, None)
    assert {injected.line is None for injected in simulation.truth} == {True, False}


def test_what_left_no_trace_is_expected_to_the_last_line(fleet, hear):
    simulation = fleet(accounts=300, faults=Faults(drop=0.1, reorder=0.1, overtaken=0.1))
    heard = defaultdict(list)
    for each in hear(list(simulation), deadlines=False):
        heard[each.account_id].append(each)
    silent = [injected for injected in simulation.truth if injected.trace is Trace.NONE]
    assert silent
    for injected in silent:
        for each in heard[injected.account_id]:
            if injected.opens <= each.line <= (injected.closes or each.line):
                assert each.verdict in (Verdict.APPLIED, Verdict.REPEATED)
                assert not each.kinds


def test_a_stalled_account_is_silent_for_good_and_found_when_its_deadline_passes(fleet, hear):
    simulation = fleet(accounts=100, faults=Faults(stalled=0.2))
    lines = list(simulation)
    stuck = {each.account_id for each in hear(lines) if AnomalyKind.STUCK in each.kinds}
    assert stuck == {injected.account_id for injected in simulation.truth}
    for injected in simulation.truth:
        assert not any(injected.account_id in line for line in lines[injected.line :])


def test_of_a_bare_log_nothing_is_known_to_be_late(fleet, hear, truth):
    faults = Faults(stale_repeat=0.2, stalled=0.2, drop=0.2, reorder=0.2)
    simulation = fleet(accounts=100, faults=faults, bare=True)
    timeless = [f'{{"received_at": "2026-05-01T12:00:00Z", "payload": {line}}}' for line in simulation]
    result = score(truth(simulation), hear(timeless), deadlines_checked=True)
    assert result.is_perfect, (result.summary, result.missed_examples, result.false_alarm_examples)
    found = {tally.fault: tally.found for tally in result.by_fault}
    assert found["stale_repeat"] == found["stalled"] == 0 < found["drop"]


def test_a_duplicate_is_the_same_payload_within_the_redelivery_window(fleet):
    simulation = fleet(accounts=100, faults=Faults(duplicate=0.3))
    lines = list(simulation)
    duplicates = {injected.line for injected in simulation.truth}
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
    for injected in simulation.truth:
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

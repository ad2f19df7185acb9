"""The simulation as a whole: what it writes, that it streams, and that it can be trusted to repeat itself."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from itertools import islice

import pytest

from account_lifecycle.errors import ConfigurationError
from account_lifecycle.intake import payloads
from account_lifecycle.intake.dialects import DIALECTS, HOSTED_AUTH, Dialect
from account_lifecycle.intake.payloads import Wire
from account_lifecycle.intake.words import provider_of, status_of
from account_lifecycle.lifecycle.definition import ANNOUNCEMENTS
from account_lifecycle.lifecycle.providers import Provider
from account_lifecycle.simulate.faults import FAULTS, UNKNOWN_TYPES, UNKNOWN_WORDS, Faults
from account_lifecycle.simulate.lives import Channel
from account_lifecycle.simulate.log import simulate
from account_lifecycle.simulate.truth import read_truth, truth_path

EVERYTHING = Faults.everything(0.02)
STRAYS = ("late_sync", "unsupported_sync", "needless_reconnect", "contradicted_creation", "after_deletion")
ADDITIONS = ("duplicate", "stale_repeat", "overtaken", *STRAYS)


def test_the_same_seed_gives_the_same_log_and_the_same_truth(fleet, tmp_path):
    for name in ("one", "two"):
        fleet(faults=EVERYTHING).write(tmp_path / f"{name}.jsonl")
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()
    assert (tmp_path / "one.truth.jsonl").read_bytes() == (tmp_path / "two.truth.jsonl").read_bytes()


def test_another_seed_gives_another_log(fleet):
    assert list(fleet(seed=1)) != list(fleet(seed=2))


def test_the_order_of_hashes_in_a_process_changes_nothing(fleet):
    program = (
        "from datetime import UTC, datetime\n"
        "from account_lifecycle.simulate.faults import Faults\n"
        "from account_lifecycle.simulate.log import simulate\n"
        "start = datetime(2026, 5, 1, tzinfo=UTC)\n"
        "for line in simulate(accounts=40, seed=1, start=start, days=500, faults=Faults.everything(0.02)): print(line)"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert outputs[0] == outputs[1] == "".join(f"{line}\n" for line in fleet(faults=EVERYTHING))


@pytest.mark.parametrize("fault", ADDITIONS)
def test_without_the_lines_that_a_fault_added_the_log_is_the_clean_one(fleet, fault):
    simulation = fleet(faults=Faults(**{fault: 0.5}))
    lines = list(simulation)
    added = {injected.line for injected in simulation.faults}
    assert added
    assert [line for number, line in enumerate(lines, 1) if number not in added] == list(fleet())


def test_a_drop_takes_a_line_away_and_changes_no_other(fleet):
    simulation = fleet(faults=Faults(drop=0.1))
    lines, clean = list(simulation), list(fleet())
    assert len(clean) - len(lines) == len(simulation.faults) > 0
    assert set(lines) < set(clean)


def test_a_reorder_delivers_every_line_but_some_of_them_late(fleet):
    lines, clean = list(fleet(faults=Faults(reorder=0.2))), list(fleet())
    assert sorted(map(payload_text, lines)) == sorted(map(payload_text, clean))
    assert lines != clean


def test_the_log_streams_so_that_a_fleet_of_any_size_begins_at_once(fleet):
    assert len(list(islice(fleet(accounts=10**12, faults=EVERYTHING), 100))) == 100


def test_bare_lines_are_the_payloads_of_the_others(fleet):
    faults = EVERYTHING._replace(clock=0)  # where nothing has a time, no clock is wrong
    timed = [json.loads(line)["payload"] for line in fleet(faults=faults)]
    bare = [json.loads(line) for line in fleet(faults=faults, bare=True)]
    assert bare == timed


def test_a_log_is_written_with_the_truth_beside_it(fleet, tmp_path):
    log = tmp_path / "fleet.jsonl"
    simulation = fleet(faults=EVERYTHING)
    assert simulation.write(log) == truth_path(log) == tmp_path / "fleet.truth.jsonl"
    lines = log.read_text(encoding="utf-8").splitlines()
    header, *rows = [json.loads(line) for line in truth_path(log).read_text(encoding="utf-8").splitlines()]
    faults = [row for row in rows if "fault" in row]
    assert lines == list(fleet(faults=EVERYTHING))
    assert (header["seed"], header["accounts"], header["events"]) == (1, 40, len(lines))
    assert header["faults"] == len(faults) == len(simulation.faults) > 0
    assert header["rates"] == EVERYTHING._asdict()
    assert header["last_received_at"] == json.loads(lines[-1])["received_at"]


def test_what_is_written_of_the_truth_can_be_read_back(fleet, tmp_path):
    simulation = fleet(faults=EVERYTHING)
    truth = read_truth(simulation.write(tmp_path / "fleet.jsonl"))
    assert truth.header["events"] == simulation.events
    assert (truth.faults, truth.lives) == simulation.truth[1:]


def test_times_are_utc_whatever_the_zone_of_the_start():
    noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
    there = noon.astimezone(timezone(timedelta(hours=7)))
    here, elsewhere = (list(simulate(accounts=3, seed=1, start=at, days=9)) for at in (noon, there))
    assert here == elsewhere
    assert all(json.loads(line)["received_at"].endswith("Z") for line in here)


def test_no_accounts_make_an_empty_log(fleet):
    simulation = fleet(accounts=0, faults=EVERYTHING)
    assert (list(simulation), simulation.faults, simulation.events) == ([], [], 0)


def test_every_rate_has_its_row_in_the_table_of_faults():
    assert set(Faults._fields) == set(FAULTS)


@pytest.mark.parametrize(
    ("wrong", "setting"),
    [
        ({"accounts": -1}, "accounts"),
        ({"days": 0}, "days"),
        ({"days": float("nan")}, "days"),
        ({"start": datetime(2026, 5, 1)}, "start"),
        ({"providers": []}, "providers"),
        ({"faults": Faults(drop=1.5)}, "faults.drop"),
        ({"faults": Faults(malformed=-0.1)}, "faults.malformed"),
        ({"faults": Faults(drop=0.6, reorder=0.6)}, "faults"),
    ],
)
def test_a_setting_that_is_invalid_is_refused_by_name(fleet, wrong, setting):
    with pytest.raises(ConfigurationError) as refused:
        fleet(**wrong)
    assert refused.value.setting == setting


def test_only_the_providers_that_are_asked_for_are_announced(fleet):
    types = {
        json.loads(line)["payload"].get("AccountStatus", {}).get("account_type")
        for line in fleet(providers=[Provider.X])
    }
    assert types == {"TWITTER", "X", None}


def payload_text(line):
    return json.dumps(json.loads(line)["payload"])


def test_webhooks_can_be_written_in_any_dialect_that_is_in_force(fleet, scored, monkeypatch):
    third = Dialect(
        "account event",
        keys=("event", "data"),
        fields={"account_id": ("data", "id"), "status": ("data", "state"), "provider": ("kind",), "product": ("part",)},
        required=("account_id", "status"),
        example="OK",
    )
    monkeypatch.setattr(payloads, "WIRE", Wire((third, *DIALECTS)))
    spoken = {Channel.WEBHOOK: third, Channel.NOTIFY: HOSTED_AUTH}
    simulation = fleet(faults=EVERYTHING, dialects=spoken)
    lines = list(fleet(faults=EVERYTHING, dialects=spoken))

    result = scored(simulation)
    assert result.is_perfect, (result.summary, result.missed_examples, result.false_alarm_examples)
    assert result.total.found > 10
    assert sum('"event": null, "data": {' in line for line in lines) > len(lines) / 2


def test_unknown_words_are_unknown_whatever_providers_and_statuses_there_are():
    assert UNKNOWN_TYPES
    assert not {provider_of(word) for word in UNKNOWN_TYPES} & set(Provider)
    assert not {status_of(word) for word in UNKNOWN_WORDS} & set(ANNOUNCEMENTS)

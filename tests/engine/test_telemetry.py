"""What the engine logs: every anomaly at the level of its severity, in your structlog or in the standard logging."""

import logging
import subprocess
import sys
from collections.abc import MutableMapping
from typing import Any

import pytest
import structlog

from account_lifecycle import Engine, Severity
from account_lifecycle.engine.telemetry import log_anomalies
from builders import webhook

pytestmark = pytest.mark.usefixtures("unconfigured_structlog")

ODD = {Severity.INFO: ("OK",), Severity.WARNING: ("OK", "RECONNECTED"), Severity.ERROR: ("OK", "OK")}
LEVELS = {Severity.INFO: logging.INFO, Severity.WARNING: logging.WARNING, Severity.ERROR: logging.ERROR}


def last_of(words: tuple[str, ...]) -> Any:
    with Engine.open("memory:", observers=()) as engine:
        return [
            engine.feed_event(webhook("acc-1", word, "X" if number and words == ODD[Severity.ERROR] else "LINKEDIN"))
            for number, word in enumerate(words)
        ][-1]


@pytest.mark.parametrize("severity", Severity)
def test_an_anomaly_is_logged_at_the_level_of_its_severity(
    severity: Severity, caplog: pytest.LogCaptureFixture
) -> None:
    decision = last_of(ODD[severity])
    with caplog.at_level(logging.DEBUG, "account_lifecycle"):
        log_anomalies(decision)
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("account_lifecycle", LEVELS[severity])
    message = record.getMessage()
    anomaly = decision.anomalies[0]
    for fact in (anomaly.meaning, anomaly.kind, "account_id=acc-1", f"sequence={decision.sequence}", decision.verdict):
        assert fact in message


def test_levels_of_the_standard_library_are_respected(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "account_lifecycle"):
        for severity in Severity:
            log_anomalies(last_of(ODD[severity]))
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


@pytest.mark.parametrize("severity", Severity)
def test_an_anomaly_goes_to_structlog_where_that_is_configured(
    severity: Severity, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[tuple[str, dict[str, Any]]] = []

    def keep(logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        seen.append((method, dict(event)))
        raise structlog.DropEvent

    structlog.configure(processors=[keep])
    decision = last_of(ODD[severity])
    log_anomalies(decision)
    ((level, event),) = seen
    anomaly = decision.anomalies[0]
    assert level == severity
    assert event == {
        "event": anomaly.meaning,
        "anomaly": anomaly.kind,
        "account_id": "acc-1",
        "sequence": decision.sequence,
        "announced": anomaly.announced,
        "status": decision.after.status,
        "verdict": decision.verdict,
        "next_step": anomaly.next_step,
    }
    assert [record for record in caplog.records if record.name == "account_lifecycle"] == []


def test_a_decision_without_anomaly_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "account_lifecycle"):
        log_anomalies(last_of(("CREATION_SUCCESS",)))
    assert caplog.records == []


def test_an_engine_logs_anomalies_unless_it_is_told_not_to(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "account_lifecycle"):
        Engine.open("memory:").feed_event(webhook("loud", "OK"))
        Engine.open("memory:", observers=()).feed_event(webhook("quiet", "OK"))
    assert ["loud" in record.getMessage() for record in caplog.records] == [True]


@pytest.mark.parametrize("word", ["A\nB", "A\r\nB", "A\x1b[31mB", "A\u2028B", 'A" B=C', "50%s", "\x00"])
def test_somebody_elses_word_cannot_forge_a_line_of_the_log(word: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "account_lifecycle"):
        log_anomalies(last_of((word,)))
    (record,) = caplog.records
    assert record.getMessage().isprintable()
    assert "verdict=HELD" in record.getMessage()


def test_the_first_event_does_not_flood_the_log_with_the_machines_own_steps() -> None:
    """In a process of its own, because the machine is compiled once."""
    program = (
        "import logging; logging.basicConfig(level=logging.DEBUG); from account_lifecycle import Engine; "
        "Engine.open('memory:').feed_event({'AccountStatus': {'message': 'OK', 'account_id': 'a'}})"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert len(found.stderr.splitlines()) == 1

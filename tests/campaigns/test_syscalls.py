"""Every system call may be the last one, or fail: the store is as before or as after, and nothing reported is lost."""

import pytest

from campaigns import syscalls
from campaigns.operations import OPERATIONS
from campaigns.report import Report


@pytest.fixture(scope="module")
def report() -> Report:
    report = syscalls.run(syscalls.SHORT)
    if report.skipped:
        pytest.skip(report.skipped)
    return report


def test_whichever_call_is_the_last_or_fails_every_promise_is_kept(report: Report) -> None:
    assert report.broken == ()
    assert report.figures["failures"] == 0


def test_every_operation_is_tried(report: Report) -> None:
    assert [operation.name for operation in OPERATIONS if operation.name not in report.figures] == []
    assert int(str(report.figures["points"])) > 100


def test_a_feed_that_is_acknowledged_too_early_is_noticed(report: Report) -> None:
    assert report.figures["control: a feed that is acknowledged too early"] != "0 losses noticed"

"""Any wrapping of a simulated log is audited as the bare log is."""

import json
from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from account_lifecycle.replay import replay
from account_lifecycle.simulate.log import Faults, simulate
from intake.wrappings import CONTAINERS, Record, behind_text, in_base64, records, timed
from replay.reference import events_of
from replay.samples import STAMP, START, written

Events = list[tuple[Any, datetime]]
BARE = timed([], "received_at", datetime.isoformat, {})


@cache
def simulated(seed: int) -> Events:
    """Payloads in which all sorts of things go wrong, yet each is readable, arriving at whole seconds."""
    faults = Faults.everything(0.02)._replace(malformed=0)
    lines = simulate(accounts=25, seed=seed, start=START, days=12, faults=faults)
    read = [json.loads(line) for line in lines if events_of([line.encode()], STAMP)[0]]
    return [(each["payload"], datetime.fromisoformat(each["received_at"]).replace(microsecond=0)) for each in read]


def audited(text: str) -> tuple[Any, ...]:
    """What an audit finds, but for where in the log it stands."""
    with TemporaryDirectory() as folder, replay(written(Path(folder) / "log", text)) as audit:
        assert not list(audit.refused())
        anomalies = list(audit.anomalies())
        return (
            audit.events,
            audit.sums.verdicts,
            audit.traffic,
            anomalies,
            list(audit.windows()),
            list(audit.accounts()),
        )


@cache
def truth(seed: int) -> tuple[Any, ...]:
    return audited(CONTAINERS[0]([BARE(payload, at) for payload, at in simulated(seed)]))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 5), records, st.sampled_from(CONTAINERS))
@example(1, timed([json.dumps, in_base64, lambda value: [value]], "Date", str, {"status": "ok"}), CONTAINERS[9])
@example(2, timed([json.dumps, behind_text], "sentAt", datetime.timestamp, {"account_id": "tenant"}), CONTAINERS[2])
def test_any_wrapping_of_a_log_is_audited_as_the_bare_log(
    seed: int, record: Record, contain: Callable[[list[Any]], str]
) -> None:
    events = simulated(seed)

    assert len(events) > 50
    assert audited(contain([record(payload, at) for payload, at in events])) == truth(seed)

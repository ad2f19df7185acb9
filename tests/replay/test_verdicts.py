"""Any short log: a replay says what the live engine says, event by event, however many share the work."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import reduce
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from account_lifecycle import Engine
from account_lifecycle.errors import PayloadError, UnreadableLog
from account_lifecycle.intake.logs import ENVELOPE, HowToRead, Summary, read_line, read_log
from account_lifecycle.intake.payloads import parse
from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.deadlines import next_deadline
from account_lifecycle.lifecycle.decide import decide
from account_lifecycle.lifecycle.events import DeadlinePassed, Event, StatusAnnounced
from account_lifecycle.lifecycle.explain import Anomaly
from account_lifecycle.lifecycle.policy import DEFAULT_POLICY, Policy
from account_lifecycle.lifecycle.status import Status
from account_lifecycle.records import AccountFilter
from account_lifecycle.replay import Audit, Progress, replay
from account_lifecycle.replay.findings import Findings, rows_in
from account_lifecycle.replay.loop import Judging, Sums, look_at
from account_lifecycle.replay.shards import ReplayOutcome, Task, read_through
from account_lifecycle.replay.shares import Share, account_in
from account_lifecycle.replay.sources import Logs
from builders import T0
from replay.fleets import IDS, line_of, logs, often, policies
from replay.reference import live
from replay.samples import as_parquet, simulated, written
from replay.spellings import lines

STAMP = datetime(2026, 11, 23, tzinfo=UTC)
ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)


@contextmanager
def replayed(
    log: bytes, policy: Policy = DEFAULT_POLICY, *, until: datetime | None = None, shares: int = 1
) -> Iterator[Audit]:
    """The audit of a log that was judged in so many shares, one after the other."""
    folder = TemporaryDirectory()
    path = written(Path(folder.name, "log.jsonl"), log)
    folders = [Path(folder.name, str(number)) for number in range(shares)]
    task = Task((Logs((str(path),), HowToRead(ENVELOPE, "file"), STAMP),), policy, STAMP, until)
    judges = []
    for number, each in enumerate(folders):
        each.mkdir()
        judges.append(read_through(task, None if shares == 1 else Share(number, shares), each, None)[0])
    until = until or max((judge.last_at for judge in judges if judge.last_at), default=STAMP)
    sums = reduce(Sums.plus, [judge.end(until) for judge in judges])
    with Audit(("log.jsonl",), ReplayOutcome(sums, until, Summary()), folder, folders, None) as audit:
        yield audit


def everything(audit: Audit) -> dict[str, Any]:
    """All that an audit says, in its order."""
    return {
        "sums": audit.sums,
        "report": audit.report(),
        "anomalies": [(anomaly, line) for anomaly, _, line in audit.placed_anomalies()],
        "windows": [*audit.windows()],
        "accounts": [*audit.accounts()],
        "refused": [line._replace(source="") for line in audit.refused()],
    }


def assert_lived(log: bytes, policy: Policy, until: datetime | None = None) -> None:
    truth = live(log.split(b"\n"), STAMP, policy, until)
    with replayed(log, policy, until=until) as audit:
        assert [*audit.anomalies()] == truth.anomalies
        assert {(w.account_id, w.sequence): w for w in audit.windows()} == truth.windows
        assert {account.account_id: account for account in audit.accounts()} == truth.accounts
        assert [(line.field, line.reason) for line in audit.refused()] == [(e.field, str(e)) for e in truth.refused]
        verdicts = Counter(decision.verdict for decision in truth.decisions)
        assert audit.report().log is not None
        assert Counter(audit.report().log.verdicts) == verdicts  # type: ignore[union-attr]
        assert audit.events == len(truth.decisions)
        assert sum(audit.traffic.values()) == len(truth.decisions) + audit.sums.deadlines


@often
@given(logs, policies)
def test_any_log_is_judged_as_the_live_engine_judges_it(log: bytes, policy: Policy) -> None:
    assert_lived(log, policy)


@often
@given(logs, policies, st.integers(-100_000, 1_000_000))
def test_what_lasts_too_long_is_reported_up_to_any_end(log: bytes, policy: Policy, second: int) -> None:
    assert_lived(log, policy, T0 + timedelta(seconds=second))


def test_a_replay_finds_what_an_engine_found_that_was_fed_the_log(tmp_path: Path) -> None:
    log = [line.encode() for line in simulated()]
    with (
        Engine.open("memory:", observers=()) as engine,
        replay(written(tmp_path / "log.jsonl", b"\n".join(log))) as audit,
    ):
        list(engine.feed_events(read_log(log)))
        engine.check_deadlines(audit.until)
        found, fed = [[*audit.anomalies()], [a for entry in engine.store.ledger() for a in entry.anomalies]]
        assert sorted(found, key=by_event) == sorted(fed, key=by_event)
        windows = engine.store.blind_windows(None, open_only=False)
        assert Counter(audit.windows()) == Counter(windows)
        assert {a.account_id: a for a in audit.accounts()} == {
            a.account_id: a for a in engine.store.accounts(AccountFilter())
        }


def by_event(anomaly: Anomaly) -> tuple[str, int, str]:
    return anomaly.account_id, anomaly.sequence, anomaly.kind


# ---- Shares ----------------------------------------------------------------------------------------------


@often
@given(
    logs, st.sampled_from([2, 3]), st.sampled_from([DEFAULT_POLICY, Policy(timedelta(seconds=1), subscribed="default")])
)
def test_it_makes_no_difference_how_many_share_a_log(log: bytes, shares: int, policy: Policy) -> None:
    with replayed(log, policy) as alone, replayed(log, policy, shares=shares) as shared:
        assert everything(shared) == everything(alone)


@often
@given(lines)
def test_the_account_of_a_line_is_the_one_that_its_payload_names_or_left_to_the_parser(line: bytes) -> None:
    text = line.strip()
    try:
        payload = read_line(text).payload
        event = parse(payload, ANY_TIME)
    except PayloadError:
        event = None
    if event is not None and isinstance(payload, bytes):
        assert account_in(payload) in (None, event.account_id)
    assert sum(Share(number, 3).has_payload(payload) for number in range(3)) == 1


@pytest.mark.parametrize(
    ("line", "account_id"),
    [
        (b'{"AccountStatus": {"account_id": "a", "message": "OK"}, "account_id": "b"}', "a"),
        (b'{"account_id": "b", "AccountStatus": {"x": {"account_id": "c"}, "account_id": "a", "message": "OK"}}', "a"),
        (b'{"status": "OK", "account_id": "\\u0061"}', "a"),
    ],
)
def test_an_id_that_stands_elsewhere_is_not_taken_for_the_account(line: bytes, account_id: str | None) -> None:
    assert account_in(line) == account_id


def test_processes_share_a_log_and_find_what_one_finds(tmp_path: Path) -> None:
    log = [line.encode() for line in simulated()]
    log[50:50] = [b"rubbish", b"", b'{"status": " ", "account_id": "x"}']
    path = written(tmp_path / "log.jsonl", b"\n".join(log))
    seen: list[Progress] = []
    with replay(path) as alone, replay(path, jobs=2, on_progress=seen.append) as shared:
        assert everything(shared) == everything(alone)
        assert seen[-1].position == seen[-1].size == path.stat().st_size
        assert seen[-1].events == alone.events


def test_what_fails_in_a_process_is_raised_here(tmp_path: Path) -> None:
    path = as_parquet(
        tmp_path / "log.parquet", {"account_id": pa.array(["a"] * 9000), "status": pa.array(["OK"] * 9000)}
    )
    data = bytearray(path.read_bytes())
    data[4:60] = b"x" * 56
    with pytest.raises(UnreadableLog, match=r"log\.parquet"):
        replay(written(path, bytes(data)), jobs=2)


# ---- Deadlines ------------------------------------------------------------------------------------------


@often
@given(logs, policies, st.lists(st.integers(0, 40), max_size=5))
def test_whoever_looked_at_the_clock_while_the_log_was_made_it_is_judged_alike(
    log: bytes, policy: Policy, looks: list[int]
) -> None:
    events: list[Event] = [*live(log.split(b"\n"), STAMP, policy).events]
    for place in looks:
        events += [look_at(Account(account_id), T0 + timedelta(hours=7 * place)) for account_id in IDS]
    in_time = sorted(events, key=lambda event: event.received_at)
    alone = [event for event in in_time if not isinstance(event, DeadlinePassed)]
    until = T0 + timedelta(days=100)
    assert _judged(in_time, policy, until) == _judged(alone, policy, until)


def _judged(events: list[Event], policy: Policy, until: datetime) -> tuple[Any, ...]:
    with TemporaryDirectory() as folder:
        judge = Judging(policy, Findings(Path(folder)))
        judge.judge((0, event) for event in events)
        sums = judge.end(until)
        found = [found.anomaly for found in rows_in([Path(folder)], "anomalies")]
    known = {account_id: account for account_id, account in judge.accounts.items() if account.sequence}
    return known, Counter(found), sums.events, sums.verdicts, sums.deadlines, sums.windows


def test_a_deadline_on_record_counts_as_an_event_once(tmp_path: Path) -> None:
    connecting = StatusAnnounced("a", Status.CONNECTING, T0)
    passed = next_deadline(decide(Account("a"), connecting).after, DEFAULT_POLICY)
    assert passed is not None
    judge = Judging(DEFAULT_POLICY, Findings(tmp_path))
    judge.judge(enumerate([connecting, passed, passed]))
    assert (judge.events, judge.end(T0 + timedelta(days=1)).deadlines) == (2, 0)


def test_a_reminder_and_the_end_of_a_session_are_deadlines_without_an_anomaly() -> None:
    log = line_of("a", "CREATION_SUCCESS", 0, provider="LINKEDIN") + line_of("a", "CREDENTIALS", 60)
    with replayed(log, until=T0 + timedelta(days=360)) as audit:
        assert [*audit.anomalies()] == []
        assert audit.sums.deadlines == 4  # three reminders, and the notice of the session


def test_failed_creations_without_an_account_are_counted_apart() -> None:
    payload = b'{"status": "CREATION_FAIL", "name": "user-17"}'
    log = b'{"received_at": "2026-05-01T12:00:00Z", "payload": %b}\n' % payload
    with replayed(log * 2) as audit:
        report = audit.report()
        assert [*audit.accounts()] == []
        assert report.log is not None
        assert (audit.events, report.accounts, report.log.failed_creations) == (2, 0, 1)


def test_a_deadline_that_passed_is_noticed_before_the_next_event_of_its_account() -> None:
    log = line_of("a", "CONNECTING", 0) + line_of("b", "OK", 90_000) + line_of("a", "CREATION_SUCCESS", 100_000)
    with replayed(log) as audit:
        stuck = next(found for found in audit.placed_anomalies() if found[0].kind == "STUCK")
    assert stuck[1:] == (None, None)
    assert stuck[0].sequence == 2

"""An archive as a log: judged again, what was taken out of a store comes to the accounts that the store had then."""

import gzip
import json
from collections.abc import Iterator
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from account_lifecycle import Engine
from account_lifecycle.errors import PayloadError
from account_lifecycle.intake.archives import archived
from account_lifecycle.intake.logs import open_log, read_log
from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.events import DeadlinePassed, StatusAnnounced, StatusObserved
from account_lifecycle.records import AccountFilter
from account_lifecycle.replay import replay
from account_lifecycle.stores.protocol import Store
from replay.samples import START, simulated

LINES = [line.encode() for line in simulated()]
MIDDLE, END = START + timedelta(days=8), START + timedelta(days=365)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """One that lived through a log, looked for deadlines and at the vendor's list, and erased two accounts."""
    with Engine.open(f"sqlite:///{tmp_path / 'accounts.db'}", observers=()) as engine:
        for day, lines in groupby(read_log(LINES), lambda line: (line.received_at - START).days):  # type: ignore[operator]
            engine.check_deadlines(START + timedelta(days=day))
            list(engine.feed_events(lines))
        last = max(entry.received_at for entry in engine.store.ledger()) + timedelta(hours=1)
        for account in engine.accounts()[:20]:
            engine.observe(account.account_id, "CREDENTIALS", observed_at=last, provider="LINKEDIN", signed_in_at=START)
        engine.check_deadlines(last)
        for account in engine.accounts()[10:12]:
            assert engine.erase_account(account.account_id) > 0
        yield engine


def accounts_in(store: Store) -> dict[str, Account]:
    return {account.account_id: account for account in store.accounts(AccountFilter())}


def replayed(*logs: str | Path, **options: Any) -> dict[str, Account]:
    with replay(logs, **options) as audit:
        assert audit.log.refused == 0
        return {account.account_id: account for account in audit.accounts()}


def test_an_archive_replays_to_the_accounts_of_its_store(engine: Engine, tmp_path: Path) -> None:
    entries = list(engine.store.ledger())
    assert {type(entry.event) for entry in entries} == {StatusAnnounced, StatusObserved, DeadlinePassed}
    engine.prune(END, tmp_path / "all.jsonl.gz")
    assert replayed(tmp_path / "all.jsonl.gz") == accounts_in(engine.store)
    assert replayed(tmp_path / "all.jsonl.gz", jobs=2) == accounts_in(engine.store)


def test_archives_one_after_the_other_and_the_store_after_them_replay_to_its_accounts(
    engine: Engine, tmp_path: Path
) -> None:
    first, second = tmp_path / "first.jsonl.gz", tmp_path / "second.jsonl.gz"
    engine.prune(MIDDLE, first)
    assert replayed(first, f"sqlite:///{tmp_path / 'accounts.db'}") == accounts_in(engine.store)
    engine.prune(END, second)
    assert replayed(first, second) == accounts_in(engine.store)


def test_an_archive_that_is_fed_makes_a_store_with_the_same_accounts(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl.gz"
    engine.prune(END, path)
    with Engine.open("memory:", observers=()) as other:
        list(other.feed_events(open_log(path), deadlines=True))
        assert accounts_in(other.store) == accounts_in(engine.store)
        assert other.verify().is_proved


def test_times_and_payloads_are_those_of_the_ledger_and_erased_ones_are_counted(engine: Engine, tmp_path: Path) -> None:
    entries, path = list(engine.store.ledger()), tmp_path / "all.jsonl.gz"
    engine.prune(END, path)
    log = open_log(path)
    assert [(each.payload, each.received_at) for each in log] == [(e.event, e.received_at) for e in entries]
    erased = sum(entry.is_erased and isinstance(entry.event, StatusAnnounced) for entry in entries)
    assert log.summary.erased == erased > 0
    said = f"{erased} whose payload was erased, taken as they are on record"
    assert log.summary.lines()[:1] == ["read as: archive of a store, as db prune writes it"]
    assert said in log.summary.lines()


def test_an_archive_is_told_by_its_lines_packed_or_not_whatever_its_name(engine: Engine, tmp_path: Path) -> None:
    engine.prune(END, tmp_path / "all.jsonl.gz")
    (tmp_path / "unpacked.log").write_bytes(gzip.decompress((tmp_path / "all.jsonl.gz").read_bytes()))
    assert replayed(tmp_path / "unpacked.log") == accounts_in(engine.store)


# ---- What is no line of an archive --------------------------------------------------------------------

LINE = {
    "account_id": "a", "sequence": 1, "received_at": "2026-05-01T12:00:00+00:00", "announced": "OK",
    "kind": "announced", "product": "", "provider": "LINKEDIN", "owner": None, "reason": "", "payload": "e30=",
    "erased": False, "since": None, "allowed_us": None, "signed_in_at": None, "verdict": "APPLIED",
    "before": ["UNSEEN", False, False, False], "after": ["OK", False, False, False], "rules": "", "anomalies": [],
    "effects": [], "digest": None,
}  # fmt: skip


def test_a_line_is_the_event_that_it_says() -> None:
    (received,) = archived(json.dumps(LINE).encode())
    assert received.payload == StatusAnnounced("a", "OK", received.received_at, "LINKEDIN", payload=b"{}")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changed",
    [
        {"account_id": "a\n"}, {"account_id": "x" * 257}, {"account_id": 7}, {"received_at": "2026-05-01T12:00:00"},
        {"received_at": "yesterday"}, {"announced": ""}, {"announced": "ok"}, {"payload": "not base64"},
        {"payload": None}, {"erased": True}, {"kind": "observed", "announced": "SLEEPING"}, {"kind": "stay"},
        {"kind": "stay", "since": "2026-05-01T12:00:00Z", "allowed_us": 10**30}, {"kind": "some day"},
        {"product": "x" * 257}, {"reason": "x" * 1000},
    ],
    ids=str,
)  # fmt: skip
def test_a_line_that_cannot_be_of_an_archive_is_unreadable_and_stops_nothing(
    changed: dict[str, object], tmp_path: Path
) -> None:
    path = tmp_path / "forged.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in (LINE, LINE | changed, LINE | {"account_id": "b"})))
    found = [each.payload for each in open_log(path)]
    assert [isinstance(each, PayloadError) for each in found] == [False, True, False]
    with replay(path) as audit:
        assert [audit.events, audit.log.refused] == [2, 1]


def test_a_line_that_is_cut_and_one_of_another_log_are_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "mixed.jsonl"
    path.write_bytes(json.dumps(LINE).encode() + b"\n" + LINES[0] + b"\n" + json.dumps(LINE)[:99].encode())
    assert [isinstance(each.payload, PayloadError) for each in open_log(path)] == [False, True, True]


def test_an_event_of_tomorrow_is_unreadable_here_too(tmp_path: Path) -> None:
    path = tmp_path / "late.jsonl"
    path.write_text(json.dumps(LINE | {"received_at": "2999-01-01T00:00:00Z"}))
    (received,) = open_log(path)
    assert isinstance(received.payload, PayloadError)
    assert "2999-01-01T00:00:00+00:00, which is in" in received.payload.reason

"""However a log is fed, the outcome is the same: live or in batches, in memory or in a file, in one go or reopened."""

import tempfile
from itertools import pairwise
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from account_lifecycle import Engine, Received, Verdict
from account_lifecycle.lifecycle.events import DeadlinePassed
from engine.event_logs import MALFORMED, event_logs, feed_in_batches, feed_live, outcome

in_memory = settings(max_examples=60, deadline=None)
in_a_file = settings(max_examples=25, deadline=None)
batch_sizes = st.integers(1, 12)


@in_memory
@given(event_logs, batch_sizes)
def test_live_and_in_batches(log: list[Received], batch_size: int) -> None:
    live, batched = Engine.open("memory:", observers=()), Engine.open("memory:", observers=())
    feed_live(live, log)
    feed_in_batches(batched, log, batch_size)
    assert outcome(batched) == outcome(live)


@in_a_file
@given(event_logs, st.none() | batch_sizes)
def test_in_memory_and_in_a_file(log: list[Received], batch_size: int | None) -> None:
    memory = Engine.open("memory:", observers=())
    feed_live(memory, log)
    with tempfile.TemporaryDirectory() as folder, Engine.open(f"sqlite:///{folder}/a.db", observers=()) as file:
        if batch_size is None:
            feed_live(file, log)
        else:
            feed_in_batches(file, log, batch_size)
        assert outcome(file) == outcome(memory)


@in_a_file
@given(event_logs, st.lists(st.integers(0, 30), max_size=4).map(sorted), batch_sizes)
def test_in_one_go_and_reopened_now_and_then(log: list[Received], places: list[int], batch_size: int) -> None:
    memory = Engine.open("memory:", observers=())
    feed_live(memory, log)
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder)}/accounts.db"
        for first, last in pairwise([0, *places, len(log)]):
            with Engine.open(url, observers=()) as file:
                feed_in_batches(file, log[first:last], batch_size)
        with Engine.open(url, observers=()) as file:
            assert outcome(file) == outcome(memory)


@in_memory
@given(event_logs)
def test_every_payload_is_in_the_ledger_or_in_the_quarantine(log: list[Received]) -> None:
    engine = Engine.open("memory:", observers=())
    feed_live(engine, log)
    kept = [entry for entry in engine.store.ledger() if not isinstance(entry.event, DeadlinePassed)]
    assert len(kept) + len(engine.quarantine()) == len(log)
    assert len(engine.quarantine()) >= sum(received.payload in MALFORMED for received in log)
    assert all(entry.verdict in Verdict for entry in engine.store.ledger())

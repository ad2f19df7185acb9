"""The feed into PostgreSQL, and the loop that one would write by hand with psycopg.

The loop reads with the engine's own ``parse``, locks the account, journals the payload where it can be asked for by
account, and upserts the account: on the same server, with the same grouping. It judges by a dict of expected steps and
knows no repeat, anomaly, effect, hook or window.
"""

import os
from typing import Any

import psycopg
from contenders import CHAIN
from interleaving import Step, Stream
from lives import Arrival, as_received

from account_lifecycle import Engine
from account_lifecycle.intake.payloads import parse

Row = tuple[Any, ...]
URL = "ACCOUNT_LIFECYCLE_BENCH_POSTGRES"
"""The environment variable that tells the processes of a race where the server is, without a database's name."""

SCHEMA = """
CREATE TABLE account (
    account_id text COLLATE "C" PRIMARY KEY, status text NOT NULL, provider text, changed_at bigint NOT NULL
);
CREATE TABLE journal (
    journal_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account_id text COLLATE "C" NOT NULL,
    received_at bigint NOT NULL, status text NOT NULL, payload bytea NOT NULL
);
CREATE INDEX journal_of_account ON journal (account_id);
"""


def engine_batches(_stream: Stream) -> Step:
    """``feed_events``: what it is given, it commits at once."""
    engine = Engine.open(_fresh_database("bench_engine"))

    def step(payloads: Stream) -> None:
        for _ in engine.feed_events(as_received(payloads), batch_size=len(payloads)):
            pass

    return step


def engine_singly(_stream: Stream) -> Step:
    """``feed_event``: a commit for each payload."""
    engine = Engine.open(_fresh_database("bench_engine"))

    def step(payloads: Stream) -> None:
        for payload, at in payloads:
            engine.feed_event(payload, received_at=at)

    return step


def loop_batches(_stream: Stream) -> Step:
    """The loop by hand: what it is given, it commits at once."""
    db = _by_hand()

    def step(payloads: Stream) -> None:
        with db.transaction():
            for payload in payloads:
                _take(db, payload)

    return step


def loop_singly(_stream: Stream) -> Step:
    """The loop by hand: a commit for each payload."""
    db = _by_hand()

    def step(payloads: Stream) -> None:
        for payload in payloads:
            with db.transaction():
                _take(db, payload)

    return step


def _by_hand() -> psycopg.Connection[Row]:
    db = psycopg.connect(_fresh_database("bench_loop"))
    db.execute(SCHEMA)
    db.commit()
    return db


def _fresh_database(name: str) -> str:
    """An empty database; its URL."""
    url = os.environ[URL]
    with psycopg.connect(f"{url}/postgres", autocommit=True) as db:
        db.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        db.execute(f"CREATE DATABASE {name}")
    return f"{url}/{name}"


def _take(db: psycopg.Connection[Row], arrival: Arrival) -> None:
    event = parse(arrival.payload, arrival.received_at)
    found = db.execute("SELECT status FROM account WHERE account_id = %s FOR UPDATE", (event.account_id,)).fetchone()
    status = CHAIN[str(found[0]) if found else "UNSEEN", event.status]
    at = int(event.received_at.timestamp() * 1_000_000)
    db.execute(
        "INSERT INTO journal (account_id, received_at, status, payload) VALUES (%s, %s, %s, %s)",
        (event.account_id, at, event.status, event.payload),
    )
    db.execute(
        "INSERT INTO account VALUES (%s, %s, %s, %s) ON CONFLICT (account_id) DO UPDATE SET"
        " status = excluded.status, provider = excluded.provider, changed_at = excluded.changed_at",
        (event.account_id, status, event.provider, at),
    )

"""Peers that judge: the pure step in a loop, state machine objects, and queries with windows.

None of the queries knows a hold, a repeat, a fact about an account, a deadline or a blind window: they compare each
announcement with the one before it, and look the pair up.
"""

# mypy: disable-error-code="import-not-found,import-untyped"

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, cast

from replay_contract import Counts, Log, Ready

from account_lifecycle.intake.logs import read_log
from account_lifecycle.intake.payloads import parse
from account_lifecycle.lifecycle import definition
from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.compiled import compiled
from account_lifecycle.lifecycle.decide import decide
from account_lifecycle.lifecycle.events import StatusAnnounced

PARSED = 500_000
"""How many events are held in memory as objects, at most."""
MODELS = 30_000
"""How many events are enough for a machine that needs a model for each account."""
AT_MOST_S = 20.0
_LOOK_EVERY = 10_000

# ---- Objects in a loop ---------------------------------------------------------------------------------


def decide_loop(log: Log) -> Ready:
    """``decide`` for each of the log's first half million events, parsed before, with a dict of accounts."""
    events = list(_events(log, PARSED))
    return Ready(lambda: _decided(iter(events), len(events)), lambda found: _decided_counts(found, log))


def parse_and_decide_loop(log: Log) -> Ready:
    """The same from the file: read a line, parse it, decide."""
    return Ready(lambda: _decided(_events(log, PARSED), log.events), lambda found: _decided_counts(found, log))


def _events(log: Log, count: int) -> Iterator[StatusAnnounced]:
    now = datetime.now(UTC)
    with Path(log.json_lines).open("rb") as file:
        for received in read_log(islice(file, count)):
            yield parse(received.payload, received.received_at or now)


def _decided(events: Iterator[StatusAnnounced], _count: int) -> tuple[int, dict[str, Account], int]:
    accounts: dict[str, Account] = {}
    done = anomalies = 0
    until = time.perf_counter() + AT_MOST_S
    while time.perf_counter() < until and (some := list(islice(events, _LOOK_EVERY))):
        for event in some:
            decision = decide(accounts.get(event.account_id) or Account(event.account_id), event)
            accounts[event.account_id] = decision.account
            anomalies += len(decision.anomalies)
        done += len(some)
    return done, accounts, anomalies


def _decided_counts(found: tuple[int, dict[str, Account], int], log: Log) -> Counts:
    done, accounts, anomalies = found
    if done < log.events:
        return {"events of the beginning": done}
    situations = compiled().situations
    standing = dict.fromkeys(range(len(situations)), 0)
    for account in accounts.values():
        standing[situations.index(account.situation)] += 1
    counts = {f"in {number} at the end": count for number, count in standing.items()}
    return {"events": done, "accounts": len(accounts), "anomalies but STUCK": anomalies, **counts}


class _Model:
    """What ``transitions`` decorates with its triggers."""

    state: str


def transitions_models(log: Log) -> Ready:
    """``transitions``: a machine, ``add_model`` for each account before the clock starts; the bare lawful step."""
    from transitions import Machine

    words = {str(word) for word in definition.ANNOUNCEMENTS}
    rows = [
        [str(row.trigger), str(source), str(row.dest)]
        for row in definition.TRANSITIONS
        for source in row.source
        if row.dest is not None
    ]
    states = sorted({state for _, before, after in rows for state in (before, after)})
    machine = Machine(
        model=None, states=states, transitions=cast(Any, rows), initial=str(definition.INITIAL),
        auto_transitions=False, ignore_invalid_triggers=True,
    )  # fmt: skip
    told = [(event.account_id, event.status) for event in _events(log, MODELS) if event.status in words]
    models = {account_id: _Model() for account_id, _ in told}
    machine.add_model(list(models.values()))
    return Ready(lambda: _stepped(told, models), lambda done: {"events of the beginning": done})


def _stepped(told: Sequence[tuple[str, str]], models: dict[str, _Model]) -> int:
    until = time.perf_counter() + AT_MOST_S
    done = 0
    while done < len(told) and time.perf_counter() < until:
        for account_id, word in told[done : done + _LOOK_EVERY]:
            getattr(models[account_id], word)()
        done = min(done + _LOOK_EVERY, len(told))
    return done


# ---- Queries -------------------------------------------------------------------------------------------


def moves() -> list[tuple[str, str, bool]]:
    """Every pair of announcements, and whether the second may follow the first in any situation."""
    steps = compiled().steps[True][False]
    found: dict[tuple[str, str], bool] = {}
    for situation in compiled().situations:
        for word in definition.ANNOUNCEMENTS:
            pair = str(situation.status), str(word)
            found[pair] = found.get(pair, False) or steps[situation][word].deviation is None
    return [(before, word, is_lawful) for (before, word), is_lawful in found.items()]


def duckdb_window(log: Log) -> Ready:
    """DuckDB over the Parquet file: lag() over (partition by account order by time), joined to the lawful moves."""
    import duckdb

    values = ", ".join(f"('{before}', '{word}', {is_lawful})" for before, word, is_lawful in moves())
    query = f"""
        WITH moves(before, status, lawful) AS (VALUES {values}), told AS (
            SELECT status, coalesce(lag(status) OVER (PARTITION BY account_id ORDER BY received_at),
                '{definition.INITIAL}') AS before FROM read_parquet($path))
        SELECT before, status, lawful, count(*) FROM told LEFT JOIN moves USING (before, status) GROUP BY ALL"""

    def work(path: str = log.parquet) -> list[Any]:
        return duckdb.connect().execute(query, {"path": path}).fetchall()

    work(log.sample.parquet)
    return Ready(work, _query_counts)


def polars_window(log: Log) -> Ready:
    """polars over the Parquet file: shift() over account ordered by time, joined to the lawful moves, streaming."""
    import polars as pl

    lawful = pl.LazyFrame(moves(), schema=["before", "status", "lawful"], orient="row")
    before = pl.col("status").shift().over("account_id", order_by="received_at").fill_null(str(definition.INITIAL))

    def work(path: str = log.parquet) -> list[Any]:
        told = pl.scan_parquet(path).select("status", before=before)
        judged = told.join(lawful, on=["before", "status"], how="left")
        counted = judged.group_by("before", "status", "lawful").agg(pl.len().alias("events"))
        return counted.collect(engine="streaming").rows()

    work(log.sample.parquet)
    return Ready(work, _query_counts)


def _query_counts(rows: list[Any]) -> Counts:
    told = {word: sum(count for _, status, _, count in rows if status == word) for word in ("OK", "DELETED")}
    return {"events": sum(row[-1] for row in rows), **{f"announced {word}": count for word, count in told.items()}}

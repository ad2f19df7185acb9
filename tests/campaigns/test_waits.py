"""Nobody who feeds waits for long beside an operation: a small store, and a bound that holds on a busy machine."""

from typing import TYPE_CHECKING

from campaign_runs import run_campaign

if TYPE_CHECKING:
    from postgres_server import PostgresServer

pytest_plugins = ("postgres_server",)


def test_those_who_feed_a_file_wait_for_no_operation(postgres_server: "PostgresServer") -> None:
    outcome = run_campaign("waits", "--short", "--store", "sqlite", postgres=postgres_server.url)
    assert outcome.code == 0, outcome.printed
    assert outcome.figures["errors"] == 0
    for operation in ("open", "verify", "account erase", "quarantine replay", "db prune", "db backup", "db copy"):
        assert f"  {operation} " in outcome.printed


def test_those_who_feed_a_database_wait_for_no_operation(postgres_server: "PostgresServer") -> None:
    outcome = run_campaign("waits", "--short", "--store", "postgresql", postgres=postgres_server.url)
    assert outcome.code == 0, outcome.printed
    assert outcome.figures["errors"] == 0
    for operation in ("open", "verify", "account erase", "quarantine replay", "db prune"):
        assert f"  {operation} " in outcome.printed


def test_eight_threads_that_feed_keep_nobody_of_their_process_waiting() -> None:
    outcome = run_campaign("threads", "--short")
    assert outcome.code == 0, outcome.printed
    assert outcome.figures["events a second"] > 0

"""Sixteen processes on one store: nothing is lost, and none sees a busy store.

Whether they share fairly, the long form of the campaign judges.
"""

from typing import TYPE_CHECKING

from campaign_runs import run_campaign

if TYPE_CHECKING:
    from postgres_server import PostgresServer

pytest_plugins = ("postgres_server",)


def test_sixteen_processes_feed_one_file() -> None:
    outcome = run_campaign("feeders", "--short", "--store", "sqlite")
    assert outcome.code == 0, outcome.printed
    assert outcome.figures["events"] > 0
    assert outcome.figures["errors"] == 0


def test_sixteen_processes_feed_one_database(postgres_server: "PostgresServer") -> None:
    outcome = run_campaign("feeders", "--short", "--store", "postgresql", postgres=postgres_server.url)
    assert outcome.code == 0, outcome.printed
    assert outcome.figures["events"] > 0
    assert outcome.figures["errors"] == 0

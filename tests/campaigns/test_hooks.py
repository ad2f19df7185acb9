"""Hooks under fire: workers die or come back too late, receivers fail, and yet every lane is served in its order."""

from typing import TYPE_CHECKING

from campaign_runs import Outcome, run_campaign

if TYPE_CHECKING:
    from postgres_server import PostgresServer

pytest_plugins = ("postgres_server",)


def test_no_delivery_of_a_file_is_lost_whatever_befalls_the_workers() -> None:
    assert_all_are_served(run_campaign("hooks", "--short", "--store", "sqlite"))


def test_no_delivery_of_a_database_is_lost_whatever_befalls_the_workers(postgres_server: "PostgresServer") -> None:
    assert_all_are_served(run_campaign("hooks", "--short", "--store", "postgresql", postgres=postgres_server.url))


def assert_all_are_served(outcome: Outcome) -> None:
    assert outcome.code == 0, outcome.printed
    figures = outcome.figures
    assert (figures["deliveries"], figures["lanes"]) == (300, 12)
    assert (figures["lost"], figures["order inversions"], figures["poison dead-lettered"]) == (0, 0, 4)
    assert figures["workers killed"] > 0
    assert figures["workers stopped past their lease"] > 0

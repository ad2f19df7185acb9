"""Flipped bits: verifying notices them, wherever in a live cell they are."""

from pathlib import Path

import apsw
import pytest

from campaigns import bitrot
from campaigns.cells import live_extents, trees
from campaigns.report import Report


@pytest.fixture(scope="module")
def report() -> Report:
    return bitrot.run(bitrot.SHORT)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rich") / "accounts.db"
    bitrot.make_rich_store(path, 300, seed=2)
    return path


def test_hardly_a_flipped_bit_goes_unnoticed(report: Report) -> None:
    assert report.figures.get("flips") == bitrot.SHORT.flips, report.broken
    assert int(str(report.figures["not named"])) <= 1, report.details  # one in sixty is more than one in a hundred


def test_every_table_and_index_of_the_store_is_spoiled(report: Report, store: Path) -> None:
    spoiled = {line.split()[0] for line in report.details if line.endswith("named")}
    assert {extent.tree.name for extent in live_extents(store)} <= spoiled


def test_the_store_that_is_spoiled_has_rows_of_every_kind(store: Path) -> None:
    db = apsw.Connection(str(store))
    tables = [tree.name for tree in trees(store) if tree.kind == "table"]
    empty = [name for name in tables if not next(iter(db.execute(f"SELECT count(*) FROM {name}")))[0]]
    assert empty == []


def test_cells_are_found_where_sqlite_says_that_they_are(store: Path) -> None:
    db = apsw.Connection(str(store))
    counted = dict(db.execute("SELECT name, sum(ncell) FROM dbstat WHERE pagetype <> 'overflow' GROUP BY name"))
    found = dict.fromkeys(counted, 0)
    for extent in live_extents(store):
        found[extent.tree.name] += extent.part == "cell"
    assert found == counted


def test_overflow_pages_are_found_where_sqlite_says_that_they_are(store: Path) -> None:
    db = apsw.Connection(str(store))
    (counted,) = next(iter(db.execute("SELECT count(*) FROM dbstat WHERE pagetype = 'overflow'")))
    assert sum(extent.part == "overflow" for extent in live_extents(store)) == counted > 0

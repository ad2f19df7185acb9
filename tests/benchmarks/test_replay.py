"""The benchmark of the replay: it runs to its end, and whoever counts the same things counts alike."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
OURS = ("judging alone", "Parquet to audit", "JSON Lines to audit", "unreadable lines")

pytest.importorskip("numba")
pytest.importorskip("pyarrow")


def test_it_runs_to_its_end_and_its_contenders_agree(tmp_path: Path) -> None:
    parts = ("kernel", "parquet", "json-lines", "garbage")
    only = [word for part in parts for word in ("--only", part)]
    figures = tmp_path / "figures.json"
    command = [sys.executable, BENCHMARKS / "replay.py", "--quick", "--events", "20000", *only]
    done = subprocess.run(
        [*command, "--json", figures, "--data", tmp_path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads(figures.read_text())["rows"]
    for what in OURS:
        ours = [row["ours"] for row in rows if what in row["measurement"]]
        assert ours
        assert all(" ns" in figure for figure in ours), ours
    assert [row["met"] for row in rows if "unreadable lines" in row["measurement"]] == [True]


def test_a_contender_that_counts_differently_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    from replay_racing import Disagreement, Outcome, check_agreement

    one, other = Outcome(counts={"events": 3, "accounts": 2}), Outcome(counts={"events": 3, "windows": 1})
    check_agreement({"one": [one, one], "other": [other]})
    with pytest.raises(Disagreement, match=r"accounts: 2 by one, 1 by third"):
        check_agreement({"one": [one], "other": [other], "third": [Outcome(counts={"accounts": 1})]})


def test_a_contender_that_is_not_installed_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    from replay_contract import Log
    from replay_racing import run

    (tmp_path / "msgspec.py").write_text("raise ModuleNotFoundError(name='msgspec')")
    outcome = run("readers.msgspec_loop", Log(1, *[""] * 4), 60, {"PYTHONPATH": str(tmp_path)})
    assert outcome.error == "not installed: msgspec"


def test_the_same_figures_are_drawn_alike(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.syspath_prepend(BENCHMARKS)
    from replay_chart import draw
    from replay_parts import Point

    points = [
        Point(contender, events, accounts, 100.0 + accounts / events, 200.0 + accounts / 1000, 0.05)
        for contender in ("ours.audit_json_lines", "ours.audit_parquet")
        for events in (1_000_000, 10_000_000)
        for accounts in (10_000, 100_000)
    ]
    drawn = []
    for name in ("one.svg", "other.svg"):
        draw(points, tmp_path / name)
        drawn.append([(tmp_path / name).with_suffix(suffix).read_bytes() for suffix in (".svg", ".png")])
    assert drawn[0] == drawn[1]

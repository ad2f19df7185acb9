"""docs/anomalies.md: written from the code, and never out of date."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from account_lifecycle import AnomalyKind
from account_lifecycle.lifecycle.compiled import Step, compiled
from account_lifecycle.lifecycle.definition import ANNOUNCEMENTS

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_would_be_written_today(generate: ModuleType) -> None:
    for name, text in generate.pages().items():
        assert (DOCS / name).read_text(encoding="utf-8") == text, "run python docs/generate.py"


@pytest.mark.parametrize("kind", AnomalyKind)
def test_every_kind_has_a_real_example(kind: AnomalyKind, generate: ModuleType) -> None:
    found = generate.happened(kind)
    assert found.kind is kind
    assert f"> {found.explanation}" in generate.pages()["anomalies.md"]


def test_every_cell_of_the_table_that_deviates_is_told(generate: ModuleType) -> None:
    told = {
        (situation, word, kind)
        for kind in AnomalyKind
        for situation in generate.compiled().situations
        for case in generate.cases_of(kind, situation)
        for word in case.announced
    }
    of_syncs = compiled().cells[True][True]
    silent = compiled().cells[False][True]
    deviating = {
        (situation, word, step.deviation)
        for table in (of_syncs, silent)
        for situation, cells in table.items()
        for word, cell in cells.items()
        for step in ([cell] if isinstance(cell, Step) else cell.steps.values())
        if step.deviation is not None and (table is of_syncs or step.deviation == "UNSUPPORTED_STATUS")
    }
    assert told == deviating


def test_the_table_of_the_life_cycle_says_what_the_machine_does(generate: ModuleType) -> None:
    for situation, row in zip(compiled().situations, generate.table_rows(), strict=True):
        assert row[0].startswith(f"`{situation.status}`")
        for announced, text in zip(ANNOUNCEMENTS, row[1:], strict=True):
            usual = compiled().step(situation, announced)
            assert text.split()[0] == ("move" if usual.moved else "stay" if usual.accepted else "hold")
            assert (f"`{usual.deviation}`" in text) == (usual.deviation is not None)


def test_an_example_that_is_no_news_of_its_own_says_when_it_arises(generate: ModuleType) -> None:
    page = generate.pages()["anomalies.md"]
    for kind in AnomalyKind:
        section = page.split(f"\n## {kind}\n")[1].split("\n## ")[0]
        assert "Arises " in section or "| While the account is |" in section


def test_a_page_that_is_out_of_date_is_found_and_written(
    generate: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate, "HERE", tmp_path)
    assert generate.main(["--check"]) == 1
    assert "docs/anomalies.md is out of date: run python docs/generate.py" in capsys.readouterr().err
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0

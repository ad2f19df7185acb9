"""docs/anomalies.md: written from the code, and never out of date."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from account_lifecycle import AnomalyKind

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
    told = sum(
        len(case.announced)
        for kind in AnomalyKind
        for situation in generate.compiled().situations
        for case in generate._cases(kind, situation)
    )
    lawless = [step for step in generate.compiled().rows() if not step.expected]
    unsupported = [
        step for step in generate.compiled().rows(announces_sync=False) if step.deviation == "UNSUPPORTED_STATUS"
    ]
    assert told == len(lawless) + len(unsupported)


def test_a_page_that_is_out_of_date_is_found_and_written(
    generate: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate, "HERE", tmp_path)
    assert generate.main(["--check"]) == 1
    assert "docs/anomalies.md is out of date: run python docs/generate.py" in capsys.readouterr().err
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0

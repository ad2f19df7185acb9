"""The house: what the README shows is what happens."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from account_lifecycle import Engine
from account_lifecycle.cli.program import program
from account_lifecycle.lifecycle.anomalies import AnomalyKind

ROOT = Path(__file__).parents[2]
PAGES = {
    name: (ROOT / name).read_text(encoding="utf-8")
    for name in ("README.md", "docs/guide.md", "docs/command-line.md", "docs/logs.md")
}
README = PAGES["README.md"]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGES[page], flags=re.MULTILINE | re.DOTALL)


def sessions(page: str) -> list[tuple[str, list[str]]]:
    """Each command that is shown, with the lines of output shown under it."""
    found: list[tuple[str, list[str]]] = []
    for line in "".join(blocks(page, "console")).splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return found


def looks_like(shown: str) -> re.Pattern[str]:
    """A shown line as a pattern: "…" stands for anything, and white space is as wide as it likes."""
    words = [r".*".join(re.escape(part) for part in word.split("…")) for word in shown.split()]
    return re.compile(r"\s*".join(words) if "…" in shown else r"\s+".join(words))


@pytest.mark.parametrize(("code", "commands"), [("README.md", "README.md"), ("docs/guide.md", "docs/command-line.md")])
def test_every_command_and_line_of_code_does_what_the_page_shows(
    code: str, commands: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    names: dict[str, object] = {}
    exec("\n".join(blocks(code, "python")), names)
    assert isinstance(names["engine"], Engine)
    names["engine"].close()
    for command, shown in sessions(commands):
        name, *arguments = shlex.split(command)
        assert name == "account-lifecycle"
        result = CliRunner().invoke(program, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        lines = iter(result.output.splitlines())
        for pattern in [looks_like(line) for line in shown if line != "…"]:
            assert any(pattern.search(line) for line in lines), f"{command}: nothing like {pattern.pattern}"


def test_the_page_of_the_command_line_names_every_command() -> None:
    assert [name for name in program.commands if f"`{name}" not in PAGES["docs/command-line.md"]] == []


def test_every_kind_of_anomaly_is_documented() -> None:
    page = (ROOT / "docs" / "anomalies.md").read_text(encoding="utf-8")
    assert [kind for kind in AnomalyKind if f"## {kind}\n" not in page] == []


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))])
def test_every_file_that_a_page_points_to_is_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^) ]+)\)", text) if not link.startswith("http")]
    assert [link for link in links if link and not ((ROOT / page).parent / link).exists()] == []

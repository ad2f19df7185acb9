"""The audit in a terminal: nothing is cut, nothing foreign is obeyed, colours are a choice."""

from io import StringIO

import pytest

from account_lifecycle.lifecycle.explain import Anomaly
from account_lifecycle.records import AuditFilter
from account_lifecycle.report.as_text import write_text, write_text_in_full
from account_lifecycle.report.audit import build_report
from builders import webhook
from report.fleet import NOW, anomaly, fed, stranger


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def grouped(width: int, monkeypatch: pytest.MonkeyPatch, stream: StringIO | None = None, **wanted: str) -> str:
    monkeypatch.setenv("COLUMNS", str(width))
    stream = stream or StringIO()
    write_text(build_report(fed().store, AuditFilter(**wanted), now=NOW), stream)
    return stream.getvalue()


def in_full(anomalies: list[Anomaly], width: int, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", str(width))
    stream = StringIO()
    write_text_in_full(anomalies, stream)
    return stream.getvalue()


def unwrapped(text: str) -> str:
    """The same text without its layout."""
    return "".join(text.split())


def test_the_first_line_says_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = grouped(100, monkeypatch).splitlines()
    assert lines[0].startswith("1 account is interrupted. Wait or restart the account")
    headline = lines.index("8 anomalies on 4 of 5 accounts: 3 errors, 3 warnings and 2 info.")
    assert lines[headline + 1] == "From the first event to 2026-05-04 12:00:00 UTC."


def test_blind_windows_and_quarantine_are_told_in_a_sentence_each(monkeypatch: pytest.MonkeyPatch) -> None:
    text = grouped(100, monkeypatch)
    assert "2 blind windows, 1 still open: 72.5 h of downtime that was announced (73.3 h to backfill)." in text
    assert "2 payloads could not be read; every byte is in quarantine." in text


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_is_wider_than_the_terminal_and_no_word_is_cut(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    text = grouped(width, monkeypatch)
    assert max(len(line) for line in text.splitlines()) <= width
    for group in build_report(fed().store, now=NOW).groups:
        assert all(unwrapped(word) in unwrapped(text) for word in group.example.explanation.split())
    assert "…" not in text


def test_every_group_has_its_latest_anomaly_explained_under_it(monkeypatch: pytest.MonkeyPatch) -> None:
    text = unwrapped(grouped(300, monkeypatch))
    for group in build_report(fed().store, now=NOW).groups:
        assert unwrapped(group.example.explanation) in text


def test_in_full_every_anomaly_has_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    anomalies = fed().audit()
    text = unwrapped(in_full(anomalies, 300, monkeypatch))
    for found in anomalies:
        assert unwrapped(f"account {found.account_id}, event {found.sequence}: ") in text
        assert unwrapped(found.explanation) in text


def test_in_full_the_heading_comes_once_however_long_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    text = in_full([anomaly()] * 450, 100, monkeypatch)
    assert text.count("severity") == 1
    assert text.count("AFTER_DELETION") == 450


def test_a_long_account_id_is_wrapped_and_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "x" * 256 in unwrapped(in_full([anomaly(account_id="x" * 256)], 60, monkeypatch))


def test_nothing_foreign_reaches_the_terminal_as_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    evil = stranger("\x1b[2J[bold]\u202e", account_id="[red]a[/]\x1b]0;b\x07", provider="\x9b2J")
    text = in_full([evil], 300, monkeypatch)
    assert "\x1b" not in text
    assert "\x9b" not in text
    assert "\\x1b[2J[bold]\\u202e" in text
    assert "[red]a[/]\\x1b]0;b\\x07" in text


def test_a_very_long_word_is_shortened_where_it_shares_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(in_full([stranger("W" * 60_000)], 100, monkeypatch)) < 2000


def test_colours_are_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b[1;31m" in grouped(100, monkeypatch, Terminal())
    assert "\x1b" not in grouped(100, monkeypatch, StringIO())


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    text = grouped(100, monkeypatch, Terminal())
    assert "\x1b[1;31m" not in text
    assert "\x1b[33m" not in text


def test_a_clean_fleet_has_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    text = grouped(100, monkeypatch, account_id="ada")
    assert text.startswith("No anomalies on 1 account.\n")
    assert "Only account ada." in text
    assert "severity" not in text


def test_an_empty_list_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert in_full([], 80, monkeypatch) == "No anomalies.\n"


def test_the_next_step_depends_on_where_the_account_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = fed(((0, webhook("acc", "CREDENTIALS")),))
    assert "Ask the user to reconnect" in in_full(engine.audit(), 300, monkeypatch)


def test_lines_for_a_file_or_a_pipe_end_with_their_last_word(monkeypatch: pytest.MonkeyPatch) -> None:
    for text in (grouped(100, monkeypatch), in_full([anomaly()], 100, monkeypatch)):
        assert text.endswith("\n")
        assert [line for line in text.splitlines() if line != line.rstrip()] == []

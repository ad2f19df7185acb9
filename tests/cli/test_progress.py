"""``LogReader``: the lines of several logs, read one by one, and stopped between two lines."""

from pathlib import Path

import pytest

from account_lifecycle.cli.progress import LogReader


@pytest.fixture
def logs(tmp_path: Path) -> list[str]:
    for name, text in (("a.jsonl", b"1\n2\n3\n"), ("b c.jsonl", b"4\n5")):
        (tmp_path / name).write_bytes(text)
    return ["a.jsonl", "b c.jsonl"]


def test_lines_come_in_order_and_are_counted(logs: list[str]) -> None:
    reader = LogReader(logs)
    assert reader.size == 6 + 3
    assert list(reader) == [b"1\n", b"2\n", b"3\n", b"4\n", b"5"]
    assert (reader.name, reader.line, reader.bytes_read) == ("b c.jsonl", 2, 9)


def test_a_stopped_reader_knows_where_it_is_and_what_remains(logs: list[str]) -> None:
    reader = LogReader(logs)
    lines = iter(reader)
    assert [next(lines), next(lines)] == [b"1\n", b"2\n"]
    reader.is_stopped = True
    assert list(lines) == []
    assert (reader.name, reader.line, reader.remaining()) == ("a.jsonl", 2, " 'b c.jsonl'")


def test_nobody_knows_how_long_standard_input_is(logs: list[str]) -> None:
    assert LogReader([*logs, "-"]).size is None

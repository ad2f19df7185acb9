"""CSV: rows as RFC 4180 has them, and what becomes of those that it has not."""

import csv
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.samples import Told, read, written

often = settings(max_examples=300, deadline=None)

HEADER = "account_id,status,product\n"


def told(folder: Path, text: str | bytes) -> Told:
    return read(written(folder / "log.csv", text))


cells = st.text(alphabet='ab",\n; é\t', max_size=6).filter(lambda text: text.strip())


@often
@given(st.lists(st.tuples(cells, cells)), st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]))
def test_whatever_was_written_as_csv_is_read_as_the_same_cells(rows: list[tuple[str, str]], quoting: int) -> None:
    text = StringIO()
    csv.writer(text, quoting=quoting, lineterminator="\n").writerows(  # type: ignore[arg-type]
        [("status", "provider", "account_id"), *((*row, "a") for row in rows)]
    )
    with TemporaryDirectory() as folder:
        found = told(Path(folder), text.getvalue())
    assert [(event.status, event.provider) for event in found.events] == [
        (status.strip().upper(), provider.strip().upper()) for status, provider in rows
    ]


@often
@given(st.text(alphabet='a",\n', max_size=60))
def test_any_text_is_read_or_refused_line_by_line(text: str) -> None:
    with TemporaryDirectory() as folder:
        found = told(Path(folder), "account_id,status\n" + text)
    lines = [*found.lines, *(line.line for line in found.refused)]
    assert sorted(lines) == sorted(set(lines))
    assert all(2 <= line <= 2 + text.count("\n") for line in lines)


def test_a_row_with_too_few_or_too_many_cells_is_refused_and_the_others_keep_their_numbers(tmp_path: Path) -> None:
    found = told(tmp_path, HEADER + "a,OK,\nb,OK\nc,OK,\n\nd,OK,,\ne,OK,\n")
    assert [event.account_id for event in found.events] == ["a", "c", "e"]
    assert found.lines == [2, 4, 7]
    assert [(line.line, line.field, line.raw) for line in found.refused] == [(3, "row", b"b,OK"), (6, "row", b"d,OK,,")]
    assert found.refused[0].reason == "row: found 2 cells; expected 3 cells, as many as the header has"


def test_refused_rows_come_in_the_order_of_the_file(tmp_path: Path) -> None:
    found = told(tmp_path, HEADER + "a, ,\nb\n,OK,\n")
    assert [line.line for line in found.refused] == [2, 3, 4]
    assert [line.field for line in found.refused] == ["status", "row", "account_id"]


def test_a_quotation_mark_within_a_cell_is_a_character_like_any_other(tmp_path: Path) -> None:
    assert told(tmp_path, HEADER + 'a"b,OK,5" disk\n').events[0].account_id == 'a"b'


def test_text_after_a_closing_mark_costs_one_row(tmp_path: Path) -> None:
    found = told(tmp_path, HEADER + 'a,"O"K,\nb,OK,\n')
    assert [event.account_id for event in found.events] == ["b"]
    assert "text after the quotation mark that closes a cell" in found.refused[0].reason


@pytest.mark.parametrize("more", [10, 40_000])
def test_a_mark_that_is_never_closed_costs_one_row(more: int, tmp_path: Path) -> None:
    found = told(tmp_path, HEADER + 'a,OK,\nb,"OK,\n' + "c,OK,\n" * more)
    assert len(found.events) == 1 + more
    assert found.lines == [2, *range(4, 4 + more)]
    [refused] = found.refused
    assert (refused.line, refused.raw) == (3, b'b,"OK,')
    assert "a quotation mark that is never closed" in refused.reason


def test_a_quoted_cell_with_many_lines_counts_them_all(tmp_path: Path) -> None:
    found = told(tmp_path, HEADER + 'a,OK,"x\ny\nz"\nb,OK,\n')
    assert found.lines == [2, 5]
    assert found.events[0].product == "x\ny\nz"


def test_a_header_alone_has_no_events(tmp_path: Path) -> None:
    assert told(tmp_path, HEADER).events == told(tmp_path, HEADER.strip()).events == []


def test_names_in_the_header_may_be_in_quotation_marks(tmp_path: Path) -> None:
    assert len(told(tmp_path, '"account_id","a,b","status"\na,,OK\n').events) == 1


def test_a_file_of_one_column_may_have_blank_lines(tmp_path: Path) -> None:
    payload = '"{""status"": ""RECONNECTED"", ""account_id"": ""a""}"'
    found = read(written(tmp_path / "a.csv", f"payload\n{payload}\n\n{payload}\n"))
    assert found.lines == [2, 4]
    assert found.refused == []

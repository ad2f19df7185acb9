"""The audit as CSV: every cell arrives, none becomes a formula, no row breaks in two."""

import csv
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from account_lifecycle.lifecycle.explain import Anomaly
from account_lifecycle.report.as_data import ANOMALY_FIELDS, GROUP_COLUMNS, cell, write_csv, write_csv_in_full
from account_lifecycle.report.audit import build_report
from report.fleet import NOW, anomaly, fed, stranger


def rows_of(text: str) -> list[list[str]]:
    return list(csv.reader(StringIO(text, newline=""), strict=True))


def in_full(anomalies: list[Anomaly]) -> str:
    stream = StringIO(newline="")
    write_csv_in_full(anomalies, stream)
    return stream.getvalue()


def test_groups_are_rows_under_their_columns() -> None:
    stream = StringIO(newline="")
    write_csv(build_report(fed().store, now=NOW), stream)
    heading, first, *rest = rows_of(stream.getvalue())
    assert tuple(heading) == GROUP_COLUMNS
    assert first[:9] == [
        "AFTER_DELETION", "error", "an event for an account deleted long ago", "DELETED", "OK", "WHATSAPP", "3",
        "2026-05-02T08:40:00Z", "2026-05-04T01:00:00Z",
    ]  # fmt: skip
    assert first[10:12] == ["dan", "6"]
    assert len(rest) == 5


def test_in_full_anomalies_are_rows_under_the_names_of_their_fields() -> None:
    heading, *rows = rows_of(in_full(fed().audit()))
    assert tuple(heading) == ANOMALY_FIELDS
    assert len(rows) == 8
    dan = dict(zip(heading, rows[-1], strict=True))
    assert (dan["account_id"], dan["sequence"], dan["at"]) == ("dan", "6", "2026-05-04T01:00:00Z")


def test_lists_are_words_with_spaces_between_them() -> None:
    assert cell(["OK", "ERROR"]) == "OK ERROR"
    assert cell([]) == ""


def test_what_is_not_known_is_blank() -> None:
    assert cell(None) == ""


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_no_word_of_a_stranger_becomes_a_formula(start: str) -> None:
    assert cell(f"{start}HYPERLINK(0)").startswith("'")


def test_words_that_only_contain_such_characters_are_left_alone() -> None:
    assert cell("a=b+c-d@e") == "a=b+c-d@e"
    assert cell(-3) == "-3"


def test_control_characters_are_written_as_escapes() -> None:
    assert cell("a\x00b\x1b[2J\r\nc\u202ed") == "a\\x00b\\x1b[2J\\r\\nc\\u202ed"


def test_commas_and_quotation_marks_are_quoted_as_rfc_4180_says() -> None:
    text = in_full([stranger("X", account_id='say "hi", bob')])
    assert '"say ""hi"", bob"' in text
    assert text.endswith("\r\n")


@given(st.text(), st.text(min_size=1))
def test_whatever_strangers_send_is_one_row_and_no_formula(account_id: str, word: str) -> None:
    _, *rows = rows_of(in_full([stranger(word, account_id=account_id, provider=word)]))
    assert [len(row) for row in rows] == [len(ANOMALY_FIELDS)]
    assert not any(value.startswith(("=", "+", "-", "@", "\t", "\r")) for value in rows[0])


def test_the_rows_are_written_as_the_anomalies_are_read() -> None:
    stream, seen = StringIO(newline=""), []

    def anomalies():
        for _ in range(3):
            seen.append(stream.getvalue().count("\r\n"))
            yield anomaly()

    write_csv_in_full(anomalies(), stream)
    assert seen == [1, 2, 3]

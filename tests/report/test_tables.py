"""Tables: aligned rows as strings, nothing cut, nothing foreign obeyed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from account_lifecycle.report.tables import STYLES, Column, Table, cell_width, fitted, wrapped

COLUMNS = (
    Column("account", 10),
    Column("tries", right=True),
    Column("status", style=lambda word: STYLES.get(word, "")),
)


def test_cells_are_aligned_under_their_titles() -> None:
    rows = [("acc_1", "12", "LIVE"), ("acc_22", "3", "GONE")]
    assert "".join(Table(COLUMNS).lines(rows)) == (
        "account     tries  status\n"
        "acc_1          12  LIVE\n"
        "acc_22          3  GONE\n"
    )  # fmt: skip


def test_a_table_without_rows_has_no_titles_either() -> None:
    assert list(Table(COLUMNS).lines([])) == []


def test_a_wide_cell_pushes_the_rest_aside_and_is_never_cut() -> None:
    assert Table(COLUMNS).row("a" * 40, "1", "LIVE") == "a" * 40 + "      1  LIVE\n"


def test_a_last_cell_without_room_moves_to_lines_of_its_own() -> None:
    table = Table((Column("when", 4), Column("why")), width=30)
    assert table.row("now", "short enough") == "now   short enough\n"
    assert table.row("now", "much too long for the rest of one line") == (
        "now\n    much too long for the rest\n    of one line\n"
    )


def test_wide_characters_count_as_two_columns() -> None:
    assert Table(COLUMNS).row("日本", "1", "LIVE") == "日本" + " " * 6 + "      1  LIVE\n"


def test_what_a_terminal_would_obey_is_escaped() -> None:
    assert Table(COLUMNS).row("\x1b[2J", "1", "a\nb") == "\\x1b[2J         1  a\\nb\n"


def test_colour_changes_neither_words_nor_places() -> None:
    row = ("acc_1", "1", "ACTION_REQUIRED")
    painted = Table(COLUMNS, colour=True).row(*row)
    assert "\x1b[1;31mACTION_REQUIRED\x1b[0m" in painted
    assert painted.replace("\x1b[1;31m", "").replace("\x1b[0m", "") == Table(COLUMNS).row(*row)


def test_fitted_columns_are_as_wide_as_their_widest_cell() -> None:
    assert [column.width for column in fitted(COLUMNS, [("a" * 12, "1", ""), ("a", "1", "日本\n")])] == [12, 1, 6]


@given(st.text(st.characters(categories=("L", "N", "P", "Zs")), max_size=200), st.integers(2, 40))
def test_wrapped_lines_fit_and_hold_every_character(text: str, width: int) -> None:
    lines = wrapped(text, width)
    assert max(map(cell_width, lines)) <= width
    assert "".join("".join(lines).split()) == "".join(text.split())


@pytest.mark.parametrize("text", ["", "word", "two words"])
def test_text_that_fits_stays_on_one_line(text: str) -> None:
    assert wrapped(text, 20) == [text]


def test_text_is_broken_at_blanks_and_a_long_word_where_it_must_be() -> None:
    assert wrapped("one two three", 7) == ["one two", "three"]
    assert wrapped("a" * 25 + " b", 10) == ["a" * 10, "a" * 10, "aaaaa b"]

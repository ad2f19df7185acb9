"""Screens: answers for people fit the terminal, and can be read without colour."""

import re
from pathlib import Path

import pytest

from cli.shell import NOW, Run

ANSWERS = [
    ("account", "list", "--now", NOW),
    ("account", "show", "acc_down", "--now", NOW),
    ("account", "explain", "acc_down", "--now", NOW),
    ("account", "explain", "acc_stuck", "--now", NOW),
    ("history", "acc_down"),
    ("windows", "--now", NOW),
    ("deadlines", "--now", NOW),
    ("audit",),
    ("audit", "--full"),
    ("quarantine", "list"),
    ("quarantine", "show", "1"),
    ("explain", "CONNECTING", "RECONNECTED"),
    ("verify", "--against-definition", "--redelivery-window", "1"),
    ("quarantine", "replay"),
    ("db", "check"),
]
COLOUR = re.compile(r"\x1b\[[\d;]*m")
SECOND = re.compile(r"(?<=\d\d:\d\d):\d\d")


def words(screen: str) -> str:
    """What a screen says, but for seconds: a clock may move on between two of them."""
    return SECOND.sub("", COLOUR.sub("", screen))


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: " ".join(answer[:3]))
def test_no_line_is_wider_than_the_terminal(answer: tuple[str, ...], width: int, run: Run, store: Path) -> None:
    ran = run(*answer, FORCE_COLOR="1", COLUMNS=str(width))
    lines = COLOUR.sub("", ran.out).splitlines()
    assert lines
    assert max(map(len, lines)) <= width


@pytest.mark.parametrize("answer", [a for a in ANSWERS if a[0] != "deadlines"], ids=lambda a: " ".join(a[:3]))
def test_colour_only_repeats_what_words_say(answer: tuple[str, ...], run: Run, store: Path) -> None:
    plain = run(*answer, FORCE_COLOR="1", COLUMNS="100", NO_COLOR="1").out
    coloured = run(*answer, FORCE_COLOR="1", COLUMNS="100").out
    assert words(coloured) == words(plain)
    assert not re.search(r"\x1b\[[\d;]*3\d", plain)


def test_there_is_no_colour_in_a_pipe(run: Run, store: Path) -> None:
    assert "\x1b" in run("account", "list", FORCE_COLOR="1").out
    assert "\x1b" not in run("account", "list").out


def test_a_long_id_is_never_cut(run: Run) -> None:
    long = "a" * 200
    run("feed", "-", stdin=f'{{"status": "CREATION_SUCCESS", "account_id": "{long}"}}'.encode())
    assert long in run("account", "list", FORCE_COLOR="1", COLUMNS="80").out


def test_brackets_in_an_id_are_not_taken_for_markup(run: Run) -> None:
    run("feed", "-", stdin=b'{"status": "CREATION_SUCCESS", "account_id": "[red]acc[/red]"}')
    assert "[red]acc[/red]" in run("account", "list").out
    assert "[red]acc[/red]" in run("account", "explain", "[red]acc[/red]").out

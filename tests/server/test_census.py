"""The drawing of the fleet's page is what the machine is, down to the byte, and says nothing of colours."""

import re

import pytest

from account_lifecycle.drawing.gallery import renderer_versions
from account_lifecycle.lifecycle.status import Status
from account_lifecycle.server.census import TEMPLATE, draw

COMMITTED = TEMPLATE.read_text(encoding="utf-8")


def test_the_drawing_has_not_drifted_from_the_machine() -> None:
    if renderer_versions() not in COMMITTED:
        pytest.skip("drawn by other versions than are installed here")
    assert draw() == COMMITTED, "it has drifted from the machine: run python3 dev.py diagrams"


def test_every_state_is_a_link_to_its_accounts_with_a_place_for_their_count() -> None:
    links = re.findall(
        r'<a href="/accounts\?status=(\w+)" class="state [\w -]+">.*?data-live="count_(\w+)".*?</a>', COMMITTED
    )
    assert {status for status, _ in links} == set(Status)
    assert all(status == counted for status, counted in links)


def test_it_has_classes_and_no_colours_styles_or_fonts() -> None:
    assert re.findall(r"#[0-9a-fA-F]{6}|<style|style=|font-family|fill=|stroke=", COMMITTED) == []
    assert len(COMMITTED) < 34_000

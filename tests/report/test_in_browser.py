"""The page in a real browser: nothing is cut on a phone, and paper is not wasted."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from account_lifecycle.drawing import lifecycle
from account_lifecycle.replay import replay
from account_lifecycle.report.as_html import write_html
from account_lifecycle.simulate.faults import Faults
from account_lifecycle.simulate.log import simulate
from browser import needs_browser, running

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = needs_browser
PHONE, DESK = 390, 1440

CUT = """
() => [...document.querySelectorAll("body, .card, .scroll, .tile, td, th")]
    .filter((element) => element.scrollWidth > element.clientWidth + 1 && element.clientWidth)
    .map((element) => element.className + ": " + element.textContent.slice(0, 60))
"""


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    yield from running()


@pytest.fixture(scope="module")
def report_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with many kinds of anomaly, in hundreds of groups, and lengths of seven digits."""
    folder = tmp_path_factory.mktemp("report")
    log, path = folder / "fleet.jsonl", folder / "audit.html"
    lines = simulate(
        accounts=300, days=200, seed=5, start=datetime(2026, 1, 1, tzinfo=UTC), faults=Faults.everything(0.03)
    )
    log.write_text("\n".join(lines) + "\n")
    with replay(log) as audit, path.open("w", encoding="utf-8") as stream:
        write_html(audit.report(), stream, lifecycle().svg())
    return path


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def shown(browser: "Browser", path: Path, width: int, scheme: str = "light") -> "Page":
    page = browser.new_page(
        viewport={"width": width, "height": 900}, color_scheme="dark" if scheme == "dark" else "light"
    )
    page.goto(path.as_uri())
    return page


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_nothing_is_cut_at_any_width(browser: "Browser", report_file: Path, width: int, scheme: str) -> None:
    page = shown(browser, report_file, width, scheme)
    assert page.locator("article.kind").count() > 10
    assert page.evaluate(CUT) == []
    page.close()


def test_on_a_phone_every_number_stands_beside_what_it_counts(browser: "Browser", report_file: Path) -> None:
    page = shown(browser, report_file, PHONE)
    label = "getComputedStyle(document.querySelector('#totals td.number'), '::before').content"
    assert page.evaluate(label).startswith('"Count')
    page.set_viewport_size({"width": DESK, "height": 900})
    assert page.evaluate(label) == "none"
    page.close()


def test_on_paper_it_is_no_more_than_ten_pages(browser: "Browser", report_file: Path) -> None:
    page = shown(browser, report_file, DESK)
    assert page.locator("#list tr").count() > 300
    assert len(re.findall(rb"/Type /Page\b", page.pdf(format="A4"))) <= 10
    page.close()

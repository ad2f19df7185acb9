"""Every page in a real browser, light and dark, wide and narrow: nothing to stumble on, and nothing runs."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from account_lifecycle import Engine
from account_lifecycle.server.guard import Access
from account_lifecycle.server.pages import SiteOptions
from account_lifecycle.server.rendering import account_url
from browser import needs_browser, running
from server.fleets import everything
from server.showing import HOSTILE, NOTHING, look, showing

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = needs_browser

PATHS = (
    "/",
    "/accounts?health=ACTION_REQUIRED&provider=WHATSAPP",
    account_url(HOSTILE[0]),
    account_url("li_002"),
    "/anomalies",
    "/hooks",
    "/quarantine",
    "/no-such-page",
)
"""Every page that is looked at."""


ADMIN = "a-token-for-administrators"


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    yield from running()


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with Engine.open("memory:", observers=()) as engine:
        everything(engine)
        with showing(engine, SiteOptions(Access(admin_tokens=(ADMIN,)))) as shown:
            yield shown.url


VIEWS = (("light", 1440, True), ("light", 390, False), ("dark", 1440, False), ("dark", 390, True))
"""Schemes, widths, and whether the rules of accessibility are tried, which takes seconds: in each scheme and width."""


@pytest.mark.parametrize(("scheme", "width", "is_strict"), VIEWS)
@pytest.mark.parametrize("path", PATHS)
def test_there_is_nothing_to_stumble_on(
    browser: "Browser", base: str, path: str, scheme: str, width: int, is_strict: bool
) -> None:
    seen = look(browser, base, path, scheme, width, is_strict=is_strict)
    is_there = path != "/no-such-page"
    expected = NOTHING if is_there else NOTHING._replace(messages=seen.messages[:1])  # a browser reports a 404
    assert seen == expected


def test_every_part_of_the_page_has_something_to_show(browser: "Browser", base: str) -> None:
    page = browser.new_page()
    page.goto(f"{base}/")
    assert page.locator("h1").inner_text().startswith("30 IMAP accounts went ERROR within 3 min")
    for part in ("headlines", "needs", "bar", "numbers", "groups", "events", "machinery", "anomalies"):
        assert page.locator(f'[data-live="{part}"] > *').count(), part
    assert page.locator(".groups .hot").inner_text().startswith("ERROR")
    ok = page.locator(".life-cycle .central")
    assert (ok.get_attribute("href"), ok.locator(".count").text_content()) == ("/accounts?status=OK", "69")
    page.close()


def test_on_a_phone_the_drawing_is_a_ladder(browser: "Browser", base: str) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto(f"{base}/")
    assert not page.locator(".life-cycle").is_visible()
    assert page.locator(".ladder a").filter(has_text="CREDENTIALS").is_visible()
    page.close()


def test_every_count_in_the_drawing_fits_into_its_box(browser: "Browser", base: str) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(f"{base}/")
    outside = page.evaluate(
        """() => [...document.querySelectorAll(".life-cycle .state")].filter(state => {
            const box = state.querySelector(".box").getBoundingClientRect();
            const count = state.querySelector(".count");
            count.textContent = "500,000";
            return [...state.querySelectorAll("text")].some(text => {
                const own = text.getBoundingClientRect();
                return own.left < box.left || own.right > box.right || own.top < box.top || own.bottom > box.bottom;
            });
        }).map(state => state.getAttribute("href"))"""
    )
    assert outside == []
    page.close()


def test_every_id_leads_to_its_account_and_runs_nothing(browser: "Browser", base: str) -> None:
    page = browser.new_page()
    for account_id in HOSTILE:
        page.goto(f"{base}/accounts?status=CREDENTIALS")
        page.get_by_role("link", name=account_id, exact=True).click()
        assert page.locator("h1 .id").inner_text() == account_id
        page.wait_for_selector('#stream[data-state="live"]')
        assert not page.evaluate("'broken' in window")
    page.close()


def test_without_scripts_all_is_there_and_is_loaded_again_by_itself(browser: "Browser", base: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{base}{account_url('li_002')}")
    assert page.locator("#history ~ p, .history li").count() >= 3
    assert page.locator("noscript meta[http-equiv=refresh]").get_attribute("content") == "30"
    page.get_by_role("link", name="Anomalies").click()
    assert page.locator("h1").inner_text() == "Anomalies"
    context.close()


def test_an_administrator_signs_in_and_dismisses_what_is_in_quarantine(browser: "Browser", base: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{base}/quarantine")
    assert page.get_by_role("button", name="Dismiss").count() == 0
    page.get_by_role("link", name="Sign in as administrator").click()
    page.get_by_label("Token").fill(ADMIN)
    page.get_by_role("button", name="Sign in").click()
    before = page.get_by_role("button", name="Dismiss").count()
    page.get_by_role("button", name="Dismiss").first.click()
    assert page.get_by_role("status").filter(has_text="1 dismissed.").count() == 1
    assert page.get_by_role("button", name="Dismiss").count() == before - 1
    context.close()

"""What is open in a browser stays true by the stream, whatever happens to the connection, and runs nothing."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from account_lifecycle import Engine
from account_lifecycle.testing import payload
from browser import needs_browser, running
from hooks.waiting import PATIENCE_S, eventually
from server.showing import HOSTILE, Shown, post, showing

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = needs_browser

MS = PATIENCE_S * 1000


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    yield from running()


def opened(browser: "Browser", shown: Shown, **how: Any) -> "Page":
    page = browser.new_page(**how)
    page.goto(f"{shown.url}/")
    page.wait_for_selector('#stream[data-state="live"]', timeout=MS)
    return page


def wait_for_count(page: "Page", count: int) -> None:
    page.locator(".life-cycle [data-live=count_OK]").filter(has_text=re.compile(f"^{count}$")).wait_for(timeout=MS)


def test_counts_move_while_the_page_is_open(browser: "Browser", shown: Shown) -> None:
    page = opened(browser, shown)
    wait_for_count(page, 5)
    post(shown, "acc_5")
    wait_for_count(page, 6)
    assert page.locator(".ladder a").filter(has_text="OK").text_content() == "OK6"
    page.close()


def test_what_came_from_outside_runs_nothing_on_its_way_through_the_stream(browser: "Browser", shown: Shown) -> None:
    page = opened(browser, shown)
    messages = list[str]()
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    for n, each in enumerate(HOSTILE):  # in turns, so that they are no run
        post(shown, each, ("CREDENTIALS", "ERROR")[n % 2])
    for each in HOSTILE:
        page.get_by_role("link", name=each, exact=True).wait_for(timeout=MS)
    page.mouse.move(1_000, 400)
    assert (page.evaluate("'broken' in window"), messages) == (False, [])
    links = page.locator(".event-list a.id").evaluate_all("links => links.map(link => link.href)")
    assert all(link.startswith(f"{shown.url}/accounts/") for link in links)
    page.close()


def test_a_page_that_nobody_looks_at_closes_its_stream(browser: "Browser", shown: Shown) -> None:
    page = opened(browser, shown)
    hide = "hidden => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});"
    hide += " document.dispatchEvent(new Event('visibilitychange')); }"
    page.evaluate(hide, True)
    eventually(lambda: shown.live.open_pages == 0)
    assert page.locator("#stream").inner_text() == "paused"
    post(shown, "acc_5")
    page.evaluate(hide, False)
    wait_for_count(page, 6)
    page.close()


def test_a_stream_that_is_lost_is_said_to_be_and_what_was_missed_comes_with_the_next(
    browser: "Browser", few: Engine
) -> None:
    with showing(few) as before:
        page = opened(browser, before)
    page.wait_for_selector('#stream[data-state="lost"]', timeout=MS)
    assert page.locator("#stream").inner_text() == "connection lost"
    few.feed_event(payload("OK", "acc_5"))
    with showing(few, port=before.port):
        page.wait_for_selector('#stream[data-state="live"]', timeout=MS)
        wait_for_count(page, 6)
        page.close()


def test_without_scripts_the_page_is_whole_and_loads_itself_again(browser: "Browser", shown: Shown) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{shown.url}/")
    assert page.locator("h1").inner_text() == "Nothing unusual"
    assert page.locator(".numbers strong").inner_text() == "5"
    assert page.locator("#stream").inner_text() == "every 30 s"
    assert page.locator('meta[http-equiv="refresh"]').get_attribute("content") == "30"
    context.close()

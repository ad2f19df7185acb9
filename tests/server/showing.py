"""The pages of an engine on loopback, served in this process, and what a browser says of each.

``look`` opens a page as its readers do and reports whatever they could stumble on; the pages that are looked at so are
the ``PATHS`` of ``test_in_browser``.
"""

import json
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

import uvicorn

from account_lifecycle import Engine
from account_lifecycle.server import Receiver
from account_lifecycle.server.connections import LimitedProtocol
from account_lifecycle.server.live import LiveStream
from account_lifecycle.server.pages import SiteOptions
from account_lifecycle.server.serving import Application, DrainingServer, listening
from account_lifecycle.testing import payload
from hooks.waiting import PATIENCE_S, eventually

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HOSTILE = (
    "<script>window.broken = 1</script>",
    "\"><img src=x onerror='window.broken = 1'>",
    "' onmouseover='window.broken = 1",
    "{{ 7 * 7 }}{% raw %}",
    "../../etc/passwd?a=1#b",
    "javascript:window.broken=1",
    "a b/c%2Fd&amp;é",
    "..",
)
"""Ids that mean something to somebody, but must not to a page."""


class Shown(NamedTuple):
    """Pages that are being served."""

    port: int
    application: Application

    @property
    def url(self) -> str:
        """Without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def live(self) -> LiveStream:
        assert self.application.site is not None
        return self.application.site.live


@contextmanager
def showing(engine: Engine, options: SiteOptions = SiteOptions(), port: int = 0) -> Iterator["Shown"]:  # noqa: B008
    """Serve an engine's receiver and pages on loopback."""
    with (
        closing(Application(engine, Receiver(engine), options)) as application,
        listening("127.0.0.1", port) as listener,
    ):
        config = uvicorn.Config(application, http=LimitedProtocol, log_config=None, access_log=False, ws="none")
        server = DrainingServer(config, application.leave)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        eventually(lambda: server.started)
        try:
            yield Shown(listener.getsockname()[1], application)
        finally:
            server.stop()
            thread.join(PATIENCE_S)
            assert not thread.is_alive()


def post(shown: Shown, account_id: str, word: str = "OK") -> None:
    """Announce something, as the vendor does."""
    body = json.dumps(payload(word, account_id)).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{shown.url}/hooks", body), timeout=PATIENCE_S) as answer:
        assert answer.status == 200


class Seen(NamedTuple):
    """What a browser stumbled on; nothing at all is right."""

    external: list[str]
    """Requests to anywhere else."""
    messages: list[str]
    """What it said on its console, such as what the policy of the pages forbade."""
    violations: list[str]
    """Rules of accessibility that are broken."""
    overflow: int
    """By how many pixels the page is wider than the window."""
    outside: list[str]
    """Texts that reach out of their box, over what stands beside it."""
    torn: list[str]
    """Words of a table, not ids, that are written on two lines."""
    broken: bool
    """Whether something ran that came from outside."""


NOTHING = Seen([], [], [], 0, [], [], False)

_IS_CLIPPED = """const isClipped = each =>
    each !== null && (getComputedStyle(each).clipPath !== "none" || isClipped(each.parentElement));
"""
_OUTSIDE = f"""() => {{ {_IS_CLIPPED} return [...document.querySelectorAll("main *")].filter(each =>
    each instanceof HTMLElement && getComputedStyle(each).overflowX === "visible"
    && getComputedStyle(each).display !== "inline" && each.childElementCount === 0
    && each.scrollWidth > each.clientWidth + 1 && !isClipped(each)
).map(each => each.textContent.trim()) }}"""
_TORN = f"""() => {{ {_IS_CLIPPED} return [...document.querySelectorAll("main td, main th")].flatMap(cell => {{
    const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT), torn = [];
    for (let text; !isClipped(cell) && (text = texts.nextNode());)
        for (const word of text.data.matchAll(/(?<!\\S)[a-z]{{1,20}}(?!\\S)/g)) {{
            const range = document.createRange();
            range.setStart(text, word.index);
            range.setEnd(text, word.index + word[0].length);
            if (new Set([...range.getClientRects()].map(each => Math.round(each.top))).size > 1) torn.push(word[0]);
        }}
    return torn;
}}) }}"""


def look(browser: "Browser", base: str, path: str, scheme: str, width: int, *, is_strict: bool = True) -> Seen:
    """Open a page in a scheme of colours and a width, and say what is wrong with it; by the rules of accessibility only
    if ``is_strict``."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    try:
        page = context.new_page()
        messages, asked = list[str](), list[str]()
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{base}{path}")
        if page.locator("#stream").count():
            page.wait_for_selector('#stream[data-state="live"]')
        violations = []
        if is_strict:
            page.evaluate(_axe())
            violations = page.evaluate(
                "axe.run().then(found => found.violations.map(each => each.id + ': '"
                " + each.nodes.map(node => node.target + ' ' + node.failureSummary).join('; ')))"
            )
        return Seen(
            [url for url in asked if not url.startswith(f"{base}/")],
            messages,
            violations,
            page.evaluate("document.documentElement.scrollWidth - innerWidth"),
            page.evaluate(_OUTSIDE),
            page.evaluate(_TORN),
            page.evaluate("'broken' in window"),
        )
    finally:
        context.close()


@cache
def _axe() -> str:
    return files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")

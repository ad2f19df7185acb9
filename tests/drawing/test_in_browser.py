"""Pictures in a real browser: its text is in the font that it was measured in, and stays inside its box."""

from base64 import b64encode
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from account_lifecycle.drawing import Picture
from account_lifecycle.drawing.gallery import pictures
from browser import needs_browser, running
from drawing.test_legibility import a_path, a_traffic

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = needs_browser
PICTURES = {**dict(pictures()), "path": a_path(), "traffic": a_traffic()}
every_picture = pytest.mark.parametrize("picture", [pytest.param(each, id=name) for name, each in PICTURES.items()])

MEASURE = """
() => document.fonts.ready.then(() => {
    const inside = (part, whole) => part.x >= whole.x - 0.5 && part.x + part.width <= whole.x + whole.width + 0.5
        && part.y >= whole.y - 0.5 && part.y + part.height <= whole.y + whole.height + 0.5;
    const outside = [], stretched = [];
    for (const node of document.querySelectorAll("g.node")) {
        const shape = node.querySelector("path, polygon, ellipse");
        if (!shape || shape.getAttribute("stroke") === "none") continue;
        for (const text of node.querySelectorAll("text"))
            if (!inside(text.getBBox(), shape.getBBox())) outside.push(text.textContent);
    }
    for (const text of document.querySelectorAll("text[textLength]")) {
        const asked = parseFloat(text.getAttribute("textLength"));
        text.removeAttribute("textLength");
        const own = text.getComputedTextLength();
        if (Math.abs(own - asked) > 1 + asked / 50) stretched.push([text.textContent, asked, own]);
    }
    return {outside, stretched, texts: document.querySelectorAll("g.node text").length};
})
"""


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    yield from running()


def measured(browser: "Browser", svg: str) -> Any:
    """Show SVG in a page without the system's fonts of these names, and return what its texts measure."""
    page = browser.new_page()
    try:
        page.set_content(f"<!DOCTYPE html><body>{svg}</body>")
        return page.evaluate(MEASURE)
    finally:
        page.close()


@every_picture
def test_every_text_of_a_box_lies_inside_it_and_none_is_stretched(browser: "Browser", picture: Picture) -> None:
    found = measured(browser, picture.svg())
    assert found["texts"] > 5
    assert found["outside"] == []
    assert found["stretched"] == []


def test_without_its_font_a_picture_would_be_lettered_otherwise(browser: "Browser") -> None:
    """The measure can fail: in another font the same words have other lengths."""
    svg = (
        PICTURES["path"]
        .svg()
        .replace('font-family="Lifecycle Sans,Helvetica,Arial,sans-serif"', 'font-family="monospace"')
    )
    assert measured(browser, svg)["stretched"]


def test_a_picture_in_an_img_follows_the_scheme_that_its_reader_prefers(browser: "Browser") -> None:
    source = b64encode(PICTURES["path"].svg().encode()).decode()
    page_of = f'<html style="color-scheme:light dark"><img id="it" src="data:image/svg+xml;base64,{source}">'
    darkness = {scheme: ground_in(browser, page_of, scheme) for scheme in ("light", "dark")}
    assert darkness == {"light": [255, 255, 255], "dark": [22, 25, 29]}


def ground_in(browser: "Browser", page_of: str, scheme: str) -> Any:
    """Return the red, green and blue of a corner of the page's picture."""
    page = browser.new_page(color_scheme="dark" if scheme == "dark" else "light")
    try:
        page.set_content(page_of)
        page.wait_for_function("document.getElementById('it').complete")
        shot = b64encode(page.locator("#it").screenshot()).decode()
        return page.evaluate(CORNER, f"data:image/png;base64,{shot}")
    finally:
        page.close()


CORNER = """
async (source) => {
    const image = new Image();
    image.src = source;
    await image.decode();
    const canvas = document.createElement("canvas").getContext("2d");
    canvas.drawImage(image, 0, 0);
    return [...canvas.getImageData(3, 3, 1, 1).data].slice(0, 3);
}
"""

"""The audit as one HTML file: whole, safe to open, readable for everybody."""

import re
from base64 import b64decode
from html.parser import HTMLParser
from importlib.resources import files
from io import StringIO
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from account_lifecycle.lifecycle.anomalies import AnomalyKind
from account_lifecycle.records import AuditFilter
from account_lifecycle.report.as_html import MAX_GROUPS_OF_A_KIND, write_html
from account_lifecycle.report.audit import EVERYTHING, AuditReport, build_report
from account_lifecycle.report.grouping import group
from builders import notification, webhook
from report.fleet import EVENTS, NOW, anomaly, fed, stranger

VOID = {"meta", "br", "img"}
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script><text>Zürich</text></svg>'


class Page(HTMLParser):
    """A page as a reader of HTML sees it; fails where an element is not closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.texts.append(data)

    @property
    def text(self) -> str:
        return "".join(self.texts)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def page(report: AuditReport | None = None, svg: str = "") -> Page:
    stream = StringIO()
    write_html(report or build_report(fed().store, now=NOW), stream, svg)
    return Page(stream.getvalue())


def report_on(wanted: AuditFilter = EVERYTHING, **options: int) -> AuditReport:
    return build_report(fed().store, wanted, now=NOW, **options)


# ---- What it tells -----------------------------------------------------------------------------------


def test_it_says_what_was_found_in_which_period() -> None:
    text = page().text
    assert "8 anomalies on 4 of 5 accounts: 3 errors, 3 warnings and 2 info." in text
    assert "From the first event to 2026-05-04 12:00:00 UTC." in text


def test_it_says_what_it_is_limited_to() -> None:
    assert "Only severity error, account bob." in page(report_on(AuditFilter(severity="error", account_id="bob"))).text


def test_every_group_is_there_with_its_explanation_and_next_step() -> None:
    report, text = report_on(), page().text
    for each in report.groups:
        assert each.example.explanation in text
        assert f"Next step: {each.example.next_step}. Example: account {each.example.account_id}" in text


def test_it_tells_windows_quarantine_and_fleet() -> None:
    text = page().text
    assert "2 blind windows, 1 still open: 72.5 h of downtime that was announced (73.3 h to backfill)." in text
    assert "1 window began before the account was first heard of" in text
    assert "2 payloads could not be read; every byte is in quarantine." in text
    assert "INTERRUPTED" in text


def test_every_anomaly_is_listed_while_they_are_few() -> None:
    assert "All 8 anomalies, newest first." in page().text


def test_a_long_list_is_cut_and_says_so_and_how_to_get_the_rest() -> None:
    found = page(report_on(max_listed=3))
    assert "The latest 3 of 8 anomalies, newest first. 5 older ones" in found.text
    assert "write the audit in full as CSV to get every one" in found.text
    listing = found.html[found.html.index('id="list"') :]
    assert listing.count('scope="row"') == 3


def test_many_groups_of_a_kind_are_cut_and_counted() -> None:
    anomalies = [stranger(f"WORD {number:02}") for number in range(30)]
    found = page(report_on()._replace(groups=tuple(group(anomalies))))
    left_out = 30 - MAX_GROUPS_OF_A_KIND
    assert f"And {left_out} more groups with {left_out} anomalies" in found.text


def test_a_clean_fleet_is_told_in_few_words() -> None:
    events = ((0, notification("acc", "CREATION_SUCCESS")), (1, webhook("acc", "OK")))
    found = page(build_report(fed(events).store, now=NOW))
    assert "No anomalies on 1 account." in found.text
    assert "Nothing deviated from the life cycle." in found.text
    assert "Every payload could be read." in found.text


def test_an_empty_record_makes_a_page_too() -> None:
    assert "There are no accounts." in page(build_report(fed(()).store, now=NOW)).text


# ---- Safe to open -------------------------------------------------------------------------------------


def test_a_script_in_an_account_id_is_only_text() -> None:
    evil = "<script>alert(1)</script>"
    found = page(build_report(fed((*EVENTS, (90, webhook(evil, "OK")))).store, now=NOW))
    assert evil in found.text
    assert found.all("script") == []


@given(st.text(), st.text(min_size=1))
def test_nothing_foreign_becomes_an_element_or_an_attribute(account_id: str, word: str) -> None:
    def made_with(account_id: str, word: str) -> list:
        evil = [
            stranger(word, account_id=account_id, provider=word),
            anomaly(AnomalyKind.PROVIDER_CHANGED, account_id=account_id, detail=word),
        ]
        report = EMPTY._replace(
            groups=tuple(group(evil)), listed=tuple(evil), wanted=AuditFilter(account_id=account_id)
        )
        return page(report).elements

    assert made_with(account_id, word) == made_with("harmless", "HARMLESS")


EMPTY = build_report(fed(()).store, now=NOW)


def test_it_needs_nothing_from_anywhere() -> None:
    found = page(svg=SVG)
    for _, attributes in found.elements:
        assert all((attributes.get(name) or "#").startswith(("#", "data:")) for name in ("href", "src", "srcset"))
    assert {tag for tag, _ in found.elements}.isdisjoint({"link", "script", "iframe", "object", "base", "form"})
    css = files("account_lifecycle.report").joinpath("page.css").read_text("utf-8")
    assert "url(" not in css
    assert "@import" not in css


def test_the_browser_is_told_to_load_and_run_nothing() -> None:
    (policy,) = [m["content"] for m in page().all("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def test_the_picture_is_an_image_whatever_it_holds() -> None:
    found = page(svg=SVG)
    (image,) = found.all("img")
    source = image["src"]
    assert source is not None
    assert b64decode(source.removeprefix("data:image/svg+xml;base64,")).decode() == SVG
    assert found.all("script") == []


def test_without_a_picture_there_is_no_empty_frame() -> None:
    assert page().all("figure") == []
    assert 'href="#picture"' not in page().html


# ---- Readable for everybody ---------------------------------------------------------------------------


def test_headings_go_down_one_level_at_a_time() -> None:
    levels = [int(tag[1]) for tag, _ in page(svg=SVG).elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_every_heading_of_a_table_says_what_it_heads() -> None:
    headings = page().all("th")
    assert {each.get("scope") for each in headings} == {"col", "row"}


def test_every_link_and_label_points_to_something() -> None:
    found = page(svg=SVG)
    ids = [attributes["id"] for _, attributes in found.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    pointers = [a["href"].removeprefix("#") for a in found.all("a")]
    pointers += [a["aria-labelledby"] for _, a in found.elements if "aria-labelledby" in a]
    assert set(pointers) <= set(ids)


def test_the_page_has_a_language_a_title_and_a_description_of_the_picture() -> None:
    found = page(svg=SVG)
    assert found.all("html") == [{"lang": "en"}]
    assert "<title>Account life cycle audit</title>" in found.html
    assert found.all("img")[0]["alt"]


PALETTES = re.findall(
    r":root \{(.*?)\}", files("account_lifecycle.report").joinpath("page.css").read_text("utf-8"), re.DOTALL
)


def luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("palette", PALETTES, ids=["light", "dark", "print"])
def test_all_text_has_the_contrast_that_weak_eyes_need(palette: str) -> None:
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", palette))
    texts = ("ink", "quiet", "link", "error", "warning", "info")
    pairs = [(text, ground) for text in texts for ground in ("ground", "paper")]
    pairs += [(severity, f"{severity}-ground") for severity in ("error", "warning", "info")]
    assert {pair: ratio for pair in pairs if (ratio := contrast(*(colours[each] for each in pair))) < 4.5} == {}


def test_there_is_a_palette_for_light_dark_and_paper() -> None:
    assert len(PALETTES) == 3

"""Foreign words: whatever an account or an announcement is called, it is shown as it is and breaks nothing."""

import re
from xml.etree import ElementTree

from hypothesis import example, given, settings
from hypothesis import strategies as st

from account_lifecycle import drawing
from account_lifecycle.drawing import Crossing, PathStep
from account_lifecycle.lifecycle.status import Status, Verdict
from account_lifecycle.lifecycle.wording import shown

WILD = "a\"b'<b>c</b>&lt;&amp;%%{init: {}}%% `x` #quot; \\N\\l\\ |x| {{y}} [z] (w) --> \u202e\n\x00"
words = st.text(min_size=1, max_size=60).filter(str.strip)


def texts_of(svg: str) -> set[str]:
    """Every line of text, as a browser shows it; Graphviz writes its spaces as no-break ones where it must."""
    root = ElementTree.fromstring(svg)
    found = ("".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text"))
    return {line.replace("\xa0", " ") for line in found}


@settings(max_examples=60, deadline=None)
@example(WILD)
@example("<b>")
@example("\\")
@example("&amp;")
@given(words)
def test_an_account_is_called_in_svg_what_it_is_called(account_id: str) -> None:
    title = f"The path of account {shown(account_id)}"
    assert title.replace("\xa0", " ") in texts_of(drawing.path([], account_id).svg())


@settings(max_examples=60, deadline=None)
@example(WILD)
@given(words)
def test_an_unknown_announcement_is_listed_and_cut(word: str) -> None:
    step = PathStep(Status.OK, word, Status.OK, Verdict.HELD, ("UNKNOWN_STATUS",))
    line = f"1 · {shown(word, 24)[1:-1]} (UNKNOWN_STATUS)"
    assert line.replace("\xa0", " ") in texts_of(drawing.path([step]).svg())


@settings(max_examples=100, deadline=None)
@example(WILD)
@given(words)
def test_no_word_leaves_its_label_in_mermaid(word: str) -> None:
    step = PathStep(Status.OK, word, Status.OK, Verdict.HELD, (word,))
    plain = PathStep(Status.OK, "x", Status.OK, Verdict.HELD, ("x",))
    picture, tame = drawing.path([step], word).mermaid(), drawing.path([plain], "x").mermaid()
    label = re.compile(r'"(?:[^"\\]|\\.)*"')
    assert label.sub('""', picture) == label.sub('""', tame)
    labels = "".join(label.findall(picture.split("---\n")[2])).replace("<br/>", "")
    assert not set("<>&%`\\") & set(labels)


@settings(max_examples=30, deadline=None)
@example(WILD)
@given(words)
def test_a_foreign_kind_is_named_in_a_fleets_traffic(kind: str) -> None:
    picture = drawing.traffic({Crossing(Status.OK, "x", Status.OK, kind): 3})
    notes = "\n".join(picture.sketch.notes)
    assert f"OK ({shown(kind)[1:-1]} 3)" in notes
    ElementTree.fromstring(picture.svg())


def test_a_long_name_is_cut() -> None:
    picture = drawing.path([], "x" * 256)
    assert f"{'x' * 40}…" in picture.dot()
    assert "x" * 41 not in picture.dot()

"""The formats: each is what it says it is, and the same every time on every machine."""

import os
import re
import subprocess
import sys
from base64 import b64decode
from pathlib import Path
from struct import unpack
from xml.etree import ElementTree

import graphviz
import pytest

from account_lifecycle import drawing
from account_lifecycle.drawing import DrawingError, Picture
from account_lifecycle.drawing.geometry import text_width
from account_lifecycle.drawing.mermaid import flowchart
from account_lifecycle.lifecycle.machine import INITIAL_SITUATION

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def picture() -> Picture:
    return drawing.lifecycle()


def test_svg_is_well_formed_and_refers_to_nothing_outside(picture: Picture) -> None:
    root = ElementTree.fromstring(picture.svg())
    assert root.tag == f"{SVG}svg"
    references = {value for element in root.iter() for name, value in element.items() if name.endswith("href")}
    assert references == set()
    assert "DOCTYPE" not in picture.svg()
    assert "<script" not in picture.svg()


def test_svg_tells_its_title_and_names_its_states_only(picture: Picture) -> None:
    titles = [title.text or "" for title in ElementTree.fromstring(picture.svg()).iter(f"{SVG}title")]
    assert titles[0] == "The life cycle of an account"
    assert "OK" in titles
    assert not [title for title in titles if re.search(r"^text_|^sample_|_caption$|_tag$|^health_", title)]


def test_svg_carries_the_font_that_it_asks_for(picture: Picture) -> None:
    svg = picture.svg()
    assert set(re.findall(r'font-family="([^"]*)"', svg)) == {"Lifecycle Sans,Helvetica,Arial,sans-serif"}
    faces = re.findall(r"@font-face\{([^}]*)\}", svg)
    assert [weight for face in faces for weight in re.findall(r"font-weight:(\w+)", face)] == ["normal", "bold"]
    for face in faces:
        embedded = re.search(r"url\(data:font/woff2;base64,([^)]*)\)", face)
        assert embedded is not None
        assert b64decode(embedded[1])[:4] == b"wOF2"


def test_every_line_of_svg_says_how_long_it_is_so_that_any_browsers_font_fits(picture: Picture) -> None:
    lines = [text for text in ElementTree.fromstring(picture.svg()).iter(f"{SVG}text") if (text.text or "").strip()]
    caption = next(line for line in lines if line.text == "CREATION_SUCCESS")
    assert float(caption.get("textLength", "")) < picture.placement.boxes["CREATION_SUCCESS"].width
    assert {line.get("lengthAdjust") for line in lines} == {"spacingAndGlyphs"}
    for line in lines:
        words = (line.text or "").replace("\xa0", " ")
        reckoned = text_width(words, float(line.get("font-size", "")), bold=line.get("font-weight") == "bold")
        assert float(line.get("textLength", "")) == pytest.approx(reckoned, abs=0.1)


def test_png_is_a_png_of_the_same_shape(picture: Picture) -> None:
    png = picture.png()
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = unpack(">II", png[16:24])
    root = ElementTree.fromstring(picture.svg())
    points = [float(root.get(side, "").removesuffix("pt")) for side in ("width", "height")]
    assert [width, height] == pytest.approx([side * 96 / 72 for side in points], abs=2)


def test_png_is_lettered_by_the_font_that_the_package_brings(picture: Picture) -> None:
    import resvg_py

    bare = resvg_py.svg_to_bytes(svg_string=picture.svg(), dpi=96, background="white", skip_system_fonts=True)
    assert len(picture.png()) > 1.5 * len(bytes(bare))


def test_the_font_that_the_package_brings_may_be_passed_on() -> None:
    import account_lifecycle

    fonts = Path(account_lifecycle.__file__).parent / "drawing" / "fonts"
    assert {font.name for font in fonts.glob("*.ttf")} == {"LifecycleSans-Bold.ttf", "LifecycleSans-Regular.ttf"}
    assert "SIL OPEN FONT LICENSE Version 1.1" in (fonts / "OFL.txt").read_text("ascii")


def test_dot_has_every_coordinate_so_that_every_graphviz_renders_it_alike(picture: Picture) -> None:
    assert "layout=nop2" in picture.dot()
    lines = [line for line in picture.dot().splitlines() if " -> " in line or re.match(r"\t+\w+ \[label", line)]
    assert [line for line in lines if "pos=" not in line] == []


def test_a_digraph_can_be_changed_by_its_reader(picture: Picture) -> None:
    graph = picture.digraph()
    assert isinstance(graph, graphviz.Digraph)
    graph.node("mine")
    assert "mine" not in picture.dot()


def test_a_situation_is_drawn_as_a_digraph() -> None:
    assert isinstance(drawing.draw_situation(INITIAL_SITUATION), graphviz.Digraph)


def test_mermaid_draws_every_arrow_between_nodes_that_it_declares(picture: Picture) -> None:
    text = picture.mermaid()
    head, body = text.split("flowchart LR\n")
    assert re.fullmatch(r'---\ntitle: "[^"\n]*"\n---\n', head)
    declared = set(re.findall(r"^ +(\w+)[(\[]", body, re.MULTILINE)) | {"LOST_GROUP"}
    arrows = re.findall(r"^ +(\w+) <?(?:==>|-->|-\.->)(?:\|\"[^\"]*\"\|)? (\w+)$", body, re.MULTILINE)
    assert len(arrows) == len(picture.sketch.arrows)
    assert {end for arrow in arrows for end in arrow} <= declared
    numbers = [int(n) for line in re.findall(r"linkStyle ([\d,]+)", body) for n in line.split(",")]
    assert sorted(numbers) == list(range(len(arrows)))


def test_mermaid_uses_only_styles_that_it_defines() -> None:
    for picture in (drawing.lifecycle(), drawing.deviations(), drawing.path([]), drawing.traffic({})):
        text = flowchart(picture.sketch)
        used, defined = set(re.findall(r":::(\w+)", text)), set(re.findall(r"classDef (\w+)", text))
        assert used <= defined


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("a.dot", b"digraph lifecycle {"),
        ("a.gv", b"digraph lifecycle {"),
        ("a.mmd", b"---\ntitle: "),
        ("a.mermaid", b"---\ntitle: "),
        ("a.svg", b"<?xml"),
        ("A.SVG", b"<?xml"),
        ("a.png", b"\x89PNG"),
    ],
)
def test_a_file_is_written_in_the_format_of_its_suffix(
    name: str, start: bytes, picture: Picture, tmp_path: Path
) -> None:
    assert picture.write(tmp_path / name) == tmp_path / name
    assert (tmp_path / name).read_bytes().startswith(start)


@pytest.mark.parametrize("name", ["a.gif", "a", "svg", ".svg"])
def test_a_suffix_that_names_no_format_is_refused_with_those_that_do(
    name: str, picture: Picture, tmp_path: Path
) -> None:
    with pytest.raises(DrawingError, match=r"\.dot, \.gv, \.mmd, \.mermaid, \.svg, \.png"):
        picture.write(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_another_process_draws_the_same_bytes() -> None:
    code = "from account_lifecycle import drawing as d; p = d.provider('X'); print(hash('x'), p.dot(), p.mermaid())"
    outputs = []
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True, text=True)
        outputs.append(ran.stdout.split(" ", 1))
    (first_hash, first), (second_hash, second) = outputs
    assert first_hash != second_hash
    assert first == second


def test_everything_in_a_picture_is_placed_once(picture: Picture) -> None:
    assert picture.placement is picture.placement
    assert picture.dot() == picture.dot()

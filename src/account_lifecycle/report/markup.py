"""HTML, element by element, in which nothing is markup unless this module made it.

Knows elements and escapes; it must never know what a page is about.
"""

from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

from .words import printable


class Markup(str):
    """HTML that is whole, and escaped where it has to be."""

    __slots__ = ()


class Column(NamedTuple):
    """A column of a table."""

    title: str
    class_: str = ""
    """The class of each of its cells."""


def element(name: str, *children: object, **attributes: object) -> Markup:
    """An element around its children. Whatever is not ``Markup`` is escaped.

    Attributes that are None or blank are left out; ``class_`` is written ``class``, ``aria_label`` is
    written ``aria-label``.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(printable(str(value)))}"'
        for key, value in attributes.items()
        if value not in (None, "")
    )
    return Markup(f"<{name}{written}>{fragment(*children)}</{name}>")


def fragment(*children: object) -> Markup:
    """Children one after the other."""
    return Markup("".join(c if isinstance(c, Markup) else escape(printable(str(c))) for c in children))


def table(
    columns: Sequence[Column], rows: Iterable[Sequence[object]], *, label: str | None = None, class_: str = ""
) -> Markup:
    """A table, scrollable where it is wider than the screen. The first cell of each row is its heading.

    ``label`` tells what it is about to those who cannot see the heading above it.
    """
    head = element("tr", *map(_heading, columns))
    body = [_row(columns, row) for row in rows]
    whole = element("table", element("thead", head), element("tbody", *body), class_=class_, aria_label=label)
    return element("div", whole, class_="scroll", tabindex="0", role="region", aria_label=label)


def definitions(pairs: Iterable[tuple[str, object]]) -> Markup:
    """Names, and what stands for each."""
    return element(
        "dl", *(fragment(element("dt", name), element("dd", value)) for name, value in pairs), class_="reading"
    )


def card(*children: object) -> Markup:
    """What stands on a sheet of its own."""
    return element("div", *children, class_="card")


def bar(value: float, largest: float) -> Markup:
    """A bar, as long as a value is beside the largest one."""
    share = 100 * value / largest if largest else 0
    return element("span", style=f"width:{share:.1f}%")


def _heading(column: Column) -> Markup:
    if not column.title:
        return element("td", class_=column.class_)
    return element("th", column.title, scope="col", class_=column.class_)


def _row(columns: Sequence[Column], cells: Sequence[object]) -> Markup:
    first, *rest = zip(columns, cells, strict=True)
    heading = element("th", first[1], scope="row", class_=first[0].class_)
    return element("tr", heading, *(element("td", cell, class_=column.class_) for column, cell in rest))

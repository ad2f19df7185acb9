"""Find the live bytes of a SQLite file: the cells of every table and index, page by page.

See https://www.sqlite.org/fileformat2.html. Free pages, the unused middle of a page and the remains of deleted cells
are not live.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import apsw

_INTERIOR_INDEX, _INTERIOR_TABLE, _LEAF_INDEX, _LEAF_TABLE = 2, 5, 10, 13
_INTERIOR = (_INTERIOR_INDEX, _INTERIOR_TABLE)
_TABLE_PAGES = (_INTERIOR_TABLE, _LEAF_TABLE)


class Tree(NamedTuple):
    """A table or an index."""

    name: str
    kind: str
    """``table`` or ``index``."""
    root: int


class Extent(NamedTuple):
    """Bytes of one cell that lie side by side in the file."""

    tree: Tree
    page: int
    cell: int
    """Its number on the page where it begins."""
    part: str
    """``cell``, or ``overflow`` for what a large one keeps on other pages."""
    offset: int
    """In the file."""
    size: int


def trees(path: Path) -> list[Tree]:
    """Every table and index of a file, the schema first."""
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        rows = db.execute("SELECT name, type, rootpage FROM sqlite_schema WHERE rootpage > 0 ORDER BY rootpage")
        return [Tree("sqlite_schema", "table", 1), *(Tree(*row) for row in rows)]
    finally:
        db.close()


def live_extents(path: Path) -> Iterator[Extent]:
    """Every live cell of a file that is checkpointed and closed."""
    pages = _Pages(path.read_bytes())
    for tree in trees(path):
        yield from pages.extents(tree, tree.root)


class _Pages:
    """A file, read as pages."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        size = int.from_bytes(content[16:18], "big")
        self._size = 65536 if size == 1 else size
        self._usable = self._size - content[20]

    def extents(self, tree: Tree, page: int) -> Iterator[Extent]:
        """The cells of a page and of all pages below it."""
        start = (page - 1) * self._size
        head = start + (100 if page == 1 else 0)
        kind, count = self._content[head], self._number(head + 3, 2)
        is_interior = kind in _INTERIOR
        pointers = head + (12 if is_interior else 8)
        for cell in range(count):
            at = start + self._number(pointers + 2 * cell, 2)
            yield from self._cell(tree, page, cell, at, kind)
            if is_interior:
                yield from self.extents(tree, self._number(at, 4))
        if is_interior:
            yield from self.extents(tree, self._number(head + 8, 4))

    def _cell(self, tree: Tree, page: int, cell: int, start: int, kind: int) -> Iterator[Extent]:
        """One cell, with what it keeps on overflow pages."""
        at = start + (4 if kind in _INTERIOR else 0)
        if kind == _INTERIOR_TABLE:
            _, at = self._varint(at)
            yield Extent(tree, page, cell, "cell", start, at - start)
            return
        payload, at = self._varint(at)
        if kind == _LEAF_TABLE:
            _, at = self._varint(at)
        local = self._local(payload, is_table=kind in _TABLE_PAGES)
        at += local
        following = self._number(at, 4) if local < payload else 0
        yield Extent(tree, page, cell, "cell", start, at + (4 if following else 0) - start)
        yield from self._overflow(tree, page, cell, following, payload - local)

    def _overflow(self, tree: Tree, page: int, cell: int, following: int, left: int) -> Iterator[Extent]:
        while following and left > 0:
            start, held = (following - 1) * self._size, min(left, self._usable - 4)
            yield Extent(tree, page, cell, "overflow", start, 4 + held)
            following, left = self._number(start, 4), left - held

    def _local(self, payload: int, *, is_table: bool) -> int:
        """How much of a cell's payload is kept on its own page."""
        most = self._usable - 35 if is_table else (self._usable - 12) * 64 // 255 - 23
        if payload <= most:
            return payload
        least = (self._usable - 12) * 32 // 255 - 23
        kept = least + (payload - least) % (self._usable - 4)
        return kept if kept <= most else least

    def _number(self, offset: int, size: int) -> int:
        return int.from_bytes(self._content[offset : offset + size], "big")

    def _varint(self, offset: int) -> tuple[int, int]:
        """A number of variable length, and where it ends."""
        value = 0
        for place in range(8):
            byte = self._content[offset + place]
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value, offset + place + 1
        return value << 8 | self._content[offset + 8], offset + 9

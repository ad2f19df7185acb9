"""Lists of anything, such as the vendor's list of accounts, stored and written as logs are.

What a file is packed with is told by its bytes, and whether it is lines, a table or whole documents by its beginning.
The records of documents are the elements of the outermost array of objects; none of them is searched for anything.
"""

import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from ..errors import PayloadError
from .dialects import Path as KeyPath
from .documents import elements, sample_of
from .files import STDIN, StoredLog, lines, members
from .tables import CsvRows, head_of

_HEAD = 1 << 18


def open_list(name: str) -> Iterator[tuple[int, Any]]:
    """Yield the number of each record of a list with the record: an object, or the text that is none.

    In place of what cannot be read comes its ``PayloadError``. Raise ``UnreadableLog`` if it cannot be opened.
    """
    for file in members(StoredLog(name, None if name == STDIN else Path(name))):
        with file.opened() as opened:
            pieces = opened.pieces()
            head = b""
            while len(head) < _HEAD and (more := next(pieces, b"")):
                head += more
            yield from _records(head, chain([head], pieces))


def _records(head: bytes, pieces: Iterator[bytes]) -> Iterator[tuple[int, Any]]:
    text = [line for line in head.decode("utf-8", errors="replace").split("\n")[:50] if line.strip()]
    table = head_of(text)
    if table is not None:
        for number, cells in CsvRows(lines(pieces), table):
            yield number, cells if isinstance(cells, PayloadError) else dict(zip(table.names, cells, strict=True))
        return
    if text and not isinstance(_json(text[0].encode()), dict):
        yield from _of_documents(pieces, _array_in(sample_of(head)))
    elif len(text) == 1 and (array := _array_in(_json(text[0].encode()))) is not None:
        yield from _of_documents(pieces, array)
    else:
        for first, block in lines(pieces):
            for number, line in enumerate(block, first):
                if isinstance(line, PayloadError) or line.strip():
                    yield number, line if isinstance(line, PayloadError) else _json(line)


def _of_documents(pieces: Iterator[bytes], array: KeyPath | None) -> Iterator[tuple[int, Any]]:
    for number, element in enumerate(elements(pieces, array), 1):
        yield number, element if isinstance(element, PayloadError) else _json(element)


def _array_in(value: Any) -> KeyPath | None:
    """Return the keys to the outermost array of objects; None if there is none."""
    if isinstance(value, list):
        return ()
    if isinstance(value, dict) and "account_id" not in value and "id" not in value:
        for key, inner in value.items():
            if isinstance(inner, list) and (not inner or isinstance(inner[0], dict)):
                return (key,)
    return None


def _json(data: bytes) -> Any:
    text = data.decode("utf-8", errors="surrogateescape").strip()
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text

"""The ending of a file's name says its format: here are the endings of everything that is written."""

from collections.abc import Mapping
from pathlib import Path

from ..errors import OutputError

Endings = Mapping[str, str]
"""The format that each ending stands for, in small letters; of a packed file both endings, such as ``.jsonl.gz``."""

ARCHIVE_ENDINGS: Endings = {".jsonl.gz": "jsonl", ".gz": "jsonl"}
"""Of what was taken out of a store."""
LOG_ENDINGS: Endings = {".jsonl": "jsonl"}
PAGE_ENDINGS: Endings = {".html": "html", ".htm": "html"}
PICTURE_ENDINGS: Endings = {
    ".dot": "dot", ".gv": "dot", ".mmd": "mermaid", ".mermaid": "mermaid", ".svg": "svg", ".png": "png",
}  # fmt: skip
REPORT_ENDINGS: Endings = {".txt": "text", ".json": "json", ".jsonl": "jsonl", ".csv": "csv", **PAGE_ENDINGS}
STORE_ENDINGS: Endings = {".db": "sqlite", ".sqlite": "sqlite", ".sqlite3": "sqlite"}
TABLE_ENDINGS: Endings = {".parquet": "parquet", ".jsonl": "jsonl", ".csv": "csv"}

_PACKED = (".gz", ".zst", ".bz2", ".xz", ".zip")


def form_of(path: Path, endings: Endings) -> str:
    """Return the format that a name asks for; raise ``OutputError`` with the known endings if it is none of those."""
    form = endings.get(ending_of(path))
    if form is None:
        *others, last = endings
        known = f"{', '.join(others)} or {last}" if others else last
        raise OutputError(f"{str(path)!r} does not end in {known}, which says the format: name the file so.")
    return form


def ending_of(path: Path) -> str:
    """Return the ending of a name in small letters, with that of what is packed in it."""
    *before, last = ["", *(suffix.lower() for suffix in path.suffixes)]
    return before[-1] + last if last in _PACKED and before else last

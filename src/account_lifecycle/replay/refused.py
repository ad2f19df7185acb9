"""Lines that are no readable event, kept byte for byte in a file of JSON Lines, with their place and the reason.

Knows that file's format, which is a promise: ``source``, ``line``, ``field``, ``reason``, and the line itself as
``raw``, in base64 where ``raw_is_base64`` says so because it is no UTF-8.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from .columns import RefusedLine


class RefusedLines:
    """A side file that is made with its first line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._file: Any = None

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[RefusedLine]:
        if self._file is None:
            return
        if not self._file.closed:
            self._file.flush()
        with self.path.open(encoding="ascii") as file:
            yield from map(_line_of, file)

    def add(self, lines: Iterable[RefusedLine]) -> None:
        """Append lines."""
        for line in lines:
            if self._file is None:
                self._file = self.path.open("w", encoding="ascii", newline="\n")
            self._file.write(json.dumps(_record_of(line)) + "\n")
            self.count += 1

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()


def _record_of(line: RefusedLine) -> dict[str, Any]:
    try:
        raw, is_base64 = line.raw.decode(), False
    except UnicodeDecodeError:
        raw, is_base64 = b64encode(line.raw).decode("ascii"), True
    return {**line._asdict(), "raw": raw, "raw_is_base64": is_base64}


def _line_of(text: str) -> RefusedLine:
    record = json.loads(text)
    raw = b64decode(record["raw"]) if record["raw_is_base64"] else record["raw"].encode()
    return RefusedLine(record["source"], record["line"], record["field"], record["reason"], raw)

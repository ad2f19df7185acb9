"""Signed heads: lines for a log that others hold, by which it can be shown later that nothing was cut off or changed.

A line is: ``account-lifecycle head TIME events=COUNT head=HEX hmac-sha256=HEX``. The last part is the HMAC-SHA-256, by
a key that only its owner has, of the line up to the space before it. So a forger can neither make a line for another
ledger nor change one, and cannot take those back that others hold.
"""

import hmac
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from ..errors import ConfigurationError
from ..intake.times import in_utc
from ..lifecycle.wording import time_text

MIN_KEY_BYTES = 16
"""The shortest key."""

_LINE = re.compile(
    r"account-lifecycle head (?P<at>\S+) events=(?P<events>\d+) head=(?P<head>[0-9a-f]{64}) hmac-sha256=[0-9a-f]{64}"
)


class SignedHead(NamedTuple):
    """A head that was signed."""

    number: int
    """Its line in the log, from 1."""
    at: datetime | None
    """When it was signed; None if the line is not one of this key."""
    events: int
    head: str
    """In hexadecimal."""

    @property
    def is_genuine(self) -> bool:
        """Whether the line is as it was written with the key."""
        return self.at is not None


def signed_line(key: bytes, at: datetime, events: int, head: str) -> str:
    """Return the line for a head; raise ``ConfigurationError`` for a key that is too short."""
    text = f"account-lifecycle head {time_text(in_utc('at', at))} events={events} head={head}"
    return f"{text} hmac-sha256={_code(key, text)}"


def signed_heads(key: bytes, lines: Iterable[str]) -> Iterator[SignedHead]:
    """Yield the heads that are in lines of a log, whatever stands before them; other lines are passed over."""
    for number, line in enumerate(lines, 1):
        for found in _LINE.finditer(line):
            text, _, code = found[0].rpartition(" hmac-sha256=")
            is_genuine = hmac.compare_digest(code, _code(key, text))
            at = datetime.fromisoformat(found["at"]) if is_genuine else None
            yield SignedHead(number, at, int(found["events"]), found["head"])


def _code(key: bytes, text: str) -> str:
    if len(key) < MIN_KEY_BYTES:
        raise ConfigurationError("key", f"{len(key)} bytes", f"{MIN_KEY_BYTES} bytes or more, such as of /dev/urandom")
    return hmac.digest(key, text.encode("ascii"), "sha256").hex()

"""Whose a payload is that nobody could read: what erasing an account has to find in the quarantine.

Knows how an id can look in bytes; it must never know where they are kept.
"""

import json
import re
from functools import lru_cache

ERASED = "erased on request"
"""What stands for the reason of an erased payload, which may have quoted it."""

_WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
"""What text with NUL bytes may be meant as."""


def mentions(payload: bytes, account_id: str) -> bool:
    """Whether an account's id stands somewhere in a payload, as a word of its own.

    A short id may well be found in a payload that is about something else: what is erased is rather too much
    than too little.
    """
    pattern = _pattern(account_id)
    if pattern.search(payload.decode("utf-8", errors="surrogateescape")):
        return True
    return b"\0" in payload and any(pattern.search(payload.decode(code, errors="replace")) for code in _WIDE)


@lru_cache(maxsize=16)
def _pattern(account_id: str) -> re.Pattern[str]:
    spelled = {account_id, json.dumps(account_id)[1:-1], json.dumps(account_id, ensure_ascii=False)[1:-1]}
    return re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, sorted(spelled)))})(?![\w-])", re.IGNORECASE)

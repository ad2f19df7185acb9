"""Arguments of callers, checked before anything is read, fed or quarantined: what is wrong with one is its caller's
fault and no payload's.

Each function takes the argument's name and what was given, and returns it as it is used. Each raises
``ConfigurationError``, which is a ``ValueError``, with the name, the value and what would be right. Times are checked
in ``times``.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from ..errors import ConfigurationError, PayloadError
from ..lifecycle.events import MAX_CHARACTERS
from ..lifecycle.wording import one_of, printable
from ..urls import hide_urls
from .dialects import TableRow

MAX_NUMBER = 2**63 - 1
"""The largest number that a row of a store can have."""
LONGEST_SHOWN = 80
"""How many characters of a wrong value are shown."""

ItemT = TypeVar("ItemT")
WordT = TypeVar("WordT", bound=StrEnum)
ValueT = TypeVar("ValueT")
_SENT = (bytes, bytearray, memoryview, str, Mapping, TableRow, PayloadError, list, tuple, int, float, type(None))
"""A body in any form, any value of JSON, a row of a table, or what a log has in place of a payload."""
_ONE_VALUE = (str, bytes, bytearray, memoryview)
"""What can be iterated over and is one value all the same."""


def refuse(name: str, value: object, expected: str) -> ConfigurationError:
    """Return the error about an argument, for ``raise``."""
    return ConfigurationError(name, in_short(value), expected)


def in_short(value: object) -> str:
    """Return a value as it may stand in a message, whatever it does when it is asked for that."""
    try:
        return printable(hide_urls(repr(value)), LONGEST_SHOWN)
    except Exception:
        return f"a {type(value).__name__} that cannot be shown"


def maybe(check: Callable[[str, Any], ValueT], name: str, value: object) -> ValueT | None:
    """Return None for None, and anything else as ``check`` returns it."""
    return None if value is None else check(name, value)


def text(name: str, value: object) -> str:
    """Return an argument that has to be text."""
    if not isinstance(value, str):
        raise refuse(name, value, "text")
    return value


def field(name: str, value: object) -> str:
    """Return an argument that has to be text, and no longer than a field of a payload may be."""
    found = text(name, value)
    if len(found) > MAX_CHARACTERS:
        raise ConfigurationError(name, f"{len(found):,} characters", f"at most {MAX_CHARACTERS} characters")
    return found


def account_id(name: str, value: object) -> str:
    """Return an argument that has to be text as an account's id is: printable and not too long, blanks around it aside.

    Nothing but blanks stands for creations that failed before there was an account.
    """
    found = value.strip() if isinstance(value, str) else "\0"
    if len(found) > MAX_CHARACTERS or not found.isprintable():
        raise refuse(name, value, f"an account's id: text of at most {MAX_CHARACTERS} printable characters")
    return found


def hook_name(name: str, value: object) -> str:
    """Return an argument that has to be text as the name of a hook is: printable."""
    if not isinstance(value, str) or not value.isprintable():
        raise refuse(name, value, "a hook's name: printable text")
    return value


def word(name: str, value: object, words: type[WordT]) -> WordT:
    """Return an argument that has to be a member of ``words``, or its text."""
    try:
        if isinstance(value, str):
            return words(value)
    except ValueError:
        pass
    raise refuse(name, value, one_of(tuple(words)))


def count(name: str, value: object, least: int = 1, most: int = MAX_NUMBER) -> int:
    """Return an argument that has to be a whole number from ``least`` to ``most``."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise refuse(name, value, f"a whole number from {least:,} to {most:,}")
    return value


def event_named(name: str, value: object) -> tuple[str, int]:
    """Return an argument that has to name an event: its account's id and its sequence."""
    if not isinstance(value, tuple) or len(value) != 2:
        raise refuse(name, value, "an account's id and a sequence")
    return account_id(name, value[0]), count(name, value[1])


def seconds(name: str, value: object) -> float:
    """Return an argument that has to be a length in seconds, more than none."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < float("inf"):
        raise refuse(name, value, "a number of seconds, more than 0")
    return value


def waiting_time(name: str, value: object) -> float:
    """Return an argument that has to be how many seconds to wait, which may be none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise refuse(name, value, "0 seconds or more")
    return value


def numbers(name: str, value: object) -> Sequence[int]:
    """Return an argument that has to be a collection of numbers of rows, each a whole number from 1."""
    if isinstance(value, _ONE_VALUE) or not isinstance(value, Iterable):
        raise refuse(name, value, "a collection of whole numbers")
    return [count(name, each) for each in value]


def file_path(name: str, value: object) -> Path:
    """Return an argument that has to be the path of a file."""
    if not isinstance(value, str | os.PathLike) or not str(value):
        raise refuse(name, value, "the path of a file")
    return Path(value)


def instance(name: str, value: object, expected: type[ValueT]) -> ValueT:
    """Return an argument that has to be an object of a class."""
    if not isinstance(value, expected):
        raise refuse(name, value, f"a {expected.__name__}")
    return value


def called(name: str, value: ValueT) -> ValueT:
    """Return an argument that has to be something that can be called."""
    if not callable(value):
        raise refuse(name, value, "something that can be called")
    return value


def many(name: str, value: Iterable[ItemT], what: str) -> Iterable[ItemT]:
    """Return an argument that has to be an iterable of several things, and not one of them: neither text nor bytes
    nor a mapping; ``what`` they are is for the message."""
    is_one = isinstance(value, _ONE_VALUE) or hasattr(value, "keys") or hasattr(value, "_fields")
    if is_one or not isinstance(value, Iterable):
        raise refuse(name, value, f"an iterable of {what}")
    return value


def require_payload(value: object) -> None:
    """Raise ``ConfigurationError`` for what nobody can have sent.

    A record of this library, such as a ``Received``, is none either, although it is a tuple.
    """
    if not isinstance(value, _SENT) or (hasattr(value, "_fields") and not isinstance(value, TableRow)):
        raise refuse("payload", value, "the body of a webhook: bytes, text or an object")

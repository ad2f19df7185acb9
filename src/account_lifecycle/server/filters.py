"""What a query asks for: parameters, each with what it may be, read from the words of a URL.

Pages, JSON and CSV read their queries with the same parameters, so a link of one can be turned into one of another by
its path alone. A parameter that is not known, is there twice, or says what it cannot is a ``ConfigurationError`` that
names it and what would be right. A blank one counts as left out where forms are read, which send their empty fields.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple, TypeVar

from ..engine.core import Engine
from ..errors import ConfigurationError
from ..intake.arguments import MAX_NUMBER
from ..lifecycle.anomalies import AnomalyKind, Severity
from ..lifecycle.events import MAX_CHARACTERS
from ..lifecycle.status import Health, Status
from ..lifecycle.wording import JsonObject, one_of, printable, shown, time_text
from ..records import AccountFilter, DeliveryState
from ..stores.fleet import AccountOrder
from ..stores.protocol import Reader

AskedT = TypeVar("AskedT")

ROWS, MOST_ROWS = 100, 1_000
"""How many records a list has by default, and at most."""

_WHOLE = re.compile(r"-?[0-9]{1,19}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")


class Parameter(NamedTuple):
    """One parameter of a query."""

    name: str
    text: str
    """What it is for, in a sentence."""
    schema: JsonObject
    """What it may be, as a JSON Schema."""
    expected: str
    """The same, for people."""
    read: Callable[[str], Any]
    """Returns what its text says, or raises ``ValueError``."""
    is_required: bool = False

    def value(self, text: str) -> Any:
        """Return what its text says; raise ``ConfigurationError`` if that is invalid."""
        try:
            return self.read(text)
        except (ValueError, OverflowError):
            raise ConfigurationError(self.name, shown(text), self.expected) from None


def read_query(
    parameters: Sequence[Parameter], pairs: Iterable[tuple[str, str]], *, is_form: bool = False
) -> dict[str, Any]:
    """Return the values of the parameters that a query has, by name; in a form, blank fields count as left out.

    Raise ``ConfigurationError`` for one that is wrong, unknown or missing.
    """
    known = {each.name: each for each in parameters}
    found: dict[str, Any] = {}
    for name, text in pairs:
        if is_form and not text.strip():
            continue
        if name not in known:
            raise ConfigurationError(printable(name, 40), "an unknown parameter", one_of(tuple(known)) or "none at all")
        if name in found:
            raise ConfigurationError(name, "it twice", "one value")
        found[name] = known[name].value(text)
    for each in parameters:
        if each.is_required and each.name not in found:
            raise ConfigurationError(each.name, "nothing", each.expected)
    return found


def query_words(query: Mapping[str, Any]) -> dict[str, str]:
    """Return the values of a query as a URL has them."""
    return {name: _written(value) for name, value in query.items()}


def _written(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(time_text(value) if isinstance(value, datetime) else value)


def without(query: Mapping[str, AskedT], name: str) -> dict[str, AskedT]:
    """Return a query without one of its parameters."""
    return {other: value for other, value in query.items() if other != name}


# ---- Kinds of parameters -------------------------------------------------------------------------------------


def word_parameter(name: str, words: type[StrEnum], text: str) -> Parameter:
    """Return a parameter that is a word of an enum."""
    schema = {"$ref": f"#/components/schemas/{words.__name__}"}
    return Parameter(name, text, schema, one_of(tuple(words)), words)


def flag_parameter(name: str, text: str) -> Parameter:
    """Return a parameter that is true or false."""
    return Parameter(name, text, {"type": "boolean"}, "true or false", _read_flag)


def text_parameter(name: str, text: str, *, is_required: bool = False) -> Parameter:
    """Return a parameter that is text, no longer than a field of a payload may be."""
    schema = {"type": "string", "minLength": 1, "maxLength": MAX_CHARACTERS}
    expected = f"printable text of at most {MAX_CHARACTERS} characters"
    return Parameter(name, text, schema, expected, _read_text, is_required)


def number_parameter(name: str, text: str, least: int = 0, most: int = MAX_NUMBER) -> Parameter:
    """Return a parameter that is a whole number."""
    schema = {"type": "integer", "minimum": least, "maximum": most}

    def read(found: str) -> int:
        if not _WHOLE.fullmatch(found) or not least <= int(found) <= most:
            raise ValueError
        return int(found)

    return Parameter(name, text, schema, f"a whole number from {least:,} to {most:,}", read)


def time_parameter(name: str, text: str) -> Parameter:
    """Return a parameter that is a time."""
    expected = "a time with its zone, such as 2026-05-04T14:00:00Z"
    return Parameter(name, text, {"type": "string", "format": "date-time"}, expected, _read_time)


def _read_flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError
    return text == "true"


def _read_text(text: str) -> str:
    stripped = text.strip()
    if not stripped or not stripped.isprintable() or len(stripped) > MAX_CHARACTERS:
        raise ValueError
    return stripped


def _read_time(text: str) -> datetime:
    if not _TIME.fullmatch(text):
        raise ValueError
    return datetime.fromisoformat(text.upper()).astimezone(UTC)


# ---- What there is to ask for --------------------------------------------------------------------------------

STATUS_ASKED = word_parameter("status", Status, "Only accounts in this status.")
PROVIDER_ASKED = text_parameter("provider", "Only accounts of this provider, by any of its names.")
ACCOUNT_ASKED = text_parameter("account_id", "Only this account.")
SINCE = time_parameter("since", "Only what was received at this time or later.")
UNTIL = time_parameter("until", "Only what was received before this time.")
AT = time_parameter("at", "How it stood at this time, from the events received by then; without it, now.")
LIMIT = number_parameter("limit", f"How many at most; {ROWS} by default.", 1, MOST_ROWS)

ACCOUNT_PARAMETERS = (
    STATUS_ASKED,
    word_parameter("health", Health, "Only accounts of this health."),
    PROVIDER_ASKED,
    text_parameter("owner", "Only accounts of this user of yours."),
    text_parameter("q", "Only accounts of this user of yours, or if there are none, those whose ids begin so."),
    flag_parameter("stuck", "Only accounts that are, or are not, in a passing status for too long."),
    flag_parameter("down", "Only accounts that are, or are not, interrupted or in need of their user."),
    word_parameter("order", AccountOrder, "By id, or those first that are in their status for the longest time."),
)
"""What a list of accounts can be narrowed to, and its order."""
ANOMALY_PARAMETERS = (
    word_parameter("kind", AnomalyKind, "Only anomalies of this kind."),
    word_parameter("severity", Severity, "Only anomalies that are at least so severe."),
    ACCOUNT_ASKED,
    PROVIDER_ASKED,
    SINCE,
    UNTIL,
)
"""What a list of anomalies can be narrowed to."""
DELIVERY_PARAMETERS = (
    word_parameter("state", DeliveryState, "Only deliveries in this state; dead: dead letters."),
    text_parameter("hook", "Only deliveries to this hook."),
    ACCOUNT_ASKED,
    flag_parameter("redriven", "Only deliveries that were, or were not, tried again."),
)
"""What a list of deliveries can be narrowed to."""


def accounts_asked_for(engine: Engine, query: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of ``engine.accounts`` for a query of ``ACCOUNT_PARAMETERS``."""
    asked = dict(query)
    text = asked.pop("q", None)
    if text is not None:
        is_owner = "owner" not in asked and _has_owner(engine.store, text)
        asked["owner" if is_owner else "prefix"] = text
    return asked


def _has_owner(store: Reader, owner: str) -> bool:
    return bool(store.page(AccountFilter(owner=owner), limit=1))

"""Settings of a deployment, read from options and the environment, and checked before use.

The library never reads them, so it never imports pydantic-settings.
"""

import json
import os
import re
from collections.abc import Collection, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, NamedTuple, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from ..errors import ConfigurationError, without_password
from ..lifecycle.policy import DEFAULT_POLICY, Policy
from ..lifecycle.providers import ALIASES, PERMISSIVE, PROFILES, Provider
from ..lifecycle.status import Status
from ..lifecycle.wording import one_of, shown

VARIABLE_PREFIX = "ACCOUNT_LIFECYCLE_"
"""What every environment variable that is read here begins with."""
DEFAULT_STORE = "sqlite:///account-lifecycle.db"
"""The store of a command by default."""
LONGEST = timedelta(days=3650)
"""No deadline and no redelivery window is longer."""
A_LENGTH = "90s, 30min, 6h or 7d"
"""How a length of time is written."""

Deadlines = Mapping[str, Mapping[Status, timedelta]]


class SettingSource(StrEnum):
    """Where a setting's value comes from; the later of these wins."""

    DEFAULT = "default"
    ENVIRONMENT = "environment"
    OPTION = "option"


class Origin(NamedTuple):
    """One setting, as it is in force."""

    name: str
    value: str
    source: SettingSource
    variable: str
    """The environment variable that sets it."""


def read_duration(text: str) -> timedelta:
    """Return a length of time: ``90`` or ``90s`` in seconds, ``30min``, ``6h``, ``7d``, ``2w``.

    Raise ``ValueError`` for anything else.
    """
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,6})?)\s*(s|min|m|h|d|w|)", text.strip().lower())
    if not found:
        raise ValueError(f"{shown(text)} is not a length of time such as {A_LENGTH}")
    return timedelta(seconds=float(found[1]) * _UNITS_S[found[2]])


_UNITS_S = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_TRANSIENT = tuple(
    status for status in Status if any(status in profile.deadlines for profile in (PERMISSIVE, *PROFILES.values()))
)


class _Wrong(ValueError):
    """A part of a value that is wrong, and what would be right there."""

    def __init__(self, found: str, expected: str) -> None:
        super().__init__(found, expected)
        self.found = found
        self.expected = expected


def _parse_deadlines(found: object) -> object:
    if not isinstance(found, str):
        return found
    try:
        return json.loads(found)
    except ValueError:
        raise _Wrong(f"{shown(found)}, which is not JSON", _EXPECTED["deadlines"]) from None


def _check_deadlines(found: Mapping[str, Mapping[str, float | str]]) -> Deadlines:
    checked: dict[str, dict[Status, timedelta]] = {}
    for word, table in found.items():
        provider = ALIASES.get(word.strip().upper())
        if provider is None:
            raise _Wrong(f"the provider {shown(word)}", one_of(tuple(Provider)))
        own = checked.setdefault(provider.value, {})
        own.update((_transient(status), _limit(length)) for status, length in table.items())
    return checked


def _transient(word: str) -> Status:
    """Return a status that can have a deadline. Raise ``_Wrong`` for another."""
    name = word.strip().upper()
    if name not in _TRANSIENT:
        raise _Wrong(f"the status {shown(word)}", f"one that can have a deadline: {one_of(_TRANSIENT)}")
    return Status(name)


def _limit(length: float | str) -> timedelta:
    try:
        limit = read_duration(str(length))
    except (ValueError, OverflowError):
        limit = timedelta(0)
    if not timedelta(0) < limit <= LONGEST:
        raise _Wrong(
            f"the deadline {shown(str(length))}", f"seconds or a length such as {A_LENGTH}, at most {LONGEST.days}d"
        )
    return limit


_DeadlinesField = Annotated[
    Mapping[str, Mapping[str, float | str]],
    NoDecode,
    BeforeValidator(_parse_deadlines),
    AfterValidator(_check_deadlines),
]


class Settings(BaseSettings):
    """Every setting, checked. Make it with ``Settings.read``, which explains what is wrong."""

    model_config = SettingsConfigDict(env_prefix=VARIABLE_PREFIX, extra="ignore", frozen=True)

    store: str = Field(DEFAULT_STORE, min_length=1)
    """The URL of the store."""
    redelivery_window_s: float = Field(
        DEFAULT_POLICY.redelivery_window.total_seconds(), ge=0, le=LONGEST.total_seconds(), allow_inf_nan=False
    )
    """How long the same announcement counts as a redelivery, in seconds."""
    deadlines: _DeadlinesField = Field(default_factory=dict)
    """By provider and transient status, deadlines that replace the built-in ones."""
    batch_size: int = Field(1000, ge=1, le=100_000)
    """How many events are committed at a time."""

    @classmethod
    def read(cls, **options: object) -> Self:
        """Return the settings in force: options that are not None, else the environment, else the defaults.

        Raise ``ConfigurationError`` for an invalid value.
        """
        given = {name: value for name, value in options.items() if value is not None}
        try:
            return cls(**given)  # type: ignore[arg-type]
        except ValidationError as error:
            raise _configuration_error(error, given) from None

    def policy(self) -> Policy:
        """Return what the engine judges by."""
        deadlines: Any = self.deadlines
        return Policy(timedelta(seconds=self.redelivery_window_s), deadlines)

    def origins(self, **options: object) -> list[Origin]:
        """Return every setting with its value and where that comes from; ``options`` as they were given to ``read``."""
        given = {name for name, value in options.items() if value is not None}
        return [
            Origin(name, self._as_text(name), _source(name, given), _variable(name)) for name in type(self).model_fields
        ]

    def _as_text(self, name: str) -> str:
        value = getattr(self, name)
        if name == "store":
            return without_password(value)
        if name == "deadlines":
            return json.dumps({p: {s: t.total_seconds() for s, t in table.items()} for p, table in value.items()})
        return f"{value:g}" if isinstance(value, float) else str(value)


def unknown_variables() -> list[str]:
    """Return environment variables that look like settings but are none: most likely misspelt."""
    known = {_variable(name) for name in Settings.model_fields}
    return sorted(name for name in os.environ if name.upper().startswith(VARIABLE_PREFIX) and name.upper() not in known)


def _variable(name: str) -> str:
    return f"{VARIABLE_PREFIX}{name.upper()}"


def _source(name: str, given: Collection[str]) -> SettingSource:
    if name in given:
        return SettingSource.OPTION
    is_set = _variable(name) in {variable.upper() for variable in os.environ}
    return SettingSource.ENVIRONMENT if is_set else SettingSource.DEFAULT


def _configuration_error(error: ValidationError, given: dict[str, object]) -> ConfigurationError:
    """Return pydantic's first finding in our words."""
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0])
    setting = _variable(name) if _source(name, given) is SettingSource.ENVIRONMENT else name
    if first["type"] == "value_error":
        wrong: _Wrong = first["ctx"]["error"]
        return ConfigurationError(setting, wrong.found, wrong.expected)
    return ConfigurationError(setting, shown(str(first["input"])), _EXPECTED[name])


_EXPECTED = {
    "store": "the URL of a store, such as sqlite:///accounts.db",
    "redelivery_window_s": f"seconds from 0 to {LONGEST.total_seconds():.0f}, such as 600",
    "deadlines": 'JSON: provider, then status, then seconds or a length, such as {"LINKEDIN": {"CONNECTING": "45min"}}',
    "batch_size": "a whole number from 1 to 100000",
}

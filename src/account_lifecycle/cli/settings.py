"""Settings of a deployment, read from options and the environment, and checked before use.

The library never reads them, so it never imports pydantic-settings.
"""

import json
import os
import re
from collections.abc import Collection, Mapping
from datetime import UTC, timedelta, tzinfo
from enum import StrEnum
from typing import Annotated, Any, NamedTuple, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from ..errors import ConfigurationError
from ..lifecycle.definition import ANNOUNCEMENTS
from ..lifecycle.policy import DEFAULT_POLICY, SUBSCRIPTIONS, Policy
from ..lifecycle.providers import ALIASES, PERMISSIVE, PROFILES, Provider
from ..lifecycle.status import Status
from ..lifecycle.wording import one_of, shown
from ..urls import hide_urls, public_url

VARIABLE_PREFIX = "ACCOUNT_LIFECYCLE_"
"""What every environment variable that is read here begins with."""
DEFAULT_STORE = "sqlite:///account-lifecycle.db"
"""The store of a command by default."""
LONGEST = timedelta(days=3650)
"""No length of time that can be set is longer."""
A_LENGTH = "90s, 10m, 20h or 7d"
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
    """Return a length of time: ``90`` or ``90s`` in seconds, ``10m`` or ``10min``, ``6h``, ``7d``, ``2w``.

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


def _read_length(found: object) -> object:
    if isinstance(found, timedelta):
        return found
    try:
        length = read_duration(str(found))
    except (ValueError, OverflowError):
        raise _Wrong(shown(str(found)), _LENGTH_EXPECTED) from None
    if length > LONGEST:
        raise _Wrong(shown(str(found)), _LENGTH_EXPECTED)
    return length


def _read_lengths(found: object) -> object:
    if not isinstance(found, str):
        return found
    words = [word for word in found.split(",") if word.strip()]
    if [word.strip().lower() for word in words] == ["none"]:
        return ()
    try:
        lengths = [_read_length(word) for word in words]
    except _Wrong as wrong:
        raise _Wrong(wrong.found, _EXPECTED["reminders"]) from None
    if not lengths or timedelta(0) in lengths:
        raise _Wrong(shown(found), _EXPECTED["reminders"])
    return lengths


def _read_words(found: object) -> object:
    """Return the name of a set of words, or the words, each checked."""
    words = found.split(",") if isinstance(found, str) else found
    if not isinstance(words, list | tuple | set | frozenset):
        raise _Wrong(shown(str(found)), _EXPECTED["subscribed"])
    named = [str(word).strip().lower() for word in words]
    if len(named) == 1 and named[0] in SUBSCRIPTIONS:
        return SUBSCRIPTIONS[named[0]]
    known = {str(word): word for word in ANNOUNCEMENTS}
    for word in named:
        if word.upper() not in known:
            raise _Wrong(f"the word {shown(word)}", _EXPECTED["subscribed"])
    return frozenset(known[word.upper()] for word in named)


_DeadlinesField = Annotated[
    Mapping[str, Mapping[str, float | str]],
    NoDecode,
    BeforeValidator(_parse_deadlines),
    AfterValidator(_check_deadlines),
]
_LengthField = Annotated[timedelta, NoDecode, BeforeValidator(_read_length)]
_LengthsField = Annotated[tuple[timedelta, ...], NoDecode, BeforeValidator(_read_lengths)]
_WordsField = Annotated[frozenset[Status], NoDecode, BeforeValidator(_read_words)]


class Settings(BaseSettings):
    """Every setting, checked. Make it with ``Settings.read``, which explains what is wrong."""

    model_config = SettingsConfigDict(env_prefix=VARIABLE_PREFIX, extra="ignore", frozen=True)

    store: str = Field(DEFAULT_STORE, min_length=1, repr=False)
    """The URL of the store."""
    redelivery_window: _LengthField = DEFAULT_POLICY.redelivery_window
    retry_horizon: _LengthField = DEFAULT_POLICY.retry_horizon
    delivery_margin: _LengthField = DEFAULT_POLICY.delivery_margin
    settling: _LengthField = DEFAULT_POLICY.settling
    subscribed: _WordsField = DEFAULT_POLICY.subscribed
    deadlines: _DeadlinesField = Field(default_factory=dict)
    reminders: _LengthsField = DEFAULT_POLICY.reminders
    expiry_notice: _LengthField = DEFAULT_POLICY.expiry_notice
    confirm_within: _LengthField = DEFAULT_POLICY.confirm_within
    """These nine are the terms of a ``Policy``."""
    batch_size: int | None = Field(None, ge=1, le=100_000)
    """How many events are committed at a time where a log is fed; None for what is best there."""
    host: str = Field("127.0.0.1", min_length=1)
    port: int = Field(8787, ge=0, le=65_535)
    """Where ``serve`` listens."""
    webhook_header: str = Field("X-Webhook-Secret", min_length=1)
    webhook_secrets: SecretStr = SecretStr("")
    notify_parameter: str = Field("secret", min_length=1)
    notify_secrets: SecretStr = SecretStr("")
    signing_header: str = Field("X-Webhook-Signature", min_length=1)
    signing_secrets: SecretStr = SecretStr("")
    """What the receiver asks for: where it stands, and which secrets are valid."""
    vendor_url: str = Field("", repr=False)
    vendor_key: SecretStr = SecretStr("")
    """Where the vendor's API is, and the key to it; without both nothing is asked of the vendor."""
    reconcile_every: _LengthField = timedelta(minutes=15)
    """How often ``serve`` reads the vendor's list; 0 for never."""
    receiver_url: str = Field("", repr=False)
    """Where the vendor reaches the receiver."""
    max_bytes: int = Field(1 << 20, ge=1, le=1 << 20)
    threads: int | None = Field(None, ge=1, le=1_000)
    waiting: int = Field(2_000, ge=1, le=1_000_000)
    grace_s: float = Field(3.0, ge=0, le=3_600)
    drain_delay_s: float = Field(0.0, ge=0, le=3_600)
    """These are the limits of the receiver."""
    page_port: int | None = Field(None, ge=0, le=65_535)
    page_token: SecretStr = SecretStr("")
    admin_token: SecretStr = SecretStr("")
    allowed_hosts: str = ""
    timezone: str = Field("UTC", min_length=1)
    """The pages of ``serve``: where, for whom, by which names of this machine, and in which times."""

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
        terms: dict[str, Any] = {name: getattr(self, name) for name in POLICY_TERMS}
        return Policy(**terms)

    def zone(self) -> tzinfo:
        """Return the time zone of the pages. Raise ``ConfigurationError`` if there is none of that name here."""
        if self.timezone.upper() == "UTC":
            return UTC
        try:
            return ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ConfigurationError(_variable("timezone"), shown(self.timezone), _EXPECTED["timezone"]) from None

    def origins(self, **options: object) -> list[Origin]:
        """Return every setting with its value and where that comes from; ``options`` as they were given to ``read``."""
        given = {name for name, value in options.items() if value is not None}
        return [
            Origin(name, self._as_text(name), _source(name, given), _variable(name)) for name in type(self).model_fields
        ]

    def _as_text(self, name: str) -> str:
        value = getattr(self, name)
        if name == "store":
            return public_url(value)
        if name.endswith("_url"):
            return public_url(value) or "none"
        if name == "deadlines":
            return json.dumps({p: {s: written(t) for s, t in table.items()} for p, table in value.items()})
        if name == "subscribed":
            names = [known for known, words in SUBSCRIPTIONS.items() if words == value]
            return names[0] if names else ",".join(word for word in ANNOUNCEMENTS if word in value)
        if name == "threads":
            return "16, or 32 with PostgreSQL" if value is None else str(value)
        if name == "page_port":
            return "that of the receiver" if value is None else str(value)
        if name == "allowed_hosts":
            return value or "those of this machine"
        if name == "batch_size":
            return "5000, or 20000 for replay --into" if value is None else str(value)
        if isinstance(value, SecretStr):
            return _SECRETS_SHOWN[bool(value)]
        if name == "reminders":
            return ",".join(map(written, value)) or "none"
        return written(value) if isinstance(value, timedelta) else str(value)


def written(length: timedelta) -> str:
    """Return a length of time as ``read_duration`` reads it, in the largest unit that it is a whole number of."""
    for unit, seconds in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if length and not length % timedelta(seconds=seconds):
            return f"{length // timedelta(seconds=seconds)}{unit}"
    return f"{length.total_seconds():g}s"


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
    is_secret = name.endswith(("_secrets", "_key", "_token"))
    found = "a value that is no text" if is_secret else shown(hide_urls(str(first["input"])))
    return ConfigurationError(setting, found, _EXPECTED.get(name, _LENGTH_EXPECTED))


_LENGTH_EXPECTED = f"a length of time such as {A_LENGTH}, at most {LONGEST.days}d"
_EXPECTED = {
    "store": "the URL of a store, such as sqlite:///accounts.db",
    "subscribed": f"all, default, or a list such as OK,CREDENTIALS,DELETED out of {one_of(ANNOUNCEMENTS, 'and')}",
    "deadlines": 'JSON: provider, then status, then seconds or a length, such as {"LINKEDIN": {"CONNECTING": "45min"}}',
    "reminders": "lengths of time with commas between them, such as 1d,7d,30d; or none",
    "batch_size": "a whole number from 1 to 100000",
    "host": "an address to listen on, such as 127.0.0.1",
    "port": "a whole number from 0, which is any that is free, to 65535",
    "webhook_header": "the name of a header",
    "notify_parameter": "the name of a parameter of a query",
    "signing_header": "the name of a header",
    **dict.fromkeys(("webhook_secrets", "notify_secrets", "signing_secrets"), "secrets with commas, or file:PATH"),
    "vendor_url": "the https URL of the vendor's API, such as https://api1.example.com:13111",
    "vendor_key": "the vendor's API key, or file:PATH",
    "receiver_url": "the URL that the vendor reaches the receiver by, such as https://example.com/hooks",
    "max_bytes": "a whole number from 1 to 1048576",
    "threads": "a whole number from 1 to 1000",
    "waiting": "a whole number from 1 to 1000000",
    **dict.fromkeys(("grace_s", "drain_delay_s"), "seconds from 0 to 3600"),
    "page_port": "a whole number from 0, which is any that is free, to 65535",
    **dict.fromkeys(("page_token", "admin_token"), "tokens with commas, or file:PATH"),
    "allowed_hosts": "names with commas between them, such as fleet.example.org",
    "timezone": "the name of a time zone, such as Europe/Berlin",
}
_SECRETS_SHOWN = {False: "none", True: "set, not shown"}
POLICY_TERMS = (
    "redelivery_window", "retry_horizon", "delivery_margin", "settling", "subscribed", "deadlines", "reminders",
    "expiry_notice", "confirm_within",
)  # fmt: skip
"""The settings that judging and confirming depend on, by the names that ``Policy`` gives them."""

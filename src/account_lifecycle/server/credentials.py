"""Credentials of a webhook: which secret it shows, where it shows it, and whether that holds.

The vendor's first webhooks carry a constant header that you register with them; the ``notify_url`` of hosted auth is a
URL and nothing else, so its secret is in the query; its second webhooks are signed. A receiver may know several of
these. **No downgrade:** each credential that a request shows must hold, and it must show at least one. So nobody gets
in by adding a right secret to a wrong signature, or by leaving a signature out.

Each credential has the secrets that are valid now: two while you change one for another. All of them are compared, each
in constant time, so that neither the time nor the answer says which one was nearly right. No secret is shown by
``repr``, an error or a log.
"""

import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, Protocol
from urllib.parse import parse_qsl

from ..errors import ConfigurationError
from ..webhooks.signing import is_same, seconds_old

TOLERANCE = timedelta(minutes=5)
"""How far the time of a signature may be off by default."""
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_MAX_FIELDS = 100


class Authenticity(StrEnum):
    """What a request shows of a credential, or of all of them together."""

    RIGHT = "right"
    ABSENT = "absent"
    WRONG = "wrong"
    MALFORMED = "malformed"
    """It is not written as a credential of its kind is."""
    STALE = "stale"
    """A signature whose time is too far off: it may have been recorded and sent again."""


class Presented(NamedTuple):
    """What a request has to have so that a credential holds; each value is a secret, or made with one."""

    headers: Mapping[str, str] = {}
    parameters: Mapping[str, str] = {}
    """Of the query, not yet escaped."""


class Credential(Protocol):
    """One way for a request to show where it comes from."""

    @property
    def place(self) -> str:
        """Return where in a request it stands, for people: no two credentials of a receiver have the same."""

    @property
    def signs_body(self) -> bool:
        """Return whether the body is needed to say that it holds."""

    def examine(self, headers: Mapping[str, str], query: str, body: bytes | None, now: datetime) -> Authenticity:
        """Examine a request; ``headers`` have lower-case names, ``query`` is the URL's, without its question mark.

        Without a body, RIGHT means that nothing else is wrong so far.
        """

    def present(self, body: bytes, now: datetime) -> Presented:
        """Return what a request with this body has to have: made with the first of the secrets."""


class _Secrets:
    """The secrets of one credential, never shown."""

    __slots__ = ("_secrets",)

    def __init__(self, place: str, secrets: Sequence[str]) -> None:
        if not secrets:
            raise ConfigurationError(place, "no secret", "the secret, or two while you change one for the other")
        for number, secret in enumerate(secrets, start=1):
            if not secret or secret.strip() != secret or not secret.isascii() or not secret.isprintable():
                found = "a blank secret" if not secret.strip() else "a secret that no header can carry"
                raise ConfigurationError(f"{place}, secret {number}", found, "printable ASCII, no space at its ends")
        self._secrets = tuple(secrets)

    def __iter__(self) -> Iterator[str]:
        return iter(self._secrets)

    def __repr__(self) -> str:
        return f"<{len(self._secrets)} of them>"

    @property
    def first(self) -> str:
        """The one to present."""
        return self._secrets[0]

    def match(self, shown: str) -> bool:
        """Compare with every secret, whichever holds."""
        matches = [is_same(shown, secret) for secret in self._secrets]
        return any(matches)


class SharedHeader:
    """A constant header that you register with the webhook: ``SharedHeader("X-Webhook-Secret", "…")``.

    ``secrets`` are those that are valid now. Raise ``ConfigurationError`` for a name or a secret that no header can
    have.
    """

    signs_body = False

    def __init__(self, name: str, *secrets: str) -> None:
        self._name = _header_name(name)
        self._header = name
        self.place = f"header {name}"
        self._secrets = _Secrets(self.place, secrets)

    def __repr__(self) -> str:
        return f"SharedHeader({self._name!r}, {self._secrets!r})"

    def examine(self, headers: Mapping[str, str], query: str, body: bytes | None, now: datetime) -> Authenticity:  # noqa: ARG002
        """Compare the header with the secrets."""
        shown = headers.get(self._name)
        if shown is None:
            return Authenticity.ABSENT
        return Authenticity.RIGHT if self._secrets.match(shown) else Authenticity.WRONG

    def present(self, body: bytes, now: datetime) -> Presented:  # noqa: ARG002
        """Return the header."""
        return Presented(headers={self._header: self._secrets.first})


class QuerySecret:
    """A secret in the query of the URL, for ``notify_url``: ``QuerySecret("secret", "…")``, ``…/hooks?secret=…``.

    It is in the logs of whatever the request passes through: use another secret than a header's. ``secrets`` are those
    that are valid now. Raise ``ConfigurationError`` for a blank name or secret.
    """

    signs_body = False

    def __init__(self, parameter: str, *secrets: str) -> None:
        if not parameter:
            raise ConfigurationError("query parameter", "a blank name", "a name, such as secret")
        self._parameter = parameter
        self.place = f"query parameter {parameter}"
        self._secrets = _Secrets(self.place, secrets)

    def __repr__(self) -> str:
        return f"QuerySecret({self._parameter!r}, {self._secrets!r})"

    def examine(self, headers: Mapping[str, str], query: str, body: bytes | None, now: datetime) -> Authenticity:  # noqa: ARG002
        """Compare the parameter with the secrets, each one if it is there several times."""
        if not query:
            return Authenticity.ABSENT
        try:
            pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=_MAX_FIELDS)
        except ValueError:
            return Authenticity.MALFORMED
        shown = [value for name, value in pairs if name == self._parameter]
        if not shown:
            return Authenticity.ABSENT
        return Authenticity.RIGHT if all(self._secrets.match(value) for value in shown) else Authenticity.WRONG

    def present(self, body: bytes, now: datetime) -> Presented:  # noqa: ARG002
        """Return the parameter."""
        return Presented(parameters={self._parameter: self._secrets.first})


class V2Signature:
    """The signature of the vendor's second webhooks, whose form is provisional: ``t=SECONDS,v0=HEX``.

    HEX is the HMAC-SHA256 of ``SECONDS.BODY``. There may be several ``v0``; one of them, by one of the secrets, is
    enough. ``tolerance`` is how far SECONDS may be from now. Raise ``ConfigurationError`` for a name or a secret that
    no header can have, or no tolerance.
    """

    signs_body = True

    def __init__(self, header: str, *secrets: str, tolerance: timedelta = TOLERANCE) -> None:
        self._name = _header_name(header)
        self._header = header
        self.place = f"header {header}"
        self._secrets = _Secrets(self.place, secrets)
        if tolerance <= timedelta(0):
            raise ConfigurationError("tolerance", str(tolerance), "a length of time, such as five minutes")
        self._tolerance_s = tolerance.total_seconds()

    def __repr__(self) -> str:
        return f"V2Signature({self._name!r}, {self._secrets!r})"

    def examine(self, headers: Mapping[str, str], query: str, body: bytes | None, now: datetime) -> Authenticity:  # noqa: ARG002
        """Examine form and time of the signature, and with the body the signature itself."""
        shown = headers.get(self._name)
        if shown is None:
            return Authenticity.ABSENT
        parts = [part.strip().partition("=")[::2] for part in shown.split(",")]
        times = [value for name, value in parts if name == "t"]
        signatures = [value for name, value in parts if name == "v0"]
        old_s = seconds_old(times[0], now) if len(times) == 1 else None
        if old_s is None or not signatures:
            return Authenticity.MALFORMED
        if abs(old_s) > self._tolerance_s:
            return Authenticity.STALE
        if body is None:
            return Authenticity.RIGHT
        expected = [_v0(secret, times[0], body) for secret in self._secrets]
        matches = [is_same(one.lower(), other) for one in signatures for other in expected]
        return Authenticity.RIGHT if any(matches) else Authenticity.WRONG

    def present(self, body: bytes, now: datetime) -> Presented:
        """Return the header: a signature over this body at this time."""
        seconds = str(int(now.timestamp()))
        return Presented(headers={self._header: f"t={seconds},v0={_v0(self._secrets.first, seconds, body)}"})


def _v0(secret: str, seconds: str, body: bytes) -> str:
    return hmac.digest(secret.encode(), f"{seconds}.".encode() + body, "sha256").hex()


def examine(
    credentials: Sequence[Credential], headers: Mapping[str, str], query: str, body: bytes | None, now: datetime
) -> Authenticity:
    """Examine a request by all credentials: what is wrong with the first that does not hold, RIGHT, or ABSENT."""
    found = [credential.examine(headers, query, body, now) for credential in credentials]
    wrong = [authenticity for authenticity in found if authenticity not in (Authenticity.RIGHT, Authenticity.ABSENT)]
    return wrong[0] if wrong else Authenticity.RIGHT if Authenticity.RIGHT in found else Authenticity.ABSENT


def check_places(credentials: Sequence[Credential]) -> None:
    """Raise ``ConfigurationError`` if two credentials stand in the same place: no request could hold both."""
    places = [credential.place.lower() for credential in credentials]
    for place in places:
        if places.count(place) > 1:
            raise ConfigurationError("credentials", f"two for the {place}", "one, with both secrets")


def _header_name(name: str) -> str:
    if not _TOKEN.fullmatch(name):
        raise ConfigurationError("header", repr(name), "the name of a header, such as X-Webhook-Secret")
    return name.lower()

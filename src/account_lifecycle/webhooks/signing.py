"""Signatures after Standard Webhooks 1.0: made for what is sent, verified for what is received.

No error shows a secret. Specification: https://www.standardwebhooks.com
"""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256

from ..errors import AccountLifecycleError, ConfigurationError

PREFIX = "whsec_"
SECRET_BYTES = range(24, 65)
"""How long a secret may be, decoded."""
ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
_VERSION = "v1,"
_LONGEST_ID = 255
"""Receivers keep ids in columns of this width, and servers refuse very long headers."""


class SignatureError(AccountLifecycleError):
    """A webhook without a valid and recent signature: answer it with 401 and do nothing else."""

    def __init__(self, header: str, found: str, expected: str) -> None:
        super().__init__(f"{header}: found {found}; expected {expected}")
        self.header = header
        """The header at fault."""
        self.found = found
        self.expected = expected


def read_secrets(secrets: Sequence[str]) -> tuple[bytes, ...]:
    """Return the keys of ``whsec_…`` secrets. Raise ``ConfigurationError`` without any, or for an invalid one."""
    if isinstance(secrets, str) or not secrets:
        raise ConfigurationError(
            "secrets", "one text" if secrets else "none", 'a list such as ["whsec_…"], the newest first'
        )
    return tuple(_key(secret, place) for place, secret in enumerate(secrets, start=1))


def safe_id(key: str) -> str:
    """Return an idempotency key as a ``webhook-id``: the same for the same key, and short enough for a header.

    It has no dots, which would let two different webhooks be signed alike.
    """
    plain = key.replace(".", "%2E")
    if len(plain) <= _LONGEST_ID and plain.isascii() and plain.isprintable() and " " not in plain:
        return plain
    return f"sha256-{sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()}"


def signed_headers(keys: Sequence[bytes], webhook_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """Return the three headers of one attempt: one signature for each key, in their order. ``at`` is aware."""
    timestamp = str(int(at.timestamp()))
    signatures = " ".join(_VERSION + _signature(key, webhook_id, timestamp, body) for key in keys)
    return {ID: webhook_id, TIMESTAMP: timestamp, SIGNATURE: signatures}


def verify_signature(
    secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now: datetime, tolerance_s: float = 300
) -> str:
    """Verify a webhook that was received and return its id, by which to recognize a repeat.

    ``body`` is what came in, byte for byte; ``now`` is aware. The names of the headers may be in any case. One
    signature by one of the secrets is enough, so that either side can change its secrets first. Raise
    ``SignatureError``, or ``ConfigurationError`` for invalid secrets.
    """
    keys = read_secrets(secrets)
    lowered = {name.lower(): value for name, value in headers.items()}
    webhook_id, timestamp, signatures = (_header(lowered, name) for name in (ID, TIMESTAMP, SIGNATURE))
    _check_time(timestamp, now, tolerance_s)
    given = [word.removeprefix(_VERSION) for word in signatures.split() if word.startswith(_VERSION)]
    expected = [_signature(key, webhook_id, timestamp, body) for key in keys]
    if not any(is_same(one, other) for one in given for other in expected):
        raise SignatureError(SIGNATURE, "no signature by any of the secrets", "one over exactly this id, time and body")
    return webhook_id


def is_same(one: str, other: str) -> bool:
    """Compare two signatures or secrets in a time that does not depend on where they differ."""
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))


def seconds_old(timestamp: str, now: datetime) -> float | None:
    """Return how long before ``now`` (aware) a header's time is; negative if it is ahead, None if it is no time."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return None
    return now.timestamp() - int(timestamp)


def _key(secret: str, place: int) -> bytes:
    expected = f"{PREFIX} and {SECRET_BYTES[0]} to {SECRET_BYTES[-1]} random bytes in base64"
    setting = f"secret {place}"
    if not secret.startswith(PREFIX):
        raise ConfigurationError(setting, f"no {PREFIX} at its beginning", expected)
    try:
        key = b64decode(secret.removeprefix(PREFIX), validate=True)
    except ValueError:
        raise ConfigurationError(setting, "something that is not base64", expected) from None
    if len(key) not in SECRET_BYTES:
        raise ConfigurationError(setting, f"{len(key)} bytes", expected)
    return key


def _signature(key: bytes, webhook_id: str, timestamp: str, body: bytes) -> str:
    content = f"{webhook_id}.{timestamp}.".encode("utf-8", "surrogatepass") + body
    return b64encode(hmac.digest(key, content, "sha256")).decode("ascii")


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name, "")
    if not value:
        raise SignatureError(name, "nothing", "the header of that name")
    return value


def _check_time(timestamp: str, now: datetime, tolerance_s: float) -> None:
    old_s = seconds_old(timestamp, now)
    if old_s is None:
        raise SignatureError(TIMESTAMP, "something that is not a time", "whole seconds since 1970")
    if abs(old_s) > tolerance_s:
        direction = "old" if old_s > 0 else "ahead"
        raise SignatureError(TIMESTAMP, f"a time {abs(old_s):.0f} s {direction}", f"at most {tolerance_s:.0f} s off")

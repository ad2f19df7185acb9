"""A hook that posts what it is told to a URL, signed, and answers with what became of it.

Knows how to put the parts together and what a receiver's answer means for the delivery; it must never know how
deliveries are kept or when they are tried again.
"""

import math
import ssl
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from hashlib import sha256
from http import HTTPStatus
from http.client import HTTPException
from importlib.metadata import PackageNotFoundError, version

from ..errors import ConfigurationError
from ..hooks.outcomes import Disable, Done, Outcome, RetryAt
from ..hooks.registry import HookCall
from ..lifecycle.wording import printable
from .addresses import read_allowance
from .body import body_of
from .circuit import Circuit
from .exchange import Answer, Deadline, exchange
from .signing import read_secrets, safe_id, signed_headers
from .target import RefusedAddress, Resolver, checked_addresses, read_url, resolve

LONGEST_RETRY_AFTER = timedelta(days=1)
"""However long a receiver asks to be left alone, it is asked again after this."""
_TOLD_CHARACTERS = 200
"""How much of a receiver's answer is told."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class WebhookEndpoint:
    """A receiver of webhooks, as a hook.

        crm = WebhookEndpoint("https://crm.example.com/hooks", secrets=["whsec_…"])
        engine.on_recovered(crm, name="crm")

    ``secrets`` are the keys to sign with, the newest first; while they change, the old one stays in the list until
    the receiver has the new one. ``timeout_s`` bounds one attempt as a whole, ``connect_timeout_s`` the connecting to
    one address. ``allow`` names hosts (``"crm.internal"``), suffixes (``".internal"``) and networks
    (``"10.1.0.0/16"``) that may be private; everything else must be public, and https. After ``failures_limit``
    failures in a row nothing is sent for ``pause_s``, twice as long after each failed try, up to ``longest_pause_s``.
    ``tls`` is for receivers with certificates of your own authority. ``name`` is the default name under which its
    deliveries are kept; without one it is made from the URL, and changes with it.

    Raises ``ConfigurationError`` for what cannot be meant. May be called by many threads at once.
    """

    __qualname__: str

    def __init__(
        self,
        url: str,
        secrets: Sequence[str],
        *,
        timeout_s: float = 10,
        connect_timeout_s: float = 5,
        allow: Sequence[str] = (),
        clock: Callable[[], datetime] = _utc_now,
        failures_limit: int = 5,
        pause_s: float = 30,
        longest_pause_s: float = 3600,
        tls: ssl.SSLContext | None = None,
        resolver: Resolver = resolve,
        name: str | None = None,
    ) -> None:
        _check_lengths(
            timeout_s=timeout_s, connect_timeout_s=connect_timeout_s, pause_s=pause_s, longest_pause_s=longest_pause_s
        )
        if failures_limit < 1:
            raise ConfigurationError("failures_limit", str(failures_limit), "1 or more")
        self._allowance = read_allowance(allow)
        self._target = read_url(url, self._allowance)
        self._keys = read_secrets(secrets)
        self._tls = _checked_tls(tls) if self._target.is_secure else None
        self._timeout_s, self._connect_timeout_s = timeout_s, connect_timeout_s
        self._clock, self._resolver = clock, resolver
        pauses = (timedelta(seconds=pause_s), timedelta(seconds=longest_pause_s))
        self._circuit = Circuit(failures_limit, *pauses, probe=timedelta(seconds=timeout_s))
        self._last_failure = ""
        self._is_closed = False
        # What hooks are named by: without these every endpoint would have its class's name.
        self.__qualname__ = name or f"{self._target.host}-{sha256(url.encode()).hexdigest()[:8]}"
        self.__module__ = "webhook"

    @property
    def name(self) -> str:
        """The default name under which its deliveries are kept."""
        return self.__qualname__

    def __repr__(self) -> str:
        return f"<WebhookEndpoint {self.name}>"  # a URL may hold a secret

    def __call__(self, call: HookCall, /) -> Outcome:
        """Send a webhook. Every failure of the receiver is an outcome, not an exception."""
        if self._is_closed:
            return RetryAt(reason="the webhook endpoint was closed", counts=False)
        entry = self._circuit.enter(self._clock())
        if entry.waits_until is not None:
            return RetryAt(entry.waits_until, f"paused after failures in a row: {self._last_failure}", counts=False)
        failed = True
        try:
            outcome = self._send(call)
            failed = isinstance(outcome, RetryAt)
        finally:
            self._circuit.leave(entry, self._clock(), failed=failed)
        if isinstance(outcome, RetryAt):
            self._last_failure = outcome.reason
        return outcome

    def close(self) -> None:
        """Send nothing any more: later calls are put off without an attempt. Closing twice is harmless."""
        self._is_closed = True

    def _send(self, call: HookCall) -> Outcome:
        host = self._target.host
        try:
            answer = self._exchange(call)
        except RefusedAddress as error:
            return RetryAt(reason=f"{host} was not contacted: {error}. Mend its DNS records, or name it in allow")
        except TimeoutError:
            return RetryAt(reason=f"{host} did not answer within {self._timeout_s:g} s")
        except (OSError, HTTPException) as error:
            return RetryAt(reason=f"{host}: {_told(error)}")
        return outcome_of(answer, host, self._clock())

    def _exchange(self, call: HookCall) -> Answer:
        deadline = Deadline(self._timeout_s)
        body = body_of(call)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": _user_agent(),
            **signed_headers(self._keys, safe_id(call.key), self._clock(), body),
        }
        addresses = checked_addresses(self._target, self._allowance, self._resolver, deadline.left_s())
        return exchange(self._target, addresses, self._tls, headers, body, deadline, self._connect_timeout_s)


def outcome_of(answer: Answer, host: str, now: datetime) -> Outcome:
    """What a receiver's answer means for the delivery."""
    status = answer.status
    if 200 <= status < 300:
        return Done()
    if status == HTTPStatus.GONE:
        return Disable(f"{_said(answer, host)}. It wants no more webhooks; enable the hook when it does")
    if 300 <= status < 400:
        where = f" to {printable(answer.location, _TOLD_CHARACTERS)}" if answer.location else ""
        return RetryAt(reason=f"{_said(answer, host)}: a redirect{where}, which is not followed. Give its final URL")
    heeded = status == HTTPStatus.TOO_MANY_REQUESTS or status >= 500
    return RetryAt(read_retry_after(answer.retry_after, now) if heeded else None, _said(answer, host))


def read_retry_after(text: str | None, now: datetime) -> datetime | None:
    """When a ``Retry-After`` (seconds or an HTTP date) asks to be tried again, at most a day from ``now``.

    None without one, for one that cannot be read, and for one that asks for no pause: the usual backoff is longer.
    """
    at = None if text is None else _moment_in(text.strip(), now)
    return None if at is None or at <= now else min(at, now + LONGEST_RETRY_AFTER)


def _moment_in(text: str, now: datetime) -> datetime | None:
    if text.isascii() and text.isdigit():
        return now + (timedelta(seconds=int(text)) if len(text) <= 6 else LONGEST_RETRY_AFTER)
    try:
        at = parsedate_to_datetime(text)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _said(answer: Answer, host: str) -> str:
    """The status, and the first words that came with it, safe to print."""
    phrase = next((f" {status.phrase}" for status in HTTPStatus if status == answer.status), "")
    words = " ".join(answer.excerpt.decode("utf-8", "replace").split())
    return f"{host} answered {answer.status}{phrase}" + (f" ({printable(words, _TOLD_CHARACTERS)})" if words else "")


def _told(error: OSError | HTTPException) -> str:
    """A failure in words: what the receiver or the way to it did."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    if isinstance(error, ConnectionResetError):  # before HTTP's failures, of which one is also this
        return "it closed the connection without an answer"
    if isinstance(error, HTTPException):
        return f"it answered with something that is not HTTP ({type(error).__name__})"
    return printable(str(error.strerror or error), _TOLD_CHARACTERS)


def _check_lengths(**lengths_s: float) -> None:
    for setting, length_s in lengths_s.items():
        if not 0 < length_s < math.inf:
            raise ConfigurationError(setting, str(length_s), "a number of seconds above 0")


def _checked_tls(tls: ssl.SSLContext | None) -> ssl.SSLContext:
    if tls is None:
        return ssl.create_default_context()
    if not tls.check_hostname or tls.verify_mode is not ssl.CERT_REQUIRED:
        raise ConfigurationError("tls", "a context that accepts any certificate", "one that checks name and signature")
    return tls


@cache
def _user_agent() -> str:
    try:
        return f"account-lifecycle/{version('account-lifecycle')}"
    except PackageNotFoundError:
        return "account-lifecycle"

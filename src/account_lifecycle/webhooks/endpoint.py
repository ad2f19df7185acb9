"""A receiver of webhooks, as a hook: it posts what happened to a URL, signed, and returns what became of it.

The body is JSON under keys that are a contract with receivers (``docs/webhooks.md``), in ASCII, so that no encoding on
the way can harm it. What a receiver answers decides about the delivery: 2xx is done; 410 disables the hook; anything
else is tried again, with the usual backoff, or when 429 or 5xx name a time in ``Retry-After``.

A circuit breaker keeps attempts from being wasted on a receiver that is down, and its timeouts from holding up other
hooks. After ``failures_limit`` failures in a row the circuit opens: calls are put off, without counting as attempts,
until a pause is over. Then one call goes ahead as a probe, while the others still wait. Its failure opens the circuit
anew for twice as long, up to a longest pause; any success closes it, even that of a call which began before it opened.
A probe that has not come back within the timeout of an attempt is not waited for: the next call becomes the probe, so
that a thread that hangs keeps no circuit open. The state is that of one endpoint in one process; it is not stored.
"""

import json
import math
import re
import ssl
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from html import escape
from http import HTTPStatus
from http.client import HTTPException
from threading import Lock
from typing import NamedTuple
from urllib.parse import unquote, unquote_plus

from ..errors import ConfigurationError
from ..hooks.calls import HookCall
from ..hooks.outcomes import Disable, Done, HookAnswer, RetryAt
from ..lifecycle.effects import EffectKind
from ..lifecycle.wording import printable, time_text
from ..urls import HIDDEN, public_url
from .addresses import RefusedAddress, Resolver, checked_addresses, read_allowance, read_url, resolve
from .exchange import MAX_WORDS, Answer, Deadline, exchange, failure_words, user_agent
from .signing import read_secrets, safe_id, signed_headers

LONGEST_RETRY_AFTER = timedelta(days=1)
"""However long a receiver asks to be left alone, it is asked again after this."""


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

    Raise ``ConfigurationError`` for an invalid setting. May be called by many threads at once.
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

    def __call__(self, call: HookCall, /) -> HookAnswer:
        """Send a webhook and return what became of it. A failure of the receiver is an outcome, not an exception."""
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

    def _send(self, call: HookCall) -> HookAnswer:
        host = self._target.host
        try:
            answer = self._exchange(call)
        except RefusedAddress as error:
            return RetryAt(reason=f"{host} was not contacted: {error}. Correct its DNS records, or name it in allow")
        except TimeoutError:
            return RetryAt(reason=f"{host} did not answer within {self._timeout_s:g} s")
        except (OSError, HTTPException) as error:
            return RetryAt(reason=f"{host}: {failure_words(error)}")
        return outcome_of(answer._replace(excerpt=without_path(answer.excerpt, self._target.path)), host, self._clock())

    def _exchange(self, call: HookCall) -> Answer:
        deadline = Deadline(self._timeout_s)
        body = body_of(call)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": user_agent(),
            **signed_headers(self._keys, safe_id(call.key), self._clock(), body),
        }
        addresses = checked_addresses(self._target, self._allowance, self._resolver, deadline.left_s())
        return exchange(self._target, addresses, self._tls, headers, body, deadline, self._connect_timeout_s)


# ---- Bodies ---------------------------------------------------------------------------------------------


def type_of(kind: EffectKind) -> str:
    """Return the type of a webhook, such as ``account.recovered``."""
    return f"account.{kind}"


def body_of(call: HookCall) -> bytes:
    """Return the body of a webhook."""
    record = {"type": type_of(call.kind), "timestamp": time_text(call.occurred_at), "data": call.to_dict()}
    return json.dumps(record, separators=(",", ":")).encode("ascii")


# ---- Answers --------------------------------------------------------------------------------------------


def outcome_of(answer: Answer, host: str, now: datetime) -> HookAnswer:
    """Return what a receiver's answer means for the delivery."""
    status = answer.status
    if 200 <= status < 300:
        return Done()
    if status == HTTPStatus.GONE:
        return Disable(f"{_answered(answer, host)}. It wants no more webhooks; enable the hook when it does")
    if 300 <= status < 400:
        where = f" to {printable(public_url(answer.location), MAX_WORDS)}" if answer.location else ""
        return RetryAt(
            reason=f"{_answered(answer, host)}: a redirect{where}, which is not followed. Give its final URL"
        )
    heeded = status == HTTPStatus.TOO_MANY_REQUESTS or status >= 500
    return RetryAt(read_retry_after(answer.retry_after, now) if heeded else None, _answered(answer, host))


def without_path(excerpt: bytes, path: str) -> bytes:
    """Return what a receiver answered without the parts of the path and the query that it was asked by.

    Many a server says "Cannot POST /hooks/TOKEN", and what is said is kept with the delivery.
    """
    said = excerpt.decode("utf-8", "replace")
    parts = {part for part in re.split(r"[/?&=;#]", path) if len(part) > 2}
    parts |= {unquote(part) for part in parts} | {unquote_plus(part) for part in parts}
    for part in sorted(parts | {escape(part) for part in parts}, key=len, reverse=True):
        said = re.sub(re.escape(part), HIDDEN, said, flags=re.IGNORECASE)
        begun = next((n for n in range(len(part) - 1, 2, -1) if said.lower().endswith(part[:n].lower())), 0)
        said = said[: len(said) - begun]  # an excerpt may end anywhere
    return said.encode()


def read_retry_after(text: str | None, now: datetime) -> datetime | None:
    """Return when a ``Retry-After`` (seconds or an HTTP date) asks to be tried again, at most a day from ``now``.

    Return None without one, for an unreadable one, and for one that asks for no pause: the usual backoff is longer.
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


def _answered(answer: Answer, host: str) -> str:
    """Return the status of an answer, and the first words that came with it, safe to print."""
    phrase = next((f" {status.phrase}" for status in HTTPStatus if status == answer.status), "")
    words = " ".join(answer.excerpt.decode("utf-8", "replace").split())
    return f"{host} answered {answer.status}{phrase}" + (f" ({printable(words, MAX_WORDS)})" if words else "")


# ---- The circuit ----------------------------------------------------------------------------------------


class Entry(NamedTuple):
    """Whether a call may go ahead."""

    waits_until: datetime | None = None
    """When to come again; None: go ahead, and ``leave`` afterwards."""
    is_probe: bool = False
    """Whether this is the one call that finds out how the receiver is."""


class Circuit:
    """Counts failures in a row. May be used by many threads at once; times are aware and come from the caller."""

    def __init__(self, failures_limit: int, first_pause: timedelta, longest_pause: timedelta, probe: timedelta) -> None:
        self._failures_limit = failures_limit
        self._first_pause = first_pause
        self._longest_pause = longest_pause
        self._probe = probe  # a probe that has not come back by then counts for nothing
        self._lock = Lock()
        self._failures = 0
        self._openings = 0
        self._paused_until: datetime | None = None  # None while calls go ahead

    def enter(self, now: datetime) -> Entry:
        """Return whether a call may go ahead: none while it is open, and after the pause one at a time, as a probe."""
        with self._lock:
            if self._paused_until is None:
                return Entry()
            if now < self._paused_until:
                return Entry(waits_until=self._paused_until)
            self._paused_until = now + self._probe
            return Entry(is_probe=True)

    def leave(self, entry: Entry, now: datetime, *, failed: bool) -> None:
        """Record how a call ended that went ahead."""
        with self._lock:
            if not failed:
                self._failures, self._openings, self._paused_until = 0, 0, None
                return
            self._failures += 1
            is_opening = self._paused_until is None and self._failures >= self._failures_limit
            if entry.is_probe or is_opening:
                self._openings += 1
                self._paused_until = now + self._pause()

    def _pause(self) -> timedelta:
        """Return the pause: twice as long each time, up to the longest."""
        doublings = min(self._openings - 1, 32)
        return min(self._first_pause * (1 << doublings), self._longest_pause)


# ---- Settings -------------------------------------------------------------------------------------------


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

"""One call of the vendor's API: sent, tried again where that can help, and answered or explained.

Whatever may pass by itself is tried again: an answer of 408, 429 or 5xx, a fault of the connection, an answer that is
late, cut, or no JSON. ``Retry-After`` is honoured if it fits into the time that the call may take; otherwise the call
ends at once and its error says how long to wait. Anything else is refused: another attempt would be answered likewise.

A call is bounded in attempts, in time and in bytes. What is said of a failure holds neither the key nor a query.
"""

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from time import monotonic
from typing import Any, NamedTuple, TypeVar

import httpx2
import msgspec
import stamina
import structlog
from stamina.instrumentation import LoggingOnRetryHook, RetryDetails, get_on_retry_hooks, set_on_retry_hooks

from ..errors import ConfigurationError, VendorRefused, VendorUnavailable, logger
from ..lifecycle.wording import printable
from ..urls import HIDDEN, public_url
from ..webhooks.endpoint import read_retry_after
from ..webhooks.exchange import user_agent

MAX_ANSWER_BYTES = 32 << 20
"""No answer is read further than this. A page of 250 accounts has some 250 kB."""
_MAX_WORDS = 200
_PASSING = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)

DecodedT = TypeVar("DecodedT")


class Patience(NamedTuple):
    """How long a call may take; all in seconds."""

    answer_s: float = 20
    """How long one answer may take. One whose body comes in pieces may take twice as long, until that is noticed; each
    piece of its head may take so long."""
    attempts: int = 5
    total_s: float = 120
    """After so long no further attempt is made; a longer ``Retry-After`` ends the call at once."""
    pause_s: float = 0.5
    """The pause before the second attempt; it doubles with each, up to ``longest_pause_s``, and varies by half."""
    longest_pause_s: float = 15


class _Passing(Exception):
    """A failure that may pass by itself."""

    status: int | None = None
    retry_after_s: float | None = None
    is_undone = False
    """Whether the vendor cannot have done what it was asked for."""

    def __init__(self, found: str, remedy: str) -> None:
        super().__init__(found)
        self.found, self.remedy = found, remedy


class Missing(Exception):
    """The vendor says that it does not have what was asked for."""


class Caller:
    """Calls the API at ``base_url`` with a key; safe to share between threads.

    ``key`` is called for the key once, and again whenever a key is refused, so that one in a file can be changed while
    a process runs. Raise ``ConfigurationError`` for a URL, a key or lengths of time that cannot be used.
    """

    def __init__(
        self, base_url: str, key: Callable[[], str], patience: Patience, transport: httpx2.BaseTransport | None
    ) -> None:
        _check_patience(patience)
        self._base = _checked_base(base_url)
        self.base_url = str(self._base)
        self._read_key, self._key = key, _checked_key(key())
        self._patience = patience
        self.host = public_url(self.base_url)
        """The URL, as far as it may be shown."""
        self.answered_at: datetime | None = None
        """The time by the vendor's clock at its last answer, if that named one: aware, to the second."""
        self._http = httpx2.Client(
            transport=transport,
            timeout=patience.answer_s,
            headers={"Accept": "application/json", "User-Agent": user_agent()},
            trust_env=not _is_this_machine(self._base),  # the proxies of the environment, but not to reach oneself
        )
        _keep_retries_off_the_output()

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def call(
        self,
        method: str,
        path: str,
        decode: Callable[[bytes], DecodedT],
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        is_repeatable: bool = True,
    ) -> DecodedT:
        """Send a request and return its answer, as ``decode`` makes it of the content.

        What is not ``is_repeatable`` is tried again only where it cannot have arrived. Raise ``Missing`` for a 404 of
        the vendor's own, ``VendorRefused`` and ``VendorUnavailable``.
        """
        called = f"{method} /api/v1{path} of {self.host}"
        end = monotonic() + self._patience.total_s
        tried = 0

        def backoff(error: Exception) -> bool | float:
            if not isinstance(error, _Passing) or not (is_repeatable or error.is_undone):
                return False
            after_s = error.retry_after_s
            if after_s is not None and monotonic() + after_s >= end:
                return False
            if tried < self._patience.attempts and monotonic() < end:
                logger().warning("the vendor is asked again", call=called, attempt=tried, failure=error.found)
            return True if after_s is None else after_s

        try:
            for attempt in stamina.retry_context(
                backoff,
                attempts=self._patience.attempts,
                timeout=self._patience.total_s,
                wait_initial=self._patience.pause_s,
                wait_max=self._patience.longest_pause_s,
                wait_jitter=self._patience.pause_s / 2,
            ):
                with attempt:
                    tried = attempt.num
                    return _decoded(self._send(called, method, path, query, body), decode)
        except _Passing as failure:
            often = f" (tried {tried} times)" if tried > 1 else ""
            remedy = failure.remedy if is_repeatable or failure.is_undone else f"{_PERHAPS_DONE} {failure.remedy}"
            error = VendorUnavailable(called, failure.found + often, remedy, failure.status)
            error.retry_after_s = failure.retry_after_s
            raise error from None
        raise AssertionError("a call ends with an answer or an error")

    def _send(
        self,
        called: str,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Mapping[str, Any] | None,
    ) -> bytes:
        """Return the content of a good answer; raise for any other."""
        key = self._key
        response, content = self._exchange(method, path, query, body, key)
        if response.status_code == HTTPStatus.UNAUTHORIZED and (changed := self._changed_key(called)) != key:
            self._key = key = changed
            response, content = self._exchange(method, path, query, body, key)
        status = response.status_code
        if 200 <= status < 300:
            return content
        found = f"it answered {_answered(status, content, key)}"
        if status >= 500 or status in _PASSING:
            passing = _Passing(found, _LATER)
            passing.status, passing.retry_after_s = status, _retry_after_s(response)
            passing.is_undone = status == HTTPStatus.TOO_MANY_REQUESTS
            raise passing
        if status == HTTPStatus.NOT_FOUND and _is_object(content):
            raise Missing(called)
        if 300 <= status < 400:
            found += f", a redirect to {printable(public_url(response.headers.get('location', '')), _MAX_WORDS)}"
        raise VendorRefused(called, found, _REMEDIES.get(status, _REMEDIES[None]), status)

    def _changed_key(self, called: str) -> str:
        """Return the key as it is by now. Raise ``VendorRefused`` if there is none: it may be about to be written."""
        try:
            return _checked_key(self._read_key())
        except ConfigurationError as error:
            found = f"it answered 401 Unauthorized, and there is no other key ({error})"
            remedy = _REMEDIES[HTTPStatus.UNAUTHORIZED]
            raise VendorRefused(called, found, remedy, HTTPStatus.UNAUTHORIZED) from None

    def _exchange(
        self, method: str, path: str, query: Mapping[str, str] | None, body: Mapping[str, Any] | None, key: str
    ) -> tuple[httpx2.Response, bytes]:
        limit_s = self._patience.answer_s
        end = monotonic() + limit_s
        content = bytearray()
        try:
            with self._http.stream(
                method, f"{self.base_url}/api/v1{path}", params=query, json=body, headers={"X-API-KEY": key}
            ) as response:
                for piece in response.iter_bytes():
                    content += piece
                    if len(content) > MAX_ANSWER_BYTES:
                        raise _Passing(f"its answer is longer than {MAX_ANSWER_BYTES >> 20} MiB", _NOT_THE_API)
                    if monotonic() > end:
                        raise _Passing(f"it did not answer to the end within {limit_s:g} s", _SLOW)
        except (httpx2.ConnectTimeout, httpx2.ConnectError) as error:
            passing = _Passing(f"no connection ({_failure(error)})", _UNREACHABLE)
            passing.is_undone = True
            raise passing from None
        except httpx2.TimeoutException:
            raise _Passing(f"it did not answer within {limit_s:g} s", _SLOW) from None
        except httpx2.RequestError as error:
            raise _Passing(f"the connection broke before the answer was whole ({_failure(error)})", _LATER) from None
        self.answered_at = _moment_in(response.headers.get("date", ""))
        return response, bytes(content)


# ---- Words ------------------------------------------------------------------------------------------------

_LATER = "Nothing was concluded from it. Ask again later, and see the vendor's status page if it lasts."
_PERHAPS_DONE = "Whether it was done all the same is not known: look before you repeat it."
_SLOW = (
    "Nothing was concluded from it. Ask again later; if it is always so slow, allow more by Patience(answer_s=…), "
    "and look at proxies on the way."
)
_UNREACHABLE = (
    "Check the URL and its port (ACCOUNT_LIFECYCLE_VENDOR_URL), and that this machine may reach it: DNS, proxies, "
    "firewalls."
)
_NOT_THE_API = (
    "Nothing was concluded from it. Check that the URL (ACCOUNT_LIFECYCLE_VENDOR_URL) is that of the API, and that no "
    "proxy on the way answers in its place."
)
_REMEDIES: dict[int | None, str] = {
    HTTPStatus.UNAUTHORIZED: "The key is not accepted: it was changed or revoked, or it belongs to another URL. "
    "Put the present one where ACCOUNT_LIFECYCLE_VENDOR_KEY says; one in a file is read again without a restart.",
    HTTPStatus.FORBIDDEN: "The key is known, and may not do this: give it the right, or check what your plan includes.",
    HTTPStatus.NOT_FOUND: "This does not look like the vendor's API. Check the URL (ACCOUNT_LIFECYCLE_VENDOR_URL), its "
    "port included.",
    None: "It would be answered likewise again. Check the URL (ACCOUNT_LIFECYCLE_VENDOR_URL) and what was asked.",
}


def _answered(status: int, content: bytes, key: str) -> str:
    """Return a status and the first words that came with it, safe to print and without the key."""
    phrase = next((f" {known.phrase}" for known in HTTPStatus if known == status), "")
    said = "HTML" if content.lstrip()[:1] == b"<" else " ".join(content.decode("utf-8", "replace").split())
    said = printable(said.replace(key, HIDDEN), _MAX_WORDS)
    return f"{status}{phrase}" + (f" ({said})" if said else "")


def _failure(error: Exception) -> str:
    return printable(str(error) or type(error).__name__, _MAX_WORDS)


def _decoded(content: bytes, decode: Callable[[bytes], DecodedT]) -> DecodedT:
    try:
        return decode(content)
    except msgspec.ValidationError as error:
        raise _Passing(f"its JSON is not what it should be ({error})", _NOT_THE_API) from None
    except RecursionError:
        raise _Passing("its JSON is nested too deeply", _NOT_THE_API) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if content.lstrip()[:1] == b"<":
            raise _Passing("it answered with HTML in place of JSON", _NOT_THE_API) from None
        words = f"its answer of {len(content):,} bytes is no whole JSON ({_failure(error)})"
        raise _Passing(words, _LATER) from None


def _is_object(content: bytes) -> bool:
    """Return whether an answer is a JSON object, as those of the API are: of another server a 404 proves nothing."""
    try:
        return isinstance(msgspec.json.decode(content), dict)
    except (msgspec.DecodeError, RecursionError):
        return False


def _retry_after_s(response: httpx2.Response) -> float | None:
    now = datetime.now(UTC)
    at = read_retry_after(response.headers.get("retry-after"), now)
    return None if at is None else (at - now).total_seconds()


def _moment_in(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _keep_retries_off_the_output() -> None:
    """Have stamina log retries by the standard library where structlog is not configured, and none of ours.

    It logs with structlog if that is installed, and without a configuration structlog writes to standard output, where
    the data of a command is. What is asked again here is logged by ``Caller`` itself.
    """
    if structlog.is_configured():
        return
    by_library = LoggingOnRetryHook.hook_factory()

    def of_others(details: RetryDetails) -> AbstractContextManager[None] | None:
        return None if isinstance(details.caused_by, _Passing) else by_library(details)

    hooks = get_on_retry_hooks()
    if any(_is_of_structlog(hook) for hook in hooks):
        set_on_retry_hooks([of_others if _is_of_structlog(hook) else hook for hook in hooks])


def _is_of_structlog(hook: object) -> bool:
    return getattr(hook, "__module__", "").endswith("._structlog")


# ---- Settings ---------------------------------------------------------------------------------------------


def _checked_base(text: str) -> httpx2.URL:
    """Return the base URL without ``/api/v1``. Raise ``ConfigurationError`` for one that no key should be sent to."""
    expected = "the https URL of the vendor's API, such as https://api1.example.com:13111"
    try:
        url = httpx2.URL(text.strip().rstrip("/").removesuffix("/api/v1"))
    except (httpx2.InvalidURL, ValueError):
        raise ConfigurationError("vendor_url", public_url(text) or "nothing", expected) from None
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query or url.fragment:
        raise ConfigurationError("vendor_url", public_url(text) or "nothing", expected)
    if url.scheme == "http" and not _is_this_machine(url):
        found = f"no encryption, so that anybody on the way can read the key: {public_url(text)}"
        raise ConfigurationError("vendor_url", found, expected)
    return url


def _is_this_machine(url: httpx2.URL) -> bool:
    return url.host in ("localhost", "::1") or url.host.startswith("127.")


def _checked_key(key: str) -> str:
    if not key or key.strip() != key or not key.isascii() or not key.isprintable():
        found = "no key" if not key.strip() else "a key that no header can carry"
        raise ConfigurationError("vendor_key", found, "the vendor's API key, or file: and the path of a file with it")
    return key


def _check_patience(patience: Patience) -> None:
    for name, value in patience._asdict().items():
        if not (value > 0 or (value == 0 and "pause" in name)) or value == math.inf:
            raise ConfigurationError(name, str(value), "a number above 0")

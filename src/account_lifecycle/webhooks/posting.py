"""Posting to a URL that the person at the keyboard typed: one request, one answer, no retries.

What is registered as an endpoint (``endpoint``) may go to public addresses only, because somebody else may have chosen
it. A URL on a command line is the operator's own, and mostly names this machine: its host is allowed by that. Metadata
services of clouds are refused here as well, redirects are not followed, and no proxy of the environment is used.
"""

import ssl
from collections.abc import Mapping
from http.client import HTTPException
from time import perf_counter
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from ..errors import ConfigurationError
from .addresses import Allowance, RefusedAddress, checked_addresses, read_allowance, read_url, resolve
from .exchange import Deadline, exchange, failure_words, user_agent

_EXAMPLE = "a URL such as http://localhost:8000/webhooks"


class Posted(NamedTuple):
    """What became of a request."""

    status: int
    """0 if there is no answer."""
    excerpt: bytes
    """The beginning of the answer's body."""
    failure: str
    """Why there is no answer, in words; blank if there is one."""
    took_s: float


class Poster:
    """Posts to one URL: http or https, on any host and port. Raise ``ConfigurationError`` for another.

    ``timeout_s`` bounds one request as a whole. May be used by many threads at once.
    """

    def __init__(self, url: str, *, timeout_s: float = 10.0) -> None:
        if not url.lower().startswith(("http://", "https://")):
            raise ConfigurationError("url", "neither http nor https", _EXAMPLE)
        self._allowance = _allowance_for(url)
        self._target = read_url(url, self._allowance)
        self._timeout_s = timeout_s
        self._tls = ssl.create_default_context() if self._target.is_secure else None

    @property
    def host(self) -> str:
        """The host, with its port unless that is the usual one: what may be shown of the URL."""
        return self._target.authority

    def post(self, headers: Mapping[str, str], body: bytes, parameters: Mapping[str, str] | None = None) -> Posted:
        """Post a body; ``parameters`` are added to the URL's query. A failure is an answer, not an exception."""
        path = self._target.path
        if parameters:
            path += ("&" if "?" in path else "?") + urlencode(parameters)
        target = self._target._replace(path=path)
        headers = {"User-Agent": user_agent(), **headers}
        deadline, begun_s = Deadline(self._timeout_s), perf_counter()
        status, excerpt, failure = 0, b"", ""
        try:
            addresses = checked_addresses(target, self._allowance, resolve, deadline.left_s())
            answer = exchange(
                target, addresses, self._tls, headers, body, deadline, self._timeout_s, reads_success=True
            )
            status, excerpt = answer.status, answer.excerpt
        except RefusedAddress as error:
            failure = str(error)
        except TimeoutError:
            failure = f"no answer within {self._timeout_s:g} s"
        except (OSError, HTTPException) as error:
            failure = failure_words(error)
        return Posted(status, excerpt, failure, perf_counter() - begun_s)


def _allowance_for(url: str) -> Allowance:
    """Return an allowance for the host that a URL names; for none, where it is not written plainly."""
    try:
        host = (urlsplit(url).hostname or "").removesuffix(".")
        return read_allowance([host])
    except ValueError:  # ``read_url`` says what is wrong with it
        return Allowance()

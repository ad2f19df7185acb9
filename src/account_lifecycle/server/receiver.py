"""The receiver: a request of the vendor goes in, the right answer comes out, after the commit.

The vendor sends a webhook again, a few times, unless it is answered with exactly 200. So 200 means that it is on disk.
A repeat is answered like that, too, and what is held, and what cannot be read: the same bytes would fail again, so they
are kept in the quarantine and not asked for once more. What was not kept is answered with 503 and when to come back.

A request is answered in two parts. ``check`` needs no store and takes microseconds: method, length, credentials. It can
be asked before the body is read, so that a body from a stranger never is. ``feed`` waits for the disk: it belongs into
a thread. The mounts (``asgi``, ``wsgi``) do both; ``handle`` is both for a caller that has the whole request in hand.

The content type is not looked at: the webhooks that are made by the vendor's API have none.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from threading import Lock

from ..engine.core import Engine, utc_now
from ..errors import ConfigurationError, PayloadError, StoreBusy, StoreError, StoreFull, UnreadablePayloads, logger
from ..intake.bodies import MAX_BODY_BYTES
from ..lifecycle.status import Verdict
from ..records import TimeSource
from .asgi import BODY_S, AnswerSeen, ASGIApp, ASGIMount
from .credentials import Authenticity, Credential, check_places, examine
from .replies import BAD_LENGTH, FAILED, METHOD_NOT_ALLOWED, READY, Reply, declared_length, in_json, try_again
from .wsgi import WSGIApp, WSGIMount

FEEDING_THREADS = 16
"""How many bodies are fed at a time: with one file, one commit is shared by all of them. Eight are a tenth slower, and
sixty-four a fifth."""
FEEDING_THREADS_ON_A_SERVER = 32
"""The same with a database server, where each commit takes longer, and may be shared by more."""
WAITING = 2_000
"""How many requests may wait for that: well below a second's work."""

_RETRY_AFTER_S = ((StoreBusy, 2), (StoreFull, 60), (StoreError, 10))
_FED = {verdict: in_json(200, {"verdict": str(verdict), "events": 1}) for verdict in Verdict}
_REFUSED = {
    Authenticity.ABSENT: "a credential is missing",
    Authenticity.WRONG: "the credential is wrong",
    Authenticity.MALFORMED: "the credential cannot be read",
    Authenticity.STALE: "the signature's time is too far off",
}


class Receiver:
    """The receiver of the vendor's webhooks over an engine; safe to share between threads.

    ``credentials``: what a request has to show; without any, everybody is let in. ``max_bytes``: the longest body that
    is taken, at most 1 MiB. ``threads``: how many bodies are fed at a time by the ASGI mount. ``waiting``: how many
    requests may wait for that before the next is answered with 503. ``clock`` dates signatures. Hooks belong into a
    runner (``engine.start_runner()``) or a worker: without one, those of this process run within the request. Raise
    ``ConfigurationError`` for values that cannot be meant.
    """

    def __init__(
        self,
        engine: Engine,
        credentials: Sequence[Credential] = (),
        max_bytes: int = MAX_BODY_BYTES,
        *,
        threads: int = FEEDING_THREADS,
        waiting: int = WAITING,
        clock: TimeSource = utc_now,
    ) -> None:
        if not 0 < max_bytes <= MAX_BODY_BYTES:
            raise ConfigurationError("max_bytes", f"{max_bytes:,}", f"1 to {MAX_BODY_BYTES:,} bytes")
        for name, value in (("threads", threads), ("waiting", waiting)):
            if value < 1:
                raise ConfigurationError(name, str(value), "1 or more")
        check_places(credentials)
        self._engine = engine
        self._credentials = tuple(credentials)
        self._clock = clock
        self._most_waiting = waiting
        self._lock = Lock()  # guards what is counted
        self._waiting = 0
        self._answered: Counter[int] = Counter()
        self._refused: Counter[str] = Counter()
        self.max_bytes = max_bytes
        self.threads = threads
        self.signs_body = any(credential.signs_body for credential in credentials)

    # ---- Answering -------------------------------------------------------------------------------

    def handle(self, method: str, headers: Mapping[str, str], query: str, body: bytes) -> Reply:
        """Answer a whole request: ``headers`` with lower-case names, ``query`` without its question mark."""
        return self.counted(self.check(method, headers, query, body) or self.feed(body, headers))

    def check(self, method: str, headers: Mapping[str, str], query: str, body: bytes | None = None) -> Reply | None:
        """Return the reply of a request that need not be fed, or None if it is to be fed.

        Without the body this is what can be said before it is read: its length is the one that is declared, and of a
        signature only the time holds.
        """
        if method != "POST":
            return READY if method == "GET" else READY._replace(body=b"") if method == "HEAD" else METHOD_NOT_ALLOWED
        size = declared_length(headers) if body is None else len(body)
        if size is not None and not 0 <= size <= self.max_bytes:
            return BAD_LENGTH if size < 0 else self.too_large()
        if self._credentials:
            authenticity = examine(self._credentials, headers, query, body, self._clock())
            if authenticity is not Authenticity.RIGHT:
                with self._lock:
                    self._refused[str(authenticity)] += 1
                return in_json(401, {"error": _REFUSED[authenticity]})
        return None

    def feed(self, body: bytes, headers: Mapping[str, str] | None = None) -> Reply:
        """Feed a body that was checked, and reply after the commit; of ``headers`` only the encoding matters."""
        try:
            decisions = self._engine.feed_body(body, headers)
        except PayloadError as error:
            errors = error.errors if isinstance(error, UnreadablePayloads) else [error]
            numbers = [each.quarantine_id for each in errors]
            return in_json(200, {"verdict": "QUARANTINED", "quarantine_ids": numbers, "reason": errors[0].reason})
        except StoreError as error:
            after_s = next(seconds for kind, seconds in _RETRY_AFTER_S if isinstance(error, kind))
            logger().warning("a webhook was not kept; the vendor will send it again", error=str(error))
            return try_again("the store cannot be written", after_s)
        except Exception:
            logger().exception("a webhook was not kept: the receiver failed")
            return FAILED
        verdict = decisions[-1].verdict
        if len(decisions) == 1:
            return _FED[verdict]
        return in_json(200, {"verdict": str(verdict), "events": len(decisions)})

    def too_large(self) -> Reply:
        """Return the reply of a body that is too long."""
        return in_json(413, {"error": f"a body may have {self.max_bytes:,} bytes"})

    # ---- Mounts ----------------------------------------------------------------------------------

    def asgi(
        self,
        app: ASGIApp | None = None,
        at: str = "/hooks",
        *,
        body_s: float = BODY_S,
        answered: AnswerSeen | None = None,
    ) -> ASGIMount:
        """Return an ASGI application that answers at the path ``at`` and hands everything else on to ``app``.

        Without an ``app`` it answers wherever it is mounted. Whoever takes longer than ``body_s`` seconds to send a
        body is answered with 408. ``answered`` is called, in the event loop, with the status of each answer and how
        many seconds it took.
        """
        return ASGIMount(self, app, at, body_s, answered)

    def wsgi(self, app: WSGIApp | None = None, at: str = "/hooks") -> WSGIMount:
        """Return a WSGI application that answers at the path ``at`` and hands everything else on to ``app``.

        Without an ``app`` it answers wherever it is mounted. How long a body may take is up to the server.
        """
        return WSGIMount(self, app, at)

    # ---- Counting --------------------------------------------------------------------------------

    def enter(self) -> bool:
        """Take one of the places of those who wait; return False if there is none."""
        with self._lock:
            if self.is_full:
                return False
            self._waiting += 1
            return True

    def leave(self) -> None:
        """Give the place back."""
        with self._lock:
            self._waiting -= 1

    def counted(self, reply: Reply) -> Reply:
        """Count a reply that is about to be sent, and return it."""
        with self._lock:
            self._answered[reply.status] += 1
        return reply

    @property
    def waiting(self) -> int:
        """Return how many requests wait to be fed, or are being fed, now."""
        return self._waiting

    @property
    def is_full(self) -> bool:
        """Return whether no more may wait: the next is answered with 503."""
        return self._waiting >= self._most_waiting

    @property
    def answered(self) -> dict[int, int]:
        """Return how many requests were answered so far, by status."""
        with self._lock:
            return dict(self._answered)

    @property
    def refused(self) -> dict[str, int]:
        """Return how many requests were refused for their credentials, by reason: ``absent``, ``wrong`` …"""
        with self._lock:
            return dict(self._refused)

"""``serve``: receiver, hooks and deadlines in one process, over one listening socket; several processes if asked.

    the socket ── uvicorn (LimitedProtocol) ── access line ── receiver at /hooks ── everything else (site)
                                                                   │                      │
                                                   threads that feed ── engine ── threads that read
                                                                           └── runner: hooks, deadlines

With several workers the parent only listens: it forks before anything is opened, starts a worker again that dies, and
hands on the signal to stop. A worker whose parent was killed stops as well.

A port of its own for the pages is a second socket of the same processes.

SIGTERM drains: from then on the process says that it is not ready, and its streams end; after ``drain_delay_s``, in
which whatever balances load may see that, there is no new connection, the requests that are there are answered, for
``grace_s`` at most, then the hooks that run are waited for, and the store is closed. What was fed by then is on disk,
answered or not.
"""

import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from ipaddress import ip_address
from threading import Thread
from time import perf_counter
from types import FrameType
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import uvicorn
from starlette.applications import Starlette
from typing_extensions import override

from ..engine.core import Engine
from ..errors import ConfigurationError, logger
from ..lifecycle.wording import escaped
from .asgi import ASGIApp, ASGIMessage, Receive, Scope, Send
from .connections import LimitedProtocol
from .metrics import Metrics, ReceiverCounts
from .operations import metrics_route, probe_routes
from .pages import SiteOptions
from .readiness import Readiness
from .receiver import Receiver
from .site import make_site
from .snapshot import FleetSnapshots

if TYPE_CHECKING:
    from ..vendor.service import Reconciling

MOST_WORKERS_ON_A_FILE = 2
"""More processes than this writing to one file only wait for each other: four have half the throughput of one."""
BACKLOG = 2_048
"""How many connections may wait to be accepted."""
SHORTEST_LIFE_S = 2.0
"""A worker that dies sooner would die again: then the server ends."""
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Serving(NamedTuple):
    """How to serve."""

    host: str = "127.0.0.1"
    port: int = 8787
    """0: any that is free."""
    workers: int = 1
    grace_s: float = 3.0
    """How long requests that are there may take after the signal to stop, in seconds."""
    drain_delay_s: float = 0.0
    """How long connections are accepted after that signal, in seconds, while ``/readyz`` answers with 503."""
    logs_access: bool = True
    """Whether each request is logged, without its query."""
    runs_hooks: bool = True
    """Whether hooks and deadlines run in these processes."""
    page_port: int | None = None
    """A port for the pages alone; None: they share that of the receiver."""
    page_host: str = "127.0.0.1"
    site: SiteOptions | None = None
    """How the site beside the receiver is made; None: there is none."""
    reconciling: "Callable[[Engine], Reconciling] | None" = None
    """Makes what reconciles with the vendor beside the receiver; None: nobody does."""

    @property
    def shows_pages(self) -> bool:
        """Whether anybody may see the pages: without a token only where none but this machine can ask."""
        host = self.host if self.page_port is None else self.page_host
        return self.site is not None and (bool(self.site.access.tokens) or is_loopback(host))


Opening = Callable[[], tuple[Engine, Receiver]]
"""Opens what one process serves, hooks registered."""


def serve(opening: Opening, how: Serving, started: Callable[[str, str], object]) -> int:
    """Serve until SIGTERM or Ctrl-C; return the exit code.

    ``opening`` is called in each process that serves, ``started`` once, with the URLs of the receiver and of the pages,
    which is blank if they are not shown. Raise ``OSError`` if an address cannot be listened on.
    """
    with ExitStack() as stack:
        listeners = [stack.enter_context(listening(how.host, how.port))]
        if how.page_port is not None:
            listeners.append(stack.enter_context(listening(how.page_host, how.page_port)))
        started(f"{_url_of(listeners[0])}/hooks", f"{_url_of(listeners[-1])}/" if how.shows_pages else "")
        if how.workers == 1:
            _serve_here(listeners, opening, how, ReceiverCounts())
            return 0
        return _Workers(listeners, opening, how).run()


def _url_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a host's address."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def check_serving(how: Serving, *, is_open: bool, is_file: bool) -> None:
    """Raise ``ConfigurationError`` for what must not be served; ``is_open``: no credential is asked for."""
    if is_open and not is_loopback(how.host):
        raise ConfigurationError(
            "host", f"{how.host!r} without a secret", "a loopback address, or ACCOUNT_LIFECYCLE_WEBHOOK_SECRETS"
        )
    if is_file and how.workers > MOST_WORKERS_ON_A_FILE:
        raise ConfigurationError("workers", str(how.workers), f"1 or {MOST_WORKERS_ON_A_FILE} with a SQLite file")


class Application:
    """All that one process answers: the receiver, and beside it the site, if there is one; an ASGI application.

    With a port of their own the pages answer there and nowhere else, and the receiver only at the other.
    """

    def __init__(
        self,
        engine: Engine,
        receiver: Receiver,
        options: SiteOptions | None = None,
        page_port: int | None = None,
        counts: ReceiverCounts | None = None,
    ) -> None:
        counts = counts or ReceiverCounts()
        self._readiness = Readiness(engine.store, receiver)
        snapshots = FleetSnapshots(engine)
        metrics = Metrics(lambda: snapshots.newest().overview, counts, lambda: receiver.waiting)
        probes, operations = probe_routes(self._readiness), [metrics_route(metrics)]
        operations += probes
        self.site = None if options is None else make_site(engine, options, operations, snapshots)
        self._beside: ASGIApp = Starlette(routes=operations) if self.site is None else self.site.app
        self._page_port = page_port

        def answered(status: int, duration_s: float) -> None:
            counts.answered(status, duration_s)
            counts.wait(receiver.waiting)

        other = self._beside if page_port is None else Starlette(routes=probes)
        self._receiver = receiver.asgi(other, at=RECEIVER_PATH, answered=answered)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request to whom it is for."""
        app: ASGIApp = self._receiver
        if scope["type"] == "http" and self._is_for_site(scope):
            app = self._beside
        await app(scope, receive, send)

    def _is_for_site(self, scope: Scope) -> bool:
        """Return whether a request is for the port of the pages or, at the receiver's path, for the page there."""
        if self._page_port is not None:
            return bool((scope.get("server") or ("", 0))[1] == self._page_port)
        return self.site is not None and _is_from_reader(scope)

    def leave(self) -> None:
        """Say that this process is no longer ready, and end what would last; a signal's handler may call it."""
        self._readiness.close()
        if self.site is not None:
            self.site.live.end()

    def close(self) -> None:
        """Wait for what is being fed and read, and take no more."""
        self._receiver.close()
        if self.site is not None:
            self.site.close()


RECEIVER_PATH = "/hooks"


def _is_from_reader(scope: Scope) -> bool:
    """Return whether a browser asks for the page at the receiver's path: it says that it reads HTML, no vendor does."""
    return (
        scope["path"] == RECEIVER_PATH
        and scope["method"] in ("GET", "HEAD")
        and any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])
    )


def logging_access(app: ASGIApp) -> ASGIApp:
    """Return an application that logs each request as one line: never its query, in which there may be a secret."""

    async def logged(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        begun_s, status = perf_counter(), 0

        async def noting(message: ASGIMessage) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await app(scope, receive, noting)
        finally:
            logger().info(
                "request",
                method=scope["method"],
                path=escaped(scope["path"]),
                status=status,
                ms=round((perf_counter() - begun_s) * 1000, 1),
                client=scope["client"][0] if scope.get("client") else "",
            )

    return logged


# ---- One process -------------------------------------------------------------------------------------------


class DrainingServer(uvicorn.Server):
    """uvicorn's server, which a signal drains and does not kill; a second one ends it without waiting.

    ``leaving`` is called by the first signal, in its handler; the server drains ``delay_s`` seconds later.
    """

    def __init__(
        self, config: uvicorn.Config, leaving: Callable[[], object] = lambda: None, delay_s: float = 0.0
    ) -> None:
        super().__init__(config)
        self._leaving = leaving
        self._delay_s = delay_s
        self._drains_at_s: float | None = None

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop."""
        self.stop()

    def stop(self) -> None:
        """Begin to stop; the second time, at once."""
        if self._drains_at_s is None:
            self._leaving()
            self._drains_at_s = time.monotonic() + self._delay_s
        else:
            self.should_exit = self.force_exit = True

    @override
    async def on_tick(self, counter: int) -> bool:
        """Return whether it is time to drain; called ten times a second."""
        if self._drains_at_s is not None and time.monotonic() >= self._drains_at_s:
            self.should_exit = True
        return await super().on_tick(counter)


def _serve_here(
    listeners: Sequence[socket.socket],
    opening: Opening,
    how: Serving,
    counts: ReceiverCounts,
    parent: int | None = None,
) -> None:
    """Open, serve and close; ``parent`` is a pipe that ends when the parent does."""
    _log_to_stderr(how.logs_access)
    _allow_many_files()
    engine, receiver = opening()
    options = how.site
    if options is not None and not how.shows_pages:
        options = options._replace(access=options.access._replace(is_closed=True))
    page_port = None if how.page_port is None else listeners[-1].getsockname()[1]
    with engine, closing(Application(engine, receiver, options, page_port, counts)) as app:
        config = uvicorn.Config(
            logging_access(app) if how.logs_access else app,
            http=LimitedProtocol,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            backlog=BACKLOG,
            timeout_graceful_shutdown=how.grace_s,  # type: ignore[arg-type] # it is handed to asyncio as it is
        )
        server = DrainingServer(config, app.leave, how.drain_delay_s)
        if parent is not None:
            Thread(target=_stop_with_parent, args=(parent, server), daemon=True).start()
        with ExitStack() as beside:
            service = None if how.reconciling is None else beside.enter_context(how.reconciling(engine))
            if how.runs_hooks:
                engine.start_runner(ask=None if service is None else service.ask)
            server.run(sockets=list(listeners))


def _stop_with_parent(parent: int, server: DrainingServer) -> None:
    os.read(parent, 1)  # nothing is ever written: it ends
    server.stop()


def _log_to_stderr(logs_access: bool) -> None:
    """Log to stderr unless logging is configured already: warnings, and this package's information."""
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    if logs_access:
        logging.getLogger("account_lifecycle").setLevel(logging.INFO)


def _allow_many_files() -> None:
    """Allow as many connections as the machine does: each is a file."""
    if os.name != "posix":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def listening(host: str, port: int) -> socket.socket:
    """Return a listening socket of which asyncio knows that it is TCP: else each answer waits 40 ms for Nagle."""
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    listener = socket.socket(family, kind, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


# ---- Several processes -------------------------------------------------------------------------------------


class _Workers:
    """The parent of processes that serve the same sockets. It has no thread and no store: it may fork at any time."""

    def __init__(self, listeners: Sequence[socket.socket], opening: Opening, how: Serving) -> None:
        self._listeners, self._opening, self._how = listeners, opening, how
        self._begun_s: dict[int, float] = {}  # when each worker that lives was started, by its process id
        self._places: dict[int, int] = {}  # which of the workers each is, from 0
        self._counts = ReceiverCounts(how.workers)
        self._is_stopping = False
        self._code = 0
        self._reader, self._writer = os.pipe()

    def run(self) -> int:
        """Start the workers and stay until all of them have ended; return the exit code."""
        previous: Mapping[int, object] = {number: signal.signal(number, self._stop) for number in _STOP_SIGNALS}
        try:
            for place in range(self._how.workers):
                self._start(place)
            while self._begun_s:
                self._bury(*os.wait())
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)  # type: ignore[arg-type]
            os.close(self._reader)
            os.close(self._writer)
        return self._code

    def _start(self, place: int) -> None:
        pid = os.fork()
        if pid == 0:
            self._work(place)
        self._begun_s[pid], self._places[pid] = time.monotonic(), place
        if self._is_stopping:  # the signal came while it was being started
            os.kill(pid, signal.SIGTERM)

    def _work(self, place: int) -> NoReturn:
        """Serve in the child, which must never return into what the parent was doing."""
        code = 1
        try:
            for number in _STOP_SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            os.close(self._writer)
            self._counts.begin(place)
            _serve_here(self._listeners, self._opening, self._how, self._counts, self._reader)
            code = 0
        except BaseException as error:
            logger().error("a worker could not serve", error=str(error), exc_info=error)
        finally:
            sys.stderr.flush()
            os._exit(code)

    def _bury(self, pid: int, status: int) -> None:
        lived_s = time.monotonic() - self._begun_s.pop(pid, time.monotonic())
        place = self._places.pop(pid, 0)
        if self._is_stopping:
            return
        code = os.waitstatus_to_exitcode(status)
        logger().error("a worker ended", pid=pid, exit_code=code, lived_s=round(lived_s, 1))
        if lived_s < SHORTEST_LIFE_S:
            self._code = 1
            self._stop(signal.SIGTERM, None)
        else:
            self._start(place)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._is_stopping = True
        for pid in list(self._begun_s):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

"""How the simulated vendor is reached: in this process without a socket, or as a server on loopback.

Nothing in the application waits for anything but a fault that is slow on purpose. So in one process it is driven by
hand: one step takes a request from its beginning to its end, in the thread of the caller, and no event loop is needed.
A pause is not waited for: it is compared with the time that the client allows.
"""

import asyncio
from collections.abc import Callable, Generator, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import httpx2

IN_PROCESS = "account_lifecycle.in_process"
"""The extension in the scope of a request that is driven by hand."""
ANSWER_S = 30
"""How long the vendor waits for the answer to a webhook."""
_LOOK_S = 0.05


class Pause:
    """What the application yields while it is slow."""

    def __init__(self, length_s: float) -> None:
        self.length_s = length_s

    def __await__(self) -> Generator["Pause", None, None]:
        yield self


async def pause(scope: Mapping[str, Any], length_s: float) -> None:
    """Wait, or say for how long one would have to."""
    if IN_PROCESS in scope.get("extensions", {}):
        await Pause(length_s)
    else:
        await asyncio.sleep(length_s)


class InProcess(httpx2.BaseTransport):
    """A transport by which a client reaches an ASGI application that never waits, in its own thread."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Return the application's answer; raise ``httpx2.ReadTimeout`` if it pauses for longer than is allowed."""
        body = request.read()
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "scheme": request.url.scheme,
            "path": request.url.path,
            "raw_path": request.url.raw_path.partition(b"?")[0],
            "query_string": request.url.query,
            "server": (request.url.host, request.url.port),
            "client": ("127.0.0.1", 1),
            "root_path": "",
            "extensions": {IN_PROCESS: {}},
        }
        answered: list[MutableMapping[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            answered.append(message)

        running = self._app(scope, receive, send)
        allowed_s = request.extensions.get("timeout", {}).get("read")
        try:
            while True:
                waiting: Pause = running.send(None)
                if allowed_s is not None and waiting.length_s > allowed_s:
                    running.close()
                    raise httpx2.ReadTimeout("it is slow", request=request)
        except StopIteration:
            pass
        content = b"".join(message.get("body", b"") for message in answered[1:])
        return httpx2.Response(answered[0]["status"], headers=answered[0]["headers"], content=content)


def post(url: str, headers: Mapping[str, str], body: bytes) -> int:
    """Send a webhook over the network; return the status of the answer, 0 without one."""
    try:
        with httpx2.Client(timeout=ANSWER_S, trust_env=False) as http:
            return http.post(url, headers=headers, content=body).status_code
    except (httpx2.HTTPError, httpx2.InvalidURL):
        return 0


@contextmanager
def serving(app: Any, run_due: Callable[[], object], port: int) -> Iterator[str]:
    """Serve an application on loopback, and call ``run_due`` again and again, in two threads, until the block ends."""
    import uvicorn

    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, log_level="warning", date_header=False, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    ended = Event()

    def run() -> None:
        while not ended.wait(_LOOK_S):
            run_due()

    threads = [Thread(target=server.run, name="vendor-api"), Thread(target=run, name="vendor-webhooks")]
    for thread in threads:
        thread.start()
    try:
        while not server.started:
            if not threads[0].is_alive():
                raise OSError(f"the simulated vendor cannot listen on port {port}")
            ended.wait(_LOOK_S / 5)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        ended.set()
        for thread in threads:
            thread.join()

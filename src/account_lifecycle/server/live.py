"""The stream ``/live``: what happens, to every page that is open.

One poller in each process reads the newest events once a second, however many listen, and hands the same bytes to every
listener. A listener has a queue of eight messages; one that does not take them is dropped, and a browser comes back by
itself. A page says what it is about, its topic:

- ``fleet``: the parts of the fleet's page that changed, as they are written anew (event ``parts``);
- ``account:ID``: how many events of that account were fed since the page was made (event ``news``);
- ``events``: the same of all accounts.

A message has an id, with which a browser that comes back says what it has; a page says it in its address. For the fleet
that is the digest of all parts: who has another one is sent all of them. For news it is the number of the last event.
A message ``tick`` comes every fifteen seconds, so that either side notices that the other is gone.
"""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from time import monotonic
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ..errors import logger
from ..stores.fleet import FleetEvent
from .asgi import Receive, Scope, Send
from .connections import ABORT

LOOK_EVERY_S = 1.0
"""How often events are looked for."""
REFRESH_S = 10.0
"""How often the fleet's parts are written anew without any: times pass."""
TICK_S = 15.0
SEND_S = 10.0
"""How long a client may take to accept a message."""
MOST_WAITING = 8
"""How many messages may wait for one listener."""
MOST_READ = 1_000
"""How many events are read at a time."""
FLEET, ALL_EVENTS, ACCOUNT = "fleet", "events", "account:"

Parts = Mapping[str, str]
"""The parts of a page that change, as HTML by name."""
Ask = Callable[..., Awaitable[Any]]
"""Calls a function with its arguments in a thread that may wait for the store."""


class OpenPage:
    """One page that is open."""

    def __init__(self, topic: str, version: str) -> None:
        self.topic = topic
        self.version = version
        """What the page had when it came."""
        self.newest = int(version) if version.isdecimal() and len(version) < 19 else 0
        """The number of the last event that it knows of, if it is one for news."""
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue(MOST_WAITING + 1)

    def is_about(self, each: FleetEvent) -> bool:
        """Return whether an event is news to this page."""
        return self.topic == ALL_EVENTS or self.topic == f"{ACCOUNT}{each.entry.account_id}"

    def put(self, message: bytes | None) -> None:
        """Hand over a message, None to end; one that did not take the earlier ones is ended."""
        if self.queue.qsize() >= MOST_WAITING:
            message = None
        with suppress(asyncio.QueueFull):  # it was ended already
            self.queue.put_nowait(message)


class LiveStream:
    """The stream of one process. All but ``end`` belongs to its event loop.

    ``ask`` runs what waits for the store, ``recent`` reads events after a number (None: the newest), ``parts`` writes
    the fleet's parts from a snapshot that is no older than so many seconds, ``cost_s`` says how long that took to read.
    """

    def __init__(
        self,
        ask: Ask,
        recent: Callable[[int | None, int], list[FleetEvent]],
        parts: Callable[[float], Parts],
        cost_s: Callable[[], float],
    ) -> None:
        self._ask, self._recent, self._parts_of, self._cost_s = ask, recent, parts, cost_s
        self._open: set[OpenPage] = set()
        self._poller: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_ending = False
        self._parts: Parts = {}
        self._version = ""
        self._written_s = 0.0

    @property
    def open_pages(self) -> int:
        """How many pages listen."""
        return len(self._open)

    def end(self) -> None:
        """End every stream, and begin no more; safe to call from any thread and from a signal's handler."""
        self._is_ending = True
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: so are the streams
                self._loop.call_soon_threadsafe(self._end_all)

    def _end_all(self) -> None:
        for listener in self._open:
            while not listener.queue.empty():
                listener.queue.get_nowait()
            listener.put(None)
        if self._poller is not None:
            self._poller.cancel()

    def respond(self, request: Request) -> Response:
        """Return the stream as the answer to a request for it."""
        if self._is_ending:
            return Response(status_code=503, headers={"retry-after": "2"})
        version = request.headers.get("last-event-id") or request.query_params.get("version", "")
        return _Streaming(self, OpenPage(request.query_params.get("on", ALL_EVENTS), version))

    def enter(self, listener: OpenPage) -> None:
        """Begin to hand messages to a listener; the first one starts the poller."""
        self._loop = asyncio.get_running_loop()
        self._open.add(listener)
        if self._is_ending:
            listener.put(None)
        elif self._poller is None or self._poller.done():
            self._poller = self._loop.create_task(self._poll())
        elif listener.topic == FLEET and self._version and listener.version != self._version:
            listener.put(_message("parts", self._parts, self._version))

    def leave(self, listener: OpenPage) -> None:
        """Forget a listener."""
        self._open.discard(listener)

    # ---- The poller ------------------------------------------------------------------------------

    async def _poll(self) -> None:
        self._version, cursor, ticked_s = "", None, monotonic()
        while self._open:
            try:
                cursor = await self._look(cursor)
            except Exception as error:
                logger().warning("the stream could not read the store", error=str(error))
            if monotonic() - ticked_s >= TICK_S:
                ticked_s = monotonic()
                self._publish(lambda _: True, _message("tick", 0, None))
            await asyncio.sleep(LOOK_EVERY_S)

    async def _look(self, cursor: int | None) -> int:
        """Publish what was fed after an event, and return the number of the last one."""
        if cursor is None:
            newest = await self._ask(self._recent, None, 1)
            cursor = newest[-1].event_id if newest else 0
        asking = [each for each in self._open if each.topic != FLEET]  # who comes meanwhile has missed what is read
        begin = min([cursor, *(each.newest for each in asking)])
        found = await self._ask(self._recent, max(begin, cursor - MOST_READ), MOST_READ)
        newest = found[-1].event_id if found else cursor
        self._publish_news(asking, found, newest)
        if any(listener.topic == FLEET for listener in self._open):
            passed_s, is_news = monotonic() - self._written_s, newest > cursor
            if not self._version or passed_s >= REFRESH_S or (is_news and passed_s >= 4 * self._cost_s()):
                await self._write_parts()
        return newest

    @staticmethod
    def _publish_news(asking: list[OpenPage], found: list[FleetEvent], newest: int) -> None:
        for listener in [each for each in asking if each.newest < newest]:
            count = sum(each.event_id > listener.newest and listener.is_about(each) for each in found)
            listener.newest = newest
            if count:
                listener.put(_message("news", count, str(newest)))

    async def _write_parts(self) -> None:
        """Write the fleet's parts anew and publish those that changed."""
        self._written_s = monotonic()
        parts = await self._ask(self._parts_of, LOOK_EVERY_S / 2)
        changed = {name: html for name, html in parts.items() if self._parts.get(name) != html}
        before, self._parts, self._version = self._version, parts, version_of(parts)
        if not before:  # those who listen came with the version of their page
            message = _message("parts", parts, self._version)
            self._publish(lambda each: each.topic == FLEET and each.version != self._version, message)
        elif changed:
            self._publish(lambda each: each.topic == FLEET, _message("parts", changed, self._version))

    def _publish(self, is_meant: Callable[[OpenPage], bool], message: bytes) -> None:
        for listener in list(self._open):
            if is_meant(listener):
                listener.put(message)


def version_of(parts: Parts) -> str:
    """Return the digest of a page's parts."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _message(event: str, data: object, version: str | None) -> bytes:
    """Return an event as it is sent: JSON has no line breaks, so it is one line of data."""
    number = "" if version is None else f"id: {version}\n"
    return f"{number}event: {event}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()


class _Streaming(Response):
    """The answer that lasts: until the client goes, does not read, or the stream ends."""

    def __init__(self, stream: LiveStream, listener: OpenPage) -> None:
        super().__init__(headers={"x-accel-buffering": "no"}, media_type="text/event-stream")
        del self.headers["content-length"]
        self._stream, self._listener = stream, listener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what is published until one of the two has had enough."""
        self._stream.enter(self._listener)
        gone = asyncio.create_task(_wait_until_gone(receive))
        sending = asyncio.create_task(self._send_all(send))
        try:
            await asyncio.wait((gone, sending), return_when=asyncio.FIRST_COMPLETED)
            connection = scope.get("extensions", {}).get(ABORT)
            if connection is not None and sending.done() and sending.exception() is not None:
                connection["abort"]()
        finally:
            self._stream.leave(self._listener)
            for task in (gone, sending):
                task.cancel()
            await asyncio.gather(gone, sending, return_exceptions=True)

    async def _send_all(self, send: Send) -> None:
        message: bytes | None = b"retry: 2000\n\n"
        async with asyncio.timeout(SEND_S):
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        while message is not None:
            async with asyncio.timeout(SEND_S):
                await send({"type": "http.response.body", "body": message, "more_body": True})
            message = await self._listener.queue.get()
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _wait_until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

"""Connections that may not last for ever: uvicorn's protocol with a limit for the time and the size of a head.

uvicorn closes a connection that is idle after an answer, but waits without end for a first request, and for the rest of
one whose head drips in; and it reads a head of any length. Here a head has so many seconds from its first byte (the
first one: from the connection) and so many bytes. Bodies have their limits where they are read (``asgi``).
"""

import asyncio
from typing import Any

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_S = 10.0
"""How long the head of a request may take, in seconds."""
HEAD_BYTES = 64 * 1024
"""How long it may be, give or take what arrives in one read."""

ABORT = "account_lifecycle.abort"
"""The extension of a request's scope that ends its connection at once, whatever is still to be sent."""


class LimitedProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._head_ends: asyncio.TimerHandle | None = None
        self._head_bytes = 0

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a first head, but not for ever."""
        super().connection_made(transport)
        self._head_ends = self.loop.call_later(HEAD_S, transport.abort)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer."""
        self._end_head()
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        """Read on; where that leaves a head without its end, its time runs."""
        super().data_received(data)
        if self.transport.is_closing() or not (self.cycle is None or self.cycle.response_complete):
            return
        self._head_bytes += len(data)
        if self._head_bytes > HEAD_BYTES:
            self.transport.abort()
        elif self._head_ends is None:
            self._head_ends = self.loop.call_later(HEAD_S, self.transport.abort)

    @override
    def on_headers_complete(self) -> None:
        """Stop the timer: the head is there."""
        self._end_head()
        super().on_headers_complete()
        self.scope["extensions"] = {ABORT: {"abort": self.transport.abort}}

    def _end_head(self) -> None:
        self._head_bytes = 0
        if self._head_ends is not None:
            self._head_ends.cancel()
            self._head_ends = None

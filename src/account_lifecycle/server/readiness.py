"""Whether a process should be sent requests: ``/readyz``.

It is ready while its store has tables of this version and answers a read within a second, while there is a place left
for those who wait, and until a signal asks it to stop. That it is alive is another question, which ``/healthz`` answers
without looking at anything: a process whose store is away gains nothing by being started again.
"""

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor

from ..errors import StoreError
from ..stores.protocol import Reader
from .receiver import Receiver

READ_S = 1.0
"""How long a read may take, in seconds."""


class Readiness:
    """The state of one process; its questions to the store are asked in a thread of its own, one at a time."""

    def __init__(self, store: Reader, receiver: Receiver) -> None:
        self._store = store
        self._receiver = receiver
        self._is_closing = False
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="account-lifecycle readiness")
        self._read: Future[str] | None = None

    def close(self) -> None:
        """Be ready no more: the process is about to stop. Safe to call from a signal handler."""
        self._is_closing = True

    async def problems(self) -> list[str]:
        """Return why no requests should be sent; nothing if they may be."""
        found = ["the server is stopping"] if self._is_closing else []
        if self._receiver.is_full:
            found.append("too many webhooks are waiting")
        if self._read is None or self._read.done():  # those who ask meanwhile share one read
            self._read = self._pool.submit(self._ask)
        read = self._read
        done, _ = await asyncio.wait([asyncio.wrap_future(read)], timeout=READ_S)
        problem = read.result() if done else f"the store did not answer a read within {READ_S:g} s"
        return [*found, problem] if problem else found

    def _ask(self) -> str:
        try:
            self._store.check_schema()
            self._store.recent(limit=1)
        except StoreError:  # its words may name places that only operators should know; they are in the log
            return "the store cannot be read"
        return ""

"""The simulated vendor, and the ways to reach it: by a client without a socket, as a server, by an engine's feed."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from ...engine.core import Engine
from ...errors import PayloadError, StoreError
from ...vendor import Patience, VendorClient
from .api import make_app
from .core import SIMULATED_URL, HasStatus, VendorCore
from .faults import ApiFault, PlannedFault
from .wiring import InProcess, serving


class _Fed(NamedTuple):
    status: int


class SimulatedVendor(VendorCore):
    """A vendor with accounts, an API and webhooks; safe to share between threads.

    ``clock`` is its time: hand it the testing ``Clock`` of your engine, and ``advance`` moves both. ``key`` is what the
    API asks for; assign another, and the old one is refused. Of its messages ``lost_share`` are never sent, and
    ``repeated_share`` are sent again although they were answered with 200. A sync takes ``sync``. What is random
    depends on ``seed`` alone.
    """

    def feed(self, engine: Engine, words: Collection[str] | None = None) -> str:
        """Register a webhook that feeds an engine of this process, without HTTP between them; return its id."""

        def receive(_method: str, headers: Mapping[str, str], _query: str, body: bytes) -> HasStatus:
            try:
                engine.feed_body(body, headers)
            except PayloadError:
                return _Fed(200)
            except StoreError:
                return _Fed(503)
            return _Fed(200)

        url = f"https://receiver.example/hooks/{self._number()}"
        self.connect(url, receive)
        return self.register(url, words=words)

    def fault(
        self,
        kind: ApiFault,
        times: int | None = None,
        *,
        retry_after_s: float = 0,
        after_s: float = 0,
        within: str = "",
    ) -> None:
        """Answer the next ``times`` requests, or all until ``recover``, with a fault.

        ``within`` names the paths that are meant, after ``/api/v1``.
        """
        self.faults.plan(PlannedFault(kind, retry_after_s, after_s, within), times)

    def recover(self) -> None:
        """Answer as it should be from now on."""
        self.faults.clear()

    @property
    def app(self) -> Any:
        """The API as a Starlette application."""
        return make_app(self)

    def client(self, *, patience: Patience | None = None) -> VendorClient:
        """Return a client of the API that needs no socket. Between its attempts there is no pause by default."""
        quick = Patience(pause_s=0, longest_pause_s=0)
        return VendorClient(SIMULATED_URL, self.key, patience=patience or quick, transport=InProcess(self.app))

    @contextmanager
    def serve(self, port: int = 0) -> Iterator[str]:
        """Serve the API on loopback until the block ends, and send webhooks as they are due; yield its URL."""
        with serving(self.app, self.run, port) as self.url:
            try:
                yield self.url
            finally:
                self.url = SIMULATED_URL

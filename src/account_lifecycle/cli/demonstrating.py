"""``serve --demo``: a simulated fleet that lives, on a store that ends with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from ..engine.core import Engine
from ..lifecycle.providers import Provider
from ..report.words import counted
from .commands import PROGRAM
from .output import say

if TYPE_CHECKING:
    from ..server.demonstration import DemoFleet
    from .settings import Settings

_PREFIX = "account-lifecycle-demo-"
"""What the folder of a demo's store begins with."""


@contextmanager
def demo_store() -> Iterator[str]:
    """Yield the URL of a store in a folder of its own, which is removed in the end, also after SIGTERM."""
    with TemporaryDirectory(prefix=_PREFIX) as folder:
        yield f"sqlite:///{Path(folder) / 'fleet.db'}"


class Demo:
    """The demo behind one server."""

    def __init__(self) -> None:
        self._url = self._pages = ""
        self._fleet: DemoFleet | None = None

    def port(self, settings: "Settings") -> int:
        """Return the port to listen on: the usual one, unless it is taken and nobody asked for it."""
        from ..server.serving import listening

        if "port" in settings.model_fields_set:
            return settings.port
        try:
            listening(settings.host, settings.port).close()
        except OSError:
            return 0
        return settings.port

    def started(self, url: str, pages: str) -> None:
        """Note where webhooks are received and where the pages are, which wait until the fleet has a past."""
        self._url, self._pages = url, pages
        say("simulating a fleet ...")

    def open(self, store: str) -> Engine:
        """Return an engine on a new store with the past of a fleet, whose vendor begins to send."""
        from ..server.demonstration import PAST, DemoFleet

        engine = Engine.open(store, observers=())
        fleet = self._fleet = DemoFleet(engine)
        filled = fleet.fill()
        fleet.register()
        fleet.live(self._url)
        say(
            f"{counted(filled.accounts, 'account')} of {len(Provider)} providers, with {PAST.days} days of "
            f"{counted(filled.webhooks, 'webhook')}. One more comes every few seconds; in a minute a provider fails."
        )
        say(f"ask it from another shell: export ACCOUNT_LIFECYCLE_STORE={quote(store)}; {PROGRAM} status")
        if self._pages:
            say(f"pages at {self._pages}")
        say(f"receiving webhooks at {self._url}; stop with Ctrl-C")
        return engine

    def close(self) -> None:
        """Send nothing more."""
        if self._fleet is not None:
            self._fleet.stop()

"""From options and settings to an open engine.

Knows which commands may make a store and which may only read one that is there.
"""

from typing import TYPE_CHECKING

from ..engine.core import Engine
from ..errors import ConfigurationError, StoreError
from ..stores.admin import store_file

if TYPE_CHECKING:
    from .settings import Settings


def open_to_write(settings: "Settings") -> Engine:
    """An engine on the store, which is made if it is not there."""
    return Engine.open(settings.store, policy=settings.policy(), observers=())


def open_to_read(store: str | None) -> Engine:
    """An engine on a store that is there already: a question never makes one.

    Raises ``StoreError`` when it is not there, naming the command that fills one.
    """
    return open_existing(read_settings(store=store))


def open_existing(settings: "Settings") -> Engine:
    """The same, with settings that were read already."""
    require_store(settings)
    return open_to_write(settings)


def require_store(settings: "Settings") -> None:
    """Refuse settings that name a store that is not there, or one that nobody could ask anything."""
    url = settings.store
    if url.startswith("memory:"):
        raise ConfigurationError("store", repr(url), "a store that outlives a command, such as sqlite:///accounts.db")
    path = store_file(url)
    if path is not None and not (path.exists() and path.stat().st_size):
        raise StoreError(f"{path}: there is no store here. Fill one: account-lifecycle feed LOG --store {url}")


def read_settings(**options: object) -> "Settings":
    """The settings in force; options that are None count as not given."""
    from .settings import Settings

    return Settings.read(**options)

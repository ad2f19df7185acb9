"""From options and settings to an open engine, and ``config show``, which shows the settings in force."""

from typing import TYPE_CHECKING

import click

from ..engine.core import Engine
from ..errors import ConfigurationError, StoreError
from ..report.tables import Column
from ..stores.opening import store_file
from ..urls import public_url
from .commands import CommandGroup, Failed
from .options import batch_option, json_option, policy_options, store_option
from .output import Sheet, say, write_document

if TYPE_CHECKING:
    from ..hooks.confirming import AskVendor
    from ..vendor import VendorClient
    from .settings import Settings


def open_to_write(settings: "Settings") -> Engine:
    """Open an engine on the store, which is created if it is not there."""
    return Engine.open(settings.store, policy=settings.policy(), observers=())


def open_to_read(store: str | None, **options: object) -> Engine:
    """Open an engine on a store that is there already: a question never creates one.

    Raise ``StoreError`` if it is not there, with the command that fills one.
    """
    return open_existing(read_settings(store=store, **options))


def open_existing(settings: "Settings") -> Engine:
    """Open an engine on the store that settings name, which must be there already."""
    require_store(settings)
    return open_to_write(settings)


def require_store(settings: "Settings") -> None:
    """Raise an error for settings that name a store that is not there, or one that ends with the command."""
    url = settings.store
    if url.startswith("memory:"):
        raise ConfigurationError(
            "store", repr(public_url(url)), "a store that outlives a command, such as sqlite:///accounts.db"
        )
    path = store_file(url)
    if path is not None and not (path.exists() and path.stat().st_size):
        raise StoreError(
            f"{path}: there is no store here. Fill one: account-lifecycle feed LOG --store {public_url(url)}"
        )


def open_vendor(settings: "Settings") -> "VendorClient":
    """Return a client of the vendor's API. Raise an error that ends the command where URL, key or extra are missing."""
    from .settings import VARIABLE_PREFIX

    key_text = settings.vendor_key.get_secret_value()
    for variable, value in (("VENDOR_URL", settings.vendor_url), ("VENDOR_KEY", key_text)):
        if not value:
            example = {"VENDOR_URL": "https://api1.example.com:13111", "VENDOR_KEY": "file:vendor-key"}[variable]
            expected = f"it to be set, such as {VARIABLE_PREFIX}{variable}={example}"
            raise ConfigurationError(f"{VARIABLE_PREFIX}{variable}", "nothing", expected)
    try:
        from ..vendor import VendorClient, key_from
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("httpx2", "stamina"):
            raise
        needed = f'{error.name}, which is not installed. Run: pip install "account-lifecycle[vendor]"'
        raise Failed(f"the vendor's API needs {needed}") from error
    return VendorClient(settings.vendor_url, key_from(f"{VARIABLE_PREFIX}VENDOR_KEY", key_text))


def asking_for(engine: Engine, settings: "Settings") -> "AskVendor | None":
    """Return what asks the vendor before hooks are called that are to be confirmed; None without a URL and a key."""
    if not settings.vendor_url or not settings.vendor_key.get_secret_value():
        for subscription in engine.subscriptions:
            if subscription.terms.is_confirmed:
                say(f"{subscription.name}: confirm=True, and nobody to ask. Set ACCOUNT_LIFECYCLE_VENDOR_URL and _KEY")
        return None
    client = open_vendor(settings)
    from ..vendor import asking

    return asking(engine, client)


def read_settings(**options: object) -> "Settings":
    """Return the settings in force; options that are None count as not given."""
    from .settings import Settings

    return Settings.read(**options)


@click.group(
    cls=CommandGroup,
    short_help="Show the settings in force",
    examples=[("Which settings are in force, and why", "account-lifecycle config show")],
)
def config() -> None:
    """The settings in force."""


@config.command(
    examples=[
        ("Which settings are in force, and where each comes from", "account-lifecycle config show"),
        ("What a variable would change", "ACCOUNT_LIFECYCLE_BATCH_SIZE=1 account-lifecycle config show --json"),
    ]
)
@policy_options
@batch_option
@json_option
@store_option
def show(as_json: bool, **options: object) -> None:
    """Show every setting: its value, where that comes from, and the variable that sets it."""
    from .settings import unknown_variables

    origins = read_settings(**options).origins(**options)
    if as_json:
        write_document({o.name: {"value": o.value, "source": str(o.source), "variable": o.variable} for o in origins})
    else:
        sheet = Sheet(Column("setting", 17), Column("from", 11), Column("variable", 35), Column("value", 32))
        for origin in origins:
            sheet.row(origin.name, str(origin.source), origin.variable, origin.value)
    for name in unknown_variables():
        say(f"{name} is set, but there is no such setting")

"""``doctor``: look at a deployment from all sides, and say of each thing that is wrong what mends it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from ..engine.checks import Finding, Level, check_engine, unusable_store
from ..engine.core import utc_now
from ..errors import ConfigurationError, StoreError
from ..report.words import counted
from .commands import Command, ExitCode, Failed
from .opening import open_existing, open_vendor, read_settings
from .options import Keyword, json_option, store_option, subscribed_option
from .output import say, screen, styled, write_document, write_paragraph
from .registering import expected_of

if TYPE_CHECKING:
    from .settings import Settings

_MARKS = {Level.FINE: ("✓", "green"), Level.WARNING: ("!", "yellow"), Level.ERROR: ("✗", "bold red")}
_INDENT = 4


@click.command(
    "doctor",
    cls=Command,
    short_help="Is everything set up as it should be? What mends it?",
    examples=[
        ("Is everything as it should be?", "account-lifecycle doctor"),
        ("Before a deployment goes on, also for a warning", "account-lifecycle doctor --fail-on warning"),
        ("For a program", "account-lifecycle doctor --json"),
    ],
)
@click.option("--url", metavar="URL", help="Where the vendor reaches the receiver.  "
              "[default: $ACCOUNT_LIFECYCLE_RECEIVER_URL]")  # fmt: skip
@click.option("--fail-on", type=Keyword([Level.ERROR, Level.WARNING]), default=Level.ERROR.value, show_default=True,
              metavar="LEVEL", help="End with exit code 6 for an error, or for a warning, too.")  # fmt: skip
@subscribed_option
@json_option
@store_option
def doctor(url: str | None, fail_on: str, as_json: bool, **options: object) -> None:
    """Look at the store, at what comes in, hooks, deadlines, the vendor's API and its webhook, and at reconciling.

    Each thing that is wrong is said in three lines: what, why it matters, and the command that mends it. Nothing is
    changed. The vendor is asked if ACCOUNT_LIFECYCLE_VENDOR_URL and ACCOUNT_LIFECYCLE_VENDOR_KEY are set; that its
    webhook points here is known by ACCOUNT_LIFECYCLE_RECEIVER_URL.
    """
    settings = read_settings(**options)
    found = [*_settings_checks(), *_engine_checks(settings), *_vendor_checks(settings, url)]
    count = {level: sum(1 for each in found if each.level is level) for level in Level}
    if as_json:
        write_document(
            {"errors": count[Level.ERROR], "warnings": count[Level.WARNING], "findings": [f.to_dict() for f in found]}
        )
    else:
        _write(found)
        errors, warnings = counted(count[Level.ERROR], "error"), counted(count[Level.WARNING], "warning")
        say(f"{errors}, {warnings}" if count[Level.ERROR] or count[Level.WARNING] else "all is as it should be")
    if count[Level.ERROR] or (count[Level.WARNING] and fail_on == Level.WARNING):
        click.get_current_context().exit(ExitCode.FOUND)


def _settings_checks() -> Iterator[Finding]:
    from .settings import unknown_variables

    for name in unknown_variables():
        yield Finding(
            "settings", Level.WARNING, f"{name} is set, but there is no such setting",
            "It is most likely misspelt, so that what it should set is not set.", "account-lifecycle config show",
        )  # fmt: skip


def _engine_checks(settings: "Settings") -> Iterator[Finding]:
    try:
        with open_existing(settings) as engine:
            yield from check_engine(engine, settings.store, utc_now())
    except StoreError as error:
        yield unusable_store(error, settings.store)


def _vendor_checks(settings: "Settings", url: str | None) -> Iterator[Finding]:
    try:
        client = open_vendor(settings)
    except (ConfigurationError, Failed) as error:
        is_unset = not settings.vendor_url and not settings.vendor_key.get_secret_value()
        found = "neither its URL nor a key is set" if is_unset else str(error)
        yield Finding(
            "vendor", Level.WARNING if is_unset else Level.ERROR, found,
            "The webhook cannot be looked at, nor accounts compared with the vendor's list: what is not announced is "
            "never found.",
            'pip install "account-lifecycle[vendor]"' if isinstance(error, Failed)
            else "export ACCOUNT_LIFECYCLE_VENDOR_URL=https://api1.example.com:13111 "
            "ACCOUNT_LIFECYCLE_VENDOR_KEY=file:vendor-key",
        )  # fmt: skip
        return
    from ..vendor.checks import check_vendor

    with client:
        yield from check_vendor(client, expected_of(settings, url), utc_now)


def _write(found: list[Finding]) -> None:
    console = screen()
    width = max(len(each.name) for each in found) + 2
    for each in found:
        mark, style = _MARKS[each.level]
        lead = styled(f"{mark} ", style).append(each.name.ljust(width), "bold")
        write_paragraph(console, each.found, width + 2, first=lead)
        if each.level is not Level.FINE:
            write_paragraph(console, styled(each.why, "dim"), _INDENT)
            console.print(f"{'':{_INDENT}}", styled(f"→ {each.remedy}", "cyan"), sep="")

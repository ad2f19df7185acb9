"""``config show``: which settings are in force, and where each comes from.

Knows how settings are shown; what they mean, ``settings`` knows.
"""

import click

from .commands import Group
from .opening import read_settings
from .options import batch_option, json_option, policy_options, store_option
from .output import Column, Sheet, say, screen, write_json


@click.group(
    cls=Group,
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
    origins = read_settings(**options).origins(**options)
    if as_json:
        write_json({o.name: {"value": o.value, "source": str(o.source), "variable": o.variable} for o in origins})
    else:
        sheet = Sheet(screen(), Column("setting", 19), Column("from", 11), Column("variable", 36), Column("value", 32))
        for origin in origins:
            sheet.row(origin.name, str(origin.source), origin.variable, origin.value)
    _tell_of_misspelt()


def _tell_of_misspelt() -> None:
    from .settings import unknown_variables

    for name in unknown_variables():
        say(f"{name} is set, but there is no such setting")

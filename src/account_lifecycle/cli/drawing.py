"""``diagram``: the life cycle as a picture, drawn from the machine that runs.

Knows options and files; what a picture shows, ``drawing`` knows.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .accounts import find
from .commands import Command
from .opening import open_to_read
from .options import KNOWN_PROVIDER, store_option
from .output import say
from .pictures import (
    FORMATS,
    SUFFIXES,
    draw_deviations,
    draw_lifecycle,
    draw_path,
    draw_provider,
    draw_traffic,
    in_format,
)

if TYPE_CHECKING:
    from ..drawing import Picture

_BY_SUFFIX = {suffix: form for form, suffix in SUFFIXES.items()} | {".gv": "dot", ".mermaid": "mermaid"}


@click.command(
    cls=Command,
    short_help="Draw the life cycle, an account's path, a fleet's traffic",
    examples=[
        ("The whole life cycle as a picture", "account-lifecycle diagram --output lifecycle.svg"),
        ("One provider's, for a page of Markdown", "account-lifecycle diagram --provider GOOGLE --format mermaid"),
        ("Where one account went", "account-lifecycle diagram --account acc_1 --output acc_1.png"),
        ("What the whole fleet did", "account-lifecycle diagram --traffic --output traffic.svg"),
    ],
)  # fmt: skip
@click.option("--provider", type=KNOWN_PROVIDER, metavar="PROVIDER", help="The life cycle of this provider's accounts.")
@click.option("--deviations", is_flag=True, help="What announcements do that are not lawful.")
@click.option("--account", "account_id", metavar="ID", help="The path of this account.")
@click.option("--traffic", is_flag=True, help="The traffic of the whole fleet.")
@click.option("--format", "form", type=click.Choice(FORMATS), help="[default: as FILE ends, or dot]")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write to this file.")
@store_option
def diagram(
    provider: str | None,
    deviations: bool,
    account_id: str | None,
    traffic: bool,
    form: str | None,
    output: Path | None,
    store: str | None,
) -> None:
    """Draw the life cycle, or what happened on it, from the machine that runs.

    DOT and Mermaid are text and need nothing; SVG and PNG need the optional part: pip install
    "account-lifecycle[diagrams]".
    """
    if sum(map(bool, (provider, deviations, account_id, traffic))) > 1:
        raise click.UsageError("--provider, --deviations, --account and --traffic exclude each other.")
    form = form or _BY_SUFFIX.get(output.suffix.lower() if output else "", "dot")
    if output is None and form == "png" and sys.stdout.isatty():
        raise click.UsageError("A PNG is nothing for a terminal: name a file with --output.")
    if account_id is not None or traffic:
        picture = _from_store(account_id, store)
    else:
        picture = draw_provider(provider) if provider else draw_deviations() if deviations else draw_lifecycle()
    _deliver(in_format(picture, form), output)


def _from_store(account_id: str | None, store: str | None) -> "Picture":
    with open_to_read(store) as engine:
        return draw_traffic(engine.store) if account_id is None else draw_path(engine.store, find(engine, account_id))


def _deliver(drawn: bytes, output: Path | None) -> None:
    if output is None:
        sys.stdout.buffer.write(drawn)
    else:
        output.write_bytes(drawn)
        say(f"Written: {output}")

"""``diagram``: the life cycle as a picture, drawn from the machine that runs, and what happened on it."""

import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..lifecycle.account import Account
from ..outputs.drafts import drafted
from ..outputs.endings import PICTURE_ENDINGS
from ..outputs.targets import OutputTarget
from ..stores.protocol import Reader
from .accounts import find_account
from .commands import Command
from .opening import open_to_read
from .options import KNOWN_PROVIDER, store_option
from .output import say
from .outputs import OutputFile, chosen_form, force_option

if TYPE_CHECKING:
    from ..drawing import Picture
    from ..replay import Crossed

PICTURE_FORMATS = {"svg": ".svg", "png": ".png", "dot": ".dot", "mermaid": ".mmd"}
"""The formats, and how their files end."""


@click.command(
    cls=Command,
    short_help="Draw the life cycle, an account's path, a fleet's traffic",
    examples=[
        ("The whole life cycle as a picture", "account-lifecycle diagram --output lifecycle.svg"),
        ("One provider's, for a page of Markdown", "account-lifecycle diagram --provider GOOGLE --format mermaid"),
        ("Where one account went", "account-lifecycle diagram --account acc_1 --output acc_1.png"),
        ("What the whole fleet did", "account-lifecycle diagram --traffic --output traffic.svg"),
    ],
)
@click.option("--provider", type=KNOWN_PROVIDER, metavar="PROVIDER", help="The life cycle of this provider's accounts.")
@click.option("--deviations", is_flag=True, help="What unexpected announcements do.")
@click.option("--account", "account_id", metavar="ID", help="The path of this account.")
@click.option("--traffic", is_flag=True, help="The traffic of the whole fleet.")
@click.option("--format", "form", type=click.Choice(tuple(PICTURE_FORMATS)), help="[default: as FILE ends, or dot]")
@click.option("--output", type=OutputFile(PICTURE_ENDINGS, streams=True), metavar="FILE", help="Write to this file.")
@force_option
@store_option
def diagram(
    provider: str | None,
    deviations: bool,
    account_id: str | None,
    traffic: bool,
    form: str | None,
    output: OutputTarget | None,
    store: str | None,
) -> None:
    """Draw the life cycle, or what happened on it, from the machine that runs.

    DOT and Mermaid are text and need nothing more; SVG and PNG need an extra: pip install
    "account-lifecycle[diagrams]".
    """
    if sum(map(bool, (provider, deviations, account_id, traffic))) > 1:
        raise click.UsageError("--provider, --deviations, --account and --traffic exclude each other.")
    form = chosen_form(output, form, "dot")
    if output is None and form == "png" and sys.stdout.isatty():
        raise click.UsageError("A PNG cannot be shown on a terminal: name a file with --output.")
    drawn = in_format(_picture(provider, deviations, account_id, traffic, store), form)
    if output is None:
        sys.stdout.buffer.write(drawn)
    else:
        with drafted(output.path, replace=output.replace) as draft:
            draft.file.write(drawn)
        say(f"Written: {output.path}")


def _picture(
    provider: str | None, deviations: bool, account_id: str | None, traffic: bool, store: str | None
) -> "Picture":
    from .. import drawing

    if account_id is not None or traffic:
        with open_to_read(store) as engine:
            if account_id is None:
                return draw_traffic(engine.store)
            return draw_path(engine.store, find_account(engine, account_id))
    return drawing.provider(provider) if provider else drawing.deviations() if deviations else drawing.lifecycle()


def draw_path(reader: Reader, account: Account) -> "Picture":
    """Return a picture of where an account went, event by event."""
    from .. import drawing

    steps = (
        drawing.PathStep(
            entry.before.status,
            entry.announced,
            entry.after.status,
            entry.verdict,
            tuple(anomaly.kind for anomaly in entry.anomalies),
            entry.received_at,
        )
        for entry in reader.history(account.account_id)
    )
    return drawing.path(steps, now=account)


def draw_traffic(reader: Reader) -> "Picture":
    """Return a picture of what a whole fleet did, counted from the ledger, which is read as a stream."""
    from .. import drawing

    crossings = (
        drawing.Crossing(e.before.status, e.announced, e.after.status, e.anomalies[0].kind if e.anomalies else None)
        for e in reader.ledger()
    )
    return drawing.traffic(Counter(crossings))


def traffic_svg(reader: Reader) -> str:
    """Return the traffic of a fleet as SVG for a page; blank if no renderer is installed."""
    return _svg(draw_traffic(reader))


def crossings_svg(counts: "Mapping[Crossed, int]") -> str:
    """Return the traffic that a replay has counted as SVG for a page; blank if no renderer is installed."""
    from .. import drawing

    return _svg(drawing.traffic({drawing.Crossing(*crossed): count for crossed, count in counts.items()}))


def in_format(picture: "Picture", form: str) -> bytes:
    """Return a picture's bytes in one of the formats."""
    if form == "png":
        return picture.png()
    texts = {"dot": picture.dot, "svg": picture.svg, "mermaid": picture.mermaid}
    return texts[form]().rstrip("\n").encode() + b"\n"


def save(picture: "Picture", stem: Path, missing: set[str]) -> list[Path]:
    """Write a picture in every format and return the files; add to ``missing`` why one cannot be rendered."""
    from ..drawing import DrawingError

    saved = []
    for suffix in PICTURE_FORMATS.values():
        try:
            saved.append(picture.write(stem.with_suffix(suffix), force=True))
        except DrawingError as error:
            missing.add(str(error))
    return saved


def _svg(picture: "Picture") -> str:
    from ..drawing import DrawingError

    try:
        return picture.svg()
    except DrawingError:
        return ""

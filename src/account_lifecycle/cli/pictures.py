"""Pictures for commands: the life cycle, a provider's, an account's path, a fleet's traffic.

Knows how to get from a store to what a drawing asks for; it must never know a coordinate or a renderer.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..lifecycle.account import Account
from ..records import LedgerEntry
from ..stores.protocol import Reader

if TYPE_CHECKING:
    from ..drawing import Crossing, PathStep, Picture
    from ..replay.tally import Crossed

SUFFIXES = {"svg": ".svg", "png": ".png", "dot": ".dot", "mermaid": ".mmd"}
"""The formats, and how their files end."""
FORMATS = tuple(SUFFIXES)


def draw_lifecycle() -> "Picture":
    """The whole life cycle."""
    from .. import drawing

    return drawing.lifecycle()


def draw_provider(provider: str) -> "Picture":
    """The life cycle of one provider's accounts."""
    from .. import drawing

    return drawing.provider(provider)


def draw_deviations() -> "Picture":
    """What announcements do that are not lawful."""
    from .. import drawing

    return drawing.deviations()


def draw_path(reader: Reader, account: Account) -> "Picture":
    """Where an account went, event by event."""
    from .. import drawing

    steps = (_step(entry) for entry in reader.history(account.account_id))
    return drawing.path(steps, account.account_id, account.provider)


def draw_traffic(reader: Reader) -> "Picture":
    """What a whole fleet did, counted from the ledger, which is read as a stream."""
    from .. import drawing

    return drawing.traffic(_crossings(reader.ledger()))


def traffic_svg(reader: Reader) -> str:
    """The traffic as SVG, for a page; blank where nothing here can render one."""
    return _svg(draw_traffic(reader))


def crossings_svg(counts: "Mapping[Crossed, int]") -> str:
    """The traffic that a replay has counted as SVG, for a page; blank where nothing here can render one."""
    from .. import drawing

    return _svg(drawing.traffic({drawing.Crossing(*crossed): count for crossed, count in counts.items()}))


def in_format(picture: "Picture", form: str) -> bytes:
    """A picture's bytes in one of the formats."""
    if form == "png":
        return picture.png()
    texts = {"dot": picture.dot, "svg": picture.svg, "mermaid": picture.mermaid}
    return texts[form]().rstrip("\n").encode() + b"\n"


def save(picture: "Picture", stem: Path, missing: set[str]) -> list[Path]:
    """Write a picture in every format; the files. Why one cannot be rendered here is added to ``missing``."""
    from ..drawing import DrawingError

    written = []
    for form, suffix in SUFFIXES.items():
        try:
            drawn = in_format(picture, form)
        except DrawingError as error:
            missing.add(str(error))
            continue
        path = stem.with_suffix(suffix)
        path.write_bytes(drawn)
        written.append(path)
    return written


def _svg(picture: "Picture") -> str:
    from ..drawing import DrawingError

    try:
        return picture.svg()
    except DrawingError:
        return ""


def _step(entry: LedgerEntry) -> "PathStep":
    from ..drawing import PathStep

    return PathStep(
        entry.before.status,
        entry.announced,
        entry.after.status,
        entry.verdict,
        tuple(anomaly.kind for anomaly in entry.anomalies),
        entry.received_at,
    )


def _crossings(entries: Iterable[LedgerEntry]) -> "Counter[Crossing]":
    from ..drawing import Crossing

    return Counter(
        Crossing(e.before.status, e.announced, e.after.status, e.anomalies[0].kind if e.anomalies else None)
        for e in entries
    )

"""The last ninety days of an account as a band: its colour is the health, hatched is the time for which it was blind.

A window is hatched from when it opened until it closed: after the last OK an account may have been in good order for
weeks. What is short is drawn all the same, wide enough to be seen.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from ..lifecycle.status import Health
from ..lifecycle.windows import BlindWindow
from ..lifecycle.wording import lasting
from ..stores.fleet import HealthSpan

BAND_LENGTH = timedelta(days=90)
BAND_WIDTH = 900.0
"""How wide the band is, in the units of its drawing."""
NARROWEST = 2.0
"""How wide what is not live is at least."""
_TICKS = 7


class Stripe(NamedTuple):
    """A part of the band."""

    x: float
    width: float


class HealthStripe(NamedTuple):
    """A part of the band in the colour of a health."""

    health: Health
    x: float
    width: float


class Band(NamedTuple):
    """What is drawn, and what it says in words."""

    stripes: tuple[HealthStripe, ...]
    """Those that are not live come last: they lie on top."""
    blind: tuple[Stripe, ...]
    estimated: tuple[Stripe, ...]
    """Windows whose beginning nobody announced."""
    ticks: tuple[datetime, ...]
    """Times at equal distances, from the beginning to the end."""
    healths: tuple[Health, ...]
    """Those that there are, for the key."""
    words: str


def band_of(spans: Sequence[HealthSpan], windows: Iterable[BlindWindow], now: datetime) -> Band:
    """Return the band of the ninety days up to ``now``."""
    begin = now - BAND_LENGTH
    stripes = [
        HealthStripe(span.health, *_place(span.began_at, span.ended_at, begin, span.health is not Health.LIVE))
        for span in spans
    ]
    recent = [each for each in windows if each.closed_at is None or each.closed_at > begin]
    places = [(each.estimated, Stripe(*_place(each.opened_at, each.closed_at or now, begin, True))) for each in recent]
    met = {span.health for span in spans}
    return Band(
        tuple(sorted(stripes, key=lambda each: each.health is not Health.LIVE)),
        tuple(place for is_estimated, place in places if not is_estimated),
        tuple(place for is_estimated, place in places if is_estimated),
        tuple(begin + BAND_LENGTH * number / (_TICKS - 1) for number in range(_TICKS)),
        tuple(health for health in Health if health in met),
        _in_words(spans, recent, begin, now),
    )


def _place(since: datetime, until: datetime, begin: datetime, is_seen: bool) -> tuple[float, float]:
    first = max(0.0, BAND_WIDTH * ((since - begin) / BAND_LENGTH))
    width = max(BAND_WIDTH * ((until - begin) / BAND_LENGTH) - first, NARROWEST if is_seen else 0.0)
    return round(min(first, BAND_WIDTH - width), 2), round(width, 2)


def _in_words(spans: Sequence[HealthSpan], windows: Sequence[BlindWindow], begin: datetime, now: datetime) -> str:
    known = sum((span.ended_at - span.began_at for span in spans), timedelta(0))
    live = sum((span.ended_at - span.began_at for span in spans if span.health is Health.LIVE), timedelta(0))
    share = f"live for {100 * (live / known):.1f} % of the time" if known else "nothing is known of its health"
    if not windows:
        return f"{share}; never down"
    lost = sum(((w.closed_at or now) - max(w.opened_at, begin) for w in windows), timedelta(0))
    at_most = "at most " if any(window.estimated for window in windows) else ""
    count = f"{len(windows):,} blind {'window' if len(windows) == 1 else 'windows'}"
    return f"{share}; {at_most}{lasting(lost)} in {count}"

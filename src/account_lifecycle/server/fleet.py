"""The fleet's page, in the order of worry: what is unusual, who needs somebody, how all stand, who is not live, the
life cycle with everybody in it, and at last what happens, the machinery and anomalies.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from ..engine.overview import NOTHING_UNUSUAL, Overview
from ..lifecycle.anomalies import AnomalyKind
from ..lifecycle.events import DeadlineKind, DeadlinePassed, StatusObserved
from ..lifecycle.incidents import Burst
from ..lifecycle.status import Health, Status, Verdict
from ..records import LedgerEntry
from ..stores.fleet import AccountTally, FleetEvent
from .live import FLEET, Parts, version_of
from .pages import Pages
from .rendering import HEALTH_LABELS, link
from .snapshot import BARS, FleetSnapshot

LIVE_TEMPLATES = ("fleet.html.jinja", "life_cycle.svg.jinja")
"""The templates whose blocks ``live_…`` are sent to open pages."""
GROUPS_SHOWN = 12
"""How many groups of accounts that are not live stand in the table; the others are folded."""
ROWS_OF_EVENTS = 24
"""How many rows of events there are, at most."""

_WORRY = (
    Health.ACTION_REQUIRED, Health.INTERRUPTED, Health.RECOVERING, Health.STARTING, Health.FAILED, Health.UNKNOWN,
)  # fmt: skip
"""Healths of accounts that are neither live nor gone, those first that need somebody."""
_TO_DO = {
    Health.ACTION_REQUIRED: "Ask their users to reconnect",
    Health.INTERRUPTED: "Wait or restart; check the plan",
    Health.RECOVERING: "Wait until they are live",
    Health.STARTING: "Wait until they are live",
    Health.FAILED: "Start over",
    Health.UNKNOWN: "Wait for news, or reconcile",
}
_WHEN_STUCK = "Reconcile with the vendor"
_TOGETHER = "One cause, most likely: look there first."


def fleet_routes(pages: Pages) -> list[BaseRoute]:
    """Return the routes of the fleet's page."""

    def show(request: Request) -> Response:
        values = fleet_values(pages.snapshots.newest())
        version = version_of(pages.parts_of(LIVE_TEMPLATES, values))
        return pages.render(request, "fleet.html.jinja", topic=FLEET, version=version, **values)

    return [pages.page("/", show)]


def fleet_parts(pages: Pages, at_most_s: float) -> Parts:
    """Return the parts of the fleet's page that change, from a snapshot that is no older than so many seconds."""
    return pages.parts_of(LIVE_TEMPLATES, fleet_values(pages.snapshots.newest(at_most_s)))


def fleet_values(snapshot: FleetSnapshot) -> dict[str, Any]:
    """Return what the templates of the fleet's page are rendered with."""
    overview = snapshot.overview
    groups = find_groups(snapshot)
    return {
        "now": snapshot.at,
        "overview": overview,
        "machinery": overview.machinery,
        "NOTHING_UNUSUAL": NOTHING_UNUSUAL,
        "segments": segments_of(overview),
        "known": overview.accounts - overview.by_health.get(Health.GONE, 0),
        "change_24h": _change(overview),
        "groups": groups[:GROUPS_SHOWN],
        "more_groups": groups[GROUPS_SHOWN:],
        "counts": {status: overview.by_status.get(status, 0) for status in Status},
        "most": max(overview.by_status.values(), default=0),
        "rows": list(fold_events(snapshot.events))[:ROWS_OF_EVENTS],
        "anomalies": snapshot.anomalies,
    }


# ---- How all stand -------------------------------------------------------------------------------------------


class BarPart(NamedTuple):
    """A part of the bar of all accounts, in thousandths of its width."""

    health: Health
    accounts: int
    begin: float
    width: float


def segments_of(overview: Overview) -> list[BarPart]:
    """Return the bar of all accounts that are not deleted; each health that there is can be seen."""
    counts = [(health, overview.by_health.get(health, 0)) for health in HEALTH_LABELS if health is not Health.GONE]
    present = [(health, count) for health, count in counts if count]
    room, total, x = 1000.0 - 4 * len(present), sum(count for _, count in present), 0.0
    found = []
    for health, count in present:
        width = 4 + room * count / total
        found.append(BarPart(health, count, round(x, 1), round(width, 1)))
        x += width
    return found


def _change(overview: Overview) -> dict[Health, int] | None:
    """Return how many more accounts of each health there are than a day ago; None if that was pruned."""
    changes = Counter[Health]()
    for each in overview.providers:
        if each.change_24h is None:
            return None
        changes.update(each.change_24h)
    return {health: change for health, change in changes.items() if change}


# ---- Who is not live -----------------------------------------------------------------------------------------


class Bar(NamedTuple):
    """An hour in which accounts came into a status: its place and its height of twenty."""

    x: int
    height: float


class NotLive(NamedTuple):
    """The accounts of one provider that are in one status, and not live."""

    status: Status
    provider: str | None
    health: Health
    """That of most of them."""
    accounts: int
    stuck: int
    oldest: datetime | None
    bars: tuple[Bar, ...]
    moves: int
    """How many came within the last 24 hours."""
    to_do: str
    burst: Burst | None = None

    @property
    def url(self) -> str:
        """Where these accounts are listed; without a known provider, all in the status."""
        return link("/accounts", status=self.status, provider=self.provider)


def find_groups(snapshot: FleetSnapshot) -> list[NotLive]:
    """Return who is not live, by status and provider: bursts first, then who needs somebody, then the many."""
    found: defaultdict[tuple[Status, str | None], list[AccountTally]] = defaultdict(list)
    for each in snapshot.overview.tallies:
        if each.health in _WORRY:
            found[each.status, each.provider].append(each)
    bursts = {(burst.status, burst.provider): burst for burst in snapshot.overview.bursts}
    groups = [
        _group(kind, tallies, snapshot.moves.get(kind, [0] * BARS), bursts.get(kind)) for kind, tallies in found.items()
    ]

    def worry(group: NotLive) -> tuple[Any, ...]:
        rank = -group.burst.accounts if group.burst else 0
        return rank, _WORRY.index(group.health), -group.accounts, group.status, group.provider or ""

    return sorted(groups, key=worry)


def _group(
    kind: tuple[Status, str | None], tallies: list[AccountTally], hours: list[int], burst: Burst | None
) -> NotLive:
    accounts, stuck = sum(each.accounts for each in tallies), sum(each.stuck or 0 for each in tallies)
    main = max(tallies, key=lambda each: each.accounts).health
    most = max(hours)
    bars = [Bar(4 * n, round(max(2.0, 20 * count / most), 1)) for n, count in enumerate(hours) if count]
    return NotLive(
        *kind,
        main,
        accounts,
        stuck,
        min((each.oldest for each in tallies if each.oldest), default=None),
        tuple(bars),
        sum(hours),
        _TOGETHER if burst else _WHEN_STUCK if stuck * 2 > accounts else _TO_DO[main],
        burst,
    )


# ---- What happens --------------------------------------------------------------------------------------------


class EventRow(NamedTuple):
    """Events that follow each other and say the same of their accounts."""

    newest: FleetEvent
    accounts: int
    events: int
    words: str
    """What happened, beside the statuses; blank where they say it."""
    kinds: tuple[AnomalyKind, ...]

    @property
    def entry(self) -> LedgerEntry:
        """The newest of them."""
        return self.newest.entry


def fold_events(newest_first: Iterable[FleetEvent]) -> Iterator[EventRow]:
    """Yield events, a run of them that say the same as one row."""

    def said(each: FleetEvent) -> tuple[Any, ...]:
        entry = each.entry
        kinds = tuple(anomaly.kind for anomaly in entry.anomalies)
        return words_of(entry), entry.before.status, entry.status, kinds, entry.announced

    for (words, _, _, kinds, _), run in groupby(newest_first, key=said):
        events = list(run)
        accounts = len({each.entry.account_id for each in events})
        yield EventRow(events[0], accounts, len(events), words, kinds)


_VERDICTS = {
    Verdict.APPLIED: "confirmed",
    Verdict.REPEATED: "announced again",
    Verdict.CONFIRMED: "as the vendor's list says",
}
_DEADLINES = {
    DeadlineKind.STAY: "past its deadline",
    DeadlineKind.REMINDER: "still down",
    DeadlineKind.SESSION: "its session ends soon",
}


def words_of(entry: LedgerEntry) -> str:
    """Return what happened, where no arrow between two statuses says it."""
    if isinstance(entry.event, DeadlinePassed):
        return _DEADLINES[entry.event.kind]
    if entry.before.status is not entry.status:
        return "by the vendor's list" if isinstance(entry.event, StatusObserved) else ""
    return f"held {entry.announced}" if entry.verdict is Verdict.HELD else _VERDICTS[entry.verdict]

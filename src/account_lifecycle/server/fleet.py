"""The fleet's page, in the order of worry: what is unusual, who needs somebody, how all stand, who is not live, the
life cycle with everybody in it, and at last what happens, the machinery and anomalies.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from ..engine.overview import NOTHING_UNUSUAL
from .live import FLEET, Parts, version_of
from .pages import Pages
from .snapshot import FleetSnapshot

LIVE_TEMPLATES = ("fleet.html.jinja",)
"""The templates whose blocks ``live_…`` are sent to open pages."""


def fleet_routes(pages: Pages) -> list[BaseRoute]:
    """Return the routes of the fleet's page."""

    def show(request: Request) -> Response:
        values = fleet_values(pages.snapshots.newest())
        version = version_of(pages.parts_of(LIVE_TEMPLATES, values))
        return pages.render(request, "fleet.html.jinja", topic=FLEET, version=version, **values)

    return [pages.page("/", show)]


def fleet_values(snapshot: FleetSnapshot) -> dict[str, Any]:
    """Return what the templates of the fleet's page are rendered with."""
    return {"now": snapshot.at, "overview": snapshot.overview, "NOTHING_UNUSUAL": NOTHING_UNUSUAL}


def fleet_parts(pages: Pages, at_most_s: float) -> Parts:
    """Return the parts of the fleet's page that change, from a snapshot that is no older than so many seconds."""
    return pages.parts_of(LIVE_TEMPLATES, fleet_values(pages.snapshots.newest(at_most_s)))

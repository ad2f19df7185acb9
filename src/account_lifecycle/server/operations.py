"""The routes for those who operate a server: ``/healthz``, ``/readyz`` and ``/metrics``."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .metrics import Metrics
from .readiness import Readiness

PROBES = ("/healthz", "/readyz")
"""Paths that anybody may ask, by any name of the host: probes know neither, and these say nothing of the fleet."""


def probe_routes(readiness: Readiness) -> list[Route]:
    """Return the routes of the probes."""

    async def healthz(_: Request) -> Response:
        return JSONResponse({"alive": True})

    async def readyz(_: Request) -> Response:
        problems = await readiness.problems()
        document = {"ready": not problems, "problems": problems}
        return JSONResponse(document, 503 if problems else 200, {"cache-control": "no-store"})

    return [Route("/healthz", healthz), Route("/readyz", readyz)]


def metrics_route(metrics: Metrics) -> Route:
    """Return the route of the numbers, which tell how a fleet stands."""

    async def send(request: Request) -> Response:
        text, content_type = await run_in_threadpool(metrics.exposition, request.headers.get("accept", ""))
        return Response(text, headers={"content-type": content_type})

    return Route("/metrics", send)

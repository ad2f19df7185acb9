"""``/api``: every view as JSON, lists as CSV, and the document that describes them.

    GET /api/accounts?status=CREDENTIALS    {"items": […], "next": "/api/accounts?status=CREDENTIALS&after=…"}
    GET /api/accounts.csv?status=CREDENTIALS    the same as a table: all of it, unless there is a limit
    GET /api/openapi.json                   OpenAPI 3.1, written from the code (``openapi``)

The lists that have a page can be had under its path, too: ``/accounts.csv``, ``/accounts.json``. An error is JSON that
names the parameter, what was found and what would be right. A table is read page by page while it is sent, so a slow
client holds neither a snapshot nor a thread.
"""

import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import cache
from importlib.resources import files
from json import dumps, loads
from typing import Any, NamedTuple
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from ..errors import AccountNotFound, ConfigurationError, StoreError, logger
from ..lifecycle.wording import JsonObject
from ..report.as_data import cell
from .filters import MOST_ROWS, read_query
from .live import Ask
from .views import VIEWS, ListPage, Query, Sources, View, as_json

ROOT = "/api"
DOCUMENT = f"{ROOT}/openapi.json"
PAGES = ("/accounts", "/anomalies", "/hooks", "/quarantine")
"""Pages whose list can be had as CSV and JSON under their own path; that of the hooks is of their deliveries."""
_LIST_OF_PAGE = {page: "/deliveries" if page == "/hooks" else page for page in PAGES}
_LISTS_OF_PAGES = frozenset(f"{page}{ending}" for page in PAGES for ending in (".csv", ".json"))
_NO_STORE = {"cache-control": "no-store"}


class Problem(NamedTuple):
    """Why there is no answer."""

    message: str
    """What is wrong and what would be right, in a sentence."""
    parameter: str | None = None
    """The parameter at fault; None if none is."""
    found: str | None = None
    """What it says."""
    expected: str | None = None
    """What it could say."""

    def to_dict(self) -> JsonObject:
        """Return the problem as a JSON object."""
        return {
            "message": self.message,
            "parameter": self.parameter,
            "found": self.found,
            "expected": self.expected,
        }


def api_routes(sources: Sources, ask: Ask) -> list[BaseRoute]:
    """Return the routes of the API and of the lists of pages."""
    by_path = {view.path: view for view in VIEWS}
    routes = [Route(DOCUMENT, _send_document, methods=["GET"])]
    for view in VIEWS:
        if view.is_list:
            routes.append(_route(f"{ROOT}{view.path}.csv", _table(sources, ask, view)))
        path = view.path.replace("}", ":path}")
        routes.append(_route(f"{ROOT}{path}", _document(sources, ask, view)))
    for page, path in _LIST_OF_PAGE.items():
        routes.append(_route(f"{page}.csv", _table(sources, ask, by_path[path], is_form=True)))
        routes.append(_route(f"{page}.json", _document(sources, ask, by_path[path], is_form=True)))
    known = {route.path for route in routes}
    return [*routes, Route(f"{ROOT}{{rest:path}}", _nothing_there(known), methods=_METHODS)]


_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

Answering = Callable[[Request], Awaitable[Response]]


def _route(path: str, endpoint: Answering) -> Route:
    async def answered(request: Request) -> Response:
        try:
            return await endpoint(request)
        except ConfigurationError as error:
            return problem_response(400, Problem(str(error), error.setting, error.found, error.expected))
        except AccountNotFound as error:
            return problem_response(
                404, Problem(str(error), "account_id", repr(error.account_id), "an account that is known")
            )
        except HTTPException as error:
            return problem_response(error.status_code, Problem(error.detail), retry_after="1")
        except StoreError as error:
            logger().warning("a question could not be answered", path=request.url.path, error=str(error))
            return problem_response(503, Problem("The store cannot be read; the log says why."), retry_after="10")

    return Route(path, answered, methods=["GET"])


# ---- Answers -------------------------------------------------------------------------------------------------


def _document(sources: Sources, ask: Ask, view: View, *, is_form: bool = False) -> Answering:
    async def send(request: Request) -> Response:
        query = _query(request, view, is_form=is_form)
        answer = await ask(view.answer, sources, dict(query))
        now = sources.engine.now()
        if not view.is_list:
            return json_response(200, as_json(answer, now))
        path = _next_path(request, answer)
        return json_response(200, {"items": [as_json(record, now) for record in answer.records], "next": path})

    return send


def _query(request: Request, view: View, *, is_form: bool) -> Query:
    pairs = [*request.query_params.multi_items(), *request.path_params.items()]
    return read_query(view.parameters, pairs, is_form=is_form)


def _next_path(request: Request, answer: ListPage) -> str | None:
    if answer.after is None:
        return None
    given = [(name, text) for name, text in request.query_params.multi_items() if name != "after"]
    return f"{request.url.path}?{urlencode([*given, ('after', answer.after)])}"


def json_response(status: int, document: JsonObject, **headers: str) -> Response:
    """Return an answer in JSON; ``headers`` are written with underscores."""
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(dumps(document), status, {**_NO_STORE, **more}, "application/json")


def problem_response(status: int, problem: Problem, **headers: str) -> Response:
    """Return the answer that there is none, and why."""
    return json_response(status, {"error": problem.to_dict()}, **headers)


# ---- Tables --------------------------------------------------------------------------------------------------


def _table(sources: Sources, ask: Ask, view: View, *, is_form: bool = False) -> Answering:
    columns = table_columns(view.record.__name__)
    by_name = {each.name: each for each in view.parameters}

    async def send(request: Request) -> Response:
        query = _query(request, view, is_form=is_form)
        is_whole = "limit" in by_name and "limit" not in query
        if is_whole:
            query["limit"] = MOST_ROWS
        first = await ask(view.answer, sources, dict(query))
        name = view.path.strip("/").replace("/", "-")
        headers = {**_NO_STORE, "content-disposition": f'attachment; filename="{name}.csv"'}
        lines = written(first, query, is_whole=is_whole)
        return StreamingResponse(lines, headers=headers, media_type="text/csv; charset=utf-8")

    async def written(page: ListPage, query: Query, *, is_whole: bool) -> AsyncIterator[str]:
        yield _lines([columns])
        while True:
            now = sources.engine.now()
            shapes = [as_json(record, now) for record in page.records]
            yield _lines([[cell(shape.get(column)) for column in columns] for shape in shapes])
            if page.after is None or not is_whole:
                return
            query["after"] = by_name["after"].value(page.after)
            page = await ask(view.answer, sources, dict(query))

    return send


def _lines(rows: list[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


def table_columns(record: str) -> list[str]:
    """Return the columns of a table of records: every part of their shape that fits into a cell."""
    schemas = loads(read_document())["components"]["schemas"]

    def fits(schema: JsonObject) -> bool:
        if "$ref" in schema:
            return "enum" in schemas[schema["$ref"].rpartition("/")[2]]
        if "anyOf" in schema:
            return all(map(fits, schema["anyOf"]))
        types = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
        return "object" not in types and ("array" not in types or fits(schema["items"]))

    return [name for name, schema in schemas[record]["properties"].items() if fits(schema)]


# ---- Everything else -----------------------------------------------------------------------------------------


@cache
def read_document() -> bytes:
    """Return the document of the API, as it was written from the code."""
    return files(__package__).joinpath("openapi.json").read_bytes()


async def _send_document(_: Request) -> Response:
    return Response(read_document(), media_type="application/json")


def is_for_program(path: str) -> bool:
    """Return whether a path is one of these, and no page."""
    return path.startswith(f"{ROOT}/") or path in _LISTS_OF_PAGES


def path_missing() -> Response:
    """Return the answer where there is nothing."""
    return problem_response(404, Problem(f"There is no such path; {DOCUMENT} names those that there are."))


def token_missing() -> Response:
    """Return the answer to a request that has to show the page token, and does not."""
    problem = Problem("The page token is missing or wrong; send it as Authorization: Bearer TOKEN.")
    return problem_response(401, problem, www_authenticate="Bearer")


def _nothing_there(known: set[str]) -> Answering:
    async def refuse(request: Request) -> Response:
        if request.method in ("GET", "HEAD") or not _is_known(request.url.path, known):
            return path_missing()
        return problem_response(405, Problem("Nothing can be changed here; ask with GET."), allow="GET, HEAD")

    return refuse


def _is_known(path: str, known: set[str]) -> bool:
    return path in known or path.startswith(f"{ROOT}/accounts/")

"""The document of the API: OpenAPI 3.1, written from the views and the shapes of their records.

``python docs/generate.py`` writes it into this package, where a server reads it, and its page into ``docs``.
"""

import json
from importlib.metadata import version
from typing import Any

from ..lifecycle.wording import JsonObject
from .api import ROOT, Problem
from .filters import Parameter
from .schemas import RecordSchemas
from .views import VIEWS, View

_DESCRIPTION = (
    "How a fleet of connected accounts stands, and why: the answers of the engine as JSON, and lists as CSV. Times are "
    "in UTC, lengths in seconds. A list is answered in pages: `next` is the path of the next one."
)
_TOKEN = {"type": "http", "scheme": "bearer", "description": "The page token of `serve`, if one is set."}


def document() -> JsonObject:
    """Return the document."""
    schemas = RecordSchemas()
    problem = schemas.reference(Problem)
    paths: dict[str, Any] = {}
    for view in VIEWS:
        paths[f"{ROOT}{view.path}"] = {"get": _operation(view, schemas)}
        if view.is_list:
            paths[f"{ROOT}{view.path}.csv"] = {"get": _table(view)}
    for view in VIEWS:
        for parameter in view.parameters:
            _refer(parameter, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "account-lifecycle", "version": version("account-lifecycle"), "description": _DESCRIPTION},
        "servers": [{"url": "/"}],
        "security": [{}, {"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas.components(),
            "responses": {name: _problem(text, problem) for name, text in _PROBLEMS.items()},
            "securitySchemes": {"token": _TOKEN},
        },
    }


def as_text() -> str:
    """Return the document as it is written into a file."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


_PROBLEMS = {
    "400": "A parameter is wrong: which one, and what it could say.",
    "401": "The page token is missing or wrong.",
    "404": "Nothing is known of the account.",
    "405": "Nothing can be changed here.",
    "503": "The store cannot be read now.",
}


def _operation(view: View, schemas: RecordSchemas) -> JsonObject:
    record = schemas.reference(view.record)
    return {
        "operationId": view.name,
        "summary": view.text,
        "parameters": [_parameter(view, each) for each in view.parameters],
        "responses": _responses(view, "application/json", _page(record) if view.is_list else record),
    }


def _table(view: View) -> JsonObject:
    limits = [each for each in view.parameters if each.name != "limit"]
    own = [each._replace(text="How many at most; all by default.") for each in view.parameters if each.name == "limit"]
    return {
        "operationId": f"{view.name}_table",
        "summary": f"{view.text} As a table.",
        "parameters": [_parameter(view, each) for each in [*limits, *own]],
        "responses": _responses(view, "text/csv", {"type": "string"}),
    }


def _responses(view: View, media_type: str, schema: JsonObject) -> JsonObject:
    codes = [code for code in _PROBLEMS if code != "404" or view.is_about_account]
    answer = {"description": "The answer.", "content": {media_type: {"schema": schema}}}
    return {"200": answer, **{code: {"$ref": f"#/components/responses/{code}"} for code in codes}}


def _page(record: JsonObject) -> JsonObject:
    following = {
        "type": ["string", "null"],
        "format": "uri-reference",
        "description": "The path of the next page; null if there is none.",
    }
    return {
        "type": "object",
        "properties": {"items": {"type": "array", "items": record}, "next": following},
        "required": ["items", "next"],
        "additionalProperties": False,
    }


def _parameter(view: View, parameter: Parameter) -> JsonObject:
    is_path = view.is_about_account and f"{{{parameter.name}}}" in view.path
    return {
        "name": parameter.name,
        "in": "path" if is_path else "query",
        "description": parameter.text,
        "required": parameter.is_required,
        "schema": parameter.schema,
    }


def _problem(text: str, problem: JsonObject) -> JsonObject:
    body = {"type": "object", "properties": {"error": problem}, "required": ["error"], "additionalProperties": False}
    return {"description": text, "content": {"application/json": {"schema": body}}}


def _refer(parameter: Parameter, schemas: RecordSchemas) -> None:
    """Have the schema of a parameter's words in the document."""
    if "$ref" in parameter.schema and isinstance(parameter.read, type):
        schemas.reference(parameter.read)

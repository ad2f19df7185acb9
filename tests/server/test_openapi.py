"""The document of the API: what a server answers is what it says, whatever is asked, on a simulated fleet."""

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from account_lifecycle import Engine
from account_lifecycle.server.api import read_document
from account_lifecycle.server.openapi import as_text
from account_lifecycle.server.serving import Application
from server.simulated import site_of

CASES = int(os.environ.get("ACCOUNT_LIFECYCLE_TEST_CASES", "6"))
"""How many requests are made up for each path."""
ASKED = [
    (path, mode)
    for path, methods in json.loads(read_document())["paths"].items()
    for mode in GenerationMode
    if methods["get"]["parameters"] or mode is GenerationMode.POSITIVE
]
"""Every path with what may be asked, and with what may not."""
BY_MEANING = {"provider", "owner", "q", "hook", "account_id", "after"}
"""Parameters of which the document can say only that they are text: what is unprintable or unknown is refused."""


@pytest.fixture(scope="module")
def site(fleet: Engine) -> Iterator[Application]:
    made = site_of(fleet)
    yield made
    made.close()


@pytest.fixture(scope="module")
def operations(site: Application, fleet: Engine) -> Any:
    """What the document says, by mode; where it is followed, words of the fleet stand in place of many made up ones."""
    loaded, bare = (schemathesis.openapi.from_asgi("/api/openapi.json", site) for _ in range(2))
    known: dict[str, list[str]] = {
        "account_id": [account.account_id for account in fleet.accounts()],
        "owner": [account.owner for account in fleet.accounts() if account.owner],
        "hook": [hook.name for hook in fleet.subscribed_hooks()],
        "provider": ["LINKEDIN", "outlook", "=CMD()"],
    }

    def with_known(values: dict[str, Any] | None) -> dict[str, Any] | None:
        return values and {
            name: known[name][len(text) % len(known[name])] if name in known and len(str(text)) % 2 else text
            for name, text in values.items()
        }

    loaded.hook("map_query")(lambda _, query: with_known(query))
    loaded.hook("map_path_parameters")(lambda _, parameters: with_known(parameters))
    return {GenerationMode.POSITIVE: loaded, GenerationMode.NEGATIVE: bare}


@pytest.mark.parametrize(("path", "mode"), ASKED)
def test_every_answer_is_as_the_document_says(operations: Any, path: str, mode: GenerationMode) -> None:
    @given(operations[mode][path]["GET"].as_strategy(generation_mode=mode))
    @settings(
        max_examples=CASES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    def asked(case: Any) -> None:
        answer = case.call_and_validate(excluded_checks=[positive_data_acceptance])
        if mode is GenerationMode.POSITIVE and answer.status_code == 400:
            assert answer.json()["error"]["parameter"] in BY_MEANING

    asked()


def test_the_document_is_the_one_that_follows_from_the_code() -> None:
    assert read_document().decode() == as_text(), "python docs/generate.py"

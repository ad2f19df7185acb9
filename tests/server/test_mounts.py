"""The same table of requests over every framework of docs/receiver.md, mounted as the page says."""

import gzip
import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import django
import pytest
from django.conf import settings

from account_lifecycle import Engine
from account_lifecycle.server import Receiver
from account_lifecycle.testing import Clock, payload
from server.driving import (
    HEADER,
    IN_THE_QUERY,
    NEXT_SECRET,
    NEXT_SIGNING,
    OK,
    SECRET,
    SIGNATURE,
    SIGNING,
    V2_EVENT,
    Ask,
    a_receiver,
    over_asgi,
    over_wsgi,
    signature,
)

PAGE = (Path(__file__).parents[2] / "docs" / "receiver.md").read_text(encoding="utf-8")
MOUNTS = {
    f"{framework} {file}".strip(): code
    for framework, file, code in re.findall(
        r"^\*\*(\w+)\*\*(?:, in `(\w+)\.py`:)?\n\n```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL
    )
}
OVER: dict[str, Callable[[Any], Ask]] = {
    "Starlette": over_asgi,
    "FastAPI": over_asgi,
    "Flask": over_wsgi,
    "Django wsgi": over_wsgi,
    "Django asgi": over_asgi,
}
MAX_BYTES = 2_000

if not settings.configured:
    settings.configure(ALLOWED_HOSTS=["localhost"], SECRET_KEY="of the tests", ROOT_URLCONF="server.django_urls")
    django.setup()


def mounted(framework: str, receiver: Receiver) -> Ask:
    """The application of the page, around this receiver."""
    names: dict[str, Any] = {"receiver": receiver, "__name__": "application"}
    exec(MOUNTS[framework], names)
    return OVER[framework](names.get("application") or names["app"])


def signed(secret: str, *, seconds_old: int = 0, body: bytes = V2_EVENT) -> Callable[[Clock], dict[str, str]]:
    """The header of a v2 webhook that was signed a while ago."""
    return lambda clock: {SIGNATURE: signature(secret, clock.now - timedelta(seconds=seconds_old), body)}


class Case(NamedTuple):
    """A request, what is answered, and what is kept of it."""

    name: str
    status: int
    body: bytes = OK
    headers: dict[str, str] | Callable[[Clock], dict[str, str]] = {HEADER: SECRET}  # noqa: RUF012
    path: str = "/hooks"
    method: str = "POST"
    verdict: str | None = None
    events: int = 0
    quarantined: int = 0


APPLIED: dict[str, Any] = {"status": 200, "verdict": "APPLIED", "events": 1}
QUARANTINED: dict[str, Any] = {"status": 200, "verdict": "QUARANTINED", "quarantined": 1}
FORM = b"AccountStatus%5Baccount_id%5D=acc_1&AccountStatus%5Baccount_type%5D=LINKEDIN&AccountStatus%5Bmessage%5D=OK"
TWO = json.dumps([payload("CREATION_SUCCESS", "acc_1"), payload("OK", "acc_1")]).encode()

CASES = [
    Case("JSON by its name", headers={HEADER: SECRET, "Content-Type": "application/json"}, **APPLIED),
    Case("no content type", **APPLIED),
    Case("JSON as text", headers={HEADER: SECRET, "Content-Type": "text/plain"}, **APPLIED),
    Case("JSON as a form", headers={HEADER: SECRET, "Content-Type": "application/x-www-form-urlencoded"}, **APPLIED),
    Case("a form", body=FORM, headers={HEADER: SECRET, "Content-Type": "application/x-www-form-urlencoded"}, **APPLIED),
    Case("gzip", body=gzip.compress(OK), headers={HEADER: SECRET, "Content-Encoding": "gzip"}, **APPLIED),
    Case("an array", body=TWO, status=200, verdict="APPLIED", events=2),
    Case("a slash at the end", path="/hooks/", **APPLIED),
    Case("the next secret", headers={HEADER: NEXT_SECRET}, **APPLIED),
    Case("a secret in the query", path=f"/hooks?secret={IN_THE_QUERY}&x=1", headers={}, **APPLIED),
    Case("no credential", 401, headers={}),
    Case("a wrong secret", 401, headers={HEADER: SECRET[:-1]}),
    Case("a blank secret", 401, headers={HEADER: ""}),
    Case("a wrong secret in the query", 401, path=f"/hooks?secret={SECRET}", headers={}),
    Case("a right header and a wrong query", 401, path="/hooks?secret=no"),
    Case("v2", body=V2_EVENT, headers=signed(NEXT_SIGNING), **QUARANTINED),
    Case("v2 by the old secret", body=V2_EVENT, headers=signed(SIGNING), **QUARANTINED),
    Case("v2 stale", 401, body=V2_EVENT, headers=signed(SIGNING, seconds_old=301)),
    Case("v2 from the future", 401, body=V2_EVENT, headers=signed(SIGNING, seconds_old=-301)),
    Case("v2 of another body", 401, body=V2_EVENT, headers=signed(SIGNING, body=V2_EVENT + b" ")),
    Case("v2 by a wrong secret", 401, body=V2_EVENT, headers=signed(SECRET)),
    Case("v2 in no form", 401, body=V2_EVENT, headers={SIGNATURE: "v0=00"}),
    Case("a right header and a wrong signature", 401, headers={HEADER: SECRET, SIGNATURE: "t=1,v0=00"}),
    Case("empty", body=b"", **QUARANTINED),
    Case("UTF-16", body=OK.decode().encode("utf-16"), **QUARANTINED),
    Case("broken", body=OK[:-5], **QUARANTINED),
    Case("as long as may be", body=OK.ljust(MAX_BYTES), **APPLIED),
    Case("too large", 413, body=OK.ljust(MAX_BYTES + 1)),
    Case("too large and signed", 413, body=bytes(MAX_BYTES + 1), headers=signed(SIGNING, body=bytes(MAX_BYTES + 1))),
    Case("GET", 200, body=b"", method="GET", headers={}),
    Case("HEAD", 200, body=b"", method="HEAD", headers={}),
    Case("PUT", 405, method="PUT"),
    Case("DELETE", 405, body=b"", method="DELETE"),
    Case("OPTIONS", 405, body=b"", method="OPTIONS", headers={}),
    Case("another path", 404, path="/hooks/more"),
]


@pytest.mark.parametrize("framework", OVER)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_framework_answers_alike(framework: str, case: Case, engine: Engine, clock: Clock) -> None:
    ask = mounted(framework, a_receiver(engine, clock, max_bytes=MAX_BYTES))
    headers = case.headers(clock) if callable(case.headers) else case.headers
    answer = ask(case.method, case.path, headers, case.body)
    assert answer.status == case.status
    assert (len(engine.history("acc_1")), len(engine.quarantine())) == (case.events, case.quarantined)
    if case.verdict is not None:
        assert answer.document["verdict"] == case.verdict
    if case.quarantined:
        assert answer.document["quarantine_ids"] == [row.quarantine_id for row in engine.quarantine()]
    if case.status == 405:
        assert answer.headers["allow"] == "GET, HEAD, POST"
    if case.method in ("GET", "HEAD"):
        assert answer.body == (b"ready" if case.method == "GET" else b"")


def test_the_page_has_a_block_for_each_framework() -> None:
    assert list(MOUNTS) == list(OVER)


def test_the_receiver_of_the_page_is_made_as_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    [code] = re.findall(r"^## In your application\n\n```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    with names["engine"] as engine:
        ask = mounted("Starlette", names["receiver"])
        assert ask("POST", "/hooks", {HEADER: "the header's secret"}, OK).status == 200
        assert ask("POST", "/hooks?secret=the%20query%27s+secret", {}, OK).status == 200
        assert [entry.verdict for entry in engine.history("acc_1")] == ["APPLIED", "REPEATED"]


def test_a_v2_event_is_quarantined_as_such(engine: Engine, clock: Clock) -> None:
    ask = over_asgi(a_receiver(engine, clock).asgi())
    answer = ask("POST", "/", {SIGNATURE: signature(SIGNING, clock.now, V2_EVENT)}, V2_EVENT)
    assert "a v2 event" in answer.document["reason"]
    assert engine.quarantine()[0].foreign == "a v2 event"


@pytest.mark.parametrize(
    "over", [lambda r: over_asgi(r.asgi(), chunks=7), lambda r: over_wsgi(r.wsgi(), is_chunked=True)]
)
def test_a_body_without_a_length_is_read_to_its_end_and_to_the_limit(over: Any, engine: Engine, clock: Clock) -> None:
    ask: Ask = over(a_receiver(engine, clock, max_bytes=MAX_BYTES))
    assert ask("POST", "/", {HEADER: SECRET}, OK).document == {"verdict": "APPLIED", "events": 1}
    assert ask("POST", "/", {HEADER: SECRET}, OK.ljust(MAX_BYTES + 1)).status == 413
    assert len(engine.history("acc_1")) == 1
    assert engine.quarantine() == []


@pytest.mark.parametrize("length", ["-1", "ten", "1e3", "", "9" * 30])
def test_a_length_that_is_none_is_a_bad_request(length: str, engine: Engine, clock: Clock) -> None:
    receiver = a_receiver(engine, clock)
    reply = receiver.check("POST", {HEADER.lower(): SECRET, "content-length": length}, "")
    assert reply is not None
    assert reply.status == 400


def test_under_wsgi_a_body_that_ends_early_is_not_fed(engine: Engine, clock: Clock) -> None:
    app = a_receiver(engine, clock).wsgi()

    def cut(environ: dict[str, Any], start_response: Any) -> Any:
        return app({**environ, "CONTENT_LENGTH": str(len(OK) + 1)}, start_response)

    assert over_wsgi(cut)("POST", "/", {HEADER: SECRET}, OK).status == 400
    assert (engine.history("acc_1"), engine.quarantine()) == ([], [])


def test_what_was_answered_and_refused_is_counted(engine: Engine, clock: Clock) -> None:
    receiver = a_receiver(engine, clock)
    ask = over_asgi(receiver.asgi())
    for headers in (
        {HEADER: SECRET},
        {HEADER: "no"},
        {},
        {SIGNATURE: "no"},
        {SIGNATURE: signature(SIGNING, clock.now, b"")},
    ):
        ask("POST", "/", headers, OK)
    ask("POST", "/", {SIGNATURE: "t=1,v0=00"}, OK)
    assert receiver.answered == {200: 1, 401: 5}
    assert receiver.refused == {"wrong": 2, "absent": 1, "malformed": 1, "stale": 1}
    assert receiver.waiting == 0

"""``/api``, and the lists of pages as CSV and JSON: the records' own shapes, page by page, and errors that help."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from account_lifecycle import Engine
from account_lifecycle.server import api
from account_lifecycle.server.views import VIEWS, View
from account_lifecycle.testing import START
from server.driving import Answer, Ask, over_asgi
from server.simulated import HOSTILE_ID, site_of

TOKEN = "a-token-for-programs"
LISTS = [view for view in VIEWS if view.is_list]
PAGED = [view for view in LISTS if any(each.name == "after" for each in view.parameters)]
REQUIRED = {"account_id": HOSTILE_ID, "since": "2026-04-01T00:00:00Z"}


@pytest.fixture(scope="module")
def ask(fleet: Engine) -> Iterator[Ask]:
    site = site_of(fleet)
    yield over_asgi(site)
    site.close()


def named(view: View) -> str:
    return view.name


def get(ask: Ask, path: str, **query: Any) -> Answer:
    return ask("GET", f"{path}?{urlencode(query)}" if query else path, {}, b"")


def query_of(view: View) -> dict[str, str]:
    """What has to be asked of a list."""
    return {each.name: REQUIRED[each.name] for each in view.parameters if each.is_required}


def pages(ask: Ask, view: View, limit: int) -> Iterator[list[Any]]:
    path = f"/api{view.path}?{urlencode({**query_of(view), 'limit': limit})}"
    while path:
        document = ask("GET", path, {}, b"").document
        yield document["items"]
        path = document["next"]


def table(answer: Answer) -> list[dict[str, str]]:
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.body.decode(), newline="")))


def error_of(answer: Answer) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/json"
    error: dict[str, Any] = answer.document["error"]
    return error


# ---- Answers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("view", VIEWS, ids=named)
def test_every_view_answers(ask: Ask, view: View) -> None:
    path = f"/api{view.path}".replace("{account_id}", quote(HOSTILE_ID, safe=""))
    answer = get(ask, path, **({} if "{" in view.path else query_of(view)))
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    if view.is_list:
        assert get(ask, f"{path}.csv", **query_of(view)).status == 200
        is_empty = view.name == "reconciliations"
        assert bool(answer.document["items"]) is not is_empty


def test_an_answer_is_what_the_engine_answers(ask: Ask, fleet: Engine) -> None:
    now = fleet.now()
    down = [account.to_dict(now) for account in fleet.accounts(down=True)]
    assert get(ask, "/api/accounts", down="true").document == {"items": down, "next": None}
    assert get(ask, "/api/fleet").document == fleet.overview().to_dict()
    account = get(ask, f"/api/accounts/{quote(HOSTILE_ID, safe='')}").document
    assert account == fleet.explain(HOSTILE_ID).to_dict()
    events = [event.to_dict() for event in fleet.events(provider="=CMD()", moved=True)]
    assert get(ask, "/api/events", provider="=cmd()", moved="true").document["items"] == events


@pytest.mark.parametrize("view", PAGED, ids=named)
@pytest.mark.parametrize("limit", [1, 3])
def test_pages_one_after_the_other_are_the_whole(ask: Ask, view: View, limit: int) -> None:
    whole = get(ask, f"/api{view.path}", **query_of(view), limit=1000).document
    found = list(pages(ask, view, limit))
    assert whole["next"] is None
    assert [item for page in found for item in page] == whole["items"]
    if view.name != "anomalies":  # those of one event are never parted
        assert all(len(page) == limit for page in found[:-1])


def test_accounts_in_the_order_of_their_times_are_paged_as_well(ask: Ask, fleet: Engine) -> None:
    path, found = "/api/accounts?order=since&limit=4", []
    while path:
        document = get(ask, path).document
        found += [account["account_id"] for account in document["items"]]
        path = document["next"]
    assert found == [account.account_id for account in fleet.accounts(order="since")]


def test_the_past_can_be_asked_for(ask: Ask, fleet: Engine) -> None:
    at = START.replace(day=1, month=4) if START.month != 4 else START
    answer = get(ask, "/api/fleet", at=at.isoformat().replace("+00:00", "Z"))
    assert (answer.document["accounts"], answer.document["machinery"]) == (0, None)


# ---- Tables ----------------------------------------------------------------------------------------------


def test_a_table_has_all_that_fits_into_cells(ask: Ask, fleet: Engine) -> None:
    rows = table(get(ask, "/api/accounts.csv"))
    assert [row["account_id"] for row in rows] == [account.account_id for account in fleet.accounts()]
    shape = set(fleet.accounts()[0].to_dict())
    assert shape - set(rows[0]) == {"blind_window"}


def test_no_cell_becomes_a_formula(ask: Ask) -> None:
    [row] = table(get(ask, "/accounts.csv", provider="=cmd()"))
    assert row["provider"] == "'=CMD()"


def test_a_table_is_read_page_by_page(ask: Ask, fleet: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "MOST_ROWS", 4)
    rows = table(get(ask, "/accounts.csv"))
    assert [row["account_id"] for row in rows] == [account.account_id for account in fleet.accounts()]
    assert len(table(get(ask, "/accounts.csv", limit=6))) == 6
    events = table(get(ask, "/api/events.csv"))
    assert [int(row["event_id"]) for row in events] == [event.event_id for event in fleet.events()]


@pytest.mark.parametrize(("page", "path"), [(p, "/deliveries" if p == "/hooks" else p) for p in api.PAGES])
def test_the_list_of_a_page_is_under_its_path_too(ask: Ask, page: str, path: str) -> None:
    assert get(ask, f"{page}.json").document["items"] == get(ask, f"/api{path}").document["items"]
    assert get(ask, f"{page}.csv").body == get(ask, f"/api{path}.csv").body


def test_blank_fields_of_a_form_count_as_left_out_on_pages_alone(ask: Ask) -> None:
    assert get(ask, "/accounts.json", status="", q="", owner=" ").status == 200
    assert error_of(get(ask, "/api/accounts", status=""))["parameter"] == "status"


def test_a_text_stands_for_a_user_of_ours_or_the_beginning_of_an_id(ask: Ask, fleet: Engine) -> None:
    owned = next(account for account in fleet.accounts() if account.owner)
    found = get(ask, "/api/accounts", q=owned.owner).document["items"]
    assert owned.account_id in {account["account_id"] for account in found}
    assert {account["owner"] for account in found} == {owned.owner}
    [only] = get(ask, "/accounts.json", q=HOSTILE_ID[:7]).document["items"]
    assert only["account_id"] == HOSTILE_ID


# ---- Errors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "parameter", "expected"),
    [
        ("/api/accounts?status=GONE", "status", "CREDENTIALS"),
        ("/api/accounts?statuss=OK", "statuss", "status"),
        ("/api/accounts?status=OK&status=ERROR", "status", "one value"),
        ("/api/accounts?stuck=maybe", "stuck", "true or false"),
        ("/api/accounts?limit=0", "limit", "a whole number from 1 to 1,000"),
        ("/api/accounts?limit=5000", "limit", "a whole number from 1 to 1,000"),
        ("/api/accounts?provider=nobody", "provider", "LINKEDIN"),
        ("/api/accounts?order=since&after=x", "after", "where a page"),
        ("/api/history", "account_id", "text"),
        ("/api/events?since=yesterday", "since", "2026-05-04T14:00:00Z"),
        ("/api/events?since=2026-05-04T14:00:00", "since", "a time with its zone"),
        ("/api/events?since=0001-01-01T00:00:00%2B23:00", "since", "a time with its zone"),
        ("/api/events?after=999999", "after", "an event that is on record"),
        ("/api/windows?after=1~nobody", "after", "ended"),
        ("/api/anomalies?after=x", "after", "where the page before ended"),
        ("/api/fleet/anomalies", "since", "a time with its zone"),
        ("/accounts.csv?health=FINE", "health", "LIVE"),
    ],
)
def test_an_error_names_the_parameter_and_what_would_be_right(
    ask: Ask, path: str, parameter: str, expected: str
) -> None:
    answer = get(ask, path)
    assert answer.status == 400
    error = error_of(answer)
    assert error["parameter"] == parameter
    assert expected in error["expected"]


def test_what_is_not_there_is_said_in_json(ask: Ask) -> None:
    assert get(ask, "/api/accounts/nobody").status == 404
    assert error_of(get(ask, "/api/accounts/nobody"))["parameter"] == "account_id"
    for path in ("/api", "/api/", "/api/no-such-view"):
        assert get(ask, path).status == 404
        assert "/api/openapi.json" in error_of(get(ask, path))["message"]


def test_an_id_that_none_can_have_is_refused_in_json(ask: Ask) -> None:
    answer = get(ask, "/api/accounts/%0A")
    assert (answer.status, error_of(answer)["parameter"]) == (400, "account_id")


@pytest.mark.parametrize("path", ["/api/accounts", "/api/accounts/nobody", "/api/fleet/tally.csv"])
def test_nothing_can_be_changed(ask: Ask, path: str) -> None:
    answer = ask("POST", path, {}, b"")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    assert "GET" in error_of(answer)["message"]
    assert ask("HEAD", "/api/accounts", {}, b"").status == 200


def test_a_store_that_cannot_be_read_is_an_answer_of_its_own(fleet: Engine) -> None:
    broken = Engine.open("memory:")
    broken.close()
    answer = get(over_asgi(site_of(broken)), "/api/accounts")
    assert (answer.status, answer.headers["retry-after"]) == (503, "10")
    assert "store" in error_of(answer)["message"]


# ---- Who may ask -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/fleet", "/api/openapi.json", "/accounts.csv", "/accounts.json", "/metrics"])
def test_a_token_is_asked_for_and_no_other_host_is_let_in(fleet: Engine, path: str) -> None:
    locked = over_asgi(site_of(fleet, tokens=(TOKEN,)))
    refused = locked("GET", path, {}, b"")
    assert refused.status == 401
    if path != "/metrics":
        assert refused.headers["www-authenticate"] == "Bearer"
        assert "Bearer" in error_of(refused)["message"]
    assert locked("GET", path, {"Authorization": f"Bearer {TOKEN}"}, b"").status == 200
    assert locked("GET", path, {"Authorization": f"Bearer {TOKEN}", "Host": "evil.example"}, b"").status == 421


def test_json_of_hostile_words_is_ascii(ask: Ask) -> None:
    answer = get(ask, "/api/accounts", q=HOSTILE_ID)
    assert answer.body.isascii()
    assert json.loads(answer.body)["items"][0]["account_id"] == HOSTILE_ID

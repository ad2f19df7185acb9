"""A wire format is one row: a third one is read, found in logs and tables and written with nothing else to edit."""

import json
from dataclasses import asdict
from typing import Any

import pytest

from account_lifecycle.errors import PayloadError
from account_lifecycle.intake import dialects, finding, payloads
from account_lifecycle.intake.dialects import DIALECTS, HOSTED_AUTH, STATUS_WEBHOOK, Dialect, TableRow, columns, write
from account_lifecycle.intake.logs import read_line
from account_lifecycle.intake.payloads import Wire, parse
from account_lifecycle.lifecycle.definition import ANNOUNCEMENTS
from intake.samples import NOON, as_bytes, notification, read, refusal, webhook

EVENT = Dialect(
    "account event",
    keys=("event", "data"),
    fields={
        "account_id": ("data", "account", "id"),
        "provider": ("data", "account", "kind"),
        "status": ("data", "state"),
        "name": ("owner",),
    },
    required=("account_id", "status"),
    example="connected",
    words={"CONNECTED": "OK"},
)


def event(state: Any = "connected", **account: Any) -> dict[str, Any]:
    account = {"id": "acc", "kind": "TWITTER", **account}
    return {"event": "account.updated", "data": {"account": account, "state": state}, "owner": "user-7"}


@pytest.fixture
def third(monkeypatch: pytest.MonkeyPatch) -> Dialect:
    """The row of a third dialect, in force."""
    rows = (STATUS_WEBHOOK, EVENT, HOSTED_AUTH)
    monkeypatch.setattr(dialects, "DIALECTS", rows)
    monkeypatch.setattr(finding, "DIALECTS", rows)
    monkeypatch.setattr(payloads, "WIRE", Wire(rows))
    return EVENT


def test_a_third_dialect_is_read(third: Dialect) -> None:
    found = read(as_bytes(event()))

    assert (found.account_id, found.status, found.provider, found.owner) == ("acc", "OK", "X", "user-7")
    assert read(event("credentials")).status == "CREDENTIALS"


def test_the_others_are_read_as_before_beside_it(third: Dialect) -> None:
    assert read(webhook("ERROR", event=7)).status == "ERROR"
    assert read({**webhook("ERROR"), "event": [], "data": None}).status == "ERROR"
    assert read(notification("RECONNECTED", data=7)).status == "RECONNECTED"


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        (event(None), "data.state"),
        (event(7), "data.state"),
        (event(id=""), "data.account.id"),
        (event(kind=[]), "data.account.kind"),
        ({"event": 1, "data": None}, "data"),
        ({"event": 1, "data": {"account": "acc", "state": "OK"}}, "data.account"),
        ({"event": 1, "data": {"state": "OK"}}, "data.account.id"),
        (b'{"event":1,"data":{"state":"OK","account":{"id":"a","id":"b"}}}', "data.account.id"),
        (b'{"event":1,"data":{"state":"OK","account":{"id":"a"}},"event":2}', "event"),
        ({"event": 1}, "payload"),
    ],
)
def test_a_refusal_in_a_third_dialect_names_the_place_of_the_field(third: Dialect, payload: Any, field: str) -> None:
    assert refusal(payload).field == field


def test_a_refusal_of_an_unknown_object_says_what_each_dialect_looks_like(third: Dialect) -> None:
    error = refusal({"hello": "world"})

    assert error.found == "neither AccountStatus nor event nor data nor status"
    assert '{"event": ..., "data": {...}}' in error.expected


def test_a_third_dialect_is_found_in_a_log(third: Dialect) -> None:
    bare, wrapped = as_bytes(event()), b'{"received_at": "2026-05-01T12:00:00Z", "payload": %b}' % as_bytes(event())

    assert parse(read_line(bare).payload, NOON) == read(event())
    assert read_line(wrapped)[:2] == (as_bytes(event()), NOON)


def test_a_third_dialect_is_found_wherever_a_log_has_it(third: Dialect) -> None:
    found = finding.find({"id": 7, "request": [{"at": "2026-05-01T12:00:00Z", "raw": json.dumps(event())}]})

    assert found == [(finding.Kind.PAYLOAD, ("request", finding.EACH, "raw"), event())]


def test_a_third_dialect_names_columns_of_tables(third: Dialect) -> None:
    assert columns()["account_id"] == ("account_id", "id")
    assert columns()["status"] == ("status", "message", "state")
    assert columns()["provider"] == ("provider", "account_type", "kind")


def test_a_row_of_a_table_is_in_none_of_them(third: Dialect) -> None:
    event = read(TableRow("a", "X", "OK", "classic", "me", "Disconnected"))

    assert (event.account_id, event.status, event.provider, event.product) == ("a", "OK", "X", "classic")
    assert (event.owner, event.reason) == ("me", "Disconnected")


# ---- The two of today ---------------------------------------------------------------------------------


def test_the_columns_of_a_table_go_by_the_names_of_both_dialects() -> None:
    assert columns() == {
        "account_id": ("account_id",),
        "provider": ("provider", "account_type"),
        "status": ("status", "message"),
        "product": ("product",),
        "name": ("name",),
        "reason": ("reason",),
    }


@pytest.mark.parametrize("status", [*map(str, ANNOUNCEMENTS), " creation_failed "])
def test_a_row_of_a_table_may_have_any_status_and_is_never_tried_as_a_body(status: str) -> None:
    row = TableRow("a", status=status, name="me")

    assert read(row).status == status.strip().upper().replace("FAILED", "FAIL")
    assert read(row).owner == "me"
    assert read(row).payload == row.to_bytes()


def test_a_column_of_a_log_goes_by_every_name_that_a_dialect_has_for_it() -> None:
    assert [finding.columns_of([name]) for names in columns().values() for name in names] == [
        {field: name} for field, names in columns().items() for name in names
    ]


def test_a_row_without_a_required_field_says_so() -> None:
    assert refusal(TableRow(status="OK", provider="X")).field == "account_id"
    assert refusal(TableRow("a", provider="X")).field == "status"
    assert refusal(TableRow()).field == "payload"


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_what_is_written_in_a_dialect_is_read_back(dialect: Dialect) -> None:
    fields = {"account_id": "a", "status": "RECONNECTED", "provider": "X", "product": "classic", "name": "me"}
    fields |= {"reason": "Disconnected"}
    payload = write(dialect, fields, {"note": "hello"})

    found = asdict(read(payload))
    found["name"] = found.pop("owner")
    assert {field: found[field] for field in dialect.fields} == {field: fields[field] for field in dialect.fields}
    assert "hello" in json.dumps(payload)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ((STATUS_WEBHOOK,), "status webhook"),
        ((HOSTED_AUTH, STATUS_WEBHOOK), "hosted-auth notification"),
        ((EVENT._replace(fields={**EVENT.fields, "colour": ("c",)}), HOSTED_AUTH), "account event.*colour"),
        ((EVENT._replace(required=("status",)), HOSTED_AUTH), "account event.*account_id"),
        ((EVENT._replace(fields={**EVENT.fields, "name": ("name", "of")}), HOSTED_AUTH), "account event.*object"),
    ],
)
def test_rows_that_cannot_be_distinguished_are_refused_by_name(rows: tuple[Dialect, ...], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Wire(rows)


def test_a_further_required_field_must_say_something() -> None:
    wire = Wire((EVENT._replace(required=("account_id", "status", "name")), HOSTED_AUTH))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(payloads, "WIRE", wire)
        assert read(event()).owner == "user-7"
        with pytest.raises(PayloadError, match="owner: found nothing"):
            read({**event(), "owner": None})

"""Bytes and objects that are JSON only at first sight, or that a parser stumbles over."""

import json
from collections import UserDict
from types import MappingProxyType
from typing import Any

import pytest

from account_lifecycle.errors import PayloadError
from intake.samples import NOON, as_bytes, filled_up_to, nested, notification, read, refusal, webhook

LONG_NUMBER = b"9" * 5_000

# ---- Not JSON -------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b" ", b"\n\r\t ", "", "  "])
def test_an_empty_body_is_called_empty(data: bytes | str) -> None:
    error = refusal(data)

    assert error.field == "payload"
    assert "empty" in error.found


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_json_in_a_wider_encoding_is_refused_by_its_name(encoding: str) -> None:
    error = refusal(json.dumps(webhook()).encode(encoding))

    assert error.field == "payload"
    assert "UTF-16" in error.found


@pytest.mark.parametrize(
    "data",
    [
        as_bytes(webhook())[:-1],
        as_bytes(webhook()) + b"x",
        as_bytes(webhook()) * 2,
        as_bytes(webhook()).replace(b'"', b"'"),
        b'{"status": "OK", "account_id": "a",}',
        b'{"status": "OK" "account_id": "a"}',
        b'{status: "OK", account_id: "a"}',
        b"account_id=a&status=OK",
        b"<html><body>502 Bad Gateway</body></html>",
        b'{"status": "O\x00K", "account_id": "a"}',
        b'{"status": "O\nK", "account_id": "a"}',
        b'\x00{"status": "OK", "account_id": "a"}',
        b'{"status": "OK", "account_id": "\xff\xfe"}',
        b'{"status": "OK", "account_id": "\xc0\xaf"}',
        b'{"status": "OK", "account_id": "\xed\xa0\x80"}',
        b'{"status": "OK", "account_id": "a", "note": "\xe9"}',
        b'{"status": "OK", "account_id": "a", "note": \'\'}',
        b'{"status": "OK", "account_id": "a", "note": 01}',
        b'{"status": "OK", "account_id": "a", "note": undefined}',
    ],
)
def test_what_is_not_json_is_refused_as_a_whole(data: bytes) -> None:
    assert refusal(data).field == "payload"


@pytest.mark.parametrize("count", [2, 1_000, 20_000])
def test_many_byte_order_marks_are_no_more_than_bad_input(count: int) -> None:
    assert refusal(b"\xef\xbb\xbf" * count).field == "payload"


@pytest.mark.parametrize("value", [b"NaN", b"Infinity", b"-Infinity", b"1e999"])
@pytest.mark.parametrize("field", [b"status", b"account_id", b"name"])
def test_a_number_that_is_none_is_refused_in_a_known_field(field: bytes, value: bytes) -> None:
    fields = {b"status": b'"RECONNECTED"', b"account_id": b'"a"', field: value}
    data = b"{" + b",".join(b'"%s":%s' % pair for pair in fields.items()) + b"}"

    assert refusal(data).field in (field.decode(), "payload")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**5_000], ids=["nan", "inf", "5000-digits"])
def test_a_number_beyond_json_is_refused_in_a_known_field_of_an_object(value: float) -> None:
    assert refusal(webhook(account_id=value)).field in ("AccountStatus.account_id", "payload")


def test_a_number_of_5000_digits_is_refused_in_a_known_field() -> None:
    assert refusal(b'{"status":"RECONNECTED","account_id":' + LONG_NUMBER + b"}").field in ("account_id", "payload")


def test_a_number_of_5000_digits_elsewhere_breaks_nothing() -> None:
    data = b'{"status":"RECONNECTED","account_id":"a","n":' + LONG_NUMBER + b"}"

    assert kept_or_refused(data) in (data, None)


# ---- Nesting ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [1_000, 10_000, 30_000])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_bytes_that_are_nested_beyond_reason_are_refused(depth: int, opening: bytes, closing: bytes) -> None:
    deep = opening * depth + b"1" + closing * depth

    assert refusal(b'{"status":"RECONNECTED","account_id":"a","n":' + deep + b"}").field == "payload"
    assert refusal(deep).field == "payload"
    assert refusal(opening * depth).field == "payload"


def test_100000_brackets_are_refused() -> None:
    assert refusal(b"[" * 100_000).field == "payload"


@pytest.mark.parametrize("depth", [10_000, 100_000])
def test_an_object_that_is_nested_beyond_reason_is_refused(depth: int) -> None:
    deep = nested(depth)
    fields: list[str] = []
    for payload in (deep, webhook(deep), webhook(reason=deep), notification(reason=deep), {"AccountStatus": deep}):
        try:
            read(payload)
        except PayloadError as error:  # pytest.raises would show the payload, which cannot be shown
            fields.append(error.field)

    assert len(fields) == 5


def test_reasonable_nesting_is_kept() -> None:
    data = as_bytes(webhook(reason=nested(50)))

    assert read(data).payload == data


# ---- Lone surrogates --------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["account_id", "account_type", "message", "product"])
@pytest.mark.parametrize("form", ["object", "text", "escape"])
def test_half_a_character_is_refused_in_a_known_field(field: str, form: str) -> None:
    payload = webhook(**{field: "a\ud83d"})
    forms = {"object": payload, "text": json.dumps(payload, ensure_ascii=False), "escape": json.dumps(payload)}

    assert refusal(forms[form]).field in (f"AccountStatus.{field}", "payload")


@pytest.mark.parametrize("convert", [dict, as_bytes], ids=["object", "escape"])
def test_half_a_character_is_refused_in_your_user_id(convert: Any) -> None:
    assert refusal(convert(notification(name="\ud83d"))).field in ("name", "payload")


def test_a_whole_character_in_two_escapes_is_read() -> None:
    assert read(b'{"status":"RECONNECTED","account_id":"\\ud83d\\ude42"}').account_id == "🙂"


# ---- The same key twice -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b'{"status":"RECONNECTED","account_id":"a","status":"RECONNECTED"}',
        b'{"AccountStatus":{"account_id":"a","account_id":"a","message":"OK"}}',
        b'{"status":"RECONNECTED","account_id":"a","acc\\u006funt_id":"a"}',
        b'{"AccountStatus":{"account_id":"a","message":"OK","product":null,"product":null}}',
    ],
)
def test_a_field_that_is_given_twice_alike_is_read(data: bytes) -> None:
    event = read(data)

    assert (event.account_id, event.status in ("OK", "RECONNECTED"), event.payload) == ("a", True, data)


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b'{"status":"RECONNECTED","account_id":"a","status":"DELETED"}', "status"),
        (b'{"status":"RECONNECTED","account_id":"a","account_id":"b"}', "account_id"),
        (b'{"status":"RECONNECTED","account_id":"a","name":"c","name":"d"}', "name"),
        (b'{"status":"RECONNECTED","account_id":"a","acc\\u006funt_id":"b"}', "account_id"),
        (b'{"AccountStatus":{"account_id":"a","account_id":"b","message":"OK"}}', "AccountStatus.account_id"),
        (b'{"AccountStatus":{"account_id":"a","message":"OK","message":"ERROR"}}', "AccountStatus.message"),
        (
            b'{"AccountStatus":{"account_id":"a","message":"OK","account_type":"X","account_type":"IMAP"}}',
            "AccountStatus.account_type",
        ),
        (
            b'{"AccountStatus":{"account_id":"a","message":"OK","product":"c","product":"d"}}',
            "AccountStatus.product",
        ),
        (
            b'{"AccountStatus":{"account_id":"a","message":"OK"},"AccountStatus":{"account_id":"b","message":"OK"}}',
            "AccountStatus",
        ),
        (b'{"AccountStatus":{"account_id":"a","message":"OK","product":"c","product":null}}', "AccountStatus.product"),
        (b'{"AccountStatus":{"account_id":"a","message":null,"message":"OK"}}', "AccountStatus.message"),
    ],
)
def test_a_field_that_is_given_twice_differently_is_refused(data: bytes, field: str) -> None:
    assert refusal(data).field == field


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (
            b'{"AccountStatus":{"account_id":"a","account_type":null,"product":null,"message":"OK","message":"DELETED"}}',
            "AccountStatus.message",
        ),
        (
            b'{"AccountStatus":{"account_id":"a","account_id":"b","account_type":null,"product":null,"message":"OK"}}',
            "AccountStatus.account_id",
        ),
        (
            b'{"AccountStatus":{"account_id":"a","account_type":null,"message":null,"message":"OK"}}',
            "AccountStatus.message",
        ),
        (b'{"account_id":null,"status":"RECONNECTED","account_id":"a","name":null}', "account_id"),
    ],
)
def test_a_contradiction_does_not_hide_behind_fields_that_are_null(data: bytes, field: str) -> None:
    assert refusal(data).field == field


def test_a_contradiction_does_not_hide_in_an_envelope_that_is_given_twice() -> None:
    first = b'{"account_id":"a","message":"OK","message":"ERROR"}'
    second = b'{"account_id":"a","message":"ERROR"}'
    data = b'{"AccountStatus":%s,"AccountStatus":%s}' % (first, second)

    assert refusal(data).field.startswith("AccountStatus")


def test_a_number_and_its_digits_are_not_the_same() -> None:
    assert refusal(b'{"status":"RECONNECTED","account_id":1,"account_id":"1"}').field == "account_id"


@pytest.mark.parametrize(
    "data",
    [
        b'{"status":"RECONNECTED","account_id":"a","x":1,"x":2}',
        b'{"AccountStatus":{"account_id":"a","message":"OK","reason":"b","reason":"c"},"x":[],"x":{}}',
        b'{"status":"RECONNECTED","account_id":"a","x":{"status":"RECONNECTED","status":"ERROR"}}',
    ],
)
def test_an_unknown_key_may_be_given_twice(data: bytes) -> None:
    assert read(data).payload == data


# ---- Objects, and what the ledger keeps of them -------------------------------------------------------


def kept_or_refused(payload: Any) -> bytes | None:
    """What is kept of a payload, having been read again to the same end; None if it is refused."""
    try:
        event = read(payload)
    except PayloadError:
        return None
    assert read(event.payload) == event, "what is kept says something else"
    return event.payload


class Shy:
    """An object that will not be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("not today")


def a_circle() -> dict[str, Any]:
    circle: dict[str, Any] = webhook()
    circle["itself"] = circle
    return circle


A_WEBHOOK: dict[Any, Any] = webhook()
ODD_OBJECTS: list[Any] = [
    pytest.param(MappingProxyType(A_WEBHOOK), id="a-mapping-that-is-no-dict"),
    pytest.param(UserDict(A_WEBHOOK), id="a-mapping-of-another-class"),
    pytest.param({"AccountStatus": MappingProxyType(A_WEBHOOK["AccountStatus"])}, id="a-mapping-inside"),
    pytest.param(webhook(reason=MappingProxyType({"a": 1})), id="a-mapping-in-an-unknown-key"),
    pytest.param(a_circle(), id="a-circle"),
    pytest.param(A_WEBHOOK | {("a", "tuple"): 1}, id="a-key-that-is-a-tuple"),
    pytest.param(A_WEBHOOK | {7: 1, None: 2, True: 3}, id="keys-that-json-makes-text"),
    pytest.param(webhook(reason={1, 2}), id="a-set"),
    pytest.param(webhook(reason=NOON), id="a-datetime"),
    pytest.param(webhook(reason=b"\xff"), id="bytes"),
    pytest.param(webhook(reason="\ud83d"), id="half-a-character"),
    pytest.param({**webhook(), "\ud83d": 1}, id="half-a-character-in-a-key"),
    pytest.param(webhook(reason=10**5_000), id="5000-digits"),
    pytest.param(webhook(reason=float("nan")), id="nan"),
    pytest.param(webhook(reason=Shy()), id="an-object-that-will-not-be-shown"),
]


@pytest.mark.parametrize("payload", ODD_OBJECTS)
def test_an_object_is_refused_or_kept_so_that_it_can_be_read_again(payload: Any) -> None:
    kept_or_refused(payload)


def test_an_object_without_any_representation_is_refused() -> None:
    assert refusal([Shy()]).field == "payload"


def test_a_large_payload_with_nothing_but_quotation_marks_is_read() -> None:
    data = as_bytes(webhook(reason='"' * 30_000))

    assert read(data).payload == data
    assert read(filled_up_to(60_000)).status == "OK"

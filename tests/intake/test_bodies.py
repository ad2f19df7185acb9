"""The bodies of live requests: what is in them, and what is never searched for there."""

import gzip
import json
import zlib
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from account_lifecycle.errors import PayloadError
from account_lifecycle.intake.bodies import MAX_BODY_BYTES, read_body
from intake.samples import as_bytes, notification, read, refusal, webhook

HOOK, NOTE = webhook("CREDENTIALS"), notification("CREATION_SUCCESS")
FORM = {f"AccountStatus[{key}]": value for key, value in HOOK["AccountStatus"].items()}


@pytest.mark.parametrize("payload", [HOOK, NOTE])
def test_json_is_read_byte_for_byte(payload: dict[str, Any]) -> None:
    assert read_body(as_bytes(payload)) == [as_bytes(payload)]
    assert read_body(as_bytes(payload), {"Content-Type": "application/x-www-form-urlencoded"}) == [as_bytes(payload)]


@pytest.mark.parametrize("times", [1, 2, 3])
def test_json_in_text_is_read(times: int) -> None:
    body = json.dumps(HOOK)
    for _ in range(times):
        body = json.dumps(body)

    assert read_body(body.encode()) == [as_bytes(HOOK)]


def test_an_array_is_several_events() -> None:
    assert read_body(b"[" + as_bytes(HOOK) + b" , " + as_bytes(NOTE) + b"]") == [as_bytes(HOOK), as_bytes(NOTE)]
    assert read_body(json.dumps([json.dumps(HOOK)]).encode()) == [as_bytes(HOOK)]


def test_a_form_is_read_with_brackets_in_its_keys() -> None:
    assert [json.loads(payload) for payload in read_body(urlencode(FORM).encode())] == [HOOK]
    assert [json.loads(payload) for payload in read_body(urlencode(NOTE).encode())] == [NOTE]


@pytest.mark.parametrize("field", ["payload", "body", "data"])
def test_a_form_may_carry_json_in_a_field(field: str) -> None:
    assert read_body(urlencode({field: json.dumps(HOOK), "more": "x"}).encode()) == [as_bytes(HOOK)]


@pytest.mark.parametrize("name", ["Content-Encoding", "content-encoding"])
def test_a_packed_body_is_read_if_the_request_says_so_and_else_is_named(name: str) -> None:
    packed = gzip.compress(as_bytes(HOOK))

    assert read_body(packed, {name: "gzip"}) == [as_bytes(HOOK)]
    assert read_body(zlib.compress(as_bytes(HOOK)), {name: "deflate"}) == [as_bytes(HOOK)]
    (payload,) = read_body(packed)
    assert "gzip" in refusal(payload).found


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzip.compress(b" " * (MAX_BODY_BYTES + 1)), "gzip"),
        (gzip.compress(as_bytes(HOOK))[:-9], "gzip"),
        (as_bytes(HOOK), "gzip"),
        (as_bytes(HOOK), "br"),
        (b" " * (MAX_BODY_BYTES + 1), ""),
        (b"[" + b",".join([b"{}"] * 1_001) + b"]", ""),
    ],
    ids=["a bomb", "cut", "not packed", "unknown", "too long", "too many"],
)
def test_a_body_that_cannot_be_unpacked_is_refused(body: bytes, encoding: str) -> None:
    with pytest.raises(PayloadError) as caught:
        read_body(body, {"Content-Encoding": encoding})

    assert caught.value.field == "payload"
    assert caught.value.payload == body[: 64 * 1024]


@pytest.mark.parametrize(
    "body",
    [
        as_bytes({"body": json.dumps(HOOK)}), as_bytes({"payload": HOOK}), b"", b"null", b"7", b"[]", b"hello", b"a=b",
        b"x y=1", b'["', b"AccountStatus[account_id]=a&AccountStatus[account_id]=b&AccountStatus[message]=OK",
        b"AccountStatus=a&AccountStatus[message]=OK", b"\xff\xfe", b"[[]]",
    ],
)  # fmt: skip
def test_what_is_wrapped_or_no_payload_is_handed_on_and_refused(body: bytes) -> None:
    for payload in read_body(body):
        assert refusal(payload).field


def test_the_two_events_of_an_array_are_two_accounts() -> None:
    body = as_bytes([webhook("CREDENTIALS", account_id="a"), webhook("OK", account_id="b")])

    assert [(event.account_id, event.status) for event in map(read, read_body(body))] == [
        ("a", "CREDENTIALS"),
        ("b", "OK"),
    ]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | st.text('[]{}"\\,:=&%a ', max_size=60).map(str.encode))
def test_any_body_is_payloads_or_is_handed_on(body: bytes) -> None:
    assert all(isinstance(payload, bytes) for payload in read_body(body))

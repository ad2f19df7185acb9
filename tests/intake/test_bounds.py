"""How long a field may be: as long as what is remembered of it, and the refusal of a longer one names it."""

import json

import pytest

from account_lifecycle.engine.observations import Observation, observed
from account_lifecycle.errors import ConfigurationError
from account_lifecycle.intake.bodies import read_body
from account_lifecycle.intake.dialects import TableRow
from account_lifecycle.intake.payloads import parse
from account_lifecycle.lifecycle.events import MAX_CHARACTERS
from intake.samples import NOON, as_bytes, notification, read, refusal, webhook

LETTERS = ["a", "é", "中", "🙂", '"', "\\"]
FIELDS = ["account_id", "account_type", "message", "product"]


@pytest.mark.parametrize("letter", LETTERS)
@pytest.mark.parametrize("field", FIELDS)
def test_a_field_of_a_webhook_may_have_256_characters_and_no_more(field: str, letter: str) -> None:
    assert read(as_bytes(webhook(**{field: f" {letter * 256}\n"})))  # as it is compared: stripped

    for payload in (webhook(**{field: letter * 257}), as_bytes(webhook(**{field: letter * 257}))):
        error = refusal(payload)
        assert (error.field, error.found) == (f"AccountStatus.{field}", "257 characters")
        assert error.expected == "at most 256 characters"


@pytest.mark.parametrize("letter", LETTERS)
def test_a_name_of_a_notification_may_have_256_characters_and_no_more(letter: str) -> None:
    assert read(as_bytes(notification(name=letter * 256))).owner == letter * 256
    assert refusal(as_bytes(notification(name=letter * 257))).field == "name"


def test_a_name_that_is_a_number_may_have_256_digits_and_no_more() -> None:
    data = b'{"status": "RECONNECTED", "account_id": "a", "name": %s}'
    assert read(data % (b"9" * 256)).owner == "9" * 256
    assert refusal(data % (b"9" * 257)).field == "name"
    assert refusal(data % (b"9" * 60_000)).field in ("name", "payload")


@pytest.mark.parametrize("field", ["account_type", "message", "product"])
def test_a_word_is_measured_as_it_is_compared_which_may_be_longer_than_it_was_written(field: str) -> None:
    for letter, longer in (("ΐ", 3), ("ﬃ", 3)):  # in upper case, or case-folded, they are three letters
        assert read(as_bytes(webhook(**{field: letter * (256 // longer)})))
        for data in (as_bytes(webhook(**{field: letter * 86})), json.dumps(webhook(**{field: letter * 86}))):
            assert refusal(data).field == f"AccountStatus.{field}"
        bare = json.dumps(
            {"AccountStatus": {"account_id": "a", "message": "OK", field: letter * 86}}, ensure_ascii=False
        )
        assert refusal(bare.encode()).field == f"AccountStatus.{field}"


@pytest.mark.parametrize("name", ["account_id", "provider", "status", "product", "name"])
def test_a_column_of_a_table_may_have_256_characters_and_no_more(name: str) -> None:
    row = TableRow("a", "LINKEDIN", "SYNC_SUCCESS", "recruiter", "user-1", "no reason")
    assert parse(row._replace(**{name: "x" * 256}), NOON)
    assert refusal(row._replace(**{name: "x" * 257})).field == name


def test_a_reason_only_remarks_on_an_event_so_a_long_one_is_cut_where_everybody_sees_it() -> None:
    assert read(webhook("ERROR", reason=" " + "x" * 256)).reason == "x" * 256
    event = read(webhook("ERROR", reason="x" * 255 + "yz"))
    assert event.reason == "x" * 255 + "…"
    assert len(event.reason) == MAX_CHARACTERS
    assert b"xyz" in event.payload, "the payload has all of it"


@pytest.mark.parametrize("name", ["account_id", "provider", "owner"])
def test_an_observation_has_the_same_limits_and_is_the_callers_fault(name: str) -> None:
    observation = Observation("a", "OK", NOON, "LINKEDIN", "user-1")
    assert observed(observation._replace(**{name: "x" * 256}), NOON)
    with pytest.raises(ConfigurationError, match=name):
        observed(observation._replace(**{name: "x" * 257}), NOON)


# ---- What is large in another way ---------------------------------------------------------------------------

DEEP = 30_000


@pytest.mark.parametrize(
    "value",
    ["[" * DEEP + "]" * DEEP, '{"a":' * 10_000 + "1" + "}" * 10_000, "9" * 60_000, "1e" + "9" * 60_000],
    ids=["deep arrays", "deep objects", "a huge number", "a huge exponent"],
)
@pytest.mark.parametrize("place", ['{"AccountStatus": %s}', '{"AccountStatus": {"account_id": %s, "message": "OK"}}'])
def test_what_no_field_can_be_is_refused_however_large_it_is(place: str, value: str) -> None:
    error = refusal(place.replace("%s", value))
    assert len(str(error)) < 500
    assert error.payload == place.replace("%s", value).encode()


@pytest.mark.parametrize(
    "value", ["[" + "[]," * 20_000 + "0]", "[" + "{}," * 20_000 + "0]", '["' + "é" * 30_000 + '"]']
)
def test_a_large_value_in_a_key_that_is_not_known_does_no_harm(value: str) -> None:
    payload = '{"AccountStatus": {"account_id": "a", "message": "OK"}, "more": ' + value + "}"
    assert read(payload).status == "OK"


def test_an_array_of_too_many_elements_is_refused_before_any_of_them_is_looked_at() -> None:
    for body in (b"[" + b"1," * 400_000 + b"1]", json.dumps("[" + "1," * 2_000 + "1]").encode()):
        with pytest.raises(ValueError, match="at most 1,000"):
            read_body(body)


@pytest.mark.parametrize(
    "body", [b"[" * 1_000_000, b'{"a":' * 200_000, b'"' + b"\\" * 500_000 + b'"', b"[" + b"9" * 900_000 + b"]"]
)
def test_a_body_that_is_absurd_is_one_unreadable_payload(body: bytes) -> None:
    (payload,) = read_body(body)
    assert refusal(payload).field == "payload"


def test_a_payload_with_nothing_but_known_keys_repeated_is_read_in_bounds() -> None:
    known = '{"AccountStatus": {"account_id": "a", "message": "OK"' + ', "product": "p"' * 4_000 + "}}"
    assert read(known).product == "p"

"""Payloads that cannot be read: each refusal names the field, what was there and what would be right."""

import pickle
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from intake.samples import LIMIT, MISSING, NOON, as_bytes, filled_up_to, notification, read, refusal, webhook

WRONG_TYPES = [(7, "number"), (-1.5, "number"), (True, "true"), (False, "false"), ([], "array"), ({}, "object")]
NOTHING_THERE = [(MISSING, "nothing"), (None, "nothing"), ("", "blank"), (" \t\n", "blank"), ("\u00a0\u3000", "blank")]


def in_webhook(field: str, value: Any) -> dict[str, Any]:
    return webhook(**{field: value})


def in_notification(field: str, value: Any) -> dict[str, Any]:
    return notification(**{field: value})


REQUIRED = [
    (in_webhook, "account_id"),
    (in_webhook, "message"),
    (in_notification, "account_id"),
    (in_notification, "status"),
]
OPTIONAL = [(in_webhook, "account_type"), (in_webhook, "product"), (in_notification, "name")]


@pytest.mark.parametrize(("build", "field"), REQUIRED)
@pytest.mark.parametrize(("value", "found"), [*NOTHING_THERE, *WRONG_TYPES])
def test_a_required_field_must_be_there_and_be_text(build: Any, field: str, value: Any, found: str) -> None:
    _refused_alike(build(field, value), field, found)


@pytest.mark.parametrize(("build", "field"), OPTIONAL)
@pytest.mark.parametrize(("value", "found"), WRONG_TYPES)
def test_an_optional_field_must_be_text_if_it_is_there(build: Any, field: str, value: Any, found: str) -> None:
    _refused_alike(build(field, value), field, found)


def _refused_alike(payload: dict[str, Any], field: str, found: str) -> None:
    """As an object or as bytes: the field is named with its place, and the message has all there is to know."""
    place = f"AccountStatus.{field}" if "AccountStatus" in payload else field
    for error in (refusal(payload), refusal(as_bytes(payload))):
        assert error.field == place
        assert found in error.found
        assert error.expected
        assert all(fact in str(error) for fact in (error.field, error.found, error.expected))


@pytest.mark.parametrize("separator", ["\x1c", "\x1d", "\x1e", "\x1f"], ids=ascii)
def test_what_python_takes_for_space_is_blank_too(separator: str) -> None:
    assert refusal(webhook(separator)).field == "AccountStatus.message"
    assert read(webhook(f"OK{separator}")).status == "OK"
    assert read(webhook(account_type=separator)).provider is None


@pytest.mark.parametrize(("value", "found"), [*WRONG_TYPES[:-1], ("text", "text")])
def test_the_envelope_must_be_an_object(value: Any, found: str) -> None:
    for error in (refusal({"AccountStatus": value}), refusal(as_bytes({"AccountStatus": value}))):
        assert error.field == "AccountStatus"
        assert found in error.found


@pytest.mark.parametrize("payload", [{}, {"accountstatus": {}}, {"name": "user-7"}, {"hello": "world"}])
def test_an_object_in_neither_format_is_refused_as_a_whole(payload: dict[str, Any]) -> None:
    assert refusal(payload).field == refusal(as_bytes(payload)).field == "payload"


@pytest.mark.parametrize("data", [b"[]", b"[{}]", b"null", b"7", b'"OK"', b"true", b"1e400"])
def test_json_that_is_no_object_is_refused_as_a_whole(data: bytes) -> None:
    assert refusal(data).field == "payload"


@pytest.mark.parametrize("payload", [None, [], [webhook()], 7, 1.5, True, object(), (webhook(),), {"status"}, NOON])
def test_what_is_no_payload_at_all_is_refused_as_a_whole(payload: object) -> None:
    assert refusal(payload).field == "payload"


@pytest.mark.parametrize("value", [b"OK", Decimal(1), NOON, ("OK",), object(), {"OK"}], ids=lambda v: type(v).__name__)
def test_a_field_that_json_does_not_know_is_refused(value: object) -> None:
    assert refusal(webhook(value)).field == "AccountStatus.message"


# ---- Limits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("letter", ["a", "é", "中", "🙂"])
def test_an_account_id_may_have_256_characters_and_no_more(letter: str) -> None:
    assert read(as_bytes(webhook(account_id=letter * 256))).account_id == letter * 256

    for payload in (webhook(account_id=letter * 257), notification(account_id=letter * 257)):
        for error in (refusal(payload), refusal(as_bytes(payload))):
            assert error.field.endswith("account_id")
            assert "257" in error.found
            assert "256" in error.expected


CONTROLS = ["\x00", "\x07", "\t", "\n", "\r", "\x1b", "\x1f", "\x7f", "\x80", "\x85", "\x9f"]
INVISIBLES = ["\u200b", "\u200e", "\u202e", "\u2028", "\u2066", "\ufeff"]


@pytest.mark.parametrize("character", [*CONTROLS, *INVISIBLES], ids=ascii)
@pytest.mark.parametrize("pattern", ["{}", "a{}b", "a{}", "{}a"])
def test_an_account_id_has_no_characters_that_cannot_be_seen(character: str, pattern: str) -> None:
    account_id = pattern.format(character)

    for payload in (webhook(account_id=account_id), notification(account_id=account_id)):
        for error in (refusal(payload), refusal(as_bytes(payload))):
            assert error.field.endswith("account_id")
            assert character not in str(error)


def test_a_payload_may_have_64_kib_and_not_a_byte_more() -> None:
    assert len(read(filled_up_to(LIMIT)).payload) == LIMIT

    error = refusal(filled_up_to(LIMIT + 1))
    assert (error.field, error.size, len(error.payload)) == ("payload", LIMIT + 1, LIMIT)
    assert "65,537" in error.found


@pytest.mark.parametrize("convert", [bytearray, memoryview, bytes.decode], ids=lambda c: c.__name__)
def test_the_limit_is_the_same_for_every_form_of_bytes(convert: Any) -> None:
    assert read(convert(filled_up_to(LIMIT))).account_id == "acc"
    assert refusal(convert(filled_up_to(LIMIT + 1))).size == LIMIT + 1


def test_the_limit_counts_bytes_and_not_characters() -> None:
    text = '{"status":"OK","account_id":"a","note":"' + "中" * 30_000 + '"}'

    assert len(text) < LIMIT < len(text.encode())
    assert refusal(text).size == len(text.encode())


def test_an_object_is_measured_as_the_json_that_it_would_be() -> None:
    error = refusal(webhook(padding="x" * LIMIT))

    assert error.field == "payload"
    assert error.size > LIMIT
    assert len(error.payload) == LIMIT


# ---- The time of arrival ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "received_at",
    [None, "2026-05-01T12:00:00Z", 1_777_636_800, date(2026, 5, 1), NOON.replace(tzinfo=None), NOON.timetz()],
    ids=lambda value: type(value).__name__,
)
def test_a_time_of_arrival_must_be_a_moment(received_at: object) -> None:
    assert refusal(webhook(), received_at).field == "received_at"


def test_a_naive_time_of_arrival_is_refused_because_it_lacks_a_time_zone() -> None:
    assert "time zone" in refusal(webhook(), datetime(2026, 5, 1)).found


@pytest.mark.parametrize(
    "received_at",
    [
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-5))),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=5))),
    ],
    ids=["after-the-last-moment", "before-the-first"],
)
def test_a_time_of_arrival_that_utc_cannot_tell_is_refused(received_at: datetime) -> None:
    assert refusal(webhook(), received_at).field == "received_at"


# ---- What a refusal carries -------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"nonsense", b"\xff\x00\x80", as_bytes(webhook(7)), b"[" * 70_000])
def test_a_refusal_keeps_what_came_byte_for_byte_up_to_the_limit(data: bytes) -> None:
    for form in (data, bytearray(data), memoryview(data)):
        error = refusal(form)
        assert (error.payload, error.size) == (data[:LIMIT], len(data))


def test_a_refusal_shortens_and_escapes_what_it_shows() -> None:
    error = refusal(webhook(account_id="\x1b[31m" + "x" * 200))

    assert error.found.startswith(r"'\x1b[31m")
    assert len(error.found) < 100


@pytest.mark.parametrize("worst", ["\U000e0001", "\U0010ffff", "\x1b", "中", "'", "\\"], ids=ascii)
def test_a_message_stays_short_whatever_it_has_to_show(worst: str) -> None:
    for payload in (
        webhook(account_id=worst * 256 + "\x00"),
        notification(worst * 1000, account_id="\x00"),
        worst * 200,
    ):
        message = str(refusal(payload))
        assert len(message) < 500
        assert message.isprintable()


def test_a_refusal_is_a_value_error_with_its_reason() -> None:
    error = refusal(webhook(None))

    assert isinstance(error, ValueError)
    assert str(error) == error.reason


def test_a_refusal_says_under_which_number_it_is_kept() -> None:
    error = refusal(webhook(None))
    error.quarantine_id = 17

    assert "17" in str(error)
    assert error.reason in str(error)


def test_a_refusal_crosses_the_border_of_a_process() -> None:
    error = refusal(webhook(None))
    copy = pickle.loads(pickle.dumps(error))

    assert (str(copy), copy.payload, copy.size) == (str(error), error.payload, error.size)

"""Payloads that cannot be read: each refusal names the field, what was there and what would be right."""

import pickle
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from hashlib import sha256
from itertools import product
from typing import Any

import pytest

from account_lifecycle.errors import ConfigurationError
from account_lifecycle.intake import quarantine
from account_lifecycle.intake.payloads import parse
from account_lifecycle.intake.times import arrival
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
NUMBERS = [7, -1.5]


@pytest.mark.parametrize(("build", "field"), REQUIRED)
@pytest.mark.parametrize(("value", "found"), [*NOTHING_THERE, *WRONG_TYPES])
def test_a_required_field_must_be_there_and_be_text(build: Any, field: str, value: Any, found: str) -> None:
    _refused_alike(build(field, value), field, found)


@pytest.mark.parametrize(("build", "field"), OPTIONAL)
@pytest.mark.parametrize(("value", "found"), WRONG_TYPES)
def test_an_optional_field_must_be_text_if_it_is_there(build: Any, field: str, value: Any, found: str) -> None:
    if field == "name" and value in NUMBERS and not isinstance(value, bool):
        return  # the one that may be a number
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


@pytest.mark.parametrize("data", [b"[]", b"[{}]", b"null", b"7", b'"RECONNECTED"', b"true", b"1e400"])
def test_json_that_is_no_object_is_refused_as_a_whole(data: bytes) -> None:
    assert refusal(data).field == "payload"


@pytest.mark.parametrize("payload", [None, [], [webhook()], 7, 1.5, True, (webhook(),)])
def test_a_body_that_is_no_object_is_refused_as_a_whole(payload: object) -> None:
    assert refusal(payload).field == "payload"


@pytest.mark.parametrize("payload", [object(), {"status"}, NOON, Decimal(1), print], ids=lambda v: type(v).__name__)
def test_what_is_no_body_at_all_is_a_fault_of_the_caller(payload: Any) -> None:
    with pytest.raises(ConfigurationError, match="payload"):
        parse(payload, NOON)


@pytest.mark.parametrize("value", [b"OK", Decimal(1), NOON, ("OK",), object(), {"OK"}], ids=lambda v: type(v).__name__)
def test_a_field_that_json_does_not_know_is_refused(value: object) -> None:
    assert refusal(webhook(value)).field == "AccountStatus.message"


# ---- Limits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("letter", ["a", "é", "中", "🙂"])
def test_an_account_id_may_have_256_characters_and_no_more(letter: str) -> None:
    assert read(as_bytes(webhook(account_id=f" {letter * 256} "))).account_id == letter * 256

    for payload in (webhook(account_id=letter * 257), notification(account_id=letter * 257)):
        for error in (refusal(payload), refusal(as_bytes(payload))):
            assert error.field.endswith("account_id")
            assert "257" in error.found
            assert "256" in error.expected


CONTROLS = ["\x00", "\x07", "\x1b", "\x7f", "\x80", "\x9f"]
SPACES = ["\t", "\n", "\r", "\x1f", "\x85", "\u2028"]
INVISIBLES = ["\u200b", "\u200e", "\u202e", "\u2066", "\ufeff"]


@pytest.mark.parametrize(
    ("character", "pattern"),
    [
        *product([*CONTROLS, *INVISIBLES], ["{}", "a{}b", "a{}", "{}a"]),
        *product(SPACES, ["{}", "a{}b"]),  # at its ends they are stripped
    ],
)
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
    text = '{"status":"RECONNECTED","account_id":"a","note":"' + "中" * 30_000 + '"}'

    assert len(text) < LIMIT < len(text.encode())
    assert refusal(text).size == len(text.encode())


def test_an_object_is_measured_as_the_json_that_it_would_be() -> None:
    error = refusal(webhook(padding="x" * LIMIT))

    assert error.field == "payload"
    assert error.size > LIMIT
    assert len(error.payload) == LIMIT


# ---- The time of arrival ----------------------------------------------------------------------------

FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "received_at",
    [
        *(None, 1_777_636_800, date(2026, 5, 1), NOON.replace(tzinfo=None), NOON.timetz()),
        *(FIRST.replace(tzinfo=timezone(timedelta(hours=5))), LAST.replace(tzinfo=timezone(timedelta(hours=-5)))),
    ],
    ids=["None", "number", "date", "naive", "time", "before the first moment", "after the last"],
)
def test_a_time_of_arrival_that_is_no_moment_is_a_fault_of_the_caller(received_at: Any) -> None:
    with pytest.raises(ConfigurationError, match="received_at"):
        parse(webhook(), received_at)


def test_a_time_of_arrival_may_be_a_day_ahead_of_the_clock_and_no_more() -> None:
    day = timedelta(days=1)

    assert arrival("received_at", NOON + day, NOON) == NOON + day
    assert arrival("received_at", datetime(2026, 5, 1, 14, tzinfo=timezone(timedelta(hours=2))), NOON) == NOON
    with pytest.raises(ConfigurationError, match="received_at"):
        arrival("received_at", NOON + day + timedelta(microseconds=1), NOON)
    with pytest.raises(ConfigurationError, match="received_at"):
        arrival("received_at", "2026-05-01T12:00:00Z", NOON)  # type: ignore[arg-type]


def test_text_in_place_of_a_time_is_the_fault_of_a_log() -> None:
    assert refusal(webhook(), "yesterday").field == "received_at"


# ---- Other kinds of webhook ---------------------------------------------------------------------------

FOREIGN = [
    ("a v2 event", {"id": "evt_2", "account_id": "acc_1", "type": "account.status.disconnected", "payload": {}}),
    ("a message webhook", {"event": "message_received", "account_id": "acc_1", "message": "hello", "chat_id": "c"}),
    ("a message webhook", {"event": "MESSAGE_REACTION", "account_id": " acc_1 ", "status": "OK"}),
    ("a mail webhook", {"event": "mail_received", "account_id": "acc_1", "body": "hello" * 20_000}),
    ("a calendar webhook", {"event": "calendar_event_created", "account_id": "acc_1"}),
    ("a relations webhook", {"event": "new_relation", "account_id": "acc_1"}),
]


@pytest.mark.parametrize(("kind", "payload"), FOREIGN, ids=lambda value: value if isinstance(value, str) else "")
def test_another_kind_of_webhook_is_refused_by_name_and_comes_without_its_text(kind: str, payload: Any) -> None:
    data = as_bytes(payload)
    error = refusal(data)

    assert (error.foreign, error.field, error.payload) == (kind, "payload", b"")
    assert kind in str(error)
    assert "hello" not in str(error)
    assert (error.account_id, error.size, error.sha256) == ("acc_1", len(data), sha256(data).hexdigest())


def test_what_goes_into_the_quarantine_of_another_kind_of_webhook_has_no_text() -> None:
    data = as_bytes(FOREIGN[1][1])
    refused = quarantine.refusal(refusal(data), NOON)

    assert (refused.payload, refused.size, refused.foreign) == (b"", len(data), "a message webhook")
    assert (refused.account_id, refused.sha256, refused.received_at) == ("acc_1", sha256(data).hexdigest(), NOON)


@pytest.mark.parametrize("account_id", [None, 7, "", " ", "a\x00b", "x" * 300])
def test_another_kind_of_webhook_need_not_name_an_account(account_id: Any) -> None:
    named = refusal({"event": "message_read", "account_id": account_id}).account_id

    assert named is None or 0 < len(named) <= 256


def test_a_status_webhook_is_never_taken_for_another_kind() -> None:
    assert read({"event": "message_received", "type": "account.status", **webhook()}).status == "OK"
    error = refusal({"event": "message_received", **webhook(7)})
    assert (error.foreign, error.field) == ("", "AccountStatus.message")


def test_an_event_of_a_kind_that_is_not_known_is_kept_whole() -> None:
    error = refusal(as_bytes({"event": "something", "text": "hello"}))

    assert (error.foreign, error.payload) == ("", as_bytes({"event": "something", "text": "hello"}))


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
        assert len(message) < 550
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
    for error in (refusal(webhook(None)), refusal(FOREIGN[0][1])):
        copy = pickle.loads(pickle.dumps(error))

        assert (str(copy), copy.payload, copy.size) == (str(error), error.payload, error.size)
        assert (copy.foreign, copy.sha256, copy.account_id) == (error.foreign, error.sha256, error.account_id)

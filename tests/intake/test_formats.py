"""Both formats that the vendor sends, read: what each becomes, and what makes no difference."""

import json
from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import pytest

from account_lifecycle.intake.payloads import parse
from account_lifecycle.lifecycle.definition import ANNOUNCEMENTS
from account_lifecycle.lifecycle.events import NOBODY
from account_lifecycle.lifecycle.providers import ALIASES
from intake.samples import MISSING, NOON, as_bytes, notification, read, refusal, webhook

STATUSES = [str(status) for status in ANNOUNCEMENTS]
FAMILIES = {alias: str(family) for alias, family in ALIASES.items()}
SEEN_ON_THE_WIRE = [
    (webhook("CREDENTIALS", account_id="h_EKCy2lRLef5NzHp0iw4A"), ("CREDENTIALS", "LINKEDIN", "", None)),
    (webhook("SYNC_SUCCESS", product="classic"), ("SYNC_SUCCESS", "LINKEDIN", "classic", None)),
    (webhook("SYNC_SUCCESS", product="recruiter"), ("SYNC_SUCCESS", "LINKEDIN", "recruiter", None)),
    (webhook("CREDENTIALS", account_type="WHATSAPP", reason="Disconnected"), ("CREDENTIALS", "WHATSAPP", "", None)),
    (webhook("OK", account_type="GOOGLE_OAUTH"), ("OK", "GOOGLE", "", None)),
    (webhook("SYNC_SUCCESS", account_type="MAIL"), ("SYNC_SUCCESS", "IMAP", "", None)),
    (notification("CREATION_SUCCESS"), ("CREATION_SUCCESS", None, "", "user-7")),
    (notification("RECONNECTED"), ("RECONNECTED", None, "", "user-7")),
    (notification("CREATION_FAIL"), ("CREATION_FAIL", None, "", "user-7")),
]


@pytest.mark.parametrize(("payload", "expected"), SEEN_ON_THE_WIRE)
def test_what_the_wire_carries_is_read(payload: dict[str, Any], expected: tuple[object, ...]) -> None:
    event = read(as_bytes(payload))

    assert (event.status, event.provider, event.product, event.owner) == expected
    assert event.account_id == (payload.get("AccountStatus") or payload)["account_id"]
    assert event.received_at == NOON


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_is_read_from_a_webhook(status: str) -> None:
    assert read(webhook(status)).status == status


@pytest.mark.parametrize("spelling", ["reconnected", "Reconnected", "  RECONNECTED\n", "\treconNECTed "])
def test_case_and_surrounding_space_of_a_status_make_no_difference(spelling: str) -> None:
    assert read(webhook(spelling)).status == "RECONNECTED"
    assert read(notification(spelling)).status == "RECONNECTED"


@pytest.mark.parametrize("spelling", ["CREATION_FAILED", "CREATION_FAIL", " creation_failed "])
def test_a_creation_that_failed_has_two_spellings(spelling: str) -> None:
    assert read(webhook(spelling)).status == read(notification(spelling)).status == "CREATION_FAIL"


@pytest.mark.parametrize("spell", [str, str.lower, str.title, " {} ".format])
@pytest.mark.parametrize("alias", FAMILIES)
def test_every_account_type_is_read_as_its_family(alias: str, spell: Any) -> None:
    assert read(webhook(account_type=spell(alias))).provider == FAMILIES[alias]


@pytest.mark.parametrize("account_type", [MISSING, None, "", "  "])
def test_a_webhook_without_an_account_type_is_readable(account_type: Any) -> None:
    assert read(as_bytes(webhook(account_type=account_type))).provider is None


def test_an_account_type_or_status_that_is_unknown_is_handed_on() -> None:
    event = read(webhook(" frozen ", account_type=" MySpace "))

    assert (event.status, event.provider) == ("FROZEN", "MYSPACE")


@pytest.mark.parametrize("product", [MISSING, None, "", "  "])
def test_no_product_is_a_blank_one(product: Any) -> None:
    assert read(as_bytes(webhook("SYNC_SUCCESS", product=product))).product == ""


@pytest.mark.parametrize("product", ["Sales_Navigator", " SALES_NAVIGATOR ", "sales_navigator"])
def test_a_product_is_case_folded_and_stripped(product: str) -> None:
    assert read(webhook("SYNC_SUCCESS", product=product)).product == "sales_navigator"


def test_a_product_is_folded_and_not_merely_lowered() -> None:
    assert read(webhook("SYNC_SUCCESS", product="STRAßE")).product == "strasse"


@pytest.mark.parametrize("name", [MISSING, None, "", "  ", "\u3000"])
def test_a_notification_without_your_user_id_is_readable(name: Any) -> None:
    assert read(as_bytes(notification(name=name))).owner is None


def test_your_user_id_is_handed_back_as_it_is() -> None:
    assert read(notification(name="  Käthe #7 ")).owner == "  Käthe #7 "


@pytest.mark.parametrize("number", ["4711", "-1", "0.10", "1e3", "9" * 256])
def test_your_user_id_may_be_a_number_and_is_the_text_of_it(number: str) -> None:
    data = f'{{"name": {number}, "status": "RECONNECTED", "account_id": "a", "n": {{"name": 5}}}}'

    assert read(data).owner == number
    assert read(data.replace(', "n": {"name": 5}', "")).owner == number


def test_an_account_id_is_taken_as_it_is_but_for_the_space_around_it() -> None:
    account_id = "aBc-_.~/ ÄÖ 中文 🙂"

    for space in ("", " ", "\t", "\n", "\u00a0"):
        assert read(webhook(account_id=f"{space}{account_id}{space}")).account_id == account_id
        assert read(notification(account_id=f"{space}{account_id}{space}")).account_id == account_id


# ---- Products and reasons, wherever they stand ------------------------------------------------------


@pytest.mark.parametrize("key", ["reason", "Reason", "REASON"])
@pytest.mark.parametrize("inside", [True, False])
def test_a_reason_stands_inside_or_beside_with_its_key_in_any_case(key: str, *, inside: bool) -> None:
    data = webhook(**{key: " Disconnected "}) if inside else {**webhook(), key: " Disconnected "}

    assert read(as_bytes(data)).reason == "Disconnected"
    assert read(as_bytes({**data, "note": [{}]})).reason == "Disconnected"


@pytest.mark.parametrize("key", ["product", "Product"])
@pytest.mark.parametrize("inside", [True, False])
def test_a_product_stands_inside_or_beside_with_its_key_in_any_case(key: str, *, inside: bool) -> None:
    data = webhook("SYNC_SUCCESS", **{key: "Recruiter"}) if inside else {**webhook("SYNC_SUCCESS"), key: "Recruiter"}

    assert read(as_bytes(data)).product == "recruiter"


def test_what_stands_inside_is_better_than_what_stands_beside() -> None:
    data = {"reason": "beside", "product": "beside", **webhook(reason="inside", product="inside")}

    assert (read(data).reason, read(data).product) == ("inside", "inside")
    blank = {"reason": "beside", **webhook(reason=" ")}
    assert read(blank).reason == "beside"


@pytest.mark.parametrize("reason", [7, True, [], {}, {"reason": "x"}, None])
def test_an_event_is_not_refused_for_the_type_of_a_comment(reason: Any) -> None:
    assert read(webhook(reason=reason)).reason == ""
    assert read({**webhook(), "reason": reason, "product": reason}).reason == ""


# ---- A creation that failed before there was an account -----------------------------------------------


@pytest.mark.parametrize("account_id", [MISSING, None, "", " "])
@pytest.mark.parametrize("status", ["CREATION_FAIL", "creation_failed"])
def test_a_failed_creation_without_an_account_is_nobodys(status: str, account_id: Any) -> None:
    event = read(as_bytes(notification(status, account_id=account_id, name="user-17")))

    assert (event.account_id, event.status, event.owner) == (NOBODY, "CREATION_FAIL", "user-17")


@pytest.mark.parametrize("status", ["CREATION_SUCCESS", "RECONNECTED"])
def test_no_other_status_can_be_nobodys(status: str) -> None:
    assert refusal(notification(status, account_id=MISSING)).field == "account_id"
    assert refusal(webhook("CREATION_FAIL", account_id=MISSING)).field == "AccountStatus.account_id"


# ---- What is no notification --------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["OK", "deleted", "CREDENTIALS", "SYNC_SUCCESS", "connected", "SUCCESSFUL"])
def test_a_notification_announces_only_what_hosted_auth_ends_in(status: str) -> None:
    error = refusal(notification(status))

    assert error.field == "status"
    assert status.upper() in error.found
    assert "RECONNECTED" in error.expected


@pytest.mark.parametrize("key", ["event", "type", "object"])
@pytest.mark.parametrize("value", [None, "x", {}, 7])
def test_an_object_with_the_key_of_another_kind_is_no_notification(key: str, value: Any) -> None:
    error = refusal(as_bytes(notification(**{key: value})))

    assert error.field == "payload"
    assert f'"{key}"' in error.found


@pytest.mark.parametrize("wrap", [lambda p: p, lambda p: [p], json.dumps, lambda p: {"body": json.dumps(p)}])
def test_a_wrapper_around_a_webhook_is_no_notification(wrap: Any) -> None:
    error = refusal(as_bytes(notification("CREATION_SUCCESS", account_id="tenant-7", payload=wrap(webhook("DELETED")))))

    assert error.field == "payload"
    assert '"AccountStatus"' in error.found


# ---- What makes no difference -----------------------------------------------------------------------


def test_the_order_of_keys_makes_no_difference() -> None:
    there = b'{"AccountStatus": {"account_id": "a", "account_type": "X", "message": "OK"}}'
    back = b'{"AccountStatus": {"message": "OK", "account_type": "X", "account_id": "a"}}'

    assert replace(read(there), payload=b"") == replace(read(back), payload=b"")


EXTRAS: list[Any] = [
    "Disconnected",
    "",
    7,
    -1.5e300,
    True,
    None,
    [],
    {},
    [{"deep": [[1]]}],
    {"message": "ERROR"},
    'say "hi"',
]


@pytest.mark.parametrize("extra", EXTRAS)
def test_unknown_keys_inside_a_webhook_are_kept_and_never_refused(extra: Any) -> None:
    data = as_bytes(webhook(note=extra))

    assert read(data) == replace(read(webhook()), payload=data)


@pytest.mark.parametrize("extra", EXTRAS)
def test_unknown_keys_around_a_webhook_are_kept_and_never_refused(extra: Any) -> None:
    data = as_bytes({"event": extra, **webhook(), "version": extra})

    assert read(data) == replace(read(webhook()), payload=data)


@pytest.mark.parametrize("extra", EXTRAS)
def test_unknown_keys_of_a_notification_are_kept_and_never_refused(extra: Any) -> None:
    data = as_bytes(notification(reason=extra, message=extra, account_type=extra, product=extra))

    assert read(data) == replace(read(notification()), payload=data)


@pytest.mark.parametrize("key", ["status", "account_id", "name"])
@pytest.mark.parametrize("extra", [200, None, {"first": "Käthe"}, "CREATION_FAIL"])
def test_a_key_of_the_other_format_is_an_unknown_one(key: str, extra: Any) -> None:
    data = as_bytes({**webhook(), key: extra})

    assert read(data) == replace(read(webhook()), payload=data)


@pytest.mark.parametrize(
    "data",
    [
        b' \r\n {"status" : "RECONNECTED" ,\t"account_id":"a"}  \n',
        b'{"status":"RECONNECTED","account_id":"a","status_text":"\\"quoted\\" \\u00e9"}',
        '{"status":"RECONNECTED","account_id":"a","note":"é中🙂"}'.encode(),
        b'{"status":"\\u0052ECONNECTED","acc\\u006funt_id":"a"}',
    ],
)
def test_bytes_are_kept_exactly_as_they_came(data: bytes) -> None:
    event = read(data)

    assert (event.status, event.account_id, event.payload) == ("RECONNECTED", "a", data)


@pytest.mark.parametrize("convert", [bytes, bytearray, memoryview, bytes.decode, json.loads], ids=lambda c: c.__name__)
def test_a_payload_can_be_handed_over_in_any_of_its_forms(convert: Any) -> None:
    data = as_bytes(webhook("SYNC_SUCCESS", product="classic", note="é"))
    event = read(convert(data))

    assert replace(event, payload=b"") == replace(read(data), payload=b"")
    assert json.loads(event.payload) == json.loads(data)


def test_what_is_kept_does_not_change_with_the_buffer_it_came_in() -> None:
    buffer = bytearray(as_bytes(webhook()))
    event = read(buffer)
    buffer[:] = b"?" * len(buffer)

    assert event.payload == as_bytes(webhook())


def test_a_view_of_every_second_byte_is_read_too() -> None:
    data = as_bytes(webhook())

    assert read(memoryview(bytes(byte for pair in zip(data, data, strict=True) for byte in pair))[::2]).payload == data


def test_a_byte_order_mark_is_harmless_and_kept() -> None:
    data = b"\xef\xbb\xbf" + as_bytes(webhook())

    assert read(data) == replace(read(as_bytes(webhook())), payload=data)
    assert read("\ufeff" + json.dumps(webhook())).payload == data


# ---- The time of arrival ----------------------------------------------------------------------------


@pytest.mark.parametrize("offset_h", [-11, -5.5, 0, 1, 5.75, 14])
def test_the_time_of_arrival_is_kept_in_utc(offset_h: float) -> None:
    zone = timezone(timedelta(hours=offset_h))
    event = parse(webhook(), NOON.astimezone(zone))

    assert event.received_at == NOON
    assert event.received_at.utcoffset() == timedelta(0)
    assert event.received_at.tzinfo is NOON.tzinfo

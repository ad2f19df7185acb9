"""Both formats that the vendor sends, read: what each becomes, and what makes no difference."""

import json
from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import pytest

from account_lifecycle.intake.payloads import parse
from account_lifecycle.lifecycle.definition import ANNOUNCEMENTS
from account_lifecycle.lifecycle.providers import ALIASES
from intake.samples import MISSING, NOON, as_bytes, notification, read, webhook

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

    assert (event.status, event.provider, event.product, event.name) == expected
    assert event.account_id == (payload.get("AccountStatus") or payload)["account_id"]
    assert event.received_at == NOON


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_is_read_from_either_format(status: str) -> None:
    assert read(webhook(status)).status == status
    assert read(notification(status)).status == status


@pytest.mark.parametrize("spelling", ["credentials", "Credentials", "  CREDENTIALS\n", "\tcreDENTials "])
def test_case_and_surrounding_space_of_a_status_make_no_difference(spelling: str) -> None:
    assert read(webhook(spelling)).status == "CREDENTIALS"
    assert read(notification(spelling)).status == "CREDENTIALS"


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


@pytest.mark.parametrize("name", [MISSING, None, ""])
def test_a_notification_without_your_user_id_is_readable(name: Any) -> None:
    assert read(as_bytes(notification(name=name))).name is None


def test_your_user_id_is_handed_back_as_it_is() -> None:
    assert read(notification(name="  Käthe #7 ")).name == "  Käthe #7 "


def test_an_account_id_is_taken_as_it_is() -> None:
    assert read(webhook(account_id="aBc-_.~/ ÄÖ 中文 🙂")).account_id == "aBc-_.~/ ÄÖ 中文 🙂"


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
    data = as_bytes(webhook(reason=extra))

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
        b' \r\n {"status" : "OK" ,\t"account_id":"a"}  \n',
        b'{"status":"OK","account_id":"a","status_text":"\\"quoted\\" \\u00e9"}',
        '{"status":"OK","account_id":"a","note":"é中🙂"}'.encode(),
        b'{"status":"\\u004fK","acc\\u006funt_id":"a"}',
    ],
)
def test_bytes_are_kept_exactly_as_they_came(data: bytes) -> None:
    event = read(data)

    assert (event.status, event.account_id, event.payload) == ("OK", "a", data)


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

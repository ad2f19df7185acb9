"""Whatever is fed: it becomes an event or a ``PayloadError``, and either is fit to be kept and shown."""

import json
from dataclasses import replace
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from account_lifecycle.errors import PayloadError
from account_lifecycle.intake.payloads import parse
from account_lifecycle.lifecycle.events import NOBODY, StatusAnnounced
from intake.samples import LIMIT, NOON, as_bytes, notification, webhook

FIELDS = ("AccountStatus", "account_id", "account_type", "message", "product", "status", "name")
SPACE = " \t\r\n"
PLACES = {"payload", "received_at", *FIELDS, *(f"AccountStatus.{field}" for field in FIELDS)}

often = settings(max_examples=300, deadline=None)

words = st.sampled_from(["OK", "credentials", " SYNC_SUCCESS ", "LINKEDIN", "mail", "", " ", "\x00", "\u202e"])
texts = words | st.text(max_size=300)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
values = st.recursive(scalars, lambda v: st.lists(v, max_size=3) | st.dictionaries(texts, v, max_size=3), max_leaves=8)
fields = st.dictionaries(st.sampled_from(FIELDS[1:]) | texts, texts | values, max_size=7)
near_misses = fields | st.builds(lambda inner, outer: {**outer, "AccountStatus": inner}, fields | values, fields)


def outcome(payload: Any) -> StatusAnnounced | PayloadError:
    """The event or the refusal, either of which must be in order; anything else escapes."""
    try:
        event = parse(payload, NOON)
    except PayloadError as error:
        _is_fit_to_be_shown(error)
        return error
    _is_fit_to_be_kept(event)
    return event


def _is_fit_to_be_shown(error: PayloadError) -> None:
    message = str(error)
    assert message.isprintable()
    assert len(message) < 550
    assert error.field in PLACES
    assert len(error.payload) <= LIMIT


def _is_fit_to_be_kept(event: StatusAnnounced) -> None:
    assert 0 < len(event.account_id) <= 256 or (event.account_id, event.status) == (NOBODY, "CREATION_FAIL")
    assert event.account_id.isprintable()
    assert event.account_id == event.account_id.strip()
    assert event.status
    assert event.status == event.status.strip(SPACE).upper()
    assert event.provider is None or event.provider.strip(SPACE)
    assert event.product == event.product.strip().casefold()
    assert event.owner != ""
    assert event.received_at is NOON
    assert parse(event.payload, NOON) == event


@often
@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    result = outcome(data)

    assert result.payload == data


@often
@given(st.text(st.characters(), max_size=200))
def test_any_text(text: str) -> None:
    outcome(text)


@often
@given(near_misses)
def test_any_object_that_is_nearly_a_payload(payload: dict[str, Any]) -> None:
    outcome(payload)


@often
@given(near_misses)
def test_an_object_and_its_bytes_come_to_the_same(payload: dict[str, Any]) -> None:
    one, other = outcome(payload), outcome(as_bytes(payload))

    assert type(one) is type(other)
    if isinstance(one, StatusAnnounced) and isinstance(other, StatusAnnounced):
        assert replace(one, payload=b"") == replace(other, payload=b"")
    if isinstance(one, PayloadError) and isinstance(other, PayloadError):
        assert (one.field, one.found) == (other.field, other.found)


@often
@given(st.sampled_from([webhook("SYNC_SUCCESS", product="classic"), notification()]), st.data())
def test_any_damage_to_a_good_payload(payload: dict[str, Any], data: st.DataObject) -> None:
    good = as_bytes(payload)
    start = data.draw(st.integers(0, len(good)))
    end = data.draw(st.integers(start, min(len(good), start + 8)))
    outcome(good[:start] + data.draw(st.binary(max_size=6)) + good[end:])


@often
@given(values | st.binary() | st.tuples(values))
def test_any_value_in_place_of_a_payload(payload: Any) -> None:
    outcome(payload)


@often
@example([("account_id", "a"), ("account_type", None), ("message", None), ("message", "OK")])
@given(st.lists(st.tuples(st.sampled_from(FIELDS[1:5]), st.none() | st.sampled_from(["OK", "ERROR", "a"])), max_size=8))
def test_a_known_field_never_has_two_values(pairs: list[tuple[str, str | None]]) -> None:
    inside = ",".join(f"{json.dumps(key)}:{json.dumps(value)}" for key, value in pairs)
    result = outcome(f'{{"AccountStatus":{{{inside}}}}}'.encode())

    if isinstance(result, StatusAnnounced):
        assert len(set(pairs)) == len(dict(pairs))


@often
@given(st.lists(st.sampled_from([*FIELDS, *FIELDS, "extra"]), max_size=6, unique=True), st.randoms())
def test_the_order_of_keys_never_matters(keys: list[str], random: Any) -> None:
    payload = {key: webhook()["AccountStatus"] if key == "AccountStatus" else "OK" for key in keys}
    random.shuffle(keys)
    one, other = outcome(as_bytes(payload)), outcome(as_bytes({key: payload[key] for key in keys}))

    assert type(one) is type(other)

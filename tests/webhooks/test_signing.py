"""Signatures: that any receiver can verify ours, and that ours verifies nothing else."""

import base64
import hashlib
import hmac
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from account_lifecycle import ConfigurationError
from account_lifecycle.webhooks import SignatureError, verify_signature
from account_lifecycle.webhooks.signing import read_secrets, safe_id, signed_headers
from builders import T0
from webhooks.receiving import OTHER_SECRET, SECRET

BODY = b'{"type":"account.recovered"}'


def headers_by(*secrets: str, webhook_id: str = "acc_1/3/recovered/", body: bytes = BODY) -> dict[str, str]:
    return signed_headers(read_secrets(secrets), webhook_id, T0, body)


def by_the_definition_of_hmac(key: bytes, message: bytes) -> bytes:
    """RFC 2104, written out: no code in common with what is tested but the hash."""
    block = key.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block) + message).digest()
    return hashlib.sha256(bytes(byte ^ 0x5C for byte in block) + inner).digest()


@given(st.binary(min_size=24, max_size=64), st.binary(max_size=200))
def test_a_signature_is_the_hmac_of_id_time_and_body(key: bytes, body: bytes) -> None:
    expected = by_the_definition_of_hmac(key, b"some-id." + str(int(T0.timestamp())).encode() + b"." + body)
    signed = signed_headers([key], "some-id", T0, body)
    assert signed["webhook-signature"] == "v1," + base64.b64encode(expected).decode()
    assert (signed["webhook-id"], signed["webhook-timestamp"]) == ("some-id", str(int(T0.timestamp())))


def test_the_known_vector_of_standard_webhooks_comes_out() -> None:
    keys = read_secrets(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
    at = T0 + timedelta(seconds=1614265330 - T0.timestamp())
    signed = signed_headers(keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}')
    assert signed["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_what_was_signed_verifies_and_tells_its_id() -> None:
    assert verify_signature([SECRET], headers_by(SECRET), BODY, T0) == "acc_1/3/recovered/"


def test_names_of_headers_may_come_in_any_case() -> None:
    shouted = {name.upper(): value for name, value in headers_by(SECRET).items()}
    assert verify_signature([SECRET], shouted, BODY, T0)


def test_while_secrets_change_every_one_signs_the_newest_first() -> None:
    both = headers_by(OTHER_SECRET, SECRET)["webhook-signature"].split(" ")
    assert both == [headers_by(OTHER_SECRET)["webhook-signature"], headers_by(SECRET)["webhook-signature"]]


@pytest.mark.parametrize("known", [[SECRET], [OTHER_SECRET], [OTHER_SECRET, SECRET]])
def test_a_sender_may_change_its_secret_first(known: list[str]) -> None:
    assert verify_signature(known, headers_by(OTHER_SECRET, SECRET), BODY, T0)


@pytest.mark.parametrize("signed_by", [SECRET, OTHER_SECRET])
def test_a_receiver_may_change_its_secret_first(signed_by: str) -> None:
    assert verify_signature([OTHER_SECRET, SECRET], headers_by(signed_by), BODY, T0)


def test_a_signature_by_another_secret_is_refused() -> None:
    with pytest.raises(SignatureError, match="webhook-signature"):
        verify_signature([OTHER_SECRET], headers_by(SECRET), BODY, T0)


@pytest.mark.parametrize(
    "change", [{"webhook-id": "acc_2/3/recovered/"}, {"webhook-timestamp": str(int(T0.timestamp()) + 1)}]
)
def test_a_changed_header_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(SignatureError, match="webhook-signature"):
        verify_signature([SECRET], headers_by(SECRET) | change, BODY, T0)


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_a_body_changed_in_any_byte_is_refused(place: int, change: int) -> None:
    changed = bytearray(BODY)
    changed[place] ^= change
    with pytest.raises(SignatureError):
        verify_signature([SECRET], headers_by(SECRET), bytes(changed), T0)


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_whatever_stands_in_the_headers_only_a_signature_passes(webhook_id: str, timestamp: str, words: str) -> None:
    made_up = {"webhook-id": webhook_id, "webhook-timestamp": timestamp, "webhook-signature": words}
    for headers in (made_up, headers_by(SECRET) | {"webhook-signature": f"v1,{words} {words}"}):
        with pytest.raises(SignatureError):
            verify_signature([SECRET], headers, BODY, T0)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_named(name: str) -> None:
    headers = headers_by(SECRET)
    del headers[name]
    with pytest.raises(SignatureError) as raised:
        verify_signature([SECRET], headers, BODY, T0)
    assert raised.value.header == name


def test_signatures_of_other_versions_are_passed_over() -> None:
    headers = headers_by(SECRET)
    theirs = headers["webhook-signature"].removeprefix("v1,")
    assert verify_signature([SECRET], headers | {"webhook-signature": f"v1a,xyz v2,abc v1,{theirs}"}, BODY, T0)
    with pytest.raises(SignatureError):
        verify_signature([SECRET], headers | {"webhook-signature": f"v1a,{theirs}"}, BODY, T0)


@pytest.mark.parametrize("off_s", [-300, 300])
def test_a_webhook_within_the_tolerance_passes(off_s: int) -> None:
    assert verify_signature([SECRET], headers_by(SECRET), BODY, T0 + timedelta(seconds=off_s))


@pytest.mark.parametrize(("off_s", "word"), [(-301, "ahead"), (301, "old")])
def test_a_webhook_out_of_its_time_is_refused(off_s: int, word: str) -> None:
    with pytest.raises(SignatureError, match=f"webhook-timestamp.*301 s {word}"):
        verify_signature([SECRET], headers_by(SECRET), BODY, T0 + timedelta(seconds=off_s))


def test_signatures_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison is recorded, and what it says decides: whoever compares by other means fails here."""
    compared: list[Any] = []

    def recording(one: Any, other: Any) -> bool:
        compared.append({bytes(one), bytes(other)})
        return False

    monkeypatch.setattr(hmac, "compare_digest", recording)
    with pytest.raises(SignatureError):
        verify_signature([SECRET], headers_by(SECRET), BODY, T0)
    monkeypatch.undo()
    right = headers_by(SECRET)["webhook-signature"].removeprefix("v1,").encode()
    assert compared == [{right}]


@pytest.mark.parametrize(
    ("secrets", "found"),
    [
        ([], "none"),
        (SECRET, "one text"),
        ([SECRET.removeprefix("whsec_")], "no whsec_"),
        (["whsec_not base64 at all"], "not base64"),
        (["whsec_" + base64.b64encode(bytes(23)).decode()], "23 bytes"),
        (["whsec_" + base64.b64encode(bytes(65)).decode()], "65 bytes"),
    ],
)
def test_a_secret_that_is_none_is_refused_in_words(secrets: Any, found: str) -> None:
    with pytest.raises(ConfigurationError, match=found):
        read_secrets(secrets)


def test_an_error_about_a_secret_names_its_place_and_never_shows_it() -> None:
    with pytest.raises(ConfigurationError) as raised:
        read_secrets([SECRET, "whsec_c2VjcmV0"])
    assert raised.value.setting == "secret 2"
    assert "c2VjcmV0" not in str(raised.value)


@given(st.text() | st.text("ab./%"))
@example("acc.1/3/recovered/")
def test_any_key_makes_an_id_that_a_header_can_carry(key: str) -> None:
    made = safe_id(key)
    assert made.isascii()
    assert made.isprintable()
    assert " " not in made
    assert "." not in made
    assert len(made) <= 255


@given(st.text(st.sampled_from("ab.%2E /"), max_size=6), st.text(st.sampled_from("ab.%2E /"), max_size=6))
def test_keys_that_quoting_can_make_get_different_ids(one: str, other: str) -> None:
    from urllib.parse import quote

    one, other = quote(one), quote(other)
    assert (safe_id(one) == safe_id(other)) == (one == other)


def test_a_key_too_long_for_a_header_gets_a_short_id_of_its_own() -> None:
    assert safe_id("a" * 300) != safe_id("a" * 301)
    assert safe_id("a" * 300) == safe_id("a" * 300)

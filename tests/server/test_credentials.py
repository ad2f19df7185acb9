"""Credentials: which are refused when they are made, and that no secret is ever shown."""

from datetime import timedelta
from pathlib import Path

import pytest

from account_lifecycle import ConfigurationError, Engine
from account_lifecycle.intake.secrets import secrets_from
from account_lifecycle.server import QuerySecret, Receiver, SharedHeader, V2Signature
from account_lifecycle.server.credentials import Authenticity, Credential
from account_lifecycle.testing import Clock
from server.driving import HEADER, NEXT_SIGNING, OK, SECRET, SIGNATURE, SIGNING, signature

KINDS = (SharedHeader, QuerySecret, V2Signature)


@pytest.mark.parametrize("kind", KINDS)
def test_no_secret_is_shown(kind: type[SharedHeader]) -> None:
    secrets = (SECRET, "another-secret")
    credential = kind("x-name", *secrets)
    shown = repr(credential) + str(credential) + credential.place + repr(vars(credential))
    assert [secret for secret in secrets if secret in shown] == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("secrets", [(), ("",), (SECRET, " "), (f"{SECRET}\n",), ("sécret",), ("a\x00b",)], ids=repr)
def test_a_secret_that_no_request_can_show_is_refused_without_being_shown(
    kind: type[SharedHeader], secrets: tuple[str, ...]
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        kind("x-name", *secrets)
    assert all(secret.strip() not in str(caught.value) for secret in secrets if secret.strip())


@pytest.mark.parametrize("name", ["", "two words", "x:y", "x\r\ny", "é"])
def test_a_name_that_no_header_can_have_is_refused(name: str) -> None:
    for kind in (SharedHeader, V2Signature):
        with pytest.raises(ConfigurationError, match="the name of a header"):
            kind(name, SECRET)


def test_a_parameter_needs_a_name_and_a_signature_a_tolerance() -> None:
    with pytest.raises(ConfigurationError, match="query parameter"):
        QuerySecret("", SECRET)
    with pytest.raises(ConfigurationError, match="tolerance"):
        V2Signature(SIGNATURE, SECRET, tolerance=timedelta(0))


def test_two_credentials_in_one_place_could_never_both_hold(engine: Engine) -> None:
    both: list[Credential] = [SharedHeader(HEADER, SECRET), SharedHeader(HEADER.lower(), "another-secret")]
    with pytest.raises(ConfigurationError, match="one, with both secrets"):
        Receiver(engine, both)


def test_one_of_several_signatures_is_enough_and_its_digits_may_be_capital(clock: Clock) -> None:
    credential = V2Signature(SIGNATURE, SIGNING)
    time, _, right = signature(SIGNING, clock.now, OK).partition(",")
    wrong = signature(NEXT_SIGNING, clock.now, OK).partition(",")[2]
    for shown in (f"{time},{wrong},{right}", f"{right}, {time}", f"{time},{right.upper().replace('V', 'v')},v1=x"):
        assert credential.examine({SIGNATURE.lower(): shown}, "", OK, clock.now) is Authenticity.RIGHT
    assert credential.examine({SIGNATURE.lower(): f"{time},{wrong}"}, "", OK, clock.now) is Authenticity.WRONG


@pytest.mark.parametrize(
    "shown", ["", "t=", "t=1", "v0=00", "t=x,v0=00", "t=-1,v0=00", "t=1,t=2,v0=00", "t=1e3,v0=00", "é"]
)
def test_a_signature_in_another_form_is_malformed(shown: str, clock: Clock) -> None:
    found = V2Signature(SIGNATURE, SIGNING).examine({SIGNATURE.lower(): shown}, "", OK, clock.now)
    assert found is Authenticity.MALFORMED


@pytest.mark.parametrize(
    ("query", "authenticity"),
    [
        ("", Authenticity.ABSENT),
        ("other=1", Authenticity.ABSENT),
        ("secret=", Authenticity.WRONG),
        ("secret", Authenticity.WRONG),
        (f"secret={SECRET}&secret=no", Authenticity.WRONG),
        (f"secret={SECRET}&secret={SECRET}", Authenticity.RIGHT),
        (f"secret=%{ord(SECRET[0]):x}{SECRET[1:]}", Authenticity.RIGHT),
        (f"secret={SECRET}%ff", Authenticity.WRONG),
        ("&".join(["a=1"] * 101), Authenticity.MALFORMED),
    ],
)
def test_every_value_of_the_parameter_must_hold(query: str, authenticity: Authenticity, clock: Clock) -> None:
    assert QuerySecret("secret", SECRET).examine({}, query, OK, clock.now) is authenticity


def test_secrets_come_from_the_setting_or_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "secrets"
    path.write_text(f"{SECRET}\n\n another-secret \n")
    assert secrets_from("X", f" {SECRET} ,another-secret,") == [SECRET, "another-secret"]
    assert secrets_from("X", f"file:{path}") == [SECRET, "another-secret"]
    assert secrets_from("X", "") == []
    path.write_text("\n")
    for text in (f"file:{path}", f"file:{tmp_path}/none", f"file:{tmp_path}"):
        with pytest.raises(ConfigurationError, match="X: found the file "):
            secrets_from("X", text)

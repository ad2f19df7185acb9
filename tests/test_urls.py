"""What is shown of a URL: a secret in any part of it, however it is written, is in no output."""

import json
import logging
import traceback
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from account_lifecycle import Engine, Policy
from account_lifecycle.cli.settings import Settings
from account_lifecycle.errors import ConfigurationError, StoreError, UnreadableLog
from account_lifecycle.replay import replay
from account_lifecycle.stores.opening import open_store
from account_lifecycle.urls import HIDDEN, hide_urls, public_url
from account_lifecycle.webhooks.addresses import read_allowance, read_url
from account_lifecycle.webhooks.endpoint import WebhookEndpoint, without_path

pieces = st.text("QXZKVWJqxzkvwj", min_size=8, max_size=12)  # of which no word is made
between = st.sampled_from(
    ["", "@", "/", "?", "#", ":", "&", "=", "%", "'", '"', "\\", " ", "[", "]", ",", "//", "@/", "é"]
)
secrets = st.tuples(pieces, between, pieces)

FORMS = [
    "postgresql://me:{}@host/db",
    "postgresql://{}@host/db",
    "postgresql://me:{}@host:5432,other:5433/db",
    "postgresql://me:{}@[::1]:5432/db",
    "postgresql://me:{}@/db?host=/tmp",
    "postgresql://me:{}@%2Ftmp%2Fsocket/db",
    "postgresql://me:{}@host",
    "postgresql://host/db?password={}",
    "postgresql://host/db?user=me&password={}&sslmode=require",
    "postgresql://host/db?sslpassword={}",
    "postgresql://host/db?PASSWORD={}",
    "postgresql://host/db?passfile=/home/{}",
    "postgresql://host/db?service={}",
    "postgresql://host/db?options=-c%20a.b%3D{}",
    "postgresql:///db?host=/tmp&password={}",
    "postgresql://host/db#{}",
    "postgresql://host/db/{}",
    "POSTGRESQL://me:{}@host/db",
    "Postgres://me:{}@host/db",
    "postgresql:/me:{}@host/db",
    "postgresql:me:{}@host/db",
    "postgres://me:{}@host/db",
    "mysql+pymysql://me:{}@host/db",
    "mysql://me:{}@host/db?password={}",
    "sqlite://me:{}@host/db",
    "sqlite:///accounts.db?key={}",
    "sqlite:///me:{}@host/db",
    "memory:{}",
    "host=db port=5432 user=me password={} dbname=db",
    "host=db password='{}' dbname=db",
    "password = '{}'",
    "me:{}@host/db",
    "{}",
    "https://me:{}@host/hooks",
    "https://host/hooks/{}",
    "https://host/hooks?token={}",
]
WITHOUT_A_HOST = ["postgresql://me:{}", "http://me:{}", "https://host:{}/hooks"]
"""Of these nobody can tell what is behind an ``@`` from a host."""
SPELLINGS: list[Callable[[str], str]] = [str, quote, quote_plus, lambda text: quote(text, safe="")]
every_form = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def leaked(pieces: tuple[str, str, str], said: str) -> bool:
    """Whether a piece of a secret is in what was said: all that does not stand between its pieces."""
    return any(piece.lower() in said.lower() for piece in (pieces[0], pieces[2]))


@pytest.mark.parametrize("form", [*FORMS, *WITHOUT_A_HOST])
@settings(max_examples=60, deadline=None)
@given(secrets, st.sampled_from(SPELLINGS))
def test_a_secret_in_any_part_of_a_url_is_never_shown(
    form: str, secret: tuple[str, str, str], spelled: Callable[[str], str]
) -> None:
    if "@" in secret[1] and form in WITHOUT_A_HOST:
        return
    url = form.replace("{}", spelled("".join(secret)))
    assert not leaked(secret, public_url(url))
    if form != "{}" and "me:{}@host/db" not in form.removeprefix("postgresql:"):  # which only a whole URL can tell
        assert not leaked(secret, hide_urls(f"found '{url}'; expected another")) or "://" not in url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("memory:", "memory:"),
        ("sqlite:///accounts.db", "sqlite:///accounts.db"),
        ("sqlite:////var/lib/my accounts.db", "sqlite:////var/lib/my accounts.db"),
        ("accounts.db", "accounts.db"),
        ("postgresql://host/db", "postgresql://host/db"),
        ("postgresql://me:pw@host:5432/db", "postgresql://…@host:5432/db"),
        ("postgresql://me:p%40w@a:1,b:2/db?sslmode=x", "postgresql://…@a:1,b:2/db…"),
        ("postgresql:///db?host=/tmp&port=5433&password=x", "postgresql:///db?host=/tmp&port=5433…"),
        ("postgresql://[::1]:5432/db", "postgresql://[::1]:5432/db"),
        ("postgresql://%2Frun%2Fpg/db", "postgresql://%2Frun%2Fpg/db"),
        ("PostgreSQL://me@host/db", "postgresql://…@host/db"),
        ("https://crm.example.com/hooks?x=1", "https://crm.example.com/…"),
        ("postgresql://me:p/w@host/db", "postgresql://…"),
        ("mysql://me:pw@host/db", "mysql://…@host/…"),
        ("whatever", HIDDEN),
    ],
)
def test_what_is_plainly_no_secret_is_shown(url: str, shown: str) -> None:
    assert public_url(url) == shown
    assert hide_urls(f"found '{shown}'") == f"found '{shown}'", "and what was shown once can be shown again"


# ---- Wherever a URL is given ---------------------------------------------------------------------------------


def everything_said(error: BaseException, caplog: pytest.LogCaptureFixture) -> str:
    """An error with its traceback, as it is logged, and all that was logged before."""
    return "".join([*traceback.format_exception(error), repr(error), str(error), caplog.text])


UNREACHABLE = [
    "postgresql://me:{}@127.0.0.1:1/db?connect_timeout=2",
    "postgresql://me:{}@127.0.0.1:1/db?connect_timeout=2&sslpassword={}",
    "postgresql://127.0.0.1:1/db?connect_timeout=2&user={}&password={}",
    "postgresql:///db?host=/nowhere&password={}",
    "postgresql://host/db?service={}",
    "postgresql://me:{}@127.0.0.1:{}/db",
    "postgresql://127.0.0.1:1/db?sslmode={}",
    "postgresql://127.0.0.1:1/db?connect_timeout={}",
    "postgresql://127.0.0.1:1/db?options={}",
    "postgresql://127.0.0.1:1/db?{}=1",
    "postgresql://127.0.0.1:1/db?sslrootcert=/{}&sslmode=verify-full",
]


@pytest.mark.parametrize("form", [*FORMS, *UNREACHABLE])
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(secrets)
def test_no_error_of_opening_a_store_shows_a_secret_nor_does_its_traceback_or_a_log(
    form: str, caplog: pytest.LogCaptureFixture, secret: tuple[str, str, str]
) -> None:
    if "@host" in form or "//host" in form or form.startswith(("sqlite:///me", "sqlite:///acc")):
        form = form.replace("host/", "127.0.0.1:1/").replace("sqlite:///me", "sqlite:///nowhere/me")
    caplog.set_level(logging.DEBUG)
    for spelled in (str, quote):
        url = form.replace("{}", spelled("".join(secret)))
        if "\0" in url or "host=/tmp" in url or url.endswith("@host"):
            continue
        with pytest.raises((ConfigurationError, StoreError)) as caught:
            open_store(url)
        if not form.startswith("sqlite:///nowhere"):  # the name of a file is shown
            assert not leaked(secret, everything_said(caught.value, caplog))


def test_an_error_that_names_a_log_shows_no_secret() -> None:
    for log in (
        "postgresql:/me:hunter2@host/db",
        "mysql://me:hunter2@host/db",
        "host=x password=hunter2",
        "s3://a:hunter2@b/*",
    ):
        with pytest.raises((ConfigurationError, UnreadableLog)) as caught, replay(log):
            pass
        assert "hunter2" not in str(caught.value)


def test_settings_do_not_show_the_stores_password_when_they_are_printed() -> None:
    found = Settings.read(store="postgresql://me:hunter2@host/db")
    assert "hunter2" not in repr(found) + str(found) + json.dumps([origin._asdict() for origin in found.origins()])


def test_an_argument_of_a_wrong_type_is_not_shown_with_its_password() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Engine.open(b"postgresql://me:hunter2@host/db")  # type: ignore[arg-type]
    assert "hunter2" not in str(caught.value)
    with pytest.raises(ConfigurationError) as caught:
        Engine.open("memory:", policy="postgresql://me:hunter2@host/db")  # type: ignore[arg-type]
    assert "hunter2" not in str(caught.value)
    assert Policy()


# ---- Receivers of webhooks ------------------------------------------------------------------------------------

ENDPOINTS = [
    "https://me:{}@host.example/hooks",
    "https://me:{}",
    "https://[{}]/hooks",
    "https://host.example:{}/hooks",
    "https://host.example/hooks#{}",
    "ftp://host.example/{}",
    "{}://host.example/",
    "{}",
    "http://host.example/hooks/{}",
    "https://10.0.0.1/hooks/{}",
]


@pytest.mark.parametrize("form", ENDPOINTS)
@settings(max_examples=40, deadline=None)
@given(secrets)
def test_no_error_about_a_receivers_url_shows_a_secret(form: str, secret: tuple[str, str, str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_url(form.replace("{}", "".join(secret)), read_allowance([]))
    assert not leaked(secret, "".join(traceback.format_exception(caught.value)))


@settings(max_examples=60, deadline=None)
@given(secrets, st.sampled_from(["/hooks/{}", "/hooks?token={}&x=1", "/{}/hooks"]))
def test_a_receiver_is_shown_without_its_path_and_its_query(secret: tuple[str, str, str], form: str) -> None:
    token = quote("".join(secret), safe="")
    endpoint = WebhookEndpoint(f"https://crm.example.com{form.format(token)}", ["whsec_" + "c2VjcmV0" * 5])
    assert not leaked(secret, repr(endpoint) + endpoint.name + repr(endpoint._target))


@settings(max_examples=100, deadline=None)
@given(secrets, st.sampled_from(["/hooks/{}", "/hooks?token={}&x=1", "/{}/hooks"]), st.integers(0, 60))
def test_what_a_receiver_answers_is_shown_without_the_token_that_it_was_asked_by(
    secret: tuple[str, str, str], form: str, length: int
) -> None:
    path = form.format(quote("".join(secret), safe=""))
    for said in (f"Cannot POST {path}", "no such page: " + form.format("".join(secret)), path.upper()):
        for excerpt in (said, said[:length]):
            found = without_path(excerpt.encode(), path).decode()
            assert not leaked(secret, found)
            assert secret[0][:5] not in found or excerpt == said

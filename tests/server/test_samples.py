"""SampleWebhook webhooks: what is sent, what it shows, and the line of curl for it."""

import shlex
import subprocess
from datetime import UTC, datetime
from urllib.parse import parse_qs

import pytest

from account_lifecycle import ConfigurationError, Status
from account_lifecycle.server.credentials import (
    Authenticity,
    Credential,
    QuerySecret,
    SharedHeader,
    V2Signature,
    examine,
)
from account_lifecycle.server.samples import (
    SampleWebhook,
    Subject,
    credential_for,
    curl_line,
    presented,
    series,
    stand_in,
)
from account_lifecycle.simulate.lives import Channel

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
WEBHOOK, NOTIFY = Channel.WEBHOOK, Channel.NOTIFY
HEADER = SharedHeader("X-Webhook-Secret", "the-secret $(of) the `header`", "the-older-one")
QUERY = QuerySecret("secret", "the secret&of=the query")
SIGNED = V2Signature("X-Webhook-Signature", "the-secret-of-the-signature")


def sent(*statuses: str, **how: bool | int) -> list[tuple[str, Channel]]:
    return [(each.status.value, each.channel) for each in series([Status(s) for s in statuses], Subject(), **how)]  # type: ignore[arg-type]


def test_a_series_is_sent_in_its_order() -> None:
    assert sent("CREATION_SUCCESS", "OK") == [("CREATION_SUCCESS", WEBHOOK), ("OK", WEBHOOK)]


def test_a_late_one_comes_once_more_after_the_others() -> None:
    assert [status for status, _ in sent("OK", "ERROR", "STOPPED", late=True)] == ["OK", "ERROR", "STOPPED", "OK"]
    with pytest.raises(ConfigurationError, match="late: found OK OK; expected other news"):
        sent("OK", "OK", late=True)


def test_twins_come_by_both_channels_where_hosted_auth_says_so() -> None:
    assert sent("RECONNECTED", "OK", twin=True) == [("RECONNECTED", NOTIFY), ("RECONNECTED", WEBHOOK), ("OK", WEBHOOK)]
    with pytest.raises(ConfigurationError, match="twin: found OK; expected what hosted auth announces"):
        sent("OK", twin=True)


def test_each_is_repeated_at_once() -> None:
    assert [status for status, _ in sent("OK", "ERROR", repeat=2)] == ["OK"] * 3 + ["ERROR"] * 3


def test_each_channel_shows_the_credential_that_the_vendor_would() -> None:
    every = [SIGNED, QUERY, HEADER]
    assert credential_for(WEBHOOK, every) is HEADER
    assert credential_for(NOTIFY, every) is QUERY
    assert credential_for(NOTIFY, [SIGNED]) is SIGNED
    assert credential_for(WEBHOOK, []) is None


@pytest.mark.parametrize("credential", [HEADER, QUERY, SIGNED])
def test_what_a_credential_presents_holds(credential: Credential) -> None:
    body = b'{"a": 1}'
    shown = presented(credential, body, NOW)
    headers = {name.lower(): value for name, value in shown.headers.items()}
    query = "&".join(f"{name}={value.replace('&', '%26')}" for name, value in shown.parameters.items())
    assert examine([credential], headers, query, body, NOW) is Authenticity.RIGHT


@pytest.mark.parametrize("credential", [HEADER, QUERY, SIGNED])
@pytest.mark.parametrize("url", ["http://127.0.0.1:8787/hooks", "https://example.com/a/token?of=mine"])
def test_the_printed_line_has_no_secret_and_is_whole_once_its_variables_are_set(
    credential: Credential, url: str
) -> None:
    [sample] = series([Status("OK")], Subject(reason="it's $HOME and `more`"))
    shown, variable = presented(credential, sample.body, NOW), stand_in(credential)
    hidden, whole = curl_line(url, sample, shown, variable), curl_line(url, sample, shown, None)
    [secret] = [*shown.headers.values(), *shown.parameters.values()]
    assert secret not in hidden
    assert "token" not in hidden
    value = secret.replace(" ", "%20").replace("&", "%26").replace("=", "%3D") if shown.parameters else secret
    asked = ["sh", "-c", hidden.replace("curl ", "printf '%s\\n' ", 1)]
    words = subprocess.run(asked, env={variable: value, "URL": url}, capture_output=True, text=True, check=True).stdout
    assert words.splitlines() == shlex.split(whole)[1:]


def test_secrets_that_are_asked_for_are_written_out_escaped() -> None:
    sample = SampleWebhook(Status("OK"), NOTIFY, b"{}")
    line = curl_line("http://127.0.0.1:8787/hooks", sample, presented(QUERY, b"{}", NOW), None)
    _, _, query = shlex.split(line)[1].partition("?")
    assert parse_qs(query) == {"secret": ["the secret&of=the query"]}

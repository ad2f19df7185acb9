"""Settings from options, environment and defaults; errors about invalid values; and ``config show``."""

from datetime import timedelta

import pytest

from account_lifecycle.cli.settings import DEFAULT_STORE, POLICY_TERMS, Settings, SettingSource, read_duration
from account_lifecycle.errors import ConfigurationError
from account_lifecycle.lifecycle.policy import DEFAULT_POLICY, Policy
from account_lifecycle.lifecycle.providers import ALIASES
from account_lifecycle.lifecycle.status import Status
from cli.shell import NOW, Run


def test_the_defaults_judge_as_the_library_does() -> None:
    settings = Settings.read()
    assert settings.policy() == DEFAULT_POLICY
    assert settings.store == DEFAULT_STORE
    assert settings.batch_size is None


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCOUNT_LIFECYCLE_STORE", "sqlite:///here.db")
    monkeypatch.setenv("ACCOUNT_LIFECYCLE_REDELIVERY_WINDOW", "90s")
    monkeypatch.setenv("ACCOUNT_LIFECYCLE_DEADLINES", '{"LINKEDIN": {"CONNECTING": "45min"}}')
    settings = Settings.read()
    assert settings.store == "sqlite:///here.db"
    assert settings.policy().redelivery_window == timedelta(seconds=90)
    assert settings.policy().deadlines_of("LINKEDIN")[Status.CONNECTING] == timedelta(minutes=45)
    assert {origin.source for origin in settings.origins()} == {SettingSource.ENVIRONMENT, SettingSource.DEFAULT}


@pytest.mark.parametrize("alias", ALIASES)
def test_deadlines_are_set_by_any_name_of_a_provider(alias: str) -> None:
    policy = Settings.read(deadlines={alias.lower(): {"reconnected": 60}}).policy()
    assert policy.deadlines_of(ALIASES[alias])[Status.RECONNECTED] == timedelta(seconds=60)


def test_two_names_of_one_provider_set_one_table() -> None:
    policy = Settings.read(deadlines={"MAIL": {"CONNECTING": 60}, "ICLOUD": {"RECONNECTED": 90}}).policy()
    assert policy.deadlines_of("IMAP")[Status.CONNECTING] == timedelta(seconds=60)
    assert policy.deadlines_of("IMAP")[Status.RECONNECTED] == timedelta(seconds=90)


@pytest.mark.parametrize("status", Status)
def test_only_a_status_that_passes_can_have_a_deadline(status: Status) -> None:
    given = {"LINKEDIN": {str(status): "1h"}}
    if status in DEFAULT_POLICY.deadlines_of("LINKEDIN"):
        assert Settings.read(deadlines=given).policy().deadlines_of("LINKEDIN")[status] == timedelta(hours=1)
    else:
        with pytest.raises(ConfigurationError, match=f"deadlines: found the status '{status}'; expected one that can"):
            Settings.read(deadlines=given)


@pytest.mark.parametrize(
    ("setting", "value", "found"),
    [
        ("store", "", "''"),
        ("redelivery_window", "soon", "'soon'"),
        ("redelivery_window", -1, "'-1'"),
        ("redelivery_window", "nan", "'nan'"),
        ("retry_horizon", "inf", "'inf'"),
        ("settling", "4000d", "'4000d'"),
        ("subscribed", "OK,SNAFU", "the word 'snafu'"),
        ("subscribed", "", "the word ''"),
        ("reminders", "1d,soon", "'soon'"),
        ("reminders", "", "''"),
        ("reminders", "0s", "'0s'"),
        ("batch_size", 0, "'0'"),
        ("batch_size", 1.5, "'1.5'"),
        ("port", 65_536, "'65536'"),
        ("host", "", "''"),
        ("max_bytes", (1 << 20) + 1, "'1048577'"),
        ("threads", 0, "'0'"),
        ("waiting", 0, "'0'"),
        ("grace_s", -1, "'-1'"),
        ("webhook_secrets", 7, "a value that is no text"),
        ("deadlines", "{", "'{', which is not JSON"),
        ("deadlines", "[]", "'[]'"),
        ("deadlines", '{"LINKEDIN": 5}', "'5'"),
        ("deadlines", {"SLACK": {}}, "the provider 'SLACK'"),
        ("deadlines", {"X": {"NOPE": 1}}, "the status 'NOPE'"),
        ("deadlines", {"X": {"CONNECTING": 0}}, "the deadline '0.0'"),
        ("deadlines", {"X": {"CONNECTING": "soon"}}, "the deadline 'soon'"),
        ("deadlines", {"X": {"CONNECTING": "999999999w"}}, "the deadline '999999999w'"),
    ],
)
def test_a_bad_value_is_named_with_what_was_found_and_what_would_be_right(
    setting: str, value: object, found: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.read(**{setting: value})
    assert caught.value.setting == setting
    assert caught.value.found.startswith(found)
    assert caught.value.expected


def test_a_bad_value_in_the_environment_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("account_lifecycle_batch_size", "0")
    with pytest.raises(ConfigurationError, match=r"^ACCOUNT_LIFECYCLE_BATCH_SIZE: found '0'"):
        Settings.read()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("1.5h", 5400), ("30 min", 1800), ("2m", 120), ("7D", 604_800), ("2w", 1_209_600)],
)
def test_lengths_are_written_the_way_people_write_them(text: str, seconds: float) -> None:
    assert read_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "h", "-1h", "1y", "1h30", "one hour", NOW])
def test_anything_else_is_no_length(text: str) -> None:
    with pytest.raises(ValueError, match="is not a length of time such as"):
        read_duration(text)


def test_every_setting_tells_where_it_comes_from(run: Run) -> None:
    told = run(
        "config",
        "show",
        "--batch-size",
        "7",
        "--json",
        ACCOUNT_LIFECYCLE_REDELIVERY_WINDOW="1m",
        ACCOUNT_LIFECYCLE_SUBSCRIBED="default",
        ACCOUNT_LIFECYCLE_WEBHOOK_SECRETS="s3cret",
    ).document
    assert {name: (row["value"], row["source"]) for name, row in told.items()} == {
        "store": ("sqlite:///account-lifecycle.db", "default"),
        "redelivery_window": ("1m", "environment"),
        "retry_horizon": ("20h", "default"),
        "delivery_margin": ("1h", "default"),
        "settling": ("2m", "default"),
        "subscribed": ("default", "environment"),
        "deadlines": ("{}", "default"),
        "reminders": ("1d,7d,30d", "default"),
        "expiry_notice": ("14d", "default"),
        "confirm_within": ("10m", "default"),
        "batch_size": ("7", "option"),
        "host": ("127.0.0.1", "default"),
        "port": ("8787", "default"),
        "webhook_header": ("X-Webhook-Secret", "default"),
        "webhook_secrets": ("set, not shown", "environment"),
        "notify_parameter": ("secret", "default"),
        "notify_secrets": ("none", "default"),
        "signing_header": ("X-Webhook-Signature", "default"),
        "signing_secrets": ("none", "default"),
        "vendor_url": ("none", "default"),
        "vendor_key": ("none", "default"),
        "reconcile_every": ("15m", "default"),
        "receiver_url": ("none", "default"),
        "max_bytes": ("1048576", "default"),
        "threads": ("16, or 32 with PostgreSQL", "default"),
        "waiting": ("2000", "default"),
        "grace_s": ("3.0", "default"),
        "drain_delay_s": ("0.0", "default"),
        "page_port": ("that of the receiver", "default"),
        "page_token": ("none", "default"),
        "admin_token": ("none", "default"),
        "allowed_hosts": ("those of this machine", "default"),
        "timezone": ("UTC", "default"),
    }


@pytest.mark.parametrize("name", POLICY_TERMS)
def test_every_term_of_the_policy_is_a_variable_that_reads_what_is_shown(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = {origin.name: origin.value for origin in Settings.read().origins()}
    monkeypatch.setenv(f"ACCOUNT_LIFECYCLE_{name.upper()}", shown[name])
    assert Settings.read().policy() == DEFAULT_POLICY


def test_words_are_subscribed_by_name_or_one_by_one() -> None:
    assert Settings.read(subscribed="Default").policy() == Policy(subscribed="default")
    assert Settings.read(subscribed="ok, CREDENTIALS").policy().subscribed == {"OK", "CREDENTIALS"}
    assert Settings.read(reminders="none").policy().reminders == ()


def test_a_bad_word_names_the_variable_and_what_would_be_right(run: Run) -> None:
    ran = run("account", "list", ACCOUNT_LIFECYCLE_SUBSCRIBED="everything")
    assert ran.code == 2
    assert ran.err.startswith(
        "Error: ACCOUNT_LIFECYCLE_SUBSCRIBED: found the word 'everything'; expected all, default, or a list such as "
    )


def test_an_option_wins_over_the_environment(run: Run) -> None:
    told = run("config", "show", "--store", "memory:", "--json", ACCOUNT_LIFECYCLE_STORE="sqlite:///other.db").document
    assert (told["store"]["value"], told["store"]["source"]) == ("memory:", "option")


def test_people_see_the_variable_that_sets_each(run: Run) -> None:
    rows = [line.split() for line in run("config", "show").out.splitlines()]
    assert rows[0] == ["setting", "from", "variable", "value"]
    assert ["port", "default", "ACCOUNT_LIFECYCLE_PORT", "8787"] in rows


def test_a_password_is_not_shown(run: Run) -> None:
    out = run("config", "show", "--store", "postgresql://me:s3cret@host/db").out
    assert "postgresql://…@host/db" in out


def test_a_misspelt_variable_is_told(run: Run) -> None:
    ran = run("config", "show", ACCOUNT_LIFECYCLE_BATCHSIZE="7")
    assert ran.err == "ACCOUNT_LIFECYCLE_BATCHSIZE is set, but there is no such setting\n"


def test_a_bad_setting_is_a_usage_error_that_names_it(run: Run) -> None:
    ran = run("account", "list", ACCOUNT_LIFECYCLE_BATCH_SIZE="many")
    assert ran.code == 2
    assert ran.err == "Error: ACCOUNT_LIFECYCLE_BATCH_SIZE: found 'many'; expected a whole number from 1 to 100000\n"

"""``serve``: what it refuses to serve. That it serves is in tests/server."""

from pathlib import Path

import pytest

from cli.shell import Run


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])
def test_without_a_secret_only_this_machine_is_listened_to(run: Run, host: str) -> None:
    ran = run("serve", "--host", host, "--store", "memory:")
    assert ran.code == 2
    assert f"host: found {host!r} without a secret; expected a loopback address" in ran.err


def test_a_file_is_not_served_by_a_crowd(run: Run) -> None:
    ran = run("serve", "--workers", "3")
    assert ran.code == 2
    assert "workers: found 3; expected 1 or 2 with a SQLite file" in ran.err
    assert not Path("account-lifecycle.db").exists()


def test_a_store_of_one_process_is_not_served_by_two(run: Run) -> None:
    ran = run("serve", "--workers", "2", "--store", "memory:")
    assert ran.code == 2
    assert "--workers" in ran.err


def test_hooks_cannot_be_both_run_and_not_run(run: Run) -> None:
    ran = run("serve", "--hooks", "hooks", "--no-hooks")
    assert ran.code == 2
    assert "--hooks and --no-hooks" in ran.err


def test_a_bad_secret_is_named_and_not_shown(run: Run) -> None:
    ran = run("serve", "--store", "memory:", ACCOUNT_LIFECYCLE_WEBHOOK_SECRETS="a-good-secret-of-ours,sécret-of-ours")
    assert ran.code == 2
    assert "header X-Webhook-Secret, secret 2: found a secret that no header can carry" in ran.err
    assert "of-ours" not in ran.err


def test_a_file_of_secrets_that_is_not_there_is_named_by_its_variable(run: Run) -> None:
    ran = run("serve", "--store", "memory:", ACCOUNT_LIFECYCLE_SIGNING_SECRETS="file:nowhere")
    assert ran.code == 2
    assert "ACCOUNT_LIFECYCLE_SIGNING_SECRETS: found the file nowhere, which cannot be read" in ran.err


def test_a_short_secret_is_warned_of(run: Run) -> None:
    ran = run("serve", "--workers", "3", ACCOUNT_LIFECYCLE_NOTIFY_SECRETS="short")
    assert "ACCOUNT_LIFECYCLE_NOTIFY_SECRETS: a secret of less than 16 characters can be guessed" in ran.err


def test_hooks_that_cannot_be_imported_end_it_before_it_listens(run: Run) -> None:
    ran = run("serve", "--hooks", "nowhere.at_all", "--store", "memory:")
    assert ran.code == 2
    assert "no module 'nowhere'" in ran.err


@pytest.mark.parametrize("words", [("--store", "memory:"), ("--hooks", "hooks"), ("--workers", "2")])
def test_a_demo_has_its_own_fleet_store_and_hooks(run: Run, words: tuple[str, str]) -> None:
    ran = run("serve", "--demo", *words)
    assert ran.code == 2
    assert f"--demo and {words[0]}" in ran.err

"""The name of the rules: what it depends on, and that it never stays the same when judging changes."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from account_lifecycle.lifecycle import compiled as compiling
from account_lifecycle.lifecycle import definition
from account_lifecycle.lifecycle import rules as naming
from account_lifecycle.lifecycle.policy import DEFAULT_POLICY, Policy
from account_lifecycle.lifecycle.rules import machine_version, policy_of, rules_of
from lifecycle_builders import DAY, HOUR, MICROSECOND, without


@pytest.fixture
def rebuilt() -> Iterator[None]:
    """Whatever a test patches is compiled anew, and so is the real thing afterwards."""
    _forget()
    yield
    _forget()


def _forget() -> None:
    compiling.compiled.cache_clear()
    compiling.build_machine.cache_clear()
    machine_version.cache_clear()


@pytest.mark.usefixtures("rebuilt")
def test_a_changed_cell_of_the_definition_changes_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    before = machine_version()
    _forget()
    changed = [
        row._replace(moves=not row.moves) if row.kind == "SYNC_WHILE_LOST" else row for row in definition.DEVIATIONS
    ]
    monkeypatch.setattr(definition, "DEVIATIONS", tuple(changed))
    assert machine_version() != before


@pytest.mark.usefixtures("rebuilt")
def test_another_order_of_judging_changes_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    before = machine_version()
    machine_version.cache_clear()
    monkeypatch.setattr(naming, "ORDER_OF_JUDGING", naming.ORDER_OF_JUDGING + 1)
    assert machine_version() != before


@pytest.mark.parametrize(
    "policy",
    [
        Policy(),
        Policy(redelivery_window=90 * MICROSECOND),
        Policy(retry_horizon=3 * DAY, delivery_margin=HOUR + MICROSECOND, settling=0 * HOUR),
        Policy(subscribed="default"),
        without("OK", redelivery_window=HOUR),
        Policy(subscribed=()),
    ],
    ids=lambda policy: policy.text,
)
def test_what_judging_depends_on_is_part_of_the_name_and_can_be_read_from_it(policy: Policy) -> None:
    assert policy_of(rules_of(policy)) == policy
    assert (rules_of(policy) == rules_of(DEFAULT_POLICY)) is (policy == DEFAULT_POLICY)


def test_deadlines_reminders_and_notices_are_no_part_of_the_name() -> None:
    policy = Policy(deadlines={"X": {"OK": DAY}}, reminders=(HOUR,), expiry_notice=DAY)  # type: ignore[dict-item]

    assert rules_of(policy) == rules_of(DEFAULT_POLICY)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "000000000000/{}",
        f"{machine_version()}",
        f"{machine_version()}/",
        f"{machine_version()}/soon",
        f"{machine_version()}/[]",
        f'{machine_version()}/{{"patience":1}}',
        f'{machine_version()}/{{"retry_horizon":-1}}',
        f'{machine_version()}/{{"subscribed":["SNAFU"]}}',
    ],
)
def test_rules_of_another_machine_and_garbled_names_have_no_policy(name: str) -> None:
    assert policy_of(name) is None


def test_the_name_is_the_same_in_every_process() -> None:
    ask = "from account_lifecycle.lifecycle.rules import *; print(machine_version())"
    told = {
        subprocess.run(
            [sys.executable, "-c", ask], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert told == {machine_version().encode()}

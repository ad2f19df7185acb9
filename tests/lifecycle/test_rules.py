"""The name of the rules: what it depends on, and that it never stays the same when judging changes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest

from account_lifecycle.lifecycle import compiled as compiling
from account_lifecycle.lifecycle import definition
from account_lifecycle.lifecycle import rules as deciding
from account_lifecycle.lifecycle.decide import redelivery_window_of
from account_lifecycle.lifecycle.policy import DEFAULT_POLICY, Policy
from account_lifecycle.lifecycle.rules import machine_version, rules_of


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
    monkeypatch.setattr(deciding, "ORDER_OF_JUDGING", deciding.ORDER_OF_JUDGING + 1)
    assert machine_version() != before


def test_the_redelivery_window_is_part_of_the_name_and_can_be_read_from_it() -> None:
    window = timedelta(seconds=90, microseconds=1)
    assert redelivery_window_of(rules_of(Policy(redelivery_window=window))) == window
    assert rules_of(Policy(redelivery_window=window)) != rules_of(DEFAULT_POLICY)


@pytest.mark.parametrize("name", ["", "000000000000/600000000", f"{machine_version()}/", f"{machine_version()}/soon"])
def test_rules_of_another_machine_have_no_window_to_judge_by(name: str) -> None:
    assert redelivery_window_of(name) is None


def test_the_name_is_the_same_in_every_process() -> None:
    ask = "from account_lifecycle.lifecycle.rules import *; print(machine_version())"
    told = {
        subprocess.run(
            [sys.executable, "-c", ask], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert told == {machine_version().encode()}

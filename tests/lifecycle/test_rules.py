"""The rules as data: what they depend on, that they judge as the code does, and what cannot be judged by."""

import json
import os
import subprocess
import sys
import zlib
from collections.abc import Iterator
from datetime import timedelta

import pytest

from account_lifecycle.lifecycle import compiled as compiling
from account_lifecycle.lifecycle import definition
from account_lifecycle.lifecycle import policy as settings
from account_lifecycle.lifecycle import rules as naming
from account_lifecycle.lifecycle.decide import decide
from account_lifecycle.lifecycle.policy import DEFAULT_POLICY, Policy
from account_lifecycle.lifecycle.providers import PERMISSIVE, PROFILES
from account_lifecycle.lifecycle.rules import UNNAMED, RecordedPolicies, Rules, is_named_rightly, rules_of
from builders import announced, judged
from lifecycle.pinning import digest_of, pinned, policy_of
from lifecycle_builders import DAY, HOUR, MICROSECOND, without
from stores.scenarios import events_with_every_anomaly, events_with_every_window

POLICIES = (
    Policy(),
    Policy(redelivery_window=90 * MICROSECOND),
    Policy(retry_horizon=3 * DAY, delivery_margin=HOUR + MICROSECOND, settling=0 * HOUR),
    Policy(subscribed="default"),
    without("OK", redelivery_window=HOUR),
    Policy(subscribed=()),
)


@pytest.fixture
def rebuilt() -> Iterator[None]:
    """Whatever a test patches is compiled anew, and so is the real thing afterwards."""
    forget()
    yield
    forget()


def forget() -> None:
    compiling.compiled.cache_clear()
    compiling.build_machine.cache_clear()


def sync_while_lost_moves() -> tuple[definition.Deviation, ...]:
    rows = definition.DEVIATIONS
    return tuple(row._replace(moves=not row.moves) if row.kind == "SYNC_WHILE_LOST" else row for row in rows)


def another_name(rules: Rules, **changes: object) -> Rules:
    """The same rules with some of their data changed, under the name that they then have."""
    text = json.dumps(json.loads(zlib.decompress(rules.content)) | changes).encode()
    return Rules(naming._name_of(text), zlib.compress(text))


# ---- What the name depends on ------------------------------------------------------------------------


@pytest.mark.usefixtures("rebuilt")
def test_a_changed_cell_of_the_definition_changes_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    before = rules_of(DEFAULT_POLICY)
    forget()
    monkeypatch.setattr(definition, "DEVIATIONS", sync_while_lost_moves())
    assert rules_of(DEFAULT_POLICY) != before


@pytest.mark.usefixtures("rebuilt")
def test_a_provider_that_is_added_changes_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    before = rules_of(DEFAULT_POLICY)
    forget()
    monkeypatch.setitem(PROFILES, "NEWCOMER", PERMISSIVE)
    assert rules_of(DEFAULT_POLICY) != before


def test_another_version_of_the_code_changes_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    before = rules_of(DEFAULT_POLICY)
    monkeypatch.setattr(naming, "ORDER_OF_JUDGING", naming.ORDER_OF_JUDGING + 1)
    assert rules_of(DEFAULT_POLICY) != before


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: str(POLICIES.index(policy)))
def test_what_judging_depends_on_of_a_policy_can_be_read_again(policy: Policy) -> None:
    found = policy_of(rules_of(policy))
    assert found is not None
    assert found.to_dict() == policy.to_dict()
    assert rules_of(found) == rules_of(policy)
    assert (rules_of(policy) == rules_of(DEFAULT_POLICY)) is (policy == DEFAULT_POLICY)


def test_deadlines_reminders_and_notices_are_no_part_of_the_rules() -> None:
    policy = Policy(deadlines={"X": {"OK": DAY}}, reminders=(HOUR,), expiry_notice=DAY)  # type: ignore[dict-item]
    assert rules_of(policy) == rules_of(DEFAULT_POLICY)


def test_the_name_is_the_same_in_every_process() -> None:
    ask = "from account_lifecycle.lifecycle.rules import *; print(rules_of(Policy()).name)"
    names = {
        subprocess.run(
            [sys.executable, "-c", ask], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert names == {rules_of(DEFAULT_POLICY).name.encode()}


# ---- Judging by the data -------------------------------------------------------------------------------


@pytest.mark.usefixtures("rebuilt")
def test_the_data_judges_as_the_code_did_after_everything_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cell, a provider's traits, an added provider and the policy's defaults."""
    log = [*events_with_every_anomaly(), *events_with_every_window(), announced("lost", "SYNC_SUCCESS", 900)]
    then, rules = judged(log), rules_of(DEFAULT_POLICY)
    forget()
    monkeypatch.setattr(definition, "DEVIATIONS", sync_while_lost_moves())
    monkeypatch.setitem(PROFILES, "LINKEDIN", PERMISSIVE._replace(announces_sync=False))
    monkeypatch.setitem(PROFILES, "MYSPACE", PERMISSIVE)
    monkeypatch.setattr(settings, "DEFAULT_POLICY", Policy(redelivery_window=timedelta(hours=9)))
    assert judged(log) != then
    policy = policy_of(rules)
    assert policy is not None
    assert [decide(decision.before, decision.event, policy) for decision in then] == then


# ---- What cannot be judged by ----------------------------------------------------------------------------


def test_rules_of_other_code_or_with_words_that_are_not_there_any_more_judge_nothing() -> None:
    rules = rules_of(DEFAULT_POLICY)
    found = json.loads(zlib.decompress(rules.content))
    assert policy_of(another_name(rules)) is not None
    assert policy_of(another_name(rules, code=[naming.ORDER_OF_JUDGING + 1, *found["code"][1:]])) is None
    assert policy_of(another_name(rules, words=[*found["words"], "SNAFU"])) is None
    assert policy_of(another_name(rules, policy=found["policy"] | {"subscribed": ["SNAFU"]})) is None
    assert policy_of(another_name(rules, policy=found["policy"] | {"retry_horizon": -1})) is None
    assert policy_of(another_name(rules, policy={})) is None
    assert policy_of(another_name(rules, answers=[])) is None


@pytest.mark.parametrize("content", [b"", b"no zlib", zlib.compress(b"{}"), zlib.compress(bytes(3 << 20)), "more"])
def test_data_that_is_not_what_its_name_says_judges_nothing(content: bytes | str) -> None:
    original = rules_of(DEFAULT_POLICY)
    rules = Rules(original.name, content if isinstance(content, bytes) else original.content + b"more")
    assert not is_named_rightly(rules)
    assert policy_of(rules) is None


def test_recorded_policies_knows_what_is_kept_by_now_and_no_policy_of_any_other_name() -> None:
    kept: list[Rules] = []
    policies = RecordedPolicies(lambda: kept)
    assert policies.policy(UNNAMED.name) is None
    assert policies.policy("0" * 32) is None
    kept.append(rules_of(DEFAULT_POLICY))
    policy = policies.policy(kept[0].name)
    assert policy is not None
    assert policy is policies.policy(kept[0].name)


# ---- The version of the code -----------------------------------------------------------------------------


def test_code_that_decides_anything_differently_over_the_same_data_has_another_version() -> None:
    """Else what was judged before would be reported as forged: raise it, then run ``tests/lifecycle/pinning.py``."""
    version, rules, decided = pinned()
    policy = policy_of(rules)
    assert version == naming.ORDER_OF_JUDGING
    assert policy is not None
    assert digest_of(policy) == decided

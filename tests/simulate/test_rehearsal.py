"""An audit in memory, the vendor's list beside it, and the distributions that know nothing of a policy."""

import ast
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from account_lifecycle.lifecycle.policy import DEFAULT, Policy
from account_lifecycle.lifecycle.status import Health
from account_lifecycle.simulate import delays, faults, lives
from account_lifecycle.simulate.faults import Faults
from account_lifecycle.simulate.rehearsal import Rehearsal, looks
from account_lifecycle.simulate.truth import Lived

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def lived(*facts: tuple[int, str]) -> Lived:
    return Lived("a", "LINKEDIN", tuple(((NOON + timedelta(hours=h)).isoformat(), word, "") for h, word in facts))


@pytest.mark.parametrize("module", [delays, lives, faults])
def test_what_is_drawn_of_the_world_imports_nothing_of_a_policy(module):
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not {name for name in imported if name.endswith(("policy", "decide", "deadlines"))}


def test_five_retries_take_from_a_minute_to_eight_hours():
    longest_s, least_s = (sum(wait.longest_s for wait in delays.RETRIES), delays.RETRIES[0].least_s)
    assert (len(delays.RETRIES), least_s) == (5, 60)
    assert longest_s <= 8 * delays.HOUR
    medians = [wait.median_s for wait in delays.RETRIES]
    assert medians == sorted(medians)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (((0, "OK"),), ["OK", "OK", "OK"]),
        (((0, "CREATION_SUCCESS"), (25, "OK")), ["CONNECTING", "OK", "OK"]),
        (((0, "OK"), (1, "SYNC_SUCCESS")), ["OK", "OK", "OK"]),
        (((0, "OK"), (30, "CREDENTIALS"), (60, "DELETED")), ["OK", "CREDENTIALS", "ABSENT"]),
        (((0, "CREATION_FAIL"),), []),
    ],
)
def test_the_vendors_list_says_what_is_true_of_an_account_that_exists(facts, expected):
    seen = looks([lived(*facts)], timedelta(days=1), NOON + timedelta(hours=73))
    assert [each.status for each in seen] == expected
    assert [each.received_at for each in seen] == [NOON + timedelta(days=n) for n in range(1, len(seen) + 1)]


def test_deadlines_that_have_passed_by_the_end_of_a_log_are_judged(fleet):
    stuck = [heard for heard in Rehearsal(list(fleet(faults=Faults(stalled=1)))) if "STUCK" in heard.kinds]
    assert len(stuck) > 20
    assert all(heard.of_clock for heard in stuck)


def test_words_that_are_not_subscribed_are_never_announced_and_the_accounts_are_presumed_live(fleet):
    simulation = fleet(subscribed=DEFAULT)
    lines = list(simulation)
    audit = Rehearsal(lines, Policy(subscribed="default"))
    heard = list(audit)
    assert heard
    assert not any("STUCK" in each.kinds for each in heard)
    assert not any(
        f'"message": "{word}"' in line for word in ("OK", "CONNECTING", "STOPPED") for line in fleet(subscribed=DEFAULT)
    )
    live = [account for account in audit.accounts.values() if account.health is Health.LIVE]
    assert live
    assert all(account.presumed for account in live)


def test_who_looks_at_the_vendors_list_each_day_is_handed_little_more_than_was_truly_blind(fleet, scored):
    settings = {"accounts": 100, "faults": Faults.everything(0.01)}
    unlooked = scored(fleet(**settings)).effects
    simulation = fleet(**settings)
    lines = list(simulation)
    until = datetime.fromisoformat(simulation.header["last_received_at"])
    observed = looks(simulation.truth.lives, timedelta(days=1), until)
    handed = timedelta(0)
    for _, decision in Rehearsal(lines, observed=observed).decisions():
        windows = [effect.blind_window for effect in decision.effects] if decision else []
        handed += sum((w.closed_at - (w.backfill_from or w.opened_at) for w in windows if w), timedelta(0))
    assert unlooked.blind < handed < 2 * unlooked.blind < unlooked.handed

"""What users test with: a clock, payloads, lives and the pytest fixtures."""

import subprocess
import sys
import tomllib
from datetime import datetime, timedelta
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from account_lifecycle import ConfigurationError, Engine, Status
from account_lifecycle.intake.dialects import DIALECTS, Dialect
from account_lifecycle.intake.payloads import parse
from account_lifecycle.lifecycle.events import NOBODY
from account_lifecycle.testing import START, Clock, life, payload

pytest_plugins = ["pytester"]
ROOT = Path(__file__).parents[2]


def test_a_clock_stands_still_until_it_ticks() -> None:
    clock = Clock()
    assert (clock(), clock()) == (START, START)
    assert clock.tick(minutes=5) == clock() == START + timedelta(minutes=5)
    assert clock.tick(timedelta(hours=1)) == START + timedelta(minutes=65)
    assert clock.tick() - START == timedelta(minutes=65, seconds=1)


def test_a_clock_is_set_to_an_aware_time_only() -> None:
    with pytest.raises(ConfigurationError, match="start"):
        Clock(datetime(2026, 5, 1))


def test_a_tick_has_one_length() -> None:
    with pytest.raises(TypeError, match="a length and minutes"):
        Clock().tick(timedelta(1), minutes=1)


def test_a_payload_can_be_fed(account_engine: Engine) -> None:
    decision = account_engine.feed_event(payload("SYNC_SUCCESS", "a", product="classic"))
    assert (decision.after.account_id, decision.after.provider) == ("a", "LINKEDIN")
    assert account_engine.feed_event(payload("OK", "b", provider=None)).account.provider is None
    assert account_engine.feed_event(payload("CREATION_SUCCESS", "c", owner="user-7")).event.owner == "user-7"


def test_a_payload_says_product_reason_and_owner() -> None:
    synced = parse(payload("SYNC_SUCCESS", "a", product="classic"), START)
    lost = parse(payload("CREDENTIALS", "a", reason="Disconnected"), START)
    born = parse(payload("CREATION_SUCCESS", "a", owner="user-7"), START)
    assert (synced.product, synced.provider, lost.reason) == ("classic", "LINKEDIN", "Disconnected")
    assert (born.owner, born.provider) == ("user-7", None)
    assert payload("OK", "a", shop="more")["AccountStatus"]["shop"] == "more"


def test_a_creation_may_fail_before_there_is_an_account() -> None:
    assert payload("CREATION_FAIL", "", owner="user-7") == {"status": "CREATION_FAIL", "name": "user-7"}
    assert parse(payload("CREATION_FAIL", "", owner="user-7"), START).account_id == NOBODY


def test_a_life_has_payloads_where_a_word_does_not_say_enough() -> None:
    told = life(["OK", payload("CREDENTIALS", "a", reason="Disconnected")], "a")
    assert [parse(each.payload, START).reason for each in told] == ["", "Disconnected"]


def test_the_life_of_an_owners_account_comes_by_both_channels() -> None:
    told = [parse(each.payload, START) for each in life("CONNECTING CREATION_SUCCESS OK RECONNECTED", owner="user-7")]
    assert [event.owner for event in told] == [None, "user-7", None, "user-7"]
    assert [event.provider for event in told] == ["LINKEDIN", None, "LINKEDIN", None]


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_a_payload_can_be_had_in_every_dialect(dialect: Dialect) -> None:
    event = parse(payload("RECONNECTED", "a", dialect=dialect), START)
    assert (event.account_id, event.status) == ("a", "RECONNECTED")


def test_a_life_can_be_fed_and_takes_a_minute_a_word(account_engine: Engine) -> None:
    words = "CONNECTING CREATION_SUCCESS OK CREDENTIALS"
    decisions = list(account_engine.feed_events(life(words, "a", provider="WHATSAPP")))
    assert [decision.event.status for decision in decisions] == words.split()
    assert [decision.event.received_at - START for decision in decisions] == [timedelta(minutes=n) for n in range(4)]
    assert {decision.after.provider for decision in decisions} == {"WHATSAPP"}


def test_a_life_starts_when_it_is_told_to_and_takes_its_time() -> None:
    start = START + timedelta(days=1)
    assert [event.received_at for event in life(["OK", "ERROR"], start=start, every=timedelta(days=2))] == [
        start,
        start + timedelta(days=2),
    ]


def test_the_engine_of_the_fixture_goes_by_the_clock_of_the_fixture(
    account_engine: Engine, account_clock: Clock
) -> None:
    account_engine.feed_event(payload("CONNECTING", "a"))
    assert account_engine.check_deadlines() == []
    account_clock.tick(hours=1)
    (stuck,) = account_engine.check_deadlines()
    assert stuck.account.status is Status.CONNECTING
    assert stuck.event.received_at == START + timedelta(minutes=30, microseconds=1)  # when it passed, not now


def test_the_plugin_is_installed_for_users_and_serves_their_tests(pytester: pytest.Pytester) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    ((name, module),) = project["entry-points"]["pytest11"].items()
    assert EntryPoint(name, module, "pytest11").load().account_engine
    pytester.makepyfile("def test_it(account_engine):\n    assert account_engine.accounts() == []\n")
    pytester.runpytest("-p", module).assert_outcomes(passed=1)


def test_the_tests_in_the_documentation_pass(pytester: pytest.Pytester) -> None:
    page = (ROOT / "docs" / "testing.md").read_text()
    blocks = [block.split("```")[0] for block in page.split("```python\n")[1:]]
    pytester.makepyfile(**{f"test_block_{number}": block for number, block in enumerate(blocks)})
    pytester.runpytest("-p", "account_lifecycle.testing.plugin").assert_outcomes(passed=4)


def test_importing_the_package_or_its_testing_part_does_not_import_pytest() -> None:
    code = "import sys, account_lifecycle.testing; print('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"

"""The policy: what a team may set, checked when it is made."""

import pickle
from datetime import timedelta
from typing import Any

import pytest

from account_lifecycle.errors import ConfigurationError
from account_lifecycle.lifecycle.policy import DEFAULT_POLICY, Policy
from account_lifecycle.lifecycle.status import Status
from lifecycle.expected_table import WORDS
from lifecycle_builders import DAY, HOUR, MINUTE

LENGTHS = {
    "redelivery_window": 10 * MINUTE,
    "retry_horizon": 20 * HOUR,
    "delivery_margin": HOUR,
    "settling": 2 * MINUTE,
    "expiry_notice": 14 * DAY,
}
each_length = pytest.mark.parametrize("name", LENGTHS)


def test_the_defaults_are_these() -> None:
    assert {name: getattr(DEFAULT_POLICY, name) for name in LENGTHS} == LENGTHS
    assert DEFAULT_POLICY.subscribed == set(WORDS)
    assert DEFAULT_POLICY.reminders == (DAY, 7 * DAY, 30 * DAY)
    assert DEFAULT_POLICY.deadlines == {}


@each_length
@pytest.mark.parametrize("length", [-timedelta.resolution, 600, 1.5, "10m", None], ids=repr)
def test_a_length_must_be_one_and_not_negative(name: str, length: Any) -> None:
    with pytest.raises(ConfigurationError, match=name):
        Policy(**{name: length})


@each_length
def test_a_length_of_nothing_is_allowed(name: str) -> None:
    assert getattr(Policy(**{name: timedelta(0)}), name) == timedelta(0)


# ---- Subscribed words ------------------------------------------------------------------------------


def test_sets_of_words_go_by_a_name() -> None:
    assert Policy(subscribed="all").subscribed == set(WORDS)
    assert Policy(subscribed="default").subscribed == set(WORDS) - {"OK", "CONNECTING", "STOPPED"}


@pytest.mark.parametrize("words", [["ok", " error "], ("OK", "ERROR"), {"OK", "ERROR"}, iter(["OK", "ERROR", "OK"])])
def test_any_collection_of_words_will_do_however_they_are_spelt(words: Any) -> None:
    assert Policy(subscribed=words).subscribed == {"OK", "ERROR"}


@pytest.mark.parametrize("words", ["everything", "OK", "", ["SNAFU"], ["UNSEEN"], [1], 7, None, ["OK", None]], ids=repr)
def test_unknown_words_are_refused(words: Any) -> None:
    with pytest.raises(ConfigurationError, match="subscribed"):
        Policy(subscribed=words)


# ---- Deadlines and reminders ------------------------------------------------------------------------


def test_a_provider_may_go_by_an_alias() -> None:
    policy = Policy(deadlines={"outlook": {Status.CONNECTING: DAY}})

    assert policy.deadlines_of("MICROSOFT")[Status.CONNECTING] == DAY


@pytest.mark.parametrize(
    "deadlines",
    [
        {"MYSPACE": {Status.OK: DAY}},
        {7: {Status.OK: DAY}},
        {"X": {"SNAFU": DAY}},
        {"X": {"UNSEEN": DAY}},
        {"X": {Status.OK: 60}},
        {"X": {Status.OK: -DAY}},
        {"X": DAY},
        [("X", {Status.OK: DAY})],
        "X",
    ],
    ids=repr,
)
def test_deadlines_of_nobody_or_of_no_length_are_refused(deadlines: Any) -> None:
    with pytest.raises(ConfigurationError, match="deadlines"):
        Policy(deadlines=deadlines)


def test_reminders_come_in_order_and_each_once() -> None:
    assert Policy(reminders=[7 * DAY, DAY, 7 * DAY]).reminders == (DAY, 7 * DAY)


@pytest.mark.parametrize("reminders", [DAY, "1d", [1], [timedelta(0)], [-DAY], None], ids=repr)
def test_reminders_of_no_length_are_refused(reminders: Any) -> None:
    with pytest.raises(ConfigurationError, match="reminders"):
        Policy(reminders=reminders)


# ---- A value ------------------------------------------------------------------------------------------


def test_policies_that_say_the_same_are_the_same() -> None:
    one, other = Policy(subscribed="default", reminders=[DAY]), Policy(subscribed="default", reminders=[DAY])

    assert one == other
    assert hash(one) == hash(other)
    assert one != Policy(subscribed="default")
    assert pickle.loads(pickle.dumps(one)) == one

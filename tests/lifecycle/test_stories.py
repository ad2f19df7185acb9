"""Lives retold from public reports (``stories/``): each once misled its user, and this is what it should say."""

import json
from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from account_lifecycle.errors import PayloadError
from account_lifecycle.intake.payloads import parse
from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.decide import Decision, judge
from account_lifecycle.lifecycle.events import DeadlinePassed
from account_lifecycle.lifecycle.policy import DEFAULT_POLICY, Policy
from lifecycle_builders import DAY, HOUR, MARGIN, effects_of, kinds_of, recovered_windows

STORIES = Path(__file__).parent / "stories"


class Told:
    """A story, read and judged; after it a clock looks once more, a day later."""

    def __init__(self, name: str, policy: Policy = DEFAULT_POLICY) -> None:
        accounts: dict[str, Account] = {}
        self.decisions: list[Decision] = []
        self.refused = 0
        for line in (STORIES / f"{name}.jsonl").read_text("utf-8").splitlines():
            row = json.loads(line)
            try:
                event = parse(row["payload"], datetime.fromisoformat(row["received_at"]))
            except PayloadError:
                self.refused += 1
                continue
            account = accounts.get(event.account_id, Account(event.account_id))
            self.decisions += judge(account, event, policy)
            accounts[event.account_id] = self.decisions[-1].after
        [self.account] = accounts.values()
        last = self.decisions[-1].event.received_at
        clock = DeadlinePassed(self.account.account_id, self.account.status, last + DAY, last, DAY)
        self.later = judge(self.account, clock, policy)

    @property
    def anomalies(self) -> list[str]:
        return [kind for decision in self.decisions for kind in kinds_of(decision)]

    def count(self, effect: str) -> int:
        """How often an effect was asked for, doubtful or not."""
        return [told.rstrip("?") for d in self.decisions for told in effects_of(d)].count(effect)

    @property
    def windows(self) -> list[tuple[timedelta, bool]]:
        """The length of each window that was handed to ``recovered``, and whether it was estimated."""
        return [(w.duration(), w.estimated) for w in recovered_windows(self.decisions)]


def test_with_the_default_subscription_an_account_is_live_and_each_reconnect_recovers() -> None:
    told = Told("default_subscription", Policy(subscribed="default"))

    assert (told.account.health, told.account.presumed) == ("LIVE", True)
    assert told.windows == [(DAY, False), (DAY, False)]
    assert (told.count("connected"), told.count("recovered")) == (1, 2)
    assert [d for d in (*told.decisions, *told.later) if "STUCK" in kinds_of(d)] == []


def test_where_all_words_are_thought_to_be_subscribed_the_same_life_is_stuck() -> None:
    told = Told("default_subscription")

    assert "STUCK" in told.anomalies
    assert told.count("connected") == 0


def test_a_team_that_hears_bad_news_only_hears_each_of_it() -> None:
    policy = Policy(subscribed={"CREATION_SUCCESS", "CREATION_FAIL", "ERROR", "CREDENTIALS", "PERMISSIONS"})
    told = Told("bad_news_only", policy)

    assert told.anomalies == ["MISSED_RECOVERY", "MISSED_RECOVERY"]
    assert told.count("action_required") == 3


def test_a_loss_that_went_unheard_is_estimated_from_one_ok_to_the_next() -> None:
    told = Told("loss_went_unheard")

    assert told.anomalies == ["UNEXPECTED_RECONNECT", "MISSED_OUTAGE"]
    assert told.windows == [(12 * DAY - timedelta(seconds=13), True)]


def test_a_retry_an_hour_later_moves_the_account_and_says_that_it_may_be_one() -> None:
    told = Told("retry_an_hour_later")

    assert "POSSIBLY_STALE" in kinds_of(told.decisions[-1])
    assert "action_required?" in effects_of(told.decisions[-1])


def test_the_second_channels_reconnect_is_late_and_no_warning() -> None:
    told = Told("reconnected_twin")

    assert told.anomalies == ["LATE_EVENT"]
    assert [a.severity for d in told.decisions for a in d.anomalies] == ["info"]
    assert told.account.health == "LIVE"
    assert told.windows == [(DAY + timedelta(seconds=5), False)]


def test_a_mistyped_password_is_no_contradiction() -> None:
    told = Told("sign_in_fails")

    assert told.anomalies == ["ADOPTED", "RECONNECT_FAILED"]
    assert told.account.health == "ACTION_REQUIRED"
    assert told.count("reconnect_failed") == 1


def test_stragglers_of_a_deletion_are_late() -> None:
    told = Told("late_after_deletion")

    assert told.anomalies == ["LATE_EVENT"] * 3
    assert told.account.health == "GONE"


def test_a_sync_a_day_is_a_sync_a_day() -> None:
    told = Told("daily_resync")

    assert told.anomalies == ["ADOPTED"]
    assert told.count("sync_completed") == 7


def test_on_a_live_fleet_the_first_life_is_an_adoption_with_an_estimated_window() -> None:
    told = Told("installed_on_a_live_fleet")
    [window] = recovered_windows(told.decisions)

    assert told.anomalies == ["ADOPTED"]
    assert told.count("connected adopted") == 1
    assert (window.opened_at, window.estimated) == (told.account.known_since, True)
    assert window.opened_at - window.backfill_from == MARGIN


def test_another_tenants_creation_changes_no_owner_and_is_asked_about() -> None:
    told = Told("another_tenant")

    assert told.account.owner == "tenant-1"
    assert told.anomalies == ["OWNER_CHANGED", "RECREATED"]


def test_two_products_redelivered_complete_once_each() -> None:
    told = Told("two_products_redelivered")

    assert told.anomalies == []
    assert (told.count("sync_completed classic"), told.count("sync_completed recruiter")) == (1, 1)


def test_a_calendars_event_deletes_no_account() -> None:
    told = Told("not_a_notification")

    assert (told.refused, told.account.status) == (1, "OK")


def test_the_vendors_own_reason_is_kept_with_the_account() -> None:
    told = Told("reason_given")

    assert told.account.reason == "We suspect automated behavior"


def test_a_creation_that_failed_before_there_was_an_account_is_told_to_its_owner() -> None:
    told = Told("failed_before_there_was_an_account")

    assert effects_of(told.decisions[0]) == ["creation_failed team-4"]
    assert told.decisions[0].account is None


def test_clocks_that_differ_end_no_window_before_it_begins() -> None:
    told = Told("clocks_of_two_hosts")

    assert told.anomalies == ["ADOPTED", "OUT_OF_ORDER"]
    assert told.windows == []
    assert told.account.blind_window is not None
    assert told.account.blind_window.backfill_from == told.account.blind_window.opened_at - HOUR


@pytest.mark.parametrize("path", sorted(STORIES.glob("*.jsonl")), ids=lambda path: path.stem)
def test_every_story_is_told_the_same_event_by_event_as_in_one_go(path: Path) -> None:
    by_account: dict[str, list[Decision]] = defaultdict(list)
    for decision in Told(path.stem).decisions:
        by_account[decision.after.account_id].append(decision)

    for decisions in by_account.values():
        assert [d.sequence for d in decisions] == list(range(1, len(decisions) + 1))

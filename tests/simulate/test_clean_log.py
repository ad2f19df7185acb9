"""A log without faults: nothing in it deviates, whatever the provider and the seed."""

import json
from collections import Counter
from datetime import datetime

import pytest

from account_lifecycle.lifecycle.anomalies import AnomalyKind
from account_lifecycle.lifecycle.definition import FINISHES_SYNC
from account_lifecycle.lifecycle.effects import EffectKind
from account_lifecycle.lifecycle.providers import ALIASES, PROFILES, Provider
from account_lifecycle.lifecycle.status import Verdict

SEEDS = range(20)


@pytest.mark.parametrize("provider", Provider)
def test_nothing_in_a_clean_log_is_refused_held_or_anomalous_but_what_may_be_a_late_redelivery(provider, fleet, hear):
    lines = stale = 0
    for seed in SEEDS:
        for heard in hear(fleet(accounts=6, seed=seed, providers=[provider])):
            assert heard.of_clock or heard.verdict in (Verdict.APPLIED, Verdict.REPEATED), (seed, heard)
            assert set(heard.kinds) <= {AnomalyKind.POSSIBLY_STALE}, (seed, heard)
            lines, stale = lines + 1, stale + len(heard.kinds)
    assert stale <= 0.02 * lines


@pytest.mark.parametrize("provider", Provider)
def test_whoever_is_judged_without_a_fault_feels_what_is_true(provider, fleet, scored):
    effects = scored(fleet(accounts=100, providers=[provider])).effects
    for kind, tally in effects.tallies.items():
        assert tally.unfelt == 0, kind
        assert tally.false == 0 or kind == EffectKind.RECOVERED  # a life whose creation was never announced
    assert effects.covered == effects.blind <= effects.handed


@pytest.mark.parametrize("provider", Provider)
def test_the_only_repeats_are_the_webhook_twins_of_notifications_seconds_later(provider, fleet, hear):
    for seed in SEEDS:
        lines = list(fleet(accounts=6, seed=seed, providers=[provider]))
        entries = [json.loads(line) for line in lines]
        notified = {}
        for heard in hear(lines):
            if heard.of_clock:
                continue
            line = entries[heard.line - 1]
            at = datetime.fromisoformat(line["received_at"])
            if "status" in line["payload"]:
                notified[heard.account_id] = at
            if heard.verdict is Verdict.REPEATED:
                assert "AccountStatus" in line["payload"]
                assert (at - notified[heard.account_id]).total_seconds() < 20


def test_a_clean_log_has_no_faults_in_its_truth(fleet):
    simulation = fleet()
    assert sum(1 for _ in simulation) == simulation.events > 500
    assert simulation.faults == []


def test_lines_come_in_the_order_of_time_and_every_account_is_heard_of_once_it_is_born(fleet):
    entries = [json.loads(line) for line in fleet(accounts=60)]
    times = [datetime.fromisoformat(line["received_at"]) for line in entries]
    assert times == sorted(times)
    assert len({_account_id(line["payload"]) for line in entries}) == 60


def test_the_wire_shows_both_formats_every_alias_premium_products_and_any_order_of_keys(fleet):
    payloads = [json.loads(line)["payload"] for line in fleet(accounts=1_000, days=60)]
    webhooks = [payload["AccountStatus"] for payload in payloads if "AccountStatus" in payload]
    notifications = [payload for payload in payloads if "AccountStatus" not in payload]
    assert {tuple(payload) for payload in notifications} == {("status", "account_id", "name")}
    assert {webhook["account_type"] for webhook in webhooks} == set(ALIASES)
    assert {webhook["product"] for webhook in webhooks if "product" in webhook} == {
        "classic",
        "recruiter",
        "sales_navigator",
    }
    assert {list(webhook).index("message") for webhook in webhooks} == {1, 2}
    assert any("reason" in webhook for webhook in webhooks)


def test_syncs_are_announced_by_exactly_the_providers_that_announce_them(fleet):
    seen = Counter()
    for line in fleet(accounts=300, days=60):
        webhook = json.loads(line)["payload"].get("AccountStatus", {})
        if webhook.get("message") == FINISHES_SYNC:
            seen[ALIASES[webhook["account_type"]]] += 1
    assert set(seen) == {provider for provider in Provider if PROFILES[provider].announces_sync}


def _account_id(payload):
    return payload.get("AccountStatus", payload)["account_id"]

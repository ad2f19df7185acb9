"""Words that are never announced to a fleet: one finding in place of an anomaly for each account."""

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from account_lifecycle import Engine, Received
from account_lifecycle.lifecycle.policy import DEFAULT_POLICY, Policy
from account_lifecycle.replay import replay
from account_lifecycle.report.as_data import write_json
from account_lifecycle.report.as_html import write_html
from account_lifecycle.report.as_text import write_text
from account_lifecycle.report.audit import AuditReport, build_report
from account_lifecycle.report.words import headline
from builders import T0, at, webhook

NOW = T0 + timedelta(days=60)
WORDS = ("CREATION_SUCCESS", "SYNC_SUCCESS", "CREDENTIALS", "RECONNECTED")
FINDING = (
    "OK was never announced for any of 25 accounts in 60 days: the default subscription leaves it out. Subscribe to "
    "all eleven words, or set ACCOUNT_LIFECYCLE_SUBSCRIBED=default."
)


def events(accounts: int, words: tuple[str, ...] = WORDS) -> list[Received]:
    """Lives of a fleet to which OK is not announced, each word a day after the one before."""
    return [
        Received(webhook(f"acc-{number}", word), at(1440 * day + number))
        for day, word in enumerate(words)
        for number in range(accounts)
    ]


def stored(fed: list[Received], policy: Policy = DEFAULT_POLICY) -> AuditReport:
    """What a store says of them."""
    with Engine.open("memory:", policy=policy, observers=()) as engine:
        list(engine.feed_events(fed))
        engine.check_deadlines(NOW)
        assert engine.overview(now=NOW).unannounced == build_report(engine.store, now=NOW, policy=policy).unannounced
        return build_report(engine.store, now=NOW, policy=policy)


def replayed(fed: list[Received], folder: Path, policy: Policy = DEFAULT_POLICY, jobs: int = 1) -> AuditReport:
    """What a replay says of them."""
    lines = [json.dumps({"received_at": str(each.received_at), "payload": each.payload}) for each in fed]
    path = folder / "log.jsonl"
    path.write_text("\n".join(lines))
    with replay(path, until=NOW, policy=policy, jobs=jobs) as audit:
        return audit.report()


def test_a_word_that_no_account_hears_is_told_once_in_place_of_what_it_explains(tmp_path: Path) -> None:
    for report in (stored(events(25)), replayed(events(25), tmp_path), replayed(events(25), tmp_path, jobs=2)):
        assert [word.explanation for word in report.unannounced] == [FINDING]
        assert "STUCK" not in report.by_kind
        assert headline(report) == "No anomalies on 25 accounts."
        assert report.affected_accounts == 0
        assert report.top_accounts == ()


def test_every_form_of_a_report_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "500")
    report = stored(events(25))
    for write in (write_text, write_html):
        stream = StringIO()
        write(report, stream)
        assert FINDING in stream.getvalue()
    stream = StringIO()
    write_json(report, stream)
    [word] = json.loads(stream.getvalue())["unannounced"]
    assert (word["word"], word["accounts"], word["explanation"]) == ("OK", 25, FINDING)


@pytest.mark.parametrize("accounts", [1, 19])
def test_few_accounts_prove_nothing_and_are_stuck(accounts: int) -> None:
    report = stored(events(accounts))
    assert report.unannounced == ()
    assert report.by_kind["STUCK"] > 0  # type: ignore[index]


def test_one_account_that_hears_it_proves_that_it_is_announced(tmp_path: Path) -> None:
    fed = [
        *events(25),
        Received(webhook("acc-25", "CREATION_SUCCESS"), at(4400)),
        Received(webhook("acc-25", "OK"), at(4401)),
    ]
    for report in (stored(fed), replayed(fed, tmp_path)):
        assert report.unannounced == ()
        assert "STUCK" in report.by_kind


def test_accounts_that_are_younger_than_their_deadlines_do_not_wait_yet() -> None:
    with Engine.open("memory:", observers=()) as engine:
        list(engine.feed_events(events(25, WORDS[:1])))
        assert engine.overview(now=at(60)).unannounced == ()
        assert len(engine.overview(now=at(2 * 1440)).unannounced) == 1


def test_with_the_default_subscription_all_are_presumed_live(tmp_path: Path) -> None:
    policy = Policy(subscribed="default")
    for report in (stored(events(25), policy), replayed(events(25), tmp_path, policy)):
        assert (report.unannounced, report.presumed_live) == ((), 25)
        assert report.accounts_by_health == {"LIVE": 25}
        assert report.windows.lost == 25 * timedelta(days=1)


@given(st.permutations(range(25)))
def test_the_order_of_accounts_does_not_matter(order: list[int]) -> None:
    with Engine.open("memory:", observers=()) as engine:
        list(engine.feed_events(Received(webhook(f"acc-{n}", "CREATION_SUCCESS"), at(0)) for n in order))
        assert engine.overview(now=NOW).unannounced[0].accounts == 25

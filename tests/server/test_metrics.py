"""``/metrics``: a fleet and its receiver in numbers that Prometheus can read, and that can be added up."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette

from account_lifecycle import Engine, PayloadError
from account_lifecycle.server.metrics import CODES, Metrics, ReceiverCounts
from account_lifecycle.server.operations import metrics_route
from account_lifecycle.testing import Clock, payload
from prometheus_tools import promtool
from server.driving import OK, a_receiver, over_asgi

NAMES = {
    "account_lifecycle_accounts",
    "account_lifecycle_stuck_accounts",
    "account_lifecycle_blind_accounts",
    "account_lifecycle_events_total",
    "account_lifecycle_last_event_timestamp_seconds",
    "account_lifecycle_deliveries",
    "account_lifecycle_deliveries_waiting",
    "account_lifecycle_quarantined_payloads",
    "account_lifecycle_receiver_requests_total",
    "account_lifecycle_receiver_request_duration_seconds_bucket",
    "account_lifecycle_receiver_request_duration_seconds_count",
    "account_lifecycle_receiver_request_duration_seconds_sum",
    "account_lifecycle_receiver_waiting",
}
"""Dashboards and alerts are made of these: they are a promise."""


class Page(NamedTuple):
    """What ``/metrics`` says."""

    text: str
    samples: dict[tuple[str, frozenset[tuple[str, str]]], float]

    def value(self, name: str, **labels: str) -> float:
        """The value of the sample with these labels, which must be there."""
        return self.samples[f"account_lifecycle_{name}", frozenset(labels.items())]


def read(text: str) -> Page:
    families = text_string_to_metric_families(text)
    return Page(text, {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples})


def metrics_of(engine: Engine, counts: ReceiverCounts | None = None, waiting: int = 0) -> Metrics:
    return Metrics(engine.overview, counts or ReceiverCounts(), lambda: waiting)


def page_of(metrics: Metrics) -> Page:
    return read(metrics.exposition("")[0].decode())


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """Six accounts of all sorts of providers, a hook that is dead-lettered, one that retries, a puzzling payload."""
    clock = Clock()
    with Engine.open(f"sqlite:///{tmp_path_factory.mktemp('fleet')}/a.db", clock=clock, observers=()) as engine:

        def fail(call: object) -> None:
            raise RuntimeError("no")

        engine.on_action_required(fail, name="nag", attempts=1)
        engine.on_action_required(fail, name="nag again", attempts=2)
        for number, provider in enumerate(("LINKEDIN", "TWITTER", "a new provider", "another one", None)):
            engine.feed_event(payload("OK", f"acc_{number}", provider=provider))
        engine.feed_event(payload("CREDENTIALS", "acc_0", provider="LINKEDIN"))
        engine.feed_event(payload("CREDENTIALS", "acc_1", provider="X"))
        engine.feed_event(payload("CONNECTING", "acc_5", provider="LINKEDIN"))
        clock.tick(hours=1)
        engine.check_deadlines()
        with pytest.raises(PayloadError):
            engine.feed_event(b"{")
        yield page_of(metrics_of(engine))


def test_its_names_are_exactly_those_that_are_promised(page: Page) -> None:
    assert {name for name, _ in page.samples} == NAMES


def test_promtool_finds_nothing_wrong_with_it(page: Page) -> None:
    assert promtool("check", "metrics", told=page.text.encode()) == ""


def test_accounts_are_counted_where_they_stand(page: Page) -> None:
    assert page.value("accounts", status="CREDENTIALS", health="ACTION_REQUIRED", provider="LINKEDIN") == 1
    assert page.value("accounts", status="CREDENTIALS", health="ACTION_REQUIRED", provider="X") == 1
    assert page.value("stuck_accounts") == 1
    assert page.value("blind_accounts") == 2
    assert page.value("events_total") == 9
    assert page.value("last_event_timestamp_seconds") == Clock().now.timestamp()
    assert page.value("quarantined_payloads") == 1


def test_a_word_that_is_no_known_provider_makes_no_label_of_its_own(page: Page) -> None:
    assert page.value("accounts", status="OK", health="LIVE", provider="other") == 2
    assert page.value("accounts", status="OK", health="LIVE", provider="unknown") == 1
    assert "new provider" not in page.text.lower()


def test_no_account_is_named(page: Page) -> None:
    assert "acc_" not in page.text


def test_deliveries_are_counted_by_hook_and_state(page: Page) -> None:
    assert page.value("deliveries", hook="action_required:*:nag", state="dead") == 2
    assert page.value("deliveries", hook="action_required:*:nag again", state="dead") == 0
    assert page.value("deliveries", hook="action_required:*:nag again", state="waiting") == 2
    assert page.value("deliveries_waiting") == 2


def test_a_scraper_that_prefers_openmetrics_gets_it(engine: Engine) -> None:
    text, content_type = metrics_of(engine).exposition("application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert "account_lifecycle_events" in {family.name for family in openmetrics_families(text.decode())}


def test_what_is_received_is_counted_by_its_answer_and_its_duration(engine: Engine, clock: Clock) -> None:
    counts = ReceiverCounts()
    ask = over_asgi(a_receiver(engine, clock, max_bytes=1_000).asgi(answered=counts.answered))
    right = {"X-Webhook-Secret": "the-secret-of-the-header"}
    for headers, body in ((right, OK), (right, OK), ({}, OK), (right, b"x" * 1_001)):
        ask("POST", "/hooks", headers, body)
    ask("PUT", "/hooks", right, OK)
    page = page_of(metrics_of(engine, counts, waiting=7))
    found = {code: page.value("receiver_requests_total", code=str(code)) for code in CODES}
    assert {code: count for code, count in found.items() if count} == {200: 2, 401: 1, 413: 1, 405: 1}
    assert page.value("receiver_request_duration_seconds_count") == 5
    assert page.value("receiver_request_duration_seconds_bucket", le="10.0") == 5
    assert 0 < page.value("receiver_request_duration_seconds_sum") < 60
    assert page.value("receiver_waiting") == 7


def test_an_answer_of_another_application_is_counted_as_other(engine: Engine) -> None:
    counts = ReceiverCounts()
    counts.answered(502, 0.1)
    assert page_of(metrics_of(engine, counts)).value("receiver_requests_total", code="other") == 1


def test_a_duration_is_in_every_bucket_that_it_is_not_above(engine: Engine) -> None:
    counts = ReceiverCounts()
    for duration_s in (0.001, 0.0011, 0.3, 11.0):
        counts.answered(200, duration_s)
    page = page_of(metrics_of(engine, counts))
    below = [page.value("receiver_request_duration_seconds_bucket", le=le) for le in ("0.001", "0.0025", "0.5", "+Inf")]
    assert below == [1, 2, 3, 4]


def test_processes_count_together_and_one_that_is_replaced_goes_on(engine: Engine) -> None:
    counts = ReceiverCounts(2)
    for place, requests in ((0, 3), (1, 4), (1, 5)):  # the last one takes the place of the one before
        pid = os.fork()
        if pid == 0:
            counts.begin(place)
            for _ in range(requests):
                counts.answered(200, 0.01)
            counts.wait(requests)
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
    page = page_of(metrics_of(engine, counts, waiting=3))
    assert page.value("receiver_requests_total", code="200") == 12
    assert page.value("receiver_waiting") == 8


def test_the_receiver_is_still_counted_while_the_store_cannot_be_read(tmp_path: Path) -> None:
    engine = Engine.open(f"sqlite:///{tmp_path}/a.db")
    engine.close()
    page = page_of(metrics_of(engine))
    assert page.value("receiver_requests_total", code="503") == 0
    assert not [name for name, _ in page.samples if "receiver" not in name]


def test_it_is_read_while_others_feed(engine: Engine) -> None:
    app = Starlette(routes=[metrics_route(metrics_of(engine))])
    with ThreadPoolExecutor(2) as pool:
        fed = pool.submit(lambda: [engine.feed_event(payload("OK", f"acc_{n}")) for n in range(200)])
        answers = [over_asgi(app)("GET", "/metrics", {}, b"") for _ in range(5)]
        fed.result()
    assert {answer.status for answer in answers} == {200}
    assert page_of(metrics_of(engine)).value("events_total") == 200

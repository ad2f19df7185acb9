"""``serve --demo``: a fleet with a past, a vendor that goes on, and nothing left behind."""

import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from account_lifecycle import Engine
from account_lifecycle.lifecycle.status import Health
from account_lifecycle.server.demonstration import DemoFleet
from cli.shell import invoke
from hooks.waiting import PATIENCE_S, eventually
from server.driving import SECRET
from server.processes import Served, started


class Shown(NamedTuple):
    """A demo that runs in a process of its own, with its folder for temporary files."""

    served: Served
    folder: Path

    @property
    def stores(self) -> list[Path]:
        return list(self.folder.glob("account-lifecycle-demo-*/fleet.db"))


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    folder = tmp_path_factory.mktemp("demo")
    settings = {"TMPDIR": str(folder), "ACCOUNT_LIFECYCLE_WEBHOOK_SECRETS": SECRET}  # a demo asks for no secret
    with started(["serve", "--demo", "--port", "0"], folder / "log", settings) as served:
        yield Shown(served, folder)


def test_a_fleet_with_a_past_goes_on_and_can_be_asked_by_others(shown: Shown) -> None:
    [store] = shown.stores
    url = f"sqlite:///{store}"
    assert url in shown.served.logged()
    with Engine.open(url, observers=()) as engine:
        assert len(engine.accounts(health=Health.LIVE)) > 500
        begun = engine.store.standing().last_event
        eventually(lambda: engine.store.standing().last_event > begun)
    assert "ERROR" in invoke("status", "--store", url).out  # the incident of its past is the first line


def test_a_webhook_can_be_sent_to_it(shown: Shown) -> None:
    url = f"http://127.0.0.1:{shown.served.port}/hooks"
    assert invoke("trigger", "CREDENTIALS", "--url", url).code == 0


def test_after_sigterm_nothing_is_left(shown: Shown) -> None:
    shown.served.signal(signal.SIGTERM)
    assert shown.served.process.wait(PATIENCE_S) == 0
    assert [path.name for path in shown.folder.iterdir()] == ["log"]
    assert "Traceback" not in shown.served.logged()


def test_a_provider_fails_and_hooks_run_for_it() -> None:
    with Engine.open("memory:", observers=()) as engine:
        fleet = DemoFleet(engine, accounts=700)
        filled = fleet.fill()
        assert filled.webhooks > 1_000
        [burst] = engine.overview().bursts
        assert burst.accounts > 20
        fleet.register()
        deliveries = fleet.strike()
        lost = {each.body for each in deliveries if b"CREDENTIALS" in each.body}
        back = [each.body for each in deliveries if each.body not in lost][:9]
        for body in (*lost, *back):
            engine.feed_event(body)
        assert max(burst.accounts for burst in engine.overview().bursts if burst.status == "CREDENTIALS") == len(lost)
        hooks = Counter(delivery.hook.rpartition(":")[2] for delivery in engine.deliveries())
        assert (hooks["ask_to_reconnect"], hooks["backfill"]) == (len(lost), len(back))

"""The service that reconciles again and again: in its turn, one process at a time, whatever happens to a run."""

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from account_lifecycle import Engine
from account_lifecycle.hooks.calls import HookCall
from account_lifecycle.stores.reconciliations import Reconciliation
from account_lifecycle.testing import Clock
from account_lifecycle.testing.vendor import ApiFault, SimulatedVendor
from account_lifecycle.vendor import Patience, VendorClient, service
from account_lifecycle.vendor.service import Reconciling
from hooks.waiting import eventually

ONCE = Patience(attempts=1, pause_s=0, longest_pause_s=0)


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of the tests stands still until they move it: let it be looked at often."""
    monkeypatch.setattr(service, "LONGEST_LOOK", timedelta(milliseconds=10))


@pytest.fixture
def vendor(account_clock: Clock) -> SimulatedVendor:
    return SimulatedVendor(clock=account_clock)


@pytest.fixture
def client(vendor: SimulatedVendor) -> Iterator[VendorClient]:
    with vendor.client(patience=ONCE) as client:
        yield client


def test_a_run_begins_at_once_and_then_in_its_turn_and_the_first_is_silent(
    account_engine: Engine, account_clock: Clock, vendor: SimulatedVendor, client: VendorClient
) -> None:
    runs, calls = list[Reconciliation](), list[HookCall]()
    account_engine.on_connected(calls.append, name="welcome")
    vendor.create(quiet=True)
    with Reconciling(account_engine, client, on_run=runs.append):
        eventually(lambda: len(runs) == 1)
        time.sleep(0.05)
        assert (len(runs), calls) == (1, [])
        account_clock.tick(minutes=15)
        vendor.create(quiet=True)
        eventually(lambda: len(runs) == 2)
        eventually(lambda: len(calls) == 1)
    assert [run.adopted for run in runs] == [1, 1]


def test_of_two_services_one_makes_each_run(
    account_engine: Engine, account_clock: Clock, vendor: SimulatedVendor, client: VendorClient
) -> None:
    runs = list[Reconciliation]()
    vendor.create(quiet=True)
    with (
        Reconciling(account_engine, client, on_run=runs.append),
        Reconciling(account_engine, client, on_run=runs.append),
    ):
        for number in range(1, 4):
            eventually(lambda number=number: len(runs) == number)  # type: ignore[misc]
            account_clock.tick(minutes=15)
        eventually(lambda: len(runs) == 4)
    assert [run.number for run in runs] == [1, 2, 3, 4]


def test_a_run_that_fails_is_followed_by_the_next_in_its_turn(
    account_engine: Engine, account_clock: Clock, vendor: SimulatedVendor, client: VendorClient
) -> None:
    runs = list[Reconciliation]()
    vendor.fault(ApiFault.UNAVAILABLE)
    with Reconciling(account_engine, client, on_run=runs.append):
        eventually(lambda: len(runs) == 1)
        vendor.recover()
        account_clock.tick(minutes=15)
        eventually(lambda: len(runs) == 2)
    assert [run.is_whole for run in runs] == [False, True]


def test_a_run_under_way_ends_soon_when_the_service_stops(
    account_engine: Engine, vendor: SimulatedVendor, client: VendorClient
) -> None:
    class Endless:
        def accounts(self) -> Iterator[object]:
            yield from client.accounts()
            while True:
                time.sleep(0.001)
                yield from client.accounts()

        def account(self, account_id: str) -> None:
            return None

    vendor.create(quiet=True)
    running = Reconciling(account_engine, Endless())  # type: ignore[arg-type]
    with running:
        eventually(lambda: account_engine.last_reconciliation() is not None)
    assert running.stop()
    last = account_engine.last_reconciliation()
    assert last is not None
    assert last.problem.startswith("The list: this process is being stopped")

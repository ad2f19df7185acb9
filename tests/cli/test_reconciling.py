"""``reconcile``: the vendor's list is read from its API, and serve does so by itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from account_lifecycle import Engine
from account_lifecycle.stores.reconciliations import Reconciliation
from account_lifecycle.testing import payload
from account_lifecycle.testing.vendor import ApiFault, SimulatedVendor
from cli.shell import Run
from hooks.waiting import eventually
from server.processes import serving

KEY = "the-key-of-the-vendor"


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[SimulatedVendor, str]]:
    vendor = SimulatedVendor(key=KEY)
    vendor.create("WHATSAPP", "calm", quiet=True)
    vendor.create("WHATSAPP", "lost", quiet=True)
    vendor.create("SLACK", "chat", quiet=True)
    vendor.lose("lost", "CREDENTIALS")
    with vendor.serve() as url:
        yield vendor, url


@pytest.fixture
def vendor(served: tuple[SimulatedVendor, str], monkeypatch: pytest.MonkeyPatch) -> SimulatedVendor:
    """A vendor that the environment leads to."""
    vendor, url = served
    vendor.recover()
    monkeypatch.setenv("ACCOUNT_LIFECYCLE_VENDOR_URL", url)
    monkeypatch.setenv("ACCOUNT_LIFECYCLE_VENDOR_KEY", KEY)
    return vendor


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A store in which both accounts have been OK for long."""
    file = tmp_path / "fleet.db"
    with Engine.open(f"sqlite:///{file}", observers=()) as engine:
        for account_id in ("calm", "lost"):
            event = payload("OK", account_id, provider="WHATSAPP")
            engine.feed_event(event, received_at=engine.now().replace(year=2026, month=1, day=1))
    return file


def last_run(file: Path) -> Reconciliation | None:
    with Engine.open(f"sqlite:///{file}", observers=()) as engine:
        return engine.last_reconciliation()


def test_people_are_told_what_differs_and_programs_too(run: Run, vendor: SimulatedVendor, file: Path) -> None:
    store = f"sqlite:///{file}"
    planned = " ".join(run("reconcile", "--dry-run", "--store", store).out.split())
    assert "of 1 nothing new; nothing was written" in planned
    assert "drift OK → CREDENTIALS 1" in planned
    assert last_run(file) is None

    ran = run("reconcile", "--fail-on", "DRIFT", "--store", store)
    assert ran.code == 6
    assert "skipped 1 SLACK: types that have no life cycle here" in " ".join(ran.out.split())
    told = run("reconcile", "--json", "--store", store).document
    assert (told["number"], told["is_whole"], told["listed"], told["drifted"]) == (2, True, 2, 0)


def test_a_fleet_is_adopted_in_silence(run: Run, vendor: SimulatedVendor, tmp_path: Path) -> None:
    ran = run("reconcile", "--adopt", "--json", "--store", f"sqlite:///{tmp_path}/new.db")
    assert (ran.code, ran.document["adopted"]) == (0, 2)


@pytest.mark.parametrize("fault", [ApiFault.FORBIDDEN, None])
def test_a_list_that_cannot_be_read_is_said_in_words_and_fails(
    run: Run, vendor: SimulatedVendor, file: Path, monkeypatch: pytest.MonkeyPatch, fault: ApiFault | None
) -> None:
    if fault is None:
        monkeypatch.setenv("ACCOUNT_LIFECYCLE_VENDOR_KEY", "an-old-key")
    else:
        vendor.fault(fault)
    ran = run("reconcile", "--store", f"sqlite:///{file}")
    assert ran.code == 1
    assert "GET /api/v1/accounts of http://127.0.0.1" in ran.err
    assert KEY not in ran.err
    assert "an-old-key" not in ran.err


def test_options_that_contradict_each_other_are_refused(run: Run, vendor: SimulatedVendor) -> None:
    assert run("reconcile", "--every", "15m", "--dry-run").code == 2


def test_without_a_key_it_is_said_what_to_set(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ACCOUNT_LIFECYCLE_VENDOR_KEY", raising=False)
    monkeypatch.setenv("ACCOUNT_LIFECYCLE_VENDOR_URL", "https://api1.example.com")
    assert "ACCOUNT_LIFECYCLE_VENDOR_KEY" in run("reconcile").err


def test_serve_reconciles_by_itself_the_first_time_in_silence(vendor: SimulatedVendor, file: Path) -> None:
    import os

    keys = {name: os.environ[name] for name in ("ACCOUNT_LIFECYCLE_VENDOR_URL", "ACCOUNT_LIFECYCLE_VENDOR_KEY")}
    with serving(file, **keys):
        eventually(lambda: (run := last_run(file)) is not None and run.is_whole)
    with Engine.open(f"sqlite:///{file}", observers=()) as engine:
        (drift,) = engine.audit(kind="DRIFT")
        assert drift.account_id == "lost"

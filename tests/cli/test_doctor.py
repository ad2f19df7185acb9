"""``webhooks`` and ``doctor``: what is wrong with a deployment is named, with the command that mends it."""

import ast
import json
import resource
import shlex
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import apsw
import click
import pytest
import stamina

import account_lifecycle
from account_lifecycle import Disable, Engine
from account_lifecycle.cli.program import program
from account_lifecycle.engine.checks import check_engine
from account_lifecycle.engine.core import utc_now
from account_lifecycle.stores.reconciliations import Reconciliation
from account_lifecycle.testing import Clock, payload
from account_lifecycle.testing.vendor import ApiFault, SimulatedVendor
from cli.shell import Run

URL = "https://me.example/hooks/token-7"
HEADER = "X-Webhook-Secret"
SECRET = "a-secret-of-this-receiver"
KEY = "the-key-of-the-vendor"


class Moving:
    """A clock that is wrong by some time."""

    off = timedelta(0)

    def __call__(self) -> datetime:
        return utc_now() + self.off


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[SimulatedVendor, str]]:
    vendor = SimulatedVendor(clock=Moving(), key=KEY)
    with vendor.serve() as url:
        yield vendor, url


@pytest.fixture
def vendor(served: tuple[SimulatedVendor, str], monkeypatch: pytest.MonkeyPatch) -> SimulatedVendor:
    """A vendor with nothing registered, to which the environment leads."""
    vendor, url = served
    vendor.subscriptions.clear()
    vendor.recover()
    vendor.key = KEY
    vendor.clock.off = timedelta(0)  # type: ignore[attr-defined]
    variables = {"VENDOR_URL": url, "VENDOR_KEY": KEY, "RECEIVER_URL": URL, "WEBHOOK_SECRETS": SECRET}
    for name, value in variables.items():
        monkeypatch.setenv(f"ACCOUNT_LIFECYCLE_{name}", value)
    return vendor


@pytest.fixture
def at_once() -> Iterator[None]:
    """Attempts follow each other without a pause."""
    with stamina.set_testing(True, attempts=3):
        yield


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """A store in good order: an account that is OK, and a comparison with the vendor's list a minute ago."""
    monkeypatch.setenv("ACCOUNT_LIFECYCLE_STORE", f"sqlite:///{tmp_path}/accounts.db")
    with Engine.open(f"sqlite:///{tmp_path}/accounts.db", observers=()) as opened:
        opened.feed_event(payload("OK", "anna"))
        reconcile(opened, timedelta(minutes=1))
        yield opened


def reconcile(engine: Engine, ago: timedelta, problem: str = "") -> None:
    at = utc_now() - ago
    number = engine.store.begin_reconciliation(at, at + timedelta(minutes=5))
    assert engine.store.end_reconciliation(Reconciliation(number, at, at, None, not problem, problem))


def register_rightly(vendor: SimulatedVendor, **other: Any) -> str:
    """Register the webhook as it should be, but for what is said otherwise."""
    from account_lifecycle.lifecycle.definition import ANNOUNCEMENTS

    return vendor.register(**{"url": URL, "words": ANNOUNCEMENTS, "headers": {HEADER: SECRET}, **other})


def problems(run: Run, *options: str, **env: str) -> list[dict[str, str]]:
    """What doctor finds wrong; each has a reason, and a remedy that can be typed."""
    ran = run("doctor", "--json", *options, **env)
    found = [each for each in ran.document["findings"] if each["level"] != "fine"]
    for each in found:
        assert each["why"].endswith((".", "all.")), each
        check_command(each["remedy"])
    assert ran.code == (6 if any(each["level"] == "error" for each in found) else 0)
    assert KEY not in ran.out + ran.err
    assert SECRET not in ran.out + ran.err
    assert "token-7" not in ran.out + ran.err
    return found


def check_command(remedy: str) -> None:
    """Raise an error for a command of ours that cannot be typed."""
    line = remedy.rpartition("then: ")[2]
    if not line.startswith("account-lifecycle "):
        return
    words = shlex.split(line)
    command: click.Command = program
    rest = words[1:]
    while isinstance(command, click.Group):
        command, rest = command.commands[rest[0]], rest[1:]
    command.make_context("account-lifecycle", rest, parent=click.Context(program)).close()


REGISTER = "account-lifecycle webhooks register"
REPLACE = "account-lifecycle webhooks register --replace"


# ---- Everything as it should be ------------------------------------------------------------------------------


def test_a_deployment_in_good_order_is_said_to_be(run: Run, vendor: SimulatedVendor, engine: Engine) -> None:
    register_rightly(vendor, url=URL + "/")
    assert problems(run) == []
    ran = run("doctor", "--fail-on", "warning")
    assert ran.code == 0
    assert ran.err == "all is as it should be\n"
    assert "SQLite" in ran.out
    assert "points here, with the secret and all eleven words" in ran.out


# ---- Set-ups whose webhook is wrong, and which the remedy mends ----------------------------------------------

WRONG_WEBHOOKS: dict[str, tuple[list[dict[str, Any]], str, str, str]] = {
    "none is registered": ([], "error", "none is registered for https://me.example/…", REGISTER),
    "it points elsewhere": (
        [{"url": "https://old.example/hooks"}], "error", "others point to https://old.example/…", REGISTER),
    "it is disabled": ([{"is_enabled": False}], "error", "is disabled", REPLACE),
    "it has no secret": ([{"headers": {"X-Other": "s"}}], "error", f"has no header {HEADER}", REPLACE),
    "it has another secret": (
        [{"headers": {HEADER.lower(): "an-older-secret"}}], "error", "another secret than the receiver", REPLACE),
    "it leaves words out": (
        [{"words": None}], "error", "does not announce CONNECTING, OK or STOPPED", REPLACE),
    "it is about one account": ([{"account_ids": ["anna"]}], "error", "is about 1 account only", REPLACE),
    "there are two": ([{}, {}], "warning", "2 are registered", REPLACE),
    "another source is none": ([{"source": "messaging"}], "error", "none is registered", REGISTER),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG_WEBHOOKS)
def test_a_webhook_that_is_wrong_is_named_and_the_remedy_mends_it(
    run: Run, vendor: SimulatedVendor, engine: Engine, case: str
) -> None:
    registered, level, found, remedy = WRONG_WEBHOOKS[case]
    for other in registered:
        register_rightly(vendor, **other)
    (problem,) = problems(run)
    assert (problem["level"], problem["remedy"]) == (level, remedy)
    assert found in problem["found"]
    mended = run(*shlex.split(remedy)[1:])
    assert mended.code == 0, mended.err
    assert problems(run) == []


def test_words_that_are_known_to_be_missing_are_a_warning(run: Run, vendor: SimulatedVendor, engine: Engine) -> None:
    register_rightly(vendor, words=None)
    (problem,) = problems(run, "--subscribed", "default")
    assert (problem["name"], problem["level"], problem["remedy"]) == ("words", "warning", REPLACE)
    assert run("doctor", "--subscribed", "default", "--fail-on", "warning").code == 6


def test_words_that_come_and_are_not_expected_are_a_warning(run: Run, vendor: SimulatedVendor, engine: Engine) -> None:
    register_rightly(vendor)
    (problem,) = problems(run, ACCOUNT_LIFECYCLE_SUBSCRIBED="default")
    assert problem["remedy"] == "export ACCOUNT_LIFECYCLE_SUBSCRIBED=all"
    assert "announces CONNECTING, OK and STOPPED, which is not expected" in problem["found"]


def test_a_receiver_of_which_the_url_is_not_known_is_named(run: Run, vendor: SimulatedVendor, engine: Engine) -> None:
    register_rightly(vendor)
    (problem,) = problems(run, ACCOUNT_LIFECYCLE_RECEIVER_URL="")
    assert (problem["level"], problem["found"][:13]) == ("warning", "1 registered,")
    assert "ACCOUNT_LIFECYCLE_RECEIVER_URL=" in problem["remedy"]


def test_a_receiver_without_a_secret_or_encryption_is_named(run: Run, vendor: SimulatedVendor, engine: Engine) -> None:
    register_rightly(vendor, url="http://me.example/hooks")
    found = problems(run, "--url", "http://me.example/hooks", ACCOUNT_LIFECYCLE_WEBHOOK_SECRETS="")
    assert [(each["name"], each["level"]) for each in found] == [("secret", "error"), ("webhook", "warning")]


# ---- Set-ups in which the vendor cannot be asked -------------------------------------------------------------


def test_a_key_that_was_rotated_is_named(run: Run, vendor: SimulatedVendor, engine: Engine) -> None:
    vendor.key = "the-next-key"
    (problem,) = problems(run)
    assert (problem["name"], problem["level"]) == ("vendor", "error")
    assert "401 Unauthorized" in problem["found"]
    assert "Put the present one where ACCOUNT_LIFECYCLE_VENDOR_KEY says" in problem["remedy"]


def test_a_right_that_is_missing_is_named(run: Run, vendor: SimulatedVendor, engine: Engine) -> None:
    vendor.fault(ApiFault.FORBIDDEN)
    (problem,) = problems(run)
    assert "403 Forbidden" in problem["found"]
    assert "check what your plan includes" in problem["remedy"]


@pytest.mark.usefixtures("at_once")
def test_an_address_where_no_vendor_answers_is_named(run: Run, vendor: SimulatedVendor, engine: Engine) -> None:
    vendor.fault(ApiFault.HTML)
    (problem,) = problems(run)
    assert problem["level"] == "error"
    assert "HTML in place of JSON" in problem["found"]
    assert "Check that the URL (ACCOUNT_LIFECYCLE_VENDOR_URL) is that of the API" in problem["remedy"]


@pytest.mark.usefixtures("at_once")
def test_a_vendor_that_is_down_is_a_warning(run: Run, vendor: SimulatedVendor, engine: Engine) -> None:
    vendor.fault(ApiFault.UNAVAILABLE)
    (problem,) = problems(run)
    assert problem["level"] == "warning"
    assert "503 Service Unavailable" in problem["found"]


def test_a_vendor_of_which_nothing_is_set_is_a_warning(run: Run, engine: Engine) -> None:
    (problem,) = problems(run)
    assert (problem["level"], problem["found"]) == ("warning", "neither its URL nor a key is set")
    (problem,) = problems(run, ACCOUNT_LIFECYCLE_VENDOR_URL="https://api1.example.com")
    assert problem["level"] == "error"
    assert "ACCOUNT_LIFECYCLE_VENDOR_KEY: found nothing" in problem["found"]


def test_a_clock_that_is_wrong_is_named(run: Run, vendor: SimulatedVendor, engine: Engine) -> None:
    register_rightly(vendor)
    vendor.clock.off = timedelta(minutes=11)  # type: ignore[attr-defined]
    (problem,) = problems(run)
    assert (problem["name"], problem["level"], problem["remedy"]) == ("clock", "error", "timedatectl set-ntp true")
    assert "behind the vendor's" in problem["found"]


# ---- Set-ups whose store, or what runs on it, is wrong -------------------------------------------------------


@pytest.fixture
def webhook(vendor: SimulatedVendor) -> None:
    """A vendor with which nothing is wrong."""
    register_rightly(vendor)


@pytest.mark.usefixtures("webhook")
class TestStore:
    def test_a_store_that_is_not_there(self, run: Run) -> None:
        (problem,) = problems(run)
        assert (problem["name"], problem["level"]) == ("store", "error")
        assert problem["found"] == "there is none at account-lifecycle.db"
        assert problem["remedy"] == "account-lifecycle serve"

    def test_a_store_of_another_program(self, run: Run, tmp_path: Path) -> None:
        with sqlite3.connect(tmp_path / "other.db") as other:
            other.execute("CREATE TABLE t (x)")
        (problem,) = problems(run, "--store", f"sqlite:///{tmp_path}/other.db")
        assert "is a SQLite file of another program" in problem["found"]
        assert problem["remedy"] == "account-lifecycle config show"

    def test_a_sqlite_that_loses_commits(self, run: Run, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: "3.45.1")
        (problem,) = problems(run)
        assert "SQLite 3.45.1 can lose committed events" in problem["found"]
        assert problem["remedy"] == 'pip install --upgrade "apsw>=3.51.3"'

    def test_a_disk_on_which_nothing_more_can_be_written(self, engine: Engine, tmp_path: Path) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
        try:
            problem = next(check_engine(engine, f"sqlite:///{tmp_path}/accounts.db", utc_now()))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert (problem.name, problem.level) == ("store", "error")
        assert problem.found.startswith("it cannot be written: ")
        assert problem.remedy == "account-lifecycle db check"
        assert next(check_engine(engine, f"sqlite:///{tmp_path}/accounts.db", utc_now())).level == "fine"

    def test_nothing_was_ever_announced(self, run: Run, tmp_path: Path) -> None:
        with Engine.open(f"sqlite:///{tmp_path}/new.db", observers=()) as new:
            reconcile(new, timedelta(0))
        (problem,) = problems(run, "--store", f"sqlite:///{tmp_path}/new.db")
        assert (problem["found"], problem["level"]) == ("nothing was ever announced", "error")
        assert problem["remedy"] == "account-lifecycle trigger OK"

    def test_the_last_announcement_is_old(self, run: Run, tmp_path: Path) -> None:
        with Engine.open(f"sqlite:///{tmp_path}/old.db", observers=()) as old:
            for minutes in range(600, 400, -10):
                old.feed_event(
                    payload("SYNC_SUCCESS", f"a{minutes}"), received_at=utc_now() - timedelta(minutes=minutes)
                )
                old.feed_event(payload("OK", f"a{minutes}"), received_at=utc_now() - timedelta(minutes=minutes - 1))
            reconcile(old, timedelta(0))
        (problem,) = problems(run, "--store", f"sqlite:///{tmp_path}/old.db")
        assert problem["found"].startswith("the last came 6 h 4")
        assert problem["remedy"] == "account-lifecycle webhooks list"

    def test_ok_is_never_announced(self, run: Run, tmp_path: Path) -> None:
        with Engine.open(f"sqlite:///{tmp_path}/quiet.db", observers=()) as quiet:
            for number in range(25):
                quiet.feed_event(payload("CREATION_SUCCESS", f"a{number}"), received_at=utc_now() - timedelta(days=3))
            quiet.feed_event(payload("ERROR", "now"))
            quiet.check_deadlines()
            reconcile(quiet, timedelta(0))
        (problem,) = problems(run, "--store", f"sqlite:///{tmp_path}/quiet.db")
        assert problem["found"] == "OK was never announced to any of 25 accounts"
        assert "ACCOUNT_LIFECYCLE_SUBSCRIBED=default" in problem["why"]

    def test_hooks_that_nobody_runs_and_dead_letters(self, run: Run, tmp_path: Path) -> None:
        def fail(call: object) -> None:
            raise RuntimeError("no")

        url = f"sqlite:///{tmp_path}/hooks.db"
        with Engine.open(url, clock=Clock(utc_now() - timedelta(minutes=50)), observers=()) as hooked:
            hooked.on_action_required(fail, name="ask", attempts=1)
            hooked.on_interrupted(fail, name="tell")
            hooked.feed_event(payload("CREDENTIALS", "anna"))
            hooked.feed_event(payload("ERROR", "bob"))
            reconcile(hooked, timedelta(0))
            hooked.run_hooks()
        late, dead = problems(run, "--store", url)
        assert (dead["found"], dead["level"]) == ("1 dead letter", "warning")
        assert (late["level"], late["remedy"]) == ("error", "account-lifecycle worker --hooks MODULE")
        assert late["found"].startswith("interrupted:*:tell is behind by 49 min")
        with Engine.open(url, observers=()) as stopped:
            stopped.on_interrupted(lambda call: Disable("gone"), name="stop", since="beginning")
            stopped.run_hooks()
        _, _, disabled = problems(run, "--store", url)
        assert run(*shlex.split(disabled["remedy"])[1:], "--store", url).code == 0
        assert len(problems(run, "--store", url)) == 2

    def test_deadlines_at_which_no_process_looks(self, run: Run, engine: Engine) -> None:
        engine.feed_event(payload("CONNECTING", "bob"), received_at=utc_now() - timedelta(minutes=50))
        (problem,) = problems(run)
        assert (problem["found"], problem["level"]) == ("1 deadline passed, and no process looked", "error")
        assert run(*shlex.split(problem["remedy"])[1:]).code == 0
        assert problems(run) == []

    def test_a_list_that_is_compared_no_more(self, run: Run, engine: Engine, tmp_path: Path) -> None:
        reconcile(engine, timedelta(0), problem="the list broke off at page 3")
        (problem,) = problems(run)
        assert (problem["level"], problem["found"]) == (
            "warning",
            "the last run broke off: the list broke off at page 3",
        )
        with Engine.open(f"sqlite:///{tmp_path}/old.db", observers=()) as old:
            old.feed_event(payload("OK", "anna"))
            store = ("--store", f"sqlite:///{tmp_path}/old.db")
            (problem,) = problems(run, *store)
            assert (problem["level"], problem["found"]) == ("warning", "the vendor's list was never compared")
            reconcile(old, timedelta(hours=3))
            (problem,) = problems(run, *store)
        assert (problem["level"], problem["found"]) == ("error", "the last run was 3 h ago")
        assert problem["remedy"] == "account-lifecycle reconcile --every 15m"

    def test_payloads_in_quarantine_and_misspelt_settings(self, run: Run, engine: Engine) -> None:
        from account_lifecycle import PayloadError

        with pytest.raises(PayloadError):
            engine.feed_event(b"no JSON")
        misspelt, waiting = problems(run, ACCOUNT_LIFECYCLE_SUBSCRIBE="all")
        assert misspelt["found"].startswith("ACCOUNT_LIFECYCLE_SUBSCRIBE is set, but")
        assert waiting["remedy"] == "account-lifecycle quarantine list"


def test_what_is_wrong_is_said_in_three_lines(run: Run, vendor: SimulatedVendor, engine: Engine) -> None:
    ran = run("doctor")
    assert ran.code == 6
    lines = ran.out.splitlines()
    (at,) = [number for number, line in enumerate(lines) if line.startswith("✗")]
    assert lines[at].startswith("✗ webhook")
    assert lines[at + 1].strip() == "Nothing is announced: no webhook of the vendor's reaches this receiver."
    assert lines[at + 2].strip() == f"→ {REGISTER}"
    assert ran.err == "1 error, 0 warnings\n"


def test_the_page_about_the_vendor_names_everything_that_is_looked_at() -> None:
    package = Path(account_lifecycle.__file__).parent
    modules = [package / "engine" / "checks.py", package / "vendor" / "checks.py", package / "cli" / "doctor.py"]
    called = [node for each in modules for node in ast.walk(ast.parse(each.read_text())) if isinstance(node, ast.Call)]
    names = {
        node.args[0].value
        for node in called
        if isinstance(node.func, ast.Name) and node.func.id in ("Finding", "fine")
        if isinstance(node.args[0], ast.Constant)
    }
    page = (Path(__file__).parents[2] / "docs" / "vendor.md").read_text()
    assert {
        line.split("`")[1] for line in page.splitlines() if line.startswith("| `") and "(" not in line[:16]
    } >= names
    assert {"store", "clock", "secret", "words", "settings"} <= names


# ---- webhooks ------------------------------------------------------------------------------------------------


def test_webhooks_are_listed_without_their_secrets(run: Run, vendor: SimulatedVendor) -> None:
    register_rightly(vendor)
    vendor.register("https://other.example/x", source="messaging", is_enabled=False)
    vendor.register("https://old.example/y")
    ran = run("webhooks", "list")
    assert (ran.code, ran.err) == (0, "3 webhooks\n")
    assert "CONNECTING, OK, STOPPED" in ran.out
    assert "https://me.example/…" in ran.out
    assert SECRET not in ran.out
    assert "token-7" not in ran.out
    first = run("webhooks", "list", "--json").records[0]
    assert (first["url"], first["headers"], first["missing_words"]) == ("https://me.example/…", [HEADER], [])


def test_a_webhook_is_registered_once(run: Run, vendor: SimulatedVendor) -> None:
    dry = run("webhooks", "register", "--dry-run")
    assert (
        dry.err == f"a webhook would be registered: all eleven words, JSON, header {HEADER}, to https://me.example/…\n"
    )
    assert vendor.subscriptions == {}
    assert run("webhooks", "register", "--json").document["is_new"] is True
    (registered,) = vendor.subscriptions.values()
    assert (registered.url, registered.format, registered.headers) == (URL, "json", ((HEADER, SECRET),))
    assert len(registered.words) == 11
    again = run("webhooks", "register")
    assert again.err == f"{registered.id} is registered already, and is as it should be\n"
    assert len(vendor.subscriptions) == 1


def test_a_second_one_is_not_registered_beside_a_wrong_one(run: Run, vendor: SimulatedVendor) -> None:
    wrong = register_rightly(vendor, words=["ERROR"])
    ran = run("webhooks", "register")
    assert ran.code == 1
    assert f"{wrong} goes there already" in ran.err
    dry = run("webhooks", "register", "--replace", "--dry-run")
    assert dry.err.endswith(f"{wrong} would be deleted\n")
    assert [*vendor.subscriptions] == [wrong]
    assert run("webhooks", "register", "--replace").code == 0
    (registered,) = vendor.subscriptions.values()
    assert registered.id != wrong


def test_what_registering_needs_is_asked_for(run: Run, vendor: SimulatedVendor) -> None:
    for variable, found in (
        ("RECEIVER_URL", "ACCOUNT_LIFECYCLE_RECEIVER_URL: found nothing; expected the URL that the vendor reaches"),
        ("WEBHOOK_SECRETS", "ACCOUNT_LIFECYCLE_WEBHOOK_SECRETS: found nothing"),
        ("VENDOR_KEY", "ACCOUNT_LIFECYCLE_VENDOR_KEY: found nothing; expected it to be set"),
    ):
        ran = run("webhooks", "register", **{f"ACCOUNT_LIFECYCLE_{variable}": ""})
        assert (ran.code, vendor.subscriptions) == (2, {})
        assert found in ran.err


def test_webhooks_are_deleted_after_a_question(run: Run, vendor: SimulatedVendor) -> None:
    one, two = register_rightly(vendor), register_rightly(vendor)
    assert run("webhooks", "delete", one, "--dry-run").err.endswith("1 webhook would be deleted\n")
    assert run("webhooks", "delete", one, stdin=b"n\n").code == 1
    assert run("webhooks", "delete", one, "wh_none", "--yes").code == 3
    assert [*vendor.subscriptions] == [one, two]
    assert run("webhooks", "delete", one, two, "--yes").code == 0
    assert vendor.subscriptions == {}


def test_what_is_asked_again_is_said_beside_the_output(
    run: Run, vendor: SimulatedVendor, caplog: pytest.LogCaptureFixture
) -> None:
    register_rightly(vendor)
    vendor.fault(ApiFault.UNAVAILABLE, times=1)
    ran = run("webhooks", "list", "--json")
    assert [each["source"] for each in ran.records] == ["account_status"]
    (logged,) = [record.getMessage() for record in caplog.records]
    assert logged.startswith('event="the vendor is asked again" call="GET /api/v1/webhooks of http://127.0.0.1:')
    assert logged.endswith('attempt=1 failure="it answered 503 Service Unavailable (HTML)"')


def test_the_key_is_read_from_a_file(run: Run, vendor: SimulatedVendor, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n")
    ran = run("webhooks", "list", "--json", ACCOUNT_LIFECYCLE_VENDOR_KEY="file:key")
    assert (ran.code, ran.out) == (0, "")
    ran = run("webhooks", "list", ACCOUNT_LIFECYCLE_VENDOR_KEY="file:nowhere")
    assert ran.code == 2
    assert "ACCOUNT_LIFECYCLE_VENDOR_KEY: found the file nowhere, which cannot be read" in ran.err
    shown = run("config", "show", "--json").document
    assert shown["vendor_key"]["value"] == "set, not shown"
    assert json.dumps(shown).count(KEY) == 0

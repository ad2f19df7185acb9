"""``worker``: hooks of one's own module, run until it is stopped."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from account_lifecycle import Engine, RetryAt
from account_lifecycle.engine.core import utc_now
from builders import webhook
from cli.shell import Run
from hooks.waiting import PATIENCE_S, eventually

PROGRAM = [sys.executable, "-c", "from account_lifecycle.cli import main; main()"]

HOOKS = """
def register(engine):
    @engine.on_action_required(name="nag", since="beginning")
    def nag(call):
        with open("nagged", "a") as file:
            print(call.account_id, file=file)

def failing(engine):
    @engine.on_action_required(name="failing", attempts=1, since="beginning")
    def fail(call):
        raise ValueError("no paper left")

def nothing(engine):
    pass

def broken(engine):
    engine.on_entered("SNAFU")(print)

def slow(engine):
    import pathlib, time
    @engine.on_action_required(name="slow", since="beginning")
    def wait(call):
        pathlib.Path("begun").touch()
        while not pathlib.Path("go on").exists():
            time.sleep(0.01)

class Grouped:
    @staticmethod
    def hooks(engine):
        register(engine)

NUMBER = 17
"""


@pytest.fixture(autouse=True)
def hooks(tmp_path: Path) -> Iterator[str]:
    """A module in the working directory, under a name that no other story has imported."""
    before = set(sys.modules), list(sys.path)
    name = f"hooks_{abs(hash(str(tmp_path)))}"
    (tmp_path / f"{name}.py").write_text(HOOKS)
    yield name
    for module in set(sys.modules) - before[0]:
        if module.startswith("hooks_"):
            del sys.modules[module]
    sys.path[:] = before[1]


def nagged() -> list[str]:
    return Path("nagged").read_text().split() if Path("nagged").exists() else []


# ---- Once ----------------------------------------------------------------------------------------------


def test_once_runs_what_is_due_and_ends(run: Run, store: Path, hooks: str) -> None:
    ran = run("worker", "--hooks", hooks, "--once", "--catch-up")
    assert (ran.code, ran.out, ran.err) == (0, "", "2 calls made: 2 done\n")
    assert nagged() == ["acc_down", "acc_stuck"]
    assert run("worker", "--hooks", hooks, "--once", "--catch-up").err == "nothing was due\n"


def test_what_was_given_up_is_told_apart(run: Run, store: Path, hooks: str) -> None:
    ran = run("worker", "--hooks", f"{hooks}:failing", "--once", "--catch-up")
    assert ran.code == 0
    assert ran.err.splitlines()[-1] == "2 calls made: 2 dead-lettered"


def test_the_end_is_told_to_programs_as_well(run: Run, store: Path, hooks: str) -> None:
    ran = run("worker", "--hooks", hooks, "--once", "--catch-up", "--json")
    counts = {"done": 2, "waiting": 0, "dead": 0, "halted": 0, "withdrawn": 0, "running": 0}
    assert ran.document == counts | {"left": [], "unregistered": {}}


def test_a_function_may_stand_within_something(run: Run, store: Path, hooks: str) -> None:
    assert run("worker", "--hooks", f"{hooks}:Grouped.hooks", "--once", "--catch-up").err == "2 calls made: 2 done\n"


# ---- Old news ------------------------------------------------------------------------------------------


def test_calls_that_are_older_than_an_hour_are_made_only_if_that_is_wished_for(
    run: Run, store: Path, hooks: str
) -> None:
    ran = run("worker", "--hooks", hooks, "--once")
    assert ran.code == 2
    assert "action_required:*:nag: 0 deliveries due, 15 events to be looked through" in ran.err
    assert "To make them: --catch-up. To leave them out: register it without since=" in ran.err
    assert nagged() == []
    with Engine.open(f"sqlite:///{store}", observers=()) as engine:
        assert engine.subscribed_hooks() == [], "nothing was made known"


def test_old_calls_that_were_skipped_keep_no_worker_from_starting(run: Run, store: Path, hooks: str) -> None:
    long_ago = utc_now() - timedelta(hours=3, minutes=1)
    with Engine.open(f"sqlite:///{store}", observers=(), clock=lambda: long_ago) as engine:
        engine.on_action_required(lambda call: RetryAt(), name="nag")
        engine.feed_event(webhook("acc_new", "CREDENTIALS"))
    ran = run("worker", "--hooks", hooks, "--once")
    assert ran.code == 2
    assert "action_required:*:nag: 1 delivery due, the oldest for 3 h 1 min" in ran.err
    assert "account-lifecycle hooks skip action_required:*:nag --before 1h" in ran.err
    assert run("hooks", "skip", "action_required:*:nag", "--before", "1h").err == "1 delivery withdrawn\n"
    ran = run("worker", "--hooks", hooks, "--once")
    assert (ran.code, ran.err, nagged()) == (0, "nothing was due\n", [])


def test_a_dry_run_says_what_would_be_called_and_calls_nothing(run: Run, store: Path, hooks: str) -> None:
    ran = run("worker", "--hooks", hooks, "--dry-run")
    assert (ran.code, ran.err) == (
        0,
        "action_required:*:nag: 0 deliveries due, 15 events to be looked through (the store does not know it yet)\n",
    )
    assert run("worker", "--hooks", hooks, "--once", "--catch-up").code == 0
    (told,) = run("worker", "--hooks", hooks, "--dry-run", "--json").document["would_call"]
    assert (told["hook"], told["due"], told["events"], told["is_new"]) == ("action_required:*:nag", 0, 0, False)
    assert nagged() == ["acc_down", "acc_stuck"]


# ---- What cannot be ------------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", ["", ":register", "../hooks", "hooks.py/x", "a b", ".hooks"])
def test_a_name_that_is_no_module_is_a_usage_error(run: Run, spec: str) -> None:
    ran = run("worker", "--hooks", spec, "--once", "--catch-up")
    assert ran.code == 2
    assert "expected MODULE or MODULE:NAME" in ran.err


def test_a_module_that_is_not_there_is_told_with_where_it_was_looked_for(run: Run, tmp_path: Path) -> None:
    ran = run("worker", "--hooks", "hooks_nowhere", "--once", "--catch-up")
    assert ran.code == 2
    assert "no module 'hooks_nowhere' is in" in ran.err
    assert str(tmp_path) in ran.err


def test_a_function_that_is_not_there_is_told(run: Run, hooks: str) -> None:
    for name in ("nobody", "NUMBER", "Grouped.nobody"):
        ran = run("worker", "--hooks", f"{hooks}:{name}", "--once", "--catch-up")
        assert ran.code == 2
        assert f"there is no function and no engine '{name}' in {hooks}" in ran.err


def test_a_function_that_registers_nothing_is_told(run: Run, hooks: str) -> None:
    ran = run("worker", "--hooks", f"{hooks}:nothing", "--once", "--catch-up")
    assert ran.code == 2
    assert "it registered no hook" in ran.err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import nothing_like_this", "imports 'nothing_like_this', which is not installed"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("def register(engine:", "SyntaxError"),
    ],
    ids=["import", "error", "syntax"],
)
def test_a_module_that_cannot_be_imported_is_one_plain_line(run: Run, tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "hooks_bad.py").write_text(text)
    ran = run("worker", "--hooks", "hooks_bad", "--once", "--catch-up")
    assert ran.code == 1
    assert ran.err.count("\n") == 1
    assert told in ran.err
    assert "hooks_bad" in ran.err


def test_a_function_that_fails_is_one_plain_line_that_says_where(run: Run, hooks: str) -> None:
    ran = run("worker", "--hooks", f"{hooks}:broken", "--once", "--catch-up")
    assert ran.code == 1
    assert ran.err.count("\n") == 1
    assert "broken() failed: ConfigurationError: subject: found 'SNAFU'; expected UNSEEN, CONNECTING," in ran.err
    assert f"{hooks}.py, line " in ran.err


# ---- An engine of one's own ------------------------------------------------------------------------------

OWN = """
from account_lifecycle import Engine
engine = Engine.open({url!r}, observers=())
elsewhere = Engine.open("memory:")

@engine.on_action_required(name="nag", since="beginning")
def nag(call):
    with open("nagged", "a") as file:
        print(call.account_id, file=file)
"""


@pytest.fixture
def own(tmp_path: Path, store: Path) -> str:
    """A module with an engine of its own on the store."""
    name = f"hooks_own_{abs(hash(str(tmp_path)))}"
    (tmp_path / f"{name}.py").write_text(OWN.format(url=f"sqlite:///{store}"))
    return name


def test_a_module_may_have_an_engine_with_its_hooks(run: Run, own: str) -> None:
    assert run("worker", "--hooks", own, "--once", "--catch-up").err == "2 calls made: 2 done\n"
    assert nagged() == ["acc_down", "acc_stuck"]


def test_its_engine_may_be_named_and_the_store_given_in_other_words(run: Run, own: str, store: Path) -> None:
    ran = run(
        "worker",
        "--hooks",
        f"{own}:engine",
        "--once",
        "--catch-up",
        "--store",
        f"sqlite:///{store.parent}/./{store.name}",
    )
    assert (ran.code, ran.err) == (0, "2 calls made: 2 done\n")


def test_an_engine_on_another_store_than_the_one_that_is_given_is_refused(run: Run, own: str, store: Path) -> None:
    for ran in (
        run("worker", "--hooks", own, "--once", "--catch-up", "--store", "sqlite:///other.db"),
        run("worker", "--hooks", own, "--once", "--catch-up", ACCOUNT_LIFECYCLE_STORE="sqlite:///other.db"),
    ):
        assert ran.code == 2
        assert f"found an engine on sqlite:///{store}; expected the store sqlite:///other.db" in ran.err
    assert not Path("other.db").exists()
    assert nagged() == []


def test_an_engine_that_no_other_process_can_feed_is_refused(run: Run, own: str) -> None:
    ran = run("worker", "--hooks", f"{own}:elsewhere", "--once", "--catch-up")
    assert ran.code == 2
    assert "found an engine on memory:, which no other process can feed" in ran.err


def test_a_module_with_a_function_and_an_engine_has_to_say_which(run: Run, own: str, tmp_path: Path) -> None:
    with (tmp_path / f"{own}.py").open("a") as module:
        module.write("def register(engine): engine.on_action_required(nag, name='again', since='beginning')\n")
    ran = run("worker", "--hooks", own, "--once", "--catch-up")
    assert ran.code == 2
    assert f"Say which: --hooks {own}:register or --hooks {own}:engine" in ran.err
    assert run("worker", "--hooks", f"{own}:register", "--once", "--catch-up").err == "2 calls made: 2 done\n"


def test_a_module_with_neither_is_told_what_to_write(run: Run, tmp_path: Path) -> None:
    (tmp_path / "hooks_none.py").write_text("engine = 17\n")
    ran = run("worker", "--hooks", "hooks_none", "--once", "--catch-up")
    assert ran.code == 2
    assert (
        "there is no function 'register' and no engine 'engine' in hooks_none. Write: def register(engine): " in ran.err
    )


# ---- Hooks that are not registered here ------------------------------------------------------------------


def test_a_worker_says_which_known_hooks_it_does_not_have_and_what_waits_for_them(
    run: Run, store: Path, hooks: str
) -> None:
    long_ago = utc_now() - timedelta(hours=3, minutes=1)
    with Engine.open(f"sqlite:///{store}", observers=(), clock=lambda: long_ago) as engine:
        engine.on_action_required(lambda call: RetryAt(), name="renamed", since="beginning")
        engine.on_deleted(lambda call: None, name="idle")
        engine.run_hooks()
    ran = run("worker", "--hooks", hooks, "--once", "--catch-up")
    assert ran.err.splitlines() == [
        "not registered here: action_required:*:renamed; 2 deliveries wait, the oldest due 3 h 1 min ago",
        "not registered here: deleted:*:idle; nothing waits for it",
        "  Run a worker with these hooks, or if they are gone for good: account-lifecycle hooks forget NAME",
        "2 calls made: 2 done",
    ]
    unregistered = run("worker", "--hooks", hooks, "--once", "--catch-up", "--json").document["unregistered"]
    assert {name: waits["waiting"] for name, waits in unregistered.items()} == {
        "action_required:*:renamed": 2,
        "deleted:*:idle": 0,
    }


# ---- On and on -------------------------------------------------------------------------------------------


@contextmanager
def started(*words: str, threads: str = "4 threads") -> Iterator["subprocess.Popen[str]"]:
    """A worker in a process of its own, which is gone in the end whatever the story comes to."""
    command = [*PROGRAM, "worker", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            assert process.stderr.readline() == f"running 1 hook in {threads}; stop with Ctrl-C\n"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_runs_hooks_until_it_is_told_to_stop(store: Path, hooks: str, how: signal.Signals) -> None:
    with started("--hooks", hooks, "--catch-up", "--poll", "0.05s", "--json") as process:
        eventually(lambda: len(nagged()) == 2)
        with Engine.open(f"sqlite:///{store}", observers=()) as engine:
            engine.feed_event({"AccountStatus": {"account_id": "acc_new", "message": "CREDENTIALS"}})
            eventually(lambda: len(nagged()) == 3)
            eventually(lambda: len(engine.deliveries(state="done")) == 3)
        process.send_signal(how)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, err) == (0, "")
    assert json.loads(out)["done"] == 3


def test_stopping_waits_for_the_call_that_is_running(store: Path, hooks: str) -> None:
    with started(
        "--hooks", f"{hooks}:slow", "--catch-up", "--threads", "1", "--poll", "0.05s", threads="1 thread"
    ) as process:
        eventually(Path("begun").exists)
        process.send_signal(signal.SIGTERM)
        Path("go on").touch()
        _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert err.splitlines() == [
        "stopping: waiting for 1 call, 30 s at most; again to kill",
        "stopped: 1 call made: 1 done",
    ]
    with Engine.open(f"sqlite:///{store}", observers=()) as engine:
        assert engine.deliveries(state="done")
        assert not engine.deliveries(state="running")


def test_a_call_that_does_not_end_is_left_and_named_and_made_again_later(store: Path, hooks: str) -> None:
    words = (
        "--hooks",
        f"{hooks}:slow",
        "--catch-up",
        "--poll",
        "0.05s",
        "--threads",
        "1",
        "--stop-timeout",
        "0.2s",
        "--json",
    )
    with started(*words, threads="1 thread") as process:
        eventually(Path("begun").exists)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    (left,) = json.loads(out)["left"]
    assert (left["hook"], left["account_id"], left["is_stuck"]) == ("action_required:*:slow", "acc_down", False)
    assert "action_required:*:slow for acc_down since " in err
    assert "left running; it is made again" in err
    with Engine.open(f"sqlite:///{store}", observers=(), clock=lambda: utc_now() + timedelta(minutes=2)) as engine:
        engine.on_action_required(lambda call: None, name="slow")
        outcomes = {each.call.account_id: (each.call.attempt, each.done) for each in engine.run_hooks()}
    assert outcomes == {"acc_down": (2, True), "acc_stuck": (1, True)}


def test_a_second_signal_ends_it_at_once(store: Path, hooks: str) -> None:
    with started("--hooks", f"{hooks}:slow", "--catch-up", "--poll", "0.05s") as process:
        eventually(Path("begun").exists)
        while process.poll() is None:
            process.send_signal(signal.SIGTERM)
        assert process.returncode == -signal.SIGTERM

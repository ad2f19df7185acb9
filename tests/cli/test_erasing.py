"""``account erase``: payloads and names go for good, the verdicts stay, and the record still holds."""

from pathlib import Path

from cli.shell import Run, notification


def test_what_came_in_is_gone_from_the_file_and_the_events_stay(run: Run, store: Path) -> None:
    assert b"user-7" in store.read_bytes()
    before = run("history", "acc_down", "--json").records
    ran = run("account", "erase", "acc_down", "--yes")
    assert (ran.code, ran.err) == (0, "6 payloads erased; the events stay, without them\n")
    after = run("history", "acc_down", "--json").records
    assert [event["verdict"] for event in after] == [event["verdict"] for event in before]
    assert {event["payload"] for event in after} == {""}
    assert run("account", "show", "acc_down", "--json").document["name"] is None
    files = [path for path in store.parent.iterdir() if path.name.startswith(store.name)]
    assert not any(b"user-7" in path.read_bytes() for path in files)
    assert run("verify").code == 0


def test_erased_announcements_do_not_look_like_deadlines(run: Run, store: Path) -> None:
    run("account", "erase", "acc_down", "--yes")
    assert "stuck)" not in run("history", "acc_down").out


def test_it_asks_first(run: Run, store: Path) -> None:
    for answer in (b"n\n", b""):
        ran = run("account", "erase", "acc_down", stdin=answer)
        assert ran.code == 1
        assert ran.err.startswith("Erase the payloads and names of account acc_down for good? [y/N]:")
        assert "nothing was done. Answer y, or give --yes" in ran.err
        assert run("account", "show", "acc_down", "--json").document["name"] == "user-7"
    assert run("account", "erase", "acc_down", stdin=b"y\n").code == 0


def test_the_same_for_programs(run: Run, store: Path) -> None:
    told = run("account", "erase", "acc_gone", "--yes", "--json").document
    assert told == {"account_id": "acc_gone", "erased_payloads": 3}


def test_an_account_that_nobody_heard_of_is_not_found(run: Run, store: Path) -> None:
    ran = run("account", "erase", "acc_none", "--yes")
    assert (ran.code, ran.out) == (3, "")
    assert "nothing was ever fed for the account 'acc_none'" in ran.err


def test_payloads_in_the_quarantine_are_erased_even_if_nothing_was_ever_fed(run: Run) -> None:
    line = b'{"status": 7, "account_id": "acc_1", "name": "user-9"}'
    run("feed", "-", stdin=line + b"\n" + notification("2026-05-01T08:00:00Z", "acc_2", "OK", "user-2"))
    assert run("account", "erase", "acc_1", "--yes", "--json").document["erased_payloads"] == 1
    assert "user-9" not in run("quarantine", "show", "1").out
    assert "its bytes were erased on request" in run("quarantine", "show", "1").out


def test_the_old_ways_to_ask_about_an_account_are_as_they_were(run: Run, store: Path) -> None:
    assert run("account", "show", "acc_down").code == 0
    assert run("account", "list").code == 0
    assert run("account", "explain", "acc_down").code == 0

"""``account list``, ``show``, ``explain`` and ``erase``, and ``history``."""

from pathlib import Path

from cli.shell import LOG, NOW, Run, notification, webhook


def test_the_list_shows_every_account_with_its_status_and_health(run: Run, store: Path) -> None:
    ran = run("account", "list", "--now", NOW)
    rows = [line.split() for line in ran.out.splitlines()]
    assert rows[0] == ["account", "provider", "status", "health", "for"]
    assert ["acc_down", "LINKEDIN", "CREDENTIALS", "ACTION_REQUIRED", "7", "d"] in rows
    assert ["acc_live", "GOOGLE", "OK", "LIVE", "8", "d"] in rows
    assert ran.err == "5 accounts\n"


def test_the_list_can_be_narrowed_by_any_name_of_a_provider(run: Run, store: Path) -> None:
    ran = run("account", "list", "--provider", "google_calendar", "--json")
    assert [account["account_id"] for account in ran.records] == ["acc_live"]


def test_the_list_can_be_narrowed_by_health_and_status(run: Run, store: Path) -> None:
    down = run("account", "list", "--health", "action_required", "--status", "credentials", "--json")
    assert [account["account_id"] for account in down.records] == ["acc_down"]
    assert run("account", "list", "--health", "live", "--status", "credentials", "--json").records == []


def test_an_unknown_provider_can_be_asked_for_and_is_remarked_upon(run: Run, store: Path) -> None:
    ran = run("account", "list", "--provider", "slack", "--json")
    assert [account["account_id"] for account in ran.records] == ["acc_odd"]
    assert ran.err.startswith("SLACK is not a provider that this version knows: LINKEDIN,")


def test_one_account_is_shown_with_all_that_is_known(run: Run, store: Path) -> None:
    out = run("account", "show", "acc_down", "--now", NOW).out
    for told in ("acc_down  LINKEDIN", "CREDENTIALS", "7 d 3 h ago", "user-7", "exists, lost", "classic", "6"):
        assert told in out, told


def test_an_explanation_tells_why_since_when_what_was_missed_and_what_may_follow(run: Run, store: Path) -> None:
    out = run("account", "explain", "acc_down", "--now", NOW).out
    told = " ".join(out.split())
    assert "CREDENTIALS, since 2026-05-03 09:00:00 UTC, 7 d 3 h ago" in told
    assert "ACTION_REQUIRED: the user must reconnect" in told
    assert "Everything since 2026-05-03 09:00:00 UTC" in told
    assert "Once it is live, backfill from 2026-05-03 08:00:00 UTC" in told
    assert "to do Ask the user to reconnect the account" in told
    assert "The user ended the session in LinkedIn's settings. Ask the user to reconnect" in told
    assert "The session expired" not in told
    assert "due to expire 2027-05-01 08:00:00 UTC" in told
    assert "RECREATED" in told
    assert "LIVE OK" in told


def test_an_explanation_for_programs_says_the_same(run: Run, store: Path) -> None:
    told = run("account", "explain", "acc_down", "--now", NOW, "--json").document
    assert told["account"]["health"] == "ACTION_REQUIRED"
    assert told["blind_window"]["opened_at"] == "2026-05-03T09:00:00Z"
    assert told["session_expires_at"] == "2027-05-01T08:00:00Z"
    assert [anomaly["kind"] for anomaly in told["open_anomalies"]] == ["RECREATED"]
    assert {"announcement": "OK", "health": "LIVE"} in told["may_follow"]
    assert [event["sequence"] for event in told["last_events"]] == [2, 3, 4, 5, 6]


def test_a_session_that_has_lasted_its_length_says_since_when_it_is_due(run: Run, store: Path) -> None:
    told = " ".join(run("account", "explain", "acc_down", "--now", "2027-05-03T08:00:00Z").out.split())
    assert "it was due to expire 2027-05-01 08:00:00 UTC, 2 d ago" in told


def test_an_account_that_was_never_down_has_missed_nothing(run: Run) -> None:
    run("feed", "-", stdin=b"\n".join(LOG[:4]))
    assert "Nothing: no outage is known." in run("account", "explain", "acc_down").out


def test_an_anomaly_that_happened_again_is_told_once_with_its_count(run: Run) -> None:
    late = [webhook(f"2026-05-0{day}T09:00:00Z", "acc_down", "CREATION_SUCCESS") for day in (5, 6, 7)]
    run("feed", "-", stdin=b"\n".join([*LOG[:4], *late]))
    told = " ".join(run("account", "explain", "acc_down").out.split())
    assert "RECREATED (3 times, the latest:). CREATION_SUCCESS was announced at 2026-05-07 09:00:00 UTC" in told


def test_what_was_odd_before_the_present_status_is_over(run: Run, store: Path) -> None:
    assert run("account", "explain", "acc_stuck", "--json").document["open_anomalies"] == []
    assert "ADOPTED" in run("history", "acc_stuck").out


def test_a_live_account_is_told_to_be_used_and_its_latest_gap_is_named(run: Run, store: Path) -> None:
    told = " ".join(run("account", "explain", "acc_live", "--now", NOW).out.split())
    assert "LIVE: in good order; data is up to date" in told
    assert "Nothing now. Its latest blind window lasted from 2026-05-02 10:00:00 UTC" in told
    assert "Likely causes" not in told


def test_a_transient_status_tells_when_it_should_have_passed(run: Run, store: Path) -> None:
    told = " ".join(run("account", "explain", "acc_stuck", "--now", NOW).out.split())
    assert "should have passed by 2026-05-04 11:00:00 UTC, and is overdue" in told


def test_nothing_may_follow_a_deletion(run: Run, store: Path) -> None:
    told = run("account", "explain", "acc_gone", "--json").document
    assert told["may_follow"] == []
    assert told["session_expires_at"] is None


def test_an_account_that_was_down_when_first_heard_of_has_a_gap_of_unknown_start(run: Run, store: Path) -> None:
    told = run("account", "explain", "acc_stuck", "--json").document
    assert told["missed"].startswith("Unknown since when: it was already down")


def test_history_tells_every_event_with_its_verdict_and_what_was_odd(run: Run, store: Path) -> None:
    lines = run("history", "acc_down").out.splitlines()
    assert len(lines) == 1 + 6 + 1
    assert lines[2].split() == ["2", "2026-05-01", "08:00:05", "CREATION_SUCCESS", "REPEATED", "CREATION_SUCCESS"]
    assert lines[-1].split(":")[0].split() == ["!", "RECREATED"]


def test_history_can_end_with_the_last_few_and_gives_back_every_byte(run: Run, store: Path) -> None:
    records = run("history", "acc_gone", "--last", "2", "--json").records
    assert [record["announced"] for record in records] == ["DELETED", "OK"]
    assert '"message": "DELETED"' in records[0]["payload"]


def test_an_account_that_was_never_fed_is_not_found(run: Run, store: Path) -> None:
    for command in (["account", "show"], ["account", "explain"], ["history"]):
        ran = run(*command, "nobody")
        assert (ran.code, ran.out) == (3, "")
        assert "nothing was ever fed for the account 'nobody'" in ran.err


def test_what_strangers_sent_cannot_act_upon_the_terminal(run: Run, tmp_path: Path) -> None:
    line = b'{"status": "RECONNECTED", "account_id": "acc_1", "name": "\\u001b[2Jgone"}'
    run("feed", "-", stdin=line)
    out = run("account", "show", "acc_1").out
    assert "\x1b" not in out
    assert r"\x1b[2Jgone" in out


def test_what_came_in_is_gone_from_the_file_and_the_events_stay(run: Run, store: Path) -> None:
    assert b"user-7" in store.read_bytes()
    before = run("history", "acc_down", "--json").records
    ran = run("account", "erase", "acc_down", "--yes")
    assert (ran.code, ran.err) == (0, "6 payloads erased; the events stay, without them\n")
    after = run("history", "acc_down", "--json").records
    assert [event["verdict"] for event in after] == [event["verdict"] for event in before]
    assert {event["payload"] for event in after} == {""}
    assert run("account", "show", "acc_down", "--json").document["owner"] is None
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
        assert run("account", "show", "acc_down", "--json").document["owner"] == "user-7"
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


# ---- The past ----------------------------------------------------------------------------------------


def test_an_account_is_shown_as_it_was(run: Run, store: Path) -> None:
    ran = run("account", "show", "acc_down", "--as-of", "2026-05-02", "--json")
    assert ran.code == 0
    assert (ran.document["status"], ran.document["health"], ran.document["sequence"]) == ("OK", "LIVE", 4)
    assert ran.document["in_status_s"] == 56940  # since 08:11 of the day before
    assert "OK" in run("account", "show", "acc_down", "--as-of", "2026-05-02").out
    assert run("account", "show", "acc_down", "--json").document["status"] == "CREDENTIALS"


def test_what_was_not_known_yet_is_not_found(run: Run, store: Path) -> None:
    ran = run("account", "show", "acc_down", "--as-of", "2026-04-30")
    assert ran.code == 3
    assert "nothing had been fed for the account 'acc_down' by 2026-04-30 00:00:00 UTC" in " ".join(ran.err.split())


def test_a_long_list_is_taken_in_pages(run: Run, store: Path) -> None:
    whole = [each["account_id"] for each in run("account", "list", "--json").records]
    pages: list[str] = [""]
    while page := run("account", "list", "--after", pages[-1], "--limit", 2, "--json").records:
        pages += [each["account_id"] for each in page]
    assert pages[1:] == whole
    assert len(run("windows", "--limit", 1, "--json").records) == 1
    assert run("account", "list", "--limit", 0).code == 2

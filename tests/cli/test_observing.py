"""``observe``: what the vendor's list of accounts says, from a table."""

from pathlib import Path

import pytest

from cli.shell import Run

ROWS = (
    '{"account_id": "acc_live", "status": "ok", "observed_at": "2026-05-10T10:00:00Z"}',
    '{"id": "acc_down", "sources": ["OK", {"status": "CREDENTIALS"}], "observed_at": "2026-05-10T10:00:00Z"}',
    '{"account_id": "acc_stuck", "status": "OK", "type": "WHATSAPP", "observed_at": "2026-05-10T10:00:00Z"}',
    '{"account_id": "acc_new", "status": "ERROR", "owner": 4711, "observed_at": "2026-05-10T10:00:00+02:00"}',
)


def test_a_list_is_held_against_the_record(run: Run, store: Path, tmp_path: Path) -> None:
    (tmp_path / "accounts.jsonl").write_text("\n".join(ROWS))
    told = run("observe", "accounts.jsonl", "--json").document
    assert (told["observed"], told["adopted"], told["unreadable"]) == (4, 1, 0)
    assert told["verdicts"] == {"APPLIED": 2, "REPEATED": 0, "HELD": 0, "CONFIRMED": 2}
    assert told["anomalies"] == {"DRIFT": 1}
    assert told["accounts_by_health"] == {"LIVE": 2, "ACTION_REQUIRED": 1, "INTERRUPTED": 1}
    assert run("account", "show", "acc_new", "--json").document["owner"] == "4711"
    assert "[OK]" in run("history", "acc_stuck").out


def test_people_are_told_in_short(run: Run, store: Path, tmp_path: Path) -> None:
    (tmp_path / "accounts.jsonl").write_text("\n".join(ROWS))
    ran = run("observe", "accounts.jsonl", "--fail-on", "DRIFT")
    assert ran.code == 6
    told = " ".join(ran.out.split())
    assert told.startswith("4 accounts observed, 1 of them never heard of before verdicts 2 applied, 2 confirmed")
    assert "DRIFT 1 the vendor's list says otherwise" in told


def test_a_table_may_be_csv(run: Run, tmp_path: Path) -> None:
    text = (
        "account_id,account_type,status,name,signed_in_at\na,LINKEDIN,OK,user-1,2026-01-01T00:00:00Z\nb,,OK;STOPPED,,\n"
    )
    (tmp_path / "accounts.csv").write_text(text)
    told = run("observe", "accounts.csv", "--silent", "--json").document
    assert (told["adopted"], told["accounts_by_health"]) == (2, {"LIVE": 1, "INTERRUPTED": 1})
    account = run("account", "show", "a", "--json").document
    assert (account["owner"], account["signed_in_at"], account["born"]) == ("user-1", "2026-01-01T00:00:00Z", False)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("nonsense", "expected a JSON object with account_id and status or sources"),
        ('{"status": "OK"}', "account_id: found ''"),
        ('{"account_id": "a", "status": "RECONNECTED"}', "status: found 'RECONNECTED'"),
        ('{"account_id": "a", "sources": []}', "status: found no word"),
        ('{"account_id": "a", "status": "OK", "observed_at": "yesterday"}', "observed_at: found 'yesterday'"),
        ('{"account_id": "a", "status": "OK", "owner": {}}', "owner: found {}"),
    ],
)
def test_a_row_that_says_nothing_of_an_account_is_named_and_stops_nothing(
    row: str, said: str, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "accounts.jsonl").write_text("\n".join([*ROWS, row]))
    ran = run("observe", "accounts.jsonl", "--json")
    assert (ran.code, ran.document["observed"], ran.document["unreadable"]) == (0, 4, 1)
    assert ran.err.startswith(f"line 5: {said}") or said in ran.err


def test_a_table_of_which_nothing_can_be_read_fails(run: Run, tmp_path: Path) -> None:
    (tmp_path / "accounts.jsonl").write_bytes(b"\xff\nnonsense\n")
    assert run("observe", "accounts.jsonl").code == 1

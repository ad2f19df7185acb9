"""An archive on the disk: whole or not there, never in the place of another, and the same bytes for the same events."""

import gzip
import json
import random
import resource
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from account_lifecycle.errors import StoreError
from account_lifecycle.records import Evidence
from account_lifecycle.stores import chain, rows
from account_lifecycle.stores.archive import Archived, read_archive, sealed_again, write_archive
from account_lifecycle.stores.decided import text_of
from account_lifecycle.stores.sqlite import TemporaryStore
from builders import announced, as_it_is, at, deadline_of, judged
from stores.ledger_contract import entry_of
from stores.prover_contract import told
from stores.scenarios import events_with_every_anomaly, events_with_every_window


def proofs() -> list[Archived]:
    """An announcement with everything it can have, and a deadline."""
    first = announced("a\ud800", "SNAFU", 1, "?ODD", "p", "user-1", b"\x00\xff", "why")
    connecting = announced("b", "CONNECTING", 2)
    late = deadline_of(judged([connecting])[0].after, 60.5)
    return [
        (Evidence(entry_of(d), tuple(e[:3] for e in d.effects), "rules"), bytes([n]) * 32, None)
        for n, d in enumerate(judged([first, connecting, late]))
    ]


def lines_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "archive.jsonl.gz"


def test_a_line_tells_everything_about_an_announcement(path: Path) -> None:
    write_archive(path, proofs())
    assert lines_of(path)[0] == {
        "account_id": "a\ud800",
        "sequence": 1,
        "received_at": at(1).isoformat(),
        "announced": "SNAFU",
        "kind": "announced",
        "product": "p",
        "provider": "?ODD",
        "owner": "user-1",
        "reason": "why",
        "payload": "AP8=",
        "erased": False,
        "since": None,
        "allowed_us": None,
        "signed_in_at": None,
        "verdict": "HELD",
        "before": ["UNSEEN", False, False, False],
        "after": ["UNSEEN", False, False, False],
        "rules": "rules",
        "anomalies": [
            {
                "kind": kind,
                "provider": "?ODD",
                "detail": word,
                "evidence": {"detail": word} if word else {},
            }
            for kind, word in (("UNKNOWN_PROVIDER", "?ODD"), ("UNEXPECTED_PRODUCT", "p"), ("UNKNOWN_STATUS", ""))
        ],
        "effects": [
            ["claimed", "user-1", False],
            ["anomaly", "UNKNOWN_PROVIDER", False],
            ["anomaly", "UNEXPECTED_PRODUCT", False],
            ["anomaly", "UNKNOWN_STATUS", False],
        ],
        "quiet": False,
        "private_digest": None,
        "digest": "00" * 32,
    }


def test_a_deadline_tells_which_stay_it_ended(path: Path) -> None:
    write_archive(path, proofs())
    line = lines_of(path)[2]
    assert (line["kind"], line["announced"], line["since"], line["allowed_us"]) == (
        "stay",
        "CONNECTING",
        at(2).isoformat(),
        1_800_000_000,
    )
    assert (line["payload"], line["owner"], line["erased"]) == (None, None, False)


def test_what_was_written_is_read_again_and_seals_as_it_did(path: Path) -> None:
    log = [*events_with_every_anomaly(), *events_with_every_window()]
    previous, written = chain.GENESIS, []
    for decision in judged(log):
        row, found = rows.event_row(0, 0, decision, text_of(decision)), list(rows.anomaly_rows(0, decision))
        previous = chain.sealed(previous, decision.after.account_id, row, ("rules", 0), found)
        effects = tuple((e.kind, e.subject, e.doubtful) for e in decision.effects)
        written.append((Evidence(entry_of(decision), effects, "rules"), previous, None))
    write_archive(path, written)
    previous = chain.GENESIS
    for (proof, digest, _), each in zip(written, read_archive(path), strict=True):
        assert told([each[0]]) == told([proof])
        assert sealed_again(previous, each) == {digest} == {each[1]}
        previous = digest


@pytest.mark.parametrize("damage", [b"no gzip", b""])
def test_what_is_no_archive_cannot_be_read(path: Path, damage: bytes) -> None:
    path.write_bytes(damage or gzip.compress(b'{"account_id": "a"}\n'))
    with pytest.raises(StoreError, match="archive"):
        list(read_archive(path))


def test_the_answer_is_the_count_and_the_digest_of_the_file(path: Path) -> None:
    assert write_archive(path, proofs()) == (3, sha256(path.read_bytes()).hexdigest())


def test_the_same_events_make_the_same_bytes(path: Path, tmp_path: Path) -> None:
    assert write_archive(path, proofs()) == write_archive(tmp_path / "other name.gz", proofs())


def test_nothing_but_the_archive_is_left_in_the_folder(path: Path) -> None:
    write_archive(path, proofs())
    assert list(path.parent.iterdir()) == [path]


def test_an_existing_file_is_left_as_it_is(path: Path) -> None:
    path.write_bytes(b"first")
    with pytest.raises(StoreError, match="exists already"):
        write_archive(path, proofs())
    assert path.read_bytes() == b"first"
    assert list(path.parent.iterdir()) == [path]


def test_an_archive_that_breaks_in_the_middle_leaves_nothing(path: Path) -> None:
    def breaking() -> Iterator[Archived]:
        yield from proofs()
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        write_archive(path, breaking())
    assert list(path.parent.iterdir()) == []


def test_a_full_disk_leaves_nothing_and_takes_nothing_out(path: Path) -> None:
    """A limit on the size of files is met like a full disk."""
    store = TemporaryStore()
    store.advance([announced("a", "OK", payload=random.Random(1).randbytes(1 << 16))], as_it_is)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 14, hard))
    try:
        with pytest.raises(StoreError, match="could not be written"):
            store.prune(at(9), path, at(9))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(list(store.ledger())) == 1
    assert list(path.parent.iterdir()) == []


def test_only_its_owner_may_read_an_archive(path: Path) -> None:
    write_archive(path, proofs())
    assert path.stat().st_mode & 0o777 == 0o600

"""Heads and archives: what a head that was noted down proves, before and after prunes, erasures and a copy."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from account_lifecycle import Engine
from account_lifecycle.stores.admin import copy
from account_lifecycle.verify.heads import HeadProof
from builders import announced, at, notification
from verify.fleets import everything, feed, nothing_waits, words

pytest_plugins = ("postgres_server",)

NO_HEAD = "4f" * 32


def proof(engine: Engine, head: str, *archives: Path) -> HeadProof | None:
    """What a head proves; nothing else may be wrong."""
    found = engine.verify(expect_head=head, archives=archives)
    assert found.faults == ()
    return found.expected_head


def test_the_present_head_is_proved(fed: Engine) -> None:
    assert proof(fed, fed.verify().head) is HeadProof.PROVED
    assert fed.verify(expect_head=NO_HEAD).is_proved is False


def test_in_one_chain_every_head_that_ever_was_is_proved(engine: Engine) -> None:
    """A server has a chain for each account: there a head is compared only while nothing more is fed."""
    heads = [engine.verify().head]
    for word in ("OK", "ERROR", "OK"):
        words(engine, word, [word])
        heads.append(engine.verify().head)
    one_chain = engine.store.is_one_chain
    earlier = HeadProof.PROVED if one_chain else HeadProof.NOT_PROVED
    assert [proof(engine, head) for head in heads[1:]] == [earlier, earlier, HeadProof.PROVED]
    assert proof(engine, NO_HEAD) is (HeadProof.MISSING if one_chain else HeadProof.NOT_PROVED)


def test_a_head_covers_the_prunes_before_it_and_not_those_after_it(fed: Engine, tmp_path: Path) -> None:
    nothing_waits(fed)
    before = fed.verify().head
    first, second = tmp_path / "first.jsonl.gz", tmp_path / "second.jsonl.gz"
    fed.prune(at(11), first)
    between = fed.verify().head
    assert proof(fed, between) is HeadProof.PROVED
    assert proof(fed, before) is HeadProof.NOT_PROVED
    assert proof(fed, before, first) is HeadProof.PROVED
    fed.prune(at(10**6), second)
    assert proof(fed, fed.verify().head) is HeadProof.PROVED
    for head in (before, between):
        assert proof(fed, head) is HeadProof.NOT_PROVED
        assert proof(fed, head, second) is HeadProof.NOT_PROVED
        found = fed.verify(expect_head=head, archives=[second, first])
        assert found.is_proved
        assert found.archives.events == len(everything())


def test_archives_hold_after_erasures_before_and_after_the_prune(fed: Engine, tmp_path: Path) -> None:
    nothing_waits(fed)
    fed.erase_account("named")
    fed.prune(at(10**6), tmp_path / "all.jsonl.gz")
    fed.erase_account("late")
    fed.feed_event(notification("named", "RECONNECTED", "user-8"))
    found = fed.verify(archives=[tmp_path / "all.jsonl.gz"])
    assert (found.faults, found.archives.is_complete) == ((), True)
    assert found.archives.events == len(everything())


def test_an_archive_that_is_missing_is_named(fed: Engine, tmp_path: Path) -> None:
    nothing_waits(fed)
    fed.prune(at(11), tmp_path / "first.jsonl.gz")
    assert fed.verify().archives.missing == (str(tmp_path / "first.jsonl.gz"),)
    assert not fed.verify().archives.is_complete


def rewritten(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Change the lines of an archive."""
    lines = change(gzip.decompress(path.read_bytes()).splitlines(keepends=True))
    path.write_bytes(gzip.compress(b"".join(lines)))


@pytest.mark.parametrize("change", [lambda lines: lines[1:], lambda lines: lines[:-1], lambda lines: lines[::-1]])
def test_a_file_that_no_prune_has_written_is_named(
    fed: Engine, tmp_path: Path, change: Callable[[list[bytes]], list[bytes]]
) -> None:
    nothing_waits(fed)
    archive = tmp_path / "first.jsonl.gz"
    fed.prune(at(11), archive)
    rewritten(archive, change)
    found = fed.verify(archives=[archive])
    assert found.first is not None
    assert found.first.finding.startswith("no prune has written it: its SHA-256 is ")


def test_the_heads_of_a_file_are_answered_by_the_server_that_it_was_copied_to(
    emptied: Callable[[], str], tmp_path: Path
) -> None:
    """Every one that was ever noted down; also after more was fed there."""
    database = emptied()
    with Engine.open(f"sqlite:///{tmp_path}/accounts.db", observers=()) as source:
        feed(source.store, everything()[:30])
        nothing_waits(source)
        noted = [source.verify().head]
        archive = tmp_path / "old.jsonl.gz"
        source.prune(at(5), archive)
        noted.append(source.verify().head)
        feed(source.store, everything()[30:])
        noted.append(source.verify().head)
        copied = copy(source.store, database)
    assert copied.source_head == noted[-1] != copied.head
    with Engine.open(database, observers=()) as target:
        assert target.verify().head == copied.head
        for _ in range(2):
            assert proof(target, noted[0]) is HeadProof.NOT_PROVED
            assert [proof(target, head) for head in noted[1:]] == [HeadProof.PROVED] * 2
            assert proof(target, noted[0], archive) is HeadProof.PROVED
            feed(target.store, [announced("after", "OK", 10**5)])

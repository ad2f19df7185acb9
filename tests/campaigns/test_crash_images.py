"""What a disk may hold after a power loss: all that was synced, and any part of the rest."""

from random import Random

from campaigns.crash_images import CHOICES, Disk, arrive_all, arrive_none, arrive_sizes, arrive_torn
from campaigns.recording import Call, Create, Delete, Promised, Sync, Truncate, Write

OLD, NEW = b"o" * 2048, b"n" * 2048
LOG: list[Call] = [
    Create("a"),
    Write("a", 0, OLD),
    Create("journal"),
    Write("journal", 0, b"j"),
    Sync("journal", 4, with_folder=True),
    Sync("a", 5, with_folder=False),
    Promised("safe"),
    Write("a", 0, NEW),
    Write("a", 2048, NEW),
]


def disk_after(log: list[Call], calls: int) -> Disk:
    disk = Disk()
    disk.advance(log, calls)
    return disk


def test_what_was_synced_survives_every_crash() -> None:
    disk = disk_after(LOG, 7)
    for seed in range(50):
        assert disk.after_crash(Random(seed)) == {"a": OLD, "journal": b"j"}
    assert disk.promises == ["safe"]


def test_what_was_not_synced_may_arrive_or_not() -> None:
    disk = disk_after(LOG, 9)
    assert disk.after_crash(Random(1), arrive_none)["a"] == OLD
    assert disk.after_crash(Random(1), arrive_all)["a"] == NEW + NEW
    assert disk.after_crash(Random(1), arrive_sizes)["a"] == OLD + bytes(2048)
    assert len({disk.after_crash(Random(seed))["a"] for seed in range(200)}) > 20


def test_a_torn_write_arrives_in_whole_sectors() -> None:
    disk = disk_after(LOG, 8)
    found = {disk.after_crash(Random(seed), arrive_torn)["a"] for seed in range(100)}
    assert len(found) > 10
    for content in found:
        assert all(content[at : at + 512] in (OLD[:512], NEW[:512]) for at in range(0, 2048, 512))


def test_a_file_whose_folder_was_not_synced_may_be_missing() -> None:
    disk = disk_after(LOG, 4)
    assert disk.after_crash(Random(1), arrive_none) == {}
    assert disk.after_crash(Random(1), arrive_all) == {"a": OLD, "journal": b"j"}


def test_a_deleted_file_may_come_back_until_its_folder_is_synced() -> None:
    careless = disk_after([*LOG, Delete("journal", is_durable=False)], 10)
    assert {"journal" in careless.after_crash(Random(seed)) for seed in range(20)} == {True, False}
    careful = disk_after([*LOG, Delete("journal", is_durable=True)], 10)
    assert {"journal" in careful.after_crash(Random(seed)) for seed in range(20)} == {False}


def test_what_is_written_while_a_sync_is_under_way_is_not_synced() -> None:
    log = [*LOG, Sync("a", 8, with_folder=False)]
    assert disk_after(log, 10).after_crash(Random(1), arrive_none)["a"] == NEW


def test_a_file_that_was_cut_may_still_be_long() -> None:
    disk = disk_after([*LOG[:7], Truncate("a", 512)], 8)
    assert {len(disk.after_crash(Random(seed))["a"]) for seed in range(50)} == {512, 2048}


def test_every_way_of_arriving_leaves_what_is_safe() -> None:
    log: list[Call] = [*LOG[:7], Write("a", 1024, NEW[:512])]
    for choice in CHOICES:
        content = disk_after(log, 8).after_crash(Random(3), choice)["a"]
        assert content[:1024] + content[1536:] == OLD[:1024] + OLD[1536:]

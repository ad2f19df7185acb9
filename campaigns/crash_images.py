"""Make the files that may be on a disk after the power failed, from a record of the calls before.

A disk promises that what was synced stays. Of the rest any part may have arrived, in any order, each 512-byte sector by
itself; the same holds for a folder's entries.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import NamedTuple

from .recording import Call, Create, Delete, Promised, Sync, Truncate, Write

SECTOR = 512
"""How many bytes a disk writes at once, or not at all."""


class Grow(NamedTuple):
    """A file got longer; what was written there has not arrived."""

    name: str
    size: int


Change = Write | Truncate | Grow
Choice = Callable[[Sequence[Change], Random], list[Change]]
"""Which of a file's unsynced changes arrived."""


@dataclass
class _File:
    """A file on the disk: what is safe, and what came after, each change with its place in the log."""

    safe: bytearray = field(default_factory=bytearray)
    unsynced: list[tuple[int, Change]] = field(default_factory=list)

    def sync(self, before: int) -> None:
        """Make safe what was done before this place in the log."""
        for _, change in (entry for entry in self.unsynced if entry[0] < before):
            _apply(self.safe, change)
        self.unsynced = [entry for entry in self.unsynced if entry[0] >= before]


@dataclass
class Disk:
    """A folder on a disk, at one moment of a log."""

    moment: int = 0
    promises: list[object] = field(default_factory=list)
    """What callers were promised until then."""
    _present: dict[str, _File] = field(default_factory=dict)
    _safe: dict[str, _File] = field(default_factory=dict)
    _unsynced: list[tuple[str, _File | None]] = field(default_factory=list)
    """Changes of the folder that are not durable yet: names that came (with their file) and names that went."""

    def advance(self, log: Sequence[Call], until: int) -> None:
        """Go on to a later moment: everything before that place in the log has happened."""
        for place in range(self.moment, until):
            self._happen(place, log[place])
        self.moment = max(self.moment, until)

    def _happen(self, place: int, call: Call) -> None:
        match call:
            case Promised(promise):
                self.promises.append(promise)
            case Create(name):
                self._present[name] = _File()
                self._unsynced.append((name, self._present[name]))
            case Delete(name, is_durable):
                del self._present[name]
                self._unsynced.append((name, None))
                if is_durable:
                    self._sync_folder()
            case Sync(name, since, with_folder):
                self._present[name].sync(since)
                if with_folder:
                    self._sync_folder()
            case Write() | Truncate():
                self._present[call.name].unsynced.append((place, call))

    def _sync_folder(self) -> None:
        self._unsynced.clear()
        self._safe = dict(self._present)

    def after_crash(self, random: Random, choice: Choice | None = None) -> dict[str, bytes]:
        """What is found when the power is back: the files by name.

        ``choice`` says which unsynced changes of each file arrived; without it each file has a way of its own.
        """
        return {
            name: _survived(file, choice or random.choice(CHOICES), random)
            for name, file in self._entries(random, choice).items()
        }

    def _entries(self, random: Random, choice: Choice | None) -> dict[str, _File]:
        """The folder's files, as far as its changes arrived."""
        entries = dict(self._safe)
        likelihood = random.choice((0.0, 0.5, 1.0))
        if choice is not None:
            likelihood = 1.0 if choice is arrive_all else 0.0 if choice is arrive_none else 0.5
        for name, file in self._unsynced:
            if random.random() >= likelihood:
                continue
            if file is None:
                entries.pop(name, None)
            else:
                entries[name] = file
        return entries


def write_image(folder: Path, files: dict[str, bytes]) -> None:
    """Put files into an empty folder."""
    for name, content in files.items():
        (folder / name).write_bytes(content)


def crash_points(log: Sequence[Call], count: int, random: Random) -> Iterator[int]:
    """Moments to crash at, in order: half of them anywhere, half right before or after something decisive."""
    decisive = [
        place for place, call in enumerate(log) if isinstance(call, Sync | Promised | Truncate | Create | Delete)
    ]
    near = [min(random.choice(decisive) + random.randrange(2), len(log)) for _ in range(count // 2)]
    anywhere = [random.randrange(len(log) + 1) for _ in range(count - len(near))]
    return iter(sorted(near + anywhere))


# ---- Which unsynced changes arrive -----------------------------------------------------------------


def arrive_none(_changes: Sequence[Change], _random: Random) -> list[Change]:
    """Nothing that was not synced."""
    return []


def arrive_all(changes: Sequence[Change], _random: Random) -> list[Change]:
    """Everything, as after the death of the process alone."""
    return list(changes)


def arrive_last(changes: Sequence[Change], _random: Random) -> list[Change]:
    """Only the last change."""
    return list(changes[-1:])


def arrive_backwards(changes: Sequence[Change], random: Random) -> list[Change]:
    """The later ones, and not the earlier ones."""
    return list(changes[random.randrange(len(changes) + 1) :])


def arrive_forwards(changes: Sequence[Change], random: Random) -> list[Change]:
    """The earlier ones, the last of them torn."""
    kept = list(changes[: random.randrange(len(changes) + 1)])
    return [*kept[:-1], *(part for change in kept[-1:] for part in _torn(change, random))]


def arrive_some(changes: Sequence[Change], random: Random) -> list[Change]:
    """Any of them, whole."""
    return [change for change in changes if random.random() < 0.5]


def arrive_torn(changes: Sequence[Change], random: Random) -> list[Change]:
    """Any of them, each sector by itself."""
    return [part for change in changes if random.random() < 0.7 for part in _torn(change, random)]


def arrive_sizes(changes: Sequence[Change], _random: Random) -> list[Change]:
    """The length of the file and nothing that was written: the rest is zeros."""
    ends = [change.offset + len(change.data) for change in changes if isinstance(change, Write)]
    return [Grow(changes[0].name, max(ends))] if ends else list(changes)


CHOICES: tuple[Choice, ...] = (
    arrive_none,
    arrive_all,
    arrive_last,
    arrive_backwards,
    arrive_forwards,
    arrive_some,
    arrive_torn,
    arrive_sizes,
)


def _torn(change: Change, random: Random) -> Iterator[Change]:
    """Some sectors of a write."""
    if not isinstance(change, Write):
        yield change
        return
    start, end = change.offset, change.offset + len(change.data)
    while start < end:
        stop = min(end, (start // SECTOR + 1) * SECTOR)
        if random.random() < 0.5:
            yield Write(change.name, start, change.data[start - change.offset : stop - change.offset])
        start = stop


def _survived(file: _File, choice: Choice, random: Random) -> bytes:
    content = bytearray(file.safe)
    for change in choice([change for _, change in file.unsynced], random):
        _apply(content, change)
    return bytes(content)


def _apply(content: bytearray, change: Change) -> None:
    if isinstance(change, Write):
        _lengthen(content, change.offset)
        content[change.offset : change.offset + len(change.data)] = change.data
        return
    if isinstance(change, Truncate):
        del content[change.size :]
    _lengthen(content, change.size)


def _lengthen(content: bytearray, size: int) -> None:
    """Zeros up to this size, if it is shorter."""
    content.extend(bytes(max(0, size - len(content))))

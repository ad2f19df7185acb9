"""``replay --into``: an empty store begins with the history that logs tell.

Knows how to get from logs to what seeding takes, and what to say at the end; feeding them is ``seeding``'s.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from ..engine.core import utc_now
from ..engine.seeding import Seeding, seed
from ..errors import AccountLifecycleError, ConfigurationError, without_password
from ..intake.logs import Received, read_log
from ..lifecycle.wording import JsonObject
from ..report.words import counted
from .commands import Interrupted
from .opening import open_to_write, read_settings
from .output import joined, say, screen, styled, write_fields, write_json
from .progress import STDIN, Pace, showing
from .replay_audit import Asked, opened

if TYPE_CHECKING:
    from ..replay.columns import Chunk
    from ..replay.sources import Source
    from ..replay.vocabulary import Vocabulary

_BLOCK = 1 << 20


def seed_logs(asked: Asked, into: str, as_json: bool) -> None:
    """Seed a new store with logs, and tell what is in it then."""
    settings, now, began = read_settings(store=into), utc_now(), perf_counter()
    if into.startswith("memory:"):
        raise ConfigurationError("into", repr(into), "a store that outlives a command, such as sqlite:///accounts.db")
    with opened(asked) as sources:
        _check(sources)
        way = _Way(sources)
        with open_to_write(settings) as engine, way.ending(into), showing("Seeding", way.pace, tells_bytes=True):
            seeded = seed(
                engine.store, way.received(now), policy=asked.policy, now=now, until=asked.until,
                batch_size=settings.batch_size, on_progress=way.follow,
            )  # fmt: skip
    _tell(seeded, perf_counter() - began, into, as_json)


class _Way:
    """Logs on their way into a store, and how far they are."""

    def __init__(self, sources: "Sequence[Source]") -> None:
        self._sources = sources
        self._seeded = Seeding()
        self._bytes_before = 0
        self._bytes = 0
        from ..replay.sources import size_of

        self._size = size_of(sources)

    def received(self, now: datetime) -> Iterator[Received]:
        """The payloads of all logs, each with the time of its arrival.

        Those of JSON Lines come byte for byte. The rows of a table are written as payloads with the same meaning;
        what no payload can be made of comes as it is, so that whoever reads it refuses it.
        """
        from ..replay.sources.opening import JsonLinesFile

        for source in self._sources:
            if isinstance(source, JsonLinesFile):
                yield from read_log(self._lines(source.name))
            else:
                yield from self._rows(source, now)
            self._bytes_before, self._bytes = self._bytes_before + self._bytes, 0

    def follow(self, seeded: Seeding) -> None:
        """Note what is committed."""
        self._seeded = seeded

    def pace(self) -> Pace:
        """How far it is."""
        return Pace(self._bytes_before + self._bytes, self._size, self._seeded.events)

    @contextmanager
    def ending(self, into: str) -> Iterator[None]:
        """Tell, if it ends early, that what is there is of no use."""
        url, rest = without_password(into), "and not the whole history: delete it, and begin with a new store"
        try:
            yield
        except KeyboardInterrupt:
            raise Interrupted(f"interrupted; {url} holds {counted(self._seeded.events, 'event')}, {rest}") from None
        except AccountLifecycleError:
            if self._seeded.events:
                say(f"{url} holds {counted(self._seeded.events, 'event')}, {rest}")
            raise

    def _lines(self, name: str) -> Iterator[bytes]:
        from ..replay.sources.files import LogFile

        with LogFile(name, None if name == STDIN else Path(name)).opened() as stream:
            begun = b""
            while data := stream.read(_BLOCK):
                self._bytes = stream.position
                *lines, begun = (begun + data).split(b"\n")
                yield from lines
            yield begun

    def _rows(self, source: "Source", now: datetime) -> Iterator[Received]:
        from ..replay.vocabulary import Vocabulary

        words = Vocabulary()
        for chunk in source.chunks(words, now):
            self._bytes = chunk.position
            yield from _rewritten(chunk, words)


def _rewritten(chunk: "Chunk", words: "Vocabulary") -> Iterator[Received]:
    from ..replay.fleet import time_of
    from ..replay.sources.single import payload_of

    columns = chunk.columns
    for account, word, provider, product, name, at in zip(*(column.tolist() for column in columns[:6]), strict=True):
        told = (
            words.accounts[account],
            words.words[word],
            words.providers[provider] if provider >= 0 else None,
            words.products[product] or None,
            words.names[name] if name >= 0 else None,
        )
        yield Received(payload_of(*(None if text is None else text.encode() for text in told)), time_of(at))
    yield from (Received(line.raw) for line in chunk.refused)


def _check(sources: "Sequence[Source]") -> None:
    """Refuse what is a store already."""
    for source in sources:
        if source.has_deadlines:
            raise ConfigurationError(
                "log", repr(without_password(source.name)), "a log. A store is copied with: account-lifecycle db copy"
            )


def _tell(seeded: Seeding, seconds: float, into: str, as_json: bool) -> None:
    """What the store holds, on stdout; on stderr how long it took, and that nobody will hear of it."""
    url = without_password(into)
    if as_json:
        write_json(_record(seeded, seconds, url))
    else:
        console = screen()
        births = counted(seeded.accounts, "account")
        console.print(joined(styled(counted(seeded.events, "event"), "bold"), f" of {births} seeded into {url}"))
        passed = f"{seeded.deadlines:,} passed, each recorded as one more event" if seeded.deadlines else "none passed"
        write_fields(
            console,
            [("deadlines", passed), ("quarantined", f"{seeded.quarantined:,}" if seeded.quarantined else "none")],
        )
    say(f"Seeded in {seconds:,.2f} s, {seeded.events / seconds if seconds else 0:,.0f} a second")
    say(f"No hook is ever called for these. What was odd: account-lifecycle audit --store {url}")


def _record(seeded: Seeding, seconds: float, url: str) -> JsonObject:
    rate = round(seeded.events / seconds) if seconds else 0
    return {**seeded._asdict(), "store": url, "seconds": round(seconds, 3), "events_per_s": rate}

"""Many threads that feed one SQLite file, and one thread that feeds it in batches.

Each of eight threads feeds singly and goes on when its own event is on disk; what waits at the same moment shares a
commit. The floor is one thread that hands in eight at a time: the largest group that eight waiting threads can form.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from zlib import crc32

from disk import File
from interleaving import Step, Stream
from lives import Arrival, as_received

from account_lifecycle import Engine

THREADS = 8


def threads_singly(_stream: Stream) -> Step:
    """``feed_event`` from eight threads at once, each account in one thread."""
    file = File()
    engine = Engine.open(f"sqlite:///{file.path}")
    pool = ThreadPoolExecutor(THREADS)

    def step(payloads: Stream) -> None:
        list(pool.map(lambda share: _feed(engine, share), _shares(payloads)))
        assert file.path

    return step


def one_thread_in_groups(_stream: Stream) -> Step:
    """``feed_events`` from one thread, eight to a commit."""
    return _batches_of(THREADS)


def one_thread_in_batches(_stream: Stream) -> Step:
    """``feed_events`` from one thread, a thousand to a commit."""
    return _batches_of(1_000)


def _batches_of(size: int) -> Step:
    file = File()
    engine = Engine.open(f"sqlite:///{file.path}")

    def step(payloads: Stream) -> None:
        for _ in engine.feed_events(as_received(payloads), batch_size=size):
            pass
        assert file.path

    return step


def _shares(arrivals: Stream) -> list[list[Arrival]]:
    """One share for each thread, an account's events all in the same."""
    shares: list[list[Arrival]] = [[] for _ in range(THREADS)]
    for arrival in arrivals:
        account_id = arrival.payload.split(b'"', 6)[5]
        shares[crc32(account_id) % THREADS].append(arrival)
    return shares


def _feed(engine: Engine, arrivals: Iterable[Arrival]) -> None:
    for payload, at in arrivals:
        engine.feed_event(payload, received_at=at)

"""Many threads that feed one SQLite file, and one thread that feeds it in batches.

Each of eight threads feeds singly and goes on when its own event is on disk; what waits at the same moment shares a
commit. The floor is one thread that hands in eight at a time: the largest group that eight waiting threads can form.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from disk import File
from interleaving import Step, Stream

from account_lifecycle import Engine

THREADS = 8


def threads_singly(_stream: Stream) -> Step:
    """``feed_event`` from eight threads at once, each account in one thread."""
    file = File()
    engine = Engine.open(f"sqlite:///{file.path}")
    pool = ThreadPoolExecutor(THREADS)

    def step(payloads: Stream) -> None:
        list(pool.map(lambda share: _feed(engine, share), [payloads[n::THREADS] for n in range(THREADS)]))
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
        for _ in engine.feed_events(payloads, batch_size=size):
            pass
        assert file.path

    return step


def _feed(engine: Engine, payloads: Iterable[bytes]) -> None:
    for payload in payloads:
        engine.feed_event(payload)

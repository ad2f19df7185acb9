"""Fair rounds: contenders are called in turn, round after round, each in a process of its own.

A noisy machine slows everybody down for a while. The rounds are short and interleaved (A B A B ...), so a slow
while hits all of them alike, and the median of the rounds' ratios is steady where times are not. In processes of
their own, one contender's garbage collections never walk another's objects. All of them run on the same core, where the
system lets us choose it: two cores are rarely equally busy.
"""

import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

Stream = Sequence[Any]
"""Payloads in the order of their arrival, or whatever else the contenders work through."""

Step = Callable[[Stream], object]
"""Works through some payloads: what is timed."""

Start = Callable[[Stream], Step]
"""Makes a fresh state for a whole stream, off the clock. A module's function, so that a process can find it."""


class Spread(NamedTuple):
    """A median, and the quartiles that tell how far it can be trusted."""

    median: float
    low: float
    high: float


class Comparison(NamedTuple):
    """Two contenders, round by round. Times are seconds of one payload."""

    ours: Spread
    peer: Spread
    ratio: Spread
    """Ours through peer's, in the same round."""
    overall: float
    """Ours through peer's, of all rounds together: this one feels the few rounds in which the garbage collector went
    through everything that is kept, which a median passes over."""


def race(ours: Start, peer: Start, rounds: Sequence[Stream], passes: int, *, wall: bool = False) -> Comparison:
    """Let two contenders go through the same stream, slice by slice, on a fresh state in every pass.

    The first pass warms up and is not counted. CPU time counts unless ``wall`` asks for the time that passes.
    """
    times: tuple[list[float], list[float]] = ([], [])
    with _served(ours, rounds, wall) as one, _served(peer, rounds, wall) as other:
        for number in range(passes + 1):
            for place, payloads in enumerate(rounds):
                for ask, kept in zip((one, other), times, strict=True):
                    seconds = ask(place) / len(payloads)
                    if number > 0:
                        kept.append(seconds)
    return compare(*times)


def compare(ours: Sequence[float], peer: Sequence[float]) -> Comparison:
    """Times of the same rounds, compared."""
    ratios = [a / b for a, b in zip(ours, peer, strict=True)]
    return Comparison(spread(ours), spread(peer), spread(ratios), sum(ours) / sum(peer))


def spread(values: Sequence[float]) -> Spread:
    """The median and the quartiles."""
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(median, low, high)


def slices(stream: Stream, size: int) -> list[Stream]:
    """A stream in pieces, each short enough to be one round."""
    return [stream[start : start + size] for start in range(0, len(stream), size)]


@contextmanager
def _served(start: Start, rounds: Sequence[Stream], wall: bool) -> Iterator[Callable[[int], float]]:
    """A contender in its process: call it with a slice's number for the seconds that the slice took."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(start, rounds, wall, there), daemon=True)
    process.start()
    there.close()

    def ask(place: int) -> float:
        here.send(place)
        return float(here.recv())

    yield ask
    here.close()
    process.join()


def _serve(start: Start, rounds: Sequence[Stream], wall: bool, end: "Connection[Any, Any]") -> None:
    _stay_on_one_core()
    clock = time.perf_counter if wall else time.process_time
    stream = [payload for payloads in rounds for payload in payloads]
    step: Step | None = None
    for place in _asked(end):
        if place == 0:
            step = None  # the last pass is freed before the next begins, both off the clock
            step = start(stream)
        assert step is not None
        before = clock()
        step(rounds[place])
        end.send(clock() - before)


def _asked(end: "Connection[Any, Any]") -> Iterator[int]:
    while True:
        try:
            yield end.recv()
        except EOFError:  # nobody asks any more
            return


def _stay_on_one_core() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

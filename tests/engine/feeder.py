"""A process that feeds a log to a file, tells each event that it has fed, and may be killed at any moment.

Arguments: the store's URL, the log, the first line to feed, and how many lines make a batch; 0 feeds them
one at a time.
"""

import sys
from itertools import islice
from pathlib import Path

from account_lifecycle import Engine, PayloadError, read_log


def feed(url: str, log: Path, first: int, batch_size: int) -> None:
    with Engine.open(url, observers=()) as engine, log.open("rb") as lines:
        rest = islice(read_log(lines), first, None)
        if batch_size:
            for decision in engine.feed_events(rest, batch_size=batch_size):
                tell(decision.sequence)
        for payload, received_at in rest:
            try:
                tell(engine.feed_event(payload, received_at=received_at).sequence)
            except PayloadError:
                tell(0)


def tell(sequence: int) -> None:
    print(sequence, flush=True)  # noqa: T201


if __name__ == "__main__":
    url, log, first, batch_size = sys.argv[1:]
    feed(url, Path(log), int(first), int(batch_size))

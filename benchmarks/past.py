"""How long it takes to fold an account of many events up to a moment of the past, and a whole fleet.

``python -m benchmarks.past [EVENTS]``: one account with so many events (10,000), asked for as of its middle and its
end, on a file; then a fleet of the same number of events, 20 an account. The best of five, in milliseconds.
"""

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from account_lifecycle import Engine
from account_lifecycle.intake.logs import Received

START = datetime(2026, 1, 1, tzinfo=UTC)
WORDS = ("OK", "ERROR", "OK", "CREDENTIALS", "RECONNECTED", "SYNC_SUCCESS")


def payloads(events: int, accounts: int) -> list[Received]:
    """Return announcements, ten minutes after each other, of accounts in turns."""
    found = []
    for n in range(events):
        status = {"account_id": f"acc_{n % accounts:05}", "account_type": "LINKEDIN"}
        word = WORDS[n // accounts % len(WORDS)]
        found.append(Received({"AccountStatus": {**status, "message": word}}, START + timedelta(minutes=10 * n)))
    return found


def best_ms(work: Callable[[], object]) -> float:
    """Return the best of five, in milliseconds."""
    times = []
    for _ in range(5):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times) * 1000


def main(events: int) -> None:
    """Print the figures."""
    middle, end = (START + timedelta(minutes=10 * n) for n in (events // 2, events))
    with TemporaryDirectory() as folder:
        with Engine.open(f"sqlite:///{Path(folder) / 'one.db'}", observers=()) as engine:
            fed = sum(1 for _ in engine.feed_events(payloads(events, 1)))
            print(f"one account, {fed:,} events")
            print(f"  as of its middle   {best_ms(lambda: engine.account('acc_00000', as_of=middle)):8.1f} ms")
            print(f"  as of its end      {best_ms(lambda: engine.account('acc_00000', as_of=end)):8.1f} ms")
            print(f"  as it is now       {best_ms(lambda: engine.account('acc_00000')):8.3f} ms")
        with Engine.open(f"sqlite:///{Path(folder) / 'fleet.db'}", observers=()) as engine:
            fed = sum(1 for _ in engine.feed_events(payloads(events, events // 20)))
            print(f"{events // 20:,} accounts, {fed:,} events")
            print(f"  overview at middle {best_ms(lambda: engine.overview(at=middle)):8.1f} ms")
            print(f"  overview at end    {best_ms(lambda: engine.overview(at=end)):8.1f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)

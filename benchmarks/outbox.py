"""Effects to a hook that does nothing, and the outbox that one would write by hand, on a real disk.

Both work through the same events, a round at a time, fed off the clock. The outbox by hand takes a page of a hundred
rows, calls, marks them as done and commits: a crash makes it call a page again. It knows no lease, no attempt, no
lane, no dead letter, and tells the hook nothing but the row.
"""

import time
from collections.abc import Iterator, Sequence

import apsw
from disk import File, by_hand_transaction
from interleaving import Comparison, Stream, compare
from lives import as_received

from account_lifecycle import EffectKind, Engine, HookCall, Policy

PAGE = 100


def race_outboxes(rounds: Sequence[Stream]) -> Comparison:
    """Elapsed seconds of one delivery, round by round."""
    times = list(_rounds(rounds))
    return compare([ours for ours, _ in times], [peer for _, peer in times])


def _rounds(rounds: Sequence[Stream]) -> Iterator[tuple[float, float]]:
    file, hand_file = File(), File()
    url = f"sqlite:///{file.path}"
    db = _by_hand(hand_file)
    called: list[str] = []
    policy = Policy(reminders=())  # whose effects are those of a clock's events, which a feed does not yield
    with Engine.open(url, policy=policy, observers=()) as feeder, Engine.open(url, observers=()) as engine:
        _subscribe_to_everything(engine, called)
        for payloads in rounds:
            keys = [
                (effect.key(d.after.account_id, d.sequence),)
                for d in feeder.feed_events(as_received(payloads), batch_size=len(payloads))
                for effect in d.effects
            ]
            with by_hand_transaction(db):
                db.executemany("INSERT INTO outbox (key) VALUES (?)", keys)
            called.clear()
            before = time.perf_counter()
            engine.run_hooks()
            between = time.perf_counter()
            by_hand = _drain(db)
            after = time.perf_counter()
            assert len(called) == by_hand == len(keys)
            yield (between - before) / len(keys), (after - between) / len(keys)
    assert file.path
    assert hand_file.path


def _subscribe_to_everything(engine: Engine, called: list[str]) -> None:
    def hook(call: HookCall) -> None:
        called.append(call.key)

    for kind in EffectKind:
        engine.subscribe(kind, None, hook, kind.value, since="beginning")


def _by_hand(file: File) -> apsw.Connection:
    db = apsw.Connection(str(file.path))
    db.execute("PRAGMA journal_mode = WAL").fetchall()
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE outbox (outbox_id INTEGER PRIMARY KEY, key TEXT NOT NULL, done_at REAL) STRICT")
    db.execute("CREATE INDEX outbox_due ON outbox (outbox_id) WHERE done_at IS NULL")
    return db


def _drain(db: apsw.Connection) -> int:
    called: list[str] = []
    while page := db.execute(
        "SELECT outbox_id, key FROM outbox WHERE done_at IS NULL ORDER BY outbox_id LIMIT ?", (PAGE,)
    ).fetchall():
        for _, key in page:
            called.append(str(key))
        with by_hand_transaction(db):
            db.executemany(
                "UPDATE outbox SET done_at = ? WHERE outbox_id = ?", [(time.time(), outbox_id) for outbox_id, _ in page]
            )
    return len(called)

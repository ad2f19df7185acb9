"""Logs of payloads, readable and not, with their times, and what an engine shows after it was fed one."""

import json
from collections.abc import Iterable
from datetime import timedelta
from random import Random
from typing import Any

from hypothesis import strategies as st

from account_lifecycle import Engine, PayloadError, Received
from account_lifecycle.lifecycle.definition import ANNOUNCEMENTS
from builders import T0, notification, webhook

IDS = ("a", "b", "ü 7")
WORDS = (*ANNOUNCEMENTS, *ANNOUNCEMENTS, "SNAFU")
TYPES = ("LINKEDIN", "MAIL", "GOOGLE_OAUTH", "MYSPACE", None)
MALFORMED: tuple[Any, ...] = (
    b"",
    b"{oops",
    b"\xef\xbb\xbf[]",
    b"\xff\xfe\x00",
    b'{"status": "OK"}',
    b'{"AccountStatus": {"account_id": "a", "message": 7}}',
    {"AccountStatus": {"account_id": "", "message": "OK"}},
    ["OK"],
    None,
)

words = st.sampled_from(WORDS)
payloads = st.one_of(
    st.builds(webhook, st.sampled_from(IDS), words, st.sampled_from(TYPES)),
    st.builds(
        webhook, st.sampled_from(IDS), st.just("SYNC_SUCCESS"), product=st.sampled_from(["classic", "Recruiter"])
    ),
    st.builds(notification, st.sampled_from(IDS), words, st.sampled_from(["user-1", "user-2"])),
    st.sampled_from(MALFORMED),
)
times = st.integers(-3600, 100_000).map(lambda seconds: T0 + timedelta(seconds=seconds))
"""Some repeats are redeliveries, some are stale, and some come before what they follow."""
event_logs = st.lists(st.builds(Received, payloads, times), max_size=30)


def long_log(seed: int, length: int) -> list[bytes]:
    """A log as bytes, line by line; one line in ten cannot be read."""
    random = Random(seed)
    lines = []
    for number in range(length):
        readable = webhook(f"account-{random.randrange(9)}", random.choice(WORDS), random.choice(TYPES))
        payload = readable if number % 10 else {"status": number}
        received_at = T0 + timedelta(seconds=40 * number)
        lines.append(json.dumps({"received_at": received_at.isoformat(), "payload": payload}).encode() + b"\n")
    return lines


def feed_live(engine: Engine, log: Iterable[Received]) -> None:
    """Feed a log one event at a time."""
    for payload, received_at, *_ in log:
        try:
            engine.feed_event(payload, received_at=received_at)
        except PayloadError:
            continue


def feed_in_batches(engine: Engine, log: Iterable[Received], batch_size: int) -> None:
    """Feed a log many events at a time."""
    for _ in engine.feed_events(log, batch_size=batch_size, on_unreadable=lambda error: None):
        pass


def outcome(engine: Engine) -> dict[str, Any]:
    """All that an engine shows of what it was fed."""
    accounts = engine.accounts()
    return {
        "accounts": accounts,
        "health": [account.health for account in accounts],
        "history": [engine.history(account.account_id) for account in accounts],
        "ledger": list(engine.store.ledger()),
        "audit": engine.audit(),
        "explanations": [anomaly.explanation for anomaly in engine.audit()],
        "windows": engine.blind_windows(),
        "open windows": engine.blind_windows(open_only=True),
        "quarantine": engine.quarantine(),
    }

"""Test data and time for your own tests: a clock that you advance, vendor payloads, whole lives of accounts.

    clock = Clock()
    with Engine.open("memory:", clock=clock) as engine:
        list(engine.feed_events(life("CONNECTING CREATION_SUCCESS OK CREDENTIALS")))
        clock.tick(hours=2)

``drain`` and ``assert_called`` (``testing.hooks``) run hooks and ask what they were called with. With pytest, the
fixtures ``account_engine`` and ``account_clock`` (``testing.plugin``) are there once this package is installed.
Importing this module does not import pytest.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from ..intake.dialects import HOSTED_AUTH, STATUS_WEBHOOK, Dialect, write
from ..intake.logs import Received
from ..intake.times import in_utc
from .hooks import HookRecord, assert_called, drain, record_hooks

__all__ = ["START", "Clock", "HookRecord", "assert_called", "drain", "life", "payload", "record_hooks"]

START = datetime(2026, 5, 1, 12, tzinfo=UTC)
"""The time at which clocks and lives start by default."""


class Clock:
    """A clock that stands still until ``tick`` or an assignment to ``now`` moves it.

    Hand it to ``Engine.open(..., clock=clock)``: receipt times, deadlines, due times and leases follow it. Threads
    that wait, wait in real time. Raise ``ConfigurationError`` for a ``start`` without a time zone.
    """

    def __init__(self, start: datetime = START) -> None:
        self.now = in_utc("start", start)
        """The present time: aware, UTC."""

    def __call__(self) -> datetime:
        """Return the present time."""
        return self.now

    def tick(self, length: timedelta | None = None, /, **units: float) -> datetime:
        """Advance by ``length`` or by ``units`` of ``timedelta`` (``tick(minutes=5)``), by a second without either.

        Return the new time.
        """
        if length is not None and units:
            raise TypeError(f"tick: found a length and {', '.join(units)}; expected one or the other")
        if length is None:
            length = timedelta(**units) if units else timedelta(seconds=1)
        self.now += length
        return self.now


def payload(
    word: str,
    account_id: str = "account-1",
    *,
    provider: str | None = "LINKEDIN",
    product: str | None = None,
    reason: str | None = None,
    owner: str | None = None,
    dialect: Dialect | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Return a payload as the vendor sends it, in which ``word`` is announced for an account.

    It is a status webhook, of an account of ``provider`` (None leaves that out), with the ``product`` that was synced
    or a ``reason`` in the vendor's words, if they are given. With an ``owner``, your own user id, it is a hosted-auth
    notification, which can say nothing else; with a blank ``account_id`` one about nobody's account. ``dialect`` asks
    for another wire format. ``more`` are further keys beside the status.
    """
    if dialect is None:
        dialect = STATUS_WEBHOOK if owner is None else HOSTED_AUTH
    said = {"provider": provider, "status": word, "product": product, "reason": reason, "name": owner}
    fields = {"account_id": account_id or None, **said}
    return write(dialect, {field: value for field, value in fields.items() if value is not None}, more)


def life(
    words: str | Iterable[str | dict[str, Any]],
    account_id: str = "account-1",
    *,
    provider: str | None = "LINKEDIN",
    owner: str | None = None,
    start: datetime = START,
    every: timedelta = timedelta(minutes=1),
) -> list[Received]:
    """Return the webhooks of an account's life, for ``feed_events``: ``life("CONNECTING CREATION_SUCCESS OK")``.

    The first is received at ``start`` (aware), each further one ``every`` so long after the one before it. In a list
    a payload may stand for a word, where there is more to say: ``life(["OK", payload("ERROR", reason="Proxy")])``. With
    an ``owner``, your own user id, the words that hosted auth announces come as its notifications.
    """
    received = []
    for number, word in enumerate(words.split() if isinstance(words, str) else words):
        if isinstance(word, str):
            is_notified = owner is not None and word in HOSTED_AUTH.statuses
            word = payload(word, account_id, provider=provider, owner=owner if is_notified else None)
        received.append(Received(word, start + number * every))
    return received

"""The simulated vendor: accounts to which things happen, and the webhooks by which it says so.

Whatever happens later (the end of a sync, a webhook, its retries) stands in one queue by its time. ``advance`` moves
the clock from one to the next; ``run`` does what is due by now. Webhooks are sent in no transaction with anything, are
sent again unless they are answered with 200, by delays that grow, and no more after five retries.
"""

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from heapq import heappop, heappush
from random import Random
from threading import RLock
from typing import Any, NamedTuple, Protocol

from ...engine.core import utc_now
from ...errors import ConfigurationError
from ...intake.dialects import HOSTED_AUTH
from ...lifecycle.definition import (
    ANNOUNCEMENTS,
    BIRTH,
    CONNECTING,
    FINISHES_SYNC,
    OK,
    RECONNECTED,
    TERMINAL,
    WORST_FIRST,
)
from ...lifecycle.policy import SUBSCRIPTIONS
from ...lifecycle.status import Status
from ...records import TimeSource
from ...simulate.delays import RETRIES
from .. import Clock, payload
from .faults import ApiFaults
from .fleet import LIVES_AS, STARTS_AS, SimulatedAccount

SIMULATED_URL = "https://vendor.example"
"""Where the simulated vendor is, as long as it is not served."""
SYNC = timedelta(minutes=2)
"""How long a sync takes by default."""
_FAILED = next(word for word in ANNOUNCEMENTS if word in HOSTED_AUTH.statuses and "FAIL" in word)


class HasStatus(Protocol):
    """What a receiver returns: anything with a status."""

    @property
    def status(self) -> int:
        """Return the HTTP status."""


WebhookReceiver = Callable[[str, Mapping[str, str], str, bytes], HasStatus]
"""A receiver in this process, such as ``Receiver.handle``: called with method, headers, query and body."""


class RegisteredWebhook(NamedTuple):
    """A webhook that is registered with the simulated vendor."""

    id: str
    url: str
    words: frozenset[str]
    headers: tuple[tuple[str, str], ...] = ()
    format: str = "json"
    account_ids: tuple[str, ...] = ()
    is_enabled: bool = True
    name: str = ""
    source: str = "account_status"
    has_events: bool = False
    """Whether it named its words, or has those of the default."""


class HostedLink(NamedTuple):
    """A link of hosted auth."""

    token: str
    kind: str
    """``create`` or ``reconnect``."""
    account_id: str | None
    expires_at: datetime
    owner: str | None
    notify_url: str | None


class _Message(NamedTuple):
    """A webhook or a notification that is to be sent."""

    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    subscription_id: str | None
    tried: int = 0
    is_repeat: bool = False


class VendorCore:
    """Everything of a vendor but how it is reached; see ``SimulatedVendor``."""

    def __init__(
        self,
        *,
        clock: TimeSource = utc_now,
        key: str = "simulated-key",
        seed: int = 0,
        lost_share: float = 0.0,
        repeated_share: float = 0.0,
        sync: timedelta = SYNC,
    ) -> None:
        self.clock = clock
        self.key = key
        self.lost_share, self.repeated_share, self.sync = lost_share, repeated_share, sync
        self.accounts: dict[str, SimulatedAccount] = {}
        """Every account that there ever was, by its id."""
        self.subscriptions: dict[str, RegisteredWebhook] = {}
        """The webhooks that are registered, by their id."""
        self.counts: Counter[str] = Counter()
        """What became of messages: ``sent`` and answered with 200, ``failed`` attempts, ``lost``, ``given up``."""
        self.requests: Counter[str] = Counter()
        """The requests that the API was asked, such as ``GET /accounts``."""
        self.url = SIMULATED_URL
        self.faults = ApiFaults()
        self._random = Random(seed)
        self._lock = RLock()
        self._queue: list[tuple[datetime, int, Callable[[], None]]] = []
        self._listed: list[tuple[int, SimulatedAccount]] = []
        self._links: dict[str, HostedLink] = {}
        self._receivers: dict[str, WebhookReceiver] = {}
        self._numbers = 0

    # ---- What happens to accounts ------------------------------------------------------------------

    def create(
        self,
        kind: str = "LINKEDIN",
        account_id: str | None = None,
        *,
        name: str = "",
        owner: str | None = None,
        notify_url: str | None = None,
        premium: Collection[str] = (),
        sources: int = 1,
        quiet: bool = False,
    ) -> str:
        """Connect an account of a type of the vendor's, announce it, and return its id.

        Its first sync ends after a while, and it is OK. A ``quiet`` one is OK at once and was never announced: it was
        there before. ``premium`` are LinkedIn's premium features, ``recruiter`` among them. ``owner`` is your own user
        id, which comes back in notifications to ``notify_url``.
        """
        with self._lock:
            number = self._number()
            account_id = account_id or f"{kind.lower()}-{number}"
            if account_id in self.accounts:
                raise ConfigurationError("account_id", repr(account_id), "an id that no account has")
            account = SimulatedAccount(
                number, account_id, kind, self.clock(), name=name or f"user {number}", owner=owner,
                notify_url=notify_url, premium=tuple(premium), sources=sources,
                status=LIVES_AS if quiet else STARTS_AS,
            )  # fmt: skip
            self.accounts[account_id] = account
            self._listed.append((number, account))
            if not quiet:
                self._announce(account, BIRTH)
                self._sync_later(account)
            return account_id

    def lose(self, account_id: str, word: str = "CREDENTIALS", *, reason: str = "", source: int | None = None) -> None:
        """Put an account, or one of its sources, into a status such as CREDENTIALS; announce it if the worst changed.

        ``reason`` are the vendor's words.
        """
        with self._lock:
            account = self._account(account_id)
            status = self._word(word)
            if account.move(self.clock(), status, source):
                self._announce(account, Status(account.status), reason=reason)

    def heal(self, account_id: str) -> None:
        """Let an account be OK again, of itself."""
        self.lose(account_id, OK)

    def reconnect(self, account_id: str) -> None:
        """Let its user sign in again: announced by webhook and to its ``notify_url``, then a sync, then OK."""
        with self._lock:
            account = self._account(account_id)
            account.move(self.clock(), STARTS_AS)
            self._announce(account, RECONNECTED)
            self._sync_later(account)

    def restart(self, account_id: str) -> None:
        """Restart an account, as the API does: one that had stopped is OK after a while; of others nothing is heard."""
        with self._lock:
            account = self._account(account_id)
            if account.status not in ("ERROR", "STOPPED"):
                return
            account.move(self.clock(), CONNECTING)
            self._announce(account, CONNECTING)
            self._sync_later(account)

    def delete(self, account_id: str, *, announced: bool = True) -> None:
        """Delete an account; not ``announced``: its webhook never comes."""
        with self._lock:
            account = self._account(account_id)
            account.delete(self.clock())
            self._listed.remove((account.number, account))
            if announced:
                self._announce(account, TERMINAL)

    def fail_creation(self, owner: str, notify_url: str) -> None:
        """Let a creation fail before there is an account: a notification without an account id."""
        with self._lock:
            self._notify(notify_url, payload(_FAILED, "", owner=owner))

    def outage(self, kind: str | None = None, word: str = "ERROR", *, lasts: timedelta | None = None) -> list[str]:
        """Lose every account that is OK, or those of a type; return their ids. They heal after ``lasts``, if given."""
        with self._lock:
            hit = [a for _, a in self._listed if a.status == LIVES_AS and kind in (None, a.type)]
            for account in hit:
                self.lose(account.id, word)
                if lasts is not None:
                    self._later(lasts, account, lambda account=account: self.heal(account.id))  # type: ignore[misc]
            return [account.id for account in hit]

    # ---- Webhooks ----------------------------------------------------------------------------------

    def register(
        self,
        url: str,
        *,
        words: Collection[str] | None = None,
        headers: Mapping[str, str] | None = None,
        format: str = "json",  # noqa: A002
        account_ids: Collection[str] = (),
        is_enabled: bool = True,
        name: str = "",
        source: str = "account_status",
    ) -> str:
        """Register a webhook and return its id. Without ``words`` it announces all but CONNECTING, OK and STOPPED."""
        with self._lock:
            webhook_id = f"wh_{self._number()}"
            chosen = SUBSCRIPTIONS["default"] if words is None else words
            self.subscriptions[webhook_id] = RegisteredWebhook(
                webhook_id, url, frozenset(map(str, chosen)), tuple((headers or {}).items()), format,
                tuple(account_ids), is_enabled, name, source, words is not None,
            )  # fmt: skip
            return webhook_id

    def unregister(self, webhook_id: str) -> bool:
        """Delete a webhook; return whether there was one of that id. What waits to be sent by it is not."""
        with self._lock:
            return self.subscriptions.pop(webhook_id, None) is not None

    def connect(self, url: str, receiver: WebhookReceiver) -> None:
        """Hand messages for a URL, or one below it, to a receiver of this process, such as ``Receiver.handle``."""
        self._receivers[url.rstrip("/")] = receiver

    def run(self) -> int:
        """Do everything that is due by now, webhooks included; return how much that was."""
        count = 0
        while (task := self._due(self.clock())) is not None:
            task()
            count += 1
        return count

    def advance(self, length: timedelta | None = None, /, **units: float) -> int:
        """Move the testing clock on, and do what is due meanwhile, each at its moment; return how much that was.

        ``advance(hours=3)`` or ``advance(timedelta(hours=3))``. Raise ``ConfigurationError`` for another clock.
        """
        clock, count = self.clock, 0
        if not isinstance(clock, Clock):
            raise ConfigurationError("clock", repr(clock), "SimulatedVendor(clock=Clock()), a clock that can be moved")
        end = clock.now + (timedelta(**units) if length is None else length)
        while True:
            with self._lock:
                next_at = self._queue[0][0] if self._queue else end
            if next_at >= end:
                break
            clock.now = max(clock.now, next_at)
            count += self.run()
        clock.now = max(clock.now, end)
        return count + self.run()

    # ---- Hosted auth, and the list ------------------------------------------------------------------

    def page(self, after: int, limit: int) -> tuple[list[SimulatedAccount], int | None]:
        """Return the accounts of a page, and after which number the next page begins; None after the last."""
        with self._lock:
            start = bisect_right(self._listed, after, key=lambda each: each[0])
            found = self._listed[start : start + limit]
            is_last = start + limit >= len(self._listed)
            return [account for _, account in found], None if is_last else found[-1][0]

    def make_link(self, asked: Mapping[str, Any]) -> str:
        """Return the URL of a new link of hosted auth, as the API is asked for it."""
        with self._lock:
            token = f"{self._number()}-{self._random.getrandbits(64):x}"
            is_reconnect = asked["type"] == "reconnect"
            self._links[token] = HostedLink(
                token, str(asked["type"]), str(asked["reconnect_account"]) if is_reconnect else None,
                datetime.fromisoformat(str(asked["expiresOn"])), asked.get("name"), asked.get("notify_url"),
            )  # fmt: skip
            return f"{self.url}/hosted/{token}"

    def visit(self, link: str, kind: str = "LINKEDIN") -> str | None:
        """Let a user follow a link of hosted auth and sign in; return the account's id, None if the link is dead.

        A link ends when it says, or with the daily restart, or once it was used.
        """
        with self._lock:
            found = self._links.pop(link.rpartition("/")[2], None)
            if found is None or found.expires_at <= self.clock():
                return None
            if found.account_id is None:
                return self.create(kind, owner=found.owner, notify_url=found.notify_url)
            account = self._account(found.account_id)
            account.owner, account.notify_url = found.owner or account.owner, found.notify_url or account.notify_url
            self.reconnect(account.id)
            return account.id

    def daily_restart(self) -> None:
        """Restart as the vendor does each day: every link dies, and of healthy accounts nothing is announced."""
        with self._lock:
            self._links.clear()

    # ---- Inside ------------------------------------------------------------------------------------

    def _number(self) -> int:
        with self._lock:
            self._numbers += 1
            return self._numbers

    def _account(self, account_id: str) -> SimulatedAccount:
        account = self.accounts.get(account_id)
        if account is None or account.is_deleted:
            raise ConfigurationError("account_id", repr(account_id), "the id of an account that the vendor has")
        return account

    def _word(self, word: str) -> Status:
        if word not in WORST_FIRST:
            raise ConfigurationError("word", repr(word), f"one of {', '.join(WORST_FIRST)}")
        return Status(word)

    def _sync_later(self, account: SimulatedAccount) -> None:
        def end() -> None:
            now = self.clock()
            account.move(now, LIVES_AS)
            for product in account.products if account.announces_sync else ():
                self._announce(account, FINISHES_SYNC, product=product)
            self._announce(account, LIVES_AS)

        self._later(self.sync, account, end)

    def _later(self, length: timedelta, account: SimulatedAccount, action: Callable[[], None]) -> None:
        """Do something to an account later, unless something else has happened to it by then."""
        episode = account.episode

        def unless_overtaken() -> None:
            with self._lock:
                if account.episode == episode:
                    action()

        self._plan(self.clock() + length, unless_overtaken)

    def _plan(self, at: datetime, task: Callable[[], None]) -> None:
        with self._lock:
            heappush(self._queue, (at, self._number(), task))

    def _due(self, now: datetime) -> Callable[[], None] | None:
        with self._lock:
            return heappop(self._queue)[2] if self._queue and self._queue[0][0] <= now else None

    def _announce(self, account: SimulatedAccount, word: Status, *, product: str = "", reason: str = "") -> None:
        said = payload(word, account.id, provider=account.type, product=product or None, reason=reason or None)
        if account.notify_url and word in HOSTED_AUTH.statuses:
            self._notify(account.notify_url, payload(word, account.id, owner=account.owner or account.name))
        for each in self.subscriptions.values():
            is_meant = not each.account_ids or account.id in each.account_ids
            if each.is_enabled and each.source == "account_status" and word in each.words and is_meant:
                body = json.dumps(said) if each.format == "json" else _as_form(said)
                self._send(_Message(each.url, each.headers, body.encode(), each.id))

    def _notify(self, url: str, said: Mapping[str, Any]) -> None:
        self._send(_Message(url, (), json.dumps(said).encode(), None))

    def _send(self, message: _Message) -> None:
        if self._random.random() < self.lost_share:
            self.counts["lost"] += 1
        else:
            self._plan(self.clock(), lambda: self._deliver(message))

    def _deliver(self, message: _Message) -> None:
        """Send a message; plan another attempt unless it is answered with 200. Nothing is locked while it is sent."""
        with self._lock:
            subscription = self.subscriptions.get(message.subscription_id or "")
            if message.subscription_id and (subscription is None or not subscription.is_enabled):
                return
        status = self._post(message)
        with self._lock:
            is_sent, tried = status == 200, message.tried
            self.counts["sent" if is_sent else "failed"] += 1
            if is_sent and (message.is_repeat or self._random.random() >= self.repeated_share):
                return
            if tried == len(RETRIES):
                self.counts["given up"] += 1
                return
            wait = timedelta(microseconds=RETRIES[tried].draw_us(self._random))
            again = message._replace(tried=tried + 1, is_repeat=is_sent)
            self._plan(self.clock() + wait, lambda: self._deliver(again))

    def _post(self, message: _Message) -> int:
        url, _, query = message.url.partition("?")
        headers = {name.lower(): value for name, value in message.headers}
        for begins, receiver in self._receivers.items():
            if url == begins or url.startswith(f"{begins}/"):
                return receiver("POST", headers, query, message.body).status
        from .wiring import post

        return post(message.url, dict(message.headers), message.body)


def _as_form(said: Mapping[str, Any], within: str = "") -> str:
    """Return a payload as a form, with brackets in the keys of what is inside another object."""
    from urllib.parse import urlencode

    pairs = []
    for key, value in said.items():
        name = f"{within}[{key}]" if within else key
        pairs.append(_as_form(value, name) if isinstance(value, Mapping) else urlencode({name: value}))
    return "&".join(pairs)

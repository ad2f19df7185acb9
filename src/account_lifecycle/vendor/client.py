"""The client of the vendor's API: the few calls that this package needs, typed, bounded, and safe to share.

    with VendorClient(url, key) as client:
        account = client.account("h_EKCy2lRLef5NzHp0iw4A")   # None: the vendor has it no more

Every call raises ``VendorUnavailable`` where it may succeed later and ``VendorRefused`` where it will not, in words
that name the call, what came, and what to do. It may be called from several threads at once.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Protocol, Self, TypeVar
from urllib.parse import quote

import httpx2

from ..errors import ConfigurationError, VendorUnavailable
from ..intake import arguments
from ..intake.secrets import secrets_from
from ..intake.times import in_utc
from ..lifecycle.definition import ANNOUNCEMENTS
from ..lifecycle.status import Status
from .calling import Caller, Missing, Patience
from .records import (
    ACCOUNT_STATUS,
    EVENTS,
    VendorAccount,
    VendorWebhook,
    read_account_page,
    read_link,
    read_registered,
    read_vendor_account,
    read_webhook_page,
)

PAGE_SIZE = 250
"""How many items a page has at most; more are refused by the vendor."""
MAX_PAGES = 40_000
"""No list is followed further: ten million accounts."""

PageT = TypeVar("PageT", bound="_Page")


class _Page(Protocol):
    @property
    def items(self) -> Collection[Any]: ...

    @property
    def cursor(self) -> str | None: ...


def key_from(setting: str, text: str) -> Callable[[], str]:
    """Return how to read the key that a setting names: itself, or ``file:PATH``, which is read anew at each call.

    Raise ``ConfigurationError``, then and later, unless there is exactly one.
    """

    def read() -> str:
        keys = secrets_from(setting, text)
        if len(keys) != 1:
            expected = "the vendor's API key, or file: and the path of a file with it"
            raise ConfigurationError(setting, f"{len(keys) or 'no'} keys", expected)
        return keys[0]

    read()
    return read


class VendorClient:
    """A client of the vendor's API at ``base_url``, which is yours, with an API key.

    ``key`` is the key, or is called for it: ``key_from`` reads it from a file, so that it can be changed while the
    client is in use. ``transport`` takes the place of the network, for tests. Raise ``ConfigurationError`` for a URL
    that is not https (or this machine), or a key that no header can carry.
    """

    def __init__(
        self,
        base_url: str,
        key: str | Callable[[], str],
        *,
        patience: Patience = Patience(),  # noqa: B008
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._caller = Caller(base_url, (lambda: key) if isinstance(key, str) else key, patience, transport)

    def __repr__(self) -> str:
        return f"<VendorClient of {self._caller.host}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._caller.close()

    @property
    def answered_at(self) -> datetime | None:
        """The time by the vendor's clock at its last answer, to the second; None before there was one that named it."""
        return self._caller.answered_at

    # ---- Accounts --------------------------------------------------------------------------------

    def accounts(self) -> Iterator[VendorAccount]:
        """Yield every account of the vendor's list, page by page.

        Only if this ends without an error was the list read to its end: an account may be called absent then only. One
        that the vendor moves within its list meanwhile can come twice. One whose entry is not as it should be has its
        id and no source.
        """
        for item in self._pages("/accounts", read_account_page):
            yield item.record()

    def account(self, account_id: str) -> VendorAccount | None:
        """Return an account as the vendor has it now; None if it has none of that id."""
        try:
            return self._caller.call("GET", _path("/accounts", account_id), read_vendor_account).record()
        except Missing:
            return None

    def restart(self, account_id: str) -> bool:
        """Have the vendor restart an account; return whether it has it."""
        return self._changed("POST", f"{_path('/accounts', account_id)}/restart")

    def hosted_link(
        self,
        *,
        expires_at: datetime,
        reconnect: str | None = None,
        providers: Collection[str] | str = "*",
        name: str | None = None,
        notify_url: str | None = None,
        success_url: str | None = None,
        failure_url: str | None = None,
    ) -> str:
        """Return a link of hosted auth, by which a user connects an account, or signs in again to ``reconnect``.

        It ends at ``expires_at`` (aware), and in any case with the vendor's daily restart. ``providers`` are the
        vendor's words, ``*`` for all. ``name`` is your own user id, which comes back to ``notify_url``.
        """
        expires = in_utc("expires_at", expires_at)
        body = {
            "type": "create" if reconnect is None else "reconnect",
            "reconnect_account": reconnect,
            "providers": providers if isinstance(providers, str) else [*providers],
            "api_url": self._caller.base_url,
            "expiresOn": expires.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "name": name,
            "notify_url": notify_url,
            "success_redirect_url": success_url,
            "failure_redirect_url": failure_url,
        }
        said = {key: value for key, value in body.items() if value is not None}
        return self._caller.call("POST", "/hosted/accounts/link", read_link, body=said).url

    # ---- Webhooks --------------------------------------------------------------------------------

    def webhooks(self) -> list[VendorWebhook]:
        """Return every webhook that is registered, those of other sources included."""
        return [item.record() for item in self._pages("/webhooks", read_webhook_page)]

    def register_webhook(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        words: Collection[str] = ANNOUNCEMENTS,
        name: str = "",
    ) -> str:
        """Register a webhook that announces ``words``, all eleven by default, to ``url``; return its id.

        It is sent as JSON, with the constant ``headers``. It is tried again only where it cannot have been registered.
        """
        chosen = {arguments.word("words", word, Status) for word in words}
        body = {
            "request_url": url,
            "source": ACCOUNT_STATUS,
            "events": [event for event, word in EVENTS.items() if word in chosen],
            "headers": [{"key": key, "value": value} for key, value in (headers or {}).items()],
            "format": "json",
            "enabled": True,
            **({"name": name} if name else {}),
        }
        registered = self._caller.call("POST", "/webhooks", read_registered, body=body, is_repeatable=False)
        return registered.webhook_id or registered.id

    def delete_webhook(self, webhook_id: str) -> bool:
        """Delete a webhook; return whether there was one of that id."""
        return self._changed("DELETE", _path("/webhooks", webhook_id))

    # ---- Both ------------------------------------------------------------------------------------

    def _changed(self, method: str, path: str) -> bool:
        with suppress(Missing):
            self._caller.call(method, path, bytes)
            return True
        return False

    def _pages(self, path: str, decode: Callable[[bytes], PageT]) -> Iterator[Any]:
        """Yield the items of a list that comes in pages. Raise ``VendorUnavailable`` for one that has no end."""
        query = {"limit": str(PAGE_SIZE)}
        seen: set[str] = set()
        for number in range(1, MAX_PAGES + 1):
            page = self._caller.call("GET", path, decode, query=query)
            yield from page.items
            if not page.cursor:
                return
            if page.cursor in seen:
                raise self._endless(path, f"page {number:,} has the cursor of an earlier one, so the list has no end")
            seen.add(page.cursor)
            query = {**query, "cursor": page.cursor}
        raise self._endless(path, f"after {MAX_PAGES:,} pages there are more")

    def _endless(self, path: str, found: str) -> VendorUnavailable:
        remedy = "Nothing is concluded from what is missing. Ask again later, and tell the vendor if it lasts."
        return VendorUnavailable(f"GET /api/v1{path} of {self._caller.host}", found, remedy)


def _path(folder: str, item_id: str) -> str:
    """Return the path of one item. Raise ``ConfigurationError`` for an id that would name another path."""
    checked = arguments.account_id("id", item_id)
    if checked in ("", ".", ".."):
        raise arguments.refuse("id", item_id, "the id of an account or a webhook")
    return f"{folder}/{quote(checked, safe='')}"

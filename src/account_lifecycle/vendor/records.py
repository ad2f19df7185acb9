"""What the vendor's API answers: the shapes on the wire, and the records that are made of them.

Of an account's ``connection_params``, which hold personal data and keys, nothing is taken but the premium features, and
nothing of them is in any record. Keys that are not named here are passed over, and a key that is missing has a value
that says so, except those without which nothing could be said: an account's id, and the list of items itself. One item
that is not as it should be does not cost the others: it is an account of which the list says nothing.
"""

from datetime import datetime
from typing import Annotated, NamedTuple

import msgspec

from ..intake.times import in_utc
from ..lifecycle.definition import ANNOUNCEMENTS
from ..lifecycle.policy import SUBSCRIPTIONS
from ..lifecycle.providers import family_of, profile_of
from ..lifecycle.wording import JsonObject
from ..urls import public_url

NOT_FOLLOWED = ("SLACK", "MOBILE")
"""Account types of the vendor that are known, and that this package has no life cycle for."""
ACCOUNT_STATUS = "account_status"
"""The source of the webhooks that announce what becomes of accounts."""
EVENTS = {status.lower(): status for status in ANNOUNCEMENTS}
"""The vendor's names for what a webhook announces, and the words that it announces then."""


class VendorSource(NamedTuple):
    """One of an account's sources, such as its messages or its calendar."""

    id: str
    status: str
    """The vendor's word, upper-cased; it need not be one that this version knows."""


class VendorAccount(NamedTuple):
    """An account as the vendor lists it."""

    id: str
    type: str
    """The vendor's word, such as ``GOOGLE_OAUTH``."""
    provider: str
    """The family of its type, such as ``GOOGLE``; an unknown type stands for itself."""
    name: str
    created_at: datetime | None
    """Aware, in UTC; None if it is missing or no time."""
    sources: tuple[VendorSource, ...]
    premium: tuple[str, ...] = ()
    """Its premium features, such as ``recruiter``."""

    @property
    def statuses(self) -> tuple[str, ...]:
        """The words of its sources; none for an account without a source."""
        return tuple(source.status for source in self.sources)

    @property
    def is_followed(self) -> bool:
        """Whether it is of a type that this package has a life cycle for."""
        return self.type not in NOT_FOLLOWED


class VendorWebhook(NamedTuple):
    """A webhook that is registered with the vendor."""

    id: str
    url: str
    """Where it is sent. The path may hold a secret: show ``public_url`` of it."""
    source: str
    words: frozenset[str]
    """What it announces, if it is about the status of accounts; the vendor's default if none is named."""
    format: str
    headers: tuple[tuple[str, str], ...]
    """Names and values of constant headers; the values are secrets."""
    account_ids: tuple[str, ...]
    """Only of these accounts, if there are any."""
    is_enabled: bool
    name: str

    def __repr__(self) -> str:
        return f"<VendorWebhook {self.id} to {public_url(self.url)}>"

    @property
    def missing_words(self) -> tuple[str, ...]:
        """The words that it does not announce, in the order of the life cycle."""
        return tuple(str(word) for word in ANNOUNCEMENTS if word not in self.words)

    def to_dict(self) -> JsonObject:
        """Return the webhook as a JSON object, without the path of its URL and the values of its headers."""
        return {
            "id": self.id,
            "url": public_url(self.url),
            "source": self.source,
            "words": [str(word) for word in ANNOUNCEMENTS if word in self.words],
            "missing_words": [*self.missing_words],
            "format": self.format,
            "headers": [name for name, _ in self.headers],
            "account_ids": [*self.account_ids],
            "enabled": self.is_enabled,
            "name": self.name,
        }


# ---- On the wire --------------------------------------------------------------------------------------------

_Id = Annotated[str, msgspec.Meta(min_length=1)]


class _Source(msgspec.Struct):
    id: str = ""
    status: str = ""


class WireAccount(msgspec.Struct):
    """An item of the list of accounts."""

    id: _Id
    type: str = ""
    name: str | None = None
    created_at: str | None = None
    connection_params: msgspec.Raw = msgspec.Raw(b"null")
    sources: list[_Source] | None = None

    def record(self) -> VendorAccount:
        """Return it as a record."""
        kind = self.type.strip().upper()
        provider = family_of(kind)
        return VendorAccount(
            self.id,
            kind,
            provider,
            self.name or "",
            _moment(self.created_at),
            tuple(VendorSource(source.id, source.status.strip().upper()) for source in self.sources or ()),
            _premium(self.connection_params) if profile_of(provider).has_products else (),
        )


class _Header(msgspec.Struct):
    key: str = ""
    value: str = ""


class WireWebhook(msgspec.Struct):
    """An item of the list of webhooks."""

    id: _Id
    request_url: str = ""
    source: str = ""
    events: list[str] | None = None
    headers: list[_Header] | None = None
    format: str | None = None
    account_ids: list[str] | None = None
    enabled: bool = True
    name: str | None = None

    def record(self) -> VendorWebhook:
        """Return it as a record."""
        words = SUBSCRIPTIONS["default"] if not self.events else {EVENTS.get(word.lower()) for word in self.events}
        return VendorWebhook(
            self.id,
            self.request_url,
            self.source,
            frozenset(str(word) for word in words if word) if self.source == ACCOUNT_STATUS else frozenset(),
            self.format or "json",
            tuple((header.key, header.value) for header in self.headers or ()),
            tuple(self.account_ids or ()),
            self.enabled,
            self.name or "",
        )


class AccountPage(msgspec.Struct):
    """A page of the list of accounts."""

    items: list[WireAccount]
    cursor: str | None = None


class WebhookPage(msgspec.Struct):
    """A page of the list of webhooks."""

    items: list[WireWebhook]
    cursor: str | None = None


class _RawPage(msgspec.Struct):
    items: list[msgspec.Raw]
    cursor: str | None = None


class _Named(msgspec.Struct):
    id: _Id


def read_account_page(content: bytes) -> AccountPage:
    """Return a page of accounts; of an item that is not as it should be, only its id. Raise ``msgspec.DecodeError``."""
    try:
        return _ACCOUNT_PAGE.decode(content)
    except msgspec.ValidationError:
        page = _RAW_PAGE.decode(content)
        return AccountPage([_read_item(item) for item in page.items], page.cursor)


def _read_item(item: msgspec.Raw) -> WireAccount:
    try:
        return read_vendor_account(item)
    except msgspec.ValidationError:
        return WireAccount(_NAMED.decode(item).id)


_ACCOUNT_PAGE, _RAW_PAGE = msgspec.json.Decoder(AccountPage), msgspec.json.Decoder(_RawPage)
_NAMED = msgspec.json.Decoder(_Named)
read_vendor_account = msgspec.json.Decoder(WireAccount).decode
read_webhook_page = msgspec.json.Decoder(WebhookPage).decode


class Registered(msgspec.Struct):
    """What comes back for a webhook that was registered."""

    webhook_id: str = ""
    id: str = ""


class Link(msgspec.Struct):
    """What comes back for a link of hosted auth."""

    url: _Id


read_registered = msgspec.json.Decoder(Registered).decode
read_link = msgspec.json.Decoder(Link).decode


class _InstantMessaging(msgspec.Struct):
    premiumFeatures: list[str] | None = None


class _ConnectionParams(msgspec.Struct):
    im: _InstantMessaging | None = None


_CONNECTION_PARAMS = msgspec.json.Decoder(_ConnectionParams | None)


def _premium(params: msgspec.Raw) -> tuple[str, ...]:
    """Return the premium features that are named; none where they are missing or have another shape."""
    try:
        found = _CONNECTION_PARAMS.decode(params)
    except msgspec.MsgspecError:
        return ()
    return tuple(found.im.premiumFeatures or ()) if found and found.im else ()


def _moment(text: str | None) -> datetime | None:
    try:
        return in_utc("created_at", datetime.fromisoformat(text)) if text else None
    except ValueError:
        return None

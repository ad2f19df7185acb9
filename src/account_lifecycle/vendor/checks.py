"""What ``doctor`` finds at the vendor: whether its API answers, the clock is right, and the webhook as it should be."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlsplit

from ..engine.checks import Finding, Level, fine
from ..errors import VendorError, VendorUnavailable
from ..lifecycle.definition import ANNOUNCEMENTS
from ..lifecycle.wording import lasting, one_of
from ..report.words import counted
from ..urls import public_url
from .client import VendorClient
from .records import ACCOUNT_STATUS, VendorWebhook

CLOCK_TOLERANCE = timedelta(minutes=1)
"""How far this machine's clock may be from the vendor's."""
_REGISTER = "account-lifecycle webhooks register"
_REPLACE = "account-lifecycle webhooks register --replace"


class Expected(NamedTuple):
    """What a webhook should be like."""

    url: str
    """Where the vendor reaches the receiver; blank if that is not known."""
    header: str
    """The name of the header that carries the secret."""
    secrets: tuple[str, ...]
    """Those that the receiver takes."""
    subscribed: frozenset[str]
    """The words that accounts are judged as being announced."""

    def __repr__(self) -> str:
        return f"<Expected at {public_url(self.url)}>"


def check_vendor(client: VendorClient, expected: Expected, clock: Callable[[], datetime]) -> Iterator[Finding]:
    """Yield what there is to say of the vendor's API, of this machine's clock beside its, and of the webhook."""
    try:
        webhooks = client.webhooks()
    except VendorError as error:
        may_pass = isinstance(error, VendorUnavailable) and error.status is not None  # 429 or 5xx: it is the API
        why = "The vendor's list cannot be compared, and nothing is asked before users are bothered."
        found = f"{error.call}: {error.found}"
        yield Finding("vendor", Level.WARNING if may_pass else Level.ERROR, found, why, error.remedy)
        return
    yield fine("vendor", "its API answers, and takes the key")
    yield from _clock(client, clock())
    yield from check_webhooks(webhooks, expected)


def _clock(client: VendorClient, now: datetime) -> Iterator[Finding]:
    if client.answered_at is None:
        return
    off = now - client.answered_at
    if abs(off) <= CLOCK_TOLERANCE:
        yield fine("clock", "it agrees with the vendor's")
    else:
        yield Finding(
            "clock", Level.ERROR, f"it is {lasting(off)} {'ahead of' if off > timedelta(0) else 'behind'} the vendor's",
            "Announcements are dated by it: deadlines pass at the wrong time, and observations count as old.",
            "timedatectl set-ntp true",
        )  # fmt: skip


# ---- Webhooks ---------------------------------------------------------------------------------------------


def is_same_url(one: str, other: str) -> bool:
    """Return whether two URLs lead to the same place: scheme and host in any case, a slash at the end or none."""
    return _normal(one) == _normal(other)


def _normal(url: str) -> tuple[str, str | None, int | None, str, str]:
    parts = urlsplit(url.strip())
    try:
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme.lower())
    except ValueError:
        port = None
    return parts.scheme.lower(), parts.hostname, port, parts.path.rstrip("/"), parts.query


def check_webhooks(webhooks: Sequence[VendorWebhook], expected: Expected) -> Iterator[Finding]:
    """Yield what is wrong with the webhook that points here, or that there is none."""
    about_accounts = [each for each in webhooks if each.source == ACCOUNT_STATUS]
    if not expected.url:
        yield Finding(
            "webhook", Level.WARNING, f"{len(about_accounts)} registered, and which of them points here is not known",
            "A webhook that points elsewhere, or is not as it should be, is only found if this is known.",
            "export ACCOUNT_LIFECYCLE_RECEIVER_URL=https://YOUR-HOST/hooks",
        )  # fmt: skip
        return
    here = [each for each in about_accounts if is_same_url(each.url, expected.url)]
    where = public_url(expected.url)
    if not here:
        others = sorted({public_url(each.url) for each in about_accounts})
        points = f"; others point to {one_of(tuple(others), 'and')}" if others else ""
        yield Finding(
            "webhook", Level.ERROR, f"none is registered for {where}{points}",
            "Nothing is announced: no webhook of the vendor's reaches this receiver.", _REGISTER,
        )  # fmt: skip
        return
    if len(here) > 1:
        yield Finding(
            "webhook", Level.WARNING, f"{len(here)} are registered for {where}: {', '.join(each.id for each in here)}",
            "Everything comes twice. Repeats are told apart, but each costs a request.", _REPLACE,
        )  # fmt: skip
    best = min(here, key=lambda each: len([*faults_of(each, expected)]))
    found = [*faults_of(best, expected)]
    yield from found or [fine("webhook", f"{best.id} points here, with the secret and all eleven words")]


def faults_of(webhook: VendorWebhook, expected: Expected) -> Iterator[Finding]:
    """Yield what is wrong with a webhook that points here."""
    name, which = "webhook", webhook.id
    if not webhook.is_enabled:
        yield Finding(name, Level.ERROR, f"{which} is disabled", "Nothing is announced.", _REPLACE)
    if webhook.account_ids:
        found = f"{which} is about {counted(len(webhook.account_ids), 'account')} only"
        yield Finding(name, Level.ERROR, found, "Of all others nothing is announced.", _REPLACE)
    yield from _secret(webhook, expected)
    yield from _words(webhook, expected)
    if urlsplit(expected.url).scheme == "http" and urlsplit(expected.url).hostname not in ("127.0.0.1", "localhost"):
        yield Finding(
            name, Level.WARNING, f"{which} is sent without encryption",
            "Anybody on the way can read its secret, and announce anything with it.",
            "export ACCOUNT_LIFECYCLE_RECEIVER_URL=https://…, then: " + _REPLACE,
        )  # fmt: skip


def _secret(webhook: VendorWebhook, expected: Expected) -> Iterator[Finding]:
    values = [value for name, value in webhook.headers if name.lower() == expected.header.lower()]
    if not expected.secrets:
        yield Finding(
            "secret", Level.ERROR, "the receiver has none",
            "Anybody who learns its address can announce anything about every account.",
            "export ACCOUNT_LIFECYCLE_WEBHOOK_SECRETS=file:secrets, then: " + _REPLACE,
        )  # fmt: skip
    elif not values:
        yield Finding(
            "secret", Level.ERROR, f"{webhook.id} has no header {expected.header}",
            "The receiver answers each of its webhooks with 401, and keeps none.", _REPLACE,
        )  # fmt: skip
    elif values[0] not in expected.secrets:
        yield Finding(
            "secret", Level.ERROR, f"the header {expected.header} of {webhook.id} has another secret than the receiver",
            "The receiver answers each of its webhooks with 401, and keeps none.", _REPLACE,
        )  # fmt: skip


def _words(webhook: VendorWebhook, expected: Expected) -> Iterator[Finding]:
    missing = [word for word in webhook.missing_words if word in expected.subscribed]
    unexpected = [str(word) for word in ANNOUNCEMENTS if word in webhook.words and word not in expected.subscribed]
    if missing:
        yield Finding(
            "words", Level.ERROR, f"{webhook.id} does not announce {one_of(tuple(missing), 'or')}",
            "Accounts are judged as if that were announced: they wait for it, and are called stuck.", _REPLACE,
        )  # fmt: skip
    elif webhook.missing_words:
        yield Finding(
            "words", Level.WARNING, f"{webhook.id} does not announce {one_of(webhook.missing_words, 'or')}",
            "What is not announced is found on the vendor's list, later or never. Once all are announced, unset "
            "ACCOUNT_LIFECYCLE_SUBSCRIBED.",
            _REPLACE,
        )  # fmt: skip
    if unexpected:
        yield Finding(
            "words", Level.WARNING, f"{webhook.id} announces {one_of(tuple(unexpected), 'and')}, which is not expected",
            "Accounts are presumed live where their OK could be relied on.",
            "export ACCOUNT_LIFECYCLE_SUBSCRIBED=all",
        )  # fmt: skip

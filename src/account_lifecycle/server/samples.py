"""Sample webhooks: written as the vendor writes them, sent with your credentials, and as the line of curl for it.

A series can be disturbed on purpose in the ways in which the vendor's deliveries are: sent again, sent late, and sent
by both of its channels.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from shlex import quote
from typing import NamedTuple
from urllib.parse import quote as escaped_for_url
from urllib.parse import urlsplit

from ..errors import ConfigurationError
from ..intake.dialects import HOSTED_AUTH
from ..lifecycle.status import Status
from ..lifecycle.wording import one_of
from ..simulate.faults import Message
from ..simulate.lives import Announcement, Channel
from ..simulate.log import WRITTEN_IN
from ..simulate.wire import to_wire
from .credentials import Credential, Presented, QuerySecret, SharedHeader, V2Signature

JSON = {"Content-Type": "application/json"}
"""What the vendor's webhooks carry, if they were made in its dashboard."""
STANDS_FOR = {SharedHeader: "WEBHOOK_SECRET", QuerySecret: "NOTIFY_SECRET", V2Signature: "SIGNATURE"}
"""The shell variable that stands for what a kind of credential shows."""
URL = "URL"
"""The shell variable that stands for a URL in which there may be a secret."""
_BY_CHANNEL = {
    Channel.WEBHOOK: (SharedHeader, V2Signature, QuerySecret),
    Channel.NOTIFY: (QuerySecret, SharedHeader, V2Signature),
}
"""Which credential the vendor would show: the first of these that you have a secret for."""
_PLAIN_PATHS = ("", "/", "/hooks", "/hooks/")


class Subject(NamedTuple):
    """The account that samples are about."""

    account_id: str = "sample-account"
    provider: str = "LINKEDIN"
    """The account type, as webhooks name it."""
    owner: str = "sample-user"
    product: str = ""
    reason: str = ""


class SampleWebhook(NamedTuple):
    """One delivery to be sent."""

    status: Status
    channel: Channel
    body: bytes


def series(
    statuses: Sequence[Status],
    subject: Subject,
    *,
    channel: Channel = Channel.WEBHOOK,
    repeat: int = 0,
    late: bool = False,
    twin: bool = False,
) -> list[SampleWebhook]:
    """Return the deliveries of a series of announcements, in their order.

    ``repeat``: how often each is sent again at once. ``late``: the first is sent once more at the end, as a retry that
    the other news overtook. ``twin``: what hosted auth announces comes by its notification and by the webhook. Raise
    ``ConfigurationError`` for what cannot be: a twin of news that hosted auth does not announce, a late one without
    other news.
    """
    by_notify = [status for status in statuses if status in HOSTED_AUTH.statuses]
    expected = f"what hosted auth announces: {one_of(tuple(sorted(HOSTED_AUTH.statuses)))}"
    if channel is Channel.NOTIFY and len(by_notify) < len(statuses):
        raise ConfigurationError("notify", " ".join(statuses), expected)
    if twin and not by_notify:
        raise ConfigurationError("twin", " ".join(statuses), expected)
    if late and len(set(statuses)) < 2:
        raise ConfigurationError("late", " ".join(statuses), "other news that overtake the first, such as OK ERROR")
    found = list(_written(statuses, subject, channel, repeat, twin=twin))
    return [*found, found[0]] if late else found


def _written(
    statuses: Sequence[Status], subject: Subject, channel: Channel, repeat: int, *, twin: bool
) -> Iterator[SampleWebhook]:
    for status in statuses:
        is_twin = twin and status in HOSTED_AUTH.statuses
        for each in (Channel.NOTIFY, Channel.WEBHOOK) if is_twin else (channel,):
            announcement = Announcement(0, status, each, subject.product, subject.reason)
            message = Message(announcement, subject.provider)
            text = to_wire(subject.account_id, subject.owner, message, WRITTEN_IN[each], status_first=False)
            yield from [SampleWebhook(status, each, text.encode())] * (repeat + 1)


def credential_for(channel: Channel, credentials: Sequence[Credential]) -> Credential | None:
    """Return the credential that deliveries by a channel show; None if there are no secrets."""
    ranked = [each for kind in _BY_CHANNEL[channel] for each in credentials if isinstance(each, kind)]
    return ranked[0] if ranked else None


def presented(credential: Credential | None, body: bytes, now: datetime) -> Presented:
    """Return what a request with this body has to show; nothing without a credential."""
    return Presented() if credential is None else credential.present(body, now)


def stand_in(credential: Credential) -> str:
    """Return the shell variable that stands for what a credential shows."""
    return next(name for kind, name in STANDS_FOR.items() if isinstance(credential, kind))


def is_plain(url: str) -> bool:
    """Return whether a URL can be shown whole: it has no query, and the path of a receiver."""
    parts = urlsplit(url)
    return not parts.query and parts.path in _PLAIN_PATHS


def curl_line(url: str, sample: SampleWebhook, shown: Presented, variable: str | None) -> str:
    """Return the line of curl that sends a sample.

    ``variable`` is the shell variable that stands for what is secret in it; None writes the secrets out, and the whole
    URL with them.
    """
    address = quote(url) if variable is None or is_plain(url) else f'"${URL}"'
    joint = "&" if urlsplit(url).query else "?"
    for name, value in shown.parameters.items():
        before = (url if is_plain(url) or variable is None else f"${URL}") + f"{joint}{escaped_for_url(name)}="
        address = _word(before, escaped_for_url(value), variable)
    headers = [_word(f"{name}: ", value, None) for name, value in JSON.items()]
    headers += [_word(f"{name}: ", value, variable) for name, value in shown.headers.items()]
    return f"curl {address} {' '.join(f'-H {header}' for header in headers)} -d {quote(sample.body.decode())}"


def _word(before: str, value: str, variable: str | None) -> str:
    """Return a word of a shell's line that ends in a value, or in the variable that stands for it."""
    if variable is None:
        return quote(before + value)
    plain = re.sub(r'[\\"`]|\$(?!URL\b)', r"\\\g<0>", before)
    return f'"{plain}${variable}"'


def headers_for(shown: Presented) -> Mapping[str, str]:
    """Return the headers of a request that shows a credential."""
    return {**JSON, **shown.headers}

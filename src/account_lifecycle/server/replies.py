"""Replies of the receiver: which status says what to a vendor that sends again whatever is not answered with 200."""

import json
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from ..lifecycle.wording import JsonObject


class Reply(NamedTuple):
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    """With lower-case names; without ``content-length``, which is that of the body."""
    body: bytes

    def document(self) -> JsonObject:
        """Return the JSON object in the body; an empty one if it is text."""
        is_json = self.headers.get("content-type") == "application/json"
        found: JsonObject = json.loads(self.body) if is_json and self.body else {}
        return found


class Receiving(Protocol):
    """What a mount needs of a receiver."""

    @property
    def max_bytes(self) -> int:
        """Return the longest body that is taken."""

    @property
    def threads(self) -> int:
        """Return how many bodies may be fed at a time."""

    @property
    def signs_body(self) -> bool:
        """Return whether ``check`` has to see the body to be sure."""

    def check(self, method: str, headers: Mapping[str, str], query: str, body: bytes | None = None) -> Reply | None:
        """Return the reply of a request that need not be fed."""

    def enter(self) -> bool:
        """Take one of the places of those who wait; return False if there is none."""

    def leave(self) -> None:
        """Give the place back."""

    def feed(self, body: bytes, headers: Mapping[str, str] | None = None) -> Reply:
        """Feed a body."""

    def counted(self, reply: Reply) -> Reply:
        """Count a reply that is about to be sent, and return it."""


def in_json(status: int, document: JsonObject, **headers: str) -> Reply:
    """Return a reply with a JSON body; ``headers`` are written with underscores."""
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, {"content-type": "application/json", **more}, json.dumps(document).encode())


def try_again(reason: str, after_s: int) -> Reply:
    """Return the reply that nothing was kept, and that the vendor may send it again after so many seconds."""
    return in_json(503, {"error": reason}, retry_after=str(after_s))


READY = Reply(200, {"content-type": "text/plain; charset=utf-8"}, b"ready")
METHOD_NOT_ALLOWED = in_json(405, {"error": "webhooks are sent by POST"}, allow="GET, HEAD, POST")
BAD_LENGTH = in_json(400, {"error": "the content-length is not the number of bytes"})
TOO_SLOW = in_json(408, {"error": "the body took too long"})
FULL = try_again("too many requests are waiting", 1)
FAILED = in_json(500, {"error": "the receiver failed; its log says how"}, retry_after="10")


def declared_length(headers: Mapping[str, str]) -> int | None:
    """Return the length of the body as the request declares it, -1 if that is no length; None if it declares none."""
    text = headers.get("content-length")
    if text is None:
        return None
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else -1


def is_ours(at: str) -> Callable[[str], bool]:
    """Return whether a path is that of the receiver: ``at``, with or without a slash at its end."""
    bare = "/" + at.strip("/")
    return frozenset((bare, bare.rstrip("/") + "/")).__contains__

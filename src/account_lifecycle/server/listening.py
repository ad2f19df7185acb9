"""A receiver to look through: each webhook is judged, shown with what it means, and handed on to your application.

It is the receiver over a store that ends with it, so that a series is judged as a series: the second of two equal
webhooks is a repeat here, too. One webhook at a time goes through it, in the order in which they come: what is shown
can be read from top to bottom.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from threading import Lock
from typing import NamedTuple

from typing_extensions import override

from ..engine.core import Engine
from ..lifecycle.decide import Decision
from ..lifecycle.policy import DEFAULT_POLICY, Policy
from ..lifecycle.wording import JsonObject, time_text
from ..webhooks.posting import Posted, Poster
from .credentials import Credential
from .receiver import Receiver
from .replies import Reply, in_json

_OF_THE_CONNECTION = (
    "host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade", "expect",
    "accept-encoding", "proxy-connection", "proxy-authorization",
)  # fmt: skip
"""Headers that say something about one connection only, and are not handed on."""


class Arrival(NamedTuple):
    """One webhook that came in, and what became of it."""

    at: datetime
    status: int
    """What it was answered with."""
    decisions: tuple[Decision, ...] = ()
    """What was decided, deadlines that had passed included; none if it was refused or could not be read."""
    remark: str = ""
    """Why it was refused, or what of it could not be read."""
    forwarded: Posted | None = None
    """What your application answered, if it was handed on."""

    def to_dict(self) -> JsonObject:
        """Return the arrival as a JSON object."""
        sent = self.forwarded
        return {
            "received_at": time_text(self.at),
            "status": self.status,
            "decisions": [decision.to_dict() for decision in self.decisions],
            "remark": self.remark or None,
            "forwarded": None if sent is None else {
                "status": sent.status or None, "failure": sent.failure or None, "took_s": round(sent.took_s, 3),
            },
        }  # fmt: skip


class Listener(Receiver):
    """A receiver that shows what arrives; make it with ``Listener.open``."""

    def __init__(
        self,
        engine: Engine,
        credentials: Sequence[Credential],
        arrived: Callable[[Arrival], object],
        decided: list[Decision],
        forward_to: Poster | None,
    ) -> None:
        super().__init__(engine, credentials, threads=1)
        self._arrived = arrived
        self._decided = decided
        self._forward_to = forward_to
        shown = [credential.present(b"", self._clock()).parameters for credential in credentials]
        self._parameters = {name: value for parameters in shown for name, value in parameters.items()}
        self._showing = Lock()  # what is refused is shown by the event loop, everything else by the feeding thread

    @classmethod
    def open(
        cls,
        credentials: Sequence[Credential],
        arrived: Callable[[Arrival], object],
        *,
        forward_to: Poster | None = None,
        policy: Policy = DEFAULT_POLICY,
    ) -> "tuple[Engine, Listener]":
        """Return an engine on a store that ends with it, and the listener over it.

        ``arrived`` is called with each webhook, one after the other. With ``forward_to`` each one that is let in is
        posted there, with its headers and the secrets of the query, which it may have shown itself, and answered as
        that answers: 502 if it does not.
        """
        decided = list[Decision]()
        engine = Engine.open("memory:", policy=policy, observers=(decided.append,))
        return engine, cls(engine, credentials, arrived, decided, forward_to)

    @override
    def check(self, method: str, headers: Mapping[str, str], query: str, body: bytes | None = None) -> Reply | None:
        """Check as a receiver does, and show what is refused."""
        reply = super().check(method, headers, query, body)
        if reply is not None and reply.status >= 400:
            self._show(Arrival(self._clock(), reply.status, remark=_remark(reply)))
        return reply

    @override
    def feed(self, body: bytes, headers: Mapping[str, str] | None = None) -> Reply:
        """Feed, hand on, and show."""
        at = self._clock()
        reply, sent = super().feed(body, headers), None
        decided = tuple(self._decided)
        self._decided.clear()
        remark = _remark(reply)
        if self._forward_to is not None:
            sent = self._forward_to.post(_handed_on(headers or {}), body, self._parameters)
            reply = in_json(sent.status or 502, {"forwarded": sent.status or sent.failure})
        self._show(Arrival(at, reply.status, decided, remark, sent))
        return reply

    def _show(self, arrival: Arrival) -> None:
        with self._showing:
            self._arrived(arrival)


def _remark(reply: Reply) -> str:
    """Return why a webhook was refused or put into the quarantine, as its answer says it; blank if it was neither."""
    said = reply.document()
    return str(said.get("error") or said.get("reason") or "")


def _handed_on(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in _OF_THE_CONNECTION}

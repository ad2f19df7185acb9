"""The vendor's lawful life cycle as a Petri net, drawn by hand and apart from the package.

Knows the words on the wire, where an account can be after each of them, and which account types never tell
of a finished sync. It must never import the package: it is what the package is held against. What an
unlawful announcement does is not in it, because a net only knows what may happen.

An account is one token. What the rules keep as two facts beside the status (is it known to exist, is its
connection lost) is unfolded into places, and only CONNECTING needs more than one. From every place a silent
transition leads to the end, because a log may stop in the middle of any life.
"""

from collections.abc import Iterator
from typing import NamedTuple

START, END = "before the first word", "end"

LOSSES = {"CREDENTIALS": "signed out", "PERMISSIONS": "short of scopes", "ERROR": "broken", "STOPPED": "halted"}
"""Words that tell of a lost connection, and the place where each leaves the account."""
WORDS = ("CONNECTING", "CREATION_SUCCESS", "CREATION_FAIL", "SYNC_SUCCESS", "OK", *LOSSES, "RECONNECTED", "DELETED")

SILENT_TYPES = frozenset(
    ("MESSENGER", "X", "TWITTER", "GOOGLE", "GOOGLE_OAUTH", "GOOGLE_CALENDAR", "MICROSOFT", "OUTLOOK", "EXCHANGE")
)
"""Account types of which a finished sync is never announced; of any other, known or not, it may be."""

_Exits = dict[str, str]
_ANY_DAY: _Exits = {**LOSSES, "DELETED": "gone"}
"""What can happen to an account at any time, once it has begun to connect and until it is gone."""

_BIRTH: dict[str, _Exits] = {
    START: {"CONNECTING": "first connecting", "CREATION_SUCCESS": "created", "CREATION_FAIL": "refused"},
    "first connecting": {
        "CONNECTING": "first connecting", "CREATION_SUCCESS": "created", "CREATION_FAIL": "refused", **_ANY_DAY,
    },
    "refused": {
        "CONNECTING": "first connecting", "CREATION_SUCCESS": "created", "CREATION_FAIL": "refused", "DELETED": "gone",
    },
    "created": {
        "CREATION_SUCCESS": "created", "CONNECTING": "connecting",
        "SYNC_SUCCESS": "synced", "OK": "working", **_ANY_DAY,
    },
}  # fmt: skip
_WORK: dict[str, _Exits] = {
    "synced": {"SYNC_SUCCESS": "synced", "OK": "working", "CONNECTING": "connecting", **_ANY_DAY},
    "working": {"OK": "working", "SYNC_SUCCESS": "working", "CONNECTING": "connecting", **_ANY_DAY},
    "connecting": {"CONNECTING": "connecting", "SYNC_SUCCESS": "synced", "OK": "working", **_ANY_DAY},
}
_LOSS: dict[str, _Exits] = {
    place: {"OK": "working", "RECONNECTED": "signed in again", "CONNECTING": "connecting after a loss", **_ANY_DAY}
    for place in LOSSES.values()
}
_RETURN: dict[str, _Exits] = {
    "connecting after a loss": {
        "CONNECTING": "connecting after a loss", "RECONNECTED": "signed in again",
        "SYNC_SUCCESS": "synced", "OK": "working", **_ANY_DAY,
    },
    "signed in again": {
        "RECONNECTED": "signed in again", "CONNECTING": "connecting",
        "SYNC_SUCCESS": "synced", "OK": "working", **_ANY_DAY,
    },
}  # fmt: skip
_LIFE = {**_BIRTH, **_WORK, **_LOSS, **_RETURN, "gone": {"DELETED": "gone"}}


class Arc(NamedTuple):
    """A lawful announcement: a transition of the net, with the place before it and the place after it."""

    source: str
    word: str
    target: str


class Net(NamedTuple):
    """A life cycle as places and the labelled transitions between them."""

    arcs: tuple[Arc, ...]

    @property
    def places(self) -> tuple[str, ...]:
        """Every place that a token can be in, but for the end."""
        return tuple(dict.fromkeys((START, *(arc.source for arc in self.arcs), *(arc.target for arc in self.arcs))))

    def without(self, lost: Arc) -> "Net":
        """The same net, and one transition less."""
        return Net(tuple(arc for arc in self.arcs if arc != lost))

    def with_another(self, arc: Arc) -> "Net":
        """The same net, and one transition more."""
        return Net((*self.arcs, arc))

    def way_to(self, place: str) -> tuple[str, ...]:
        """A shortest series of words after which the token is in a place."""
        ways: dict[str, tuple[str, ...]] = {START: ()}
        for here in (queue := [START]):
            for arc in self.arcs:
                if arc.source == here and arc.target not in ways:
                    ways[arc.target] = (*ways[here], arc.word)
                    queue.append(arc.target)
        return ways[place]


def net_for(account_type: str | None) -> Net:
    """The net of an account's provider; None for one that was never told."""
    return QUIET if (account_type or "").strip().upper() in SILENT_TYPES else TALKATIVE


def _arcs() -> Iterator[Arc]:
    for source, exits in _LIFE.items():
        for word, target in exits.items():
            yield Arc(source, word, target)


TALKATIVE = Net(tuple(_arcs()))
"""Of providers that announce a finished sync."""
QUIET = Net(tuple(arc for arc in TALKATIVE.arcs if arc.word != "SYNC_SUCCESS" and arc.source != "synced"))
"""Of those that never do: without the word, nothing leads to the place where it leaves an account."""

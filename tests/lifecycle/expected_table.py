"""The rules as a grid, written down a second time and apart from the package: plain words, no import of it.

``>`` the announced status becomes the state, ``=`` expected and the state is kept, ``!`` the state is kept
against the announcement. Two letters after the mark name the anomaly. Of a situation's facts, ``e`` means
that the account is known to exist, ``l`` that its connection is lost, ``u`` that its user must sign in.
What stands in ``BRACKETS`` replaces the cell that carries its letters while the guard of time holds.
"""

from itertools import product
from typing import NamedTuple

Spot = tuple[str, bool, bool, bool]
"""A situation in plain words: status, exists, lost, needs user."""

KINDS = {
    "ad": "ADOPTED",
    "sk": "SKIPPED_STEP",
    "le": "LATE_EVENT",
    "re": "RECREATED",
    "rf": "RECONNECT_FAILED",
    "ur": "UNEXPECTED_RECONNECT",
    "sy": "SYNC_WHILE_LOST",
    "cc": "CONTRADICTED_CREATION",
    "af": "AFTER_DELETION",
    "us": "UNSUPPORTED_STATUS",
    "": None,
}

WORDS = (
    "CONNECTING",
    "CREATION_SUCCESS",
    "CREATION_FAIL",
    "SYNC_SUCCESS",
    "OK",
    "CREDENTIALS",
    "PERMISSIONS",
    "ERROR",
    "STOPPED",
    "RECONNECTED",
    "DELETED",
)

# A star: a guard of time changes the cell (BRACKETS).
GRID = """
                      conn  creat  fail   sync  ok    cred  perm  error stop  recon delet
UNSEEN           ---  >     >      >      >ad   >ad   >ad   >ad   >ad   >ad   >ad   >ad
CONNECTING       ---  =     >      >      >ad   >ad   >     >     >     >     >ad   >
CONNECTING       e--  =     !re*   !cc*   >     >     >     >     >     >     >ur*  >
CONNECTING       el-  =     !re*   !rf*   >     >     >     >     >     >     >     >
CONNECTING       elu  =     !re*   !rf*   >     >     >     >     >     >     >     >
CREATION_SUCCESS e--  >     =      !cc*   >     >     >     >     >     >     >ur   >
CREATION_FAIL    ---  >     >      =      >sk   >sk   >sk   >sk   >sk   >sk   >sk   >
SYNC_SUCCESS     e--  >     !re*   !cc*   =     >     >     >     >     >     >ur*  >
OK               e--  >     !re*   !cc*   =     =     >     >     >     >     !ur*  >
CREDENTIALS      elu  >     !re*   !rf*   !sy   >     =     >     >     >     >     >
PERMISSIONS      elu  >     !re*   !rf*   !sy   >     >     =     >     >     >     >
ERROR            el-  >     !re*   !rf*   !sy   >     >     >     =     >     >     >
ERROR            elu  >     !re*   !rf*   !sy   >     >     >     =     >     >     >
STOPPED          el-  >     !re*   !rf*   !sy   >     >     >     >     =     >     >
STOPPED          elu  >     !re*   !rf*   !sy   >     >     >     >     =     >     >
RECONNECTED      e--  >     !re*   !cc*   >     >     >     >     >     >     =     >
DELETED          e--  !le*  !le*   !le*   !le*  !le*  !le*  !le*  !le*  !le*  !le*  =
"""

BRACKETS = {
    "re": ({"recent", "young"}, "!le"),
    "cc": ({"recent"}, "!le"),
    "rf": ({"recent"}, "!le"),
    "ur": ({"recent"}, "!le"),
    "le": ({"settled"}, "!af"),
}
TIMES = ("recent", "young", "settled")
CIRCUMSTANCES = ("announces_sync", "ok_subscribed", *TIMES)
USUAL = frozenset({"announces_sync", "ok_subscribed"})


class Cell(NamedTuple):
    """What one announcement does in one situation."""

    mark: str
    kind: str | None

    @property
    def accepted(self) -> bool:
        return self.mark != "!"

    @property
    def expected(self) -> bool:
        return self.kind is None


def _read(grid: str) -> dict[Spot, dict[str, str]]:
    table = {}
    for line in grid.strip().splitlines()[1:]:
        status, facts, *marks = line.split()
        table[status, "e" in facts, "l" in facts, "u" in facts] = dict(zip(WORDS, marks, strict=True))
    return table


TABLE = _read(GRID)
START: Spot = ("UNSEEN", False, False, False)
LOSSES = ("CREDENTIALS", "PERMISSIONS", "ERROR", "STOPPED")


def cell(spot: Spot, word: str, circumstances: frozenset[str] = USUAL) -> Cell:
    """The grid's answer, as it is under the circumstances.

    A sync from a provider that never announces one is held, except after deletion; where OK is not subscribed, a
    sync heals a loss.
    """
    text = TABLE[spot][word]
    if word == "SYNC_SUCCESS" and spot[0] != "DELETED":
        if "announces_sync" not in circumstances:
            text = "!us"
        elif spot[0] in LOSSES and "ok_subscribed" not in circumstances:
            text = ">"
    if text.endswith("*"):
        text = text[:-1]
        guards, instead = BRACKETS[text[1:]]
        if guards & circumstances:
            text = instead
    return Cell(text[0], KINDS[text[1:]])


def after(spot: Spot, word: str, circumstances: frozenset[str] = USUAL) -> Spot:
    """Where the announcement leaves the account."""
    mark = cell(spot, word, circumstances).mark
    if mark == "!":
        return spot
    return (word if mark == ">" else spot[0], *_facts(spot[1:], word))


def _facts(facts: tuple[bool, bool, bool], word: str) -> tuple[bool, bool, bool]:
    exists, lost, needs_user = facts
    if word not in ("CONNECTING", "CREATION_FAIL"):
        exists = True
    if word in LOSSES:
        lost = True
    if word in ("CREDENTIALS", "PERMISSIONS"):
        needs_user = True
    if word in ("CREATION_SUCCESS", "SYNC_SUCCESS", "OK", "RECONNECTED", "DELETED"):
        lost = needs_user = False
    return exists, lost, needs_user


def expected(spot: Spot, circumstances: frozenset[str] = USUAL) -> set[str]:
    """The announcements that are expected in a situation."""
    return {word for word in WORDS if cell(spot, word, circumstances).expected}


def _ways() -> dict[tuple[Spot, bool], tuple[str, ...]]:
    """A life that leads to each situation, once without and once with an OK on the way; expected where possible."""
    ways: dict[tuple[Spot, bool], tuple[str, ...]] = {(START, False): ()}
    for wanted in (lambda c: c.expected, lambda c: c.accepted):
        frontier = list(ways)
        for spot, ok_heard in frontier:
            for word in WORDS:
                reached = (after(spot, word), ok_heard or word == "OK")
                if wanted(cell(spot, word)) and reached not in ways:
                    ways[reached] = (*ways[spot, ok_heard], word)
                    frontier.append(reached)
    return ways


WAYS = _ways()
CELLS = [(spot, word) for spot in TABLE for word in WORDS]
ALL_CIRCUMSTANCES = [
    frozenset(guard for guard, holds in zip(CIRCUMSTANCES, held, strict=True) if holds)
    for held in product((False, True), repeat=len(CIRCUMSTANCES))
]


def named(value: object) -> str:
    """How a situation, or a situation with its past, is called in a test's id."""
    match value:
        case (str(status), bool(exists), bool(lost), bool(needs_user)):
            return status + "+exists" * exists + "+lost" * lost + "+needs-user" * needs_user
        case ((str(), bool(), bool(), bool()) as spot, bool(ok_heard)):
            return named(spot) + "+was-ok" * ok_heard
        case _:
            return str(value)

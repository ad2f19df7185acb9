"""The rules as a grid, written down a second time and apart from the package: plain words, no import of it.

``>`` the announced status becomes the state, ``=`` expected and the state is kept, ``!`` the state is kept
against the announcement. Two letters after the mark name the anomaly. Of a situation's facts, ``e`` means
that the account is known to exist, ``l`` that its connection is lost.
"""

from typing import NamedTuple

Spot = tuple[str, bool, bool]
"""A situation in plain words: status, exists, lost."""

KINDS = {
    "ad": "ADOPTED",
    "sk": "SKIPPED_STEP",
    "le": "LATE_EVENT",
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

GRID = """
                     conn  creat fail  sync  ok    cred  perm  error stop  recon delet
UNSEEN           --  >     >     >     >ad   >ad   >ad   >ad   >ad   >ad   >ad   >ad
CONNECTING       --  =     >     >     >sk   >sk   >     >     >     >     >sk   >
CONNECTING       e-  =     !le   !cc   >     >     >     >     >     >     >ur   >
CONNECTING       el  =     !le   !cc   >     >     >     >     >     >     >     >
CREATION_SUCCESS e-  >     =     !cc   >     >     >     >     >     >     >ur   >
CREATION_FAIL    --  >     >     =     >sk   >sk   >sk   >sk   >sk   >sk   >sk   >
SYNC_SUCCESS     e-  >     !le   !cc   =     >     >     >     >     >     >ur   >
OK               e-  >     !le   !cc   =     =     >     >     >     >     !ur   >
CREDENTIALS      el  >     !le   !cc   !sy   >     =     >     >     >     >     >
PERMISSIONS      el  >     !le   !cc   !sy   >     >     =     >     >     >     >
ERROR            el  >     !le   !cc   !sy   >     >     >     =     >     >     >
STOPPED          el  >     !le   !cc   !sy   >     >     >     >     =     >     >
RECONNECTED      e-  >     !le   !cc   >     >     >     >     >     >     =     >
DELETED          e-  !af   !af   !af   !af   !af   !af   !af   !af   !af   !af   =
"""


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


def _read(grid: str) -> dict[Spot, dict[str, Cell]]:
    table = {}
    for line in grid.strip().splitlines()[1:]:
        status, facts, *marks = line.split()
        cells = [Cell(mark[0], KINDS[mark[1:]]) for mark in marks]
        table[status, "e" in facts, "l" in facts] = dict(zip(WORDS, cells, strict=True))
    return table


TABLE = _read(GRID)
UNSUPPORTED = Cell("!", "UNSUPPORTED_STATUS")
START: Spot = ("UNSEEN", False, False)


def cell(spot: Spot, word: str, *, announces_sync: bool = True) -> Cell:
    """The grid's answer; a sync from a provider that never announces one is set aside, except after deletion."""
    if word == "SYNC_SUCCESS" and not announces_sync and spot[0] != "DELETED":
        return UNSUPPORTED
    return TABLE[spot][word]


def after(spot: Spot, word: str, *, announces_sync: bool = True) -> Spot:
    """Where the announcement leaves the account."""
    status, exists, lost = spot
    mark = cell(spot, word, announces_sync=announces_sync).mark
    if mark == "!":
        return spot
    if word not in ("CONNECTING", "CREATION_FAIL"):
        exists = True
    if word in ("CREDENTIALS", "PERMISSIONS", "ERROR", "STOPPED"):
        lost = True
    elif word in ("CREATION_SUCCESS", "SYNC_SUCCESS", "OK", "RECONNECTED", "DELETED"):
        lost = False
    return (word if mark == ">" else status, exists, lost)


def expected(spot: Spot, *, announces_sync: bool = True) -> set[str]:
    """The announcements that are expected in a situation."""
    return {word for word in WORDS if cell(spot, word, announces_sync=announces_sync).expected}


def _ways() -> dict[tuple[Spot, bool], tuple[str, ...]]:
    """A expected life that leads to each situation, once without and once with an OK on the way."""
    ways: dict[tuple[Spot, bool], tuple[str, ...]] = {(START, False): ()}
    frontier = [(START, False)]
    for spot, ok_heard in frontier:
        for word in WORDS:
            reached = (after(spot, word), ok_heard or word == "OK")
            if cell(spot, word).expected and reached not in ways:
                ways[reached] = (*ways[spot, ok_heard], word)
                frontier.append(reached)
    return ways


WAYS = _ways()
CELLS = [(spot, word) for spot in TABLE for word in WORDS]


def named(value: object) -> str:
    """How a situation, or a situation with its past, is called in a test's id."""
    match value:
        case (str(status), bool(exists), bool(lost)):
            return status + "+exists" * exists + "+lost" * lost
        case ((str(), bool(), bool()) as spot, bool(ok_heard)):
            return named(spot) + "+was-ok" * ok_heard
        case _:
            return str(value)

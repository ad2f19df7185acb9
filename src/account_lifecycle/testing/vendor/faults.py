"""What can go wrong with the simulated API, on command."""

from enum import StrEnum
from threading import Lock
from typing import NamedTuple


class ApiFault(StrEnum):
    """How a request of the simulated API is answered in place of the right answer."""

    TOO_MANY = "too_many"
    """429, with ``Retry-After`` if that is set."""
    UNAVAILABLE = "unavailable"
    """503, with an HTML page, as a proxy in front of the vendor answers."""
    FORBIDDEN = "forbidden"
    """403."""
    HTML = "html"
    """200, with an HTML page."""
    CUT = "cut"
    """The right answer, of which the second half is missing."""
    SLOW = "slow"
    """The right answer, after ``after_s``."""
    LOOP = "loop"
    """The right answer, but each page of a list has the cursor of the first."""


class PlannedFault(NamedTuple):
    """A fault that is due."""

    kind: ApiFault
    retry_after_s: float = 0
    after_s: float = 0
    within: str = ""
    """Only requests whose path begins like that, after ``/api/v1``."""


class ApiFaults:
    """The faults that are due, each for so many requests, or until they are cleared."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._planned: list[tuple[PlannedFault, int | None]] = []

    def plan(self, fault: PlannedFault, times: int | None) -> None:
        """Plan a fault for the next ``times`` requests; None for all until ``clear``."""
        with self._lock:
            self._planned.append((fault, times))

    def clear(self) -> None:
        """Forget every fault that is planned."""
        with self._lock:
            self._planned = []

    def next(self, path: str) -> PlannedFault | None:
        """Return the fault of the next request, and count it."""
        with self._lock:
            for number, (fault, times) in enumerate(self._planned):
                if path.startswith(fault.within):
                    if times is not None:
                        self._planned[number : number + 1] = [(fault, times - 1)] if times > 1 else []
                    return fault
            return None

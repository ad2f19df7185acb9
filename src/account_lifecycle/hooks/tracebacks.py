"""Tracebacks in the log: one an hour for each hook and kind of error. Every failure is a line besides.

A hook that fails for a whole fleet, fails thousands of times in the same way. The first traceback says all that there
is to know, and the others would bury the log.
"""

from collections import OrderedDict
from datetime import datetime, timedelta
from threading import Lock

from ..records import TimeSource

EVERY = timedelta(hours=1)
"""How long after a traceback the next one of the same kind is logged."""
MAX_KINDS = 256
"""How many kinds are remembered; of more, those whose tracebacks are the oldest are forgotten."""


class Tracebacks:
    """Remembers which tracebacks were logged when. Safe to share between threads."""

    def __init__(self, clock: TimeSource) -> None:
        self._clock = clock
        self._logged: OrderedDict[tuple[str, type[BaseException]], datetime] = OrderedDict()
        self._lock = Lock()

    def due(self, source: str, error: BaseException | None) -> BaseException | None:
        """Return the error of ``source`` if its traceback is to be logged now, for ``exc_info``; else None."""
        if error is None:
            return None
        kind, now = (source, type(error)), self._clock()
        with self._lock:
            last = self._logged.get(kind)
            if last is not None and abs(now - last) < EVERY:  # also of a clock that was set back
                return None
            self._logged[kind] = now
            self._logged.move_to_end(kind)
            if len(self._logged) > MAX_KINDS:
                self._logged.popitem(last=False)
        return error

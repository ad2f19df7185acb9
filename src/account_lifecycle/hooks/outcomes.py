"""What a hook may answer: done, again later, dead, or disable this hook.

A hook that returns anything else is done, and one that raises is tried again after the backoff. What becomes of the
delivery then, ``delivery`` decides.
"""

from datetime import datetime
from typing import NamedTuple


class Done(NamedTuple):
    """It is done; the delivery is over."""


class RetryAt(NamedTuple):
    """It is not done yet; the delivery waits."""

    at: datetime | None = None
    """When to try again: aware. None leaves it to the backoff."""
    reason: str = ""
    """Why, for a person."""
    counts: bool = True
    """False gives the attempt back, because nothing was tried: a pause."""


class Dead(NamedTuple):
    """It will never be done; the delivery is dead-lettered without further attempts."""

    reason: str
    """Why, for a person."""


class Disable(NamedTuple):
    """The hook is not to be called any more: its deliveries wait until somebody enables it.

    The attempt is given back.
    """

    reason: str
    """Why, for a person."""


HookAnswer = Done | RetryAt | Dead | Disable
"""What a hook may return to say more than that it is done."""

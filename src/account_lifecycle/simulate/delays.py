"""How long things take in the world: the vendor's retries, outages, users who come back, clocks that are wrong.

These are estimates of the world, drawn with random numbers that are handed in. Nothing here, and nothing in this
package that draws a length of time, knows what a policy allows: otherwise a score would only show that the rules agree
with themselves.
"""

import math
from random import Random
from typing import NamedTuple

MINUTE, HOUR, DAY = 60, 3_600, 86_400


class Wait(NamedTuple):
    """A log-normal length of time, within limits."""

    median_s: float
    longest_s: float
    spread: float = 1.0
    """The standard deviation of its logarithm."""
    least_s: float = 0.001

    def draw_us(self, random: Random) -> int:
        """Return one such length, in microseconds."""
        drawn_s = random.lognormvariate(math.log(self.median_s), self.spread)
        return int(1e6 * max(self.least_s, min(self.longest_s, drawn_s)))


RETRIES = (
    Wait(80, 4 * MINUTE, 0.3, least_s=60),
    Wait(5 * MINUTE, 15 * MINUTE, 0.3),
    Wait(20 * MINUTE, HOUR, 0.3),
    Wait(HOUR, 2 * HOUR, 0.3),
    Wait(3 * HOUR, 4.6 * HOUR, 0.3),
)
"""The vendor's five retries, each counted from the one before: from a minute to eight hours after the first attempt."""


def retry_us(random: Random) -> int:
    """Return how long after the first attempt one of the vendor's five retries arrives, in microseconds."""
    tried = random.randint(1, len(RETRIES))
    return sum(wait.draw_us(random) for wait in RETRIES[:tried])


QUICK_US = int(RETRIES[0].longest_s + RETRIES[1].longest_s / 2) * 1_000_000
"""A repeat that comes sooner could be any delivery's next retry, whatever it says."""

QUICKLY = Wait(90, 540, 0.7, least_s=30)  # the first retry of a delivery that was answered too late
STRAYS_IN = Wait(2 * MINUTE, DAY, 1.5)
REUSED_IN = Wait(60 * DAY, 400 * DAY, 1.0, least_s=3 * DAY)  # an id, or an account that came back to life
ADOPTED_AFTER = Wait(40 * DAY, 400 * DAY, 1.0, least_s=DAY)
FLAP_LASTS = Wait(4 * MINUTE, 3 * HOUR, 1.2, least_s=5)
FLAPS_AGAIN = Wait(25 * MINUTE, 10 * HOUR, 1.4, least_s=5)
CLOCK_OFF = Wait(2 * MINUTE, HOUR, 1.0, least_s=1)

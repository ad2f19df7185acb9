"""The compiled machine and the policy as arrays of numbers, for the kernel.

Knows how a step is packed into one number. It must never hold a rule: every number is read from ``compiled`` and
from the providers' profiles.
"""

from datetime import datetime, timedelta
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..lifecycle import definition
from ..lifecycle.anomalies import AnomalyKind
from ..lifecycle.compiled import Step, compiled
from ..lifecycle.machine import INITIAL
from ..lifecycle.policy import Policy
from ..lifecycle.providers import PROFILES, profile_of
from ..lifecycle.status import Status, Verdict
from ..lifecycle.windows import WindowChange
from .coding import Int32s, Int64s
from .vocabulary import Words

SITUATIONS = compiled().situations
KINDS = tuple(AnomalyKind)
VERDICTS = tuple(Verdict)
STATUSES = tuple(Status)
ANNOUNCEMENTS = definition.ANNOUNCEMENTS
KNOWN_WORDS, KNOWN_PROVIDERS = len(ANNOUNCEMENTS), len(PROFILES)
WORD_OF = {status: word for word, status in enumerate(ANNOUNCEMENTS)}
START = SITUATIONS.index(INITIAL)

AFTER, HELD, MOVED, PROVES_LIFE, FINISHES_SYNC, RESTARTS_SYNC, IS_CAUSE = (
    0xF,
    1 << 4,
    1 << 5,
    1 << 6,
    1 << 7,
    1 << 8,
    1 << 9,
)
WINDOW_SHIFT, WINDOW_MASK = 10, 7
ADDS_CAUSE = 1 << 13
"""Whether its announcement counts against an account whose window is open already."""
KIND_SHIFT = 14
"""What is above is 0, or the kind of its deviation + 1."""
NO_CHANGE, OPENS, _, RECOVERS, ENDS = (list(WindowChange).index(change) for change in WindowChange)

NEVER = np.iinfo(np.int64).max
MICROSECOND = timedelta(microseconds=1)
_LONGEST = datetime.max - datetime.min


class Rules(NamedTuple):
    """Everything that an event is judged by."""

    steps: NDArray[np.uint32]
    """By whether the provider announces syncs, situation and word: the step, packed."""
    announces_sync: NDArray[np.uint8]
    """By the provider's row."""
    has_products: NDArray[np.uint8]
    """By the provider's row."""
    allowed: Int64s
    """By the provider's row and situation: how long it may last, in microseconds; ``NEVER`` for no deadline."""
    words: Int32s
    """By situation, its status as a word; negative for the initial one."""
    redelivery_window: Int64s
    """One number, in microseconds."""


def rules_for(policy: Policy, providers: Words, *, watches_deadlines: bool) -> Rules:
    """The rules for the providers that are known by now."""
    rows: list[str | None] = [None, *(providers[number] for number in range(len(providers)))]
    profiles = [profile_of(provider) for provider in rows]
    allowed = np.full((len(rows), len(SITUATIONS)), NEVER, np.int64)
    if watches_deadlines:
        for row, provider in enumerate(rows):
            allowed[row] = _allowed(policy, provider)
    return Rules(
        packed_steps(),
        np.array([profile.announces_sync for profile in profiles], np.uint8),
        np.array([profile.has_products for profile in profiles], np.uint8),
        allowed,
        np.array([WORD_OF.get(situation.status, -1) for situation in SITUATIONS], np.int32),
        np.array([_length(policy.redelivery_window)], np.int64),
    )


def _allowed(policy: Policy, provider: str | None) -> list[int]:
    deadlines = policy.deadlines_of(provider)
    return [_length(deadlines[s.status]) if s.status in deadlines else int(NEVER) for s in SITUATIONS]


def _length(length: timedelta) -> int:
    """In microseconds; ``NEVER`` for what is longer than any two times are apart, and may be too long for a sum."""
    return int(NEVER) if length > _LONGEST else length // MICROSECOND


@cache
def packed_steps() -> NDArray[np.uint32]:
    """Every answer of the machine, packed. What was heard before matters to effects only: a replay has none."""
    table = compiled().steps
    return np.array(
        [
            [[_packed(table[sync][False][situation][word]) for word in ANNOUNCEMENTS] for situation in SITUATIONS]
            for sync in (False, True)
        ],
        np.uint32,
    )


def _packed(step: Step) -> int:
    flags = (
        (HELD, step.verdict is Verdict.HELD),
        (MOVED, step.moved),
        (PROVES_LIFE, step.proves_life),
        (FINISHES_SYNC, step.finishes_sync),
        (RESTARTS_SYNC, step.restarts_sync),
        (IS_CAUSE, bool(step.causes)),
        (ADDS_CAUSE, step.announced in definition.LOSES),
    )
    kind = 0 if step.deviation is None else KINDS.index(step.deviation) + 1
    window = list(WindowChange).index(step.window)
    packed = SITUATIONS.index(step.after) | window << WINDOW_SHIFT | kind << KIND_SHIFT
    return packed | sum(flag for flag, is_set in flags if is_set)

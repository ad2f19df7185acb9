"""What an event was judged by, as a short name that is kept with it.

Knows what a decision depends on: the compiled machine, what providers announce, the order of judging, and the
policy. Two engines whose rules have the same name decide alike; it must never know where the name is kept.
"""

from datetime import timedelta
from functools import cache
from hashlib import sha256

from .compiled import compiled
from .decide import ORDER_OF_JUDGING, Policy
from .providers import PROFILES

_MICROSECOND = timedelta(microseconds=1)


def rules_of(policy: Policy) -> str:
    """The name of the rules in force: the machine's version and the redelivery window in microseconds.

    Deadlines are no part of it: a deadline that passed carries its own length.
    """
    return f"{machine_version()}/{policy.redelivery_window // _MICROSECOND}"


def redelivery_window_of(rules: str) -> timedelta | None:
    """The redelivery window of rules whose machine is the one of today; None for any other."""
    version, _, window = rules.partition("/")
    return int(window) * _MICROSECOND if version == machine_version() and window.isdecimal() else None


@cache
def machine_version() -> str:
    """Twelve hexadecimal digits that change whenever the machine would answer anything differently."""
    answers = [
        (
            sync, ok_heard, step.announced.value, *map(str, step.before), *map(str, step.after), step.verdict.value,
            str(step.deviation), [(kind.value, str(subject)) for kind, subject, _ in step.effects], step.window.name,
            step.proves_life, step.finishes_sync, step.restarts_sync, [cause.value for cause in step.causes],
        )
        for sync in (False, True)
        for ok_heard in (False, True)
        for by_word in compiled().steps[sync][ok_heard].values()
        for step in by_word.values()
    ]  # fmt: skip
    profiles = [(str(provider), p.announces_sync, p.has_products) for provider, p in PROFILES.items()]
    return sha256(repr((ORDER_OF_JUDGING, answers, profiles)).encode()).hexdigest()[:12]

"""What an event was judged by, as a short name that is kept with it."""

from functools import cache, lru_cache
from hashlib import sha256

from .compiled import Choice, Step, compiled, health_of
from .policy import Policy, policy_from
from .providers import PROFILES

ORDER_OF_JUDGING = 3
"""Raised whenever ``decide`` or ``apply`` decide anything differently with the same machine: events that were judged
by an earlier one are told apart by it."""


def rules_of(policy: Policy) -> str:
    """Return the name of the rules in force: the machine's version, and what of the policy judging depends on."""
    return f"{machine_version()}/{policy.text}"


@lru_cache(maxsize=64)
def policy_of(rules: str) -> Policy | None:
    """Return the policy of rules whose machine is the one of today; None for any other."""
    version, _, text = rules.partition("/")
    if version != machine_version():
        return None
    try:
        return policy_from(text)
    except (ValueError, TypeError):
        return None


@cache
def machine_version() -> str:
    """Return twelve hexadecimal digits that change whenever the machine would answer anything differently."""
    table = compiled()
    answers = [
        (str(situation), word, *_told(cell))
        for by_sync in table.cells
        for by_subscription in by_sync
        for situation, cells in by_subscription.items()
        for word, cell in cells.items()
    ]
    healths = [
        str(health_of(situation, stuck=stuck, ever_live=live, presumed=presumed))
        for situation in table.situations
        for stuck in (False, True)
        for live in (False, True)
        for presumed in (False, True)
    ]
    profiles = [(str(p), row.announces_sync, row.has_products, row.session_length) for p, row in PROFILES.items()]
    return sha256(repr((ORDER_OF_JUDGING, answers, healths, profiles)).encode()).hexdigest()[:12]


def _told(cell: Step | Choice) -> list[object]:
    """Return everything that a cell answers, as text."""
    if isinstance(cell, Choice):
        return [[guard.value for guard in cell.guards], [(held, _told(step)) for held, step in cell.steps.items()]]
    facts = (cell.is_loss, cell.proves_life, cell.finishes_sync, cell.signs_in, cell.gives_birth)
    return [str(cell.before), str(cell.after), cell.verdict.value, str(cell.deviation), *facts]

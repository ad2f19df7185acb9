"""What the compiled table allows: moves between statuses, their guards, the part that each status plays, and folds.

Every picture is made of what is read here, and no status is named: the table is asked what may follow what, the
parts (birth, life, loss, return, end) are worked out from the answers, and moves that say the same are folded into
one bundle. A bundle lists every move that it stands for, and is made only where the table has each of them.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from itertools import combinations
from typing import NamedTuple

from ..lifecycle.anomalies import AnomalyKind
from ..lifecycle.compiled import Step, compiled, health_of
from ..lifecycle.definition import ANNOUNCEMENTS, INITIAL, LOSSES, PROVES_LIFE, TERMINAL, Guard
from ..lifecycle.machine import CIRCUMSTANCES, FACTS, INITIAL_SITUATION, USUAL, Situation
from ..lifecycle.status import Health, Status


class GuardWords(NamedTuple):
    """How a picture words a guard."""

    holds: str
    """On an arrow that needs it to hold ..."""
    fails: str
    """... and on one that needs it not to hold."""
    meaning: str = ""
    """What it means, for a note below the picture; blank where the words say it all."""


GUARD_WORDS: Mapping[Guard, GuardWords] = {
    Guard.EXISTS: GuardWords(
        "known account", "new account", "something has proved that the vendor holds it (new account: nothing yet)"
    ),
    Guard.LOST: GuardWords("lost", "not lost", "the connection was announced as lost, and not yet as restored"),
    Guard.NEEDS_USER: GuardWords(
        "needs its user",
        "needs no user",
        "bad credentials or lost permissions were announced, and nobody has signed in since",
    ),
    Guard.ANNOUNCES_SYNC: GuardWords("if its provider announces syncs", "if its provider announces no syncs"),
    Guard.OK_SUBSCRIBED: GuardWords("if OK is subscribed", "if OK is not subscribed"),
    Guard.RECENT: GuardWords(
        "heard recently", "not heard recently", "the same announcement was accepted within the retry horizon (20 h)"
    ),
    Guard.YOUNG: GuardWords("young account", "older account", "first heard of within the retry horizon"),
    Guard.SETTLED: GuardWords("deleted long ago", "deleted lately", "longer ago than the retry horizon"),
}
"""One row for each guard of the definition; nothing else words one, and which arrow needs which is worked out."""

Pair = tuple[Status, Status]
"""A move: the status before and the status after."""
Unit = tuple[Status, ...]
"""One status, or the whole group of lost ones."""

_PLACE_OF = {status: place for place, status in enumerate(Status)}


class Move(NamedTuple):
    """A status that another may follow, as expected or with an anomaly of ``kind``."""

    before: Status
    after: Status
    guard: str = ""
    """On what it depends, in words; blank for nothing."""
    kind: AnomalyKind | None = None


class Hold(NamedTuple):
    """Announcements that are recorded as an anomaly in some states, and move nothing."""

    kind: AnomalyKind
    announced: tuple[Status, ...]
    states: tuple[Status, ...]
    guard: str = ""
    """On which circumstances of the announcement it depends, in words; blank for none."""
    exceptions: tuple[tuple[Status, str], ...] = ()
    """The states in which it depends on facts of the account as well, each with these in words."""


# ---- Moves, holds and stays -----------------------------------------------------------------------


def expected_moves(announces_sync: bool | None = None) -> tuple[Move, ...]:
    """Return every expected move; None for both kinds of provider, a guard telling them apart."""
    moves = _moves(announces_sync, expected=True)
    if announces_sync is None:
        return moves
    met = reachable(announces_sync)
    return tuple(move for move in moves if move.before in met)


def deviant_moves(announces_sync: bool = True) -> tuple[Move, ...]:
    """Return every move that the engine follows although the announcement is unexpected."""
    return _moves(announces_sync, expected=False)


def find_holds() -> tuple[Hold, ...]:
    """Return every hold: first those of the providers that announce everything, then what the others add."""
    found = _holds(True)
    known = {hold.kind for hold in found}
    added = (hold for hold in _holds(False) if hold.kind not in known)
    return (*found, *(hold._replace(guard="from a provider that never announces it") for hold in added))


def find_stays(announces_sync: bool = True) -> tuple[Pair, ...]:
    """Return each status with an expected announcement, other than its own, that leaves it as it is."""
    steps = (step for step, _ in _cases(announces_sync) if step.expected and not step.moved)
    stays = ((step.before.status, step.announced) for step in steps)
    return tuple(dict.fromkeys(pair for pair in stays if pair[0] is not pair[1]))


def reachable(announces_sync: bool = True) -> tuple[Status, ...]:
    """Return the statuses that an account can be in, if everything is expected."""
    afters = {step.after.status for step, _ in _cases(announces_sync) if step.expected}
    return tuple(status for status in Status if status in afters or status not in ANNOUNCEMENTS)


@cache
def deviant_kinds() -> frozenset[AnomalyKind]:
    """Return the kinds that make a move or a hold unexpected; all others only ride along."""
    return frozenset(step.deviation for step, _ in _cases(None) if step.deviation) | _OBSERVED


_OBSERVED = frozenset({AnomalyKind.DRIFT, AnomalyKind.VANISHED})
"""What moves an account without an announcement, because the vendor's list says otherwise."""

_Facts = frozenset[tuple[Guard, bool]]
"""Which guards hold in a row of the table, and which do not."""


def circumstances_drawn(announces_sync: bool | None) -> tuple[frozenset[Guard], ...]:
    """Return all that an announcement can bring with it, for one kind of provider or both."""
    kinds = (True, False) if announces_sync is None else (announces_sync,)
    others = [guard for guard in CIRCUMSTANCES if guard is not Guard.ANNOUNCES_SYNC]
    sets = [frozenset(chosen) for size in range(len(others) + 1) for chosen in combinations(others, size)]
    return tuple(chosen | ({Guard.ANNOUNCES_SYNC} if sync else set()) for sync in kinds for chosen in sets)


@cache
def _cases(announces_sync: bool | None) -> tuple[tuple[Step, _Facts], ...]:
    """Return every row of the table, for one kind of provider or both, with whether each guard holds in it."""
    return tuple(
        (step, frozenset((g, getattr(step.before, g) if g in FACTS else g in circumstances) for g in Guard))
        for circumstances in circumstances_drawn(announces_sync)
        for step in compiled().rows(circumstances)
    )


@cache
def _facts_of(announces_sync: bool | None) -> Mapping[Status, frozenset[_Facts]]:
    """Return everything that can be true in each status."""
    found: dict[Status, set[_Facts]] = {}
    for step, facts in _cases(announces_sync):
        found.setdefault(step.before.status, set()).add(facts)
    return {status: frozenset(facts) for status, facts in found.items()}


def _moves(announces_sync: bool | None, *, expected: bool) -> tuple[Move, ...]:
    found: dict[Move, set[_Facts]] = {}
    for step, facts in _cases(announces_sync):
        if step.moved and step.expected is expected:
            found.setdefault(Move(step.before.status, step.after.status, kind=step.deviation), set()).add(facts)
    every = _facts_of(announces_sync)
    return tuple(move._replace(guard=_guard(facts, every[move.before])) for move, facts in found.items())


def _holds(announces_sync: bool) -> tuple[Hold, ...]:
    """Return one row for each kind, its states and what it depends on there."""
    held: dict[tuple[AnomalyKind, Status], dict[Status, set[_Facts]]] = {}
    for step, facts in _cases(announces_sync):
        if step.deviation and not step.accepted:
            states = held.setdefault((step.deviation, step.announced), {})
            states.setdefault(step.before.status, set()).add(facts)
    found: dict[Hold, list[Status]] = {}
    every = _facts_of(announces_sync)
    for (kind, announced), states in held.items():
        alike: dict[str, dict[Status, str]] = {}
        for status, cases in states.items():
            circumstances, own = (_guard(_only(g, cases), _only(g, every[status])) for g in (CIRCUMSTANCES, FACTS))
            alike.setdefault(circumstances, {})[status] = own
        for guard, owns in alike.items():
            exceptions = tuple((status, own) for status, own in owns.items() if own)
            found.setdefault(Hold(kind, (), tuple(owns), guard, exceptions), []).append(announced)
    return tuple(hold._replace(announced=tuple(announced)) for hold, announced in found.items())


def _only(guards: tuple[Guard, ...], cases: Iterable[_Facts]) -> frozenset[_Facts]:
    return frozenset(frozenset((guard, value) for guard, value in facts if guard in guards) for facts in cases)


def _guard(cases: Iterable[_Facts], every: Iterable[_Facts]) -> str:
    """Word the fewest facts that tell these cases from all others; alternatives are joined by "or"."""
    left, others = set(cases), frozenset(every).difference(cases)
    literals = [(guard, value) for value in (True, False) for guard in GUARD_WORDS]
    alternatives: list[str] = []
    for size in range(len(GUARD_WORDS) + 1):
        for facts in map(frozenset, combinations(literals, size)):
            covered = {case for case in left if facts <= case}
            if covered and not any(facts <= other for other in others):
                words = [(GUARD_WORDS[guard], value) for guard, value in literals if (guard, value) in facts]
                alternatives.append(", ".join(word.holds if value else word.fails for word, value in words))
                left -= covered
        if not left:
            return " or ".join(alternatives)
    raise AssertionError(f"no guards tell {left} from {others}")


# ---- The part that each status plays ---------------------------------------------------------------


class Roles(NamedTuple):
    """Which status plays which part; every status that can be reached plays one."""

    birth: tuple[Status, ...]
    """The longest expected way to the first life, without its end."""
    life: Status
    lost: tuple[Status, ...]
    back: tuple[Status, ...]
    """On the way from a loss back to life."""
    aside: tuple[Status, ...]
    """Neither on the way to life nor back to it."""
    end: Status

    @property
    def statuses(self) -> tuple[Status, ...]:
        """All of them, in order of appearance."""
        return (*self.birth, *self.aside, self.life, *self.lost, *self.back, self.end)


@cache
def status_roles(announces_sync: bool = True) -> Roles:
    """Return the parts for one kind of provider."""
    birth = _longest_birth(INITIAL_SITUATION, (INITIAL,), announces_sync)
    taken = {*birth, PROVES_LIFE, *LOSSES, TERMINAL}
    rest = tuple(status for status in reachable(announces_sync) if status not in taken)
    back = tuple(status for status in rest if healths_drawn(status)[0] is Health.RECOVERING)
    aside = tuple(status for status in rest if status not in back)
    return Roles(birth, PROVES_LIFE, LOSSES, back, aside, TERMINAL)


def healths_drawn(status: Status) -> tuple[Health, ...]:
    """Return what a status can mean to a caller while its deadline has not passed, the first meaning first.

    What an account means of which OK is not announced (``presumed``) is left out.
    """
    situations = [s for s in compiled().situations if s.status is status]
    return tuple(dict.fromkeys(health_of(s, ever_live=live) for live in (False, True) for s in situations))


def need_user() -> tuple[Status, ...]:
    """Return the statuses that mean that the user must act, but only in an account that needs its user."""
    asked = Health.ACTION_REQUIRED
    return tuple(s for s in Status if asked in (healths := healths_drawn(s)) and healths[0] is not asked)


def _longest_birth(situation: Situation, trail: tuple[Status, ...], announces_sync: bool) -> tuple[Status, ...]:
    """Return the longest expected trail to the first life, the earliest in the definition's order, without its end."""
    best: tuple[Status, ...] = ()
    circumstances = USUAL if announces_sync else USUAL - {Guard.ANNOUNCES_SYNC}
    for announced in ANNOUNCEMENTS:
        step = compiled().step(situation, announced, circumstances)
        after = step.after.status
        if not (step.expected and step.moved) or after in trail:
            continue
        if after is PROVES_LIFE:
            best = max(best, trail, key=len)
        elif health_of(step.after) is Health.STARTING:
            best = max(best, _longest_birth(step.after, (*trail, after), announces_sync), key=len)
    return best


# ---- Folding: many moves that say the same become one bundle ---------------------------------------


class Bundle(NamedTuple):
    """Moves from every tail to every head, except from a status to itself."""

    tails: Unit
    heads: Unit
    guard: str = ""
    kind: AnomalyKind | None = None
    shared: bool = False
    """Whether the tails are most of the states there are, rather than one status or the group."""

    @property
    def covers(self) -> tuple[Pair, ...]:
        """Every single move that it stands for."""
        return tuple((t, h) for t in self.tails for h in self.heads if t is not h)


def fold(moves: Iterable[Move], roles: Roles, *, share: bool = True) -> tuple[Bundle, ...]:
    """Return the moves as few bundles: what most states share, then to and from the group, then one by one."""
    alike: dict[tuple[str, AnomalyKind | None], set[Pair]] = {}
    for move in moves:
        alike.setdefault((move.guard, move.kind), set()).add((move.before, move.after))
    units = (*((status,) for status in roles.statuses if status not in roles.lost), roles.lost)
    bundles: list[Bundle] = []
    for (guard, kind), pairs in alike.items():
        found = _shared(pairs, units) if share else []
        left = pairs.difference(*(bundle.covers for bundle in found))
        every = [Bundle(tails, heads) for tails in units for heads in units if tails is not heads]
        found += [bundle for bundle in every if left.issuperset(bundle.covers)]
        left = left.difference(*(bundle.covers for bundle in found))
        found += [Bundle((t,), (h,)) for t, h in sorted(left, key=lambda pair: [_PLACE_OF[end] for end in pair])]
        bundles += [bundle._replace(guard=guard, kind=kind) for bundle in found]
    return tuple(bundles)


def _shared(pairs: set[Pair], units: tuple[Unit, ...]) -> list[Bundle]:
    """Return what more than half of all other units lead to."""
    found = []
    for heads in units:
        tails = [unit for unit in units if unit is not heads and pairs.issuperset(Bundle(unit, heads).covers)]
        if len(tails) * 2 > len(units) - 1:
            if pairs.issuperset(Bundle(heads, heads).covers):
                tails.append(heads)
            among = sorted((status for unit in tails for status in unit), key=_PLACE_OF.__getitem__)
            found.append(Bundle(tuple(among), heads, shared=True))
    return found

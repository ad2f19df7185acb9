"""What the rules are worth: simulated fleets, judged in memory, held against what really happened.

Four questions, each with its targets. Do clean lives stay quiet, and is no more handed out to fetch again than was
truly missed? Is a fleet with the vendor's default subscription known to live? Does a late redelivery ever act in
silence? And is each kind of fault found, and its true story told first, also where the policy's horizons are half or
twice as long?
"""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from account_lifecycle.lifecycle.anomalies import AnomalyKind
from account_lifecycle.lifecycle.decide import judge
from account_lifecycle.lifecycle.definition import FINISHES_SYNC, LOSSES, PROVES_LIFE, RECONNECTED
from account_lifecycle.lifecycle.effects import EffectKind
from account_lifecycle.lifecycle.events import StatusObserved
from account_lifecycle.lifecycle.policy import DEFAULT, DEFAULT_POLICY, Policy
from account_lifecycle.lifecycle.status import Health
from account_lifecycle.simulate.experience import EffectScore, Experience
from account_lifecycle.simulate.faults import Faults
from account_lifecycle.simulate.log import Simulation, simulate
from account_lifecycle.simulate.rehearsal import Rehearsal, looks
from account_lifecycle.simulate.score import Score, Tally, score
from account_lifecycle.simulate.truth import Lived, Truth
from campaigns.report import Report, conclude

START = datetime(2026, 1, 1, tzinfo=UTC)
MOST_HANDED, MOST_STALE, LEAST_LIVE, LEAST_FIRST = 1.5, 0.02, 0.97, 0.9
RATE = 0.3
"""How often one kind of fault strikes where it is the only one."""
FEW = Faults.everything(0.01)
HEALS = (FINISHES_SYNC, RECONNECTED)
REDELIVERY_WINDOW, RETRY_HORIZON = DEFAULT_POLICY.redelivery_window, DEFAULT_POLICY.retry_horizon
HORIZONS = {
    "as set": DEFAULT_POLICY,
    "window / 2": Policy(redelivery_window=REDELIVERY_WINDOW / 2),
    "window x 2": Policy(redelivery_window=REDELIVERY_WINDOW * 2),
    "horizon / 2": Policy(retry_horizon=RETRY_HORIZON / 2),
    "horizon x 2": Policy(retry_horizon=RETRY_HORIZON * 2),
}


class Plan(NamedTuple):
    """How much is tried."""

    accounts: int = 800
    days: float = 200
    redeliveries: int = 2_400
    seed: int = 1

    def simulation(self, **settings: object) -> Simulation:
        """Return the log of a fleet of this size."""
        usual = {"accounts": self.accounts, "days": self.days, "seed": self.seed, "start": START}
        return simulate(**{**usual, **settings})  # type: ignore[arg-type]


SHORT = Plan(accounts=60, days=150, redeliveries=100)


class Part(NamedTuple):
    """What came of one question."""

    figures: dict[str, object]
    broken: tuple[str, ...] = ()
    details: tuple[str, ...] = ()


def main(arguments: Sequence[str]) -> int:
    """Run the campaign; its exit code."""
    parser = argparse.ArgumentParser(prog="campaigns rules", description=__doc__)
    for name, value in Plan()._asdict().items():
        parser.add_argument(f"--{name}", type=type(value), default=value)
    parser.add_argument("--short", action="store_true", help="a small fleet, as the test suite tries it")
    options = vars(parser.parse_args(arguments))
    plan = SHORT if options.pop("short") else Plan(**options)
    titles = {clean_lives: "Clean lives", default_subscription: "The default subscription",
              late_redeliveries: "Late redeliveries", stories: "Faults and their stories"}  # fmt: skip
    return max(conclude(Report(title, *question(plan))) for question, title in titles.items())


# ---- Clean lives ---------------------------------------------------------------------------------------


def clean_lives(plan: Plan) -> Part:
    """Return whether nothing but possible redeliveries is told of lives in which nothing goes wrong."""
    simulation = plan.simulation()
    result = scored(list(simulation), simulation.truth)
    handed = result.effects.handed / max(result.effects.blind, timedelta(hours=1))
    stale = result.stale / max(1, result.events)
    false = sum(tally.false for kind, tally in result.effects.tallies.items() if kind != EffectKind.RECOVERED)
    broken = (
        (handed > MOST_HANDED, f"{handed:.2f} times the hours truly blind were handed to recovered"),
        (result.false_alarms, f"{result.false_alarms} anomalies: {result.false_alarm_examples[:3]}"),
        (stale > MOST_STALE, f"{stale:.1%} of the events are POSSIBLY_STALE"),
        (false, f"{false} effects that nothing stands for"),
        (result.effects.covered < result.effects.blind, "some hours truly blind were not handed out"),
    )
    figures = {
        "accounts": plan.accounts,
        "events": result.events,
        "anomalies but POSSIBLY_STALE": result.false_alarms,
        "POSSIBLY_STALE": f"{result.stale:,} ({stale:.2%} of the events)",
        "handed to recovered": f"{handed:.2f} times the hours truly blind",
    }
    return Part(figures, tuple(text for is_broken, text in broken if is_broken), tuple(result.effects.rows()))


# ---- The default subscription --------------------------------------------------------------------------


def default_subscription(plan: Plan) -> Part:
    """Return whether accounts are known to live of which the vendor never announces OK."""
    simulation = plan.simulation(subscribed=DEFAULT)
    audit = Rehearsal(list(simulation), Policy(subscribed="default"))
    kinds: Counter[str] = Counter()
    recovered: dict[str, list[tuple[datetime, datetime]]] = {}
    for _, decision in audit.decisions():
        if decision is None:
            continue
        kinds.update(anomaly.kind.value for anomaly in decision.anomalies)
        for effect in decision.effects:
            window = effect.blind_window
            if effect.kind is EffectKind.RECOVERED and window is not None and window.closed_at is not None:
                recovered.setdefault(decision.after.account_id, []).append((window.opened_at, window.closed_at))
    live = [life for life in simulation.truth.lives if _is_live(life)]
    known = [audit.accounts.get(life.account_id) for life in live]
    presumed = sum(account is not None and account.health is Health.LIVE and account.presumed for account in known)
    share = presumed / max(1, len(live))
    mute = {life.account_id for life in live if not _is_heard(life)}
    audible = [account for life, account in zip(live, known, strict=True) if life.account_id not in mute]
    heard = sum(account is not None and account.health is Health.LIVE for account in audible) / max(1, len(audible))
    now = datetime.fromisoformat(simulation.header["last_received_at"]) + timedelta(hours=1)
    looked = [judge(a, StatusObserved(a.account_id, PROVES_LIFE, now), audit.policy)[-1].after for a in known if a]
    settled = sum(account.health is Health.LIVE for account in looked) / max(1, len(live))
    reconnects = [(life.account_id, at) for life in simulation.truth.lives for at in _reconnects(life)]
    unfelt = [
        (account_id, at)
        for account_id, at in reconnects
        if not any(opened <= at <= closed for opened, closed in recovered.get(account_id, []))
    ]
    broken = (
        (heard < LEAST_LIVE, f"{heard:.1%} of the accounts that live, and whose recovery was announced, are LIVE"),
        (settled < LEAST_LIVE, f"{settled:.1%} of the accounts that live are LIVE after a look at the vendor's list"),
        (kinds[AnomalyKind.STUCK], f"{kinds[AnomalyKind.STUCK]} STUCK"),
        (unfelt, f"{len(unfelt)} reconnects without recovered: {[(i, str(at)) for i, at in unfelt[:3]]}"),
    )
    figures = {
        "truly live at the end": len(live),
        "of these presumed LIVE": f"{presumed:,} ({share:.1%})",
        "whose loss ended in OK alone": f"{len(mute)}: no word of it was ever sent, so only the vendor's list can tell",
        "of the others LIVE": f"{heard:.1%}",
        "LIVE after a look at the list": f"{settled:.1%}",
        "STUCK": kinds[AnomalyKind.STUCK],
        "reconnects": len(reconnects),
        "of these recovered": len(reconnects) - len(unfelt),
    }
    told = tuple(f"{count:,} x {kind}" for kind, count in kinds.most_common())
    return Part(figures, tuple(text for is_broken, text in broken if is_broken), told)


def _is_live(life: Lived) -> bool:
    words = [status for _, status, _ in life.timeline if status != FINISHES_SYNC]
    return bool(words) and words[-1] == PROVES_LIFE


def _is_heard(life: Lived) -> bool:
    """Return whether anything was announced by the default subscription that ended the last loss in it."""
    words = [status for _, status, _ in life.timeline if status in DEFAULT]
    losses = [n for n, status in enumerate(words) if status in LOSSES]
    return not losses or any(status in HEALS for status in words[losses[-1] :])


def _reconnects(life: Lived) -> Iterator[datetime]:
    """Yield when an account that had lived before was reconnected."""
    had_lived = False
    for at, status, _ in life.timeline:
        had_lived = had_lived or status == PROVES_LIFE
        if had_lived and status == RECONNECTED:
            yield datetime.fromisoformat(at)


# ---- Late redeliveries ---------------------------------------------------------------------------------


def late_redeliveries(plan: Plan) -> Part:
    """Return whether a redelivery after two or more other announcements ever acts without a word."""
    figures: dict[str, object] = {}
    broken: list[str] = []
    tried = Tally("late")
    results: dict[str, Counter[str]] = {name: Counter() for name in HORIZONS}
    seed = plan.seed
    while tried.injected < plan.redeliveries:
        simulation = plan.simulation(seed=seed, faults=Faults(late=0.5))
        lines, seed = list(simulation), seed + 1
        for name, policy in HORIZONS.items():
            result = scored(lines, simulation.truth, policy)
            counts = {"missed": result.total.missed, "moves": result.silent_moves, "syncs": result.silent_syncs}
            results[name].update(counts)
            tried = tried.plus(result.total) if policy is DEFAULT_POLICY else tried
    figures["late redeliveries"] = tried.injected
    figures["explained rightly first"] = f"{tried.first:,} ({tried.first / max(1, tried.rankable):.1%})"
    for name, counts in results.items():
        figures[f"{name}: silent moves, silent second syncs, missed"] = (
            f"{counts['moves']}, {counts['syncs']}, {counts['missed']}"
        )
        if counts.total() and name == "as set":
            broken.append(f"{name}: {dict(counts)}")
    return Part(figures, tuple(broken))


# ---- Faults and their stories --------------------------------------------------------------------------


def stories(plan: Plan) -> Part:
    """Return whether each kind of fault is found, and its true story told first wherever evidence can rank it."""
    broken: list[str] = []
    header = ("fault", "injected", "found", "unknowable", "missed", "false", "told", *HORIZONS, "blind h", "handed h")
    rows: list[tuple[str, ...]] = [header]
    reasons: list[str] = []
    for fault in Faults._fields:
        simulation = plan.simulation(faults=Faults(**{fault: RATE}), days=2 * plan.days)
        lines = list(simulation)
        results = {name: scored(lines, simulation.truth, policy) for name, policy in HORIZONS.items()}
        usual = results["as set"]
        broken += _broken_by(fault, usual)
        rows.append((*_counts(fault, usual), *map(_first, results.values()), *_hours(usual.effects)))
        reasons += [f"{count:,} x {name}: {reason}" for (name, reason), count in usual.reasons.items()]
    simulation = plan.simulation(faults=FEW, days=2 * plan.days)
    mixed = scored(list(simulation), simulation.truth)
    broken += _broken_by("all at once", mixed)
    rows.append((*_counts("all at once", mixed), _first(mixed), *("",) * (len(HORIZONS) - 1), *_hours(mixed.effects)))
    told = ("", "Why some cannot be known, or not ranked first:", *reasons)
    until = datetime.fromisoformat(simulation.header["last_received_at"])
    reconciled = _felt(list(plan.simulation(faults=FEW, days=2 * plan.days)), simulation.truth, until)
    felt = (
        *("", "What users feel where every kind strikes one announcement in a hundred:", *mixed.effects.rows()),
        *("", "The same, with a look at the vendor's list each day:", *reconciled.rows()),
    )
    return Part({}, tuple(broken), (*_table(rows), *told, *felt))


def _felt(lines: Sequence[str], truth: Truth, until: datetime) -> EffectScore:
    """Return what users feel who reconcile with the vendor every day."""
    experience = Experience(truth.lives)
    for _, decision in Rehearsal(lines, observed=looks(truth.lives, timedelta(days=1), until)).decisions():
        if decision is not None:
            experience.feel(decision.after.account_id, decision.event.received_at, decision.effects)
    return experience.score()


def _broken_by(fault: str, result: Score) -> Iterator[str]:
    total = result.total
    if total.missed:
        yield f"{fault}: {total.missed} missed, such as {result.missed_examples[0]}"
    if result.false_alarms:
        yield f"{fault}: {result.false_alarms} false alarms, such as {result.false_alarm_examples[0]}"
    if result.silent_moves or result.silent_syncs:
        yield f"{fault}: {result.silent_moves} silent moves, {result.silent_syncs} silent second syncs"
    if total.first < LEAST_FIRST * total.rankable:
        wrong = Counter((str(kind), *map(str, told[:1])) for _, kind, told in result.wrong_examples).most_common(2)
        yield f"{fault}: the true story is first in {total.first} of {total.rankable}; most often instead {wrong}"


def _counts(fault: str, result: Score) -> tuple[str, ...]:
    total = result.total
    numbers = (total.injected, total.found, total.unknowable, total.missed, result.false_alarms, total.told)
    return fault, *(f"{number:,}" for number in numbers)


def _first(result: Score) -> str:
    total = result.total
    return f"{total.first / total.rankable:.0%} of {total.rankable:,}" if total.rankable else "-"


def _hours(effects: EffectScore) -> tuple[str, str]:
    return tuple(f"{length / timedelta(hours=1):,.0f}" for length in effects[1:3])  # type: ignore[return-value]


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        yield "  ".join([first.ljust(widths[0]), *map(str.rjust, others, widths[1:])])


def scored(lines: Sequence[str], truth: Truth, policy: Policy = DEFAULT_POLICY) -> Score:
    """Return what an audit by a policy is worth."""
    return score(truth, Rehearsal(lines, policy))

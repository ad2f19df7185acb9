"""A second opinion: which accounts of a log deviate, by pm4py's alignments with a Petri net drawn by hand.

Simulated fleets with every fault in them, and accounts that wander without a story, are judged by ``decide`` line by
line and aligned with the net. A net sees nothing but the order of the words, so every difference must be one that a
net cannot see, and is counted by its reason. Controls change the net, which must be noticed. The lines of the logs are
read here apart from the package, except that the simulation's own record says which are unreadable. docs/oracle.md
holds the figures.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from account_lifecycle import PayloadError
from account_lifecycle.intake.logs import read_log
from account_lifecycle.intake.payloads import parse
from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.anomalies import AnomalyKind
from account_lifecycle.lifecycle.compiled import compiled
from account_lifecycle.lifecycle.deadlines import deadline_before
from account_lifecycle.lifecycle.decide import Decision, decide, judge
from account_lifecycle.lifecycle.definition import Guard
from account_lifecycle.lifecycle.events import StatusAnnounced
from account_lifecycle.lifecycle.evidence import shortest_path
from account_lifecycle.lifecycle.machine import INITIAL_SITUATION, USUAL, Situation
from account_lifecycle.lifecycle.policy import DEFAULT_POLICY
from account_lifecycle.lifecycle.status import Status, Verdict
from account_lifecycle.simulate.faults import Faults
from account_lifecycle.simulate.log import simulate

from .oracle_net import QUIET, START, STATE_EQUATION, TALKATIVE, WORDS, Aligner, Alignment, Arc, Net, net_for
from .report import Report, conclude

PAGE = Path(__file__).parents[1] / "docs" / "oracle.md"
BEGINS = datetime(2026, 5, 1, tzinfo=UTC)

SEEN_BY_A_NET = frozenset(
    ("ADOPTED", "SKIPPED_STEP", "LATE_EVENT", "UNEXPECTED_RECONNECT", "RECONNECT_FAILED", "SYNC_WHILE_LOST",
     "CONTRADICTED_CREATION", "RECREATED", "AFTER_DELETION", "UNSUPPORTED_STATUS", "UNKNOWN_STATUS")
)  # fmt: skip
"""The kinds of anomaly that are about the order of words."""
BEYOND_A_NET = {
    "STALE_REPEAT": "a matter of time: to a net, the same word again is a step like any other",
    "MISSED_OUTAGE": "a matter of time: the same, of OK",
    "MISSED_RECOVERY": "a matter of time: the same, of a loss",
    "POSSIBLY_STALE": "a matter of time: to a net, the same word after others is news",
    "OUT_OF_ORDER": "a matter of time: the log's order and its times contradict each other, so the word is left out",
    "STUCK": "a matter of time: nothing was announced at all",
    "PROVIDER_CHANGED": "an attribute of the event: the account type",
    "UNKNOWN_PROVIDER": "an attribute of the event: the account type",
    "UNEXPECTED_PRODUCT": "an attribute of the event: the product",
}
"""The other kinds, and why a net is blind to them."""
NOT_IN_A_LOG = {"SYNC_MISSING", "DRIFT", "VANISHED", "NOT_DELETED", "OWNER_CHANGED"}
"""The kinds about the vendor's list, which no log has, and about the owner, whom no simulated log changes."""
LAX = (
    Arc("first connecting", "OK", "working"),  # as if nothing had to prove that the account exists
    Arc("connecting", "RECONNECTED", "signed in again"),  # as if nothing had to be lost
    Arc("signed out", "SYNC_SUCCESS", "signed out"),  # as if what is held were expected
)
"""Transitions that a guard forbids."""
NETS = ((TALKATIVE, USUAL), (QUIET, USUAL - {Guard.ANNOUNCES_SYNC}))
"""Each net, and what the rules know of its accounts: whether their providers announce a finished sync."""


class Fleet(NamedTuple):
    """One simulated log: a seed, how many accounts for how long, and what goes wrong."""

    seed: int
    accounts: int
    days: float
    faults: Faults


_SELDOM = Faults(late_sync=0.2, unsupported_sync=0.1, needless_reconnect=0.1, after_deletion=0.5, missed_birth=0.1)
FLEETS = {
    "no fault": Fleet(seed=11, accounts=1200, days=200, faults=Faults()),
    "few faults": Fleet(seed=12, accounts=1200, days=200, faults=Faults.everything(0.003)),
    "some faults": Fleet(seed=13, accounts=1200, days=120, faults=Faults.everything(0.01)),
    "many faults": Fleet(seed=14, accounts=1200, days=60, faults=Faults.everything(0.035)),
    "rare faults, often": Fleet(seed=15, accounts=1200, days=400, faults=_SELDOM),
}
WANDERERS = "no story"
"""Accounts that go wherever the net lets them, one word in sixteen being any word: no life is like that, but every
transition is taken."""
LOGS = (*FLEETS, WANDERERS)


def main(arguments: Sequence[str]) -> int:
    """Run the campaign with options of the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="campaigns oracle", description=__doc__)
    parser.add_argument("--short", action="store_true", help=f"only the log {WANDERERS!r}, without the page's figures")
    options = parser.parse_args(arguments)
    return conclude(run((WANDERERS,) if options.short else LOGS))


def run(logs: Sequence[str]) -> Report:
    """Judge and align each log, and compare; the page's figures are checked if it is all logs."""
    title = "deviating accounts by alignment and by the rules"
    if find_spec("pm4py") is None:
        return Report(title, {}, skipped="pm4py is not installed: python3 dev.py campaign oracle installs it")
    broken = [*_net_flaws(), *_sync_flaws()]
    for log in logs:
        broken += [f"{log}: {flaw}" for flaw in _log_flaws(log)]
    broken += _second_opinion_flaws(logs)
    figures: dict[str, object] = {
        "logs": len(logs),
        "accounts": sum(len(heard_in(log)) for log in logs),
        "events": sum(len(heard.words) for log in logs for heard in heard_in(log).values()),
        "variants": len(_variants(logs)),
        "deviating by alignment": sum(len(_deviating(log)) for log in logs),
    }
    if logs == LOGS:
        page = "\n".join(_page_figures())
        broken += [*_coverage_flaws(), *_control_flaws()]
        if page not in PAGE.read_text(encoding="utf-8"):
            broken.append(f"{PAGE.name} should read:\n{page}")
    return Report(title, figures, tuple(broken))


# ---- The logs --------------------------------------------------------------------------------------


class Log(NamedTuple):
    """A log as bytes, and what is known of its making."""

    content: bytes
    unreadable: frozenset[int] = frozenset()
    """The lines whose payload was broken on purpose, from 1."""
    faults: frozenset[str] = frozenset()
    """The names of the faults that are in it."""


class Heard(NamedTuple):
    """What a log says about one account: its first account type and its words in order."""

    account_type: str | None
    words: tuple[str, ...]


@cache
def log_of(name: str) -> Log:
    """Return one of the logs, the same at every call."""
    if name == WANDERERS:
        return Log("".join(f"{line}\n" for line in _wander(1200, Random("wanderers"))).encode())
    seed, accounts, days, faults = FLEETS[name]
    simulation = simulate(accounts=accounts, seed=seed, start=BEGINS, days=days, faults=faults)
    content = "".join(f"{line}\n" for line in simulation).encode()
    broken = frozenset(fault.line for fault in simulation.faults if fault.fault == "malformed" and fault.line)
    return Log(content, broken, frozenset(fault.fault for fault in simulation.faults))


def _wander(accounts: int, random: Random) -> Iterator[str]:
    at = BEGINS
    for number in range(accounts):
        account_type = random.choice(("LINKEDIN", "MAIL", "OUTLOOK", "TWITTER"))
        exits = {(arc.source, arc.word): arc.target for arc in net_for(account_type).arcs}
        place = START
        for _ in range(random.randint(1, 16)):
            expected = [word for source, word in exits if source == place]
            word = random.choice((*WORDS, "PAUSED") if random.random() < 1 / 16 else expected)
            place = exits.get((place, word), place)
            at += timedelta(minutes=7)
            status = {"account_id": f"wanderer-{number}", "account_type": account_type, "message": word}
            yield json.dumps({"received_at": at.isoformat(), "payload": {"AccountStatus": status}})


@cache
def heard_in(name: str) -> dict[str, Heard]:
    """Return what a log says, account by account, but for what its own times put before an earlier line."""
    log, heard, newest = log_of(name), dict[str, Heard](), dict[str, datetime]()
    for number, line in enumerate(log.content.splitlines(), 1):
        if number not in log.unreadable:
            record = json.loads(line)
            payload: dict[str, Any] = record["payload"]
            status = payload.get("AccountStatus")
            account_id, word = (status or payload)["account_id"], status["message"] if status else payload["status"]
            account_type = status.get("account_type") if status else None
            at = datetime.fromisoformat(record["received_at"])
            if at < newest.setdefault(account_id, at):
                continue
            newest[account_id] = at
            before = heard.get(account_id, Heard(None, ()))
            heard[account_id] = Heard(before.account_type or account_type, (*before.words, word))
    return heard


# ---- The package's side ----------------------------------------------------------------------------


@cache
def decisions_on(content: bytes) -> dict[str, list[Decision]]:
    """Return every decision on every account of a log, in order; unreadable lines belong to no account."""
    events: dict[str, list[StatusAnnounced]] = {}
    now = BEGINS
    for payload, received_at in read_log(content.splitlines()):
        assert received_at is not None
        now = received_at
        try:
            event = parse(payload, received_at)
        except PayloadError:
            continue
        events.setdefault(event.account_id, []).append(event)
    return {account_id: list(_decide_on_all(Account(account_id), own, now)) for account_id, own in events.items()}


def _decide_on_all(account: Account, events: list[StatusAnnounced], end: datetime) -> Iterator[Decision]:
    for event in events:
        for decision in judge(account, event):
            account = decision.after
            yield decision
    while (passed := deadline_before(account, end, DEFAULT_POLICY)) is not None:
        decision = decide(account, passed)
        account = decision.after
        yield decision


def _kinds(content: bytes) -> dict[str, set[str]]:
    """Return the kinds of anomaly of each account of a log."""
    return {
        account_id: {anomaly.kind.value for decision in decisions for anomaly in decision.anomalies}
        for account_id, decisions in decisions_on(content).items()
    }


def _order_anomaly(decision: Decision) -> AnomalyKind | None:
    return next((anomaly.kind for anomaly in decision.anomalies if anomaly.kind in SEEN_BY_A_NET), None)


def _price(decisions: list[Decision]) -> int:
    """Return the cost of the rules' own reading: a word for what is held, all that was missed for what moves."""
    return sum(_price_of(decision) for decision in decisions)


def _price_of(decision: Decision) -> int:
    if decision.verdict is Verdict.REPEATED:  # of what is held, each delivery costs a word
        return (decision.event.status, decision.event.product) in [entry[:2] for entry in decision.before.held]
    if not _order_anomaly(decision):
        return 0
    return 1 if decision.verdict is Verdict.HELD else len(_missed(decision))


def _missed(decision: Decision) -> tuple[Status, ...]:
    return next(anomaly.likely_path[:-1] for anomaly in decision.anomalies if anomaly.kind in SEEN_BY_A_NET)


# ---- Both sides ------------------------------------------------------------------------------------


def walk_together(net: Net, circumstances: frozenset[Guard]) -> list[tuple[str, Situation]]:
    """Return every place of a net with each situation in which the table can be after the same expected words.

    A place can have two: whether its user must sign in again decides what an account can be used for, and nothing
    about what may follow.
    """
    met = [(START, INITIAL_SITUATION)]
    for place, situation in met:
        for arc in net.arcs:
            if arc.source == place:
                there = (arc.target, compiled().step(situation, Status(arc.word), circumstances).after)
                if there not in met:
                    met.append(there)
    return met


@cache
def _aligner(net: Net) -> Aligner:
    return Aligner(net)


@cache
def _aligned(net: Net, words: tuple[str, ...]) -> Alignment:
    """Align a variant, each only once."""
    return _aligner(net).align(words)


def _variant(log: str, account_id: str) -> tuple[Net, tuple[str, ...]]:
    account_type, words = heard_in(log)[account_id]
    return net_for(account_type), words


@cache
def _variants(logs: tuple[str, ...]) -> frozenset[tuple[Net, tuple[str, ...]]]:
    return frozenset(_variant(log, account_id) for log in logs for account_id in heard_in(log))


def _deviating(log: str) -> set[str]:
    """Return the accounts of a log that no run of their net explains."""
    return {account_id for account_id in heard_in(log) if _aligned(*_variant(log, account_id)).cost > 0}


# ---- What must hold --------------------------------------------------------------------------------


def _net_flaws() -> Iterator[str]:
    """Every expected cell of the table costs nothing and every other one word; the likely story is the cheapest."""
    never = 1_000
    for net, circumstances in NETS:
        for (place, situation), word in product(walk_together(net, circumstances), (*WORDS, "PAUSED")):
            step = compiled().step(situation, Status(word), circumstances) if word in WORDS else None
            is_expected = step is not None and step.expected
            if _aligned(net, (*net.way_to(place), word)).cost != (0 if is_expected else 1):
                yield f"{word} while {place}: the net and the table disagree"
            if step is not None and not is_expected:
                path = shortest_path(situation, Status(word), circumstances)
                missed = _aligner(net).align((word,), start=place, unfollowed_cost=never).cost
                if missed != (len(path) - 1 if path else never):
                    yield f"{word} while {place}: {missed} words were missed by alignment, the likely path is {path}"


def _sync_flaws() -> Iterator[str]:
    """A sync before the provider is announced is expected by the rules, and a deviation to that provider's net."""
    words = ("CREATION_SUCCESS", "SYNC_SUCCESS", "OK")
    log = (
        b'{"received_at": "2026-05-01T12:00:00Z", "payload": {"account_id": "a", "status": "CREATION_SUCCESS"}}\n'
        b'{"received_at": "2026-05-01T12:01:00Z",'
        b' "payload": {"AccountStatus": {"account_id": "a", "message": "SYNC_SUCCESS"}}}\n'
        b'{"received_at": "2026-05-01T12:02:00Z",'
        b' "payload": {"AccountStatus": {"account_id": "a", "message": "OK", "account_type": "MESSENGER"}}}\n'
    )
    costs = (_aligned(net_for("MESSENGER"), words).cost, _aligned(net_for(None), words).cost)
    if _kinds(log) != {"a": set()} or costs != (1, 0):
        yield f"a sync before its provider: {_kinds(log)}, costs {costs}"


def _log_flaws(log: str) -> Iterator[str]:
    """Compare both sides on one log, account by account."""
    content = log_of(log).content
    kinds, deviating = _kinds(content), _deviating(log)
    if kinds.keys() != heard_in(log).keys():
        yield "the two sides do not have the same accounts"
    for account_id, found in kinds.items():
        if (account_id in deviating) != bool(SEEN_BY_A_NET & found):
            yield f"{account_id} deviates for one side alone: {', '.join(sorted(found)) or 'by alignment'}"
        elif found and account_id not in deviating and not found <= BEYOND_A_NET.keys():
            yield f"{account_id}: what the audit alone finds is not explained: {found}"
    for account_id, decisions in decisions_on(content).items():
        net, words = _variant(log, account_id)
        announced = [each for each in decisions if isinstance(each.event, StatusAnnounced) and not _is_early(each)]
        first = next((index for index, each in enumerate(announced) if _order_anomaly(each)), None)
        if first is not None:
            costs = (_aligned(net, words[:first]).cost, _aligned(net, words[: first + 1]).cost)
            if costs != (0, 1):
                yield f"{account_id}: not both sides deviate first at event {first + 1}: costs {costs}"
        if _aligned(net, words).cost > _price(decisions):
            yield f"{account_id}: the reading by the rules is cheaper than the optimal alignment"


def _is_early(decision: Decision) -> bool:
    """Return whether an event's time is before that of an event before it."""
    return any(anomaly.kind is AnomalyKind.OUT_OF_ORDER for anomaly in decision.anomalies)


def _second_opinion_flaws(logs: Sequence[str]) -> Iterator[str]:
    """Another optimal algorithm finds the same costs on every fortieth variant."""
    second = {net: Aligner(net, STATE_EQUATION) for net, _ in NETS}
    for net, words in sorted(_variants(tuple(logs)), key=lambda variant: variant[1])[::40]:
        if second[net].align(words).cost != _aligned(net, words).cost:
            yield f"two optimal algorithms disagree on {words}"


def _coverage_flaws() -> Iterator[str]:
    """The logs hold every fault and every kind of anomaly, and take every transition of both nets."""
    faults = frozenset().union(*(log_of(log).faults for log in LOGS))
    kinds = frozenset().union(*(found for log in LOGS for found in _kinds(log_of(log).content).values()))
    if faults != set(Faults._fields):
        yield f"faults that no log has: {set(Faults._fields) - faults}"
    if not kinds == SEEN_BY_A_NET | BEYOND_A_NET.keys() == set(AnomalyKind) - NOT_IN_A_LOG:
        yield f"kinds that no log has, or that are not accounted for: {kinds ^ (set(AnomalyKind) - NOT_IN_A_LOG)}"
    for net, _ in NETS:
        if missing := set(net.arcs) - _takers(net).keys():
            yield f"transitions that no account takes: {missing}"


def _control_flaws() -> Iterator[str]:
    """A net without any one of its transitions accuses an account; one that forgets a guard misses one."""
    for net, _ in NETS:
        for arc, words in _takers(net).items():
            if not Aligner(net.without(arc)).align(words).cost:
                yield f"control: a net without {arc} accuses nobody"
    for arc in LAX:
        lax = Aligner(TALKATIVE.with_another(arc))
        deviating = (words for net, words in _variants(LOGS) if net == TALKATIVE and _aligned(net, words).cost == 1)
        if not any(lax.align(words).cost == 0 for words in deviating if arc.word in words):
            yield f"control: a net with {arc} misses nobody"


def _takers(net: Net) -> dict[Arc, tuple[str, ...]]:
    """Return for each transition the shortest variant that takes it at no cost."""
    takers: dict[Arc, tuple[str, ...]] = {}
    for own, words in sorted(_variants(LOGS), key=lambda variant: len(variant[1]), reverse=True):
        if own == net and _aligned(net, words).cost == 0:
            takers.update(dict.fromkeys(_aligned(net, words).followed, words))
    return takers


# ---- The page --------------------------------------------------------------------------------------


def _page_figures() -> Iterator[str]:
    """Yield the tables and counts of the page as they must read."""
    yield "| log | accounts | events | deviating by both | by the audit alone | by pm4py alone |"
    yield "|---|--:|--:|--:|--:|--:|"
    totals, reasons = [0] * 5, Counter[str]()
    for log in LOGS:
        kinds, deviating = _kinds(log_of(log).content), _deviating(log)
        found = {account_id for account_id, of_account in kinds.items() if of_account}
        row = (len(kinds), sum(len(heard.words) for heard in heard_in(log).values()),
               len(found & deviating), len(found - deviating), len(deviating - found))  # fmt: skip
        totals = [total + count for total, count in zip(totals, row, strict=True)]
        reasons.update(kind for account_id in found - deviating for kind in kinds[account_id])
        yield f"| {log} | " + " | ".join(f"{count:,}" for count in row) + " |"
    yield "| **all** | " + " | ".join(f"**{count:,}**" for count in totals) + " |"
    yield ""
    yield "| found by the audit alone | accounts | why a net is blind to it |"
    yield "|---|--:|---|"
    for kind, reason in BEYOND_A_NET.items():
        yield f"| `{kind}` | {reasons[kind]:,} | {reason} |"
    yield ""
    costs = [cost for variant in _variants(LOGS) if (cost := _aligned(*variant).cost)]
    yield f"- {len(_variants(LOGS)):,} variants (different series of words, by net), of which {len(costs):,} deviate"
    yield f"- the costs of the optimal alignments run from 0 to {max(costs)}"
    cheaper = sum(
        _aligned(*_variant(log, account_id)).cost < _price(decisions)
        for log in LOGS
        for account_id, decisions in decisions_on(log_of(log).content).items()
    )
    yield f"- of {cheaper:,} accounts they are below the price of the reading by the rules, and never above it"

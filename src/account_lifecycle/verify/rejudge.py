"""Judge the whole ledger by other rules, to see the effect of a change before it is shipped.

A difference is no fault: what was decided stays decided. Each account is judged from where the ledger begins, through
all of its events, so one difference can cause others; the first of each account is reported, and accounts that differ
in the same way (the same announcement in the same situation, with the same two outcomes) form one group. Memory holds
one account and at most a thousand groups.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from ..lifecycle.account import Account
from ..lifecycle.anomalies import AnomalyKind
from ..lifecycle.decide import Decision
from ..lifecycle.effects import EffectKind
from ..lifecycle.machine import Situation
from ..lifecycle.status import Verdict
from ..records import Decide, Evidence
from ..stores.protocol import Store
from .record import ByAccount

MAX_GROUPS = 1000
"""How many groups are kept."""
MAX_EXAMPLES = 3
"""How many examples each group has."""


class Outcome(NamedTuple):
    """What was decided about one event."""

    verdict: Verdict
    after: Situation
    anomalies: tuple[AnomalyKind, ...]
    effects: tuple[tuple[EffectKind, str], ...]
    """Kind and subject of each, without those of the anomalies."""


class Difference(NamedTuple):
    """The first event of an account that would be decided differently."""

    account_id: str
    sequence: int
    received_at: datetime
    before: Situation
    announced: str
    """The status word that was announced, or the status whose deadline passed."""
    recorded: Outcome
    today: Outcome


class DifferenceGroup(NamedTuple):
    """Accounts whose first difference is the same: the same announcement in the same situation, the same outcomes."""

    before: Situation
    announced: str
    recorded: Outcome
    today: Outcome
    accounts: int
    examples: tuple[Difference, ...]
    """The first three of them, in the order of account ids."""


class Differences(NamedTuple):
    """What today's rules would decide differently about the ledger."""

    rules: str
    """The name of today's rules."""
    events: int
    accounts: int
    events_by_rules: Mapping[str, int]
    """How many events were judged by which rules when they were fed."""
    events_differing: int
    """Those that would be decided differently, consequences of earlier differences included."""
    accounts_differing: int
    accounts_elsewhere: int
    """Those that would be in another situation now."""
    groups: tuple[DifferenceGroup, ...]
    """The first difference of each account, grouped; the largest group first. At most a thousand."""

    @property
    def is_same(self) -> bool:
        """Whether everything would be decided as it was."""
        return not self.events_differing


def against_definition(store: Store, decide: Decide, rules: str) -> Differences:
    """Judge the ledger of ``store`` by ``decide``, whose rules are called ``rules``, and return the differences.

    Accounts start from where the ledger begins: what was decided before a prune is taken as it is. A deadline that
    passed is judged as the event that it is, although a policy with other deadlines would have made other events.
    """
    comparison = _Comparison(decide)
    baselines = ByAccount(store.baselines(), lambda each: each.account_id)
    for account_id, evidence in groupby(store.evidence(), lambda each: each.entry.account_id):
        account = baselines.find(account_id) or Account(account_id)
        for each in evidence:
            account = comparison.judge(account, each)
        comparison.end(account)
    return comparison.result(rules)


class _Comparison:
    """The counts and groups while the ledger is judged."""

    def __init__(self, decide: Decide) -> None:
        self._decide = decide
        self._accounts = self._elsewhere = self._differing = self._events_differing = 0
        self._by_rules: Counter[str] = Counter()
        self._groups: dict[tuple[object, ...], list[Difference]] = {}
        self._sizes: Counter[tuple[object, ...]] = Counter()
        self._differs = False
        self._recorded_last: Situation | None = None

    def judge(self, account: Account, evidence: Evidence) -> Account:
        """Judge the next event of an account; return the account after it."""
        entry = evidence.entry
        self._by_rules[evidence.rules] += 1
        self._recorded_last = entry.after
        decision = self._decide(account, entry.event)
        recorded, today = _recorded(evidence), _decided(decision)
        if recorded != today:
            self._events_differing += 1
            if not self._differs:
                self._differs = True
                at, announced = entry.received_at, str(entry.announced)
                self._add(Difference(entry.account_id, entry.sequence, at, entry.before, announced, recorded, today))
        return replace(decision.after, sequence=entry.sequence)

    def end(self, account: Account) -> None:
        """Count an account after its last event."""
        self._accounts += 1
        self._differing += self._differs
        self._elsewhere += account.situation != self._recorded_last
        self._differs = False

    def _add(self, difference: Difference) -> None:
        key = (difference.before, difference.announced, difference.recorded, difference.today)
        if key in self._groups or len(self._groups) < MAX_GROUPS:
            self._sizes[key] += 1
            examples = self._groups.setdefault(key, [])
            if len(examples) < MAX_EXAMPLES:
                examples.append(difference)

    def result(self, rules: str) -> Differences:
        return Differences(
            rules,
            self._by_rules.total(),
            self._accounts,
            dict(self._by_rules),
            self._events_differing,
            self._differing,
            self._elsewhere,
            tuple(self._group(key, count) for key, count in self._sizes.most_common()),
        )

    def _group(self, key: tuple[object, ...], count: int) -> DifferenceGroup:
        examples = self._groups[key]
        return DifferenceGroup(*examples[0][3:], count, tuple(examples))


def _recorded(evidence: Evidence) -> Outcome:
    entry = evidence.entry
    kinds = tuple([anomaly.kind for anomaly in entry.anomalies])
    return Outcome(entry.verdict, entry.after, kinds, _without_anomalies(evidence.effects))


def _decided(decision: Decision) -> Outcome:
    kinds = tuple([anomaly.kind for anomaly in decision.anomalies])
    effects = tuple([(effect.kind, effect.subject) for effect in decision.effects])
    return Outcome(decision.verdict, decision.after.situation, kinds, _without_anomalies(effects))


def _without_anomalies(effects: tuple[tuple[EffectKind, str], ...]) -> tuple[tuple[EffectKind, str], ...]:
    return tuple([effect for effect in effects if effect[0] is not EffectKind.ANOMALY])

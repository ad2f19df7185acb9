"""Judge the whole ledger by other rules, to see the effect of a change before it is shipped.

A difference is no fault: what was decided stays decided. Each account is judged from where the ledger begins, through
all of its events, so one difference can cause others; the first of each account is reported, and accounts that differ
in the same way (the same announcement in the same situation, with the same two outcomes) form one group. Memory holds
one account and at most a thousand groups.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from ..lifecycle.account import Account
from ..lifecycle.anomalies import AnomalyKind
from ..lifecycle.decide import Decision
from ..lifecycle.effects import EffectKind
from ..lifecycle.events import NOBODY
from ..lifecycle.explain import Anomaly
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
    effects: tuple[tuple[EffectKind, str, bool], ...]
    """Kind and subject of each, and whether it is doubtful, without those of the anomalies."""


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
    by_rules: Counter[str] = Counter()
    accounts = events_differing = accounts_differing = accounts_elsewhere = 0
    sizes: Counter[tuple[object, ...]] = Counter()
    examples: dict[tuple[object, ...], list[Difference]] = {}
    baselines = ByAccount(store.baselines(), lambda each: each.account_id)
    for account_id, of_account in groupby(store.evidence(), lambda each: each.entry.account_id):
        account, after, first = baselines.find(account_id) or Account(account_id), None, None
        for evidence in of_account:
            entry = evidence.entry
            decision = decide(account, entry.event)
            recorded, today = _recorded(evidence), _decided(decision)
            if recorded != today:
                events_differing += 1
                at, announced = entry.received_at, str(entry.announced)
                first = first or Difference(account_id, entry.sequence, at, entry.before, announced, recorded, today)
            by_rules[evidence.rules] += 1
            account, after = replace(decision.after, sequence=entry.sequence), entry.after
        accounts += account_id != NOBODY
        accounts_elsewhere += account.situation != after
        if first is not None:
            accounts_differing += 1
            key = (first.before, first.announced, first.recorded, first.today)
            if key in examples or len(examples) < MAX_GROUPS:
                sizes[key] += 1
                if len(group := examples.setdefault(key, [])) < MAX_EXAMPLES:
                    group.append(first)
    groups = [DifferenceGroup(*examples[key][0][3:], count, tuple(examples[key])) for key, count in sizes.most_common()]
    return Differences(
        rules,
        by_rules.total(),
        accounts,
        dict(by_rules),
        events_differing,
        accounts_differing,
        accounts_elsewhere,
        tuple(groups),
    )


def _recorded(evidence: Evidence) -> Outcome:
    entry = evidence.entry
    return _outcome(entry.verdict, entry.after, entry.anomalies, evidence.effects)


def _decided(decision: Decision) -> Outcome:
    effects = [(effect.kind, effect.subject, effect.doubtful) for effect in decision.effects]
    return _outcome(decision.verdict, decision.after.situation, decision.anomalies, effects)


def _outcome(
    verdict: Verdict, after: Situation, anomalies: Iterable[Anomaly], effects: Iterable[tuple[EffectKind, str, bool]]
) -> Outcome:
    kinds = tuple([anomaly.kind for anomaly in anomalies])
    return Outcome(verdict, after, kinds, tuple([effect for effect in effects if effect[0] is not EffectKind.ANOMALY]))

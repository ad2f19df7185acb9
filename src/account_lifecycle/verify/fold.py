"""Fold one account's history: judge its events again, and compare what follows with what is stored.

A fold starts from the account as it was where the ledger begins. ``is_certain`` says whether it is known exactly: from
the first event on that cannot be judged again, only the account's sequence and situation are known, and only these are
compared.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from enum import Enum
from itertools import zip_longest
from typing import Any

from ..intake.rereading import misread
from ..lifecycle.account import Account
from ..lifecycle.anomalies import AnomalyKind
from ..lifecycle.decide import Decision, decide
from ..lifecycle.effects import EffectKind
from ..lifecycle.events import DeadlinePassed, StatusAnnounced
from ..lifecycle.explain import Anomaly
from ..lifecycle.machine import Situation
from ..lifecycle.policy import Policy
from ..lifecycle.rules import RecordedPolicies
from ..lifecycle.status import Verdict
from ..lifecycle.windows import BlindWindow
from ..lifecycle.wording import one_of, printable
from ..records import Evidence, Fault, LedgerEntry, without_person

MAX_SHOWN = 200
"""How many characters of a value a finding shows."""
ODD_VALUES = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What comes of a value that this program never wrote: where it is read, or where it is first used."""


class Fold:
    """An account as it follows from its events, judged one after the other."""

    def __init__(self, begins: Account, policies: RecordedPolicies) -> None:
        self.account = begins
        self._policies = policies
        self.began = begins.sequence
        self.is_certain = True
        self.windows: dict[int, BlindWindow] = {}
        """By sequence, every window that was open where the ledger begins, or opened since."""
        if begins.blind_window is not None:
            self.windows[begins.blind_window.sequence] = begins.blind_window

    def gap(self, entry: LedgerEntry) -> list[Fault]:
        """Return a fault if an event is not the next one of the account; the fold then goes on from that event."""
        expected = self.account.sequence + 1
        if entry.sequence == expected:
            return []
        self.is_certain = False
        self.account = replace(self.account, sequence=entry.sequence - 1, situation=entry.before)
        return [event_fault(entry, [f"number {expected} of this account should come here"])]

    def judge(self, evidence: Evidence) -> tuple[list[Fault], bool]:
        """Judge the next event again; return what does not hold, and whether it could be judged at all."""
        policy = self._policies.policy(evidence.rules) if self.is_certain else None
        if policy is None:
            return self._follow(evidence.entry), False
        entry = evidence.entry
        try:
            decision = _decided_again(self.account, evidence, policy)
        except ODD_VALUES as error:
            finding = f"it cannot be judged again from where its account stood ({printable(str(error), MAX_SHOWN)})"
            return [event_fault(entry, [finding]), *self._follow(entry)], False
        faults = list(_contradictions(evidence, decision))
        self._advance(decision)
        if self.account.situation != entry.after:  # what comes next was decided from there
            self._distrust(entry)
        wrong = misread(entry.event) if isinstance(entry.event, StatusAnnounced) and not entry.is_erased else ()
        if wrong and self._policies.reads_alike(evidence.rules):
            faults.append(event_fault(entry, [_misread_text(wrong)]))
        return faults, not wrong or bool(faults)

    def assume(self, evidence: Evidence) -> None:
        """Apply the next event as stored, without comparing it; where it cannot be judged again, or comes to something
        else, the fold is no longer certain."""
        entry, policy = evidence.entry, self._policies.policy(evidence.rules)
        decision = None
        if self.is_certain and policy is not None:
            with suppress(*ODD_VALUES):
                decision = _decided_again(self.account, evidence, policy)
        if decision is None or (decision.verdict, decision.after.situation) != (entry.verdict, entry.after):
            self._distrust(entry)
        else:
            self._advance(decision)

    def _advance(self, decision: Decision) -> None:
        self.account = decision.after
        if decision.blind_window is not None:
            self.windows[decision.blind_window.sequence] = decision.blind_window

    def _follow(self, entry: LedgerEntry) -> list[Fault]:
        """Check what holds under any rules: an event begins where the last one ended, and only APPLIED moves."""
        before = self.account.situation
        findings = []
        if entry.before != before:
            findings.append(_stored("the situation before it", entry.before, before))
        if entry.verdict is not Verdict.APPLIED and entry.after != entry.before:
            findings.append(f"its verdict is {entry.verdict}, and yet it moves {entry.before} to {entry.after}")
        self._distrust(entry)
        return [event_fault(entry, findings)] if findings else []

    def _distrust(self, entry: LedgerEntry) -> None:
        self.is_certain = False
        self.account = replace(self.account, sequence=entry.sequence, situation=entry.after)

    # ---- Compared with what is stored ------------------------------------------------------------------

    def account_faults(self, stored: Account | None) -> list[Fault]:
        """Compare the stored account with the fold."""
        account_id, sequence = self.account.account_id, self.account.sequence
        place = f"account {printable(account_id, MAX_SHOWN)}"
        if stored is None:
            finding = f"it is not stored, although the ledger has events of it, up to its event {sequence}"
            return [Fault(place, finding, account_id)] if sequence else []
        if not sequence:
            return [Fault(place, "it is stored, but the ledger has none of its events", account_id)]
        if self.is_certain:
            findings = differing(stored, self.account)
        else:
            findings = differing(stored, self.account, ("account_id", "situation", "sequence"))
        return [Fault(place, "; ".join(findings), account_id)] if findings else []

    def window_faults(self, stored: Iterable[BlindWindow]) -> list[Fault]:
        """Compare the stored blind windows with the fold.

        Windows that were closed before the ledger begins are passed over: nothing follows about them.
        """
        if not self.is_certain:
            return []
        kept = {w.sequence: w for w in stored if w.sequence > self.began or w.sequence in self.windows}
        numbers = sorted(kept.keys() | self.windows.keys())
        return [fault for n in numbers for fault in self._window_fault(n, kept.get(n), self.windows.get(n))]

    def _window_fault(self, number: int, stored: BlindWindow | None, follows: BlindWindow | None) -> list[Fault]:
        if stored == follows:
            return []
        account_id = self.account.account_id
        place = f"blind window {number} of account {printable(account_id, MAX_SHOWN)}"
        if stored is None:
            finding = "it is not stored, but follows from the ledger"
        elif follows is None:
            finding = "it is stored, but does not follow from the ledger"
        else:
            finding = "; ".join(differing(stored, follows))
        return [Fault(place, finding, account_id)]


def event_fault(entry: LedgerEntry, findings: Sequence[str]) -> Fault:
    """Return a fault about an event."""
    return Fault(_place_of(entry), "; ".join(findings), entry.account_id, entry.sequence)


def _place_of(entry: LedgerEntry) -> str:
    return f"event {entry.sequence} of account {printable(entry.account_id, MAX_SHOWN)}"


# ---- An event and what was decided about it --------------------------------------------------------


def _decided_again(account: Account, evidence: Evidence, policy: Policy) -> Decision:
    """Judge an event again. What was erased of one is made up again first, as far as something was decided by it:
    whether it named the owner, or another; and is taken out of the decision."""
    entry = evidence.entry
    if not entry.is_erased or isinstance(entry.event, DeadlinePassed):
        return decide(account, entry.event, policy)
    before = account
    if any(anomaly.kind is AnomalyKind.OWNER_CHANGED for anomaly in entry.anomalies):
        before = replace(account, owner=_SOMEBODY)
        decision = decide(before, replace(entry.event, owner=_SOMEBODY_ELSE), policy)
    elif any(kind is EffectKind.CLAIMED for kind, _, _ in evidence.effects):
        decision = decide(account, replace(entry.event, owner=_SOMEBODY), policy)
    else:
        decision = decide(account, entry.event, policy)
    anomalies = tuple([a._replace(detail="") if a.kind is AnomalyKind.OWNER_CHANGED else a for a in decision.anomalies])
    if entry.anomalies:  # and whether an anomaly's event was the first to name one
        anomalies = tuple([a._replace(other_channel=entry.anomalies[0].other_channel) for a in anomalies])
    effects = tuple([e._replace(subject="") if e.kind is EffectKind.CLAIMED else e for e in decision.effects])
    after = without_person(decision.after)
    return replace(decision, before=account, after=after, event=entry.event, anomalies=anomalies, effects=effects)


def _misread_text(wrong: Sequence[str]) -> str:
    if wrong[0] == "payload":
        return "its payload cannot be read as an event"
    return f"its payload says another {one_of(tuple(name.replace('_', ' ') for name in wrong), 'and')}"


_SOMEBODY, _SOMEBODY_ELSE = "somebody", "somebody else"


def _contradictions(evidence: Evidence, decision: Decision) -> Iterator[Fault]:
    """Yield a fault for everything stored of an event that its decision does not give."""
    entry = evidence.entry
    columns = (entry.verdict, entry.before, entry.after)
    follow = (decision.verdict, decision.before.situation, decision.after.situation)
    if columns != follow:
        names = ("the verdict", "the situation before it", "the situation after it")
        pairs = zip(names, columns, follow, strict=True)
        yield event_fault(entry, [_stored(name, was, is_right) for name, was, is_right in pairs if was != is_right])
    if entry.anomalies != decision.anomalies:
        for number, (stored, follows) in enumerate(zip_longest(entry.anomalies, decision.anomalies), 1):
            if stored != follows:
                place = f"anomaly {number} of {_place_of(entry)}"
                yield Fault(place, _wrong_anomaly(stored, follows), entry.account_id, entry.sequence)
    effects = tuple([(e.kind, e.subject, e.doubtful) for e in decision.effects]) if decision.effects else ()
    if evidence.effects != effects:
        was, is_right = (", ".join(map(_effect_text, each)) or "none" for each in (evidence.effects, effects))
        finding = f"stored are {was}; from the ledger follow {is_right}"
        yield Fault(f"effects of {_place_of(entry)}", finding, entry.account_id, entry.sequence)


def _wrong_anomaly(stored: Anomaly | None, follows: Anomaly | None) -> str:
    if follows is None:
        return f"{stored.kind if stored else ''} is stored, but does not follow from the ledger"
    if stored is None:
        return f"{follows.kind} is not stored, but follows from the ledger"
    return "; ".join(differing(stored, follows))


def _effect_text(effect: tuple[str, str, bool]) -> str:
    kind, subject, doubtful = effect
    return printable(f"{kind} {subject}".strip() + (" (doubtful)" if doubtful else ""), MAX_SHOWN)


# ---- Words ------------------------------------------------------------------------------------------


def differing(stored: Any, follows: Any, names: Sequence[str] = ()) -> list[str]:
    """Return each field of a record that is not as it follows; only the fields of ``names``, if any are named."""
    fields = names or (getattr(stored, "_fields", None) or stored.__slots__)
    pairs = ((name, getattr(stored, name), getattr(follows, name)) for name in fields)
    return [_stored(name, was, is_right) for name, was, is_right in pairs if was != is_right]


def _stored(name: str, stored: object, follows: object) -> str:
    return f"{name}: {_text(stored)} is stored, {_text(follows)} follows from the ledger"


def _text(value: object) -> str:
    """Return a value as text, such that two different values read differently."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case Situation():
            return str(value)
        case BlindWindow():
            return f"one ({', '.join(f'{name} {_text(part)}' for name, part in value._asdict().items())})"
        case tuple() | frozenset():
            return f"({', '.join(sorted(map(_text, value)) if isinstance(value, frozenset) else map(_text, value))})"
        case Enum() | int() | timedelta():
            return str(value)
        case _:
            return repr(printable(str(value), MAX_SHOWN))

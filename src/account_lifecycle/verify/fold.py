"""One account's history, folded: what follows from its events, compared with what is stored.

Knows one account at a time and how a finding is put into words; it must never know where anything is kept, nor
read anything itself (``verify`` does).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from enum import Enum
from functools import lru_cache
from itertools import zip_longest
from typing import Any

from ..lifecycle.account import Account
from ..lifecycle.decide import Decision, decide, redelivery_window_of
from ..lifecycle.explain import Anomaly
from ..lifecycle.machine import Situation
from ..lifecycle.policy import Policy
from ..lifecycle.status import Verdict
from ..lifecycle.windows import BlindWindow
from ..lifecycle.wording import printable
from ..records import Evidence, Fault, LedgerEntry

MAX_SHOWN = 200
"""How much of a value a finding shows."""


class Fold:
    """An account as it follows from its events, one after the other.

    It is certain as long as every event was judged by rules that can be applied again. From the first event on that
    was not, only its id, its sequence and its situation are known.
    """

    def __init__(self, begins: Account) -> None:
        self.account = begins
        self.began = begins.sequence
        self.is_certain = True
        self.windows: dict[int, BlindWindow] = {}
        """By sequence, every window that was open at the beginning or opened since."""
        if begins.blind_window is not None:
            self.windows[begins.blind_window.sequence] = begins.blind_window

    def gap(self, entry: LedgerEntry) -> list[Fault]:
        """What is wrong if an event is not the next one; the account then goes on from where the event begins."""
        expected = self.account.sequence + 1
        if entry.sequence == expected:
            return []
        self.is_certain = False
        self.account = replace(self.account, sequence=entry.sequence - 1, situation=entry.before)
        return [event_fault(entry, [f"number {expected} of this account should come here"])]

    def judge(self, evidence: Evidence) -> tuple[list[Fault], bool]:
        """Judge the next event again: what does not hold, and whether it could be judged at all."""
        policy = policy_of(evidence.rules) if self.is_certain else None
        if policy is None:
            return self._follow(evidence.entry), False
        entry = evidence.entry
        decision = decide(self.account, entry.event, policy)
        faults = list(_contradictions(evidence, decision))
        self._advance(decision)
        if self.account.situation != entry.after:  # what comes next was decided from there
            self._distrust(entry)
        return faults, True

    def assume(self, entry: LedgerEntry) -> None:
        """Take the next event as it is, judged by the rules of today if that agrees with what is on record.

        The redelivery window is of no account here: it decides whether a repeat is odd, not what it changes.
        """
        decision = decide(self.account, entry.event) if self.is_certain else None
        if decision is None or (decision.verdict, decision.account.situation) != (entry.verdict, entry.after):
            self._distrust(entry)
        else:
            self._advance(decision)

    def _advance(self, decision: Decision) -> None:
        self.account = decision.account
        if decision.blind_window is not None:
            self.windows[decision.blind_window.sequence] = decision.blind_window

    def _follow(self, entry: LedgerEntry) -> list[Fault]:
        """Check what holds under any rules: one event begins where the last one ended, and only some move."""
        before = self.account.situation
        findings = []
        if entry.before != before:
            findings.append(_stored("the situation before it", entry.before, before))
        if entry.verdict is not Verdict.APPLIED and entry.after != entry.before:
            findings.append(
                f"its verdict is {entry.verdict}, and yet it moves {_told(entry.before)} to {_told(entry.after)}"
            )
        self._distrust(entry)
        return [event_fault(entry, findings)] if findings else []

    def _distrust(self, entry: LedgerEntry) -> None:
        self.is_certain = False
        self.account = replace(self.account, sequence=entry.sequence, situation=entry.after)

    # ---- Compared with what is stored ------------------------------------------------------------------

    def account_faults(self, stored: Account | None) -> list[Fault]:
        """What is not as it follows from the events in the stored account."""
        account_id, sequence = self.account.account_id, self.account.sequence
        place = f"account {printable(account_id, MAX_SHOWN)}"
        if stored is None:
            finding = f"it is not stored, although the ledger has events of it, up to its event {sequence}"
            return [Fault(place, finding, account_id)] if sequence else []
        if not sequence:
            return [Fault(place, "it is stored, but the ledger has none of its events", account_id)]
        if self.is_certain:
            findings = _differing(stored, self.account)
        else:
            findings = _differing(stored, self.account, ("account_id", "situation", "sequence"))
        return [Fault(place, "; ".join(findings), account_id)] if findings else []

    def window_faults(self, stored: Iterable[BlindWindow]) -> list[Fault]:
        """What is not as it follows from the events in the stored blind windows.

        Of the windows that were over where the ledger begins nothing follows.
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
            finding = "; ".join(_differing(stored, follows))
        return [Fault(place, finding, account_id)]


@lru_cache(maxsize=256)
def policy_of(rules: str) -> Policy | None:
    """The policy to judge by again; None for rules that are not those of today's machine."""
    window = redelivery_window_of(rules)
    return None if window is None else Policy(window)


def event_fault(entry: LedgerEntry, findings: Sequence[str]) -> Fault:
    """What does not hold about an event."""
    return Fault(_place_of(entry), "; ".join(findings), entry.account_id, entry.sequence)


def _place_of(entry: LedgerEntry) -> str:
    return f"event {entry.sequence} of account {printable(entry.account_id, MAX_SHOWN)}"


# ---- An event and what was decided about it --------------------------------------------------------


def _contradictions(evidence: Evidence, decision: Decision) -> Iterator[Fault]:
    """Whatever is on record of an event and does not follow from it."""
    entry, effects = evidence.entry, _pairs(decision)
    if (entry.verdict, entry.before, entry.after) != (
        decision.verdict, decision.previous.situation, decision.account.situation
    ):  # fmt: skip
        yield event_fault(entry, list(_wrong_columns(entry, decision)))
    if entry.anomalies != decision.anomalies:
        yield from _wrong_anomalies(entry, decision)
    if evidence.effects != effects:
        stored, follows = (", ".join(_effect_told(e) for e in each) or "none" for each in (evidence.effects, effects))
        finding = f"stored are {stored}; from the ledger follow {follows}"
        yield Fault(f"effects of {_place_of(entry)}", finding, entry.account_id, entry.sequence)


def _pairs(decision: Decision) -> tuple[tuple[str, str], ...]:
    return tuple([(effect.kind, effect.subject) for effect in decision.effects]) if decision.effects else ()


def _wrong_columns(entry: LedgerEntry, decision: Decision) -> Iterator[str]:
    """Each column of an event that does not follow."""
    columns = {
        "the verdict": (entry.verdict, decision.verdict),
        "the situation before it": (entry.before, decision.previous.situation),
        "the situation after it": (entry.after, decision.account.situation),
    }
    return (_stored(name, *pair) for name, pair in columns.items() if pair[0] != pair[1])


def _wrong_anomalies(entry: LedgerEntry, decision: Decision) -> Iterator[Fault]:
    """Each anomaly of an event that is missing, extra, or not as it follows."""
    for number, (stored, follows) in enumerate(zip_longest(entry.anomalies, decision.anomalies), 1):
        if stored != follows:
            place = f"anomaly {number} of {_place_of(entry)}"
            yield Fault(place, _wrong_anomaly(stored, follows), entry.account_id, entry.sequence)


def _wrong_anomaly(stored: Anomaly | None, follows: Anomaly | None) -> str:
    if follows is None:
        return f"{stored.kind if stored else ''} is stored, but does not follow from the ledger"
    if stored is None:
        return f"{follows.kind} is not stored, but follows from the ledger"
    return "; ".join(_differing(stored, follows))


def _effect_told(effect: tuple[str, str]) -> str:
    return printable(" ".join(effect).strip(), MAX_SHOWN)


# ---- Words ------------------------------------------------------------------------------------------


def _differing(stored: Any, follows: Any, names: Sequence[str] = ()) -> list[str]:
    """Return each field of a record that is not as it follows; only the fields of ``names``, if any are named."""
    fields = names or (getattr(stored, "_fields", None) or stored.__slots__)
    pairs = ((name, getattr(stored, name), getattr(follows, name)) for name in fields)
    return [_stored(name, was, is_right) for name, was, is_right in pairs if was != is_right]


def _stored(name: str, stored: object, follows: object) -> str:
    return f"{name}: {_told(stored)} is stored, {_told(follows)} follows from the ledger"


def _told(value: object) -> str:
    """A value for a person, so that two that differ can be told apart."""
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
            return f"one ({', '.join(f'{name} {_told(part)}' for name, part in value._asdict().items())})"
        case tuple() | frozenset():
            return f"({', '.join(sorted(map(_told, value)) if isinstance(value, frozenset) else map(_told, value))})"
        case Enum() | int():
            return str(value)
        case _:
            return repr(printable(str(value), MAX_SHOWN))

"""The store that forgets: everything in this process's memory, for tests, replays and a first look.

Keeps what the engine hands it; it must never judge.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from ..errors import StoreError
from ..lifecycle.account import Account
from ..lifecycle.decide import Decision
from ..lifecycle.events import Event
from ..lifecycle.explain import Anomaly
from ..lifecycle.status import Status
from ..lifecycle.windows import BlindWindow
from ..records import AccountFilter, AuditFilter, Decide, Evidence, Fault, LedgerEntry, Quarantined, Refused, Segment
from .archive import write_archive
from .erasure import ERASED, mentions
from .memory_outbox import MemoryOutbox
from .snapshots import retold


class MemoryStore(MemoryOutbox):
    """Everything in memory. Safe to share between threads; gone with the process."""

    def __init__(self) -> None:
        super().__init__()
        self._accounts: dict[str, Account] = {}
        self._quarantine: list[Quarantined] = []  # each at the place before its number
        self._baselines: dict[str, Account] = {}
        self._segments: list[Segment] = []

    def close(self) -> None:
        """Nothing to release."""

    # ---- Ledger ----------------------------------------------------------------------------------

    def advance(
        self,
        events: Sequence[Event],
        decide: Decide,
        rules: str = "",
        *,
        releasing: Sequence[int] = (),
        released_at: datetime | None = None,
        quiet: bool = False,
    ) -> list[Decision]:
        """Judge events in order and keep everything, or nothing if a step fails."""
        accounts = self._accounts
        decisions: list[Decision] = []
        with self._lock:
            if releasing:
                self._check_unreleased(releasing)
            try:
                for event in events:
                    account_id = event.account_id
                    decision = decide(accounts.get(account_id) or Account(account_id), event)
                    accounts[account_id] = decision.account
                    decisions.append(decision)
            except BaseException:
                self._forget(decisions)
                raise
            self._log.extend(decisions, rules, quiet=quiet)
            if releasing:
                self._release(releasing, released_at or max(event.received_at for event in events))
        return decisions

    def _forget(self, decisions: list[Decision]) -> None:
        for decision in reversed(decisions):
            if decision.previous.sequence:
                self._accounts[decision.previous.account_id] = decision.previous
            else:
                del self._accounts[decision.previous.account_id]

    def _check_unreleased(self, releasing: Sequence[int]) -> None:
        for number in releasing:
            if not 0 < number <= len(self._quarantine):
                raise StoreError(f"There is no number {number} in the quarantine. Nothing was fed.")
            if self._quarantine[number - 1].released_at is not None or releasing.count(number) > 1:
                raise StoreError(f"Number {number} of the quarantine was fed already. Nothing was fed again.")

    def _release(self, releasing: Sequence[int], now: datetime) -> None:
        for place in [number - 1 for number in releasing]:
            self._quarantine[place] = self._quarantine[place]._replace(released_at=now)

    def quarantine(self, refused: Sequence[Refused]) -> list[int]:
        """Keep unreadable payloads; their numbers."""
        with self._lock:
            first = len(self._quarantine) + 1
            self._quarantine.extend(Quarantined(number, *row) for number, row in enumerate(refused, first))
            return list(range(first, first + len(refused)))

    def erase(self, account_id: str, at: datetime) -> int:  # noqa: ARG002 - nothing here tells when
        """Erase an account's payloads and names, also from the quarantine; how many payloads that were."""
        with self._lock:
            for accounts in (self._accounts, self._baselines):
                if account := accounts.get(account_id):
                    accounts[account_id] = account._replace(name=None)
            return self._log.erase(account_id) + self._erase_quarantined(account_id)

    def _erase_quarantined(self, account_id: str) -> int:
        meant = [kept for kept in self._quarantine if not kept.is_erased and mentions(kept.payload, account_id)]
        for kept in meant:
            self._quarantine[kept.quarantine_id - 1] = kept._replace(payload=b"", reason=ERASED, is_erased=True)
        return len(meant)

    def prune(self, until: datetime, archive: Path, at: datetime) -> Segment | None:
        """Archive the events received before ``until`` and take them out; None if there is nothing to take.

        The oldest go, up to the first that was received later or that a hook is still to be called for.
        """
        with self._lock:
            taken = self._to_take_out(until)
            if not taken:
                return None
            events, digest = write_archive(archive, ((proof, None) for proof in taken))
            for entry in (proof.entry for proof in taken):
                before = self._baselines.get(entry.account_id) or Account(entry.account_id)
                self._baselines[entry.account_id] = retold(before, entry)
            self._log.drop(self._log.first + events)
            self._drop_deliveries(self._log.first)
            self._segments.append(Segment(len(self._segments) + 1, until, at, events, str(archive), digest, ""))
            return self._segments[-1]

    def _to_take_out(self, until: datetime) -> list[Evidence]:
        end, taken = self._first_unfinished(), []
        for number, proof in enumerate(self._log.evidence(), self._log.first):
            if number >= end or proof.entry.received_at >= until:
                break
            taken.append(proof)
        return taken

    # ---- Reader ----------------------------------------------------------------------------------

    def account(self, account_id: str) -> Account | None:
        """The account as it is now, or None if nothing was ever fed for it."""
        with self._lock:
            return self._accounts.get(account_id)

    def accounts_by_id(self, account_ids: Sequence[str]) -> dict[str, Account]:
        """Several accounts at once; those that nothing was fed for are missing."""
        with self._lock:
            return {
                account_id: self._accounts[account_id] for account_id in account_ids if account_id in self._accounts
            }

    def accounts(self, wanted: AccountFilter) -> Iterator[Account]:
        """Accounts in the order of their ids."""
        with self._lock:
            found = sorted(self._accounts.items())
        return (account for _, account in found if _is_wanted(account, wanted))

    def history(self, account_id: str) -> Iterator[LedgerEntry]:
        """Every event of one account, oldest first."""
        return (entry for entry in self.ledger() if entry.account_id == account_id)

    def ledger(self) -> Iterator[LedgerEntry]:
        """Every event of every account, in the order in which they were fed."""
        with self._lock:
            return self._log.entries()

    def audit(self, wanted: AuditFilter) -> Iterator[Anomaly]:
        """Anomalies in the order in which their events were fed."""
        return (a for entry in self.ledger() for a in entry.anomalies if _is_anomaly_wanted(a, wanted))

    def quarantined(self) -> Iterator[Quarantined]:
        """Unreadable payloads, oldest first."""
        with self._lock:
            return iter(tuple(self._quarantine))

    def blind_windows(self, account_id: str | None, *, open_only: bool) -> Iterator[BlindWindow]:
        """Blind windows in the order in which they opened."""
        with self._lock:
            found = [
                window
                for (owner, _), window in self._log.windows.items()
                if account_id in (None, owner) and (window.is_open or not open_only)
            ]
        return iter(sorted(found, key=lambda window: (window.opened_at, window.account_id, window.sequence)))

    def transient(self, statuses: Sequence[Status]) -> Iterator[Account]:
        """Accounts that are in one of these statuses and not yet stuck."""
        with self._lock:
            accounts = tuple(self._accounts.values())
        return (account for account in accounts if account.status in statuses and not account.stuck)

    # ---- Prover ----------------------------------------------------------------------------------

    def faults(self) -> Iterator[Fault]:
        """None: nobody changes the memory of a process behind its back."""
        return iter(())

    def evidence(self) -> Iterator[Evidence]:
        """Every event in the order of account id and sequence."""
        with self._lock:
            return self._log.evidence_by_account()

    def baselines(self) -> Iterator[Account]:
        """The accounts as they were where the ledger begins, in the order of their ids."""
        with self._lock:
            return iter([account for _, account in sorted(self._baselines.items())])

    def windows_by_account(self) -> Iterator[BlindWindow]:
        """Every blind window in the order of account id and sequence."""
        with self._lock:
            return iter([window for _, window in sorted(self._log.windows.items())])

    def segments(self) -> list[Segment]:
        """The parts of the ledger that were archived, oldest first."""
        with self._lock:
            return list(self._segments)

    def head(self) -> str:
        """Blank: there is no chain."""
        return ""


def _is_wanted(account: Account, wanted: AccountFilter) -> bool:
    return (
        wanted.status in (None, account.status)
        and wanted.health in (None, account.health)
        and wanted.provider in (None, account.provider)
    )


def _is_anomaly_wanted(anomaly: Anomaly, wanted: AuditFilter) -> bool:
    return (
        wanted.kind in (None, anomaly.kind)
        and wanted.severity in (None, anomaly.severity)
        and wanted.account_id in (None, anomaly.account_id)
        and wanted.provider in (None, anomaly.provider)
        and (wanted.since is None or anomaly.at >= wanted.since)
        and (wanted.until is None or anomaly.at < wanted.until)
    )

"""Check what must hold in every store, whatever happened to it.

Besides ``verify`` the ledger is judged again here, in a few lines that share nothing with it but ``decide``.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

import apsw

from account_lifecycle import Account, BlindWindow, Engine
from account_lifecycle.lifecycle.decide import Decision, decide
from account_lifecycle.records import LedgerEntry


def flaws(engine: Engine, path: Path) -> list[str]:
    """Everything in a store that contradicts itself, in words; empty for a sound one."""
    try:
        return [*_file_flaws(path), *_unverified(engine), *_ledger_flaws(engine)]
    except Exception as error:  # any error of a reader is a flaw of what it reads
        return [f"it cannot be read: {type(error).__name__}: {error}"]


def missing(engine: Engine, sent: Mapping[str, Sequence[bytes]], reported: Collection[bytes]) -> list[str]:
    """Return which acknowledged payloads are not in the ledger, or not once, or not in their order.

    ``sent`` has what was sent for each account, in order; each account's ledger must be a beginning of that.
    Payloads of other origin are passed over.
    """
    every = {payload for payloads in sent.values() for payload in payloads}
    kept: dict[str, list[bytes]] = {}
    for entry in engine.store.ledger():
        if entry.payload in every:
            kept.setdefault(entry.account_id, []).append(entry.payload)
    lost = set(reported) - {payload for payloads in kept.values() for payload in payloads}
    return [
        *(f"lost although acknowledged: {payload.decode()[:120]}" for payload in sorted(lost)),
        *(
            f"{account_id}: its {len(payloads)} events are not the first ones sent, each once"
            for account_id, payloads in kept.items()
            if payloads != list(sent[account_id][: len(payloads)])
        ),
    ]


def not_quarantined(engine: Engine, reported: Collection[bytes]) -> list[str]:
    """Return unreadable payloads that were reported as quarantined and are not in the quarantine."""
    kept = {quarantined.payload for quarantined in engine.quarantine()}
    return [
        f"lost although reported as quarantined: {payload.decode()[:120]}" for payload in sorted(set(reported) - kept)
    ]


# ---- The file ------------------------------------------------------------------------------------


def _file_flaws(path: Path) -> Iterator[str]:
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        findings = [row[0] for row in db.execute("PRAGMA integrity_check")]
    finally:
        db.close()
    return (f"integrity_check: {finding}" for finding in findings if finding != "ok")


def _unverified(engine: Engine) -> Iterator[str]:
    """What the engine's own verification finds."""
    found = engine.verify()
    if not found.is_proved:
        yield f"verify: {found.first or f'{found.not_judged} events could not be judged again'}"


# ---- The ledger ----------------------------------------------------------------------------------


def _ledger_flaws(engine: Engine) -> Iterator[str]:
    """Judge everything again: the stored accounts, verdicts, anomalies and windows must come out."""
    accounts = {account.account_id: account for account in engine.store.baselines()}
    began = {account_id: account.sequence for account_id, account in accounts.items()}
    windows = {_key(a.blind_window): a.blind_window for a in accounts.values() if a.blind_window}
    entries = sorted(engine.store.ledger(), key=lambda entry: entry.account_id)
    for account_id, group in groupby(entries, key=lambda entry: entry.account_id):
        accounts.setdefault(account_id, Account(account_id))
        for entry in group:
            decision = decide(accounts[account_id], entry.event, engine.policy)
            accounts[account_id] = decision.after
            yield from _entry_flaws(entry, decision)
            if (window := decision.blind_window) is not None:
                windows[_key(window)] = window
    yield from _differences("account", accounts.values(), engine.accounts())
    stored = [w for w in engine.blind_windows() if w.sequence > began.get(w.account_id, 0) or _key(w) in windows]
    yield from _differences("blind window", windows.values(), stored)  # of those that ended before, nothing follows


def _key(window: BlindWindow) -> tuple[str, int]:
    return window.account_id, window.sequence


def _entry_flaws(entry: LedgerEntry, decision: Decision) -> Iterator[str]:
    place = f"{entry.account_id}, event {entry.sequence}"
    if entry.sequence != decision.sequence:
        yield f"{place}: {decision.sequence} was to come"
    anomalies = decision.anomalies
    if entry.is_erased and entry.anomalies:  # that it was the first to name the owner cannot be known any more
        anomalies = tuple([a._replace(other_channel=entry.anomalies[0].other_channel) for a in anomalies])
    judged = (decision.verdict, decision.before.situation, decision.after.situation, anomalies)
    if judged != (entry.verdict, entry.before, entry.after, entry.anomalies):
        yield f"{place}: judged again, it comes out otherwise"


def _differences(kind: str, judged: Iterable[object], stored: Iterable[object]) -> Iterator[str]:
    expected, found = set(judged), set(stored)
    yield from (f"stored {kind} that does not follow from the ledger: {one}" for one in found - expected)
    yield from (f"{kind} that follows from the ledger but is not stored: {one}" for one in expected - found)

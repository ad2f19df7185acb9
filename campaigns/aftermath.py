"""Judge a store after an operation that was disturbed.

It must be as before the operation or as after it, hold everything that the caller was promised, contradict itself
nowhere, and be usable.
"""

import gzip
import shutil
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import apsw

from account_lifecycle import Account, Engine, HookCall
from account_lifecycle.records import LedgerEntry
from account_lifecycle.testing import Clock

from .invariants import flaws
from .operations import ARCHIVE, BACKUP, ERASED, STORE, Operation, opened
from .processes import Board
from .webhooks import LATER, feed_on, names, run_hooks_for_days, webhooks

COMPLETED = ("opened", "erased", "pruned")
"""Notes that are posted only after their operation is complete."""
SAME = "as it was to stay"


class State(NamedTuple):
    """What a store holds."""

    version: int
    ledger: tuple[LedgerEntry, ...] = ()
    accounts: tuple[Account, ...] = ()


class Known(NamedTuple):
    """What is known of an operation from doing it undisturbed."""

    before: State
    after: State
    calls: Counter[str]
    awaited: frozenset[str]
    """The keys of the effects that hooks wait for in the end."""


def judge(operation: Operation, known: Known, board: Board, store: Path) -> tuple[str, list[str]]:
    """Return the state that the store is in, and what is wrong with it."""
    state = state_of(store)
    outcome = _outcome(known, state)
    broken = [] if outcome else ["the store is neither as it was nor as it was to be"]
    broken += _telling_flaws(board, state, is_done=outcome in ("new", SAME))
    broken += [*_backup_flaws(board, store, known), *_archive_flaws(store), *_erasure_flaws(board, store)]
    broken += _going_on_flaws(operation, known, board, store, is_fed=outcome in ("new", SAME))
    return outcome or "neither", broken


def _telling_flaws(board: Board, state: State, *, is_done: bool) -> list[str]:
    """Return what was reported and is not so."""
    payloads = Counter(entry.payload.decode() for entry in state.ledger)
    broken = [
        f"acknowledged, but {payloads[text]} times in the ledger: {text[:80]}"
        for text in sorted(reported(board, "fed"))
        if payloads[text] != 1
    ]
    early = [note[0] for note in board.notes() if note[0] in COMPLETED and not is_done]
    return broken + [f"reported as {word}, but it is not" for word in early]


def _outcome(known: Known, state: State) -> str:
    """Return whether the store is as before or as after the operation; blank if it is neither."""
    if state == known.after:
        return SAME if known.before == known.after else "new"
    return "old" if state == known.before else ""


def state_of(store: Path) -> State:
    """Return what a store holds; a file without a schema holds nothing."""
    if not (store / STORE).exists():
        return State(0)
    db = apsw.Connection(str(store / STORE))
    version = next(iter(db.execute("PRAGMA user_version")))[0]
    db.close()
    if not version:
        return State(0)
    with opened(store, Clock()) as engine:
        return State(version, tuple(engine.store.ledger()), tuple(engine.accounts()))


def _backup_flaws(board: Board, store: Path, known: Known) -> list[str]:
    """What is wrong with a backup: it must be whole if there is one, and there if that was reported."""
    if not (store / BACKUP).exists():
        return (
            ["reported as backed up, but there is no backup"] if any(n[0] == "backed up" for n in board.notes()) else []
        )
    folder = store / "restored"
    folder.mkdir()
    shutil.copy(store / BACKUP, folder / STORE)
    state = state_of(folder)
    with opened(folder, Clock()) as engine:
        found = [f"the backup: {flaw}" for flaw in flaws(engine, folder / STORE)]
    return found if state == known.before else ["the backup is not whole", *found]


def _archive_flaws(store: Path) -> list[str]:
    """What is wrong with the archives that the store relies on: each must be there, and be what was taken out."""
    broken = []
    with opened(store, Clock()) as engine:
        segments = engine.store.segments()
    for segment in segments:
        content = (store / ARCHIVE).read_bytes() if (store / ARCHIVE).exists() else b""
        if sha256(content).hexdigest() != segment.archive_sha256:
            broken.append("events were taken out, but their archive is not what it was")
        elif len(gzip.decompress(content).splitlines()) != segment.events:
            broken.append("the archive has more or fewer events than were taken out")
    return broken


def _erasure_flaws(board: Board, store: Path) -> list[str]:
    """Return the payloads that are still in a file although they were reported as erased."""
    if not any(note[0] == "erased" for note in board.notes()):
        return []
    files = [file for file in store.iterdir() if file.name.startswith(STORE)]
    return [
        f"reported as erased, but it is in {file.name}: {payload.decode()[:80]}"
        for file in files
        for payload in ERASED
        if payload in file.read_bytes()
    ]


def _going_on_flaws(operation: Operation, known: Known, board: Board, store: Path, *, is_fed: bool) -> list[str]:
    """What is wrong with a store that is used again, and what hooks were not called for."""
    called = run_hooks_later(store) if operation.has_hooks else set()
    with opened(store, Clock(LATER)) as engine:
        quarantined = {one.payload.decode() for one in engine.quarantine()}
        feed_on(engine, webhooks(0, 3, names("after", 1)))
        found = _fed_on(engine) + flaws(engine, store / STORE)
    found += [
        f"reported as quarantined, but lost: {text[:80]}" for text in reported(board, "quarantined") - quarantined
    ]
    found += [f"done again although reported as done: {key}" for key in reported(board, "completed") & called]
    never = known.awaited - called - reported(board, "called") if is_fed else set()
    return found + [f"never done: {key}" for key in sorted(never)]


def _fed_on(engine: Engine) -> list[str]:
    return [] if len(engine.history("after-0")) == 3 else ["feeding does not go on"]


def run_hooks_later(store: Path) -> set[str]:
    """Run everything that is due long afterwards; the keys of what hooks are called for."""
    called: set[str] = set()

    def hook(call: HookCall) -> None:
        called.add(call.key)

    clock = Clock(LATER)
    with opened(store, clock, hook) as engine:
        run_hooks_for_days(engine, clock)
    return called


def reported(board: Board, word: str) -> set[str]:
    """Return what was reported with a word."""
    return {str(note[1]) for note in board.notes() if note[0] == word}

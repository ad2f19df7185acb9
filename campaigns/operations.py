"""The operations that the ``syscalls`` campaign disturbs, each done by a process of its own.

Each row says how the store is prepared and what is done; what the caller was promised is posted on the board.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from account_lifecycle import Decision, Engine, HookCall
from account_lifecycle.lifecycle.effects import EffectKind
from account_lifecycle.stores.admin import back_up
from account_lifecycle.testing import Clock

from .processes import Board
from .webhooks import Sent, feed_on, names, run_hooks_for_days, webhooks

STORE = "accounts.db"
BACKUP = "backup.db"
ARCHIVE = "archive.jsonl.gz"
ACCOUNTS = names("account", 4)
FED_BEFORE = webhooks(11, 40, ACCOUNTS)
FED_MEANWHILE = webhooks(12, 30, ACCOUNTS)
ERASED = [sent.payload for sent in FED_BEFORE if sent.account_id == ACCOUNTS[0]]
"""What must not be found in any file once the first account is reported as erased."""
CUT = FED_BEFORE[len(FED_BEFORE) // 2].received_at
"""What was received before this is taken out by pruning."""
HOOKED = (EffectKind.ENTERED, EffectKind.ANOMALY)


@dataclass
class Scene:
    """Where an operation takes place."""

    folder: Path
    board: Board
    engine: Engine | None = None
    """Open from the start, unless opening is what is tried."""

    @property
    def store(self) -> Engine:
        """The open store."""
        assert self.engine is not None
        return self.engine

    def has_posted(self, word: str) -> bool:
        """Return whether a note with this word was posted: then the operation is not tried again."""
        return any(note[0] == word for note in self.board.notes())


class Operation(NamedTuple):
    """Something that a process does to a store."""

    name: str
    prepare: Callable[[Path], None]
    """Makes the store in an empty folder."""
    act: Callable[[Scene], None]
    """Does it, and posts it on the board; may be called again after it raised ``StoreError``."""
    is_opening: bool = False
    has_hooks: bool = False
    checkpoint_pages: int = 0
    """After how many pages the write-ahead log is moved into the database; 0 for the store's own ways."""


@contextmanager
def opened(folder: Path, clock: Clock, hook: Callable[[HookCall], object] | None = None) -> Iterator[Engine]:
    """A store, with a hook if there is one."""
    engine = open_engine(folder, clock, hook)
    try:
        yield engine
    finally:
        engine.close()


def open_engine(folder: Path, clock: Clock, hook: Callable[[HookCall], object] | None = None) -> Engine:
    """Open a store without closing it."""
    engine = Engine.open(f"sqlite:///{folder / STORE}", clock=clock, observers=())
    if hook is not None:
        for kind in HOOKED:
            engine.subscribe(kind, None, hook, "campaign", since="beginning")
    return engine


# ---- Stores ----------------------------------------------------------------------------------------


def _no_store(folder: Path) -> None:
    del folder


def _a_store(folder: Path) -> None:
    with opened(folder, Clock()) as engine:
        feed_on(engine, FED_BEFORE)


def _a_small_store(folder: Path) -> None:
    """Few events, whose effects wait for hooks."""
    with opened(folder, Clock()) as engine:
        feed_on(engine, FED_BEFORE[:4])


def _a_settled_store(folder: Path) -> None:
    """Nothing waits for a hook any more."""
    clock = Clock()
    with opened(folder, clock, _succeed) as engine:
        feed_on(engine, FED_BEFORE)
        run_hooks_for_days(engine, clock)


def _succeed(call: HookCall) -> None:
    del call


# ---- Acts ------------------------------------------------------------------------------------------


def _feed_one(scene: Scene) -> None:
    _feed(scene, FED_MEANWHILE[0])


def _feed_batch(scene: Scene) -> None:
    payloads = (sent.as_received for sent in FED_MEANWHILE)
    refused: list[bytes] = []
    for decision in scene.store.feed_events(payloads, on_unreadable=lambda error: refused.append(error.payload)):
        scene.board.post("fed", _text(decision))
    for payload in refused:
        scene.board.post("quarantined", payload.decode())


def _feed_with_hooks(scene: Scene) -> None:
    if not scene.has_posted("fed"):
        _feed(scene, FED_MEANWHILE[0])
    _run_hooks(scene)


def _run_hooks(scene: Scene) -> None:
    for outcome in scene.store.run_hooks():
        if outcome.done:
            scene.board.post("completed", outcome.call.key)


def _feed_and_close(scene: Scene) -> None:
    if not scene.has_posted("fed"):
        _feed(scene, FED_MEANWHILE[0])
    scene.store.close()


def _open(scene: Scene) -> None:
    scene.engine = open_engine(scene.folder, Clock())
    scene.board.post("opened")


def _back_up(scene: Scene) -> None:
    back_up(scene.store.store, scene.folder / BACKUP)
    scene.board.post("backed up")


def _erase(scene: Scene) -> None:
    scene.store.erase_account(ACCOUNTS[0])
    scene.board.post("erased")


def _prune(scene: Scene) -> None:
    scene.store.prune(CUT, scene.folder / ARCHIVE)
    scene.board.post("pruned")


def _feed(scene: Scene, sent: Sent) -> None:
    scene.board.post("fed", _text(scene.store.feed_event(sent.payload, received_at=sent.received_at)))


def _text(decision: Decision) -> str:
    return bytes(getattr(decision.event, "payload", b"")).decode()


def _acknowledge_too_early(scene: Scene) -> None:
    sent = FED_MEANWHILE[0]
    scene.board.post("fed", sent.payload.decode())
    scene.store.feed_event(sent.payload, received_at=sent.received_at)


OPERATIONS: Sequence[Operation] = (
    Operation("one feed", _a_store, _feed_one),
    Operation("a batch", _a_store, _feed_batch),
    Operation("a feed with a checkpoint", _a_store, _feed_one, checkpoint_pages=1),
    Operation("a feed with hooks", _a_small_store, _feed_with_hooks, has_hooks=True),
    Operation("hooks of what waited", _a_small_store, _run_hooks, has_hooks=True),
    Operation("a feed and the closing", _a_store, _feed_and_close),
    Operation("the first opening", _no_store, _open, is_opening=True),
    Operation("a backup", _a_store, _back_up),
    Operation("an erasure", _a_store, _erase),
    Operation("a pruning", _a_settled_store, _prune),
)

CONTROL = Operation("a feed that is acknowledged too early", _a_store, _acknowledge_too_early)
"""The control: this must be noticed, or the campaign proves nothing."""

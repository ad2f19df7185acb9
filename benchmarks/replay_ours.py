"""The replay as a contender: from files, and from columns in memory; and the loops that bound it from below.

Each function prepares, off the clock, and says what is to be timed and what came of it.
"""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray
from replay_contract import Counts, Log, Ready

from account_lifecycle.lifecycle.anomalies import AnomalyKind
from account_lifecycle.lifecycle.policy import DEFAULT_POLICY
from account_lifecycle.replay import Audit, replay
from account_lifecycle.replay.columns import Chunk
from account_lifecycle.replay.judging import Judging
from account_lifecycle.replay.tables import (
    AFTER,
    FINISHES_SYNC,
    KNOWN_WORDS,
    SITUATIONS,
    START,
    packed_steps,
    rules_for,
)
from account_lifecycle.replay.vocabulary import Vocabulary

# ---- From a file to an audit ---------------------------------------------------------------------------


def audit_json_lines(log: Log) -> Ready:
    """JSON Lines -> audit, its report included."""
    return _audited(log.json_lines, log.sample.json_lines)


def audit_parquet(log: Log) -> Ready:
    """Parquet -> audit, its report included."""
    return _audited(log.parquet, log.sample.parquet)


def _audited(path: str, sample: str) -> Ready:
    def work(log: str = path) -> Audit:
        audit = replay(log)
        audit.report()
        return audit

    work(sample).close()
    return Ready(work, _audit_counts)


def _audit_counts(audit: Audit) -> Counts:
    words: Counter[str] = Counter()
    for crossed, count in audit.traffic.items():
        words[str(crossed.announced)] += count
    refused = {row.line for row in audit.refused()}
    assert len(refused) == audit.tally.refused, "a refused line was not kept"
    return {
        **_judged_counts(audit),
        "windows": len(audit.window_rows),
        "refused": audit.tally.refused,
        **{f"announced {word}": words[word] for word in ("OK", "DELETED", "CREDENTIALS")},
    }


def _judged_counts(audit: Audit) -> Counts:
    records = audit.fleet.arrays.records
    heard = records[records["sequence"] > 0]
    kinds: Counter[AnomalyKind] = Counter()
    for group in audit.tally.groups.ranked():
        kinds[group.kind] += group.count
    stuck = kinds.pop(AnomalyKind.STUCK, 0)
    counts = {"events": audit.events, "accounts": len(heard), "anomalies but STUCK": kinds.total(), "STUCK": stuck}
    return {**counts, **_standing(heard["situation"])}


def _standing(situations: NDArray[np.uint8]) -> Counts:
    """How many accounts are in which situation at the end."""
    counts = np.bincount(situations, minlength=len(SITUATIONS))
    return {f"in {number} at the end": int(count) for number, count in enumerate(counts)}


# ---- From columns in memory ----------------------------------------------------------------------------


def kernel(log: Log) -> Ready:
    """Columns in memory -> outcomes and findings: all that judging is, and nothing of reading or adding up."""
    vocabulary, chunks = _columns(log)

    def start() -> Judging:
        judging = Judging(vocabulary)
        judging.fleet.grow(len(vocabulary.accounts))
        return judging

    def work(judging: Judging, some: list[Chunk]) -> tuple[Judging, int]:
        return judging, sum(len(found.windows) for chunk in some for found in judging.judge(chunk))

    work(start(), chunks[:1])
    fresh = start()
    return Ready(lambda: work(fresh, chunks), lambda found: _kernel_counts(*found))


def _kernel_counts(judging: Judging, windows: int) -> Counts:
    records = judging.fleet.arrays.records
    heard = records[records["sequence"] > 0]
    counts = {"events": judging.events, "accounts": len(heard), "windows": windows}
    return {**counts, **_standing(heard["situation"])}


def _columns(log: Log) -> tuple[Vocabulary, list[Chunk]]:
    """A log in memory, as the kernel takes it."""
    from account_lifecycle.replay.sources.opening import open_sources

    vocabulary = Vocabulary()
    with open_sources([log.parquet], None) as sources:
        return vocabulary, [chunk for source in sources for chunk in source.chunks(vocabulary, datetime.now(UTC))]


# ---- Loops that know nothing but the table ------------------------------------------------------------------


class _Bare(NamedTuple):
    """A log as a table lookup needs it: what changes nothing by itself is a word of its own."""

    accounts: NDArray[np.int32]
    words: NDArray[np.uint8]
    steps: NDArray[np.uint8]
    """By situation and word."""
    states: NDArray[np.uint8]
    """By account."""


def lookup_loop(log: Log) -> Ready:
    """``state[a] = step[state[a], w]`` as one compiled loop: the floor."""
    bare = _bare(log)
    _look_up(bare.accounts[:1], bare.words, bare.steps, bare.states.copy())

    def work() -> NDArray[np.uint8]:
        _look_up(*bare)
        return bare.states

    return _looked_up(bare, work)


@numba.njit(boundscheck=False)
def _look_up(accounts, words, steps, states):  # type: ignore[no-untyped-def]
    for row in range(accounts.shape[0]):
        states[accounts[row]] = steps[states[accounts[row]], words[row]]


def lookup_numpy(log: Log, size: int = 1 << 18) -> Ready:
    """The same in numpy: a stretch at a time, and in it the first events of all accounts, then the second ones ..."""
    bare = _bare(log)

    def work() -> NDArray[np.uint8]:
        for begin in range(0, len(bare.accounts), size):
            _look_up_stretch(bare.accounts[begin : begin + size], bare.words[begin : begin + size], bare)
        return bare.states

    return _looked_up(bare, work)


def _look_up_stretch(accounts: NDArray[np.int32], words: NDArray[np.uint8], bare: _Bare) -> None:
    order = np.argsort(accounts, kind="stable")
    accounts, words = accounts[order], words[order]
    first = np.flatnonzero(np.append(True, accounts[1:] != accounts[:-1]))
    counts = np.diff(np.append(first, len(accounts)))
    for place in range(counts.max()):
        first, counts = first[counts > place], counts[counts > place]
        rows = first + place
        bare.states[accounts[rows]] = bare.steps[bare.states[accounts[rows]], words[rows]]


def lookup_dict(log: Log) -> Ready:
    """The same in plain Python: a dict of accounts, a list of lists."""
    bare = _bare(log)
    accounts, words, steps = bare.accounts.tolist(), bare.words.tolist(), bare.steps.tolist()

    def work() -> NDArray[np.uint8]:
        states: dict[int, int] = {}
        for account, word in zip(accounts, words, strict=True):
            states[account] = steps[states.get(account, START)][word]
        bare.states[list(states)] = list(states.values())
        return bare.states

    return _looked_up(bare, work)


def _looked_up(bare: _Bare, work: Callable[[], NDArray[np.uint8]]) -> Ready:
    counts = {"events": len(bare.accounts), "accounts": len(bare.states)}
    return Ready(work, lambda states: {**counts, **_standing(states)})


def _bare(log: Log) -> _Bare:
    vocabulary, chunks = _columns(log)
    accounts, words, told = (
        np.concatenate([getattr(chunk.columns, name) for chunk in chunks]) for name in ("account", "word", "provider")
    )
    provider = np.full(len(vocabulary.accounts), -1, np.int32)
    rows = np.flatnonzero(told >= 0)[::-1]
    provider[accounts[rows]] = told[rows]  # backwards, so that the first one stays
    announces = rules_for(DEFAULT_POLICY, vocabulary.providers, watches_deadlines=False).announces_sync
    is_sync = words == np.flatnonzero((packed_steps()[1] & FINISHES_SYNC).any(axis=0))[0]
    words = np.where(is_sync & (announces[provider[accounts] + 1] == 0), KNOWN_WORDS, np.minimum(words, KNOWN_WORDS))
    steps = np.column_stack([packed_steps()[1] & AFTER, np.arange(len(SITUATIONS))]).astype(np.uint8)
    states = np.full(len(provider), START, np.uint8)
    return _Bare(accounts, words.astype(np.uint8), steps, states)


def compiling(log: Log) -> Ready:
    """What the compiler costs, once on a machine."""
    paths = log.sample.json_lines, log.sample.parquet
    return Ready(lambda: [replay(path) for path in paths], lambda _: {})

"""Bit rot: flip single bits of live cells, each in a copy of a store; ``verify`` must notice each.

Half of the flips are spread over all live bytes, half evenly over the tables and indexes, however small. The store has
every kind of row.
"""

import argparse
import shutil
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import NamedTuple

from account_lifecycle import AccountLifecycleError, Engine, HookCall
from account_lifecycle.stores.reconciliations import Reconciliation
from account_lifecycle.testing import Clock

from .cells import Extent, live_extents
from .processes import scratch_folder
from .report import Report, conclude, silence_logs
from .webhooks import LATER, T0, feed_on, names, webhooks

TARGET = 0.99
"""Which share of the flips must be noticed."""
STORE = "accounts.db"


class Plan(NamedTuple):
    """The size of a run."""

    events: int = 2000
    flips: int = 400
    seed: int = 1


SHORT = Plan(events=300, flips=60)


class Flip(NamedTuple):
    """One bit of a live cell."""

    extent: Extent
    byte: int
    """Its place in the extent."""
    bit: int

    def __str__(self) -> str:
        tree, page, cell, part, offset, size = self.extent
        return (
            f"{tree.kind} {tree.name}, page {page}, cell {cell}, {part} byte {self.byte} of {size} "
            f"(file offset {offset + self.byte}, bit {self.bit})"
        )


class Flipped(NamedTuple):
    """The result of a flip."""

    flip: Flip
    named: str
    """What was found; blank if nothing was."""
    crashed: str
    """The unexpected error that ended verifying; blank if there was none."""
    context: str
    """The bytes around it, as they were."""

    @property
    def account(self) -> str:
        """Return why it was not named."""
        why = f"verifying crashed: {self.crashed}" if self.crashed else "nothing was found"
        return f"not named: {self.flip}: {why}; there was {self.context}"


def main(arguments: Sequence[str]) -> int:
    """Run the campaign with options of the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="campaigns bitrot", description=__doc__)
    parser.add_argument("--short", action="store_true", help="the size that the test suite runs")
    parser.add_argument("--flips", type=int, help=f"how many bits (default {Plan().flips})")
    parser.add_argument("--seed", type=int, help="choose other bits")
    parser.add_argument("--show", action="store_true", help="print what was found for every flip")
    options = parser.parse_args(arguments)
    chosen = {name: value for name in ("flips", "seed") if (value := getattr(options, name)) is not None}
    silence_logs()
    return conclude(run((SHORT if options.short else Plan())._replace(**chosen), show=options.show))


def run(plan: Plan, *, show: bool = False) -> Report:
    """Make a store, flip a bit in copies of it, verify each."""
    title = "flipped bits in a SQLite file"
    with scratch_folder() as folder:
        make_rich_store(folder / STORE, plan.events, plan.seed)
        assert not (folder / f"{STORE}-wal").exists(), "the store is checkpointed and closed"
        if any(whole := _verified(folder / STORE)):
            return Report(title, {}, (f"nothing was done to the store, and yet: {''.join(whole)}",))
        flipped = [_flip(folder, flip) for flip in choose(folder / STORE, plan)]
    return _report(title, flipped, show=show)


def _report(title: str, flipped: Sequence[Flipped], *, show: bool) -> Report:
    unnamed = [one for one in flipped if not one.named]
    share = 1 - len(unnamed) / len(flipped)
    figures: dict[str, object] = {
        "flips": len(flipped),
        "named": len(flipped) - len(unnamed),
        "not named": len(unnamed),
        "not named because verifying crashed": sum(bool(one.crashed) for one in unnamed),
        "share named": f"{share:.2%} (required: {TARGET:.0%})",
    }
    broken = [f"only {share:.2%} of the flips were named"] if share < TARGET else []
    details = [*_by_tree(flipped), *(one.account for one in unnamed)]
    details += [f"{one.flip}: {one.named}" for one in flipped if show and one.named]
    return Report(title, figures, tuple(broken), tuple(details))


def choose(path: Path, plan: Plan) -> list[Flip]:
    """Seeded bits: every other one anywhere in the live bytes, the rest the same number of each table and index."""
    random = Random(plan.seed)
    extents = list(live_extents(path))
    by_tree: dict[str, list[Extent]] = {}
    for extent in extents:
        by_tree.setdefault(extent.tree.name, []).append(extent)
    order = sorted(by_tree)
    random.shuffle(order)
    evenly = (by_tree[order[number % len(order)]] for number in count())
    return [_draw(next(evenly) if number % 2 else extents, random) for number in range(plan.flips)]


def _draw(extents: Sequence[Extent], random: Random) -> Flip:
    (extent,) = random.choices(extents, weights=[extent.size for extent in extents])
    return Flip(extent, random.randrange(extent.size), random.randrange(8))


def _flip(folder: Path, flip: Flip) -> Flipped:
    """Flip a bit in a copy of the store and see what is found."""
    place = flip.extent.offset + flip.byte
    content = bytearray((folder / STORE).read_bytes())
    context = repr(bytes(content[max(flip.extent.offset, place - 24) : place + 24]))
    content[place] ^= 1 << flip.bit
    copy = folder / "copy"
    copy.mkdir()
    try:
        (copy / STORE).write_bytes(content)
        return Flipped(flip, *_verified(copy / STORE), context)
    finally:
        shutil.rmtree(copy)


def _verified(path: Path) -> tuple[str, str]:
    """Return what verifying finds and the unexpected error that ended it; blank if there is none."""
    try:
        with Engine.open(f"sqlite:///{path}", clock=Clock(LATER), observers=()) as engine:
            found = engine.verify()
            return "" if found.is_intact else str(found.first), ""
    except AccountLifecycleError as error:
        return f"{type(error).__name__}: {error}", ""
    except Exception as error:  # nothing that a user could understand
        return "", f"{type(error).__name__}: {error}"


def _by_tree(flipped: Sequence[Flipped]) -> list[str]:
    """Return a line for each table and index: how many flips were named."""
    flips = Counter(one.flip.extent.tree for one in flipped)
    named = Counter(one.flip.extent.tree for one in flipped if one.named)
    width = max(len(tree.name) for tree in flips)
    return [
        f"{tree.name:{width}}  {tree.kind:5}  {named[tree]:3} of {number:3} named"
        for tree, number in sorted(flips.items(), key=lambda item: item[0].name)
    ]


# ---- The store that is flipped -----------------------------------------------------------------------

ATTEMPTS = 12
"""After so many runs, days apart, a hook that always fails is dead-lettered."""
LARGE = 12_000
"""The padding of webhooks that do not fit on a page, in bytes."""


def make_rich_store(path: Path, events: int, seed: int) -> None:
    """Write a checkpointed and closed file: about so many events, with every kind of row."""
    clock = Clock()
    url = f"sqlite:///{path}"
    accounts = names("account", max(4, events // 40))
    with Engine.open(url, clock=clock, observers=()) as engine:
        feed_on(engine, webhooks(seed, events * 7 // 10, accounts, padding=200))
        feed_on(engine, webhooks(seed + 1, events // 20, accounts, padding=LARGE))
        _run_hooks(engine, clock)
        engine.check_deadlines(LATER)
        _reconcile(engine)
        engine.erase_account(accounts[0])
        engine.prune(T0 + timedelta(minutes=events // 10), path.with_name("archive.jsonl.gz"))
    with Engine.open(url, clock=clock, observers=()) as engine:  # without hooks: what comes of it waits
        feed_on(engine, webhooks(seed + 2, events // 4, accounts, padding=200))


def _run_hooks(engine: Engine, clock: Clock) -> None:
    """Leave deliveries that are done, that failed, and that are dead-lettered."""
    engine.on_connected(_succeed, name="succeed", since="beginning")
    engine.on_recovered(_succeed, name="succeed", since="beginning")
    engine.on_creation_failed(_fail, name="fail", since="beginning")
    for _ in range(ATTEMPTS):
        clock.now += timedelta(days=1)
        engine.run_hooks()


def _reconcile(engine: Engine) -> None:
    """Leave the row of a run over a vendor's list, of which nothing differed."""
    begun = engine.now()
    number = engine.store.begin_reconciliation(begun, begun + timedelta(minutes=10))
    engine.store.end_reconciliation(Reconciliation(number, begun, begun + timedelta(seconds=9), is_whole=True))


def _succeed(call: HookCall) -> None:
    del call


def _fail(call: HookCall) -> None:
    raise ConnectionError(f"no receiver for {call.key}")

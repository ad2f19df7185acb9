"""Bit rot: single bits of live cells are flipped, each in a copy of a store, and verifying must notice.

Half of the flips are spread over all live bytes, half of them evenly over tables and indexes, however small.
"""

import argparse
import shutil
from collections import Counter
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from random import Random
from typing import NamedTuple

from account_lifecycle import AccountLifecycleError, Engine
from account_lifecycle.testing import Clock

from .cells import Extent, live_extents
from .invariants import flaws
from .report import Report, conclude, silence_logs
from .rich_store import make_rich_store
from .scratch import scratch_folder
from .webhooks import LATER

TARGET = 0.99
"""How many of the flips must be noticed."""
STORE = "accounts.db"


class Plan(NamedTuple):
    """How much is done."""

    events: int = 2000
    flips: int = 400
    seed: int = 1


SHORT = Plan(events=300, flips=40)


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


class Spoiled(NamedTuple):
    """What became of a flip."""

    flip: Flip
    named: str
    """What was found; blank if nothing was."""
    stumbled: str
    """By which error verifying ended that nobody could make sense of; blank if it came to an end."""
    context: str
    """The bytes around it, as they were."""

    @property
    def account(self) -> str:
        """What is to be said of it when it was not named."""
        why = f"verifying stumbled: {self.stumbled}" if self.stumbled else "nothing was found"
        return f"not named: {self.flip}: {why}; there was {self.context}"


def main(arguments: Sequence[str]) -> int:
    """Run the campaign as told on the command line; its exit code."""
    parser = argparse.ArgumentParser(prog="campaigns bitrot", description=__doc__)
    parser.add_argument("--short", action="store_true", help="as much as the test suite does")
    parser.add_argument("--flips", type=int, help=f"how many bits (default {Plan().flips})")
    parser.add_argument("--seed", type=int, help="for other bits than usual")
    parser.add_argument("--show", action="store_true", help="tell for every flip what was found")
    options = parser.parse_args(arguments)
    chosen = {name: value for name in ("flips", "seed") if (value := getattr(options, name)) is not None}
    silence_logs()
    return conclude(run((SHORT if options.short else Plan())._replace(**chosen), show=options.show))


def run(plan: Plan, *, show: bool = False) -> Report:
    """Make a store, spoil copies of it, verify each."""
    title = "flipped bits in a SQLite file"
    with scratch_folder() as folder:
        make_rich_store(folder / STORE, plan.events, plan.seed)
        assert not (folder / f"{STORE}-wal").exists(), "the store is checkpointed and closed"
        if any(whole := _verified(folder / STORE)):
            return Report(title, {}, (f"nothing was done to the store, and yet: {''.join(whole)}",))
        spoiled = [_spoil(folder, flip) for flip in choose(folder / STORE, plan)]
    return _report(title, spoiled, show=show)


def _report(title: str, spoiled: Sequence[Spoiled], *, show: bool) -> Report:
    unnamed = [one for one in spoiled if not one.named]
    share = 1 - len(unnamed) / len(spoiled)
    figures: dict[str, object] = {
        "verified by": "engine.verify()" if hasattr(Engine, "verify") else "the campaigns' own invariants",
        "flips": len(spoiled),
        "named": len(spoiled) - len(unnamed),
        "not named": len(unnamed),
        "not named because verifying stumbled": sum(bool(one.stumbled) for one in unnamed),
        "share named": f"{share:.2%} (wanted: {TARGET:.0%})",
    }
    broken = [f"only {share:.2%} of the flips were named"] if share < TARGET else []
    details = [*_by_tree(spoiled), *(one.after for one in unnamed)]
    details += [f"{one.flip}: {one.named}" for one in spoiled if show and one.named]
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


def _spoil(folder: Path, flip: Flip) -> Spoiled:
    """Flip a bit in a copy of the store and see what is found."""
    place = flip.extent.offset + flip.byte
    content = bytearray((folder / STORE).read_bytes())
    context = repr(bytes(content[max(flip.extent.offset, place - 24) : place + 24]))
    content[place] ^= 1 << flip.bit
    copy = folder / "copy"
    copy.mkdir()
    try:
        (copy / STORE).write_bytes(content)
        return Spoiled(flip, *_verified(copy / STORE), context)
    finally:
        shutil.rmtree(copy)


def _verified(path: Path) -> tuple[str, str]:
    """What is found to be wrong with a store, and which error it ended by; blanks if nothing is, and none."""
    try:
        with Engine.open(f"sqlite:///{path}", clock=Clock(LATER), observers=()) as engine:
            return _finding(engine, path), ""
    except AccountLifecycleError as error:
        return f"{type(error).__name__}: {error}", ""
    except Exception as error:  # what a user would have to make sense of
        return "", f"{type(error).__name__}: {error}"


def _finding(engine: Engine, path: Path) -> str:
    verify = getattr(engine, "verify", None)
    if verify is None:
        return next(iter(flaws(engine, path)), "")
    found = verify()
    return "" if found.is_intact else str(found.first)


def _by_tree(spoiled: Sequence[Spoiled]) -> list[str]:
    """A table: for each table and index how many flips were named."""
    flips = Counter(one.flip.extent.tree for one in spoiled)
    named = Counter(one.flip.extent.tree for one in spoiled if one.named)
    width = max(len(tree.name) for tree in flips)
    return [
        f"{tree.name:{width}}  {tree.kind:5}  {named[tree]:3} of {number:3} named"
        for tree, number in sorted(flips.items(), key=lambda item: item[0].name)
    ]

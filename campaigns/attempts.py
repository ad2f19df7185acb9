"""The attempts that hooks reported, and what must hold between them: order, causes and fencing tokens."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from .processes import reported

Aim = tuple[str, str, int]
"""What an attempt is at: the hook's name, the account, and the sequence of the event."""


class Attempt(NamedTuple):
    """One call of a hook."""

    pid: int
    aim: Aim
    token: int


class Attempts(NamedTuple):
    """Everything that was reported, in order."""

    begins: tuple[Attempt, ...]
    failures: frozenset[Attempt]
    completions: tuple[Attempt, ...]
    stale: int
    """How many completions were refused because the lease was lost to another worker."""

    @classmethod
    def read(cls, log: Path) -> "Attempts":
        """Read what was reported until now."""
        lines = reported(log)
        found = {
            word: [
                Attempt(pid, (name, account_id, sequence), token) for pid, name, account_id, sequence, token in facts
            ]
            for word in ("begun", "failed", "done")
            for facts in [[line[1:] for line in lines if line[0] == word]]
        }
        stale = sum(line[0] == "stale" for line in lines)
        return cls(tuple(found["begun"]), frozenset(found["failed"]), tuple(found["done"]), stale)

    @property
    def begun(self) -> int:
        """How many calls were begun."""
        return len(self.begins)

    @property
    def failed(self) -> int:
        """How many calls reported that they failed."""
        return len(self.failures)

    @property
    def deliveries(self) -> int:
        """How many deliveries were tried at all."""
        return len({attempt.aim for attempt in self.begins})

    @property
    def completed_again(self) -> int:
        """How many completions there are beyond the first of each delivery."""
        return len(self.completions) - len({attempt.aim for attempt in self.completions})

    @property
    def in_hand(self) -> set[int]:
        """The processes with an attempt that has begun and not ended."""
        ended = {*self.failures, *self.completions}
        return {attempt.pid for attempt in self.begins if attempt not in ended}

    def inversions(self) -> list[str]:
        """Deliveries whose first completion came before that of an earlier one of their lane."""
        latest: dict[tuple[str, str], int] = {}
        found, seen = [], set[Aim]()
        for attempt in self.completions:
            name, account_id, sequence = attempt.aim
            if attempt.aim in seen:
                continue
            seen.add(attempt.aim)
            if sequence < latest.get((name, account_id), 0):
                found.append(f"{name} was done for event {sequence} of {account_id} after a later one")
            latest[name, account_id] = max(sequence, latest.get((name, account_id), 0))
        return found

    def unexplained(self, interrupted: Collection[int]) -> list[str]:
        """Attempts that were followed by another although they did not fail and their process was not interrupted."""
        return [
            f"{attempt.aim} was tried again although the attempt with token {attempt.token} was not interrupted"
            for attempts in self._by_aim()
            for attempt in attempts[:-1]
            if attempt not in self.failures and attempt.pid not in interrupted
        ]

    def backward_tokens(self, interrupted: Collection[int]) -> list[str]:
        """Deliveries whose fencing token did not grow with every attempt.

        A process that was stopped between its claim and its call makes the call when it wakes, with a token that is
        stale by then, which is what tokens are for.
        """
        tokens = [
            (aim, [attempt.token for attempt in self.begins if attempt.aim == aim and attempt.pid not in interrupted])
            for aim in {attempt.aim for attempt in self.begins}
        ]
        twice = len(self.begins) - len({(attempt.aim, attempt.token) for attempt in self.begins})
        found = [f"{aim}: its tokens were {of_aim}" for aim, of_aim in tokens if of_aim != sorted(of_aim)]
        return [*found, *([f"{twice} tokens were given twice"] if twice else [])]

    def _by_aim(self) -> Iterator[list[Attempt]]:
        """The attempts at each delivery, in the order of their claims."""
        by_aim: dict[Aim, list[Attempt]] = defaultdict(list)
        for attempt in self.begins:
            by_aim[attempt.aim].append(attempt)
        return (sorted(attempts, key=lambda attempt: attempt.token) for attempts in by_aim.values())

"""What the codes of a replay stand for: accounts, names, and the vendor's words as they are compared.

Knows that a word may be spelt in many ways and means one thing, as ``payloads`` reads it. It must never know how
events are stored.
"""

from collections.abc import Callable, Iterable

import numpy as np

from ..intake.payloads import product_of, provider_of, status_of
from ..lifecycle import definition
from ..lifecycle.providers import PROFILES
from .coding import NONE, Codes, Int32s

BLANK = -2
"""The meaning of a spelling that says nothing."""


class Words:
    """Spellings, and what each means: a word as it is compared, by a number of its own."""

    def __init__(self, read: Callable[[str], str | None], known: Iterable[str]) -> None:
        self.spellings = Codes(are_few=True)
        self._read = read
        self._words: list[str] = []
        self._numbers: dict[str, int] = {}
        self._meanings = np.zeros(0, np.int32)
        for word in known:
            self.number(word)

    def __len__(self) -> int:
        return len(self._words)

    def __getitem__(self, number: int) -> str:
        return self._words[number]

    def number(self, word: str) -> int:
        """The number of a word as it is compared, a new one if it was never met."""
        number = self._numbers.setdefault(word, len(self._words))
        if number == len(self._words):
            self._words.append(word)
        return number

    def meanings(self, spelt: Int32s) -> Int32s:
        """What spellings mean, by their codes: a word's number, ``BLANK``, or ``NONE`` where there is none."""
        known = max(len(self._meanings) - 1, 0)
        if known < len(self.spellings):
            read = [self._meaning(self.spellings[code]) for code in range(known, len(self.spellings))]
            # the last entry is what the code -1 finds
            self._meanings = np.concatenate([self._meanings[:known], np.array([*read, NONE], np.int32)])
        return self._meanings[spelt] if len(self._meanings) else np.full(len(spelt), NONE, np.int32)

    def _meaning(self, spelling: str) -> int:
        word = self._read(spelling)
        return self.number(word) if word else BLANK


class Vocabulary:
    """Everything that columns refer to by number. It grows as a log is read, and no number ever changes."""

    def __init__(self) -> None:
        self.accounts = Codes()
        self.names = Codes()
        self.words = Words(status_of, definition.ANNOUNCEMENTS)
        """Announcements first, in the definition's order; then words that this version does not know."""
        self.providers = Words(provider_of, (str(provider) for provider in PROFILES))
        """Families first, in the order of their profiles; then account types that this version does not know."""
        self.products = Words(product_of, ("",))
        """0 is the blank product."""

"""Rows of codes as the domain's own records.

Knows how anomalies and blind windows are packed by the kernel, and unpacks them one at a time.
"""

from datetime import datetime

import numpy as np

from ..lifecycle.anomalies import AnomalyKind
from ..lifecycle.explain import Anomaly
from ..lifecycle.windows import BlindWindow
from .fleet import NOTHING_ANNOUNCED, causes_of, time_of
from .tables import ANNOUNCEMENTS, KINDS, SITUATIONS
from .vocabulary import Vocabulary

_DETAIL_IS_PROVIDER = (AnomalyKind.PROVIDER_CHANGED, AnomalyKind.UNKNOWN_PROVIDER)


def anomaly_of(row: np.void, words: Vocabulary) -> Anomaly:
    """An anomaly as ``decide`` would have made it."""
    kind, announced = KINDS[row["kind"]], int(row["announced"])
    word = int(row["word"])
    return Anomaly(
        kind,
        words.accounts[int(row["account"])],
        int(row["sequence"]),
        _time(row["at"]),
        ANNOUNCEMENTS[word] if word < len(ANNOUNCEMENTS) else words.words[word],
        SITUATIONS[row["before"]],
        words.providers[int(row["provider"])] if row["provider"] >= 0 else None,
        time_of(row["since"]),
        None if announced == NOTHING_ANNOUNCED else ANNOUNCEMENTS[announced],
        time_of(row["heard"]),
        detail_of(kind, int(row["detail"]), words),
    )


def detail_of(kind: AnomalyKind, detail: int, words: Vocabulary) -> str:
    """The odd word of an anomaly, or the seconds that were allowed; blank where there is none."""
    if kind in _DETAIL_IS_PROVIDER:
        return words.providers[detail]
    if kind is AnomalyKind.UNEXPECTED_PRODUCT:
        return words.products[detail]
    return str(detail) if kind is AnomalyKind.STUCK else ""


def window_of(row: np.void, words: Vocabulary) -> BlindWindow:
    """A blind window that is over."""
    return BlindWindow(
        words.accounts[int(row["account"])],
        int(row["sequence"]),
        time_of(row["ok"]),
        _time(row["opened"]),
        _time(row["closed"]),
        bool(row["recovered"]),
        causes_of(int(row["causes"])),
    )


def _time(microseconds: int) -> datetime:
    at = time_of(microseconds)
    assert at is not None
    return at

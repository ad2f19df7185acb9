"""Events in, findings out: what runs on the executors, the same for a batch and for a stream.

Knows how findings are tagged, and that the kernel judges. It must never know how events were brought together.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..lifecycle.policy import Policy
from ..replay.arrow import (
    ACCOUNTS_AT_A_TIME,
    accounts_batch,
    anomalies_batch,
    known_accounts,
    open_windows,
    windows_batch,
)
from ..replay.columns import Chunk
from ..replay.judging import Judging
from ..replay.kernel import ANOMALY, VERDICT_SHIFT
from ..replay.tables import KINDS, NEVER
from ..replay.vocabulary import Vocabulary
from .events import EventReader
from .schemas import VERDICTS, Tagged, anomaly_schema, event_schema, findings_schema, refused_schema

Numbers = NDArray[np.integer[Any]]

_LAST = NEVER - 1
"""Later than any deadline."""


class Rulebook(NamedTuple):
    """What executors are told; it is sent to them as it is."""

    policy: Policy
    watches_deadlines: bool
    position: pa.DataType
    """Of what type positions are."""

    def begin(self) -> Judging:
        """A fleet of which nothing was heard."""
        return Judging(Vocabulary(), self.policy, watches_deadlines=self.watches_deadlines)


class Court:
    """Judges events, and tags what is found."""

    def __init__(self, rulebook: Rulebook, judging: Judging) -> None:
        self.judging = judging
        self._reader = EventReader(judging.vocabulary)
        self._position = rulebook.position
        self._events = event_schema(rulebook.position)
        self._tagged = Tagged(findings_schema(rulebook.position))
        self._verdicts = np.zeros(len(VERDICTS), np.int64)
        self._kinds = np.zeros(len(KINDS), np.int64)

    def judge(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """Judge events in the order in which they are; the findings but for accounts and open windows."""
        events, columns, refused = self._reader.read(batch.cast(self._events))
        if refused.num_rows:
            told = refused.select(refused_schema(self._position).names)
            yield self._tagged("refused", {"refused": told})
        for found in self.judging.judge(Chunk(columns, accounts=len(self.judging.vocabulary.accounts))):
            if len(found.anomalies):
                self._kinds += np.bincount(found.anomalies["kind"], minlength=len(KINDS))
                yield self._anomalies(found.anomalies, events.column("position"))
            if len(found.windows):
                yield self._windows(found.windows)
        verdicts = self.judging.found.outcomes >> VERDICT_SHIFT & 3
        self._verdicts += np.bincount(verdicts, minlength=len(VERDICTS))

    def totals(self) -> pa.RecordBatch:
        """What was judged so far, in one row."""
        judging = self.judging
        totals = {
            "events": judging.events,
            "verdicts": self._verdicts.tolist(),
            "kinds": self._kinds.tolist(),
            "first_us": judging.first_at,
            "last_us": judging.last_at,
        }
        return self._tagged("totals", {"totals": pa.array([totals], self._tagged.schema.field("totals").type)})

    def close(self, accounts: Numbers | None = None) -> Iterator[pa.RecordBatch]:
        """Some accounts (else all) and their open windows. The fleet is of no use afterwards."""
        fleet = self.judging.fleet
        accounts = known_accounts(fleet) if accounts is None else accounts
        parts = [accounts[first : first + ACCOUNTS_AT_A_TIME] for first in range(0, len(accounts), ACCOUNTS_AT_A_TIME)]
        for part in parts:
            rows = open_windows(fleet, part)
            if len(rows):
                yield self._windows(rows)
        taken = [accounts_batch(fleet, part) for part in parts]
        overdue = self._overdue()
        for part, told in zip(parts, taken, strict=True):
            columns = {"account_id": told["account_id"], "as_of": told["sequence"], "account": told}
            yield self._tagged("account", {**columns, "overdue": self._overdue_of(part, overdue)})

    def _windows(self, rows: NDArray[np.void]) -> pa.RecordBatch:
        told = windows_batch(rows, self.judging.vocabulary)
        as_of = self.judging.fleet.arrays.records["sequence"][rows["account"]].astype(np.int64)
        return self._tagged("window", {"account_id": told["account_id"], "as_of": pa.array(as_of), "window": told})

    def _anomalies(self, rows: NDArray[np.void], positions: pa.Array) -> pa.RecordBatch:
        told = self._told(rows, positions)
        columns = {"account_id": told["account_id"], "as_of": told["sequence"], "anomaly": told}
        return self._tagged("anomaly", columns)

    def _told(self, rows: NDArray[np.void], positions: pa.Array) -> pa.RecordBatch:
        """Anomalies, with the positions of their events instead of the rows that these had in the batch."""
        told = anomalies_batch(rows, self.judging.vocabulary)
        line = rows["line"].astype(np.int64)
        schema = anomaly_schema(self._position)
        places = (
            positions.take(pa.array(line - 1, mask=line == 0))
            if len(positions)
            else pa.nulls(len(rows), self._position)
        )
        columns = [places if name == "position" else told[name] for name in schema.names]
        return pa.RecordBatch.from_arrays(columns, schema=schema)

    def _overdue(self) -> NDArray[np.void]:
        """By account, what is to be reported of it if nothing more is heard; its line is 0, or -1 for nothing."""
        overdue = np.zeros(len(self.judging.fleet), ANOMALY)
        overdue["line"] = -1
        for found in self.judging.end(_LAST):
            overdue[found.anomalies["account"]] = found.anomalies
        return overdue

    def _overdue_of(self, accounts: Numbers, overdue: NDArray[np.void]) -> pa.Array:
        rows = overdue[accounts]
        is_due = rows["line"] == 0
        told = self._told(rows[is_due], pa.nulls(0, self._position)).to_struct_array()
        places = np.cumsum(is_due) - 1
        return told.take(pa.array(places, mask=~is_due))

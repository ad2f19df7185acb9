"""What a replay finds, on its way into files and out of them again.

Findings are written as they come, some thousands at a time, so that they need no memory however many there are. Each
row begins with its position (``loop``); the rows of one file are in that order, and those of several shards are merged
by it. Tables are made of the rows when somebody asks for them, a batch at a time.
"""

import json
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import cache
from heapq import merge
from itertools import chain
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, get_type_hints

import msgspec

from ..lifecycle.account import Account
from ..lifecycle.explain import Anomaly
from ..lifecycle.machine import Situation, situation_of
from ..lifecycle.status import Status
from ..lifecycle.windows import BlindWindow
from ..lifecycle.wording import time_text
from ..outputs.drafts import drafted

if TYPE_CHECKING:
    import pyarrow as pa

SPILL_ROWS = 4096
"""How many rows are written at a time."""
SPILL_BYTES = 1 << 22
"""How many bytes from outside wait at most to be written."""
BATCH = 65_536
"""How many rows an Arrow batch has."""

FindingRow = tuple[Any, ...]


class RefusedLine(NamedTuple):
    """A line that is no readable event."""

    source: str
    line: int
    """From 1: the line, the row, or the element of an array."""
    received_at: datetime | None
    """When it was received, if its log says."""
    field: str
    reason: str
    raw: bytes
    """The payload, or the line if no payload could be found in it, up to the limit of a payload; blank for another
    kind of webhook, whose text is not kept."""
    foreign: str = ""
    """Which other kind of webhook it is; blank if it is none that is known."""

    def record(self) -> dict[str, object]:
        """Return it as the side file keeps it: base64 where it is no UTF-8, which a flag says."""
        try:
            raw, is_base64 = self.raw.decode(), False
        except UnicodeDecodeError:
            raw, is_base64 = b64encode(self.raw).decode("ascii"), True
        at = time_text(self.received_at)
        return {**self._asdict(), "received_at": at, "raw": raw, "raw_is_base64": is_base64}


class PlacedAnomaly(NamedTuple):
    """An anomaly and where it was found."""

    position: int
    source: str | None
    """The log that its event is from; None for a deadline that nobody recorded."""
    line: int | None
    """The place of its event there, from 1."""
    status_after: Status
    anomaly: Anomaly


account_fields = attrgetter(*Account.__slots__)
"""Return the fields of an account, of which ``Account(*fields)`` makes it again."""
_types = get_type_hints(Account)
AccountFields: Any = tuple[tuple(_types[name] for name in Account.__slots__)]  # type: ignore[misc]
"""The type of what ``account_fields`` returns."""


def _as_key(value: Any) -> Any:
    """Return what stands for a situation in a file; msgspec asks for it."""
    return value.key


def _from_key(_kind: type, key: Any) -> Situation:
    status, exists, lost, needs_user = key
    return situation_of(Status(status), exists, lost, needs_user)


encode = msgspec.msgpack.Encoder(enc_hook=_as_key).encode
"""Return rows, or the fields of accounts, as MessagePack: in words, not in codes."""


def decoder(kind: Any) -> Callable[[bytes], Any]:
    """Return what makes rows of a type of what ``encode`` has made of them."""
    return msgspec.msgpack.Decoder(kind, dec_hook=_from_key).decode


_DECODERS = {
    "anomalies": decoder(list[PlacedAnomaly]),
    "windows": decoder(list[tuple[int, BlindWindow]]),
    "accounts": decoder(list[tuple[int, AccountFields]]),
    "moves": decoder(list[tuple[int, datetime, str | None, Status, str]]),
    "refused": decoder(list[tuple[int, str, int, datetime | None, str, str, bytes, str]]),
}
"""By the name of a file, what is in it."""


class Spill:
    """Rows in a file that is made with the first of them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._waiting: list[FindingRow] = []
        self._weight = 0

    def add(self, row: FindingRow, weight: int = 0) -> None:
        """Append a row, which holds about ``weight`` bytes from outside."""
        self._waiting.append(row)
        self.count += 1
        self._weight += weight
        if len(self._waiting) >= SPILL_ROWS or self._weight > SPILL_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if self._waiting:
            data = encode(self._waiting)
            with self.path.open("ab") as file:
                file.write(len(data).to_bytes(8, "little") + data)
            self._waiting, self._weight = [], 0


class Findings:
    """The files of one shard."""

    def __init__(self, folder: Path) -> None:
        self.anomalies = Spill(folder / "anomalies")
        self.windows = Spill(folder / "windows")
        self.accounts = Spill(folder / "accounts")
        self.refused = Spill(folder / "refused")
        self.moves = Spill(folder / "moves")

    def flush(self) -> None:
        """Write what waits in any of them."""
        for rows in (self.anomalies, self.windows, self.accounts, self.refused, self.moves):
            rows.flush()


def rows_in(folders: Sequence[Path], name: str) -> Iterator[Any]:
    """Yield the rows of all shards under one name, in the order of their positions."""
    files = [folder / name for folder in folders if (folder / name).exists()]
    if len(files) == 1:
        return _rows(files[0])
    return merge(*map(_rows, files), key=itemgetter(0))


def _rows(path: Path) -> Iterator[Any]:
    decode = _DECODERS[path.name]
    with path.open("rb") as file:
        while size := file.read(8):
            yield from decode(file.read(int.from_bytes(size, "little")))


def write_refused(lines: Iterable[RefusedLine], path: Path) -> None:
    """Write refused lines as JSON Lines; no line, no file. Raise ``OutputError`` if there is a file of that name."""
    each = iter(lines)
    if (first := next(each, None)) is not None:
        with drafted(path) as draft:
            draft.text().writelines(json.dumps(line.record()) + "\n" for line in chain([first], each))


# ---- Arrow ---------------------------------------------------------------------------------------------


class Schemas(NamedTuple):
    """The columns of each table, wherever it is made."""

    anomalies: "pa.Schema"
    """``position`` is the line in its source; both are null for a deadline that nobody recorded."""
    windows: "pa.Schema"
    """``closed_at`` is null while a window is open."""
    accounts: "pa.Schema"


@cache
def schemas() -> Schemas:
    """Return the schemas; needs pyarrow."""
    import pyarrow as pa

    text, whole, flag, at, words = pa.string(), pa.int64(), pa.bool_(), pa.timestamp("us", "UTC"), pa.list_(pa.string())
    return Schemas(
        pa.schema(
            {
                "kind": text, "severity": text, "account_id": text, "sequence": whole, "at": at, "announced": text,
                "status_before": text, "status_after": text, "provider": text, "detail": text, "reason": text,
                "since": at, "last_announced": text, "last_heard_at": at, "source": text, "position": whole,
            }
        ),
        pa.schema(
            {
                "account_id": text, "sequence": whole, "opened_at": at, "backfill_from": at, "closed_at": at,
                "recovered": flag, "estimated": flag, "causes": words,
            }
        ),
        pa.schema(
            {
                "account_id": text, "status": text, "health": text, "exists": flag, "lost": flag, "needs_user": flag,
                "born": flag, "provider": text, "owner": text, "since": at, "stuck": flag, "presumed": flag,
                "doubtful": flag, "reason": text, "sequence": whole, "known_since": at, "signed_in_at": at,
                "last_live_at": at, "last_announced": text, "last_product": text, "last_heard_at": at,
                "synced_products": words,
            }
        ),
    )  # fmt: skip


def anomaly_cells(found: Anomaly, status_after: Status) -> FindingRow:
    """Return an anomaly as the table has it, without its source and its position."""
    return (
        found.kind.value, found.severity.value, found.account_id, found.sequence, found.at, str(found.announced),
        found.situation.status.value, status_after.value, _text(found.provider), found.detail, found.reason,
        found.since, _text(found.last_announced), found.last_heard_at,
    )  # fmt: skip


def window_cells(window: BlindWindow) -> FindingRow:
    """Return a blind window as the table has it."""
    return (*window[:7], [cause.value for cause in window.causes])


def account_cells(account: Account) -> FindingRow:
    """Return an account as the table has it."""
    last = account.last_accepted
    return (
        account.account_id, account.status.value, account.health.value, account.exists, account.lost,
        account.needs_user, account.born, _text(account.provider), account.owner, account.since, account.stuck,
        account.presumed, account.doubtful, account.reason, account.sequence, account.known_since,
        account.signed_in_at, account.last_live_at, None if last is None else str(last.status),
        "" if last is None else last.product or "", None if last is None else last.at,
        sorted(account.synced_products),
    )  # fmt: skip


def batches(rows: Iterable[FindingRow], schema: "pa.Schema", size: int = BATCH) -> Iterator["pa.RecordBatch"]:
    """Yield rows as Arrow record batches, so many rows at a time."""
    waiting: list[FindingRow] = []
    for row in rows:
        waiting.append(row)
        if len(waiting) >= size:
            yield batch(waiting, schema)
            waiting = []
    if waiting:
        yield batch(waiting, schema)


def batch(rows: Sequence[FindingRow], schema: "pa.Schema") -> "pa.RecordBatch":
    """Return rows as one record batch."""
    import pyarrow as pa

    columns = zip(*rows, strict=True) if rows else [() for _ in schema]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _text(word: str | None) -> str | None:
    return None if word is None else str(word)

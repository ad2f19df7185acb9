"""Arrow batches of events to the columns that the kernel reads.

Knows which rows are no readable events, and has ``payloads`` say why. It must never judge an event.
"""

import json
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..errors import PayloadError
from ..intake.payloads import MAX_ID_CHARACTERS, parse
from ..lifecycle.events import StatusAnnounced
from ..replay.coding import PADDING, Bytes, Codes, Int32s, Int64s
from ..replay.columns import Columns
from ..replay.vocabulary import Vocabulary
from .moments import EPOCH
from .schemas import TEXTS


class Spans(NamedTuple):
    """The texts of an Arrow column: bytes, where each begins in them, and how long it is; negative for null."""

    data: Bytes
    begins: Int64s
    lengths: Int64s


def spans_of(column: pa.Array, padding: int = PADDING) -> Spans:
    """The texts of a column of strings or bytes, copied once so that more can be read after the last of them."""
    _, offsets, data = column.buffers()
    ends = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1].astype(np.int64)
    copied = np.zeros(int(ends[-1] - ends[0]) + padding, np.uint8)
    if ends[-1] > ends[0]:
        copied[:-padding] = np.frombuffer(data, np.uint8)[ends[0] : ends[-1]]
    lengths = np.diff(ends)
    if column.null_count:
        lengths[np.asarray(column.is_null())] = -1
    return Spans(copied, ends[:-1] - ends[0], lengths)


class EventReader:
    """Batches of events by one vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._is_readable = np.zeros(1, np.bool_)  # by account; the last entry is what the code -1 finds

    def read(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, Columns, pa.RecordBatch]:
        """The events of a batch, the same as columns (line 1 is its first row), and what was refused of it."""
        told = batch.column("reason").is_null()
        refused = [batch.filter(pc.invert(told))] if batch.column("reason").null_count < batch.num_rows else []
        batch = batch.filter(told) if refused else batch
        valid, ill = _with_valid_texts(batch)
        columns = self._encoded(valid)
        readable = self._readable(columns.account) & (columns.word >= 0)
        if not readable.all():
            kept = pa.array(readable)
            refused.append(_refused(valid.filter(pc.invert(kept))))
            columns = columns.only(readable)
            columns = columns._replace(line=np.arange(1, len(columns.at) + 1))
            valid = valid.filter(kept)
        return valid, columns, _joined([*refused, *ill], batch.schema)

    def _encoded(self, batch: pa.RecordBatch) -> Columns:
        words = self._vocabulary
        product = words.products.meanings(_codes(words.products.spellings, batch, "product"))
        return Columns(
            _codes(words.accounts, batch, "account_id"),
            words.words.meanings(_codes(words.words.spellings, batch, "status")),
            words.providers.meanings(_codes(words.providers.spellings, batch, "provider")),
            np.maximum(product, 0),
            _codes(words.names, batch, "name", blank_is_none=True),
            np.asarray(batch.column("received_at").cast(pa.int64())),
            np.arange(1, batch.num_rows + 1),
        )

    def _readable(self, accounts: Int32s) -> NDArray[np.bool_]:
        """Which account ids may be, by what ``payloads`` demands of one."""
        known, ids = len(self._is_readable) - 1, self._vocabulary.accounts
        if known < len(ids):
            more = [_is_id(ids[code]) for code in range(known, len(ids))]
            self._is_readable = np.array([*self._is_readable[:known], *more, False], np.bool_)
        return self._is_readable[accounts]


def _codes(codes: Codes, batch: pa.RecordBatch, name: str, *, blank_is_none: bool = False) -> Int32s:
    data, begins, lengths = spans_of(batch.column(name))
    if blank_is_none:
        lengths[lengths == 0] = -1
    return codes.encode(data, begins, lengths)


def _is_id(text: str) -> bool:
    return 0 < len(text) <= MAX_ID_CHARACTERS and text.isprintable() and not text.isspace()


def _with_valid_texts(batch: pa.RecordBatch) -> tuple[pa.RecordBatch, list[pa.RecordBatch]]:
    """The rows whose texts are UTF-8, as strings ought to be, and those that are refused because theirs are not."""
    try:
        batch.validate(full=True)
    except pa.ArrowInvalid:
        columns = [batch.column(name).cast(pa.binary()).to_pylist() for name in TEXTS]
        valid = pa.array([all(map(_is_utf8, row)) for row in zip(*columns, strict=True)])
        return batch.filter(valid), [_refused(batch.filter(pc.invert(valid)))]
    return batch, []


def _is_utf8(text: bytes | None) -> bool:
    try:
        return text is None or text.decode() is not None
    except UnicodeDecodeError:
        return False


def _refused(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Rows that are no events, each as the webhook that it would have been, with what is wrong with that."""
    texts = [batch.column(name).cast(pa.binary()).to_pylist() for name in TEXTS]
    raws, errors = [], []
    for account_id, status, provider, product, _ in zip(*texts, strict=True):
        told = {"account_id": account_id, "account_type": provider, "message": status, "product": product}
        raws.append(_webhook({key: text for key, text in told.items() if text is not None}))
        errors.append(why_unreadable(raws[-1]))
    columns = {
        "field": pa.array([error.field for error in errors], pa.string()),
        "reason": pa.array([str(error) for error in errors], pa.string()),
        "raw": pa.array(raws, pa.binary()),
    }
    return pa.RecordBatch.from_arrays(
        [columns.get(name, batch.column(name)) for name in batch.schema.names], schema=batch.schema
    )


def _webhook(told: dict[str, bytes]) -> bytes:
    texts = {key: text.decode(errors="surrogateescape") for key, text in told.items()}
    return json.dumps({"AccountStatus": texts}, ensure_ascii=False).encode(errors="surrogateescape")


def why_unreadable(payload: bytes) -> PayloadError:
    """What ``payloads`` has against a payload that is known to be unreadable."""
    found = read_payload(payload)
    assert isinstance(found, PayloadError), payload
    return found


def read_payload(payload: bytes) -> StatusAnnounced | PayloadError:
    """One payload as the live engine reads it, at no time in particular."""
    try:
        return parse(payload, EPOCH)
    except PayloadError as error:
        return error


def _joined(batches: list[pa.RecordBatch], schema: pa.Schema) -> pa.RecordBatch:
    return pa.concat_batches(batches) if batches else pa.RecordBatch.from_pylist([], schema=schema)

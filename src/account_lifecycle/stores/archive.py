"""Archives: the part of the ledger that was taken out of a store, as a file that needs no store to be read: gzip, JSON
Lines, one event a line in the ledger's order. A file gets its name only when it is whole and on the disk.
"""

import gzip
import json
import os
from base64 import b64encode
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import StoreError
from ..lifecycle.events import DeadlinePassed, StatusObserved
from ..lifecycle.explain import Anomaly
from ..records import Evidence, LedgerEntry
from .rows import ANNOUNCED, OBSERVED, evidence_text

_MICROSECOND = timedelta(microseconds=1)


def write_archive(path: Path, evidence: Iterable[tuple[Evidence, bytes | None]]) -> tuple[int, str]:
    """Write events, each with its digest if there is a chain; return how many, and the SHA-256 of the file's bytes.

    On return the file is on the disk. Raises ``StoreError`` if there is a file of that name or if it cannot be
    written; then nothing is left behind, and an existing file is as it was.
    """
    with _new_file(path) as file:
        sink = _Hashed(file)
        count = 0
        with gzip.GzipFile(filename="", mode="wb", fileobj=sink, mtime=0) as lines:
            for proof, digest in evidence:
                lines.write(json.dumps(_record(proof, digest), separators=(",", ":")).encode() + b"\n")
                count += 1
    return count, sink.hexdigest()


def _record(proof: Evidence, digest: bytes | None) -> dict[str, Any]:
    """Return an event as its line has it; times in ISO 8601, UTC."""
    entry = proof.entry
    return {
        "account_id": entry.account_id,
        "sequence": entry.sequence,
        "received_at": entry.received_at.isoformat(),
        "announced": entry.announced,
        **_origin(entry),
        "verdict": entry.verdict,
        "before": list(entry.before.key),
        "after": list(entry.after.key),
        "rules": proof.rules,
        "anomalies": [_anomaly(anomaly) for anomaly in entry.anomalies],
        "effects": [[kind, subject, doubtful] for kind, subject, doubtful in proof.effects],
        "digest": None if digest is None else digest.hex(),
    }


def _origin(entry: LedgerEntry) -> dict[str, Any]:
    """Return what not every event has: null, or blank, where it has none; ``payload`` also where it was erased."""
    event = entry.event
    found: dict[str, Any] = {"kind": ANNOUNCED, "product": "", "provider": None, "owner": None, "reason": ""}
    found |= {"payload": None, "erased": entry.is_erased, "since": None, "allowed_us": None, "signed_in_at": None}
    if isinstance(event, DeadlinePassed):
        passed = {"since": event.since.isoformat(), "allowed_us": event.allowed // _MICROSECOND}
        return found | {"kind": event.kind.value} | passed
    found |= {"provider": event.provider, "owner": event.owner}
    if isinstance(event, StatusObserved):
        return found | {"kind": OBSERVED, "signed_in_at": event.signed_in_at and event.signed_in_at.isoformat()}
    payload = None if entry.is_erased else b64encode(event.payload).decode("ascii")
    return found | {"product": event.product, "reason": event.reason, "payload": payload}


def _anomaly(anomaly: Anomaly) -> dict[str, Any]:
    """Return an anomaly with its evidence, as the store keeps it, and the word that it is about."""
    evidence = json.loads(evidence_text(anomaly))
    return {"kind": anomaly.kind, "provider": anomaly.provider, "detail": anomaly.detail, "evidence": evidence}


# ---- The disk -------------------------------------------------------------------------------------


class _Hashed:
    """A file that is hashed while it is written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = sha256()

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


@contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    """Make a file that gets its name when it is whole and on the disk."""
    draft = path.with_name(f".{path.name}.part")
    _reserve(path)
    try:
        with draft.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        _sync_folder(path.parent)
    except BaseException as error:
        draft.unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise StoreError(f"The archive {path} could not be written ({error}). Nothing was taken out.") from error
        raise


def _reserve(path: Path) -> None:
    """Take the name with an empty file, so that nobody else's is ever replaced."""
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        raise StoreError(
            f"{path} exists already and is not overwritten. Nothing was taken out: name another file."
        ) from None
    except OSError as error:
        raise StoreError(f"The archive {path} cannot be made ({error}). Nothing was taken out.") from error


def _sync_folder(folder: Path) -> None:
    """Keep the name too: a file's own sync does not."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

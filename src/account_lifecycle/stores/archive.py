"""Archives: the part of the ledger that was taken out of a store, as a file that needs no store to be read: gzip, JSON
Lines, one event a line in the ledger's order. Only the owner may read it, and it never takes another file's place.
"""

import gzip
import json
from base64 import b64encode
from collections.abc import Iterable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import OutputError, StoreError
from ..lifecycle.events import ANNOUNCED, OBSERVED, DeadlinePassed, StatusObserved
from ..lifecycle.explain import Anomaly
from ..outputs.drafts import drafted
from ..outputs.endings import ARCHIVE_ENDINGS, form_of
from ..records import Evidence, LedgerEntry
from .rows import evidence_text

_MICROSECOND = timedelta(microseconds=1)


def write_archive(path: Path, evidence: Iterable[tuple[Evidence, bytes | None]]) -> tuple[int, str]:
    """Write events, each with its digest if there is a chain; return how many, and the SHA-256 of the file's bytes.

    On return the file is on the disk. Raises ``StoreError`` if there is a file of that name or if it cannot be
    written; then nothing is left behind, and an existing file is as it was.
    """
    count = 0
    try:
        form_of(path, ARCHIVE_ENDINGS)
        with drafted(path, private=True) as draft:
            sink = _Hashed(draft.file)
            with gzip.GzipFile(filename="", mode="wb", fileobj=sink, mtime=0) as lines:
                for proof, digest in evidence:
                    lines.write(json.dumps(_record(proof, digest), separators=(",", ":")).encode() + b"\n")
                    count += 1
    except OutputError as error:
        raise StoreError(f"The archive is not written: {error} Nothing was taken out.") from error
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
        "quiet": proof.is_quiet,
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

"""Archives: the part of the ledger that was taken out of a store, as a file that needs no store to be read: gzip, JSON
Lines, one event a line in the ledger's order. Only the owner may read it, and it never takes another file's place.
"""

import gzip
import json
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import OutputError, StoreError
from ..intake.archives import archived
from ..lifecycle.account import Account
from ..lifecycle.decide import Decision
from ..lifecycle.effects import Effect, EffectKind
from ..lifecycle.events import ANNOUNCED, OBSERVED, DeadlinePassed, Event, StatusObserved
from ..lifecycle.explain import Anomaly
from ..lifecycle.machine import situation_of
from ..lifecycle.status import Status, Verdict
from ..outputs.drafts import drafted
from ..outputs.endings import ARCHIVE_ENDINGS, form_of
from ..records import Evidence, LedgerEntry, Segment
from . import chain
from .decided import OF_OWNER, decided_text, plain_effects
from .rows import PRIVATE, PUBLIC, anomaly_from, anomaly_rows, event_row, evidence_text, to_us

_MICROSECOND = timedelta(microseconds=1)


Archived = tuple[Evidence, bytes, bytes | None]
"""An event, its digest, and what stands for its owner, reason and payload if they were erased."""


def write_archive(path: Path, evidence: Iterable[Archived]) -> tuple[int, str]:
    """Write events; return how many, and the SHA-256 of the file's bytes.

    On return the file is on the disk. Raises ``StoreError`` if there is a file of that name or if it cannot be
    written; then nothing is left behind, and an existing file is as it was.
    """
    count = 0
    try:
        form_of(path, ARCHIVE_ENDINGS)
        with drafted(path, private=True) as draft:
            sink = _Hashed(draft.file)
            with gzip.GzipFile(filename="", mode="wb", fileobj=sink, mtime=0) as lines:
                for each in evidence:
                    lines.write(json.dumps(_record(*each), separators=(",", ":")).encode() + b"\n")
                    count += 1
    except OutputError as error:
        raise StoreError(f"The archive is not written: {error} Nothing was taken out.") from error
    return count, sink.hexdigest()


def begun(earlier: Sequence[Segment], until: datetime, at: datetime, archive: Path, archive_sha256: str) -> Segment:
    """Return a segment of which nothing was taken out yet, after the ``earlier`` ones."""
    segment = Segment(len(earlier) + 1, until, at, 0, str(archive), archive_sha256, "")
    return segment._replace(baselines=earlier[-1].baselines) if earlier else segment


@contextmanager
def taking_out(
    archive: Path, so_far: Callable[[], Segment], undecided: tuple[type[StoreError], ...] = ()
) -> Iterator[None]:
    """Take events out of a store page by page, once they are in an archive, which is removed if none was.

    ``so_far`` returns the segment of the pages that are committed. An error comes after a page that was rolled back,
    and is raised with how many events were taken out before; one that is ``undecided`` goes on as it is, and the
    archive stays, because it may be all that there is.
    """
    try:
        yield
    except undecided:
        raise
    except StoreError as error:
        taken = so_far().events
        if not taken:
            archive.unlink(missing_ok=True)
            raise
        raise type(error)(
            f"{error} Before that {taken:,} events were taken out, which are in {archive}. "
            "Prune again, with another archive, to take out the rest."
        ) from error
    if not so_far().events:
        archive.unlink(missing_ok=True)


def _record(proof: Evidence, digest: bytes, private: bytes | None) -> dict[str, Any]:
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
        "private_digest": None if private is None else private.hex(),
        "digest": digest.hex(),
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
    found |= {"product": event.product, "reason": event.reason}
    if isinstance(event, StatusObserved):
        return found | {"kind": OBSERVED, "signed_in_at": event.signed_in_at and event.signed_in_at.isoformat()}
    payload = None if entry.is_erased else b64encode(event.payload).decode("ascii")
    return found | {"payload": payload}


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


# ---- Read again -----------------------------------------------------------------------------------


def read_archive(path: Path) -> Iterator[Archived]:
    """Yield the events of an archive, in its order; raise ``StoreError`` if it cannot be read."""
    try:
        with gzip.open(path) as lines:
            for number, line in enumerate(lines, 1):
                yield _archived(line, f"{path}, line {number}")
    except (OSError, EOFError, zlib.error) as error:
        raise StoreError(f"The archive {path} cannot be read ({error}).") from error


def _archived(line: bytes, place: str) -> Archived:
    """Return the event in a line."""
    try:
        event = archived(line)[0].payload
        if not isinstance(event, Event):
            raise ValueError(event)
        record = json.loads(line)
        sequence, verdict = record["sequence"], Verdict(record["verdict"])
        before, after = (situation_of(Status(status), *facts) for status, *facts in (record["before"], record["after"]))
        at = (record["account_id"], sequence, to_us(event.received_at), event.status)
        said = (getattr(event, "product", ""), getattr(event, "owner", None), getattr(event, "reason", ""))
        about = (*said, decided_text(verdict, before, after, ()))
        anomalies = tuple(
            anomaly_from((each["kind"], *at, *about, each["provider"], json.dumps(each["evidence"])))
            for each in record["anomalies"]
        )
        effects = tuple((EffectKind(kind), subject, doubtful) for kind, subject, doubtful in record["effects"])
        entry = LedgerEntry(event, sequence, verdict, before, after, anomalies, record["erased"])
        private = record["private_digest"]
        proof = Evidence(entry, effects, record["rules"], record["quiet"])
        return proof, bytes.fromhex(record["digest"]), None if private is None else bytes.fromhex(private)
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise StoreError(f"{place} is no event of an archive ({error}).") from error


def sealed_again(previous: bytes, each: Archived) -> set[bytes]:
    """Return the digest of an event out of an archive, computed from what its line says.

    Of an erased event it is not known whether an effect without a subject was about the owner: both digests are right.
    """
    proof, _, private = each
    entry, account_id = proof.entry, proof.entry.account_id
    begins, ends = (Account(account_id, situation, entry.sequence) for situation in (entry.before, entry.after))
    effects = tuple([Effect(*effect) for effect in proof.effects])
    decision = Decision(ends, begins, entry.event, entry.verdict, entry.anomalies, effects)
    owner, *rest = event_row(0, 0, decision, "")[PRIVATE]
    kept = chain.private_digest(owner, *rest) if private is None else private
    anomalies = chain.anomalies_text(list(anomaly_rows(0, decision)))
    possible = {plain_effects(effects, owner)}
    if entry.is_erased:
        possible.add(tuple([(k, None if k in OF_OWNER and not s else s, doubtful) for k, s, doubtful in proof.effects]))
    found = set()
    for plain in possible:
        decided = decided_text(entry.verdict, entry.before, entry.after, plain)
        public = event_row(0, 0, decision, decided)[PUBLIC]
        text = chain.event_text(account_id, public, kept, anomalies, proof.rules, int(proof.is_quiet))
        found.add(chain.linked(previous, text))
    return found

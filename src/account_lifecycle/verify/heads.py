"""Heads that were noted down, and the archives that prove what was pruned since.

A head stands for the chain's end and for everything that was pruned by then, with the accounts where the ledger begins
since. So a head covers the prunes before it. One that is older than a prune proves the events that are left, but not
that the accounts from which they go on are what the pruned events came to: for that the archives are folded again, from
the first event on.
"""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from hashlib import file_digest, sha256
from pathlib import Path
from typing import NamedTuple

from ..errors import StoreError
from ..lifecycle.account import Account
from ..lifecycle.rules import RecordedPolicies
from ..lifecycle.wording import printable
from ..records import Fault, Segment, without_person
from ..stores.archive import Archived, read_archive, sealed_again
from ..stores.chain import GENESIS, commitment, committed
from ..stores.protocol import Prover
from .fold import MAX_SHOWN, Fold, differing


class HeadProof(StrEnum):
    """What a head that was noted down proves."""

    PROVED = "proved"
    """It is in the ledger: nothing up to it was cut off or changed, and it covers whatever was pruned."""
    NOT_PROVED = "not proved"
    """It may be in a part that was pruned, or does not cover what was pruned after it: the archives are needed. Or the
    store has a chain for each account, and more was fed since."""
    MISSING = "missing"
    """It is not in the ledger."""


class ArchivesProof(NamedTuple):
    """What archives prove."""

    faults: tuple[Fault, ...]
    events: int
    """How many events they hold."""
    not_judged: int
    """How many of them could not be judged again."""
    missing: tuple[str, ...]
    """The archives of parts that were pruned and were not given, by where they were written."""
    links: frozenset[bytes]
    """What the chain ended in after each of their events."""

    @property
    def is_complete(self) -> bool:
        """Whether everything that was pruned is proved."""
        return not (self.faults or self.not_judged or self.missing)


NO_ARCHIVES = ArchivesProof((), 0, 0, (), frozenset())
"""What none proves."""


def head_proof(store: Prover, head: str, archives: ArchivesProof) -> HeadProof:
    """Return what a head, in hexadecimal, proves about the store."""
    try:
        noted = bytes.fromhex(head)
    except ValueError:
        return HeadProof.MISSING
    segments = store.segments()
    pruned = [commitment(segments[:count]) for count in range(len(segments) + 1)]
    covered = -1
    for link in _links(store, segments, archives):
        covered = max([covered, *(count for count, each in enumerate(pruned) if committed(link, each) == noted)])
        if covered == len(segments):
            return HeadProof.PROVED
    if not store.is_one_chain and covered < 0:
        return HeadProof.NOT_PROVED
    if not segments:
        return HeadProof.MISSING
    if archives.is_complete:
        return HeadProof.MISSING if covered < 0 else HeadProof.PROVED
    return HeadProof.NOT_PROVED


def _links(store: Prover, segments: Sequence[Segment], archives: ArchivesProof) -> Iterator[bytes]:
    yield GENESIS
    yield from (bytes.fromhex(segment.head) for segment in segments)
    yield from archives.links
    yield from store.links()


def prove_archives(store: Prover, paths: Iterable[Path], policies: RecordedPolicies) -> ArchivesProof:
    """Prove archives: each is the file that a prune has written, its chain holds, and its events, judged again, come to
    the accounts where the ledger begins."""
    return _Archives(store, policies).prove(paths)


class _Archives:
    """Archives while they are proved. Memory holds the accounts that were pruned."""

    def __init__(self, store: Prover, policies: RecordedPolicies) -> None:
        self._segments = store.segments()
        self._begins = {account.account_id: account for account in store.baselines()}
        self._policies = policies
        self._folds: dict[str, Fold] = {}
        self._heads: dict[str, bytes] = {}  # of each account, where it ends
        self._ends: dict[str, bytes] = {}  # the same where its part that was pruned ends
        self._last = GENESIS
        self._is_from_start = True
        self._links: set[bytes] = set()
        self._faults: list[Fault] = []
        self._events = self._not_judged = 0

    def prove(self, paths: Iterable[Path]) -> ArchivesProof:
        given = {segment.segment_id: path for path in paths if (segment := self._segment_of(path)) is not None}
        missing = tuple(segment.path for segment in self._segments if segment.segment_id not in given)
        for count, number in enumerate(sorted(given), 1):
            self._is_from_start &= count == number
            self._read(given[number])
        if given and not missing:
            self._compare()
        faults = tuple(self._faults)
        return ArchivesProof(faults, self._events, self._not_judged, missing, frozenset(self._links))

    def _segment_of(self, path: Path) -> Segment | None:
        """Return the part that an archive holds."""
        try:
            with path.open("rb") as file:
                found = file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise StoreError(f"The archive {path} cannot be read ({error.strerror}).") from error
        segment = next((each for each in self._segments if each.archive_sha256 == found), None)
        if segment is None:
            self._faults.append(Fault(f"archive {path}", f"no prune has written it: its SHA-256 is {found}"))
        return segment

    def _read(self, path: Path) -> None:
        is_begun = self._is_from_start  # else what the first events go on from is not known
        for each in read_archive(path):
            self._events += 1
            entry = each[0].entry
            account_id = entry.account_id
            if account_id in self._folds and entry.sequence <= self._folds[account_id].account.sequence:
                continue  # an earlier prune was interrupted, and this one archived it again
            self._check_link(each, is_begun=is_begun or account_id in self._heads)
            if self._is_from_start:
                self._follow(each)

    def _check_link(self, each: Archived, *, is_begun: bool) -> None:
        """Check that an event goes on from the one before it: of the file, or of its account."""
        entry, digest = each[0].entry, each[1]
        account_id = entry.account_id
        possible = (self._last, self._heads.get(account_id, GENESIS))
        if is_begun and not any(digest in sealed_again(previous, each) for previous in possible):
            place = f"event {entry.sequence} of account {printable(account_id, MAX_SHOWN)} in the archive"
            self._faults.append(Fault(place, "its digest does not hold", account_id))
        self._last = self._heads[account_id] = digest
        self._links.add(digest)

    def _follow(self, each: Archived) -> None:
        """Judge an event, and compare the account with where the ledger begins once it comes there."""
        proof, digest, _ = each
        entry = proof.entry
        fold = self._folds.get(entry.account_id)
        if fold is None:
            fold = self._folds[entry.account_id] = Fold(Account(entry.account_id), self._policies)
        self._faults += fold.gap(entry)
        faults, is_judged = fold.judge(proof)
        self._faults += faults
        self._not_judged += not is_judged
        begins = self._begins.get(entry.account_id)
        if begins is not None and entry.sequence == begins.sequence:
            self._ends[entry.account_id] = digest
            if fold.is_certain and (findings := differing(without_person(begins), without_person(fold.account))):
                place = f"the baseline of account {printable(entry.account_id, MAX_SHOWN)}"
                self._faults.append(Fault(place, "; ".join(findings), entry.account_id))

    def _compare(self) -> None:
        """Compare where the archives end with where the ledger begins."""
        for account_id in sorted(self._begins.keys() - self._ends.keys()):
            place = f"the baseline of account {printable(account_id, MAX_SHOWN)}"
            self._faults.append(Fault(place, "it does not follow from the archives", account_id))
        expected = bytes.fromhex(self._segments[-1].head)
        joined = sha256(b"".join(self._ends[account_id] for account_id in sorted(self._ends))).digest()
        if expected not in self._links and expected != joined:
            self._faults.append(Fault("the archives", "they do not end where the ledger goes on"))

"""Reconciling: the vendor's list of accounts, held against the record, so that what was never announced is known.

The list is read page by page, and each page is compared with the accounts on record: an observation is judged in memory
(``decide``), and fed only if it changes anything, settles a doubt or is an anomaly. So a run over accounts that are as
the list has them writes one row, its own (``stores.reconciliations``), whose time stands for all of them.

Only when the list was read to its end are accounts looked for that it does not have, and each of these is asked for by
itself: absent is what the vendor says that it does not have (a 404). A list that lacks most of what is on record is
that of another workspace, or broken: nothing is concluded from it.

Memory is bounded: a page of the list, a page of ids, and the ids that were listed in a temporary file.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Protocol

import apsw
import msgspec

from ..engine.core import Engine
from ..engine.listed import was_seen, whole_since
from ..engine.observations import Observation, observed
from ..errors import StoreBusy, VendorError
from ..hooks.confirming import AskVendor
from ..lifecycle.account import Account
from ..lifecycle.anomalies import AnomalyKind
from ..lifecycle.decide import Decision, decide
from ..lifecycle.definition import LISTED, PROVES_LIFE, WORST_FIRST
from ..lifecycle.events import ABSENT, MAX_CHARACTERS, NOBODY
from ..lifecycle.status import Verdict
from ..stores.reconciliations import Listing, Reconciliation
from .records import NOT_FOLLOWED, VendorAccount

RUN_LEASE = timedelta(minutes=10)
"""How long a run that says nothing holds up others: longer than any call of the vendor's API takes."""
TOGETHER = 250
"""How many accounts are compared at a time: no fewer than a page of the list has."""
IDS_TOGETHER = 1_000
"""How many ids of the record are held against the list at a time."""
MOST_ASKED = 250
"""How many accounts that the list does not have are asked for in one run; the others have their turn later."""
MAY_BE_MISSING = 20
"""So many may always be missing. More are believed only if they are less than half of the accounts on record."""
OPTIONS = ("recruiter", "sales_navigator")
"""The premium features whose syncs are announced beside Classic's."""


class VendorList(Protocol):
    """What is asked of the vendor; ``VendorClient`` is one."""

    def accounts(self) -> Iterator[VendorAccount]:
        """Yield every account; only if it ends without an error was the list read to its end."""

    def account(self, account_id: str) -> VendorAccount | None:
        """Return an account as it is now; None if there is none of that id."""


def reconcile(engine: Engine, client: VendorList, *, adopt: bool = False, dry_run: bool = False) -> Reconciliation:
    """Hold the vendor's list against the record, feed what differs, and return what came of it.

    ``adopt`` is for the first run over a fleet that is connected already: no hook is called for what it finds, whenever
    it is registered. With ``dry_run`` nothing is written. If the list could not be read to its end, the run says why
    (``problem``), and what was read before counts. Raise ``StoreBusy`` if another run is under way, in whichever
    process, and ``StoreError`` if the store cannot be used; a run that ends so holds up others for ten minutes at most.
    """
    return _Run(engine, client, adopt, dry_run).complete()


def observation_of(account: VendorAccount, at: datetime) -> Observation | None:
    """Return what the list says of an account; None if none of its sources says anything that is known."""
    words = set(account.statuses)
    if not words or not words <= set(WORST_FIRST):
        return None
    said = ", ".join(f"{source.id} {source.status}" for source in account.sources) if len(words) > 1 else ""
    option = next((option for option in OPTIONS if option in account.premium), None)
    return Observation(
        account.id, account.statuses, at, account.type or None, product=option, reason=said[:MAX_CHARACTERS]
    )


def asking(engine: Engine, client: VendorList) -> AskVendor:
    """Return what asks the vendor for one account and feeds what it says, for ``engine.start_runner(ask=…)``.

    It raises ``VendorUnavailable`` and ``VendorRefused`` as the client does, and returns None for an account of which
    the vendor says nothing that is known.
    """

    def ask(account_id: str) -> Decision | None:
        at = engine.now()
        found = client.account(account_id)
        observation = Observation(account_id, ABSENT, at) if found is None else observation_of(found, at)
        return None if observation is None else engine.observe_all([observation])[-1]

    return ask


class _Run:
    """One run."""

    def __init__(self, engine: Engine, client: VendorList, adopt: bool, dry_run: bool) -> None:
        self._engine, self._store, self._client = engine, engine.store, client
        self._adopt, self._dry_run = adopt, dry_run
        self._started_at = self._renewed_at = engine.now()
        self._number = 0
        self._lived_at = whole_since(self._store)
        self._counts: Counter[str] = Counter()
        self._drift: Counter[str] = Counter()
        self._anomalies: Counter[str] = Counter()
        self._skipped: Counter[str] = Counter()

    def complete(self) -> Reconciliation:
        """Do everything; return what came of it."""
        if not self._dry_run:
            self._number = self._store.begin_reconciliation(self._started_at, self._started_at + RUN_LEASE)
        problem = "it was interrupted"
        try:
            problem = self._compare()
        finally:
            facts: dict[str, Any] = {**self._counts}
            run = Reconciliation(
                self._number,
                self._started_at,
                self._engine.now(),
                is_whole=not problem,
                problem=problem,
                drift=dict(self._drift),
                anomalies=dict(self._anomalies),
                skipped=dict(self._skipped),
                **facts,
            )
            if self._number and not self._store.end_reconciliation(run):
                raise StoreBusy(_LOST)
        return run

    def _compare(self) -> str:
        """Hold the whole list against the record; return what kept it from being whole, blank if nothing did."""
        with _Listed() as listed:
            try:
                self._follow_list(listed)
                return self._look_for_missing(listed)
            except VendorError as error:
                return str(error)

    # ---- What the list has -----------------------------------------------------------------------

    def _follow_list(self, listed: "_Listed") -> None:
        """Compare every account of the list."""
        accounts, asked_at = self._client.accounts(), self._engine.now()
        while True:
            asked_before, asked_at = asked_at, self._engine.now()
            if not (page := list(islice(accounts, TOGETHER))):
                return
            listed.add(page)
            # Some of the page may have come with the one before: nothing of it is older than when that was asked for.
            self._hold_against_record(page, asked_before)
            self._renew()

    def _hold_against_record(self, page: Sequence[VendorAccount], at: datetime) -> None:
        """Compare a page of the list, which was asked for at a time."""
        listings = [listing for account in page if (listing := _listing_of(account)) is not None]
        known = {listing.account_id for listing in listings}.difference(self._store.differing(listings))
        self._counts["equal"] += len(known)
        self._counts["listed"] += len(known)
        found: dict[str, Observation] = {}
        for account in page if len(known) < len(page) else ():
            if account.id in known:
                continue
            observation = observation_of(account, at) if account.is_followed else None
            if not account.is_followed:
                self._skipped[account.type] += 1
            elif observation is None or not _is_id(account.id):
                self._counts["unreadable"] += 1
            else:
                found[account.id] = observation
        accounts = self._store.accounts_by_id(list(found)) if found else {}
        self._counts["listed"] += len(found)
        self._feed([(accounts.get(each.account_id) or Account(each.account_id), each) for each in found.values()], at)

    def _feed(self, pairs: Sequence[tuple[Account, Observation]], now: datetime) -> None:
        """Feed the observations that say anything new of their accounts, and count what comes of them."""
        news, decisions, looked = list[Observation](), list[Decision](), set[str]()
        for account, observation in pairs:
            decision = decide(account, observed(observation, now), self._engine.policy)
            if not _says_something(decision):
                self._counts["equal"] += 1
                continue
            if self._dry_run:
                decisions.append(decision)
            elif (last := self._last_look(account)) is not None and decision.after.status is not PROVES_LIFE:
                news.append(last)
                looked.add(account.account_id)
            news.append(observation)
        if not self._dry_run:
            decisions = self._engine.observe_all(news, silent=self._adopt)
        for decision in decisions:
            if decision.after.account_id in looked:  # it comes first
                looked.remove(decision.after.account_id)
            else:
                self._count(decision)

    def _last_look(self, account: Account) -> Observation | None:
        """Return what the last whole run has seen and not written of an account: that it was OK.

        It is written now that the account is lost, because it tells since when at the earliest.
        """
        at = self._lived_at
        is_seen = at is not None and was_seen(account, at)
        return Observation(account.account_id, PROVES_LIFE, at) if is_seen else None

    def _count(self, decision: Decision) -> None:
        before, after = decision.before, decision.after
        kinds = [anomaly.kind for anomaly in decision.anomalies]
        self._anomalies.update(kind.value for kind in kinds)
        if before.sequence == 0:
            self._counts["adopted"] += 1
        elif AnomalyKind.DRIFT in kinds:
            self._drift[f"{before.status} → {after.status}"] += 1
        elif decision.verdict is Verdict.APPLIED and AnomalyKind.VANISHED not in kinds:
            self._counts["followed"] += 1
        elif decision.verdict is Verdict.CONFIRMED and (before.doubtful or before.memory.absent_since is not None):
            self._counts["settled"] += 1

    # ---- What it does not have -------------------------------------------------------------------

    def _look_for_missing(self, listed: "_Listed") -> str:
        """Ask for accounts on record that the list does not have; return why nothing is concluded if that is so."""
        known = missing = 0
        for ids in self._ids():
            known, missing = known + len(ids), missing + len(listed.missing(ids))
        if missing > MAY_BE_MISSING and 2 * missing > known:
            return (
                f"The list does not have {missing:,} of the {known:,} accounts on record. Nothing was concluded from "
                "that: it is the list of another workspace, or it is not whole. Check the key and the URL."
            )
        left = MOST_ASKED if missing else 0
        for ids in self._ids() if missing else ():
            accounts = self._store.accounts_by_id(listed.missing(ids))
            lacking = [account for account in accounts.values() if self._is_missing(account)]
            self._counts["missing"] += len(lacking)
            for account in lacking[:left]:
                self._ask_for(account)
            left -= min(left, len(lacking))
            self._renew()
        return ""

    def _ids(self) -> Iterator[list[str]]:
        """Yield pages of the ids on record that the list must have."""
        after = NOBODY
        while ids := self._store.account_ids(LISTED, after, IDS_TOGETHER):
            yield ids
            after = ids[-1]

    def _is_missing(self, account: Account) -> bool:
        """Return whether an account should have been on the list: one that was heard of since may not have been yet."""
        is_older = account.newest_at is None or account.newest_at < self._started_at
        return is_older and account.provider not in NOT_FOLLOWED and account.status in LISTED

    def _ask_for(self, account: Account) -> None:
        at = self._engine.now()
        found = self._client.account(account.account_id)
        observation = Observation(account.account_id, ABSENT, at) if found is None else observation_of(found, at)
        if observation is not None:
            self._feed([(account, observation)], at)

    def _renew(self) -> None:
        """Renew the lease in good time; raise ``StoreBusy`` if it was lost to another run."""
        now = self._engine.now()
        if self._number and now - self._renewed_at >= RUN_LEASE / 4:
            if not self._store.renew_reconciliation(self._number, now + RUN_LEASE):
                raise StoreBusy(_LOST)
            self._renewed_at = now


_LOST = "This reconciliation took so long to say anything that another one has begun. What it has found is kept."


def _listing_of(account: VendorAccount) -> Listing | None:
    """Return what the list says of an account in short; None for one that has to be looked at closely."""
    sources = account.sources
    if not sources or account.premium or not account.is_followed:
        return None
    status = sources[0].status
    if len(sources) > 1 and any(source.status != status for source in sources):
        return None
    return Listing(account.id, status, account.provider)


def _says_something(decision: Decision) -> bool:
    """Return whether an observation changes anything that a run's own row does not stand for."""
    if decision.verdict is Verdict.APPLIED or decision.anomalies or decision.effects:
        return True
    before, after = decision.before, decision.after
    if before.sequence == 0:
        return False
    same = replace(after, sequence=before.sequence, newest_at=before.newest_at, last_live_at=before.last_live_at)
    return same != before


def _is_id(text: str) -> bool:
    return text.isprintable() and text.strip() == text and 0 < len(text) <= MAX_CHARACTERS


class _Listed:
    """The ids that were listed, in a temporary file that nobody else sees."""

    def __init__(self) -> None:
        self._db = apsw.Connection("")
        self._db.execute("PRAGMA journal_mode = OFF; CREATE TABLE page (ids TEXT); BEGIN").fetchall()
        self._is_sorted = False

    def __enter__(self) -> "_Listed":
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close(True)

    def add(self, page: Sequence[VendorAccount]) -> None:
        """Note the accounts of a page."""
        self._db.execute("INSERT INTO page VALUES (?)", (_as_json([account.id for account in page]),)).fetchall()

    def missing(self, ids: Sequence[str]) -> list[str]:
        """Return those of some ids that were not listed; nothing is added after the first question."""
        if not self._is_sorted:
            self._is_sorted = True
            table = "CREATE TABLE listed (id TEXT PRIMARY KEY) WITHOUT ROWID"
            all_ids = "SELECT DISTINCT value FROM page, json_each(page.ids) ORDER BY value"
            self._db.execute(f"{table}; INSERT INTO listed {all_ids}").fetchall()
        found = "SELECT value FROM json_each(?) WHERE value NOT IN (SELECT id FROM listed)"
        return [row[0] for row in self._db.execute(found, (_as_json(ids),))]


def _as_json(ids: Sequence[str]) -> str:
    return msgspec.json.encode(ids).decode()

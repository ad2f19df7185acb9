"""What an engine is asked: accounts and their history, the audit, the quarantine, windows, diagnoses.

Nothing here writes. Each answer comes from the store as it is at the moment; what the rules add to it (ages, advice,
deadlines) goes by the engine's clock and policy.

Each list has a stream beside it, ``iter_…``, which holds one record at a time and reads one snapshot, from its first
record on, however long that takes. A list can be taken in pages: ``limit`` is how many there are to be at most, and
``after``, where its records have an order of their own, the id, the sequence or the number of the last one of the page
before. So a page costs what it holds, and nothing is skipped or twice in two pages while others write.

An id, a hook or a number that is not there is no error: the answer is None or an empty list. Only ``explain``, which
would have nothing to explain, raises ``AccountNotFound``. A word that no filter has is a ``ConfigurationError``.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from ..errors import AccountNotFound
from ..intake import arguments
from ..intake.quarantine import QuarantineGroup, grouped, is_pending
from ..intake.times import in_utc
from ..lifecycle.account import Account
from ..lifecycle.anomalies import AnomalyKind, Severity
from ..lifecycle.events import NOBODY
from ..lifecycle.evidence import circumstances_of
from ..lifecycle.explain import Anomaly
from ..lifecycle.machine import INITIAL_SITUATION, BoundModel, Situation
from ..lifecycle.policy import Policy
from ..lifecycle.providers import PROFILES, Provider, family_of
from ..lifecycle.status import Health, Status
from ..lifecycle.windows import BlindWindow
from ..lifecycle.wording import one_of
from ..records import (
    AccountFilter,
    AuditFilter,
    DeliveryFilter,
    DeliveryRecord,
    DeliveryState,
    LedgerEntry,
    Quarantined,
    TimeSource,
)
from ..stores.fleet import AccountOrder, EventFilter, Facets, FleetEvent, HealthSpan, facets_of
from ..stores.protocol import Reader, Store
from ..stores.reconciliations import Reconciliation
from ..verify.past import account_as_of
from .diagnosis import Diagnosis, diagnose
from .overview import Overview, overview_now, overview_then

if TYPE_CHECKING:
    from graphviz import Digraph

FoundT = TypeVar("FoundT")


class Answers:
    """The questions that an engine answers from its store."""

    store: Store
    """The store itself."""
    policy: Policy
    """The policy in force."""
    _clock: TimeSource

    def now(self) -> datetime:
        """Return the time by the engine's clock, to which ages are counted: aware, UTC."""
        return self._clock()

    def account(self, account_id: str, *, as_of: datetime | None = None) -> Account | None:
        """Return the account as it is now, or None if nothing was ever fed for it.

        With ``as_of`` (aware) return it as it followed, at that moment, from the events received by then. Raise
        ``StoreError`` if that lies before what was pruned, with the names of the archives, or if an event on the way
        cannot be judged again.
        """
        account_id = arguments.account_id("account_id", account_id)
        if as_of is None:
            return self.store.account(account_id)
        return account_as_of(self.store, account_id, in_utc("as_of", as_of))

    def accounts(
        self,
        *,
        status: Status | str | None = None,
        health: Health | str | None = None,
        provider: str | None = None,
        owner: str | None = None,
        prefix: str | None = None,
        stuck: bool | None = None,
        down: bool | None = None,
        order: AccountOrder | str = AccountOrder.ID,
        after: str | None = None,
        limit: int | None = None,
    ) -> list[Account]:
        """Return the accounts that fit, in the order of their ids: ``limit`` at most, those ``after`` an id.

        ``owner`` is your own user id, ``prefix`` what the account's id begins with, ``down`` whether it is interrupted
        or needs its user. With ``order="since"`` those come first that are in their status for the longest time; then
        ``after`` is what ``AccountOrder.SINCE.place`` returns of the last account of the page before.
        """
        which = self._which_accounts(status, health, provider, owner, prefix, stuck, down)
        ordered = arguments.word("order", order, AccountOrder)
        return first_of(self._iter_accounts(which, ordered, after, limit), limit)

    def iter_accounts(
        self,
        *,
        status: Status | str | None = None,
        health: Health | str | None = None,
        provider: str | None = None,
        owner: str | None = None,
        prefix: str | None = None,
        stuck: bool | None = None,
        down: bool | None = None,
        after: str | None = None,
    ) -> Iterator[Account]:
        """Yield what ``accounts`` returns in the order of ids, one by one, as it is at the first."""
        which = self._which_accounts(status, health, provider, owner, prefix, stuck, down)
        return self._iter_accounts(which, AccountOrder.ID, after, None)

    def _which_accounts(
        self,
        status: Status | str | None,
        health: Health | str | None,
        provider: str | None,
        owner: str | None,
        prefix: str | None,
        stuck: bool | None,
        down: bool | None,
    ) -> AccountFilter:
        return AccountFilter(
            None if status is None else arguments.word("status", status, Status),
            None if health is None else arguments.word("health", health, Health),
            None if provider is None else known_family(self.store, provider),
            arguments.maybe(arguments.text, "owner", owner),
            arguments.maybe(arguments.account_id, "prefix", prefix),
            stuck,
            down,
        )

    def _iter_accounts(
        self, which: AccountFilter, order: AccountOrder, after: str | None, limit: int | None
    ) -> Iterator[Account]:
        if order is AccountOrder.SINCE:
            return pages_of(self.store, which, order, after or NOBODY, limit)
        return self.store.accounts(which, NOBODY if after is None else arguments.account_id("after", after))

    def facets(
        self,
        *,
        status: Status | str | None = None,
        health: Health | str | None = None,
        provider: str | None = None,
        owner: str | None = None,
        prefix: str | None = None,
        stuck: bool | None = None,
        down: bool | None = None,
    ) -> Facets:
        """Return what the list of the accounts that fit can be narrowed to, with the number of accounts of each."""
        which = self._which_accounts(status, health, provider, owner, prefix, stuck, down)
        return facets_of(self.store.tally_of(AccountFilter(owner=which.owner, prefix=which.prefix, down=down)), which)

    def find_accounts(self, text: str, *, limit: int = 10) -> list[Account]:
        """Return the accounts that a text may stand for: the one with this id, or else all of an owner, or else those
        whose ids begin with it; ``limit`` at most."""
        arguments.text("text", text)
        asked = arguments.count("limit", limit)
        stripped = text.strip()
        if not stripped.isprintable() or not stripped:
            return []
        if (found := self.store.account(stripped)) is not None:
            return [found]
        owned = self.store.page(AccountFilter(owner=stripped), limit=asked)
        return owned or self.store.page(AccountFilter(prefix=stripped), limit=asked)

    def history(
        self,
        account_id: str,
        *,
        after: int | None = None,
        before: int | None = None,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> list[LedgerEntry]:
        """Return every event ever fed for an account, with its verdict, oldest first: ``limit`` at most, those
        ``after`` a sequence and ``before`` another."""
        found = self.iter_history(account_id, after=after, before=before, newest_first=newest_first)
        return first_of(found, limit)

    def iter_history(
        self, account_id: str, *, after: int | None = None, before: int | None = None, newest_first: bool = False
    ) -> Iterator[LedgerEntry]:
        """Yield what ``history`` returns, one by one, as it is at the first."""
        checked = arguments.account_id("account_id", account_id)
        end = arguments.maybe(arguments.count, "before", before)
        return self.store.history(checked, _after(after), before=end, newest_first=newest_first)

    def health_spans(self, account_id: str, *, since: datetime, now: datetime | None = None) -> list[HealthSpan]:
        """Return the healths that an account had since a time (aware), one after the other, up to now.

        Before the first of them nothing was known of it, or events were pruned.
        """
        checked = arguments.account_id("account_id", account_id)
        begin, end = in_utc("since", since), self._clock() if now is None else in_utc("now", now)
        spans = list[HealthSpan]()
        for at, health in self.store.healths(checked):
            began_at = max(begin, min(at, end))
            if began_at < end:
                spans.append(HealthSpan(health, began_at, end))
            end = began_at
            if at <= begin:
                break
        return spans[::-1]

    def events(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        provider: str | None = None,
        status: Status | str | None = None,
        moved: bool = False,
        after: FleetEvent | None = None,
        limit: int | None = None,
    ) -> list[FleetEvent]:
        """Return the events of all accounts that fit, in the order of their times: ``limit`` at most, those ``after``
        the last event of the page before.

        ``since`` (included) and ``until`` (not included) are aware times of receipt; ``provider`` is that of the
        account as it is now, ``status`` the one that the event left it in; ``moved`` leaves out what changed no status.
        """
        found = self.iter_events(since=since, until=until, provider=provider, status=status, moved=moved, after=after)
        return first_of(found, limit)

    def iter_events(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        provider: str | None = None,
        status: Status | str | None = None,
        moved: bool = False,
        after: FleetEvent | None = None,
    ) -> Iterator[FleetEvent]:
        """Yield what ``events`` returns, one by one, as it is at the first."""
        if after is not None and not isinstance(after, FleetEvent):
            raise arguments.refuse("after", after, "an event that events() returned")
        which = EventFilter(
            None if since is None else in_utc("since", since),
            None if until is None else in_utc("until", until),
            None if provider is None else known_family(self.store, provider),
            None if status is None else arguments.word("status", status, Status),
            moved,
        )
        return self.store.events(which, None if after is None else (after.entry.received_at, after.event_id))

    def audit(
        self,
        *,
        kind: AnomalyKind | str | None = None,
        severity: Severity | str | None = None,
        account_id: str | None = None,
        provider: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        before: tuple[str, int] | None = None,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> list[Anomaly]:
        """Return the anomalies that fit, in the order in which their events were fed, or newest first: ``limit`` at
        most.

        ``severity`` means at least so severe. ``since`` (included) and ``until`` (not included) are aware times of
        receipt; ``before`` names an event by its account's id and its sequence, and leaves out what was fed after it,
        it included.
        """
        found = self.iter_audit(
            kind=kind,
            severity=severity,
            account_id=account_id,
            provider=provider,
            since=since,
            until=until,
            before=before,
            newest_first=newest_first,
        )
        return first_of(found, limit)

    def iter_audit(
        self,
        *,
        kind: AnomalyKind | str | None = None,
        severity: Severity | str | None = None,
        account_id: str | None = None,
        provider: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        before: tuple[str, int] | None = None,
        newest_first: bool = False,
    ) -> Iterator[Anomaly]:
        """Yield what ``audit`` returns, one by one, as it is at the first."""
        which = AuditFilter(
            None if kind is None else arguments.word("kind", kind, AnomalyKind),
            None if severity is None else arguments.word("severity", severity, Severity),
            arguments.maybe(arguments.account_id, "account_id", account_id),
            None if provider is None else known_family(self.store, provider),
            None if since is None else in_utc("since", since),
            None if until is None else in_utc("until", until),
        )
        event = arguments.maybe(arguments.event_named, "before", before)
        return self.store.audit(which, before=event, newest_first=newest_first)

    def quarantine(self, *, after: int | None = None, limit: int | None = None) -> list[Quarantined]:
        """Return every payload that could not be read, byte for byte, oldest first: ``limit`` at most, those ``after``
        a number."""
        return first_of(self.iter_quarantine(after=after), limit)

    def iter_quarantine(self, *, after: int | None = None) -> Iterator[Quarantined]:
        """Yield what ``quarantine`` returns, one by one, as it is at the first."""
        return self.store.quarantined(_after(after))

    def quarantine_groups(self, *, since: datetime | None = None) -> list[QuarantineGroup]:
        """Return the payloads that could not be read and were neither fed nor dismissed since, by what is wrong with
        them, the commonest first; ``since`` (aware) leaves out those that came before."""
        begin = None if since is None else in_utc("since", since)
        rows = (each for each in self.store.quarantined() if is_pending(each))
        return grouped(each for each in rows if begin is None or each.received_at >= begin)

    def blind_windows(
        self,
        *,
        account_id: str | None = None,
        open_only: bool = False,
        after: BlindWindow | None = None,
        limit: int | None = None,
    ) -> list[BlindWindow]:
        """Return the intervals in which accounts were not OK, in the order in which they began: ``limit`` at most,
        those ``after`` the last one of the page before."""
        return first_of(self.iter_blind_windows(account_id=account_id, open_only=open_only, after=after), limit)

    def iter_blind_windows(
        self, *, account_id: str | None = None, open_only: bool = False, after: BlindWindow | None = None
    ) -> Iterator[BlindWindow]:
        """Yield what ``blind_windows`` returns, one by one, as it is at the first."""
        which = arguments.maybe(arguments.account_id, "account_id", account_id)
        if after is not None and not isinstance(after, BlindWindow):
            raise arguments.refuse("after", after, "a window that blind_windows() returned")
        place = None if after is None else (after.opened_at, after.account_id, after.sequence)
        return self.store.blind_windows(which, open_only=open_only, after=place)

    def deliveries(
        self,
        *,
        state: DeliveryState | str | None = None,
        hook: str | None = None,
        account_id: str | None = None,
        redriven: bool | None = None,
        after: int | None = None,
        limit: int | None = None,
    ) -> list[DeliveryRecord]:
        """Return the deliveries that fit, in the order in which they were made: ``limit`` at most, those ``after`` a
        number. ``state="dead"``: dead letters; ``redriven``: whether they were tried again."""
        found = self.iter_deliveries(state=state, hook=hook, account_id=account_id, redriven=redriven, after=after)
        return first_of(found, limit)

    def iter_deliveries(
        self,
        *,
        state: DeliveryState | str | None = None,
        hook: str | None = None,
        account_id: str | None = None,
        redriven: bool | None = None,
        after: int | None = None,
    ) -> Iterator[DeliveryRecord]:
        """Yield what ``deliveries`` returns, one by one, as it is at the first."""
        which = which_deliveries(state, hook, account_id)._replace(redriven=redriven)
        return self.store.deliveries(which, _after(after))

    def explain(self, account_id: str, *, now: datetime | None = None) -> Diagnosis:
        """Return why an account is down, since when, what was missed, and what may follow.

        ``str()`` of it is text for a person, ``to_dict()`` the same for programs. ``now`` (aware), to which ages are
        counted, defaults to the clock. Raise ``AccountNotFound`` if nothing was ever fed for the account.
        """
        at = self._clock() if now is None else in_utc("now", now)
        account = self.account(account_id)
        if account is None:
            raise AccountNotFound(account_id)
        return diagnose(self.store, account, self.policy, at)

    def overview(self, *, now: datetime | None = None, at: datetime | None = None) -> Overview:
        """Return what is unusual, how many accounts stand where and how that changed within an hour and a day, which
        words are never announced, and how hooks and quarantine stand; ``now`` (aware) is the clock's.

        With ``at`` (aware) return how all but the machinery stood at that moment, from the events received by then;
        this reads the whole ledger, and raises ``StoreError`` as ``account`` does.
        """
        if at is not None:
            return overview_then(self.store, in_utc("at", at), self.policy)
        return overview_now(self.store, self._clock() if now is None else in_utc("now", now), self.policy)

    def reconciliations(self, *, before: int | None = None, limit: int = 100) -> list[Reconciliation]:
        """Return the runs over the vendor's list, newest first: ``limit`` at most, those ``before`` a number."""
        end = arguments.maybe(arguments.count, "before", before)
        return self.store.reconciliations(arguments.count("limit", limit), end)

    def last_reconciliation(self) -> Reconciliation | None:
        """Return the newest run over the vendor's list, which may be running; None if there never was one."""
        return next(iter(self.store.reconciliations(1)), None)

    def machine_for(self, account_id: str) -> BoundModel:
        """Return a model at the account's situation, bound to the shared ``transitions`` machine.

        For interactive use: ``may_OK()`` asks, ``OK()`` tries, ``get_graph()`` draws. It is a copy: the
        store is not changed by it. An account for which nothing was ever fed is UNSEEN: there every account begins.
        """
        account = self.account(account_id)
        situation = account.situation if account else INITIAL_SITUATION
        circumstances = circumstances_of(account.provider if account else None, self.policy.ok_subscribed)
        return BoundModel(situation, _draw, circumstances)


def pages_of(
    store: Reader, wanted: AccountFilter, order: AccountOrder, after: str = NOBODY, limit: int | None = None
) -> Iterator[Account]:
    """Yield accounts in an order, a page at a time, each of which is as the store has it when it is read."""
    size = PAGE_OF_ACCOUNTS if limit is None else min(limit, PAGE_OF_ACCOUNTS)
    while page := store.page(wanted, after, size, order):
        yield from page
        after = order.place(page[-1])


PAGE_OF_ACCOUNTS = 1_000
"""How many accounts are read at a time where their order is not that of their ids."""


def _after(number: int | None) -> int:
    return 0 if number is None else arguments.count("after", number)


def first_of(found: Iterator[FoundT], limit: int | None) -> list[FoundT]:
    """Return what is found, and of that the first ``limit`` if it is given."""
    return list(found if limit is None else islice(found, arguments.count("limit", limit)))


def which_deliveries(
    state: DeliveryState | str | None, hook: str | None, account_id: str | None, delivery_id: int | None = None
) -> DeliveryFilter:
    """Return a filter of deliveries from its words; raise ``ConfigurationError`` for one that is none."""
    return DeliveryFilter(
        None if state is None else arguments.word("state", state, DeliveryState),
        arguments.maybe(arguments.hook_name, "hook", hook),
        arguments.maybe(arguments.account_id, "account_id", account_id),
        delivery_id,
    )


def known_family(reader: Reader, provider: str) -> str:
    """Return the family of a provider by any of its names, or a word that was announced for an account instead of one.

    Raise ``ConfigurationError`` for any other word, which would silently fit no account.
    """
    family = family_of(arguments.text("provider", provider))
    if family not in PROFILES and next(iter(reader.accounts(AccountFilter(provider=family))), None) is None:
        expected = f"{one_of(tuple(Provider))}, or another word that was announced as an account's type"
        raise arguments.refuse("provider", provider, expected)
    return family


def _draw(situation: Situation) -> "Digraph":
    from ..drawing import draw_situation

    return draw_situation(situation)

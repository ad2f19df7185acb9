"""The views: each question that the API answers, with its parameters and the record that its answer is made of.

A view asks one method of the engine, the same that a page or a command asks, and answers with the records' own
``to_dict``. Routes, the document of the API and its page are all made of these rows.

A list is answered in pages. ``after`` says where the page before ended, by what the last record says of itself, so a
page costs what it holds, and none is skipped or twice while others write. The next page's path is in the answer.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from itertools import groupby, islice
from typing import Any, NamedTuple

from ..engine.core import Engine
from ..engine.diagnosis import Diagnosis
from ..engine.overview import Overview
from ..errors import ConfigurationError
from ..intake.quarantine import QuarantineGroup
from ..lifecycle.account import Account
from ..lifecycle.explain import Anomaly
from ..lifecycle.windows import BlindWindow
from ..lifecycle.wording import JsonObject, shown
from ..records import DeliveryRecord, LedgerEntry, Quarantined, SubscribedHook
from ..stores.fleet import AccountOrder, AccountTally, Facets, FleetEvent, HookStanding, KindCount
from ..stores.reconciliations import Reconciliation
from .filters import (
    ACCOUNT_ASKED,
    ACCOUNT_PARAMETERS,
    ANOMALY_PARAMETERS,
    AT,
    DELIVERY_PARAMETERS,
    LIMIT,
    PROVIDER_ASKED,
    ROWS,
    SINCE,
    STATUS_ASKED,
    UNTIL,
    Parameter,
    accounts_asked_for,
    flag_parameter,
    number_parameter,
    text_parameter,
    time_parameter,
)
from .snapshot import FleetSnapshots

Query = dict[str, Any]
"""The values of parameters by their names; of those that were left out there is none."""


class Sources(NamedTuple):
    """Where answers come from."""

    engine: Engine
    snapshots: FleetSnapshots
    """The fleet as the pages show it, which is read once for all who ask within two seconds."""


class ListPage(NamedTuple):
    """A page of a list."""

    records: list[Any]
    after: str | None = None
    """Where it ended; None if the list ends there."""


class View(NamedTuple):
    """One question."""

    path: str
    """Below ``/api``; an id is written in braces."""
    name: str
    """What programs call it."""
    text: str
    """What is answered, in a sentence."""
    record: type
    """What the answer is made of."""
    answer: Callable[[Sources, Query], Any]
    """Returns a record, or for a list a ``ListPage``; called where it may wait for the store."""
    parameters: tuple[Parameter, ...] = ()
    is_list: bool = False

    @property
    def is_about_account(self) -> bool:
        """Whether the path names an account."""
        return self.path.endswith("}")


def as_json(record: Any, now: datetime) -> JsonObject:
    """Return a record's own shape, with ages counted to ``now`` (aware)."""
    shape: JsonObject = record.to_dict(now) if isinstance(record, Account | BlindWindow) else record.to_dict()
    return shape


# ---- Pages of lists ------------------------------------------------------------------------------------------


def page_of(found: Iterable[Any], limit: int, place: Callable[[Any], object]) -> ListPage:
    """Return the first records of a list, and where they end if there are more."""
    records = list(islice(found, limit + 1))
    return ListPage(records[:limit], str(place(records[limit - 1])) if len(records) > limit else None)


def _accounts(sources: Sources, query: Query) -> ListPage:
    limit, order = query.pop("limit", ROWS), query.get("order", AccountOrder.ID)
    found = sources.engine.accounts(**accounts_asked_for(sources.engine, query), limit=limit + 1)
    return page_of(found, limit, order.place)


def _facets(sources: Sources, query: Query) -> Facets:
    query.pop("order", None)
    return sources.engine.facets(**accounts_asked_for(sources.engine, query))


def _history(sources: Sources, query: Query) -> ListPage:
    limit, newest_first = query.pop("limit", ROWS), not query.pop("oldest_first", False)
    if newest_first:
        query["before"] = query.pop("after", None)
    found = sources.engine.history(**query, newest_first=newest_first, limit=limit + 1)
    return page_of(found, limit, lambda entry: entry.sequence)


def _events(sources: Sources, query: Query) -> ListPage:
    limit, after = query.pop("limit", ROWS), query.pop("after", None)
    if after is not None:
        query["after"] = next(iter(sources.engine.store.recent(after - 1, 1)), None)
        if query["after"] is None or query["after"].event_id != after:
            raise ConfigurationError("after", str(after), "the number of an event that is on record")
    return page_of(sources.engine.events(**query, limit=limit + 1), limit, lambda event: event.event_id)


def _anomalies(sources: Sources, query: Query) -> ListPage:
    """Return about as many as are asked for: those of one event are never parted."""
    limit, after = query.pop("limit", ROWS), query.pop("after", None)
    if after is not None:
        query["before"] = _event_named(after)
    records = list[Anomaly]()
    found = sources.engine.iter_audit(**query, newest_first=True)
    for _, of_event in groupby(found, lambda anomaly: (anomaly.account_id, anomaly.sequence)):
        if len(records) >= limit:
            return ListPage(records, f"{records[-1].sequence}~{records[-1].account_id}")
        records += of_event
    return ListPage(records)


def _windows(sources: Sources, query: Query) -> ListPage:
    limit, after = query.pop("limit", ROWS), query.pop("after", None)
    if after is not None:
        account_id, sequence = _event_named(after)
        own = sources.engine.iter_blind_windows(account_id=account_id)
        query["after"] = next((window for window in own if window.sequence == sequence), None)
        if query["after"] is None:
            raise ConfigurationError("after", shown(after), "where a page of blind windows ended")
    query["open_only"] = query.pop("open", False)
    found = sources.engine.blind_windows(**query, limit=limit + 1)
    return page_of(found, limit, lambda window: f"{window.sequence}~{window.account_id}")


def _event_named(place: str) -> tuple[str, int]:
    sequence, is_place, account_id = place.partition("~")
    if not is_place or not sequence.isascii() or not sequence.isdecimal() or not 0 < int(sequence) < 2**63:
        raise ConfigurationError("after", shown(place), "where the page before ended")
    return account_id, int(sequence)


def _numbered(ask: Callable[..., list[Any]], number_of: Callable[[Any], int], query: Query) -> ListPage:
    limit = query.pop("limit", ROWS)
    return page_of(ask(**query, limit=limit + 1), limit, number_of)


def _deliveries(sources: Sources, query: Query) -> ListPage:
    return _numbered(sources.engine.deliveries, lambda record: record.delivery_id, query)


def _quarantine(sources: Sources, query: Query) -> ListPage:
    return _numbered(sources.engine.quarantine, lambda payload: payload.quarantine_id, query)


def _reconciliations(sources: Sources, query: Query) -> ListPage:
    return _numbered(partial(_runs_after, sources.engine), lambda run: run.number, query)


def _runs_after(engine: Engine, *, limit: int, after: int | None = None) -> list[Reconciliation]:
    return engine.reconciliations(before=after, limit=limit)


def _all_of(ask: Callable[[Engine, Query], Iterable[Any]]) -> Callable[[Sources, Query], ListPage]:
    """Return the answer of a list that is so short that it is one page."""
    return lambda sources, query: ListPage(list(ask(sources.engine, query)))


def _fleet(sources: Sources, query: Query) -> Overview:
    return sources.engine.overview(**query) if query else sources.snapshots.newest().overview


# ---- The rows ------------------------------------------------------------------------------------------------

_AFTER = text_parameter("after", "Where the page before ended.")
_AFTER_NUMBER = number_parameter("after", "Where the page before ended: the number of its last record.", 1)
_OF_ACCOUNT = text_parameter("account_id", "The account.", is_required=True)
_BY_ID = _OF_ACCOUNT._replace(text="The account's id; a slash or any other character in it as it is in a URL.")

VIEWS = (
    View("/fleet", "fleet", "How the fleet stands: what is unusual, counts, changes, and the machinery.",
         Overview, _fleet, (AT,)),
    View("/fleet/tally", "tally", "How many accounts stand alike, by status, health and provider.",
         AccountTally, _all_of(lambda engine, query: engine.store.tally(query.get("at"))), (AT,), is_list=True),
    View("/fleet/anomalies", "anomaly_kinds", "How many anomalies of each kind there were, the worst kinds first.",
         KindCount, _all_of(lambda engine, query: engine.store.anomalies_by_kind(query["since"])),
         (time_parameter("since", "Since when.")._replace(is_required=True),), is_list=True),
    View("/accounts", "accounts", "The accounts that fit.",
         Account, _accounts, (*ACCOUNT_PARAMETERS, _AFTER, LIMIT), is_list=True),
    View("/facets", "facets", "What a list of accounts can be narrowed to, with the number of accounts of each.",
         Facets, _facets, ACCOUNT_PARAMETERS),
    View("/accounts/{account_id}", "account", "One account: why it is down, what was missed, what to do, its last "
         "events.", Diagnosis, lambda sources, query: sources.engine.explain(query["account_id"]), (_BY_ID,)),
    View("/history", "history", "Every event of one account, newest first.",
         LedgerEntry, _history,
         (_OF_ACCOUNT, flag_parameter("oldest_first", "Oldest first instead."), _AFTER_NUMBER, LIMIT), is_list=True),
    View("/windows", "blind_windows", "The times in which accounts were not live, in the order in which they began.",
         BlindWindow, _windows,
         (ACCOUNT_ASKED, flag_parameter("open", "Only those that last."), _AFTER, LIMIT), is_list=True),
    View("/events", "events", "The events of all accounts in the order of their times.",
         FleetEvent, _events,
         (SINCE, UNTIL, PROVIDER_ASKED, STATUS_ASKED, flag_parameter("moved", "Only events that changed a status."),
          _AFTER_NUMBER, LIMIT),
         is_list=True),
    View("/anomalies", "anomalies", "The anomalies that fit, newest first; those of one event are never parted.",
         Anomaly, _anomalies, (*ANOMALY_PARAMETERS, _AFTER, LIMIT), is_list=True),
    View("/hooks", "hooks", "Every hook that the store knows, by name.",
         SubscribedHook, _all_of(lambda engine, _: engine.subscribed_hooks()), is_list=True),
    View("/hooks/standing", "hooks_standing", "How the deliveries of each hook stand.",
         HookStanding, _all_of(lambda engine, _: engine.store.standing().hooks), is_list=True),
    View("/deliveries", "deliveries", "The deliveries that fit, in the order in which they were made.",
         DeliveryRecord, _deliveries, (*DELIVERY_PARAMETERS, _AFTER_NUMBER, LIMIT), is_list=True),
    View("/quarantine", "quarantine", "The payloads that could not be read, oldest first.",
         Quarantined, _quarantine, (_AFTER_NUMBER, LIMIT), is_list=True),
    View("/quarantine/groups", "quarantine_groups", "What waits in the quarantine, by what is alike in it.",
         QuarantineGroup, _all_of(lambda engine, query: engine.quarantine_groups(**query)), (SINCE,), is_list=True),
    View("/reconciliations", "reconciliations", "The runs over the vendor's list, newest first.",
         Reconciliation, _reconciliations, (_AFTER_NUMBER, LIMIT), is_list=True),
)  # fmt: skip
"""Every question, in the order of the document."""
_BY_NAME = {view.name: view for view in VIEWS}


def view_named(name: str) -> View:
    """Return the view that programs call so."""
    return _BY_NAME[name]

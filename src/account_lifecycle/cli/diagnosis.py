"""Why an account is down: the answer to "account explain", as data.

Knows how to put together what the store, the machine and the provider's profile say about one account;
it must never know how that is shown. It holds no rule of its own.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from ..lifecycle import definition
from ..lifecycle.account import Account
from ..lifecycle.anomalies import AnomalyKind
from ..lifecycle.compiled import compiled, health_of
from ..lifecycle.explain import Anomaly, expected_from
from ..lifecycle.machine import Situation
from ..lifecycle.policy import Policy
from ..lifecycle.providers import profile_of
from ..lifecycle.status import Health, Status, Verdict
from ..lifecycle.windows import BlindWindow
from ..lifecycle.wording import moment
from ..records import LedgerEntry
from ..report.records import Record, account_record, anomaly_record, entry_record, time_text, window_record
from ..stores.protocol import Reader

TELLS: dict[Health, str] = {
    Health.UNKNOWN: "nothing reliable was heard yet",
    Health.STARTING: "on its way; wait until it is live",
    Health.LIVE: "use it",
    Health.INTERRUPTED: "wait, restart it or check the plan; never ask for a new sign-in",
    Health.ACTION_REQUIRED: "the user must reconnect",
    Health.RECOVERING: "coming back; stop nagging the user, do not send yet",
    Health.FAILED: "it could not be created; start over",
    Health.GONE: "deleted; forget it",
}
"""What each health tells a caller."""

RECENT = 5
"""How many of the last events are shown."""


class Session(NamedTuple):
    """The provider's session behind an account, where its length is documented."""

    began_at: datetime
    """When a sign-in was last announced."""
    expires_at: datetime
    """When it is due to expire."""


class Recurring(NamedTuple):
    """Anomalies of one kind in the present stay."""

    times: int
    latest: Anomaly


class Outlook(NamedTuple):
    """One announcement that may lawfully follow, and the health that it leads to."""

    announcement: Status
    health: Health


class Diagnosis(NamedTuple):
    """Everything that answers "why is this account down?"."""

    account: Account
    now: datetime
    causes: tuple[str, ...]
    """Why sessions of its provider end, as documented; empty unless the account is lost to that."""
    window: BlindWindow | None
    """The blind window that is open, or else the latest."""
    due_at: datetime | None
    """When its present status will have lasted too long; None if it may last."""
    session: Session | None
    anomalies: tuple[Recurring, ...]
    """The anomalies since the present status was entered."""
    recent: tuple[LedgerEntry, ...]
    """Its last events, oldest first."""
    outlook: tuple[Outlook, ...]

    @property
    def tells(self) -> str:
        """What its health tells a caller."""
        return TELLS[self.account.health]

    @property
    def missed(self) -> str:
        """What was missed, and what to do about it."""
        return _missed(self.account, self.window)

    def record(self) -> Record:
        """The same for programs."""
        return {
            "account": account_record(self.account, self.now),
            "tells": self.tells,
            "likely_causes": list(self.causes),
            "missed": self.missed,
            "blind_window": None if self.window is None else window_record(self.window, self.now),
            "deadline_at": time_text(self.due_at),
            "session_began_at": time_text(self.session and self.session.began_at),
            "session_expires_at": time_text(self.session and self.session.expires_at),
            "open_anomalies": [{"times": each.times, **anomaly_record(each.latest)} for each in self.anomalies],
            "may_follow": [{"announcement": str(o.announcement), "health": str(o.health)} for o in self.outlook],
            "last_events": [entry_record(entry) for entry in self.recent],
        }


def diagnose(reader: Reader, account: Account, policy: Policy, now: datetime) -> Diagnosis:
    """Put together what is known about an account. Its history is read once, as a stream."""
    history = _History(reader.history(account.account_id))
    windows = deque(reader.blind_windows(account.account_id, open_only=False), maxlen=1)
    allowed = policy.deadlines_of(account.provider).get(account.status)
    return Diagnosis(
        account,
        now,
        profile_of(account.provider).causes if _is_signed_out(account) else (),
        account.blind_window or (windows[-1] if windows else None),
        account.since + allowed if account.since and allowed else None,
        _session(account, history.signed_in_at),
        tuple(history.anomalies.values()),
        tuple(history.recent),
        outlook(account),
    )


def outlook(account: Account) -> tuple[Outlook, ...]:
    """What may lawfully follow; staying as it is left out."""
    announces_sync = profile_of(account.provider).announces_sync
    ok_heard = account.last_ok_at is not None
    found = []
    for announced in expected_from(account.situation, announces_sync):
        step = compiled().step(account.situation, announced, announces_sync=announces_sync, ok_heard=ok_heard)
        if step.moved:
            proves_life = announced is definition.PROVES_LIFE
            found.append(Outlook(announced, health_of(step.after, ok_heard=ok_heard or proves_life)))
    return tuple(found)


class _History:
    """What an account's history tells, read in one pass."""

    def __init__(self, entries: Iterable[LedgerEntry]) -> None:
        self.recent: deque[LedgerEntry] = deque(maxlen=RECENT)
        self.anomalies: dict[AnomalyKind, Recurring] = {}
        self.signed_in_at: datetime | None = None
        for entry in entries:
            self._read(entry)

    def _read(self, entry: LedgerEntry) -> None:
        self.recent.append(entry)
        if entry.before.status is not entry.after.status:
            self.anomalies.clear()  # a new stay begins
        for anomaly in entry.anomalies:
            known = self.anomalies.get(anomaly.kind)
            self.anomalies[anomaly.kind] = Recurring(known.times + 1 if known else 1, anomaly)
        if entry.verdict is Verdict.APPLIED and entry.announced in definition.RESTARTS_SYNC:
            self.signed_in_at = entry.received_at


def _session(account: Account, signed_in_at: datetime | None) -> Session | None:
    length = profile_of(account.provider).session_length
    if length is None or signed_in_at is None or account.status is definition.TERMINAL:
        return None
    return Session(signed_in_at, signed_in_at + length)


def _is_signed_out(account: Account) -> bool:
    """Whether it is lost in a way that a new sign-in mends."""
    causes: Sequence[Status] = account.blind_window.causes if account.blind_window else ()
    return account.lost and any(_needs_user(status) for status in (account.status, *causes))


def _needs_user(status: Status) -> bool:
    return health_of(Situation(status, exists=True, lost=True), ok_heard=True) is Health.ACTION_REQUIRED


def _missed(account: Account, window: BlindWindow | None) -> str:
    if window is None:
        never = "It was never live, so nothing was missed." if account.last_ok_at is None else ""
        return never or "Nothing: it was live all the time."
    return _missed_now(window) if window.is_open else _missed_before(window)


def _missed_now(window: BlindWindow) -> str:
    if window.last_ok_at is None:
        return (
            f"Nobody knows how much: it was down already when it was first heard of, {moment(window.opened_at)}. "
            "Backfill as far back as you can once it is live."
        )
    return (
        f"Whatever happened since {moment(window.opened_at)}, and perhaps since {moment(window.last_ok_at)}, "
        "its last proof of life. Backfill from there once it is live."
    )


def _missed_before(window: BlindWindow) -> str:
    start = "an unknown time" if window.last_ok_at is None else moment(window.last_ok_at)
    ending = "when it came back" if window.recovered else "when it was deleted"
    return f"Nothing at present. Its latest blind window lasted from {start} to {moment(window.closed_at)}, {ending}."

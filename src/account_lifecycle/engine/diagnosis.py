"""Answer "why is this account down, and what now?" from what the store, the machine and the documentation say.

An account's history is read from its end, as far as the present status goes back; nothing here is a rule of its own.
One piece of advice is given on a screen: anomalies are listed without theirs, since what was right to do then may
contradict what is right now.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from textwrap import fill
from typing import NamedTuple

from ..lifecycle import definition
from ..lifecycle.account import Account
from ..lifecycle.anomalies import AnomalyKind
from ..lifecycle.causes import OF_STATUS, Cause, Need
from ..lifecycle.compiled import compiled, health_of
from ..lifecycle.deadlines import next_deadline
from ..lifecycle.events import DeadlineKind, DeadlinePassed
from ..lifecycle.evidence import circumstances_of, expected_from
from ..lifecycle.explain import Anomaly
from ..lifecycle.policy import Policy
from ..lifecycle.providers import profile_of
from ..lifecycle.status import Health, Status
from ..lifecycle.windows import BlindWindow
from ..lifecycle.wording import (
    PRESUMED,
    HealthWords,
    JsonObject,
    escaped,
    health_words,
    lasting,
    moment,
    shown,
    time_text,
)
from ..records import LedgerEntry
from ..stores.protocol import Reader

RECENT_EVENTS = 5
"""How many of the last events a diagnosis holds."""
TEXT_WIDTH = 80

SOON = timedelta(days=1)
"""A loss within this time after a sign-in may come of the sign-in itself."""
LATER = timedelta(days=7)
"""A loss after this time does not come of it."""
EARLY = timedelta(days=7)
"""How long before its time a session may already have expired."""


class ProviderSession(NamedTuple):
    """The provider's session behind an account, where its length is documented."""

    began_at: datetime
    """When a sign-in was last announced or observed."""
    expires_at: datetime


class LikelyCause(NamedTuple):
    """Why an account may be down, and what to do about it."""

    text: str
    remedy: str
    is_vendors: bool = False
    """Whether the vendor gave it as the reason; the others are documented."""

    def to_dict(self) -> JsonObject:
        """Return the JSON shape."""
        return {"cause": self.text, "remedy": self.remedy, "source": "vendor" if self.is_vendors else "documentation"}


class Recurring(NamedTuple):
    """The anomalies of one kind since the present status was entered."""

    times: int
    latest: Anomaly


class Outlook(NamedTuple):
    """An announcement that may follow as expected, and the health that it leads to."""

    announcement: Status
    health: Health


class Section(NamedTuple):
    """A part of a diagnosis as text: named values, or paragraphs whose name is blank."""

    title: str
    note: str
    lines: tuple[tuple[str, str], ...]


class Diagnosis(NamedTuple):
    """Why an account is down, since when, what was missed, and what may follow. ``str()`` tells it as text."""

    account: Account
    now: datetime
    causes: tuple[LikelyCause, ...]
    """Why it may be down, the vendor's reason first; what the facts exclude is left out. Empty unless it is down."""
    window: BlindWindow | None
    """The open blind window, or else the latest."""
    deadline: DeadlinePassed | None
    """What the clock will find next, or has found unnoticed; its ``received_at`` is the moment."""
    stuck_since: datetime | None
    """When its present status outlived its deadline; None unless the account is stuck."""
    session: ProviderSession | None
    anomalies: tuple[Recurring, ...]
    """The anomalies since the present status was entered."""
    recent: tuple[LedgerEntry, ...]
    """Its last events, oldest first."""
    outlook: tuple[Outlook, ...]

    @property
    def words(self) -> HealthWords:
        """Its health for people."""
        return health_words(self.account.health, self.account.presumed)

    @property
    def tells(self) -> str:
        """What its health means for a caller, and whether data is fresh and message webhooks come."""
        return self.words.text

    @property
    def what_to_do(self) -> str:
        """The one thing to do now."""
        account, deadline, advice = self.account, self.deadline, self.words.advice
        if account.doubtful:
            return f"Reconcile with the vendor before you act. If its list agrees, {_decapitalized(advice)}"
        if account.health is Health.INTERRUPTED and account.stuck:
            return f"Reconcile with the vendor. If its list agrees, {_decapitalized(advice)}"
        is_passing = deadline is not None and deadline.kind is DeadlineKind.STAY and deadline.received_at > self.now
        if account.health is Health.INTERRUPTED and is_passing and deadline is not None:
            return f"Wait: it should pass by {moment(deadline.received_at)}. Never ask the user to sign in again."
        if account.health is Health.ACTION_REQUIRED and account.status not in definition.NEEDS_USER:
            return f"{advice} That {account.status} came since changes nothing about it."
        return advice

    @property
    def doubt(self) -> str:
        """What is in doubt, and what would settle it; blank if nothing is."""
        account = self.account
        if account.doubtful:
            return (
                f"{account.status} may be a late redelivery of old news. The vendor's list of accounts settles it: "
                "reconcile."
            )
        if account.stuck and account.health is not Health.LIVE:
            return (
                f"{account.status} has lasted too long: either it lasts still, or what followed went unheard. "
                "The vendor's list of accounts settles it: reconcile."
            )
        return ""

    @property
    def missed(self) -> str:
        """What was missed, and what to do about it."""
        window = self.window
        if window is None:
            if self.account.last_live_at is None:
                return "It was never live, so nothing was missed."
            return "Nothing: no outage is known."
        start = window.backfill_from
        if not window.is_open:
            ending = "when it came back" if window.recovered else "when it was deleted"
            guess = ", as an estimate," if window.estimated else ""
            backfill = f"; backfill from {moment(start)} if that was not done" if start and window.recovered else ""
            span = f"from {moment(window.opened_at)} to {moment(window.closed_at)}"
            return f"Nothing now. Its latest blind window{guess} lasted {span}, {ending}{backfill}."
        if start is None:
            return (
                f"Unknown since when: it was already down when its first news came, {moment(window.opened_at)}. "
                "Backfill as far back as you can once it is live."
            )
        since = "Perhaps everything" if window.estimated else "Everything"
        return f"{since} since {moment(window.opened_at)}. Once it is live, backfill from {moment(start)}."

    @property
    def due(self) -> str:
        """What the clock finds next; blank if there is nothing."""
        if self.deadline is None:
            return f"stuck since {moment(self.stuck_since)}" if self.stuck_since else ""
        at = moment(self.deadline.received_at)
        tense = "was due" if self.deadline.received_at <= self.now else "is due"
        next_one = {
            DeadlineKind.STAY: f"{self.deadline.status} should pass by {at}, or else counts as stuck",
            DeadlineKind.REMINDER: f"a reminder that it is still down {tense} {at}",
            DeadlineKind.SESSION: f"the notice that its session expires soon {tense} {at}",
        }[self.deadline.kind]
        if self.deadline.kind is DeadlineKind.STAY and self.deadline.received_at <= self.now:
            next_one = f"{self.deadline.status} should have passed by {at}, and is overdue"
        return f"stuck since {moment(self.stuck_since)}; {next_one}" if self.stuck_since else next_one

    def sections(self) -> Iterator[Section]:
        """Yield everything but the last events as text, part by part; what strangers sent is not escaped."""
        account, session = self.account, self.session
        since = f", since {moment(account.since)}, {age(account.since, self.now)} ago" if account.since else ""
        story = [
            ("status", f"{account.status}{since}"),
            ("health", self._health()),
            ("to do", self.what_to_do),
            ("doubt", self.doubt),
            ("missed", self.missed),
            ("due", self.due),
            ("session", f"signed in {moment(session.began_at)}; {self._expiry(session)}" if session else ""),
            ("owner", account.owner or ""),
        ]
        yield Section("", "", tuple(line for line in story if line[1]))
        if self.causes:
            causes = tuple(("", f"{_capitalized(cause.text)}. {cause.remedy}") for cause in self.causes)
            yield Section("Likely causes", "likeliest first" if len(causes) > 1 else "", causes)
        if self.anomalies:
            beginning = "became" if account.since else "is"
            anomalies = tuple(("", _recurring_text(each)) for each in self.anomalies)
            yield Section("Anomalies", f"since it {beginning} {account.status}", anomalies)
        by_health: dict[str, list[str]] = {}
        for each in self.outlook:
            by_health.setdefault(each.health, []).append(each.announcement)
        lines = tuple((str(health), ", ".join(words)) for health, words in by_health.items())
        yield Section("What may follow", "", lines or (("nothing", "no announcement leads out of this status"),))

    def __str__(self) -> str:
        """Return the diagnosis as text, lines of at most 80 characters."""
        lines = [escaped(f"{self.account.account_id}  {self.account.provider or 'provider unknown'}")]
        for title, note, rows in self.sections():
            lines += ["", f"{title}  {escaped(note)}".rstrip()] if title else []
            width = max(len(name) for name, _ in rows)
            for name, text in rows:
                lead = f"  {name:<{width}}  " if width else "  - "
                lines.append(fill(escaped(text), TEXT_WIDTH, initial_indent=lead, subsequent_indent=" " * len(lead)))
        lines += ["", f"Last events  of {self.account.sequence:,}"]
        for entry in self.recent:
            lines.append(f"{entry.sequence:>5}  {moment(entry.received_at)}  {escaped(_what_came(entry))}")
            lines += [f"       ! {anomaly.kind}: {anomaly.meaning}" for anomaly in entry.anomalies]
        return "\n".join(lines)

    def to_dict(self) -> JsonObject:
        """Return the JSON shape."""
        return {
            "account": self.account.to_dict(self.now),
            "tells": self.tells,
            "what_to_do": self.what_to_do,
            "doubt": self.doubt,
            "likely_causes": [cause.to_dict() for cause in self.causes],
            "missed": self.missed,
            "blind_window": None if self.window is None else self.window.to_dict(self.now),
            "next_deadline": None if self.deadline is None else self.deadline.kind.value,
            "next_deadline_at": None if self.deadline is None else time_text(self.deadline.received_at),
            "stuck_since": time_text(self.stuck_since),
            "session_began_at": time_text(self.session and self.session.began_at),
            "session_expires_at": time_text(self.session and self.session.expires_at),
            "open_anomalies": [{"times": each.times, **each.latest.to_dict()} for each in self.anomalies],
            "may_follow": [{"announcement": str(o.announcement), "health": str(o.health)} for o in self.outlook],
            "last_events": [entry.to_dict() for entry in self.recent],
        }

    def _health(self) -> str:
        if self.words is PRESUMED:
            return f"{self.account.health}, {self.tells.replace(' live', '', 1)}"
        return f"{self.account.health}: {self.tells}"

    def _expiry(self, session: ProviderSession) -> str:
        at = session.expires_at
        if at > self.now:
            return f"due to expire {moment(at)}, in {age(self.now, at)}"
        return f"it was due to expire {moment(at)}, {age(at, self.now)} ago"


def diagnose(reader: Reader, account: Account, policy: Policy, now: datetime) -> Diagnosis:
    """Put together what is known about an account as of ``now`` (aware)."""
    windows = deque(reader.blind_windows(account.account_id, open_only=False), maxlen=1)
    history = reader.history(account.account_id, newest_first=True)
    return diagnosis_of(account, history, windows[-1] if windows else None, policy, now)


def diagnosis_of(
    account: Account, history: Iterable[LedgerEntry], latest: BlindWindow | None, policy: Policy, now: datetime
) -> Diagnosis:
    """Return the diagnosis of an account with that history, newest first, and that latest blind window."""
    recent, since_move = deque[LedgerEntry](), deque[LedgerEntry]()
    has_moved = False
    for entry in history:
        if not has_moved:
            since_move.appendleft(entry)
        if len(recent) < RECENT_EVENTS:
            recent.appendleft(entry)
        has_moved = has_moved or entry.before.status is not entry.after.status
        if has_moved and len(recent) == RECENT_EVENTS:
            break
    anomalies: dict[AnomalyKind, Recurring] = {}
    for anomaly in (anomaly for entry in since_move for anomaly in entry.anomalies):
        known = anomalies.get(anomaly.kind)
        anomalies[anomaly.kind] = Recurring(known.times + 1 if known else 1, anomaly)
    length = profile_of(account.provider).session_length
    session = None
    if account.signed_in_at and length and account.status is not definition.TERMINAL:
        session = ProviderSession(account.signed_in_at, account.signed_in_at + length)
    allowed = policy.deadlines_of(account.provider).get(account.status)
    is_stuck = account.stuck and account.health is not Health.LIVE
    return Diagnosis(
        account,
        now,
        likely_causes(account),
        account.blind_window or latest,
        next_deadline(account, policy),
        account.since + allowed if is_stuck and account.since and allowed else None,
        session,
        tuple(anomalies.values()),
        tuple(recent),
        outlook(account, policy),
    )


# ---- Causes -------------------------------------------------------------------------------------------------


def likely_causes(account: Account) -> tuple[LikelyCause, ...]:
    """Return why an account may be down, the likeliest first.

    The vendor's reason comes first, with the remedy of the documented cause that it points to. Of the others those
    come first that the facts speak for, and what they exclude is left out.
    """
    documented = _documented(account)
    ranked = sorted(
        (rank, place, cause)
        for place, cause in enumerate(documented)
        if (rank := _rank(cause.needs, account)) is not None
    )
    causes = [cause for _, _, cause in ranked]
    if not account.reason or not documented:
        return tuple(LikelyCause(cause.text, cause.remedy) for cause in causes)
    said = account.reason.casefold()
    meant = next((cause for cause in documented if any(hint in said for hint in cause.hints)), None)
    words = health_words(account.health)
    first = LikelyCause(
        f"the vendor says {shown(account.reason, 80)}" + (f", which may mean that {meant.text}" if meant else ""),
        meant.remedy if meant else words.advice,
        is_vendors=True,
    )
    return (first, *(LikelyCause(cause.text, cause.remedy) for cause in causes if cause is not meant))


def _documented(account: Account) -> tuple[Cause, ...]:
    """Return every documented cause of what an account is in."""
    if account.health is Health.ACTION_REQUIRED:
        causes = account.blind_window.causes if account.blind_window else ()
        met = [word for word in (account.status, *reversed(causes)) if word in definition.NEEDS_USER]
        if met and met[0] in OF_STATUS:
            return OF_STATUS[met[0]]
        return profile_of(account.provider).causes
    if account.health in (Health.INTERRUPTED, Health.FAILED):
        return OF_STATUS.get(account.status, ())
    return ()


def _rank(need: Need | None, account: Account) -> int | None:
    """Return how the facts rank a cause: 0 for it, 1 neither way, 2 against it; None if they exclude it."""
    if need is None:
        return 1
    if need is Need.RECRUITER:
        if not account.synced_products - {""}:
            return 2
        return 1 if any("recruiter" in product for product in account.synced_products) else None
    signed_in_at = account.signed_in_at
    lost_at = account.blind_window.opened_at if account.blind_window else account.since
    if signed_in_at is None or lost_at is None:
        return 1
    lasted = lost_at - signed_in_at
    if need is Need.EXPIRED:
        length = profile_of(account.provider).session_length
        return 0 if length is not None and lasted >= length - EARLY else None
    if need is Need.JUST_SIGNED_IN:
        return 0 if lasted < SOON else 2 if lasted < LATER else None
    return 1 if lasted >= SOON else 2


# ---- What may follow ------------------------------------------------------------------------------------------


def outlook(account: Account, policy: Policy) -> tuple[Outlook, ...]:
    """Return the expected announcements that would move the account, with the health after each.

    Words that are not subscribed to will not be announced, and are left out.
    """
    circumstances = circumstances_of(account.provider, policy.ok_subscribed)
    found = []
    for announced in expected_from(account.situation, circumstances):
        step = compiled().step(account.situation, announced, circumstances)
        if step.moved and announced in policy.subscribed:
            presumed = not policy.ok_subscribed and step.after.status in definition.PRESUMED_LIVE
            ever_live = account.last_live_at is not None or step.proves_life
            found.append(Outlook(announced, health_of(step.after, ever_live=ever_live, presumed=presumed)))
    return tuple(found)


def age(then: datetime | None, now: datetime) -> str:
    """Return how long ago a time was; blank if unknown."""
    return "" if then is None else "0 s" if then >= now else lasting(now - then)


def _recurring_text(each: Recurring) -> str:
    times = f" ({each.times:,} times, the latest:)" if each.times > 1 else ""
    return f"{each.latest.kind}{times}. {each.latest.story}"


def _what_came(entry: LedgerEntry) -> str:
    """Return an event and what became of it in a few words."""
    return (
        str(entry.event)
        if isinstance(entry.event, DeadlinePassed)
        else f"{entry.event}: {entry.verdict}, {entry.status}"
    )


def _decapitalized(text: str) -> str:
    return f"{text[:1].lower()}{text[1:]}"


def _capitalized(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"

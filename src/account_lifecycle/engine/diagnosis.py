"""Answer "why is this account down?" from what the store, the machine and the provider's profile say.

An account's history is read once, as a stream; nothing here is a rule of its own.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime
from textwrap import fill
from typing import NamedTuple

from ..lifecycle import definition
from ..lifecycle.account import Account
from ..lifecycle.anomalies import AnomalyKind
from ..lifecycle.compiled import compiled, health_of
from ..lifecycle.evidence import expected_from
from ..lifecycle.explain import Anomaly
from ..lifecycle.machine import situation_of
from ..lifecycle.policy import Policy
from ..lifecycle.providers import profile_of
from ..lifecycle.status import Health, Status, Verdict
from ..lifecycle.windows import BlindWindow
from ..lifecycle.wording import JsonObject, escaped, lasting, moment, time_text
from ..records import LedgerEntry
from ..stores.protocol import Reader

HEALTH_MEANINGS: dict[Health, str] = {
    Health.UNKNOWN: "nothing reliable is known yet",
    Health.STARTING: "on its way; wait until it is live",
    Health.LIVE: "use it",
    Health.INTERRUPTED: "wait, restart it or check the plan; never ask for a new sign-in",
    Health.ACTION_REQUIRED: "the user must reconnect",
    Health.RECOVERING: "coming back; stop reminding the user, do not send yet",
    Health.FAILED: "it could not be created; start over",
    Health.GONE: "deleted; forget it",
}
"""What each health means for a caller."""

RECENT_EVENTS = 5
"""How many of the last events a diagnosis holds."""
TEXT_WIDTH = 80


class ProviderSession(NamedTuple):
    """The provider's session behind an account, where its length is documented."""

    began_at: datetime
    """When a sign-in was last announced."""
    expires_at: datetime


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
    causes: tuple[str, ...]
    """Why sessions of its provider end, as documented; empty unless the account is signed out."""
    window: BlindWindow | None
    """The open blind window, or else the latest."""
    due_at: datetime | None
    """When its present status should have passed; None if it may last."""
    session: ProviderSession | None
    anomalies: tuple[Recurring, ...]
    """The anomalies since the present status was entered."""
    recent: tuple[LedgerEntry, ...]
    """Its last events, oldest first."""
    outlook: tuple[Outlook, ...]

    @property
    def tells(self) -> str:
        """What its health means for a caller."""
        return HEALTH_MEANINGS[self.account.health]

    @property
    def missed(self) -> str:
        """What was missed, and what to do about it."""
        window = self.window
        if window is None:
            was_live = self.account.last_ok_at is not None
            return "Nothing: it was live all the time." if was_live else "It was never live, so nothing was missed."
        if not window.is_open:
            start = "an unknown time" if window.last_ok_at is None else moment(window.last_ok_at)
            ending = "when it came back" if window.recovered else "when it was deleted"
            return f"Nothing now. Its latest blind window: from {start} to {moment(window.closed_at)}, {ending}."
        if window.last_ok_at is None:
            return (
                f"Unknown: it was already down when its first event came, {moment(window.opened_at)}. "
                "Backfill as far back as you can once it is live."
            )
        return (
            f"Everything since {moment(window.opened_at)}, and possibly since {moment(window.last_ok_at)}, "
            "its last proof of life. Backfill from there once it is live."
        )

    def sections(self) -> Iterator[Section]:
        """Yield everything but the last events as text, part by part; what strangers sent is not escaped."""
        account, session = self.account, self.session
        since = f", since {moment(account.since)}, {age(account.since, self.now)} ago" if account.since else ""
        overdue = " and is overdue" if self.due_at and self.now > self.due_at else ""
        story = [
            ("status", f"{account.status}{since}"),
            ("health", f"{account.health}: {self.tells}"),
            ("due", f"this status should pass by {moment(self.due_at)}{overdue}" if self.due_at else ""),
            ("missed", self.missed),
            ("session", f"signed in {moment(session.began_at)}; {self._expiry(session)}" if session else ""),
        ]
        yield Section("", "", tuple(line for line in story if line[1]))
        if self.causes:
            causes = tuple(("", cause) for cause in self.causes)
            yield Section("Likely causes", f"as documented for {account.provider}", causes)
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
            lines += ["", f"{title}  {note}".rstrip()] if title else []
            width = max(len(name) for name, _ in rows)
            for name, text in rows:
                lead = f"  {name:<{width}}  " if width else "  - "
                lines.append(fill(escaped(text), TEXT_WIDTH, initial_indent=lead, subsequent_indent=" " * len(lead)))
        lines += ["", f"Last events  of {self.account.sequence:,}"]
        for entry in self.recent:
            event = f"{entry.sequence:>5}  {moment(entry.received_at)}  {escaped(entry.announced)}"
            lines.append(f"{event}: {entry.verdict}, {entry.status}")
            lines += [f"       ! {anomaly.kind}: {anomaly.meaning}" for anomaly in entry.anomalies]
        return "\n".join(lines)

    def to_dict(self) -> JsonObject:
        """Return the JSON shape."""
        return {
            "account": self.account.to_dict(self.now),
            "tells": self.tells,
            "likely_causes": list(self.causes),
            "missed": self.missed,
            "blind_window": None if self.window is None else self.window.to_dict(self.now),
            "deadline_at": time_text(self.due_at),
            "session_began_at": time_text(self.session and self.session.began_at),
            "session_expires_at": time_text(self.session and self.session.expires_at),
            "open_anomalies": [{"times": each.times, **each.latest.to_dict()} for each in self.anomalies],
            "may_follow": [{"announcement": str(o.announcement), "health": str(o.health)} for o in self.outlook],
            "last_events": [entry.to_dict() for entry in self.recent],
        }

    def _expiry(self, session: ProviderSession) -> str:
        at = session.expires_at
        if at > self.now:
            return f"due to expire {moment(at)}, in {age(self.now, at)}"
        return f"it was due to expire {moment(at)}, {age(at, self.now)} ago"


def diagnose(reader: Reader, account: Account, policy: Policy, now: datetime) -> Diagnosis:
    """Put together what is known about an account as of ``now`` (aware)."""
    recent: deque[LedgerEntry] = deque(maxlen=RECENT_EVENTS)
    anomalies: dict[AnomalyKind, Recurring] = {}
    signed_in_at: datetime | None = None
    for entry in reader.history(account.account_id):
        recent.append(entry)
        if entry.before.status is not entry.after.status:
            anomalies.clear()
        for anomaly in entry.anomalies:
            known = anomalies.get(anomaly.kind)
            anomalies[anomaly.kind] = Recurring(known.times + 1 if known else 1, anomaly)
        if entry.verdict is Verdict.APPLIED and entry.announced in definition.RESTARTS_SYNC:
            signed_in_at = entry.received_at
    windows = deque(reader.blind_windows(account.account_id, open_only=False), maxlen=1)
    allowed = policy.deadlines_of(account.provider).get(account.status)
    profile = profile_of(account.provider)
    session = None
    if signed_in_at and profile.session_length and account.status is not definition.TERMINAL:
        session = ProviderSession(signed_in_at, signed_in_at + profile.session_length)
    return Diagnosis(
        account,
        now,
        profile.causes if _is_signed_out(account) else (),
        account.blind_window or (windows[-1] if windows else None),
        account.since + allowed if account.since and allowed else None,
        session,
        tuple(anomalies.values()),
        tuple(recent),
        outlook(account),
    )


def outlook(account: Account) -> tuple[Outlook, ...]:
    """Return the expected announcements that would move the account, with the health after each."""
    announces_sync = profile_of(account.provider).announces_sync
    ok_heard = account.last_ok_at is not None
    found = []
    for announced in expected_from(account.situation, announces_sync):
        step = compiled().step(account.situation, announced, announces_sync=announces_sync, ok_heard=ok_heard)
        if step.moved:
            proves_life = announced is definition.PROVES_LIFE
            found.append(Outlook(announced, health_of(step.after, ok_heard=ok_heard or proves_life)))
    return tuple(found)


def age(then: datetime | None, now: datetime) -> str:
    """Return how long ago a time was; blank if unknown."""
    return "" if then is None else "0 s" if then >= now else lasting(now - then)


def _recurring_text(each: Recurring) -> str:
    times = f" ({each.times:,} times, the latest:)" if each.times > 1 else ""
    return f"{each.latest.kind}{times}. {each.latest.explanation}"


def _is_signed_out(account: Account) -> bool:
    """Return whether it is lost in a way that a new sign-in repairs."""
    causes: Sequence[Status] = account.blind_window.causes if account.blind_window else ()
    return account.lost and any(
        health_of(situation_of(status, True, True), ok_heard=True) is Health.ACTION_REQUIRED
        for status in (account.status, *causes)
    )

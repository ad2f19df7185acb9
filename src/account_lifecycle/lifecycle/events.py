"""The facts that can happen to an account, in the past tense: a closed union of values, each with words for people."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from .status import Status
from .wording import JsonObject, plain, printable, time_text

NOBODY = ""
"""The account id of an event that is about nobody's account: a creation that failed before there was one."""
MAX_CHARACTERS = 256
"""The longest text that is taken from outside: an account id, a word, a provider, a product, an owner, a reason."""


@dataclass(slots=True, unsafe_hash=True)
class StatusAnnounced:
    """The vendor announced a status, by webhook or by hosted-auth ``notify_url``."""

    account_id: str
    status: str
    """The word, stripped and upper-cased; it need not be one that this version knows."""
    received_at: datetime
    """When it reached us: aware, UTC."""
    provider: str | None = None
    """The family of its account type, or the unknown word; None when none was announced."""
    product: str = ""
    """What was synced, stripped and case-folded; blank when none was named."""
    owner: str | None = None
    """Your own user id, which hosted auth hands back as ``name``."""
    reason: str = ""
    """Why, in the vendor's own words; blank when it gave none."""
    payload: bytes = b""
    """What came in, byte for byte."""

    def __str__(self) -> str:
        return printable(self.status)

    def to_dict(self) -> JsonObject:
        """Return what was announced as a JSON object, without account, time and payload."""
        return {
            "event": "status_announced",
            "announced": plain(self.status),
            "provider": plain(self.provider),
            "product": self.product,
            "owner": self.owner,
            "reason": self.reason,
        }


class DeadlineKind(StrEnum):
    """What a clock can find."""

    STAY = "stay"
    """A transient status has lasted too long."""
    REMINDER = "reminder"
    """The account is still down."""
    SESSION = "session"
    """The provider's session ends soon."""


@dataclass(slots=True, unsafe_hash=True)
class DeadlinePassed:
    """A moment passed at which something should have happened, or should happen soon."""

    account_id: str
    status: Status
    """The account's status then."""
    received_at: datetime
    """The moment at which it passed, whenever that was noticed: aware, UTC."""
    since: datetime
    """From when on it is counted: names the stay, the outage or the session, so that a later one is not meant."""
    allowed: timedelta
    """How long after ``since`` it passes."""
    kind: DeadlineKind = DeadlineKind.STAY

    def __str__(self) -> str:
        return {
            DeadlineKind.STAY: f"the deadline of {self.status} passed",
            DeadlineKind.REMINDER: "a reminder was due",
            DeadlineKind.SESSION: "the notice of the session's end was due",
        }[self.kind]

    def to_dict(self) -> JsonObject:
        """Return which deadline passed as a JSON object, without account and time."""
        return {
            "event": "deadline_passed",
            "deadline": self.kind.value,
            "announced": self.status.value,
            "since": time_text(self.since),
            "allowed_s": self.allowed.total_seconds(),
        }


ABSENT = "ABSENT"
"""What is observed of an account that the vendor's list does not have."""


@dataclass(slots=True, unsafe_hash=True)
class StatusObserved:
    """The vendor's list of accounts said this."""

    account_id: str
    status: str
    """The worst status of the account's sources, or ``ABSENT``."""
    received_at: datetime
    """When the list was read: aware, UTC."""
    provider: str | None = None
    """The family of its account type, or the unknown word; None when the list named none."""
    owner: str | None = None
    """Your own user id, if it is known from elsewhere."""
    signed_in_at: datetime | None = None
    """When its user last signed in, if the list tells: aware, UTC."""
    product: str = ""
    """The premium option of the account, case-folded, if the list names one: its syncs end in one SYNC_SUCCESS more."""
    reason: str = ""
    """What each of the account's sources said, where they differ, such as ``MAILS OK, CALENDAR CREDENTIALS``."""

    def __str__(self) -> str:
        return f"listed as {printable(self.status)}"

    def to_dict(self) -> JsonObject:
        """Return what was observed as a JSON object, without account and time."""
        return {
            "event": "status_observed",
            "announced": plain(self.status),
            "provider": plain(self.provider),
            "owner": self.owner,
            "signed_in_at": time_text(self.signed_in_at),
            "product": self.product,
            "reason": self.reason,
        }


Event = StatusAnnounced | StatusObserved | DeadlinePassed
ANNOUNCED, OBSERVED = "announced", "observed"
"""How the kinds of event are written, beside those of ``DeadlineKind``."""

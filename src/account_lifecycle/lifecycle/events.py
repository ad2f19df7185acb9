"""The facts that can happen to an account, in the past tense: a closed union of values."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from .status import Status
from .wording import JsonObject, plain, time_text


@dataclass(slots=True, unsafe_hash=True)
class StatusAnnounced:
    """The vendor announced a status, by webhook or by hosted-auth ``notify_url``."""

    account_id: str
    status: str
    """The word, stripped and upper-cased; it need not be one that this version knows."""
    received_at: datetime
    """When it reached us: aware, UTC."""
    provider: str | None = None
    """The family of its account type, or the unknown word; None when it was not told."""
    product: str = ""
    """What was synced, stripped and case-folded; blank when none was named."""
    name: str | None = None
    """Your own user id, which hosted auth hands back."""
    payload: bytes = b""
    """What came in, byte for byte."""

    def to_dict(self) -> JsonObject:
        """Return what was announced as a JSON object, without account, time and payload."""
        return {
            "event": "status_announced",
            "announced": plain(self.status),
            "provider": plain(self.provider),
            "product": self.product,
            "name": self.name,
        }


@dataclass(slots=True, unsafe_hash=True)
class DeadlinePassed:
    """A transient status has outlived its deadline."""

    account_id: str
    status: Status
    """The status that lasted too long."""
    received_at: datetime
    """When that was noticed: aware, UTC."""
    since: datetime
    """When that status was entered: names the stay, so that a later stay is not meant."""
    allowed: timedelta
    """How long that status may last."""

    def to_dict(self) -> JsonObject:
        """Return which deadline passed as a JSON object, without account and time."""
        return {
            "event": "deadline_passed",
            "announced": self.status.value,
            "since": time_text(self.since),
            "allowed_s": self.allowed.total_seconds(),
        }


Event = StatusAnnounced | DeadlinePassed

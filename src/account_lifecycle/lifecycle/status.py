"""The vendor's words and ours for what an account can be; what may follow what is in ``definition``."""

from enum import StrEnum


class Status(StrEnum):
    """What the vendor announces about an account, and so the state of its machine.

    The descriptions follow the vendor's page "Account status updates"; the two statuses marked
    *integrators* are not on the page but are met on the wire.
    """

    UNSEEN = "UNSEEN"
    """Ours, never announced: nothing has moved this account yet."""
    CONNECTING = "CONNECTING"
    """The account tries to connect: provider or proxy down, or a catch-up in progress. Temporary."""
    CREATION_SUCCESS = "CREATION_SUCCESS"
    """The account was added and its first synchronization has begun."""
    CREATION_FAIL = "CREATION_FAIL"
    """The account could not be added (*integrators*, hosted auth)."""
    SYNC_SUCCESS = "SYNC_SUCCESS"
    """A (re)synchronization has finished; only some providers announce it."""
    OK = "OK"
    """Everything is in good order: data is fresh, message webhooks flow."""
    CREDENTIALS = "CREDENTIALS"
    """Synchronization is interrupted: credentials are invalid or missing."""
    PERMISSIONS = "PERMISSIONS"
    """A scope was lost (*integrators*); the remedy is that of CREDENTIALS."""
    ERROR = "ERROR"
    """Synchronization has stopped on an unexpected error."""
    STOPPED = "STOPPED"
    """Synchronization has stopped; described with ERROR on the vendor's page."""
    RECONNECTED = "RECONNECTED"
    """The account was reconnected successfully."""
    DELETED = "DELETED"
    """You deleted the account. Nothing leaves this state."""


class Health(StrEnum):
    """The answer for callers who only ask "can I use this account?"."""

    UNKNOWN = "UNKNOWN"
    """Nothing reliable was heard yet."""
    STARTING = "STARTING"
    """On its way to its first OK: wait."""
    LIVE = "LIVE"
    """Use it."""
    INTERRUPTED = "INTERRUPTED"
    """Wait, restart, check the plan; never ask for a re-login."""
    ACTION_REQUIRED = "ACTION_REQUIRED"
    """The user must reconnect."""
    RECOVERING = "RECOVERING"
    """Coming back: do not send yet."""
    FAILED = "FAILED"
    """The creation failed: start over."""
    GONE = "GONE"
    """Deleted: forget it."""


class Verdict(StrEnum):
    """What became of one event."""

    APPLIED = "APPLIED"
    """It moved the account, or confirmed where it is."""
    REPEATED = "REPEATED"
    """The same announcement again: a redelivery, and nothing happens twice."""
    HELD = "HELD"
    """Kept on record, but it moved nothing."""
    CONFIRMED = "CONFIRMED"
    """The vendor's list says what was known already."""

"""THE SCREEN: the whole life cycle of an account.

Read it in the vocabulary of ``transitions``: the states are the statuses, a trigger is an announcement, guards are
conditions. First what is expected, then what an unexpected announcement does, then what each state means to a
caller. Nothing else in the package says what may follow what.

    CONNECTING -> CREATION_SUCCESS -> SYNC_SUCCESS -> OK <-> CREDENTIALS/ERROR/STOPPED -> RECONNECTED
    DELETED is terminal.
"""

from enum import StrEnum
from typing import NamedTuple

from .anomalies import AnomalyKind
from .status import Health, Status


class Guard(StrEnum):
    """What a transition can depend on: facts of the account, its setting, and the time that has passed."""

    EXISTS = "exists"  # something has proved that the vendor holds the account
    LOST = "lost"  # its connection was announced as lost, and not yet as restored
    NEEDS_USER = "needs_user"  # its credentials were announced as bad, and nobody has signed in since
    ANNOUNCES_SYNC = "announces_sync"  # its provider is one that announces SYNC_SUCCESS
    OK_SUBSCRIBED = "ok_subscribed"  # OK is among the words that the vendor was asked to announce
    RECENT = "recent"  # the same word and product was heard within the retry horizon
    YOUNG = "young"  # the account was first heard of within the retry horizon
    SETTLED = "settled"  # the status was entered longer ago than the retry horizon


class Transition(NamedTuple):
    """An expected announcement: from any ``source`` to ``dest``; ``dest=None`` stays where it is."""

    trigger: Status
    source: tuple[Status, ...]
    dest: Status | None
    conditions: tuple[Guard, ...] = ()
    unless: tuple[Guard, ...] = ()


class Deviation(NamedTuple):
    """An unexpected announcement's rule: an anomaly of ``kind``, and the state moves or is held."""

    triggers: tuple[Status, ...]
    source: tuple[Status, ...]
    moves: bool
    kind: AnomalyKind
    conditions: tuple[Guard, ...] = ()
    unless: tuple[Guard, ...] = ()


# fmt: off
UNSEEN, CONNECTING, DELETED = Status.UNSEEN, Status.CONNECTING, Status.DELETED
CREATION_SUCCESS, CREATION_FAIL = Status.CREATION_SUCCESS, Status.CREATION_FAIL
SYNC_SUCCESS, OK, RECONNECTED = Status.SYNC_SUCCESS, Status.OK, Status.RECONNECTED
CREDENTIALS, PERMISSIONS, ERROR, STOPPED = Status.CREDENTIALS, Status.PERMISSIONS, Status.ERROR, Status.STOPPED
EXISTS, LOST, ANNOUNCES_SYNC, OK_SUBSCRIBED = Guard.EXISTS, Guard.LOST, Guard.ANNOUNCES_SYNC, Guard.OK_SUBSCRIBED
RECENT, YOUNG, SETTLED = Guard.RECENT, Guard.YOUNG, Guard.SETTLED
MOVE, HOLD = True, False

INITIAL, TERMINAL = UNSEEN, DELETED
ANNOUNCEMENTS = tuple(s for s in Status if s is not UNSEEN)
LOSSES = (CREDENTIALS, PERMISSIONS, ERROR, STOPPED)
GROWN = (SYNC_SUCCESS, OK, *LOSSES, RECONNECTED)  # states that only an existing account can be in
ALIVE = (CONNECTING, CREATION_SUCCESS, *GROWN)

# ---- What is expected ----------------------------------------------------------------------------
TRANSITIONS = (
    Transition(CONNECTING, (UNSEEN, CREATION_SUCCESS, CREATION_FAIL, *GROWN), CONNECTING),
    Transition(CREATION_SUCCESS, (UNSEEN, CREATION_FAIL), CREATION_SUCCESS),
    Transition(CREATION_SUCCESS, (CONNECTING,), CREATION_SUCCESS, unless=(EXISTS,)),
    Transition(CREATION_FAIL, (UNSEEN,), CREATION_FAIL),
    Transition(CREATION_FAIL, (CONNECTING,), CREATION_FAIL, unless=(EXISTS,)),
    Transition(SYNC_SUCCESS, (CONNECTING,), SYNC_SUCCESS, conditions=(ANNOUNCES_SYNC, EXISTS)),
    Transition(SYNC_SUCCESS, (CREATION_SUCCESS, RECONNECTED), SYNC_SUCCESS, conditions=(ANNOUNCES_SYNC,)),
    Transition(SYNC_SUCCESS, (SYNC_SUCCESS, OK), None, conditions=(ANNOUNCES_SYNC,)),
    Transition(SYNC_SUCCESS, LOSSES, SYNC_SUCCESS, conditions=(ANNOUNCES_SYNC,), unless=(OK_SUBSCRIBED,)),
    Transition(OK, (CONNECTING,), OK, conditions=(EXISTS,)),
    Transition(OK, (CREATION_SUCCESS, SYNC_SUCCESS, *LOSSES, RECONNECTED), OK),
    *(Transition(loss, tuple(s for s in ALIVE if s is not loss), loss) for loss in LOSSES),
    Transition(RECONNECTED, (CONNECTING,), RECONNECTED, conditions=(EXISTS, LOST)),
    Transition(RECONNECTED, LOSSES, RECONNECTED),
    Transition(DELETED, (CREATION_FAIL, *ALIVE), DELETED),
    *(Transition(s, (s,), None) for s in ANNOUNCEMENTS if s is not SYNC_SUCCESS),
)

# ---- What an unexpected announcement does: the first row that fits ---------------------------------
DEVIATIONS = (
    Deviation(ANNOUNCEMENTS, (DELETED,), HOLD, AnomalyKind.AFTER_DELETION, conditions=(SETTLED,)),
    Deviation(ANNOUNCEMENTS, (DELETED,), HOLD, AnomalyKind.LATE_EVENT),
    Deviation((SYNC_SUCCESS,), tuple(Status), HOLD, AnomalyKind.UNSUPPORTED_STATUS, unless=(ANNOUNCES_SYNC,)),
    Deviation(ANNOUNCEMENTS, (UNSEEN,), MOVE, AnomalyKind.ADOPTED),
    Deviation(ANNOUNCEMENTS, (CREATION_FAIL,), MOVE, AnomalyKind.SKIPPED_STEP),
    Deviation((SYNC_SUCCESS, OK, RECONNECTED), (CONNECTING,), MOVE, AnomalyKind.ADOPTED, unless=(EXISTS,)),
    Deviation((CREATION_SUCCESS, CREATION_FAIL), ALIVE, HOLD, AnomalyKind.LATE_EVENT, conditions=(RECENT,)),
    Deviation((CREATION_SUCCESS,), ALIVE, HOLD, AnomalyKind.LATE_EVENT, conditions=(YOUNG,)),
    Deviation((CREATION_SUCCESS,), ALIVE, HOLD, AnomalyKind.RECREATED),
    Deviation((CREATION_FAIL,), ALIVE, HOLD, AnomalyKind.RECONNECT_FAILED, conditions=(LOST,)),
    Deviation((CREATION_FAIL,), ALIVE, HOLD, AnomalyKind.CONTRADICTED_CREATION),
    Deviation((SYNC_SUCCESS,), LOSSES, HOLD, AnomalyKind.SYNC_WHILE_LOST),
    Deviation((RECONNECTED,), (CONNECTING, SYNC_SUCCESS, OK), HOLD, AnomalyKind.LATE_EVENT, conditions=(RECENT,)),
    Deviation((RECONNECTED,), (OK,), HOLD, AnomalyKind.UNEXPECTED_RECONNECT),
    Deviation((RECONNECTED,), (CONNECTING, CREATION_SUCCESS, SYNC_SUCCESS), MOVE, AnomalyKind.UNEXPECTED_RECONNECT),
)

# ---- What an accepted announcement proves ----------------------------------------------------------
PROVES_EXISTENCE = tuple(s for s in ANNOUNCEMENTS if s not in (CONNECTING, CREATION_FAIL))
NEEDS_USER = (CREDENTIALS, PERMISSIONS)
RESTORES = (CREATION_SUCCESS, SYNC_SUCCESS, OK, RECONNECTED, DELETED)  # the connection, and what the user had to do
BIRTH = CREATION_SUCCESS
SIGNS_IN = (CREATION_SUCCESS, RECONNECTED)  # a session begins; what was synced before no longer counts
PROVES_LIFE = OK
FINISHES_SYNC = SYNC_SUCCESS  # its product, if it names one, is synced from then on
PRESUMED_LIVE = (SYNC_SUCCESS, RECONNECTED)  # proofs of life, too, where OK is not subscribed
WORST_FIRST = (*LOSSES, CONNECTING, OK)  # what the vendor's list may say of an account's sources: the worst counts
SETTLES_INTO_OK = (CREATION_SUCCESS, SYNC_SUCCESS, RECONNECTED)  # CONNECTING, on the vendor's list, is no news there

LISTED = tuple(s for s in Status if s not in (UNSEEN, CREATION_FAIL, DELETED))  # what the vendor's list must have


# ---- What a state means to a caller: the first row that fits ---------------------------------------
class HealthRow(NamedTuple):
    """Any of ``statuses`` means ``health``; None for a fact that does not matter."""

    statuses: tuple[Status, ...]
    health: Health
    needs_user: bool | None = None
    lost: bool | None = None
    stuck: bool | None = None
    ever_live: bool | None = None
    presumed: bool | None = None


HEALTH = (
    HealthRow((UNSEEN,), Health.UNKNOWN),
    HealthRow((DELETED,), Health.GONE),
    HealthRow((CREATION_FAIL,), Health.FAILED),
    HealthRow(ALIVE, Health.ACTION_REQUIRED, needs_user=True),
    HealthRow((OK,), Health.LIVE),
    HealthRow(ALIVE, Health.LIVE, presumed=True),
    HealthRow(ALIVE, Health.INTERRUPTED, stuck=True),
    HealthRow((ERROR, STOPPED), Health.INTERRUPTED),
    HealthRow((CONNECTING,), Health.RECOVERING, lost=True),
    HealthRow((CONNECTING,), Health.INTERRUPTED, ever_live=True),
    HealthRow((CREATION_SUCCESS, CONNECTING), Health.STARTING),
    HealthRow((SYNC_SUCCESS,), Health.STARTING, ever_live=False),
    HealthRow((SYNC_SUCCESS, RECONNECTED), Health.RECOVERING),
)
DOWN = (Health.ACTION_REQUIRED, Health.INTERRUPTED)  # what reminders tell of
# fmt: on

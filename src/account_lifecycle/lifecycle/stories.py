"""What probably happened where something deviates, chosen by the evidence.

An announcement carries no id, time or number, so its bytes cannot tell a late redelivery from news. What can is what
stands around it: how long ago the same word was heard, measured against the horizon within which the vendor retries;
whether two channels tell of it; what was held; what nobody subscribed to; how long the account has been known, and
when it was last live. Each kind of deviation has its stories, each with a weight that the evidence gives it: only
their order and their closeness mean anything. Where the evidence cannot part two stories, both are told.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

from . import definition
from .anomalies import AnomalyKind
from .evidence import Facts
from .providers import ALIASES, PERMISSIVE, profile_of
from .status import Status
from .wording import lasting, one_of, printable, shown


class StoryKind(StrEnum):
    """What can have happened."""

    LATE_REDELIVERY = "LATE_REDELIVERY"
    """The vendor retried an old delivery."""
    OTHER_CHANNEL = "OTHER_CHANNEL"
    """The same fact came by webhook and by hosted auth's notify_url."""
    OVERTAKEN = "OVERTAKEN"
    """It was sent before what is known, and delivered after it."""
    FRESH_NEWS = "FRESH_NEWS"
    """It is news: the same thing happened again."""
    MISSED_NEWS = "MISSED_NEWS"
    """Something happened in between, and its announcement never arrived."""
    NOT_SUBSCRIBED = "NOT_SUBSCRIBED"
    """Something happened that is never announced, because nobody subscribed to it."""
    OUTAGE_UNHEARD = "OUTAGE_UNHEARD"
    """The account was down in between, unannounced."""
    RECOVERY_UNHEARD = "RECOVERY_UNHEARD"
    """The account was back in between, unannounced."""
    SLOW_VENDOR = "SLOW_VENDOR"
    """The vendor or the provider has not finished."""
    NEEDLESS_SIGN_IN = "NEEDLESS_SIGN_IN"
    """The user signed in again although nothing was lost."""
    SIGN_IN_FAILED = "SIGN_IN_FAILED"
    """The user tried to sign in again, and failed."""
    SECOND_ATTEMPT = "SECOND_ATTEMPT"
    """Somebody tried to add an account that is there already."""
    LATE_SYNC = "LATE_SYNC"
    """A sync that was under way when the connection was lost finished."""
    OLDER_THAN_RECORD = "OLDER_THAN_RECORD"
    """The account is older than the record of it."""
    CLOCK = "CLOCK"
    """The clocks of two hosts differ."""
    FED_OUT_OF_ORDER = "FED_OUT_OF_ORDER"
    """Events were fed in another order than that in which they arrived."""
    NEW_VOCABULARY = "NEW_VOCABULARY"
    """The vendor announces what this version does not know of."""
    ID_REUSED = "ID_REUSED"
    """One account id stands for two accounts."""
    OWNER_MOVED = "OWNER_MOVED"
    """Another of your users connected the account, or your own id for the user changed."""
    DELETION_UNFINISHED = "DELETION_UNFINISHED"
    """The vendor still runs an account that was deleted."""
    OTHER_CREDENTIALS = "OTHER_CREDENTIALS"
    """The list was read with another key or of another workspace."""


class Story(NamedTuple):
    """One thing that can have happened."""

    kind: StoryKind
    clause: str
    """What happened, as the clause that follows "Most likely"; foreign words in it are escaped."""
    likelihood: float
    """From 0 to 1; those of an anomaly's stories add up to 1."""

    @property
    def sentence(self) -> str:
        """What happened, as a sentence."""
        return f"{self.clause[:1].upper()}{self.clause[1:]}."


CLOSE = 0.6
"""A story whose likelihood is at least this share of the first one's is told with it."""

TWIN = timedelta(minutes=10)
"""How soon after each other both channels usually tell of the same fact."""

RESYNC = timedelta(minutes=15)
"""How long a sync that is not an account's first usually takes, at most."""

Weighed = tuple[StoryKind, float, str]

# ---- What the evidence says -----------------------------------------------------------------------------------

_TWO_CHANNELS = (Status.CREATION_SUCCESS, Status.CREATION_FAIL, Status.RECONNECTED)
_PROGRESS = (Status.CREATION_SUCCESS, Status.SYNC_SUCCESS, Status.OK, Status.RECONNECTED)


def stories_of(e: Facts) -> tuple[Story, ...]:
    """Return what can have happened, the likeliest first."""
    weighed = [story for story in _STORIES[e.kind](e) if story[1] > 0]
    whole = sum(weight for _, weight, _ in weighed)
    found = [Story(kind, clause, round(weight / whole, 3)) for kind, weight, clause in weighed]
    return tuple(sorted(found, key=lambda story: -story.likelihood))


def told(stories: tuple[Story, ...]) -> str:
    """Return the likeliest story as a sentence, with the second where that is close."""
    first, *others = stories
    if others and others[0].likelihood >= CLOSE * first.likelihood:
        return f"Either {first.clause}, or {others[0].clause}."
    return f"Most likely {first.clause}."


def newest_of(e: Facts) -> Status:
    """Return the newest news before the event."""
    return e.last_announced or e.situation.status


def _word(e: Facts) -> str:
    return printable(e.announced)


def _gap(e: Facts) -> timedelta | None:
    """How long ago the same word and product was heard; None if it was not."""
    return None if e.heard_at is None or e.heard_at > e.at else e.at - e.heard_at


def _is_recent(e: Facts) -> bool:
    gap = _gap(e)
    return gap is not None and gap < e.horizon


def _stood(e: Facts) -> timedelta:
    """How long the account had been in its status."""
    return timedelta(0) if e.since is None else max(timedelta(0), e.at - e.since)


def _known_for(e: Facts) -> timedelta:
    return timedelta(0) if e.known_since is None else max(timedelta(0), e.at - e.known_since)


def _redelivered(e: Facts) -> str:
    gap = _gap(e)
    if gap is None:
        return f"the vendor retried an old delivery of {_word(e)}"
    return f"the vendor retried an old delivery of {_word(e)}, {lasting(gap)} after that was last heard"


def _by_both(e: Facts) -> str:
    gap = _gap(e)
    later = "" if gap is None else f", {lasting(gap)} after the first"
    return (
        f"{_word(e)} reached you by both channels, the webhook and hosted auth's notify_url, and this is the second"
        f" telling{later}"
    )


def _overtaken(e: Facts) -> str:
    return f"{_word(e)} was sent before {newest_of(e)} and delivered after it"


def _missed(path: tuple[str, ...]) -> str:
    return f"{one_of(path, 'then')} {'was' if len(path) == 1 else 'were'} missed in between"


def _unsubscribed(words: tuple[str, ...]) -> str:
    verb = "is" if len(words) == 1 else "are"
    return f"{one_of(words, 'and')} {verb} never announced to you, because your subscription leaves {_it(words)} out"


def _it(words: tuple[str, ...]) -> str:
    return "it" if len(words) == 1 else "them"


# ---- The stories of each kind ---------------------------------------------------------------------------------


def _adopted(e: Facts) -> Iterator[Weighed]:
    is_proof_of_age = e.announced not in (Status.SYNC_SUCCESS, Status.OK)
    yield StoryKind.OLDER_THAN_RECORD, 0.8 if is_proof_of_age else 0.6, "the account is older than this record of it"
    if definition.BIRTH in e.unsubscribed:
        yield StoryKind.NOT_SUBSCRIBED, 0.5, _unsubscribed((definition.BIRTH,))
    else:
        yield (
            StoryKind.MISSED_NEWS, 0.15 if is_proof_of_age else 0.4,
            "it is new, and the announcement of its creation was missed or is still on its way",
        )  # fmt: skip


def _skipped(e: Facts) -> Iterator[Weighed]:
    missing = e.likely_path[:-1]
    unheard = tuple(word for word in missing if word in e.unsubscribed)
    if unheard:
        yield StoryKind.NOT_SUBSCRIBED, 0.6, _unsubscribed(unheard)
    yield StoryKind.MISSED_NEWS, 0.6, f"another attempt succeeded, and {_missed(missing)}"
    yield (
        StoryKind.OVERTAKEN, 0.5 if _stood(e) < TWIN else 0.1,
        f"{e.situation.status} is the older news, and was delivered after the creation that followed it",
    )  # fmt: skip


def _late(e: Facts) -> Iterator[Weighed]:
    if not _is_recent(e):
        yield StoryKind.OVERTAKEN, 0.8, _overtaken(e)
        yield StoryKind.LATE_REDELIVERY, 0.15, _redelivered(e)
        return
    gap = _gap(e) or timedelta(0)
    if e.announced in _TWO_CHANNELS:
        weight = 0.9 if e.other_channel else 0.6 if gap < TWIN else 0.2
        yield StoryKind.OTHER_CHANNEL, weight, _by_both(e)
    yield StoryKind.LATE_REDELIVERY, 0.1 if e.other_channel else 0.35 if gap < TWIN else 0.6, _redelivered(e)


def _out_of_order(e: Facts) -> Iterator[Weighed]:
    newer = e.newest_at or e.last_heard_at
    lead = timedelta(0) if newer is None else newer - e.at
    is_skew = lead <= TWIN
    by = f"{lasting(lead)} apart" if lead else "apart"
    yield (
        StoryKind.CLOCK, 0.6 if is_skew else 0.15,
        f"two hosts received the announcements, and their clocks are {by}",
    )  # fmt: skip
    yield (
        StoryKind.FED_OUT_OF_ORDER, 0.4 if is_skew else 0.8,
        "a log or a queue was fed in another order than that of its times",
    )  # fmt: skip


def _possibly_stale(e: Facts) -> Iterator[Weighed]:
    if not _is_recent(e):  # a loss, and the reconnect that answered it is held: it came first
        yield (
            StoryKind.OVERTAKEN,
            0.7,
            f"{_word(e)} was sent before {Status.RECONNECTED}, which was held, and came late",
        )
        yield StoryKind.FRESH_NEWS, 0.3, f"{_word(e)} is news, and the account was lost just now"
        return
    # What the account was waiting for is more often the news than an echo of the last time.
    yield StoryKind.LATE_REDELIVERY, 0.4 if _was_awaited(e) else 0.6, _redelivered(e)
    yield StoryKind.FRESH_NEWS, 0.6 if _was_awaited(e) else 0.4, f"{_word(e)} is news, and the same happened again"


def _was_awaited(e: Facts) -> bool:
    """Return whether the account stood where the announced word is what usually comes next."""
    status = e.situation.status
    if status is Status.CONNECTING:  # an attempt, which succeeds or fails
        return True
    if e.announced == Status.RECONNECTED:
        return e.situation.needs_user
    if e.announced == Status.OK:
        return status in (*definition.SETTLES_INTO_OK, Status.ERROR, Status.STOPPED)
    return e.announced == Status.SYNC_SUCCESS and status in definition.SETTLES_INTO_OK


def _stale_repeat(e: Facts) -> Iterator[Weighed]:
    path = e.likely_path[:-1]
    if e.announced in _TWO_CHANNELS and e.other_channel:
        yield StoryKind.OTHER_CHANNEL, 0.9, _by_both(e)
    yield StoryKind.LATE_REDELIVERY, 0.1 if e.other_channel else 0.7 if _is_recent(e) else 0.35, _redelivered(e)
    if e.announced in (Status.CREATION_SUCCESS, Status.CREATION_FAIL):
        yield (
            StoryKind.SECOND_ATTEMPT, 0.3 if _is_recent(e) else 0.5,
            f"somebody tried to add the account once more, with the same result ({_word(e)})",
        )  # fmt: skip
    unheard = tuple(word for word in path if word in e.unsubscribed)
    if unheard:
        yield StoryKind.NOT_SUBSCRIBED, 0.5, _unsubscribed(unheard)
    elif path:
        yield (
            StoryKind.MISSED_NEWS,
            0.25 if _is_recent(e) else 0.6,
            f"{_missed(path)}, since only changes are announced",
        )


def _missed_outage(e: Facts) -> Iterator[Weighed]:
    was_reconnected = Status.RECONNECTED in e.held or newest_of(e) in (Status.RECONNECTED, Status.SYNC_SUCCESS)
    unheard = tuple(w for w in (Status.CONNECTING, *definition.LOSSES) if w in e.unsubscribed)
    if unheard:
        yield StoryKind.NOT_SUBSCRIBED, 0.6, f"the account was down for a while, and {_unsubscribed(unheard)}"
    yield (
        StoryKind.OUTAGE_UNHEARD, 0.45 if _is_recent(e) and not was_reconnected else 0.8,
        "the account was down in between and came back, and its outage was never announced",
    )  # fmt: skip
    yield StoryKind.LATE_REDELIVERY, 0.55 if _is_recent(e) and not was_reconnected else 0.1, _redelivered(e)


def _missed_recovery(e: Facts) -> Iterator[Weighed]:
    ways_back = (Status.OK, Status.RECONNECTED)
    unheard = tuple(word for word in ways_back if word in e.unsubscribed)
    if unheard:
        yield StoryKind.NOT_SUBSCRIBED, 0.9, f"the account had come back, and {_unsubscribed(unheard)}"
    yield (
        StoryKind.RECOVERY_UNHEARD, 0.7,
        "the account had come back in between, and the announcement of that was missed",
    )  # fmt: skip
    yield StoryKind.LATE_REDELIVERY, 0.2, _redelivered(e)


def _unexpected_reconnect(e: Facts) -> Iterator[Weighed]:
    was_lost = [word for word in e.heard if word in definition.LOSSES]
    path = e.likely_path[:-1]
    unheard = tuple(word for word in definition.LOSSES if word in e.unsubscribed)
    session = profile_of(e.provider).session_length
    has_expired = session is not None and e.signed_in_at is not None and e.at - e.signed_in_at >= session
    if was_lost:  # it heals a loss that is already known to be over
        yield (
            StoryKind.OVERTAKEN, 0.9 if _stood(e) < TWIN else 0.6,
            f"the user signed in after {was_lost[-1]}, and {e.situation.status} that came of it was delivered first",
        )  # fmt: skip
    if e.situation.status is Status.CREATION_SUCCESS and e.other_channel:
        yield StoryKind.OTHER_CHANNEL, 0.5, "the other channel tells of the same sign-in in another word"
    if unheard and not was_lost:
        needs_user = any(word in definition.NEEDS_USER for word in unheard)
        yield (
            StoryKind.NOT_SUBSCRIBED,
            0.7 if needs_user else 0.2,
            f"the account was lost before, and {_unsubscribed(unheard)}",
        )
    yield StoryKind.NEEDLESS_SIGN_IN, 0.5, "the user signed in again although nothing was lost"
    weight = 0.7 if has_expired else 0.45 if e.situation.status is not Status.CONNECTING else 0.6
    yield StoryKind.MISSED_NEWS, weight if path else 0, f"a loss such as {one_of(path, 'then')} was missed before it"


def _reconnect_failed(_: Facts) -> Iterator[Weighed]:
    yield StoryKind.SIGN_IN_FAILED, 0.8, "the user tried to sign in again and failed, with a mistyped password perhaps"
    yield StoryKind.SECOND_ATTEMPT, 0.2, "somebody tried to add the account anew, and that failed"


def _sync_while_lost(e: Facts) -> Iterator[Weighed]:
    usual, stood = RESYNC, _stood(e)
    if e.last_live_at is None:  # a first sync can take hours
        deadlines = profile_of(e.provider).deadlines
        usual = deadlines.get(Status.CREATION_SUCCESS, PERMISSIVE.deadlines[Status.CREATION_SUCCESS])
    if _is_recent(e):
        yield StoryKind.LATE_REDELIVERY, 0.5, _redelivered(e)
    yield (
        StoryKind.LATE_SYNC, 0.7 if stood <= usual else 0.3 if stood < e.horizon else 0.1,
        f"a sync that was under way when {e.situation.status} was announced finished after it",
    )  # fmt: skip
    yield (
        StoryKind.RECOVERY_UNHEARD, 0.2 if stood <= usual else 0.6,
        "the account is back, and the announcement of that was missed or is still on its way",
    )  # fmt: skip


def _contradicted(e: Facts) -> Iterator[Weighed]:
    yield StoryKind.SECOND_ATTEMPT, 0.6, "a second attempt to add the same account failed"
    weight = 0.55 if _known_for(e) < TWIN else 0.2 if _known_for(e) < e.horizon else 0.05
    yield StoryKind.OVERTAKEN, weight, "a first attempt failed before the account was added, and was delivered late"


def _recreated(e: Facts) -> Iterator[Weighed]:
    yield StoryKind.SECOND_ATTEMPT, 0.6, "the user went through the connection once more instead of reconnecting"
    yield StoryKind.ID_REUSED, 0.2, "the account was deleted and added again under the same id"
    yield StoryKind.LATE_REDELIVERY, 0.1, _redelivered(e)


def _after_deletion(e: Facts) -> Iterator[Weighed]:
    begins = e.announced in (Status.CREATION_SUCCESS, Status.CONNECTING, Status.RECONNECTED)
    yield StoryKind.ID_REUSED, 0.6 if begins else 0.2, "the id is in use again, for an account that was added since"
    yield (
        StoryKind.DELETION_UNFINISHED, 0.2 if begins else 0.6,
        "the vendor still runs the account, and its deletion did not finish",
    )  # fmt: skip
    yield StoryKind.LATE_REDELIVERY, 0.15, _redelivered(e)


def _unsupported(e: Facts) -> Iterator[Weighed]:
    yield (
        StoryKind.NEW_VOCABULARY, 0.5,
        f"the vendor has begun to announce {_word(e)} for {e.provider} accounts, which this version does not know of",
    )  # fmt: skip
    yield StoryKind.ID_REUSED, 0.3, "the announcement is of an account of another provider under the same id"


def _unexpected_product(_: Facts) -> Iterator[Weighed]:
    yield StoryKind.NEW_VOCABULARY, 0.8, "the vendor has begun to name products in more places"
    yield StoryKind.ID_REUSED, 0.1, "the announcement is of an account of another provider under the same id"


def _provider_changed(e: Facts) -> Iterator[Weighed]:
    is_known = e.detail in ALIASES
    yield StoryKind.ID_REUSED, 0.7 if is_known else 0.2, "one account id stands for two accounts"
    yield (
        StoryKind.NEW_VOCABULARY, 0.2 if is_known else 0.7,
        f"the vendor calls the account's type {shown(e.detail)} now",
    )  # fmt: skip


def _owner_changed(_: Facts) -> Iterator[Weighed]:
    yield StoryKind.OWNER_MOVED, 0.7, "another of your users connected the same account, or its user has a new id"
    yield StoryKind.ID_REUSED, 0.2, "one account id stands for two accounts"


def _unknown_provider(_: Facts) -> Iterator[Weighed]:
    yield (
        StoryKind.NEW_VOCABULARY, 0.9,
        "the vendor has added a provider, which a newer version of this library may know",
    )  # fmt: skip


def _unknown_status(_: Facts) -> Iterator[Weighed]:
    yield (
        StoryKind.NEW_VOCABULARY, 0.9,
        "the vendor has added a status, which a newer version of this library may know",
    )  # fmt: skip


def _stuck(e: Facts) -> Iterator[Weighed]:
    awaited = awaited_by(e)
    unheard = tuple(word for word in awaited if word in e.unsubscribed)
    is_connecting = e.situation.status is Status.CONNECTING
    if unheard:
        yield StoryKind.NOT_SUBSCRIBED, 0.8, f"the account has moved on, and {_unsubscribed(unheard)}"
    elif e.last_live_at is None:
        only_ok_left = Status.OK in awaited and Status.SYNC_SUCCESS not in awaited
        yield (
            StoryKind.NOT_SUBSCRIBED, 0.1 if is_connecting else 0.6 if only_ok_left else 0.3,
            f"{definition.PROVES_LIFE} is not announced to you at all (the vendor's default subscription leaves it "
            "out: subscribe to it, or name the words that you did subscribe to in the policy)",
        )  # fmt: skip
    slow = (
        "the provider or your proxy is down, or a catch-up takes long"
        if is_connecting
        else "the vendor has not finished"
    )
    yield StoryKind.SLOW_VENDOR, 0.6 if is_connecting else 0.4, slow
    yield StoryKind.MISSED_NEWS, 0.3, f"{one_of(awaited)} was announced and never arrived"


def awaited_by(e: Facts) -> tuple[Status, ...]:
    """Return the announcements that should have followed the status that is stuck."""
    words = tuple(word for word in e.expected if word in _PROGRESS and word is not e.situation.status)
    return words or tuple(word for word in e.expected if word is not e.situation.status)


def _sync_missing(e: Facts) -> Iterator[Weighed]:
    yield StoryKind.SLOW_VENDOR, 0.6, f"the vendor has not synced both Classic and {printable(e.detail)} yet"
    yield StoryKind.MISSED_NEWS, 0.4, "both are synced, and an announcement of that was missed"


def _drift(e: Facts) -> Iterator[Weighed]:
    if e.doubtful:
        yield StoryKind.LATE_REDELIVERY, 0.8, f"{e.situation.status} was a late redelivery, as suspected"
    if e.detail in e.unsubscribed:
        yield StoryKind.NOT_SUBSCRIBED, 0.8, _unsubscribed((printable(e.detail),))
    yield StoryKind.MISSED_NEWS, 0.5, f"the announcement of {printable(e.detail)} was missed"
    yield StoryKind.OVERTAKEN, 0.3 if _stood(e) < TWIN else 0.05, "its announcement is still on its way"


def _vanished(e: Facts) -> Iterator[Weighed]:
    if definition.TERMINAL in e.unsubscribed:
        yield StoryKind.NOT_SUBSCRIBED, 0.8, f"the account was deleted, and {_unsubscribed((definition.TERMINAL,))}"
    yield StoryKind.MISSED_NEWS, 0.6, "the account was deleted, and the announcement of that was missed"
    yield StoryKind.OTHER_CREDENTIALS, 0.1, "the list was read with a key of another workspace"


def _not_deleted(_: Facts) -> Iterator[Weighed]:
    yield (
        StoryKind.DELETION_UNFINISHED, 0.7,
        "the vendor still runs the account, and bills it: its deletion did not finish",
    )  # fmt: skip
    yield StoryKind.ID_REUSED, 0.2, "the id is in use again, for an account that was added since"


_STORIES: dict[AnomalyKind, Callable[[Facts], Iterator[Weighed]]] = {
    AnomalyKind.ADOPTED: _adopted,
    AnomalyKind.SKIPPED_STEP: _skipped,
    AnomalyKind.LATE_EVENT: _late,
    AnomalyKind.OUT_OF_ORDER: _out_of_order,
    AnomalyKind.POSSIBLY_STALE: _possibly_stale,
    AnomalyKind.STALE_REPEAT: _stale_repeat,
    AnomalyKind.MISSED_OUTAGE: _missed_outage,
    AnomalyKind.MISSED_RECOVERY: _missed_recovery,
    AnomalyKind.UNEXPECTED_RECONNECT: _unexpected_reconnect,
    AnomalyKind.RECONNECT_FAILED: _reconnect_failed,
    AnomalyKind.SYNC_WHILE_LOST: _sync_while_lost,
    AnomalyKind.CONTRADICTED_CREATION: _contradicted,
    AnomalyKind.RECREATED: _recreated,
    AnomalyKind.AFTER_DELETION: _after_deletion,
    AnomalyKind.UNSUPPORTED_STATUS: _unsupported,
    AnomalyKind.UNEXPECTED_PRODUCT: _unexpected_product,
    AnomalyKind.PROVIDER_CHANGED: _provider_changed,
    AnomalyKind.OWNER_CHANGED: _owner_changed,
    AnomalyKind.UNKNOWN_PROVIDER: _unknown_provider,
    AnomalyKind.UNKNOWN_STATUS: _unknown_status,
    AnomalyKind.STUCK: _stuck,
    AnomalyKind.SYNC_MISSING: _sync_missing,
    AnomalyKind.DRIFT: _drift,
    AnomalyKind.VANISHED: _vanished,
    AnomalyKind.NOT_DELETED: _not_deleted,
}

if lacking := set(AnomalyKind) - _STORIES.keys():
    raise TypeError(f"no story tells of {one_of(tuple(sorted(lacking)), 'and')}: add a row to _STORIES")

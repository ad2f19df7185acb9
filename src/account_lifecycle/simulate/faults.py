"""What can go wrong with the announcements of a life, and what each fault must be found and explained as.

One row for each fault, in the order of ``Faults``, which says how often each strikes. A row also says where its fault
cannot be known, and why: a reason that is written down can be disputed, and a fault that was not found without one was
missed. Where a stray announcement cannot be current news is asked of the compiled machine.
"""

from collections.abc import Callable, Mapping
from functools import partial
from random import Random
from types import MappingProxyType
from typing import Any, NamedTuple

from ..lifecycle.anomalies import AnomalyKind
from ..lifecycle.compiled import Step
from ..lifecycle.definition import (
    ANNOUNCEMENTS,
    CONNECTING,
    CREATION_FAIL,
    CREATION_SUCCESS,
    CREDENTIALS,
    DEVIATIONS,
    ERROR,
    FINISHES_SYNC,
    INITIAL,
    LOSSES,
    PROVES_EXISTENCE,
    PROVES_LIFE,
    RECONNECTED,
    STOPPED,
    TERMINAL,
)
from ..lifecycle.machine import Situation
from ..lifecycle.providers import ALIASES, Provider, profile_of
from ..lifecycle.status import Status, Verdict
from ..lifecycle.stories import StoryKind
from .delays import ADOPTED_AFTER, CLOCK_OFF, FLAP_LASTS, FLAPS_AGAIN, QUICK_US, QUICKLY, REUSED_IN, STRAYS_IN, Wait
from .delays import retry_us as draw_retry_us
from .lives import Announcement, Channel, Character


class Faults(NamedTuple):
    """How often each fault strikes: the probability, from 0 to 1, for one announcement that it can befall."""

    duplicate: float = 0.0
    """It is delivered again within minutes, as the vendor's first retry does."""
    stale_repeat: float = 0.0
    """It is delivered again by a later retry, although nothing was announced in between."""
    overtaken: float = 0.0
    """It is delivered again by a retry, after other news."""
    late: float = 0.0
    """It is delivered again by a retry, after at least two other announcements."""
    reorder: float = 0.0
    """Its first delivery fails, and other news comes before it is delivered by a retry."""
    twin: float = 0.0
    """The same fact arrives by the other channel, minutes to hours later."""
    drop: float = 0.0
    """It is never delivered."""
    missed_outage: float = 0.0
    """It says that the account is not live any more, and nothing is delivered until it is live again."""
    flap: float = 0.0
    """It says that the account is live, which then is lost and live again a few times within hours."""
    clock: float = 0.0
    """It is received by a host whose clock is wrong."""
    malformed: float = 0.0
    """Its payload arrives unreadable."""
    unknown_status: float = 0.0
    """It uses an unknown word for its status."""
    provider_changed: float = 0.0
    """It names the account type of another provider, or of none."""
    unexpected_product: float = 0.0
    """It names a product where none belongs."""
    late_sync: float = 0.0
    """It announces a lost connection, and a finished sync is announced after it."""
    unsupported_sync: float = 0.0
    """A finished sync is announced after it, by a provider that never does that."""
    needless_reconnect: float = 0.0
    """The user signs in again after it, though nothing was lost."""
    failed_reconnect: float = 0.0
    """It announces a lost connection, and the user tries to sign in again after it, and fails."""
    contradicted_creation: float = 0.0
    """A failed creation is announced after it, though the account exists."""
    recreated: float = 0.0
    """A creation is announced long after it, though the account exists."""
    after_deletion: float = 0.0
    """It announces the account's deletion, and something else is announced days to months after it."""
    stalled: float = 0.0
    """It is transient, and nothing is ever announced of the account again."""
    unknown_provider: float = 0.0
    """It is an account's first webhook: its account type is an unknown word, then and ever after."""
    missed_birth: float = 0.0
    """It is an account's first: nothing is delivered until after the first OK."""
    adopted: float = 0.0
    """It is an account's first: nothing is delivered until days to months later."""
    unsubscribed: float = 0.0
    """It is an account's first: OK, CONNECTING and STOPPED are never announced of it, though they should be."""

    @classmethod
    def everything(cls, rate: float) -> "Faults":
        """Return every fault at the same rate."""
        return cls(*[rate] * len(cls._fields))


class Message(NamedTuple):
    """An announcement as it is sent."""

    announcement: Announcement
    account_type: str
    word: str = ""
    """Sent in place of its status, if not blank."""
    broken: bool = False
    """Whether the payload is unreadable."""
    skew_us: int = 0
    """By how many microseconds the clock of the host that receives it is ahead."""

    @property
    def understood(self) -> Announcement | None:
        """What a receiver can make of it."""
        return None if self.word or self.broken else self.announcement


class Later(NamedTuple):
    """A delivery that a fault owes."""

    message: Message
    after_us: int
    """How long after the announcement that the fault befalls, in microseconds."""
    is_news: bool = False
    """Whether it is true then: something that happened to the account, and not a stray."""


class Plan(NamedTuple):
    """What becomes of an announcement that a fault befalls."""

    now: Message | None
    """What is delivered at its time; None for nothing."""
    later: tuple[Later, ...] = ()
    """What is delivered later."""
    least_news: int = 0
    """How many other announcements must be delivered before that: with fewer there is no fault after all."""
    silences: Status | None = None
    """Nothing is delivered of the account until this is announced; the initial status: never again."""
    swallows: bool = True
    """Whether that which ends the silence is not delivered either."""
    silent_us: int = 0
    """Nothing is delivered for so many microseconds."""
    mutes: tuple[Status, ...] = ()
    """These are never delivered of the account."""
    renames: bool = False
    """Whether the account goes by that account type from now on."""


class Occasion(NamedTuple):
    """An announcement that a fault may befall, and what surrounds it."""

    message: Message
    character: Character
    before: Situation
    """Where the account stands before it ..."""
    situation: Situation
    """... and after it."""
    answers: tuple[Step, ...]
    """What the machine says of every announcement to an account that stands there."""
    next: Announcement | None
    next_us: int
    """How long until the next announcement, or else the end of the log."""
    end_us: int
    """How long until the end of the log."""
    is_second: bool
    """Whether the announcement before it, by the other channel, said the same."""
    is_first: bool
    """Whether nothing was announced of the account before."""
    last_type: str
    """The account type that was announced last; blank if none was."""
    is_stranger: bool
    """Whether that is an unknown word."""
    random: Random

    @property
    def announcement(self) -> Announcement:
        """What is announced."""
        return self.message.announcement

    @property
    def provider(self) -> Provider | None:
        """The provider that a receiver can know."""
        return None if self.is_stranger else self.character.provider

    @property
    def is_twin(self) -> bool:
        """Whether the next announcement says the same."""
        return self.next is not None and (self.next.status, self.next.product) == (
            self.announcement.status,
            self.announcement.product,
        )


# ---- What a fault does; None where it cannot strike --------------------------------------------------
UNKNOWN_WORDS = tuple(
    word for word in (*(f"{status}_PENDING" for status in ANNOUNCEMENTS), INITIAL.value) if word not in ANNOUNCEMENTS
)
UNKNOWN_TYPES = tuple(word for word in (f"{account_type}_V2" for account_type in ALIASES) if word not in ALIASES)
ODD_PRODUCTS = ("classic", "recruiter", "sales_navigator", "inbox")
FLAPPING = (CONNECTING, ERROR, CREDENTIALS)
NOT_BY_DEFAULT = (PROVES_LIFE, CONNECTING, STOPPED)


def _again(wait: Wait, o: Occasion, message: Message | None = None) -> Plan | None:
    """Deliver it, or something else, after a while, unless other news would come first."""
    after_us = wait.draw_us(o.random)
    return Plan(o.message, (Later(message or o.message, after_us),)) if after_us < o.next_us else None


def _stale_repeat(o: Occasion) -> Plan | None:
    after_us = draw_retry_us(o.random)
    return Plan(o.message, (Later(o.message, after_us),)) if QUICK_US < after_us < o.next_us else None


def _retried(o: Occasion, *, least_news: int, fails_first: bool = False) -> Plan | None:
    """Deliver it by a retry; other news must have come before that."""
    after_us = draw_retry_us(o.random)
    if o.is_twin or (o.is_second and fails_first) or after_us < o.next_us:
        return None
    return Plan(None if fails_first else o.message, (Later(o.message, after_us),), least_news)


def _twin(o: Occasion) -> Plan | None:
    """Deliver the same by the other channel, as late as a retry comes."""
    if o.announcement.status not in (CREATION_SUCCESS, RECONNECTED) or o.is_twin or o.is_second:
        return None
    other = Channel.NOTIFY if o.announcement.channel is Channel.WEBHOOK else Channel.WEBHOOK
    twin = o.message._replace(announcement=o.announcement._replace(channel=other))
    return Plan(o.message, (Later(twin, draw_retry_us(o.random)),))


def _missed_outage(o: Occasion) -> Plan | None:
    if o.before.status is not PROVES_LIFE or o.announcement.status not in (CONNECTING, *LOSSES):
        return None
    return Plan(None, silences=PROVES_LIFE, swallows=False)


def _flap(o: Occasion) -> Plan | None:
    """Let it lose its connection for a while, and again, until the next announcement."""
    if o.announcement.status is not PROVES_LIFE or o.situation.status is not PROVES_LIFE:
        return None
    word, at_us, later = o.random.choice(FLAPPING), 0, []
    for _ in range(o.random.randint(2, 4)):
        for status, wait in ((word, FLAPS_AGAIN), (PROVES_LIFE, FLAP_LASTS)):
            at_us += wait.draw_us(o.random)
            news = Announcement(0, status)
            later.append(Later(Message(news, o.message.account_type), at_us, is_news=True))
    return Plan(o.message, tuple(later)) if at_us < o.next_us else None


def _clock(o: Occasion) -> Plan | None:
    if o.is_first:
        return None
    skew_us = CLOCK_OFF.draw_us(o.random) * o.random.choice((-1, 1))
    return Plan(o.message._replace(skew_us=skew_us))


def _unknown_status(o: Occasion) -> Plan | None:
    if o.announcement.channel is Channel.NOTIFY:  # a body with another word is no notification
        return None
    return Plan(o.message._replace(word=o.random.choice(UNKNOWN_WORDS)))


def _provider_changed(o: Occasion) -> Plan | None:
    if o.last_type not in o.character.words or o.announcement.channel is Channel.NOTIFY:
        return None
    others = [word for word in (*ALIASES, *UNKNOWN_TYPES) if o.provider is None or ALIASES.get(word) is not o.provider]
    others = [word for word in others if word != o.message.account_type]
    return Plan(o.message._replace(account_type=o.random.choice(others)))


def _unexpected_product(o: Occasion) -> Plan | None:
    belongs = o.announcement.status is FINISHES_SYNC and profile_of(o.provider).has_products
    if o.announcement.channel is Channel.NOTIFY or belongs:
        return None
    product = o.random.choice(ODD_PRODUCTS)
    return Plan(o.message._replace(announcement=o.announcement._replace(product=product)))


def _stray(
    kind: AnomalyKind,
    o: Occasion,
    channel: Channel = Channel.WEBHOOK,
    wait: Wait = STRAYS_IN,
) -> Plan | None:
    """Follow it by something that the machine holds back as an anomaly of a kind, of an account that surely exists."""
    held = [step.announced for step in o.answers if step.deviation is kind and not step.accepted]
    if not held or o.announcement.status not in PROVES_EXISTENCE or o.situation.status is not o.announcement.status:
        return None
    said = Announcement(0, o.random.choice(held), channel)
    return _again(wait, o, Message(said, o.message.account_type))


def _after_deletion(o: Occasion) -> Plan | None:
    if o.announcement.status is not TERMINAL:
        return None
    words = [word for word in ANNOUNCEMENTS if word is not TERMINAL]
    stray = Announcement(0, o.random.choice(words))
    return Plan(o.message, (Later(Message(stray, o.message.account_type), REUSED_IN.draw_us(o.random)),))


def _stalled(o: Occasion) -> Plan | None:
    allowed = profile_of(o.character.provider).deadlines.get(o.situation.status)
    is_current = o.situation.status is o.announcement.status
    if allowed is None or not is_current or allowed.total_seconds() * 1e6 >= o.end_us:
        return None
    return Plan(o.message, silences=INITIAL)


def _unknown_provider(o: Occasion) -> Plan | None:
    """Only for accounts that no word about products gives away."""
    if o.last_type or o.announcement.channel is Channel.NOTIFY or any(o.character.products):
        return None
    return Plan(o.message._replace(account_type=o.random.choice(UNKNOWN_TYPES)), renames=True)


def _first(o: Occasion, **plan: object) -> Plan | None:
    return Plan(None, **plan) if o.is_first else None  # type: ignore[arg-type]


def _adopted(o: Occasion) -> Plan | None:
    return Plan(None, silent_us=ADOPTED_AFTER.draw_us(o.random)) if o.is_first else None


def _unsubscribed(o: Occasion) -> Plan | None:
    if not o.is_first or o.announcement.status in NOT_BY_DEFAULT:
        return None
    return Plan(o.message, mutes=NOT_BY_DEFAULT)


# ---- What each fault must be found and explained as ---------------------------------------------------
NO_REASONS: Mapping[str, str] = MappingProxyType({})


class FaultRow(NamedTuple):
    """What a fault does, what it must be found as, and which story of it is true."""

    plan: Callable[[Occasion], Plan | None]
    expects: tuple[str, ...]
    """The kinds of anomaly any of which counts as found; the verdicts REPEATED and HELD at its line, or
    ``quarantine``."""
    stories: tuple[StoryKind, ...] = ()
    """Any of these explains it; none where the anomaly's own kind says all."""
    excuses: tuple[str, ...] = ()
    """Further kinds that it may lead to."""
    unknowable: Mapping[Status | None, str] | None = None
    """Why it cannot be known if all that was received was expected, by the word that it befalls; under None for any
    other word. A fault without reasons can always be known."""
    ambiguous: Mapping[str, str] = NO_REASONS
    """Kinds of anomaly by which no evidence at that moment can rank the true story first, and why."""
    shows_by_time: bool = False
    """Whether it can be known by a time that is out of order, and by nothing else."""
    is_old_news: bool = False
    """Whether it delivers once more what was delivered before, so that nothing may move by it in silence."""


QUARANTINE = "quarantine"  # among what a fault expects: that its line is refused
DISORDER = (  # how something in the wrong place, or missing, can show
    *(kind for kind in dict.fromkeys(row.kind for row in DEVIATIONS) if kind is not AnomalyKind.UNSUPPORTED_STATUS),
    AnomalyKind.POSSIBLY_STALE, AnomalyKind.STALE_REPEAT, AnomalyKind.MISSED_OUTAGE, AnomalyKind.MISSED_RECOVERY,
    AnomalyKind.STUCK,
)  # fmt: skip
OLD_NEWS = (*DISORDER, Verdict.REPEATED, Verdict.HELD)

SILENCE = "nothing was announced after it, and silence is what a healthy account gives, too"
GAPS: dict[Status | None, str] = {
    None: "what came next can follow without it",
    FINISHES_SYNC: "the page orders no finished sync before OK, and what came next can follow without one",
    RECONNECTED: "a loss can end in OK without anybody signing in again",
    CONNECTING: "any news can come without CONNECTING before it",
    CREATION_FAIL: "a second attempt looks like a first",
    CREATION_SUCCESS: "the other channel told the same",
    PROVES_LIFE: "what came next is expected before OK, too",
    TERMINAL: SILENCE,
    **dict.fromkeys(LOSSES, "the word that came next can be an outage's first"),
}
ORDERS: dict[Status | None, str] = {
    None: "what came in between, and it after that, are expected in that order, too",
}
BEGINNINGS: dict[Status | None, str] = {
    None: "CONNECTING is how a life begins, and a sign-in can fail at once, or nothing was announced later",
}
A_SILENCE: dict[str, str] = {
    AnomalyKind.STUCK: "a slow vendor, news that was lost and news that was not subscribed are the same silence",
}
A_SIGN_IN: dict[str, str] = {
    AnomalyKind.UNEXPECTED_RECONNECT: "a needless sign-in and one after an unheard loss look the same at that moment",
}
A_BEGINNING: dict[str, str] = {
    AnomalyKind.ADOPTED: "the first news of an older account and the first after a lost beginning look the same",
}
A_FLAP: dict[str, str] = {AnomalyKind.POSSIBLY_STALE: "by its bytes and its delay a flap is a retry"}
A_TWIN: dict[str, str] = {AnomalyKind.LATE_EVENT: "so soon after the same sign-in another one looks like its twin"}
A_GAP: dict[str, str] = {**A_SILENCE, **A_SIGN_IN, **A_BEGINNING}

UNHEARD = (StoryKind.MISSED_NEWS, StoryKind.OUTAGE_UNHEARD, StoryKind.RECOVERY_UNHEARD)
OLDER = (StoryKind.OLDER_THAN_RECORD, StoryKind.MISSED_NEWS)
RETRIED = (StoryKind.LATE_REDELIVERY,)


def _stray_row(
    kind: AnomalyKind, *stories: StoryKind, ambiguous: Mapping[str, str] = NO_REASONS, **how: Any
) -> FaultRow:
    """Return the row of a stray; soon after the same news it is taken for a late twin."""
    return FaultRow(
        partial(_stray, kind, **how), (kind, AnomalyKind.LATE_EVENT, Verdict.REPEATED), stories, ambiguous=ambiguous
    )


FAULTS: dict[str, FaultRow] = {
    "duplicate": FaultRow(partial(_again, QUICKLY), (Verdict.REPEATED,), is_old_news=True),
    "stale_repeat": FaultRow(_stale_repeat, OLD_NEWS, RETRIED, is_old_news=True),
    "overtaken": FaultRow(partial(_retried, least_news=1), OLD_NEWS, RETRIED, is_old_news=True),
    "late": FaultRow(partial(_retried, least_news=2), OLD_NEWS, RETRIED, is_old_news=True),
    "reorder": FaultRow(
        partial(_retried, least_news=1, fails_first=True), (*DISORDER, Verdict.HELD),
        (StoryKind.OVERTAKEN, *RETRIED, *UNHEARD), unknowable=ORDERS, ambiguous=A_GAP),
    "twin": FaultRow(_twin, OLD_NEWS, (StoryKind.OTHER_CHANNEL, *RETRIED), is_old_news=True),
    "drop": FaultRow(lambda _: Plan(None), DISORDER, UNHEARD, unknowable=GAPS, ambiguous=A_GAP),
    "missed_outage": FaultRow(
        _missed_outage, (*DISORDER, Verdict.REPEATED), UNHEARD, unknowable={None: SILENCE}, ambiguous=A_GAP),
    "flap": FaultRow(_flap, (AnomalyKind.POSSIBLY_STALE,), (StoryKind.FRESH_NEWS,), DISORDER, ambiguous=A_FLAP),
    "clock": FaultRow(
        _clock, (AnomalyKind.OUT_OF_ORDER,), (StoryKind.CLOCK,), DISORDER,
        unknowable={None: "the times are in their right order all the same"}, shows_by_time=True),
    "malformed": FaultRow(lambda o: Plan(o.message._replace(broken=True)), (QUARANTINE,), excuses=DISORDER),
    "unknown_status": FaultRow(
        _unknown_status, (AnomalyKind.UNKNOWN_STATUS, Verdict.REPEATED),
        excuses=(*DISORDER, AnomalyKind.UNEXPECTED_PRODUCT)),
    "provider_changed": FaultRow(_provider_changed, (AnomalyKind.PROVIDER_CHANGED,)),
    "unexpected_product": FaultRow(_unexpected_product, (AnomalyKind.UNEXPECTED_PRODUCT,)),
    "late_sync": _stray_row(AnomalyKind.SYNC_WHILE_LOST, StoryKind.LATE_SYNC),
    "unsupported_sync": _stray_row(AnomalyKind.UNSUPPORTED_STATUS),
    "needless_reconnect": _stray_row(
        AnomalyKind.UNEXPECTED_RECONNECT, StoryKind.NEEDLESS_SIGN_IN, ambiguous={**A_SIGN_IN, **A_TWIN},
        channel=Channel.NOTIFY),
    "failed_reconnect": _stray_row(
        AnomalyKind.RECONNECT_FAILED, StoryKind.SIGN_IN_FAILED, ambiguous=A_TWIN, channel=Channel.NOTIFY),
    "contradicted_creation": _stray_row(
        AnomalyKind.CONTRADICTED_CREATION, StoryKind.SECOND_ATTEMPT, ambiguous=A_TWIN, channel=Channel.NOTIFY),
    "recreated": _stray_row(
        AnomalyKind.RECREATED, StoryKind.SECOND_ATTEMPT, StoryKind.ID_REUSED, wait=REUSED_IN),
    "after_deletion": FaultRow(
        _after_deletion, (AnomalyKind.AFTER_DELETION,), (StoryKind.ID_REUSED, StoryKind.DELETION_UNFINISHED)),
    "stalled": FaultRow(
        _stalled, (AnomalyKind.STUCK,), (StoryKind.SLOW_VENDOR,), DISORDER,
        unknowable={None: "the log ends before its deadline has passed"}, ambiguous=A_SILENCE),
    "unknown_provider": FaultRow(_unknown_provider, (AnomalyKind.UNKNOWN_PROVIDER,)),
    "missed_birth": FaultRow(partial(_first, silences=PROVES_LIFE), DISORDER, OLDER, unknowable=BEGINNINGS),
    "adopted": FaultRow(_adopted, DISORDER, OLDER, unknowable=BEGINNINGS),
    "unsubscribed": FaultRow(
        _unsubscribed, (AnomalyKind.STUCK, AnomalyKind.MISSED_RECOVERY), (StoryKind.NOT_SUBSCRIBED,), DISORDER,
        unknowable={None: "no transient status outlived its deadline before the log ended"}, ambiguous=A_SILENCE),
}  # fmt: skip
if difference := set(FAULTS) ^ set(Faults._fields):
    raise ValueError(f"a fault needs a rate in Faults and a row in FAULTS: {', '.join(sorted(difference))}")

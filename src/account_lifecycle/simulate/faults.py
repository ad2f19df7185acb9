"""What can go wrong with the announcements of a life, and what each fault must be found as.

One row for each fault, in the order of ``Faults``, which says how often each strikes. Where a stray announcement cannot
be current news is asked of the compiled machine: a stray of a kind can follow wherever the machine holds some
announcement back as an anomaly of that kind.
"""

from collections.abc import Callable
from functools import partial
from random import Random
from typing import NamedTuple

from ..lifecycle.anomalies import AnomalyKind
from ..lifecycle.compiled import Step
from ..lifecycle.definition import ANNOUNCEMENTS, DEVIATIONS, FINISHES_SYNC, INITIAL, PROVES_EXISTENCE, PROVES_LIFE
from ..lifecycle.machine import Situation
from ..lifecycle.providers import ALIASES, Provider, profile_of
from ..lifecycle.status import Status, Verdict
from .lives import DAY, HOUR, MINUTE, Announcement, Channel, Character, Wait


class Faults(NamedTuple):
    """How often each fault strikes: the probability, from 0 to 1, for one announcement that it can befall."""

    duplicate: float = 0.0
    """It is delivered again within the redelivery window, as the vendor's retries do."""
    stale_repeat: float = 0.0
    """It is delivered again long after, although nothing was announced in between."""
    overtaken: float = 0.0
    """It is delivered again after the one that follows it."""
    reorder: float = 0.0
    """It is delivered only after the one that follows it."""
    drop: float = 0.0
    """It is never delivered."""
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
    """A reconnect is announced after it, though nothing was lost."""
    contradicted_creation: float = 0.0
    """A failed creation is announced after it, though the account exists."""
    after_deletion: float = 0.0
    """It announces the account's deletion, and something else is announced after it."""
    stalled: float = 0.0
    """It is transient, and nothing is ever announced of the account again."""
    unknown_provider: float = 0.0
    """It is an account's first webhook: its account type is an unknown word, then and ever after."""
    missed_birth: float = 0.0
    """It is an account's first: nothing is delivered until after the first OK."""

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

    @property
    def understood(self) -> Announcement | None:
        """What a receiver can make of it."""
        return None if self.word or self.broken else self.announcement


class Plan(NamedTuple):
    """What becomes of an announcement that a fault befalls."""

    now: Message | None
    """What is delivered at its time; None for nothing."""
    later: Message | None = None
    """What is delivered later ..."""
    after_us: int = 0
    """... by so many microseconds."""
    silences: Status | None = None
    """Nothing is delivered of the account until after this is announced; the initial status: never again."""
    renames: bool = False
    """Whether the account goes by that account type from now on."""


class Occasion(NamedTuple):
    """An announcement that a fault may befall, and what surrounds it."""

    message: Message
    character: Character
    situation: Situation
    """Where the account stands after it."""
    answers: tuple[Step, ...]
    """What the machine says of every announcement to an account that stands there."""
    next: Announcement | None
    next_us: int
    """How long until the next announcement, or else the end of the log."""
    end_us: int
    """How long until the end of the log."""
    is_first: bool
    """Whether nothing was announced of the account before."""
    is_known: bool
    """Whether its account type was announced before."""
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


# ---- What a fault does; None where it cannot strike --------------------------------------------------
RETRIES_S = 8 * HOUR  # five retries, with growing delays
REDELIVERED = Wait(60, 540)
LATENESS = Wait(5, 90)
STRAYS_IN = Wait(2 * MINUTE, DAY, 1.5)
LONG_AFTER = Wait(6 * HOUR, 20 * DAY, 1.5, least_s=601)

UNKNOWN_WORDS = tuple(
    word for word in (*(f"{status}_PENDING" for status in ANNOUNCEMENTS), INITIAL.value) if word not in ANNOUNCEMENTS
)
UNKNOWN_TYPES = tuple(word for word in (f"{account_type}_V2" for account_type in ALIASES) if word not in ALIASES)
ODD_PRODUCTS = ("classic", "recruiter", "sales_navigator", "inbox")


def _again(wait: Wait, o: Occasion, message: Message | None = None) -> Plan | None:
    """Deliver it, or something else, after a while, unless other news would come first."""
    after_us = wait.draw_us(o.random)
    return Plan(o.message, message or o.message, after_us) if after_us < o.next_us else None


def _overtaken(o: Occasion, *, twice: bool) -> Plan | None:
    """Deliver it after the next announcement, if that is other news and comes within the vendor's retries."""
    if o.next is None or o.next_us > RETRIES_S * 1e6:
        return None
    if (o.next.status, o.next.product) == (o.announcement.status, o.announcement.product):
        return None
    return Plan(o.message if twice else None, o.message, o.next_us + LATENESS.draw_us(o.random))


def _unknown_status(o: Occasion) -> Plan:
    return Plan(o.message._replace(word=o.random.choice(UNKNOWN_WORDS)))


def _provider_changed(o: Occasion) -> Plan | None:
    if not o.is_known or o.announcement.channel is Channel.NOTIFY:
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


def _stray(kind: AnomalyKind, o: Occasion, channel: Channel = Channel.WEBHOOK) -> Plan | None:
    """Follow it by something that the machine holds back as an anomaly of a kind, of an account that surely exists."""
    held = [step.announced for step in o.answers if step.deviation is kind and not step.accepted]
    if not held or o.announcement.status not in PROVES_EXISTENCE or o.situation.status is not o.announcement.status:
        return None
    said = Announcement(0, o.random.choice(held), channel)
    return _again(STRAYS_IN, o, Message(said, o.message.account_type))


def _stalled(o: Occasion) -> Plan | None:
    allowed = profile_of(o.character.provider).deadlines.get(o.situation.status)
    is_current = o.situation.status is o.announcement.status
    if allowed is None or not is_current or allowed.total_seconds() * 1e6 >= o.end_us:
        return None
    return Plan(o.message, silences=INITIAL)


def _unknown_provider(o: Occasion) -> Plan | None:
    """Only for accounts that no word about products gives away."""
    if o.is_known or o.announcement.channel is Channel.NOTIFY or any(o.character.products):
        return None
    return Plan(o.message._replace(account_type=o.random.choice(UNKNOWN_TYPES)), renames=True)


# ---- What each fault must be found as ----------------------------------------------------------------
class FaultRow(NamedTuple):
    """What a fault does, and what it must be found as."""

    plan: Callable[[Occasion], Plan | None]
    expects: tuple[str, ...]
    """The kinds of anomaly any of which counts as found; or the verdict REPEATED, or ``quarantine``."""
    excuses: tuple[str, ...] = ()
    """Further kinds that it may lead to."""
    shows: bool = True
    """Whether it shows in any case, and not only if what is received happens to be unexpected."""


QUARANTINE = "quarantine"  # among what a fault expects: that its line is refused
MISPLACED = (AnomalyKind.LATE_EVENT, AnomalyKind.CONTRADICTED_CREATION, AnomalyKind.AFTER_DELETION)
DISORDER = (  # how something in the wrong place can show
    *(kind for kind in dict.fromkeys(row.kind for row in DEVIATIONS) if kind is not AnomalyKind.UNSUPPORTED_STATUS),
    AnomalyKind.STALE_REPEAT, AnomalyKind.STUCK,
)  # fmt: skip
A_GAP = tuple(kind for kind in DISORDER if kind not in MISPLACED)  # how something that is missing can show


def _stray_row(kind: AnomalyKind, channel: Channel = Channel.WEBHOOK) -> FaultRow:
    return FaultRow(partial(_stray, kind, channel=channel), (kind,))


FAULTS: dict[str, FaultRow] = {
    "duplicate": FaultRow(partial(_again, REDELIVERED), (Verdict.REPEATED,)),
    "stale_repeat": FaultRow(partial(_again, LONG_AFTER), (AnomalyKind.STALE_REPEAT,), shows=False),  # needs times
    "overtaken": FaultRow(partial(_overtaken, twice=True), DISORDER, shows=False),
    "reorder": FaultRow(partial(_overtaken, twice=False), DISORDER, shows=False),
    "drop": FaultRow(lambda _: Plan(None), A_GAP, shows=False),
    "malformed": FaultRow(lambda o: Plan(o.message._replace(broken=True)), (QUARANTINE,), A_GAP),
    "unknown_status": FaultRow(_unknown_status, (AnomalyKind.UNKNOWN_STATUS,), A_GAP),
    "provider_changed": FaultRow(_provider_changed, (AnomalyKind.PROVIDER_CHANGED,)),
    "unexpected_product": FaultRow(_unexpected_product, (AnomalyKind.UNEXPECTED_PRODUCT,)),
    "late_sync": _stray_row(AnomalyKind.SYNC_WHILE_LOST),
    "unsupported_sync": _stray_row(AnomalyKind.UNSUPPORTED_STATUS),
    "needless_reconnect": _stray_row(AnomalyKind.UNEXPECTED_RECONNECT, Channel.NOTIFY),
    "contradicted_creation": _stray_row(AnomalyKind.CONTRADICTED_CREATION, Channel.NOTIFY),
    "after_deletion": _stray_row(AnomalyKind.AFTER_DELETION),
    "stalled": FaultRow(_stalled, (AnomalyKind.STUCK,), shows=False),
    "unknown_provider": FaultRow(_unknown_provider, (AnomalyKind.UNKNOWN_PROVIDER,)),
    "missed_birth": FaultRow(lambda o: Plan(None, silences=PROVES_LIFE) if o.is_first else None, A_GAP, shows=False),
}
if difference := set(FAULTS) ^ set(Faults._fields):
    raise ValueError(f"a fault needs a rate in Faults and a row in FAULTS: {', '.join(sorted(difference))}")

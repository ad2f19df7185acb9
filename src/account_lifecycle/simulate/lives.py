"""Lives of accounts, told lawfully: how they begin, what befalls them over the months, how they end.

Knows stories as rows of data, how often each befalls the accounts of a provider, and how to draw a life
from them with the random numbers that it is handed; and which faults can befall what is told of them, and
what each must be found as. It must never know a clock, JSON (``simulate`` puts lives and faults on the
wire), or what the engine makes of a story. The causes are those of the vendor's page "Account status
updates"; how often they strike is our estimate.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from random import Random
from typing import NamedTuple, TypeVar

from ..lifecycle.anomalies import AnomalyKind
from ..lifecycle.definition import INITIAL, LOSSES, PROVES_EXISTENCE, PROVES_LIFE, TERMINAL
from ..lifecycle.providers import ALIASES, YEAR, Provider, profile_of
from ..lifecycle.status import Status, Verdict

_Row = TypeVar("_Row")


class Channel(StrEnum):
    """How an announcement reaches you."""

    WEBHOOK = "webhook"
    NOTIFY = "notify"


class Wait(NamedTuple):
    """A log-normal length of time, within limits."""

    median_s: float
    longest_s: float
    spread: float = 1.0
    """The standard deviation of its logarithm."""
    least_s: float = 0.001

    def draw_us(self, random: Random) -> int:
        """One such length, in microseconds."""
        drawn_s = random.lognormvariate(math.log(self.median_s), self.spread)
        return int(1e6 * max(self.least_s, min(self.longest_s, drawn_s)))


class Step(NamedTuple):
    """One announcement of a story."""

    status: Status
    wait: Wait
    """How long after the announcement before it."""
    channel: Channel = Channel.WEBHOOK
    reason: str = ""
    """An extra word that some webhooks carry."""


class Story(NamedTuple):
    """A few announcements that belong together; all but an ending leave the account OK."""

    name: str
    steps: tuple[Step, ...]
    ends: bool = False
    """Whether nothing is ever announced after it."""


class Kin(NamedTuple):
    """How the accounts of one provider live. Every number is a relative weight, but for ``episodes``."""

    share: float
    """How many accounts there are of it, relative to the others."""
    words: tuple[tuple[tuple[str, ...], float], ...]
    """The account types that one account's webhooks name."""
    products: tuple[tuple[tuple[str, ...], float], ...]
    """What is announced when a sync finishes: one announcement each, "" for one that names no product."""
    births: tuple[tuple[Story, float], ...]
    episodes: tuple[tuple[Story, float], ...]
    """What befalls a living account, each with its rate per year."""


class Character(NamedTuple):
    """What is settled when an account is born."""

    provider: Provider
    words: tuple[str, ...]
    products: tuple[str, ...]


class Announcement(NamedTuple):
    """One announcement of a life."""

    at_us: int
    """When, in microseconds since the birth."""
    status: Status
    channel: Channel = Channel.WEBHOOK
    product: str = ""
    reason: str = ""


def draw_character(random: Random, providers: Sequence[Provider]) -> Character:
    """Which provider an account belongs to, and what is particular about it."""
    provider = _pick(random, tuple((each, KIN[each].share) for each in providers))
    kin = KIN[provider]
    return Character(provider, _pick(random, kin.words), _pick(random, kin.products))


def live(character: Character, random: Random, lasts_us: int) -> Iterator[Announcement]:
    """A whole life, or as much of it as happens within ``lasts_us`` microseconds.

    A life that is cut short is told until it comes to rest: it never breaks off in a transient status.
    """
    kin, profile = KIN[character.provider], profile_of(character.provider)
    session_us = 0 if profile.session_length is None else int(profile.session_length.total_seconds() * 1e6)
    story, at_us, signed_in_us = _pick(random, kin.births), 0, 0
    while True:
        at_rest = True
        for step, product in _tell(story, character.products):
            at_us += step.wait.draw_us(random)
            if at_rest and at_us > lasts_us:
                return
            yield Announcement(at_us, step.status, step.channel, product, step.reason)
            at_rest = step.status not in profile.deadlines
            if step.status in SIGNS_IN:
                signed_in_us = at_us
        if story.ends:
            return
        story, at_us = _next_story(random, kin, at_us, signed_in_us + session_us if session_us else None)


def _tell(story: Story, products: tuple[str, ...]) -> Iterator[tuple[Step, str]]:
    """The steps as one account announces them: a finished sync once for each of its products, or never."""
    for step in story.steps:
        if step.status is not SYNC_SUCCESS:
            yield step, ""
            continue
        for index, product in enumerate(products):
            yield (step._replace(wait=NEXT_SYNC) if index else step), product


def _next_story(random: Random, kin: Kin, at_us: int, expires_us: int | None) -> tuple[Story, int]:
    """What happens next to an account that is OK, and when."""
    per_year = sum(rate for _, rate in kin.episodes)
    next_us = at_us + int(random.expovariate(per_year) * YEAR.total_seconds() * 1e6)
    if expires_us is not None and next_us >= expires_us:
        return EXPIRED, max(at_us, expires_us)
    return _pick(random, kin.episodes), next_us


def _pick(random: Random, rows: tuple[tuple[_Row, float], ...]) -> _Row:
    """One of the rows, by weight."""
    return random.choices([row for row, _ in rows], [weight for _, weight in rows])[0]


# ---- Stories ---------------------------------------------------------------------------------------
# fmt: off
(UNSEEN, CONNECTING, CREATION_SUCCESS, CREATION_FAIL, SYNC_SUCCESS, OK,
 CREDENTIALS, PERMISSIONS, ERROR, STOPPED, RECONNECTED, DELETED) = Status
NOTIFY = Channel.NOTIFY
SIGNS_IN = (CREATION_SUCCESS, RECONNECTED)  # a session begins, and with it its year

MINUTE, HOUR, DAY = 60, 3_600, 86_400
# Whatever follows a transient status comes well within its deadline.
AT_ONCE = Wait(1, 5)
TWIN = Wait(2, 12, 0.7)  # the webhook that says what hosted auth has just said
SHORTLY = Wait(15, 10 * MINUTE)
CONNECTS = Wait(90, 25 * MINUTE)
FIRST_SYNC = Wait(8 * MINUTE, 5 * HOUR, 1.6)
RESYNC = Wait(3 * MINUTE, 25 * MINUTE)
NEXT_SYNC = Wait(4 * MINUTE, 25 * MINUTE)
RESTART = Wait(40 * MINUTE, 2 * DAY, 1.4)
USER_RETRIES = Wait(4 * MINUTE, 2 * DAY, 1.3)
USER_RETURNS = Wait(9 * HOUR, 30 * DAY, 1.5)
CLEARED_AWAY = Wait(12 * DAY, 90 * DAY)

FIRST_OK = (Step(SYNC_SUCCESS, FIRST_SYNC), Step(OK, SHORTLY))
CREATED = (Step(CREATION_SUCCESS, CONNECTS),)
CREATED_BY_HOSTED_AUTH = (Step(CREATION_SUCCESS, CONNECTS, NOTIFY), Step(CREATION_SUCCESS, TWIN))
SYNCED = (Step(SYNC_SUCCESS, RESYNC), Step(OK, SHORTLY))
BACK_BY_HOSTED_AUTH = (Step(RECONNECTED, USER_RETURNS, NOTIFY), Step(RECONNECTED, TWIN), *SYNCED)
BACK_BY_API = (Step(CONNECTING, USER_RETURNS), Step(RECONNECTED, CONNECTS), *SYNCED)

BY_WEBHOOK = Story("created by API", (*CREATED, *FIRST_OK))
BY_HOSTED_AUTH = Story("created by hosted auth", (*CREATED_BY_HOSTED_AUTH, *FIRST_OK))
CONNECTING_FIRST = Story("connecting, then created", (Step(CONNECTING, AT_ONCE), *CREATED, *FIRST_OK))
CONNECTING_HOSTED = Story(
    "connecting, then created by hosted auth", (Step(CONNECTING, AT_ONCE), *CREATED_BY_HOSTED_AUTH, *FIRST_OK))
READY_EARLY = Story(
    "usable before the first sync is over", (*CREATED, Step(OK, SHORTLY), Step(SYNC_SUCCESS, FIRST_SYNC)))
RETRIED = Story("created at the second attempt", (
    Step(CREATION_FAIL, CONNECTS, NOTIFY), Step(CONNECTING, USER_RETRIES), *CREATED_BY_HOSTED_AUTH, *FIRST_OK))
RETRIED_TWICE = Story("created at the third attempt", (
    Step(CREATION_FAIL, CONNECTS, NOTIFY), Step(CREATION_FAIL, TWIN),
    Step(CONNECTING, USER_RETRIES), Step(CREATION_FAIL, CONNECTS, NOTIFY),
    Step(CREATION_SUCCESS, USER_RETRIES, NOTIFY), Step(CREATION_SUCCESS, TWIN), *FIRST_OK))
GIVEN_UP = Story("never created", (Step(CREATION_FAIL, CONNECTS, NOTIFY),), ends=True)
CHALLENGED = Story("asked for a code at the first sign-in", (
    Step(CONNECTING, AT_ONCE), Step(CREDENTIALS, CONNECTS), *BACK_BY_HOSTED_AUTH))

OUTAGE = Story("outage", (Step(CONNECTING, AT_ONCE), Step(OK, CONNECTS)))
CATCH_UP = Story("outage and catch-up", (Step(CONNECTING, AT_ONCE), *SYNCED))
BROKEN = Story("error, retried", (Step(ERROR, AT_ONCE), Step(CONNECTING, RESTART), Step(OK, CONNECTS)))
BROKEN_BRIEFLY = Story("error, over by itself", (Step(ERROR, AT_ONCE), Step(OK, RESTART)))
HALTED = Story("stopped, restarted", (Step(STOPPED, AT_ONCE), Step(CONNECTING, RESTART), *SYNCED))
BROKEN_AND_HALTED = Story(
    "error, stopped, signed in again", (Step(ERROR, AT_ONCE), Step(STOPPED, RESTART), *BACK_BY_API))
LAPSE = Story("proxy down for long, then back", (
    Step(CONNECTING, AT_ONCE), Step(CREDENTIALS, CONNECTS), Step(OK, RESTART)))
SIGNED_OUT = Story("session ended by the user", (Step(CREDENTIALS, AT_ONCE), *BACK_BY_HOSTED_AUTH))
SIGNED_OUT_API = Story("session ended, signed in by API", (Step(CREDENTIALS, AT_ONCE), *BACK_BY_API))
EXPIRED = Story("session expired", (Step(CREDENTIALS, AT_ONCE), *BACK_BY_HOSTED_AUTH))
CHECKPOINT = Story("security checkpoint", (
    Step(CREDENTIALS, AT_ONCE), Step(RECONNECTED, USER_RETURNS), Step(CONNECTING, SHORTLY), *SYNCED))
REVOKED = Story("authorization revoked", (Step(CREDENTIALS, AT_ONCE), *BACK_BY_HOSTED_AUTH))
SCOPE_LOST = Story("scopes missing", (Step(PERMISSIONS, AT_ONCE), *BACK_BY_HOSTED_AUTH))
SCOPE_FORGOTTEN = Story("revoked, then a scope left out", (
    Step(CREDENTIALS, AT_ONCE), Step(RECONNECTED, USER_RETURNS, NOTIFY), Step(RECONNECTED, TWIN),
    Step(PERMISSIONS, SHORTLY), *BACK_BY_HOSTED_AUTH))
PHONE_OFFLINE = Story("phone offline", (
    Step(CONNECTING, AT_ONCE), Step(CREDENTIALS, CONNECTS, reason="Disconnected"), *BACK_BY_HOSTED_AUTH))
UNPAIRED = Story("session ended on the phone", (
    Step(CREDENTIALS, AT_ONCE, reason="Disconnected"), *BACK_BY_HOSTED_AUTH))
PASSWORD_CHANGED = Story("mailbox password changed", (Step(CREDENTIALS, AT_ONCE), *BACK_BY_API))
PASSWORD_MISTYPED = Story("password changed, then mistyped", (
    Step(CREDENTIALS, AT_ONCE), Step(CONNECTING, USER_RETURNS), Step(CREDENTIALS, CONNECTS), *BACK_BY_API))
REMOVED = Story("deleted", (Step(DELETED, AT_ONCE),), ends=True)
LEFT = Story("lost, then deleted", (Step(CREDENTIALS, AT_ONCE), Step(DELETED, CLEARED_AWAY)), ends=True)
FORSAKEN = Story("lost for good", (Step(CREDENTIALS, AT_ONCE),), ends=True)

# ---- How often -------------------------------------------------------------------------------------
BIRTHS = (
    (BY_WEBHOOK, 22), (BY_HOSTED_AUTH, 38), (CONNECTING_FIRST, 8), (CONNECTING_HOSTED, 18), (READY_EARLY, 5),
    (RETRIED, 5), (RETRIED_TWICE, 1), (GIVEN_UP, 3))
GUARDED_BIRTHS = (*BIRTHS, (CHALLENGED, 6))
ENDS = ((REMOVED, 0.20), (LEFT, 0.10), (FORSAKEN, 0.05))
COMMON = (
    (OUTAGE, 4.0), (CATCH_UP, 1.5), (BROKEN, 0.5), (BROKEN_BRIEFLY, 0.4), (HALTED, 0.3), (BROKEN_AND_HALTED, 0.1),
    *ENDS)
OAUTH = (*COMMON, (REVOKED, 0.4), (SCOPE_LOST, 0.25), (SCOPE_FORGOTTEN, 0.1))
PHONE = (*COMMON, (PHONE_OFFLINE, 1.2), (UNPAIRED, 0.6))
SESSION = (*COMMON, (SIGNED_OUT, 0.8), (SIGNED_OUT_API, 0.2), (LAPSE, 0.4))
NO_SYNC = (((), 1),)
PLAIN_SYNC = ((("",), 1),)
PREMIUM = ((("",), 50), (("classic",), 10), (("classic", "sales_navigator"), 25), (("classic", "recruiter"), 15))

KIN: dict[Provider, Kin] = {
    Provider.LINKEDIN: Kin(35, ((("LINKEDIN",), 1),), PREMIUM, GUARDED_BIRTHS, (*SESSION, (CHECKPOINT, 0.2))),
    Provider.WHATSAPP: Kin(20, ((("WHATSAPP",), 1),), PLAIN_SYNC, BIRTHS, PHONE),
    Provider.INSTAGRAM: Kin(8, ((("INSTAGRAM",), 1),), PLAIN_SYNC, GUARDED_BIRTHS, (*SESSION, (CHECKPOINT, 1.5))),
    Provider.MESSENGER: Kin(4, ((("MESSENGER",), 1),), NO_SYNC, BIRTHS, SESSION),
    Provider.TELEGRAM: Kin(5, ((("TELEGRAM",), 1),), PLAIN_SYNC, BIRTHS, PHONE),
    Provider.X: Kin(3, ((("TWITTER",), 7), (("X",), 3)), NO_SYNC, BIRTHS, SESSION),
    Provider.GOOGLE: Kin(
        12,
        ((("GOOGLE_OAUTH",), 85), (("GOOGLE",), 8), (("GOOGLE_CALENDAR",), 3),
         (("GOOGLE_OAUTH", "GOOGLE_CALENDAR"), 4)),
        NO_SYNC, BIRTHS, OAUTH),
    Provider.MICROSOFT: Kin(
        8, ((("OUTLOOK",), 80), (("MICROSOFT",), 8), (("EXCHANGE",), 12)), NO_SYNC, BIRTHS, OAUTH),
    Provider.IMAP: Kin(
        5, ((("MAIL",), 75), (("IMAP",), 15), (("ICLOUD",), 10)), PLAIN_SYNC, BIRTHS,
        (*COMMON, (PASSWORD_CHANGED, 0.5), (PASSWORD_MISTYPED, 0.2))),
}


# fmt: on


# ---- What can go wrong with their announcements ------------------------------------------------------
class FaultRow(NamedTuple):
    """What a fault must be found as."""

    expects: tuple[str, ...]
    """The kinds of anomaly any of which counts as found; or the verdict REPEATED, or ``quarantine``."""
    excuses: tuple[str, ...] = ()
    """Further kinds that it may lead to."""
    shows: bool = True
    """Whether it shows in any case, and not only if what is received happens to be unlawful."""


class Stray(NamedTuple):
    """Something said where it cannot be current news: it must be found, and must move nothing."""

    statuses: tuple[Status, ...]
    """What is said, any of these ..."""
    after: tuple[Status, ...]
    """... of an account of which one of these was announced last."""
    kind: AnomalyKind
    """What it must be found as."""
    announces_sync: bool | None = None
    """Only of providers that do or do not announce a finished sync; None for all."""
    channel: Channel = Channel.WEBHOOK


class Telling(NamedTuple):
    """An announcement as it is put on the wire."""

    announcement: Announcement
    account_type: str
    word: str = ""
    """Said in place of its status, if not blank."""
    broken: bool = False
    """Whether the payload is unreadable."""

    @property
    def understood(self) -> Announcement | None:
        """What a receiver can make of it."""
        return None if self.word or self.broken else self.announcement


class Plan(NamedTuple):
    """What becomes of an announcement that a fault befalls."""

    now: Telling | None
    """What is delivered at its time; None for nothing."""
    later: Telling | None = None
    """What is delivered later ..."""
    after_us: int = 0
    """... by so many microseconds."""
    silences: Status | None = None
    """Nothing is delivered of the account until after this is announced; the initial status: never again."""
    renames: bool = False
    """Whether the account goes by that account type from now on."""


class Chance(NamedTuple):
    """An announcement that a fault may befall, and what surrounds it."""

    telling: Telling
    character: Character
    stands: Status
    """Where the account stands after it."""
    next: Announcement | None
    next_us: int
    """How long until the next announcement, or else the end of the log."""
    end_us: int
    """How long until the end of the log."""
    first: bool
    """Whether nothing was announced of the account before."""
    told: bool
    """Whether its account type was told before."""
    stranger: bool
    """Whether that is a word that nobody knows."""
    random: Random

    @property
    def status(self) -> Status:
        """What is announced."""
        return self.telling.announcement.status


def plan_fault(name: str, chance: Chance) -> Plan | None:
    """What a fault does to an announcement; None where it cannot befall it."""
    return _stray(chance, STRAYS[name]) if name in STRAYS else _PLANS[name](chance)


def _again(c: Chance, wait: Wait, telling: Telling) -> Plan | None:
    """Deliver something more after a while, unless other news would come first."""
    after_us = wait.draw_us(c.random)
    return Plan(c.telling, telling, after_us) if after_us < c.next_us else None


def _overtaken(c: Chance, now: Telling | None) -> Plan | None:
    """Deliver it after the next announcement, if that is other news and comes within the vendor's retries."""
    if c.next is None or c.next_us > RETRIES_S * 1e6:
        return None
    if (c.next.status, c.next.product) == (c.status, c.telling.announcement.product):
        return None
    return Plan(now, c.telling, c.next_us + LATENESS.draw_us(c.random))


def _changed_provider(c: Chance) -> Plan | None:
    if not c.told or c.telling.announcement.channel is NOTIFY:
        return None
    family = None if c.stranger else c.character.provider
    others = [word for word in (*ALIASES, *UNKNOWN_TYPES) if family is None or ALIASES.get(word) is not family]
    others = [word for word in others if word != c.telling.account_type]
    return Plan(c.telling._replace(account_type=c.random.choice(others)))


def _unexpected_product(c: Chance) -> Plan | None:
    has_products = profile_of(None if c.stranger else c.character.provider).has_products
    if c.telling.announcement.channel is NOTIFY or (c.status is SYNC_SUCCESS and has_products):
        return None
    product = c.random.choice(ODD_PRODUCTS)
    return Plan(c.telling._replace(announcement=c.telling.announcement._replace(product=product)))


def _stray(c: Chance, stray: Stray) -> Plan | None:
    announces_sync = c.stranger or profile_of(c.character.provider).announces_sync
    if c.status not in stray.after or stray.announces_sync not in (None, announces_sync):
        return None
    said = Announcement(0, c.random.choice(stray.statuses), stray.channel)
    return _again(c, STRAYS_IN, Telling(said, c.telling.account_type))


def _stalled(c: Chance) -> Plan | None:
    allowed = profile_of(c.character.provider).deadlines.get(c.stands)
    if allowed is None or c.stands is not c.status or allowed.total_seconds() * 1e6 >= c.end_us:
        return None
    return Plan(c.telling, silences=INITIAL)


def _unknown_provider(c: Chance) -> Plan | None:
    """Only for accounts that no word about products gives away."""
    if c.told or c.telling.announcement.channel is NOTIFY or any(c.character.products):
        return None
    return Plan(c.telling._replace(account_type=c.random.choice(UNKNOWN_TYPES)), renames=True)


# fmt: off
RETRIES_S = 8 * HOUR  # five retries, with growing delays
REDELIVERED = Wait(60, 540)
LATENESS = Wait(5, 90)
STRAYS_IN = Wait(2 * MINUTE, DAY, 1.5)
LONG_AFTER = Wait(6 * HOUR, 20 * DAY, 1.5, least_s=601)

UNKNOWN_WORDS = (
    "PAUSED", "RATE_LIMITED", "CHECKPOINT", "SYNC_PROGRESS", "RECONNECT_SUCCESS", "DISCONNECTED", "UNSEEN")
UNKNOWN_TYPES = ("SLACK", "WECHAT", "VIBER", "SIGNAL", "MOBILE")
ODD_PRODUCTS = ("classic", "recruiter", "sales_navigator", "inbox")

_PLANS: dict[str, Callable[[Chance], Plan | None]] = {
    "duplicate": lambda c: _again(c, REDELIVERED, c.telling),
    "stale_repeat": lambda c: _again(c, LONG_AFTER, c.telling),
    "overtaken": lambda c: _overtaken(c, c.telling),
    "reorder": lambda c: _overtaken(c, None),
    "drop": lambda _: Plan(None),
    "malformed": lambda c: Plan(c.telling._replace(broken=True)),
    "unknown_status": lambda c: Plan(c.telling._replace(word=c.random.choice(UNKNOWN_WORDS))),
    "provider_changed": _changed_provider,
    "unexpected_product": _unexpected_product,
    "stalled": _stalled,
    "unknown_provider": _unknown_provider,
    "missed_birth": lambda c: Plan(None, silences=PROVES_LIFE) if c.first else None,
}

# ---- What each fault must be found as ----------------------------------------------------------------
QUARANTINE = "quarantine"  # among what a fault expects: that its line is refused
ALIVE = tuple(status for status in PROVES_EXISTENCE if status is not TERMINAL)
A_GAP = (  # how something that is missing can show
    AnomalyKind.ADOPTED, AnomalyKind.SKIPPED_STEP, AnomalyKind.UNEXPECTED_RECONNECT, AnomalyKind.SYNC_WHILE_LOST,
    AnomalyKind.STALE_REPEAT, AnomalyKind.STUCK)
DISORDER = (  # how something in the wrong place can show
    *A_GAP, AnomalyKind.LATE_EVENT, AnomalyKind.CONTRADICTED_CREATION, AnomalyKind.AFTER_DELETION)

STRAYS: dict[str, Stray] = {
    "late_sync": Stray((SYNC_SUCCESS,), LOSSES, AnomalyKind.SYNC_WHILE_LOST, announces_sync=True),
    "unsupported_sync": Stray((SYNC_SUCCESS,), ALIVE, AnomalyKind.UNSUPPORTED_STATUS, announces_sync=False),
    "needless_reconnect": Stray((RECONNECTED,), (OK,), AnomalyKind.UNEXPECTED_RECONNECT, channel=NOTIFY),
    "contradicted_creation": Stray((CREATION_FAIL,), ALIVE, AnomalyKind.CONTRADICTED_CREATION, channel=NOTIFY),
    "after_deletion": Stray(
        (CONNECTING, OK, SYNC_SUCCESS, CREDENTIALS, ERROR, RECONNECTED, CREATION_SUCCESS), (DELETED,),
        AnomalyKind.AFTER_DELETION),
}
FAULTS: dict[str, FaultRow] = {
    "duplicate": FaultRow((Verdict.REPEATED,)),
    "stale_repeat": FaultRow((AnomalyKind.STALE_REPEAT,), shows=False),  # only to who knows the time
    "overtaken": FaultRow(DISORDER, shows=False),
    "reorder": FaultRow(DISORDER, shows=False),
    "drop": FaultRow(A_GAP, shows=False),
    "malformed": FaultRow((QUARANTINE,), A_GAP),
    "unknown_status": FaultRow((AnomalyKind.UNKNOWN_STATUS,), A_GAP),
    "provider_changed": FaultRow((AnomalyKind.PROVIDER_CHANGED,)),
    "unexpected_product": FaultRow((AnomalyKind.UNEXPECTED_PRODUCT,)),
    **{name: FaultRow((stray.kind,)) for name, stray in STRAYS.items()},
    "stalled": FaultRow((AnomalyKind.STUCK,), shows=False),
    "unknown_provider": FaultRow((AnomalyKind.UNKNOWN_PROVIDER,)),
    "missed_birth": FaultRow(A_GAP, shows=False),
}
# fmt: on

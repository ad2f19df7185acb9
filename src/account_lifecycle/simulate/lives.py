"""Lives of accounts as the vendor would announce them: how they begin, what befalls them, how they end.

Stories are rows of data, and so is how often each befalls the accounts of a provider; a life is drawn from them with
random numbers that are handed in. What may follow what is asked of the compiled machine: a step of a story that today's
definition does not expect is left out, so that a clean life is clean under any definition. The causes are those of the
vendor's page "Account status updates"; how often they strike is our estimate. A provider without a row of its own lives
like most others.
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from functools import cache
from random import Random
from typing import NamedTuple, TypeVar

from ..lifecycle.compiled import compiled
from ..lifecycle.definition import (
    CONNECTING,
    CREATION_FAIL,
    CREATION_SUCCESS,
    CREDENTIALS,
    DELETED,
    ERROR,
    OK,
    PERMISSIONS,
    RECONNECTED,
    SIGNS_IN,
    STOPPED,
    SYNC_SUCCESS,
)
from ..lifecycle.evidence import circumstances_of
from ..lifecycle.machine import INITIAL_SITUATION
from ..lifecycle.providers import ALIASES, YEAR, Provider, profile_of
from ..lifecycle.status import Status
from .delays import DAY, HOUR, MINUTE, Wait

_Row = TypeVar("_Row")


class Channel(StrEnum):
    """How an announcement reaches you."""

    WEBHOOK = "webhook"
    NOTIFY = "notify"


class LifeStep(NamedTuple):
    """One announcement of a story."""

    status: Status
    wait: Wait
    """How long after the announcement before it."""
    channel: Channel = Channel.WEBHOOK
    reason: str = ""
    """An extra word that some webhooks carry."""


class LifeStory(NamedTuple):
    """A few announcements that belong together; all but an ending leave the account OK."""

    name: str
    steps: tuple[LifeStep, ...]
    ends: bool = False
    """Whether nothing is ever announced after it."""


class Character(NamedTuple):
    """What is settled when an account is born."""

    provider: Provider
    words: tuple[str, ...]
    """The account types that its webhooks name."""
    products: tuple[str, ...]
    """What is announced when a sync finishes: one announcement each, "" for one that names no product."""


class Announcement(NamedTuple):
    """One announcement of a life."""

    at_us: int
    """When, in microseconds since the birth."""
    status: Status
    channel: Channel = Channel.WEBHOOK
    product: str = ""
    reason: str = ""


def draw_character(random: Random, providers: Sequence[Provider]) -> Character:
    """Return which provider an account belongs to, and what is particular about it."""
    provider = _pick(random, tuple((each, traits_of(each).share) for each in providers))
    traits = traits_of(provider)
    return Character(provider, _pick(random, traits.words), _pick(random, traits.products))


def live(character: Character, random: Random, lasts_us: int) -> Iterator[Announcement]:
    """Yield a whole life, or as much of it as happens within ``lasts_us`` microseconds.

    A life that is cut short goes on until it comes to rest: it never ends in a transient status.
    """
    traits, profile = traits_of(character.provider), profile_of(character.provider)
    table, circumstances, situation = compiled(), circumstances_of(character.provider), INITIAL_SITUATION
    session_us = 0 if profile.session_length is None else int(profile.session_length.total_seconds() * 1e6)
    story, at_us, signed_in_us, last = _pick(random, traits.births), 0, 0, Announcement(0, INITIAL_SITUATION.status)
    while True:
        at_rest = True
        for step, product in announced(story, character.products):
            at_us += step.wait.draw_us(random)
            if at_rest and at_us > lasts_us:
                return
            answer = table.step(situation, step.status, circumstances)
            is_repeat = (step.status, product) == (last.status, last.product)
            is_twin = is_repeat and (last.channel, step.channel) == (Channel.NOTIFY, Channel.WEBHOOK)
            if not (is_twin or (answer.expected and not is_repeat)):
                continue
            situation = situation if is_twin else answer.after
            last = Announcement(at_us, step.status, step.channel, product, step.reason)
            yield last
            at_rest = step.status not in profile.deadlines
            if step.status in SIGNS_IN:
                signed_in_us = at_us
        if story.ends:
            return
        rested_us = at_us  # the account is OK: what happens next, and when?
        at_us += int(random.expovariate(sum(rate for _, rate in traits.episodes)) * YEAR.total_seconds() * 1e6)
        if session_us and at_us >= signed_in_us + session_us:
            story, at_us = EXPIRED, max(rested_us, signed_in_us + session_us)
        else:
            story = _pick(random, traits.episodes)


def announced(story: LifeStory, products: tuple[str, ...]) -> Iterator[tuple[LifeStep, str]]:
    """Yield the steps as one account announces them: a finished sync once for each of its products, or never."""
    for step in story.steps:
        if step.status is not SYNC_SUCCESS:
            yield step, ""
            continue
        for index, product in enumerate(products):
            yield (step._replace(wait=NEXT_SYNC) if index else step), product


def _pick(random: Random, rows: tuple[tuple[_Row, float], ...]) -> _Row:
    """Return one of the rows, by weight."""
    return random.choices([row for row, _ in rows], [weight for _, weight in rows])[0]


# ---- Stories ---------------------------------------------------------------------------------------
# fmt: off
NOTIFY = Channel.NOTIFY
# Whatever follows a transient status comes well within its deadline.
AT_ONCE = Wait(1, 5)
TWIN_GAP = Wait(2, 12, 0.7)  # the webhook that says what hosted auth has just said
SHORTLY = Wait(15, 10 * MINUTE)
CONNECTS = Wait(90, 25 * MINUTE)
FIRST_SYNC = Wait(8 * MINUTE, 110 * MINUTE, 1.4)
RESYNCED = Wait(3 * MINUTE, 25 * MINUTE)
NEXT_SYNC = Wait(4 * MINUTE, 25 * MINUTE)
RESTART = Wait(40 * MINUTE, 2 * DAY, 1.4)
USER_RETRIES = Wait(4 * MINUTE, 2 * DAY, 1.3)
USER_RETURNS = Wait(9 * HOUR, 30 * DAY, 1.5)
CLEARED_AWAY = Wait(12 * DAY, 90 * DAY)

FIRST_OK = (LifeStep(SYNC_SUCCESS, FIRST_SYNC), LifeStep(OK, SHORTLY))
CREATED = (LifeStep(CREATION_SUCCESS, CONNECTS),)
CREATED_BY_HOSTED_AUTH = (LifeStep(CREATION_SUCCESS, CONNECTS, NOTIFY), LifeStep(CREATION_SUCCESS, TWIN_GAP))
SYNCED = (LifeStep(SYNC_SUCCESS, RESYNCED), LifeStep(OK, SHORTLY))
BACK_BY_HOSTED_AUTH = (LifeStep(RECONNECTED, USER_RETURNS, NOTIFY), LifeStep(RECONNECTED, TWIN_GAP), *SYNCED)
BACK_BY_API = (LifeStep(CONNECTING, USER_RETURNS), LifeStep(RECONNECTED, CONNECTS), *SYNCED)

BY_WEBHOOK = LifeStory("created by API", (*CREATED, *FIRST_OK))
BY_HOSTED_AUTH = LifeStory("created by hosted auth", (*CREATED_BY_HOSTED_AUTH, *FIRST_OK))
CONNECTING_FIRST = LifeStory("connecting, then created", (LifeStep(CONNECTING, AT_ONCE), *CREATED, *FIRST_OK))
CONNECTING_HOSTED = LifeStory(
    "connecting, then created by hosted auth", (LifeStep(CONNECTING, AT_ONCE), *CREATED_BY_HOSTED_AUTH, *FIRST_OK))
READY_EARLY = LifeStory(
    "usable before the first sync is over", (*CREATED, LifeStep(OK, SHORTLY), LifeStep(SYNC_SUCCESS, FIRST_SYNC)))
RETRIED_ONCE = LifeStory("created at the second attempt", (
    LifeStep(CREATION_FAIL, CONNECTS, NOTIFY), LifeStep(CONNECTING, USER_RETRIES), *CREATED_BY_HOSTED_AUTH, *FIRST_OK))
RETRIED_TWICE = LifeStory("created at the third attempt", (
    LifeStep(CREATION_FAIL, CONNECTS, NOTIFY), LifeStep(CREATION_FAIL, TWIN_GAP),
    LifeStep(CONNECTING, USER_RETRIES), LifeStep(CREATION_FAIL, CONNECTS, NOTIFY),
    LifeStep(CREATION_SUCCESS, USER_RETRIES, NOTIFY), LifeStep(CREATION_SUCCESS, TWIN_GAP), *FIRST_OK))
NEVER_CREATED = LifeStory("never created", (LifeStep(CREATION_FAIL, CONNECTS, NOTIFY),), ends=True)
CHALLENGED = LifeStory("asked for a code at the first sign-in", (
    LifeStep(CONNECTING, AT_ONCE), LifeStep(CREDENTIALS, CONNECTS), *BACK_BY_HOSTED_AUTH))

OUTAGE = LifeStory("outage", (LifeStep(CONNECTING, AT_ONCE), LifeStep(OK, CONNECTS)))
CATCH_UP = LifeStory("outage and catch-up", (LifeStep(CONNECTING, AT_ONCE), *SYNCED))
# What had stopped synchronizes again, and every synchronization that finishes is announced.
BROKEN = LifeStory("error, retried", (LifeStep(ERROR, AT_ONCE), LifeStep(CONNECTING, RESTART), *SYNCED))
BROKEN_BRIEFLY = LifeStory("error, over by itself", (
    LifeStep(ERROR, AT_ONCE), LifeStep(OK, RESTART), LifeStep(SYNC_SUCCESS, RESYNCED)))
HALTED = LifeStory("stopped, restarted", (LifeStep(STOPPED, AT_ONCE), LifeStep(CONNECTING, RESTART), *SYNCED))
BROKEN_AND_HALTED = LifeStory(
    "error, stopped, signed in again", (LifeStep(ERROR, AT_ONCE), LifeStep(STOPPED, RESTART), *BACK_BY_API))
LAPSE = LifeStory("proxy down for long, then back", (
    LifeStep(CONNECTING, AT_ONCE), LifeStep(CREDENTIALS, CONNECTS), LifeStep(OK, RESTART),
    LifeStep(SYNC_SUCCESS, RESYNCED)))
SIGN_OUT = LifeStory("session ended by the user", (LifeStep(CREDENTIALS, AT_ONCE), *BACK_BY_HOSTED_AUTH))
SIGNED_OUT_API = LifeStory("session ended, signed in by API", (LifeStep(CREDENTIALS, AT_ONCE), *BACK_BY_API))
EXPIRED = LifeStory("session expired", (LifeStep(CREDENTIALS, AT_ONCE), *BACK_BY_HOSTED_AUTH))
CHECKPOINT = LifeStory("security checkpoint", (
    LifeStep(CREDENTIALS, AT_ONCE), LifeStep(RECONNECTED, USER_RETURNS), LifeStep(CONNECTING, SHORTLY), *SYNCED))
REVOKED = LifeStory("authorization revoked", (LifeStep(CREDENTIALS, AT_ONCE), *BACK_BY_HOSTED_AUTH))
SCOPE_LOST = LifeStory("scopes missing", (LifeStep(PERMISSIONS, AT_ONCE), *BACK_BY_HOSTED_AUTH))
SCOPE_LEFT_OUT = LifeStory("revoked, then a scope left out", (
    LifeStep(CREDENTIALS, AT_ONCE), LifeStep(RECONNECTED, USER_RETURNS, NOTIFY), LifeStep(RECONNECTED, TWIN_GAP),
    LifeStep(PERMISSIONS, SHORTLY), *BACK_BY_HOSTED_AUTH))
PHONE_OFFLINE = LifeStory("phone offline", (
    LifeStep(CONNECTING, AT_ONCE), LifeStep(CREDENTIALS, CONNECTS, reason="Disconnected"), *BACK_BY_HOSTED_AUTH))
UNPAIRED = LifeStory("session ended on the phone", (
    LifeStep(CREDENTIALS, AT_ONCE, reason="Disconnected"), *BACK_BY_HOSTED_AUTH))
PASSWORD_CHANGED = LifeStory("mailbox password changed", (LifeStep(CREDENTIALS, AT_ONCE), *BACK_BY_API))
PASSWORD_MISTYPED = LifeStory("password changed, then mistyped", (
    LifeStep(CREDENTIALS, AT_ONCE), LifeStep(CONNECTING, USER_RETURNS), LifeStep(CREDENTIALS, CONNECTS), *BACK_BY_API))
REMOVED = LifeStory("deleted", (LifeStep(DELETED, AT_ONCE),), ends=True)
LEFT = LifeStory("lost, then deleted", (LifeStep(CREDENTIALS, AT_ONCE), LifeStep(DELETED, CLEARED_AWAY)), ends=True)
LOST_FOR_GOOD = LifeStory("lost for good", (LifeStep(CREDENTIALS, AT_ONCE),), ends=True)

# ---- How often -------------------------------------------------------------------------------------
BIRTHS = (
    (BY_WEBHOOK, 22), (BY_HOSTED_AUTH, 38), (CONNECTING_FIRST, 8), (CONNECTING_HOSTED, 18), (READY_EARLY, 5),
    (RETRIED_ONCE, 5), (RETRIED_TWICE, 1), (NEVER_CREATED, 3))
GUARDED_BIRTHS = (*BIRTHS, (CHALLENGED, 6))
ENDS = ((REMOVED, 0.20), (LEFT, 0.10), (LOST_FOR_GOOD, 0.05))
COMMON = (
    (OUTAGE, 4.0), (CATCH_UP, 1.5), (BROKEN, 0.5), (BROKEN_BRIEFLY, 0.4), (HALTED, 0.3), (BROKEN_AND_HALTED, 0.1),
    *ENDS)
OAUTH = (*COMMON, (REVOKED, 0.4), (SCOPE_LOST, 0.25), (SCOPE_LEFT_OUT, 0.1))
PHONE = (*COMMON, (PHONE_OFFLINE, 1.2), (UNPAIRED, 0.6))
SESSION = (*COMMON, (SIGN_OUT, 0.8), (SIGNED_OUT_API, 0.2), (LAPSE, 0.4))
NO_SYNC: tuple[tuple[tuple[str, ...], float], ...] = (((), 1),)
PLAIN_SYNC = ((("",), 1),)
PREMIUM = ((("",), 50), (("classic",), 10), (("classic", "sales_navigator"), 25), (("classic", "recruiter"), 15))
# fmt: on


class Traits(NamedTuple):
    """How the accounts of one provider live. Every number is a relative weight, but for those of ``episodes``."""

    share: float = 1
    """How many accounts there are of it, relative to the others."""
    births: tuple[tuple[LifeStory, float], ...] = BIRTHS
    episodes: tuple[tuple[LifeStory, float], ...] = SESSION
    """What befalls a living account, each with its rate per year."""
    words: tuple[tuple[tuple[str, ...], float], ...] = ()
    """The account types that one account's webhooks name; those that are missing here are added."""
    products: tuple[tuple[tuple[str, ...], float], ...] = ()
    """What is announced when a sync finishes; by default one announcement, if the provider announces any."""


# fmt: off
TRAITS: dict[Provider, Traits] = {
    Provider.LINKEDIN: Traits(35, GUARDED_BIRTHS, (*SESSION, (CHECKPOINT, 0.2)), products=PREMIUM),
    Provider.WHATSAPP: Traits(20, BIRTHS, PHONE),
    Provider.INSTAGRAM: Traits(8, GUARDED_BIRTHS, (*SESSION, (CHECKPOINT, 1.5))),
    Provider.MESSENGER: Traits(4),
    Provider.TELEGRAM: Traits(5, BIRTHS, PHONE),
    Provider.X: Traits(3, words=((("TWITTER",), 7), (("X",), 3))),
    Provider.GOOGLE: Traits(
        12, BIRTHS, OAUTH,
        ((("GOOGLE_OAUTH",), 85), (("GOOGLE",), 8), (("GOOGLE_CALENDAR",), 3),
         (("GOOGLE_OAUTH", "GOOGLE_CALENDAR"), 4))),
    Provider.MICROSOFT: Traits(8, BIRTHS, OAUTH, ((("OUTLOOK",), 80), (("MICROSOFT",), 8), (("EXCHANGE",), 12))),
    Provider.IMAP: Traits(
        5, BIRTHS, (*COMMON, (PASSWORD_CHANGED, 0.5), (PASSWORD_MISTYPED, 0.2)),
        ((("MAIL",), 75), (("IMAP",), 15), (("ICLOUD",), 10))),
}
# fmt: on


@cache
def traits_of(provider: Provider) -> Traits:
    """Return how the accounts of a provider live: its row, completed by what the package knows of the provider.

    Raise ``ValueError`` naming the row if it has an account type that is not the provider's.
    """
    row = TRAITS.get(provider, Traits())
    named = {word for words, _ in row.words for word in words}
    if foreign := sorted(word for word in named if ALIASES.get(word) is not provider):
        raise ValueError(f"TRAITS[{provider}]: {foreign[0]!r} is not an account type of {provider}")
    more = tuple(((word,), 1.0) for word, family in ALIASES.items() if family is provider and word not in named)
    products = row.products or (PLAIN_SYNC if profile_of(provider).announces_sync else NO_SYNC)
    return row._replace(words=(*row.words, *more), products=products)


for _provider in TRAITS:
    traits_of(_provider)

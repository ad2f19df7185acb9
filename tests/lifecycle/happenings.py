"""Random lives: what can happen to an account, as hypothesis draws it, and how it is lived through."""

from datetime import timedelta
from typing import NamedTuple

from hypothesis import strategies as st

from account_lifecycle.lifecycle.decide import Decision
from account_lifecycle.lifecycle.events import StatusAnnounced, StatusObserved
from account_lifecycle.lifecycle.policy import DEFAULT, Policy
from lifecycle.expected_table import WORDS
from lifecycle_builders import DAY, HOUR, MICROSECOND, MINUTE, Life

OBSERVABLE = ("OK", "CONNECTING", "CREDENTIALS", "PERMISSIONS", "ERROR", "STOPPED", "ABSENT")
ANNOUNCED, OBSERVED, LOOKED = "announced", "observed", "looked"


class Happening(NamedTuple):
    """One thing that happens, ``after`` what happened before it."""

    what: str
    word: str
    after: timedelta
    provider: str | None = None
    product: str = ""
    owner: str | None = None
    signed_in: timedelta | None = None
    """How long ago, by the vendor's list, its user signed in."""


EDGES = [
    edge + nudge * MICROSECOND
    for edge in (2 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 12 * HOUR, 20 * HOUR, DAY, 7 * DAY)
    for nudge in (-1, 0, 1, 2)
]
forward = st.one_of(
    st.sampled_from([timedelta(0), timedelta(seconds=5), MINUTE, 5 * MINUTE]),
    st.sampled_from(EDGES),
    st.sampled_from([9 * MINUTE, 3 * HOUR, 19 * HOUR, 3 * DAY, 40 * DAY, 400 * DAY]),
)
jumping = forward | st.sampled_from([-DAY, -HOUR, -MINUTE, -MICROSECOND])

policies = st.builds(
    Policy,
    subscribed=st.one_of(
        st.just("all"), st.just("default"), st.sets(st.sampled_from(sorted(DEFAULT | {"OK", "CONNECTING", "STOPPED"})))
    ),
)


def lives(
    pauses: st.SearchStrategy[timedelta] = jumping,
    providers: tuple[str | None, ...] = (None, None, None, "LINKEDIN", "X", "IMAP", "MYSPACE"),
    what: tuple[str, ...] = (ANNOUNCED, ANNOUNCED, ANNOUNCED, ANNOUNCED, OBSERVED, LOOKED),
    products: tuple[str, ...] = ("", "", "", "classic", "recruiter"),
    words: tuple[str, ...] = (*WORDS, "FROZEN"),
) -> st.SearchStrategy[list[Happening]]:
    """Draw a life of up to 25 happenings."""

    def happenings(kind: str) -> st.SearchStrategy[Happening]:
        return st.builds(
            Happening,
            what=st.just(kind),
            word=st.sampled_from(words if kind == ANNOUNCED else OBSERVABLE),
            after=pauses,
            provider=st.sampled_from(providers),
            product=st.sampled_from(products),
            owner=st.sampled_from([None, None, "user-1", "user-2"]),
            signed_in=st.sampled_from([None, None, 0 * DAY, 3 * DAY, 400 * DAY] if kind == OBSERVED else [None]),
        )

    def bare(happening: Happening) -> Happening:
        """An account that the list does not have has no provider, owner or sign-in there."""
        return Happening(OBSERVED, "ABSENT", happening.after) if happening.word == "ABSENT" else happening

    return st.lists(st.sampled_from(what).flatmap(happenings).map(bare), max_size=25)


def lived(happenings: list[Happening], policy: Policy) -> Life:
    """Live through them."""
    life = Life(policy=policy)
    for happening in happenings:
        happens(life, happening)
    return life


def happens(life: Life, happening: Happening) -> list[Decision]:
    """Let one thing happen in a life; return the decisions on it."""
    what, word, after, provider, product, owner, signed_in = happening
    life.now += after
    if what == LOOKED:
        return life.meets(life.deadline())
    if what == OBSERVED:
        signed_in_at = None if signed_in is None else life.now - signed_in
        return life.meets(StatusObserved("acc", word, life.now, provider, owner, signed_in_at, product))
    return life.meets(StatusAnnounced("acc", word, life.now, provider, product, owner))

"""What must hold of every life, however odd, for every set of subscribed words and by any clock."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from account_lifecycle.lifecycle.decide import Decision, decide, judge
from account_lifecycle.lifecycle.effects import Effect
from account_lifecycle.lifecycle.events import DeadlinePassed, StatusAnnounced
from account_lifecycle.lifecycle.policy import Policy
from account_lifecycle.lifecycle.status import Status
from account_lifecycle.lifecycle.windows import BlindWindow
from lifecycle.expected_table import START, USUAL, WORDS, after, cell
from lifecycle.happenings import ANNOUNCED, Happening, forward, happens, lived, lives, policies
from lifecycle_builders import DAY, HOUR, MINUTE, NOON, RETRY_HORIZON, Life, announced, kinds_of, without

any_lives = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


whole = st.integers(0)

# ---- A redelivery never does silently what was done already ----------------------------------------------


@any_lives
@given(
    lives(providers=(None,)),
    policies,
    st.sampled_from([None, "LINKEDIN", "X"]),
    st.integers(0),
    st.integers(0),
    forward,
)
def test_a_redelivery_within_the_horizon_has_no_effect_that_is_not_doubtful(
    life: list[Happening], policy: Policy, provider: str | None, which: int, when: int, delay: timedelta
) -> None:
    """All but ``recovered`` with an estimated window, which a repeated OK cannot be told apart from."""
    first = Happening(ANNOUNCED, "FROZEN", 0 * MINUTE, provider)
    happenings = [first, *life]
    whole = lived(happenings, policy)
    accepted = [
        (d.event, n)
        for n, d in enumerate(whole.decisions)
        if isinstance(d.event, StatusAnnounced) and d.verdict == "APPLIED"
    ]
    assume(accepted)
    original, place = accepted[which % len(accepted)]
    cut = place + 1 + when % (len(whole.decisions) - place)
    account = whole.decisions[cut - 1].after
    at = max(account.newest_at or original.received_at, original.received_at) + delay
    assume(at - original.received_at < RETRY_HORIZON)
    again = judge(account, replace(original, received_at=at), policy)[-1]

    assert [e for e in again.effects if not is_harmless(e)] == []


def is_harmless(effect: Effect) -> bool:
    estimated = effect.blind_window is not None and effect.blind_window.estimated
    return effect.doubtful or effect.kind == "anomaly" or estimated


# ---- What is required is resolved, in turn -----------------------------------------------------------------


@any_lives
@given(lives(), policies)
def test_action_required_and_action_resolved_alternate(life: list[Happening], policy: Policy) -> None:
    asked = [
        effect.kind.value
        for decision in lived(life, policy).decisions
        for effect in decision.effects
        if effect.kind in ("action_required", "action_resolved") and "MISSED_RECOVERY" not in kinds_of(decision)
    ]

    assert asked[:1] in ([], ["action_required"])
    assert all(one != next_one for one, next_one in pairwise(asked))


@any_lives
@given(lives(), policies)
def test_whoever_must_act_is_known_from_these_effects_alone(life: list[Happening], policy: Policy) -> None:
    must_act = False
    for decision in lived(life, policy).decisions:
        kinds = [effect.kind for effect in decision.effects]
        must_act = (must_act or "action_required" in kinds) and not {"action_resolved", "deleted"} & {*kinds}
        assert must_act is (decision.after.health == "ACTION_REQUIRED")


# ---- Windows ------------------------------------------------------------------------------------------------


def windows_of(decision: Decision) -> list[BlindWindow]:
    found = [decision.blind_window, decision.after.blind_window, *(effect.blind_window for effect in decision.effects)]
    return [window for window in found if window is not None]


@any_lives
@given(lives(), policies)
def test_no_window_ends_before_it_begins(life: list[Happening], policy: Policy) -> None:
    for decision in lived(life, policy).decisions:
        for window in windows_of(decision):
            assert window.backfill_from is None or window.backfill_from <= window.opened_at
            assert window.closed_at is None or window.opened_at <= window.closed_at


@any_lives
@given(lives(), policies)
def test_a_window_is_open_while_the_account_is_down_and_only_then(life: list[Happening], policy: Policy) -> None:
    for decision in lived(life, policy).decisions:
        account = decision.after
        if account.health in ("LIVE", "GONE"):
            assert account.blind_window is None
        elif account.last_live_at is not None:
            assert account.blind_window is not None


@any_lives
@given(lives(), policies)
def test_each_recovery_carries_its_window_and_nothing_else_does(life: list[Happening], policy: Policy) -> None:
    for decision in lived(life, policy).decisions:
        for effect in decision.effects:
            assert (effect.blind_window is not None) is (effect.kind == "recovered")
            assert effect.blind_window is None or effect.blind_window.recovered
            assert effect.blind_window is None or effect.blind_window.closed_at == decision.event.received_at


# ---- Nobody waits for ever -----------------------------------------------------------------------------------


@any_lives
@given(lives(), policies)
def test_no_account_stays_on_its_way_for_ever(life: list[Happening], policy: Policy) -> None:
    heard = [h for h in life if h.what != ANNOUNCED or h.word in policy.subscribed]
    lived_through = lived(heard, policy)
    lived_through.now = max(lived_through.now, lived_through.account.newest_at or NOON)
    lived_through.waits(2 * DAY)

    assert lived_through.account.health not in ("STARTING", "RECOVERING")


# ---- Two channels ---------------------------------------------------------------------------------------------

BY_BOTH = ("CREATION_SUCCESS", "RECONNECTED", "CREATION_FAIL")
shorter = st.sampled_from([5 * MINUTE, 9 * MINUTE, 11 * MINUTE, 25 * MINUTE, 30 * HOUR])


@st.composite
def expected_lives(draw: st.DrawFn) -> list[tuple[str, datetime]]:
    """Draw a life in which every announcement is expected."""
    at, spot, life = NOON, START, []
    for _ in range(draw(st.integers(2, 10))):
        words = [word for word in WORDS if cell(spot, word, USUAL).expected and word != spot[0]]
        if not words:
            break
        word = draw(st.sampled_from(words))
        spot, at = after(spot, word, USUAL), at + draw(shorter)
        life.append((word, at))
    return life


@any_lives
@given(expected_lives(), policies, st.data())
def test_a_fact_that_comes_by_both_channels_is_the_same_fact(
    life: list[tuple[str, datetime]], policy: Policy, data: st.DataObject
) -> None:
    single = Life(policy=policy)
    for word, at in life:
        single.meets(announced(word, at, provider="LINKEDIN", owner="user-1"))
    assume(not single.anomalies)
    twins = [
        (word, at + data.draw(st.sampled_from([0 * MINUTE, MINUTE, 12 * MINUTE, HOUR, 19 * HOUR])))
        for word, at in life
        if word in BY_BOTH
    ]
    both = Life(policy=policy)
    for word, at in sorted([*life, *twins], key=lambda told: told[1]):
        both.meets(announced(word, at, provider="LINKEDIN", owner="user-1"))

    stale = [d for d in both.decisions if "POSSIBLY_STALE" in kinds_of(d)]
    if stale:  # what moved the account may be old news, and says so; what follows from it is not the same fact
        assert all(effect.doubtful for d in stale for effect in d.effects)
        return
    until = max([single.decisions[-1].event.received_at, both.decisions[-1].event.received_at])
    for lived_through in (single, both):
        lived_through.now = until
        lived_through.waits(0 * MINUTE)
    if Status.OK not in policy.subscribed:  # there the twin of a reconnect is a proof of life like a repeated OK
        both.account = replace(both.account, last_live_at=single.account.last_live_at)
    assert facts(both) == facts(single)
    assert effects_by_time(both) == effects_by_time(single)


def facts(life: Life) -> dict[str, object]:
    account = life.account
    names = ("situation", "health", "born", "since", "stuck", "last_live_at", "provider", "owner", "known_since")
    more = ("signed_in_at", "synced_products")
    window = account.blind_window
    return {
        **{name: getattr(account, name) for name in (*names, *more)},
        "window": None if window is None else window._replace(sequence=0),
    }


def effects_by_time(life: Life) -> list[tuple[datetime, str, str]]:
    """Its effects; without recoveries that are estimated: those follow from every OK, or what stands for it."""
    return [
        (decision.event.received_at, effect.kind.value, str(effect.subject))
        for decision in life.decisions
        for effect in decision.effects
        if effect.kind != "anomaly" and not (effect.blind_window is not None and effect.blind_window.estimated)
    ]


# ---- The end is the end -----------------------------------------------------------------------------------------


@any_lives
@given(lives(), policies)
def test_deleted_is_final(life: list[Happening], policy: Policy) -> None:
    for decision in lived(life, policy).decisions:
        if decision.before.status == "DELETED":
            assert (decision.after.status, decision.after.health) == ("DELETED", "GONE")
            assert [e for e in decision.effects if e.kind not in ("anomaly", "claimed")] == []


# ---- Of each decision --------------------------------------------------------------------------------------------


@any_lives
@given(lives(), policies)
def test_what_is_held_moves_nothing_and_each_event_is_counted(life: list[Happening], policy: Policy) -> None:
    for decision in lived(life, policy).decisions:
        assert decision.sequence == decision.before.sequence + 1
        assert decision.verdict == "APPLIED" or decision.after.situation == decision.before.situation
        assert all(anomaly.sequence == decision.sequence for anomaly in decision.anomalies)
        assert len({*kinds_of(decision)}) == len(decision.anomalies)
        assert [e.subject for e in decision.effects if e.kind == "anomaly"] == kinds_of(decision)


@any_lives
@given(lives(), policies)
def test_no_two_effects_of_an_event_share_a_key(life: list[Happening], policy: Policy) -> None:
    for decision in lived(life, policy).decisions:
        keys = {effect.key("acc", decision.sequence) for effect in decision.effects}
        assert len(keys) == len(decision.effects)


@any_lives
@given(lives(), policies)
def test_what_was_judged_can_be_judged_again_one_by_one(life: list[Happening], policy: Policy) -> None:
    for decision in lived(life, policy).decisions:
        assert decide(decision.before, decision.event, policy) == decision


@any_lives
@given(lives(), policies, st.lists(st.integers(0, 25), max_size=10))
def test_it_does_not_matter_how_often_a_clock_looks(life: list[Happening], policy: Policy, looks: list[int]) -> None:
    announcements = [h for h in life if h.what != "looked"]
    seldom, often = Life(policy=policy), Life(policy=policy)
    for place, happening in enumerate(announcements):
        happens(seldom, happening)
        if place in looks and happening.after > 0 * MINUTE:
            often.now += happening.after / 2
            if often.account.newest_at is None or often.now >= often.account.newest_at:
                often.meets(often.deadline())
            often.now -= happening.after / 2
        happens(often, happening)

    assert often.decisions == seldom.decisions


@any_lives
@given(lives(), policies)
def test_a_clocks_event_is_held_and_dated_no_later_than_it_is_found(life: list[Happening], policy: Policy) -> None:
    for decision in lived(life, policy).decisions:
        if isinstance(decision.event, DeadlinePassed):
            assert decision.verdict == "HELD"
            assert kinds_of(decision) in ([], ["STUCK"])


# ---- Values ---------------------------------------------------------------------------------------------------------

A_LIFE = Life("OK", "CREDENTIALS", "SYNC_SUCCESS")


@pytest.mark.parametrize(
    "snapshot",
    [
        A_LIFE.account,
        A_LIFE.account.situation,
        A_LIFE.account.blind_window,
        A_LIFE.account.memory,
        A_LIFE.decisions[-1],
        A_LIFE.decisions[-1].event,
        A_LIFE.decisions[-1].anomalies[0],
        A_LIFE.decisions[-1].effects[0],
        Life("CONNECTING").deadline(),
        without("OK"),
    ],
    ids=lambda snapshot: type(snapshot).__name__,
)
def test_a_value_has_no_place_for_anything_else(snapshot: object) -> None:
    with pytest.raises(AttributeError):
        snapshot.anything = 1  # type: ignore[attr-defined]


def test_an_account_holds_nothing_that_could_be_changed() -> None:
    assert isinstance(hash(A_LIFE.account), int)


def test_a_decision_leaves_the_account_before_it_as_it_was() -> None:
    life = Life("OK")
    before = life.account
    copy = replace(before)
    life.hears("CREDENTIALS")

    assert before == copy == life.decisions[-1].before

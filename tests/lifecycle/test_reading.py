"""The package against the second reading of the rules (``reading.py``): random lives, judged by both."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.decide import Decision, judge
from account_lifecycle.lifecycle.events import DeadlinePassed, StatusAnnounced, StatusObserved
from account_lifecycle.lifecycle.policy import Policy
from account_lifecycle.lifecycle.status import Status
from account_lifecycle.lifecycle.windows import BlindWindow
from lifecycle.expected_table import WORDS
from lifecycle.reading import ABSENT, DAY, HOUR, MINUTE, START, TICK, Judged, Reading, Settings, Window

OBSERVABLE = ("OK", "CONNECTING", "CREDENTIALS", "PERMISSIONS", "ERROR", "STOPPED")
DEFAULT = frozenset(WORDS) - {"OK", "CONNECTING", "STOPPED"}
EDGES = [
    edge + nudge
    for edge in (2 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 12 * HOUR, 20 * HOUR, DAY, 7 * DAY)
    for nudge in (-TICK, timedelta(0), TICK, 2 * TICK)
]

steps = st.one_of(
    st.sampled_from([timedelta(0), timedelta(seconds=5), MINUTE, 5 * MINUTE]),
    st.sampled_from(EDGES),
    st.sampled_from([-DAY, -HOUR, -MINUTE, -TICK]),
    st.sampled_from([9 * MINUTE, 3 * HOUR, 19 * HOUR, 3 * DAY, 40 * DAY, 351 * DAY, 366 * DAY]),
)
providers = st.sampled_from([None, None, None, "LINKEDIN", "LINKEDIN", "X", "IMAP", "GOOGLE", "WHATSAPP", "MYSPACE"])
owners = st.sampled_from([None, None, None, "user-1", "user-2"])
products = st.sampled_from(["", "", "", "classic", "recruiter"])
announcements = st.tuples(st.just("announce"), st.sampled_from([*WORDS, "SNAFU"]), steps, providers, products, owners)
syncs = st.tuples(
    st.just("announce"), st.sampled_from(["SYNC_SUCCESS", "OK", "RECONNECTED"]), steps, providers, products, owners
)
observations = st.tuples(
    st.just("observe"), st.sampled_from(OBSERVABLE), steps, providers, st.none() | st.integers(0, 400), owners
)
absences = st.tuples(st.just("observe"), st.just(ABSENT), steps, st.none(), st.none(), st.none())
looks = st.tuples(st.just("look"), st.none(), steps, st.none(), st.none(), st.none())
Happening = tuple[str, Any, timedelta, Any, Any, Any]
lives: st.SearchStrategy[list[Happening]] = st.lists(
    st.one_of(announcements, announcements, announcements, syncs, observations, absences, looks),
    min_size=1,
    max_size=25,
)
subscriptions = st.one_of(
    st.just(frozenset(WORDS)),
    st.just(DEFAULT),
    st.frozensets(st.sampled_from(WORDS)).map(lambda left: frozenset(WORDS) - left),
)
own = st.sampled_from([{}, {}, {"X": {"CONNECTING": HOUR}, "LINKEDIN": {"ERROR": DAY, "RECONNECTED": MINUTE}}])
teams = st.builds(Settings, subscribed=subscriptions, deadlines=own)


def policy_of(team: Settings) -> Policy:
    deadlines = {p: {Status(s): length for s, length in own.items()} for p, own in team.deadlines.items()}
    return Policy(**{**{name: getattr(team, name) for name in asdict(team)}, "deadlines": deadlines})


def compare(life: list[Happening], team: Settings) -> None:
    """Judge a life by both, and find them equal after every step."""
    policy, account, reading, now = policy_of(team), Account("acc"), Reading(team), START
    for happening, word, step, provider, more, owner in life:
        now += step
        if happening == "announce":
            expected = reading.announce(word, now, provider, more, owner)
            decisions = judge(account, StatusAnnounced("acc", word, now, provider, more, owner), policy)
        elif happening == "observe":
            signed_in_at = None if more is None else now - more * DAY
            expected = reading.observe(word, now, provider, owner, signed_in_at)
            decisions = judge(account, StatusObserved("acc", word, now, provider, owner, signed_in_at), policy)
        else:
            expected = reading.look(now)
            decisions = judge(account, DeadlinePassed("acc", account.status, now, now, HOUR), policy)
        assert [told(d) for d in decisions] == [read(j) for j in expected]
        if decisions:
            account = decisions[-1].after
        assert facts_of(account) == facts_read(reading)


def told(decision: Decision) -> dict[str, Any]:
    windows = [e.blind_window for e in decision.effects if e.blind_window is not None]
    return {
        "at": decision.event.received_at,
        "verdict": decision.verdict.value,
        "anomalies": [a.kind.value for a in decision.anomalies],
        "effects": sorted((e.kind.value, str(e.subject), e.doubtful) for e in decision.effects),
        "recovered": [window_of(w) for w in windows],
    }


def read(judged: Judged) -> dict[str, Any]:
    return {
        "at": judged.at,
        "verdict": judged.verdict,
        "anomalies": judged.anomalies,
        "effects": judged.all_effects(),
        "recovered": [] if judged.recovered is None else [judged.recovered],
    }


def window_of(w: BlindWindow) -> Window:
    causes = tuple(cause.value for cause in w.causes)
    return Window(w.sequence, w.opened_at, w.backfill_from, w.closed_at, w.recovered, w.estimated, causes)


def facts_of(a: Account) -> dict[str, Any]:
    return {
        "sequence": a.sequence,
        "spot": (a.status.value, a.exists, a.lost, a.needs_user),
        "health": a.health.value,
        "born": a.born,
        "known_since": a.known_since,
        "since": a.since,
        "stuck": a.stuck,
        "presumed": a.presumed,
        "doubtful": a.doubtful,
        "heard": [(str(e.status), e.product, e.at) for e in a.heard],
        "held": [(str(e.status), e.product, e.at) for e in a.held],
        "newest_at": a.newest_at,
        "last_live_at": a.last_live_at,
        "signed_in_at": a.signed_in_at,
        "provider": (a.provider, a.memory.disputed_provider),
        "owner": a.owner,
        "products": set(a.synced_products),
        "window": None if a.blind_window is None else window_of(a.blind_window),
        "reminders": (a.memory.remind_from, a.memory.reminded, a.down_since),
        "session_told": a.memory.session_noticed,
        "list": (a.memory.absent_since, a.memory.survival_told),
    }


def facts_read(r: Reading) -> dict[str, Any]:
    return {
        "sequence": r.sequence,
        "spot": (r.status, r.exists, r.lost, r.needs_user),
        "health": r.health,
        "born": r.born,
        "known_since": r.known_since,
        "since": r.since,
        "stuck": r.stuck,
        "presumed": r.presumed,
        "doubtful": r.doubtful,
        "heard": r.heard,
        "held": r.held,
        "newest_at": r.newest_at,
        "last_live_at": r.last_live_at,
        "signed_in_at": r.signed_in_at,
        "provider": (r.provider, r.disputed),
        "owner": r.owner,
        "products": r.products,
        "window": r.window,
        "reminders": (r.remind_from, r.reminded, r.down_since),
        "session_told": r.session_told,
        "list": (r.absent_since, r.survival_told),
    }


@settings(max_examples=400, deadline=None)
@given(lives, teams)
def test_any_life_is_judged_as_the_rules_read(life: list[Happening], team: Settings) -> None:
    compare(life, team)

"""The package against the second reading of the rules (``reading.py``): random lives, judged by both."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.decide import Decision
from account_lifecycle.lifecycle.policy import Policy
from account_lifecycle.lifecycle.status import Status
from account_lifecycle.lifecycle.windows import BlindWindow
from lifecycle.expected_table import WORDS
from lifecycle.happenings import LOOKED, OBSERVED, Happening, happens, lives
from lifecycle.reading import DAY, HOUR, MINUTE, Judged, Reading, Settings, Window
from lifecycle_builders import Life

own = st.sampled_from([{}, {}, {"X": {"CONNECTING": HOUR}, "LINKEDIN": {"ERROR": DAY, "RECONNECTED": MINUTE}}])
subscriptions = st.one_of(
    st.just(frozenset(WORDS)),
    st.just(frozenset(WORDS) - {"OK", "CONNECTING", "STOPPED"}),
    st.frozensets(st.sampled_from(WORDS)),
)
teams = st.builds(Settings, subscribed=subscriptions, deadlines=own)


def policy_of(team: Settings) -> Policy:
    deadlines = {p: {Status(s): length for s, length in own.items()} for p, own in team.deadlines.items()}
    return Policy(**{**{name: getattr(team, name) for name in asdict(team)}, "deadlines": deadlines})


def read_of(reading: Reading, happening: Happening, at: datetime) -> list[Judged]:
    """Let one thing happen in the reading."""
    what, word, _, provider, product, owner, signed_in = happening
    if what == LOOKED:
        return reading.look(at)
    if what == OBSERVED:
        return reading.observe(word, at, provider, owner, None if signed_in is None else at - signed_in, product)
    return reading.announce(word, at, provider, product, owner)


@settings(max_examples=400, deadline=None)
@given(lives(), teams)
def test_any_life_is_judged_as_the_rules_read(happenings: list[Happening], team: Settings) -> None:
    life, reading = Life(policy=policy_of(team)), Reading(team)
    for happening in happenings:
        decisions = happens(life, happening)
        expected = read_of(reading, happening, life.now)
        assert [told(d) for d in decisions] == [read(j) for j in expected]
        assert facts_of(life.account) == facts_read(reading)


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
        "list": (a.memory.absent_since, a.memory.survival_told, a.memory.sync_missing_told),
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
        "list": (r.absent_since, r.survival_told, r.sync_missing_told),
    }

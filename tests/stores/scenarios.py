"""Events that lead everywhere: to every situation, to every kind of anomaly, through every kind of window."""

from collections import deque

from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.anomalies import AnomalyKind
from account_lifecycle.lifecycle.compiled import compiled
from account_lifecycle.lifecycle.decide import decide
from account_lifecycle.lifecycle.definition import ANNOUNCEMENTS
from account_lifecycle.lifecycle.events import ABSENT, Event
from account_lifecycle.lifecycle.machine import INITIAL_SITUATION, Situation
from account_lifecycle.lifecycle.status import Verdict
from builders import announced, at, deadline_of, judged, observed


def words_to(situation: Situation) -> tuple[str, ...]:
    """The fewest announcements that bring a new account into a situation."""
    return _WAYS[situation]


def events_to(situation: Situation, account_id: str) -> list[Event]:
    """Those announcements as events; the account that is still unseen is known by a word nobody knows."""
    words = words_to(situation) or ("NEVER_HEARD_OF",)
    return [announced(account_id, word, minute) for minute, word in enumerate(words)]


def _find_ways() -> dict[Situation, tuple[str, ...]]:
    start = Account("a")
    ways: dict[Situation, tuple[str, ...]] = {INITIAL_SITUATION: ()}
    trails: deque[tuple[Account, tuple[str, ...]]] = deque([(start, ())])
    while trails:
        account, trail = trails.popleft()
        for word in ANNOUNCEMENTS:
            after = decide(account, announced("a", word, len(trail))).after
            if after.situation not in ways:
                ways[after.situation] = (*trail, word)
                trails.append((after, ways[after.situation]))
    assert ways.keys() == set(compiled().situations)
    return ways


_WAYS = _find_ways()


def events_with_every_anomaly() -> list[Event]:
    """A log of many accounts in which every kind of anomaly is found, some of them together in one event.

    It names owners, products and reasons too, and has an event about nobody's account.
    """
    day = 24 * 60
    log: list[Event] = [
        announced("adopted", "CREDENTIALS", 0, "WHATSAPP", reason="Disconnected"),
        announced("", "CREATION_FAIL", 1, None, name="user-17"),
        announced("skipped", "CREATION_FAIL", 1, None),
        announced("skipped", "OK", 2, None),
        announced("late", "OK", 3, "IMAP", name="user-1"),
        announced("late", "CREATION_SUCCESS", 4, "IMAP"),
        announced("reconnected", "OK", 5),
        announced("reconnected", "RECONNECTED", 6),
        announced("lost", "OK", 7),
        announced("lost", "ERROR", 8, reason="We suspect automated behavior"),
        announced("lost", "SYNC_SUCCESS", 9, product="classic"),
        announced("lost", "CREATION_FAIL", 9.5),
        announced("failed", "OK", 10),
        announced("failed", "CREATION_FAIL", 11),
        announced("deleted", "DELETED", 12, "X"),
        announced("deleted", "OK", 13, "X"),
        announced("silent", "SYNC_SUCCESS", 14, "MESSENGER"),
        announced("odd", "OK", 15, "MYSPACE", "recruiter"),
        announced("odd", "SNAFU", 16, "GOOGLE", reason="why not"),
        announced("again", "CREATION_SUCCESS", 17, name="user-2"),
        announced("again", "CREATION_SUCCESS", 60, name="user-3"),
        announced("stale", "OK", 60),
        announced("stale", "CREDENTIALS", 61),
        announced("stale", "OK", 62),
        announced("stale", "CREDENTIALS", 63, reason="Disconnected"),
        announced("stale", "OK", 62.5),
        announced("stale", "CREDENTIALS", 63 + day),
        announced("late", "OK", 64),
        announced("stuck", "CONNECTING", 61, "TELEGRAM"),
        announced("late", "CREATION_SUCCESS", 3 + day, "IMAP"),
        announced("deleted", "OK", 13 + day, "X"),
        observed("deleted", "OK", 14 + day, provider="X"),
        observed("late", "ERROR", 15 + day, owner="user-1", signed_in_at=at(16)),
        observed("stale", "CREDENTIALS", 80 + day),
        observed("failed", ABSENT, 16 + day),
        observed("failed", ABSENT, 30 + day),
        observed("new", "OK", 30 + day, provider="LINKEDIN", owner="user-4", signed_in_at=at(0)),
        announced("premium", "CREATION_SUCCESS", 31 + day),
        announced("premium", "SYNC_SUCCESS", 35 + day, product="classic"),
        announced("premium", "OK", 36 + day),
        observed("premium", "OK", 31 + 2 * day, product="recruiter", reason="IM OK, MAILS CONNECTING"),
    ]
    stuck = next(decision.after for decision in judged(log) if decision.event.account_id == "stuck")
    log.append(deadline_of(stuck, 100))
    found = {anomaly.kind for decision in judged(log) for anomaly in decision.anomalies}
    assert found == set(AnomalyKind), f"a new kind of anomaly needs an event here: {set(AnomalyKind) - found}"
    assert {decision.verdict for decision in judged(log)} == set(Verdict)
    return log


def events_with_every_window() -> list[Event]:
    """Accounts whose blind windows are open, grown, recovered, ended by a deletion, estimated, or begin nobody knows
    when."""
    return [
        announced("open", "OK", 0),
        announced("grown", "OK", 1),
        announced("recovered", "OK", 2),
        announced("gone", "OK", 3),
        announced("recovered", "OK", 4),  # a repeat: the last proof of life
        announced("open", "CONNECTING", 5),
        announced("grown", "CREDENTIALS", 6),
        announced("adopted", "STOPPED", 7),
        announced("recovered", "ERROR", 8),
        announced("gone", "CREDENTIALS", 9),
        announced("grown", "ERROR", 10),
        announced("grown", "CREDENTIALS", 11),
        announced("gone", "DELETED", 12),
        announced("recovered", "OK", 13),
        announced("recovered", "PERMISSIONS", 14),
        announced("unheard", "OK", 15),
        announced("unheard", "OK", 45),
        announced("old", "CONNECTING", 46),
        announced("old", "OK", 47),
        observed("unheard", "ERROR", 48),
    ]

"""Events that lead everywhere: to every situation, to every kind of anomaly, through every kind of window."""

from collections import deque

from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.anomalies import AnomalyKind
from account_lifecycle.lifecycle.compiled import compiled
from account_lifecycle.lifecycle.decide import decide
from account_lifecycle.lifecycle.definition import ANNOUNCEMENTS
from account_lifecycle.lifecycle.events import Event
from account_lifecycle.lifecycle.machine import INITIAL_SITUATION, Situation
from builders import announced, deadline_of, judged


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
            after = decide(account, announced("a", word, len(trail))).account
            if after.situation not in ways:
                ways[after.situation] = (*trail, word)
                trails.append((after, ways[after.situation]))
    assert ways.keys() == set(compiled().situations)
    return ways


_WAYS = _find_ways()


def events_with_every_anomaly() -> list[Event]:
    """A log of many accounts in which every kind of anomaly is found, some of them together in one event."""
    log: list[Event] = [
        announced("adopted", "CREDENTIALS", 0, "WHATSAPP"),
        announced("skipped", "CONNECTING", 1, None),
        announced("skipped", "OK", 2, None),
        announced("late", "OK", 3, "IMAP"),
        announced("late", "CREATION_SUCCESS", 4, "IMAP"),
        announced("reconnected", "OK", 5),
        announced("reconnected", "RECONNECTED", 6),
        announced("lost", "OK", 7),
        announced("lost", "ERROR", 8),
        announced("lost", "SYNC_SUCCESS", 9, product="classic"),
        announced("failed", "OK", 10),
        announced("failed", "CREATION_FAIL", 11),
        announced("deleted", "DELETED", 12, "X"),
        announced("deleted", "OK", 13, "X"),
        announced("silent", "SYNC_SUCCESS", 14, "MESSENGER"),
        announced("odd", "OK", 15, "MYSPACE", "recruiter"),
        announced("odd", "SNAFU", 16, "GOOGLE"),
        announced("again", "OK", 17),
        announced("again", "OK", 60),
        announced("stuck", "CONNECTING", 61, "TELEGRAM"),
    ]
    log.append(deadline_of(judged(log)[-1].account, 100))
    found = {anomaly.kind for decision in judged(log) for anomaly in decision.anomalies}
    assert found == set(AnomalyKind), "a new kind of anomaly needs an event here"
    return log


def events_with_every_window() -> list[Event]:
    """Accounts whose blind windows are open, grown, recovered, ended by a deletion, or begin nobody knows when."""
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
    ]

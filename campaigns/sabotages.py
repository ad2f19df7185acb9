"""The table of saboteurs: each a bug, where it is put in, and the tests that must catch it.

Knows the source as it stands, word for word: whoever changes one of these lines changes it here, too.
"""

from typing import NamedTuple

_SRC = "src/account_lifecycle"
_SQLITE_SQL = f"{_SRC}/stores/sqlite/statements.sql"
_POSTGRES_SQL = f"{_SRC}/stores/postgres/statements.sql"
_IN_SQLITE = "tests/stores/test_sqlite.py::TestSQLiteStore"
_IN_POSTGRES = "tests/stores/test_postgres.py::TestPostgresStore"
_STALE = "test_a_stale_claim_is_refused_and_changes_nothing"
_LANE = "test_a_lane_goes_one_by_one_in_the_order_of_its_events"
_ERASED = "test_an_erased_account_keeps_its_history_without_payloads_and_names"


class Sabotage(NamedTuple):
    """A bug."""

    name: str
    file: str
    """Where it is put in."""
    text: str
    """What stands there, exactly once."""
    replacement: str
    tests: tuple[str, ...]
    """Pytest's names of the tests each of which must fail."""


SABOTAGES = (
    # ---- Feeding ---------------------------------------------------------------------------------
    Sabotage(
        "hooks are called before the commit",
        f"{_SRC}/engine.py",
        """\
        decision = self.store.advance((event,), self._decide, self._rules)[0]
        self._tell(decision)
""",
        """\
        from .hooks import HookCall

        account_id = event.account_id
        early = self._decide(self.store.account(account_id) or Account(account_id), event)
        for effect in early.effects:
            for known in self.subscriptions:
                if known.terms.wants(effect.kind, effect.subject):
                    key = effect.key(account_id, early.sequence)
                    facts = (effect.kind, effect.subject, account_id, early.sequence, at, early.account, key)
                    known.hook(HookCall(*facts))
        decision = self.store.advance((event,), self._decide, self._rules)[0]
        self._tell(decision)
""",
        ("tests/stores/test_commit_first.py::test_no_hook_hears_of_an_event_that_could_not_be_committed",),
    ),
    Sabotage(
        "a batch is fed backwards",
        f"{_SRC}/engine.py",
        "decisions = self.store.advance(events, self._decide, self._rules) if events else []",
        "decisions = self.store.advance(events[::-1], self._decide, self._rules) if events else []",
        ("tests/engine/test_batches.py::test_decisions_come_in_the_order_of_the_payloads",),
    ),
    Sabotage(
        "a plain BEGIN",
        f"{_SRC}/stores/sqlite/file.py",
        'db.execute("BEGIN IMMEDIATE")',
        'db.execute("BEGIN")',
        ("tests/stores/test_commit_first.py::test_a_feed_waits_for_a_foreign_writer_before_it_reads",),
    ),
    Sabotage(
        "commits that are not synced",
        f"{_SRC}/stores/sqlite/connection.py",
        "PRAGMA synchronous = FULL",
        "PRAGMA synchronous = NORMAL",
        ("tests/stores/test_sqlite_file.py::test_commits_are_logged_ahead_and_synced_and_wait_for_other_writers",),
    ),
    # ---- The definition --------------------------------------------------------------------------
    Sabotage(
        "a deleted account comes back",
        f"{_SRC}/lifecycle/definition.py",
        "Deviation(ANNOUNCEMENTS, (DELETED,), HOLD, AnomalyKind.AFTER_DELETION)",
        "Deviation(ANNOUNCEMENTS, (DELETED,), MOVE, AnomalyKind.AFTER_DELETION)",
        ("tests/lifecycle/test_table.py::test_each_cell_is_as_the_rules_say",),
    ),
    Sabotage(
        "a repeat calls hooks",
        f"{_SRC}/lifecycle/decide.py",
        "return _deviating(account, after, event, _REPEATED, odd)",
        "return _deviating(account, after, event, _REPEATED, odd, (Effect(EffectKind.ENTERED, after.status),))",
        (
            "tests/lifecycle/test_effects.py::test_what_is_held_or_repeated_asks_for_its_anomalies_alone",
            "tests/engine/test_hooks.py::test_a_repeat_calls_the_hooks_of_its_anomalies_only",
        ),
    ),
    # ---- The outbox ------------------------------------------------------------------------------
    Sabotage(
        "planning by a watermark",
        _POSTGRES_SQL,
        "FROM (SELECT event_id, account_id FROM pending ORDER BY event_id LIMIT %s) p",
        "FROM (SELECT event_id, account_id FROM pending\n"
        "      WHERE event_id > (SELECT coalesce(max(effect_id), -16) / 16 FROM delivery)\n"
        "      ORDER BY event_id LIMIT %s) p",
        ("tests/stores/test_commit_first.py::test_an_event_that_is_committed_late_is_planned_all_the_same",),
    ),
    Sabotage(
        "any token settles, SQLite",
        f"{_SRC}/stores/sqlite/outbox.py",
        "holds = row is not None and row.token == claim.token and row.state == DeliveryState.RUNNING",
        "holds = row is not None and row.state == DeliveryState.RUNNING",
        (f"{_IN_SQLITE}::{_STALE}",),
    ),
    Sabotage(
        "any token settles, PostgreSQL",
        _POSTGRES_SQL,
        "WHERE d.delivery_id = s.delivery_id AND d.token = s.token AND d.state = 'running'\n"
        "RETURNING d.delivery_id, d.token",
        "WHERE d.delivery_id = s.delivery_id AND d.state = 'running'\nRETURNING d.delivery_id, s.token",
        (f"{_IN_POSTGRES}::{_STALE}",),
    ),
    Sabotage(
        "a refused settlement counts",
        f"{_SRC}/courier.py",
        "return [c.outcome if held else self._stale(c) for c, held in",
        "return [c.outcome for c, held in",
        ("tests/runner/test_lanes.py::test_a_late_owner_is_refused_and_told_so",),
    ),
    Sabotage(
        "leases never run out",
        f"{_SRC}/courier.py",
        "late = self._store.expired(now, PAGE)",
        "late = self._store.expired(now, 0)",
        ("tests/runner/test_lanes.py::test_the_reaper_counts_a_lost_lease_as_a_failed_attempt",),
    ),
    Sabotage(
        "attempts without a limit",
        f"{_SRC}/settlements.py",
        "if delivery.attempts >= delivery.hook.attempts_limit:",
        "if delivery.attempts > 1000 * delivery.hook.attempts_limit:",
        (
            "tests/runner/test_outcomes.py::test_a_delivery_is_dead_after_exactly_its_attempts",
            "tests/runner/test_lanes.py::test_the_reaper_halts_a_lane_whose_hook_wants_that",
        ),
    ),
    Sabotage(
        "lanes without order, SQLite",
        _SQLITE_SQL,
        "AND (b.effect_id < d.effect_id OR (b.effect_id = d.effect_id AND b.delivery_id < d.delivery_id))",
        "AND b.effect_id < 0",
        (f"{_IN_SQLITE}::{_LANE}",),
    ),
    Sabotage(
        "lanes without order, PostgreSQL",
        _POSTGRES_SQL,
        "AND (e.effect_id, e.delivery_id) < (d.effect_id, d.delivery_id))))\n    ORDER BY d.effect_id",
        "AND e.effect_id < 0)))\n    ORDER BY d.effect_id",
        (f"{_IN_POSTGRES}::{_LANE}",),
    ),
    # ---- The record ------------------------------------------------------------------------------
    Sabotage(
        "nothing is judged again",
        f"{_SRC}/folding.py",
        "faults = list(_contradictions(evidence, decision))",
        "faults: list[Fault] = []",
        ("tests/verify/test_judged_again.py::test_whatever_was_decided_about_an_event_has_to_follow",),
    ),
    Sabotage(
        "links without a predecessor",
        f"{_SRC}/stores/chain.py",
        "rules, anomalies_text(anomalies), effects)\n    return sha256(previous + text).digest()",
        "rules, anomalies_text(anomalies), effects)\n    return sha256(text).digest()",
        ("tests/stores/test_commit_first.py::test_the_digest_of_an_event_stands_for_everything_before_it",),
    ),
    Sabotage(
        "erasing leaves the payload, SQLite",
        _SQLITE_SQL,
        "UPDATE event SET name = NULL, payload = NULL, private_digest = ? WHERE event_id = ?",
        "UPDATE event SET name = NULL, private_digest = ? WHERE event_id = ?",
        (f"{_IN_SQLITE}::{_ERASED}",),
    ),
    Sabotage(
        "erasing leaves the payload, PostgreSQL",
        _POSTGRES_SQL,
        "UPDATE event SET name = NULL, payload = NULL, private_digest = %s WHERE event_id = %s",
        "UPDATE event SET name = NULL, private_digest = %s WHERE event_id = %s",
        (f"{_IN_POSTGRES}::{_ERASED}",),
    ),
    # ---- Webhooks --------------------------------------------------------------------------------
    Sabotage(
        "signatures are compared byte by byte",
        f"{_SRC}/webhooks/signing.py",
        'return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("ascii"))',
        "return one == other",
        ("tests/webhooks/test_signing.py::test_signatures_are_compared_in_constant_time",),
    ),
    Sabotage(
        "redirects are followed",
        f"{_SRC}/webhooks/endpoint.py",
        "            answer = self._exchange(call)\n",
        "            answer = self._exchange(call)\n"
        "            if answer.location:\n"
        "                from urllib.request import urlopen\n\n"
        "                urlopen(answer.location, timeout=5).close()\n",
        ("tests/webhooks/test_delivery.py::test_a_redirect_is_not_followed",),
    ),
)

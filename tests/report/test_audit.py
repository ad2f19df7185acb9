"""What a report adds up: anomalies, accounts, blind windows, quarantine, all of the period that is asked for."""

from datetime import timedelta
from pathlib import Path

from account_lifecycle import AnomalyKind, Health, Severity, Status
from account_lifecycle.records import AuditFilter
from account_lifecycle.report.audit import EVERYTHING, AuditReport, build_report, open_anomalies
from builders import T0, at, notification, webhook
from report.fleet import EVENTS, NOW, fed

HOUR = timedelta(hours=1)


def report(wanted: AuditFilter = EVERYTHING, **options: int) -> AuditReport:
    return build_report(fed().store, wanted, now=NOW, **options)


def test_every_anomaly_is_counted_by_kind_and_by_severity() -> None:
    found = report()
    assert found.by_kind == {
        "AFTER_DELETION": 3, "SYNC_WHILE_LOST": 1, "UNKNOWN_PROVIDER": 1, "UNKNOWN_STATUS": 1, "ADOPTED": 1,
        "POSSIBLY_STALE": 1,
    }  # fmt: skip
    assert found.by_severity == {"error": 3, "warning": 3, "info": 2}
    assert found.anomalies == 8


def test_the_worst_severity_is_told_first() -> None:
    assert list(report().by_severity) == [Severity.ERROR, Severity.WARNING, Severity.INFO]


def test_the_fleet_is_counted_by_status_and_by_health() -> None:
    found = report()
    assert found.accounts_by_status == {Status.CREATION_SUCCESS: 1, Status.OK: 2, Status.ERROR: 1, Status.DELETED: 1}
    assert found.accounts_by_health == {Health.STARTING: 1, Health.LIVE: 2, Health.INTERRUPTED: 1, Health.GONE: 1}
    assert (found.accounts, found.affected_accounts) == (5, 4)


def test_the_top_accounts_are_those_with_the_most_anomalies_as_they_stand_now() -> None:
    top = report().top_accounts
    assert [(each.account_id, each.anomalies) for each in top] == [("dan", 3), ("bob", 2), ("eve", 2), ("cyd", 1)]
    assert top[0].account.status is Status.DELETED


def test_no_more_than_ten_accounts_are_at_the_top() -> None:
    many = tuple((0, webhook(f"acc{number:02}", "OK")) for number in range(12))
    found = build_report(fed(many).store, now=NOW)
    assert [each.account_id for each in found.top_accounts] == [f"acc{number:02}" for number in range(10)]
    assert found.affected_accounts == 12


def test_only_the_latest_anomalies_are_listed_but_all_are_counted() -> None:
    found = report(max_listed=2)
    assert [(a.account_id, a.sequence) for a in found.listed] == [("dan", 5), ("dan", 6)]
    assert found.anomalies == 8


def test_quarantined_payloads_are_counted() -> None:
    assert report().quarantined == 2
    assert report(AuditFilter(since=at(51))).quarantined == 1
    assert report(AuditFilter(until=at(50))).quarantined == 0


# ---- Blind windows ----------------------------------------------------------------------------------


def test_hours_are_lost_from_the_first_bad_news_to_the_recovery() -> None:
    windows = build_report(fed(tuple(e for e in EVENTS if "bob" in str(e))).store, now=NOW).windows
    assert (windows.windows, windows.open, windows.lost) == (1, 0, HOUR)


def test_a_backfill_covers_the_time_since_the_last_proof_of_life() -> None:
    windows = build_report(fed(tuple(e for e in EVENTS if "bob" in str(e))).store, now=NOW).windows
    assert windows.to_backfill == timedelta(minutes=110)


def test_an_open_window_is_measured_to_the_moment_of_the_report() -> None:
    windows = build_report(fed(((0, webhook("cyd", "ERROR")),)).store, now=at(90)).windows
    assert (windows.open, windows.unknown_start, windows.lost) == (1, 1, timedelta(minutes=90))


def test_windows_are_told_by_the_cause_that_opened_them_the_costliest_first() -> None:
    assert [(c.cause, c.windows, c.open) for c in report().windows.by_cause] == [("ERROR", 1, 1), ("CREDENTIALS", 1, 0)]


def test_a_window_whose_cause_was_never_announced_is_told_as_such() -> None:
    windows = build_report(fed(((0, webhook("acc", "RECONNECTED")),)).store, now=at(60)).windows
    assert [(c.cause, c.lost) for c in windows.by_cause] == [(None, HOUR)]


def test_only_the_part_of_a_window_within_the_period_counts() -> None:
    found = report(AuditFilter(account_id="bob", since=at(90), until=at(100)))
    assert found.windows.lost == found.windows.to_backfill == timedelta(minutes=10)


def test_a_window_before_or_after_the_period_does_not_count() -> None:
    assert report(AuditFilter(account_id="bob", since=at(121))).windows.windows == 0
    assert report(AuditFilter(account_id="bob", until=at(59))).windows.windows == 0


# ---- What is asked for -------------------------------------------------------------------------------


def test_a_report_on_one_account_knows_no_other() -> None:
    found = report(AuditFilter(account_id="bob"))
    assert (found.anomalies, found.accounts, found.affected_accounts, found.windows.windows) == (2, 1, 1, 1)


def test_a_report_on_one_provider_knows_no_other() -> None:
    found = report(AuditFilter(provider="MICROSOFT"))
    assert [each.account_id for each in found.top_accounts] == ["cyd"]
    assert (found.accounts, found.windows.windows) == (1, 1)


def test_a_kind_or_a_severity_limits_the_anomalies_only() -> None:
    for wanted in (AuditFilter(kind=AnomalyKind.AFTER_DELETION), AuditFilter(severity=Severity.ERROR)):
        found = report(wanted)
        assert found.anomalies == 3
        assert (found.accounts, found.windows.windows) == (5, 2)


def test_an_account_that_was_never_heard_of_gives_an_empty_report() -> None:
    found = report(AuditFilter(account_id="nobody"))
    assert (found.anomalies, found.accounts, found.groups, found.top_accounts) == (0, 0, (), ())


def test_an_account_of_another_provider_is_not_in_the_report() -> None:
    assert report(AuditFilter(account_id="bob", provider="IMAP")).accounts == 0


def test_the_report_is_the_same_whichever_store_keeps_the_record(tmp_path: Path) -> None:
    with fed(url=f"sqlite:///{tmp_path}/fleet.db") as engine:
        kept = build_report(engine.store, now=NOW)
    assert kept == report()


def test_an_empty_record_gives_an_empty_report() -> None:
    found = build_report(fed(()).store, now=T0)
    assert (found.anomalies, found.accounts, found.windows.windows, found.quarantined) == (0, 0, 0, 0)


def test_a_fleet_without_faults_has_no_anomaly() -> None:
    events = ((0, notification("acc", "CREATION_SUCCESS")), (1, webhook("acc", "OK")))
    assert build_report(fed(events).store, now=NOW).groups == ()


def test_accounts_that_are_live_again_or_deleted_are_not_affected_any_more() -> None:
    """Of the fleet one account is still down."""
    engine = fed()
    report = build_report(engine.store, now=NOW)
    still = {a.account_id for a in engine.accounts() if a.health not in (Health.LIVE, Health.GONE)}
    for group in report.groups:
        alike = [a for a in engine.audit(kind=group.kind) if a.situation.status is group.before]
        accounts = {a.account_id for a in alike if (a.announced, a.provider) == (group.announced, group.provider)}
        assert group.still_affected == len(accounts & still)
    for kind in report.by_kind:
        assert report.still_affected.get(kind, 0) == len({a.account_id for a in engine.audit(kind=kind)} & still)
    only = build_report(engine.store, now=NOW, open_only=True)
    assert only.anomalies == len([a for a in engine.audit() if a.account_id in still]) > 0
    assert [*open_anomalies(engine.store, engine.audit())] == [a for a in engine.audit() if a.account_id in still]
    assert all(group.still_affected for group in only.groups)

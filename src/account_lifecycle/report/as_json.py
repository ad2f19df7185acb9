"""The audit for programs: one JSON document for the groups, JSON Lines for every anomaly.

Knows the document's shape; the records inside it are those of ``records``. ASCII only, so that any stream
can carry it.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, TextIO

from ..lifecycle.explain import Anomaly
from ..lifecycle.status import Status
from ..lifecycle.wording import JsonObject, time_text
from .audit import AuditReport, CauseTotals, LogTotals, ProviderTotals, TopAccount, WindowTotals
from .grouping import Group


def write_json(report: AuditReport, stream: TextIO) -> None:
    """Write the report, grouped, as one JSON document."""
    json.dump(report_record(report), stream, indent=2)
    stream.write("\n")


def write_json_lines(anomalies: Iterable[Anomaly], stream: TextIO) -> None:
    """Write every anomaly as one line of JSON, as the stream is read."""
    write_lines((anomaly.to_dict() for anomaly in anomalies), stream)


def write_lines(records: Iterable[JsonObject], stream: TextIO) -> None:
    """Write records of any kind, one a line, as the stream is read."""
    for record in records:
        stream.write(json.dumps(record) + "\n")


def report_record(report: AuditReport) -> JsonObject:
    """The report as plain JSON types. The anomalies that it lists one by one are not in it."""
    record = _report_record(report)
    return record if report.log is None else record | {"log": _log_record(report.log)}


def _report_record(report: AuditReport) -> JsonObject:
    return {
        "generated_at": time_text(report.generated_at),
        "wanted": _wanted_record(report),
        "totals": {
            "anomalies": report.anomalies,
            "groups": len(report.groups),
            "accounts": report.accounts,
            "affected_accounts": report.affected_accounts,
            "quarantined": report.quarantined,
            "by_severity": _counts(report.by_severity),
            "by_kind": _counts(report.by_kind),
            "accounts_by_status": _counts(report.accounts_by_status),
            "accounts_by_health": _counts(report.accounts_by_health),
        },
        "groups": [group_record(group) for group in report.groups],
        "top_accounts": [_top_account_record(top) for top in report.top_accounts],
        "blind_windows": _windows_record(report.windows),
    }


def group_record(group: Group) -> JsonObject:
    """A group: what its anomalies have in common, how many there are, and the latest as an example."""
    return {
        "kind": group.kind.value,
        "severity": group.severity.value,
        "meaning": group.kind.meaning,
        "status_before": group.before.value,
        "announced": str(group.announced),
        "provider": None if group.provider is None else str(group.provider),
        "count": group.count,
        "first_seen": time_text(group.first_seen),
        "last_seen": time_text(group.last_seen),
        "next_step": group.example.next_step.value,
        "example": group.example.to_dict(),
    }


def _log_record(log: LogTotals) -> JsonObject:
    return {
        "sources": list(log.sources),
        "events": log.events,
        "undated": log.undated,
        "refused": log.refused,
        "refused_to": log.refused_to,
        "first_at": time_text(log.first_at),
        "until": time_text(log.until),
        "verdicts": _counts(log.verdicts),
        "deadlines": log.deadlines,
        "status_hours": _status_hours(log.dwelt),
        "providers": [_provider_record(totals) for totals in log.providers],
    }


def _provider_record(totals: ProviderTotals) -> JsonObject:
    return {
        "provider": totals.provider,
        "accounts": totals.accounts,
        "affected_accounts": totals.affected_accounts,
        "events": totals.events,
        "anomalies": totals.anomalies,
        "windows": totals.windows,
        "lost_hours": _hours(totals.lost),
        "status_hours": _status_hours({status: length for status, length in totals.dwelt.items() if length}),
    }


def _status_hours(lengths: Mapping[Status, timedelta]) -> JsonObject:
    return {status.value: _hours(length) for status, length in lengths.items()}


def _wanted_record(report: AuditReport) -> JsonObject:
    wanted = report.wanted
    return {
        "kind": None if wanted.kind is None else wanted.kind.value,
        "severity": None if wanted.severity is None else wanted.severity.value,
        "account_id": wanted.account_id,
        "provider": None if wanted.provider is None else str(wanted.provider),
        "since": time_text(wanted.since),
        "until": time_text(wanted.until),
    }


def _counts(counts: Mapping[Any, int]) -> JsonObject:
    return {str(word): count for word, count in counts.items()}


def _top_account_record(top: TopAccount) -> JsonObject:
    account = top.account
    return {
        "account_id": top.account_id,
        "anomalies": top.anomalies,
        "status": None if account is None else account.status.value,
        "health": None if account is None else account.health.value,
    }


def _windows_record(windows: WindowTotals) -> JsonObject:
    return {
        "windows": windows.windows,
        "open": windows.open,
        "unknown_start": windows.unknown_start,
        "lost_hours": _hours(windows.lost),
        "lost_hours_at_most": _hours(windows.lost_at_most),
        "by_cause": [_cause_record(cause) for cause in windows.by_cause],
    }


def _cause_record(totals: CauseTotals) -> JsonObject:
    return {
        "cause": None if totals.cause is None else totals.cause.value,
        "windows": totals.windows,
        "open": totals.open,
        "lost_hours": _hours(totals.lost),
    }


def _hours(length: timedelta) -> float:
    return round(length.total_seconds() / 3600, 3)

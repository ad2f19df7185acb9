"""The audit for spreadsheets: CSV after RFC 4180, safe to open.

Knows cells. What strangers sent must never become a formula, nor break a row in two.
"""

import csv
from collections.abc import Iterable, Sequence
from typing import TextIO

from ..lifecycle.explain import Anomaly
from ..lifecycle.wording import JsonObject
from .as_json import group_record
from .audit import AuditReport
from .grouping import Group
from .words import printable

GROUP_COLUMNS = (
    "kind", "severity", "meaning", "status_before", "announced", "provider", "count", "first_seen", "last_seen",
    "next_step", "example_account_id", "example_sequence", "example_explanation",
)  # fmt: skip
ANOMALY_COLUMNS = (
    "kind", "severity", "meaning", "account_id", "sequence", "at", "announced", "status_before", "provider",
    "expected", "likely_path", "next_step", "explanation", "detail",
)  # fmt: skip

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What makes a spreadsheet calculate a cell, full-width forms included."""


def write_csv(report: AuditReport, stream: TextIO) -> None:
    """Write the groups, one a row. Open a file for it with ``newline=""``: rows end in CR LF."""
    write_rows(GROUP_COLUMNS, map(_group_row, report.groups), stream)


def write_csv_in_full(anomalies: Iterable[Anomaly], stream: TextIO) -> None:
    """Write every anomaly, one a row, as the stream is read. Open a file for it with ``newline=""``."""
    write_rows(ANOMALY_COLUMNS, (anomaly.to_dict() for anomaly in anomalies), stream)


def write_rows(columns: Sequence[str], records: Iterable[JsonObject], stream: TextIO) -> None:
    """Write records of any kind, one a row under the names of their fields, as the stream is read."""
    rows = csv.writer(stream, lineterminator="\r\n")
    rows.writerow(columns)
    rows.writerows([cell(record[column]) for column in columns] for record in records)


def cell(value: object) -> str:
    """One value as a cell: blank for None, words of a list with spaces between them, text made harmless."""
    if value is None:
        return ""
    if not isinstance(value, str | list):
        return str(value)
    text = value if isinstance(value, str) else " ".join(value)
    guard = "'" if text.startswith(_FORMULA_STARTS) else ""
    return guard + printable(text)


def _group_row(group: Group) -> JsonObject:
    record = group_record(group)
    example = record.pop("example")
    return record | {f"example_{name}": example[name] for name in ("account_id", "sequence", "explanation")}

"""The audit for programs and spreadsheets: JSON, JSON Lines and CSV.

JSON is ASCII only, so that any stream can carry it. CSV follows RFC 4180, and no cell of it can become a formula or
break a row in two, whatever strangers sent.
"""

import csv
import json
from collections.abc import Iterable, Sequence
from typing import TextIO

from ..lifecycle.explain import Anomaly
from ..lifecycle.wording import JsonObject, escaped
from .audit import AuditReport
from .grouping import Group

GROUP_COLUMNS = (
    "kind", "severity", "meaning", "status_before", "announced", "provider", "count", "first_seen", "last_seen",
    "next_step", "example_account_id", "example_sequence", "example_explanation",
)  # fmt: skip
ANOMALY_FIELDS = (
    "kind", "severity", "meaning", "account_id", "sequence", "at", "announced", "status_before", "provider",
    "expected", "likely_path", "next_step", "explanation", "detail",
)  # fmt: skip

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What makes a spreadsheet calculate a cell, full-width forms included."""


def write_json(report: AuditReport, stream: TextIO) -> None:
    """Write the report, grouped, as one JSON document."""
    json.dump(report.to_dict(), stream, indent=2)
    stream.write("\n")


def write_json_in_full(anomalies: Iterable[Anomaly], stream: TextIO) -> None:
    """Write every anomaly as one line of JSON, as the stream is read."""
    write_json_lines((anomaly.to_dict() for anomaly in anomalies), stream)


def write_json_lines(records: Iterable[JsonObject], stream: TextIO) -> None:
    """Write records of any kind, one a line, as the stream is read."""
    for record in records:
        stream.write(json.dumps(record) + "\n")


def write_csv(report: AuditReport, stream: TextIO) -> None:
    """Write the groups, one a row. Open a file for it with ``newline=""``: rows end in CR LF."""
    write_csv_rows(GROUP_COLUMNS, map(_group_row, report.groups), stream)


def write_csv_in_full(anomalies: Iterable[Anomaly], stream: TextIO) -> None:
    """Write every anomaly, one a row, as the stream is read. Open a file for it with ``newline=""``."""
    write_csv_rows(ANOMALY_FIELDS, (anomaly.to_dict() for anomaly in anomalies), stream)


def write_csv_rows(columns: Sequence[str], records: Iterable[JsonObject], stream: TextIO) -> None:
    """Write records of any kind, one a row under the names of their fields, as the stream is read."""
    rows = csv.writer(stream, lineterminator="\r\n")
    rows.writerow(columns)
    rows.writerows([cell(record[column]) for column in columns] for record in records)


def cell(value: object) -> str:
    """Return a value as a cell: blank for None, the words of a list with spaces between them, text made harmless."""
    if value is None:
        return ""
    if not isinstance(value, str | list):
        return str(value)
    text = value if isinstance(value, str) else " ".join(value)
    guard = "'" if text.startswith(_FORMULA_STARTS) else ""
    return guard + escaped(text)


def _group_row(group: Group) -> JsonObject:
    record = group.to_dict()
    example = record.pop("example")
    return record | {f"example_{name}": example[name] for name in ("account_id", "sequence", "explanation")}

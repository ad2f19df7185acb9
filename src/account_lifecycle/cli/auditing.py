"""``audit``: report anomalies, grouped or in full, as text, JSON, CSV or HTML."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TextIO

import click

from ..engine.answers import known_family
from ..engine.core import Engine, utc_now
from ..lifecycle.anomalies import AnomalyKind, Severity
from ..lifecycle.explain import Anomaly
from ..outputs.drafts import drafted
from ..outputs.endings import REPORT_ENDINGS
from ..outputs.targets import OutputTarget
from ..records import AuditFilter
from ..report.audit import open_anomalies
from .accounts import id_of
from .commands import Command
from .drawing import traffic_svg
from .opening import open_to_read
from .options import MOMENT, PROVIDER, FailOn, Keyword, fail_on_option, store_option, subscribed_option
from .output import say
from .outputs import OutputFile, chosen_form, force_option

FORMATS = ("text", "json", "csv", "html")


@click.command(
    cls=Command,
    short_help="Report every anomaly, grouped and explained",
    examples=[
        ("Every anomaly, grouped and explained", "account-lifecycle audit"),
        ("What still matters", "account-lifecycle audit --open"),
        ("Every error of the last week, one by one", "account-lifecycle audit --severity error --since 7d --full"),
        ("A report to mail", "account-lifecycle audit --format html --output audit.html"),
        ("In a pipeline: fail if there is any error", "account-lifecycle audit --since 24h --fail-on error"),
    ],
)
@click.option("--kind", type=Keyword(AnomalyKind), metavar="KIND", help="Only this kind of anomaly.")
@click.option(
    "--severity", type=Keyword(Severity), metavar="SEVERITY", help="At least this severity: info, warning or error."
)
@click.option("--account", "account_id", metavar="ID", help="Only this account.")
@click.option("--provider", type=PROVIDER, metavar="PROVIDER", help="Only accounts of this provider.")
@click.option("--since", type=MOMENT, metavar="TIME", help="Only what was received then or later.")
@click.option("--until", type=MOMENT, metavar="TIME", help="Only what was received before then.")
@click.option("--open", "open_only", is_flag=True, help="Only accounts that are neither live again nor deleted.")
@click.option("--full", is_flag=True, help="Every anomaly by itself; by default they are grouped.")
@click.option("--format", "form", type=click.Choice(FORMATS), help="[default: as FILE ends, or text]")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option(
    "--output",
    type=OutputFile(REPORT_ENDINGS, streams=True),
    metavar="FILE",
    help="Write to this file: .txt, .json (with --full .jsonl), .csv or .html.",
)
@force_option
@subscribed_option
@fail_on_option
@store_option
def audit(
    kind: str | None,
    severity: str | None,
    account_id: str | None,
    provider: str | None,
    since: datetime | None,
    until: datetime | None,
    open_only: bool,
    full: bool,
    form: str | None,
    as_json: bool,
    output: OutputTarget | None,
    subscribed: str | None,
    fail_on: tuple[str, ...],
    store: str | None,
) -> None:
    """Report every anomaly: the kinds, then the situations that still affect the most accounts, each explained, with
    what to do about it; --full has every anomaly by itself.
    """
    form = _form(output, "json" if as_json else form, full)
    if full and form == "html":
        raise click.UsageError("HTML is a report of groups: --full goes with text, json and csv.")
    watch = FailOn(fail_on)
    with open_to_read(store, subscribed=subscribed) as engine:
        wanted = AuditFilter(
            AnomalyKind(kind) if kind else None,
            Severity(severity) if severity else None,
            id_of(engine, account_id),
            None if provider is None else known_family(engine.store, provider),
            since,
            until,
        )
        with written_to(output) as stream:
            if full:
                anomalies = engine.store.audit(wanted)
                if open_only:
                    anomalies = open_anomalies(engine.store, anomalies)
                _write_in_full(watch.seen(anomalies), form, stream)
            else:
                _write_report(engine, wanted, form, stream, watch, open_only=open_only)
    watch.end()


def _form(output: OutputTarget | None, form: str | None, full: bool) -> str:
    """Return the format to write in. JSON is one document, and of every anomaly by itself JSON Lines."""
    as_lines = "jsonl" if full else "json"
    chosen = chosen_form(output, as_lines if form == "json" else form, "text")
    if chosen in ("json", "jsonl") and chosen != as_lines:
        raise click.UsageError(f"JSON is one document, and lines with --full: end FILE in .{as_lines}.")
    return "json" if chosen == "jsonl" else chosen


@contextmanager
def written_to(output: OutputTarget | None) -> Iterator[TextIO]:
    """Open the file that was named, or standard output."""
    if output is None:
        yield sys.stdout
        return
    with drafted(output.path, replace=output.replace) as draft:
        yield draft.text()
    say(f"Written: {output.path}")


def _write_in_full(anomalies: Iterable[Anomaly], form: str, stream: TextIO) -> None:
    from ..report.as_data import write_csv_in_full, write_json_in_full
    from ..report.as_text import write_text_in_full

    {"text": write_text_in_full, "json": write_json_in_full, "csv": write_csv_in_full}[form](anomalies, stream)


def _write_report(
    engine: Engine, wanted: AuditFilter, form: str, stream: TextIO, watch: FailOn, *, open_only: bool
) -> None:
    from ..report.as_data import write_csv, write_json
    from ..report.as_text import write_text
    from ..report.audit import build_report

    report = build_report(engine.store, wanted, now=utc_now(), policy=engine.policy, open_only=open_only)
    watch.see_report(report)
    if form == "html":
        from ..report.as_html import write_html

        write_html(report, stream, traffic_svg(engine.store))
    else:
        {"text": write_text, "json": write_json, "csv": write_csv}[form](report, stream)

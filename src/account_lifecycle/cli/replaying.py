"""``replay``: the audit of logs, however large, without a store."""

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from ..outputs.endings import LOG_ENDINGS, PAGE_ENDINGS, TABLE_ENDINGS
from ..outputs.targets import OutputTarget
from .commands import Command
from .endings import needing_extra, print_readings, refused_file
from .opening import read_settings
from .options import MOMENT, FailOn, fail_on_option, how_to_read, json_option, policy_options, reading_options
from .outputs import OutputFile, OutputFolder, force_option


@click.command(
    "replay",
    cls=Command,
    short_help="Audit logs of any size, without a store",
    examples=[
        ("What was unexpected in a log, grouped and explained", "account-lifecycle replay log.jsonl"),
        ("A report to mail, and every anomaly as a table",
         "account-lifecycle replay 'logs/*.jsonl.gz' --report audit.html --anomalies anomalies.parquet"),
        ("A table whose columns have other names",
         "account-lifecycle replay events.parquet --column account_id=acct --column status=message"),
        ("In a pipeline: fail if there is any error", "zcat log.jsonl.gz | account-lifecycle replay - --fail-on error"),
        ("Begin a store with its history", "account-lifecycle replay log.jsonl --into sqlite:///accounts.db"),
    ],
)  # fmt: skip
@click.argument("logs", metavar="LOG...", nargs=-1, required=True)
@click.option("--report", "report_to", type=OutputFile(PAGE_ENDINGS), metavar="FILE", help="Write an HTML page.")
@click.option(
    "--anomalies", type=OutputFile(TABLE_ENDINGS), metavar="FILE", help="Write every anomaly: .parquet, .jsonl or .csv."
)
@click.option(
    "--accounts", type=OutputFile(TABLE_ENDINGS), metavar="FILE", help="Write every account as it was at the end."
)
@click.option("--windows", type=OutputFile(TABLE_ENDINGS), metavar="FILE", help="Write every blind window.")
@click.option(
    "--refused",
    type=OutputFile(LOG_ENDINGS, replaceable=False),
    metavar="FILE",
    help="Keep what cannot be read in this file.  [default: refused-LOG.jsonl, with a number if that is there]",
)
@force_option
@reading_options
@click.option(
    "--until",
    type=MOMENT,
    metavar="TIME",
    help="When the log ends: deadlines and open windows count to then.  [default: its latest time]",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 1_000),
    metavar="N",
    help="How many processes share the accounts of a log.  [default: one, of a large log one for each core]",
)
@policy_options
@click.option("--into", metavar="URL", help="Begin this store with the log's history, in place of an audit.")
@click.option("--spark", "master", metavar="MASTER", help="Let Spark do it, such as local[4].")
@click.option(
    "--output-folder",
    type=OutputFolder(),
    metavar="FOLDER",
    help="Where Spark writes its tables: a new folder.",
)
@fail_on_option
@json_option
def replay_command(
    logs: tuple[str, ...],
    report_to: OutputTarget | None,
    anomalies: OutputTarget | None,
    accounts: OutputTarget | None,
    windows: OutputTarget | None,
    refused: OutputTarget | None,
    detect: bool,
    until: datetime | None,
    jobs: int | None,
    into: str | None,
    master: str | None,
    output_folder: Path | None,
    fail_on: tuple[str, ...],
    as_json: bool,
    **options: Any,
) -> None:
    """Judge logs of any size, and print what was unexpected in them. No store is needed, and no hook is called.

    A LOG is a file: lines of JSON or of a log with JSON in them, whole JSON documents, CSV, Parquet, packed with gzip,
    zstd, bzip2 or zip or not; a pattern such as 'logs/*.jsonl.gz'; "-" for standard input; or the URL of a store.
    Where payload and time stand is detected and printed. Several logs are merged by time, and one whose newest event
    comes first is read backwards. Parquet needs the extra: pip install "account-lifecycle[replay]"

    Deadlines are dated at the moment they passed, and looked for up to --until. What is no readable event stops
    nothing: it is kept in a file of its own, which no other run overwrites.
    """
    from .replay_audit import LogRequest, Written, audit_logs, outputs_of

    written = Written(report_to, outputs_of(anomalies, accounts, windows), refused and refused.path)
    _check(written.paths(), into, master, output_folder, fail_on)
    reading = how_to_read(options)
    if detect:
        print_readings(logs, reading, as_json)
        return
    request = LogRequest(logs, reading, until, read_settings(**options).policy(), jobs)
    watch = FailOn(fail_on)
    with needing_extra("replay"):
        if into is not None:
            from .replay_elsewhere import seed_logs

            seed_logs(request, into, as_json)
        elif master is not None:
            from .replay_elsewhere import replay_on_spark

            replay_on_spark(request, master, output_folder, watch, as_json)
        else:
            audit_logs(request, written._replace(refused=written.refused or refused_file(logs[0])), watch, as_json)
    watch.end()


def _check(
    files: list[Path],
    into: str | None,
    master: str | None,
    output_folder: Path | None,
    fail_on: tuple[str, ...],
) -> None:
    """Refuse options that exclude each other."""
    if into is not None and master is not None:
        raise click.UsageError("--into and --spark exclude each other.")
    if output_folder is not None and master is None:
        raise click.UsageError("--output-folder goes with --spark.")
    if into is not None and (files or fail_on):
        raise click.UsageError(
            "--into makes no audit and keeps all in the store: it goes without --report, tables, --refused, --fail-on."
        )
    if master is not None and files:
        raise click.UsageError("Spark writes its own tables: --output-folder names where.")
    names = [path.resolve() for path in files]
    if len(set(names)) < len(names):
        raise click.UsageError("Two outputs have the same name.")

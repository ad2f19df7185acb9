"""``replay``: the audit of logs, however large, without a store."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from .commands import Command, Failed
from .opening import read_settings
from .options import MOMENT, FailOn, fail_on_option, json_option, policy_options

REFUSED = "refused.jsonl"
"""Where lines go that are no readable event, by default."""

_FORMS = (".parquet", ".jsonl", ".csv")
_EXTRA = {"pyarrow", "zstandard"}


class ColumnRole(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """What a column of a table holds, and its name."""

    name = "column"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Role and name."""
        role, is_told, name = str(value).partition("=")
        if not (is_told and role.strip() and name):
            self.fail(f"{value!r} is not ROLE=NAME, such as account_id=acct.", param, ctx)
        return role.strip(), name


class TableFile(click.Path):
    """A file whose ending says in which form a table is written."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, path_type=Path)

    def convert(self, value: "str | Path", param: click.Parameter | None, ctx: click.Context | None) -> Path:  # type: ignore[override, unused-ignore]
        """The path, if its ending is known."""
        path = Path(str(super().convert(str(value), param, ctx)))
        if path.suffix.lower() not in _FORMS:
            self.fail(f"{str(path)!r} does not end in {', '.join(_FORMS[:-1])} or {_FORMS[-1]}.", param, ctx)
        return path


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
@click.option(
    "--report", "report_to", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write an HTML page."
)
@click.option("--anomalies", type=TableFile(), metavar="FILE", help="Write every anomaly: .parquet, .jsonl or .csv.")
@click.option("--accounts", type=TableFile(), metavar="FILE", help="Write every account as it was at the end.")
@click.option("--windows", type=TableFile(), metavar="FILE", help="Write every blind window.")
@click.option(
    "--refused",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help=f"Keep lines that cannot be read in this file.  [default: {REFUSED}]",
)
@click.option(
    "--column",
    "columns",
    type=ColumnRole(),
    multiple=True,
    metavar="ROLE=NAME",
    help="Which column of a table holds the account_id, status, provider, product, name, reason, received_at or "
    "payload.",
)
@click.option(
    "--until",
    type=MOMENT,
    metavar="TIME",
    help="When the log ends: deadlines and open windows count to then.  [default: its latest time]",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many processes share the accounts of a log.  [default: one, of a large log one for each core]",
)
@policy_options
@click.option("--into", metavar="URL", help="Begin this store with the log's history, in place of an audit.")
@click.option("--spark", "master", metavar="MASTER", help="Let Spark do it, such as local[4].")
@click.option(
    "--output-folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Where Spark writes its tables.",
)
@fail_on_option
@json_option
def replay_command(
    logs: tuple[str, ...],
    report_to: Path | None,
    anomalies: Path | None,
    accounts: Path | None,
    windows: Path | None,
    refused: Path | None,
    columns: tuple[tuple[str, str], ...],
    until: datetime | None,
    jobs: int | None,
    into: str | None,
    master: str | None,
    output_folder: Path | None,
    fail_on: tuple[str, ...],
    as_json: bool,
    **options: object,
) -> None:
    """Judge logs of any size, and print what was unexpected in them. No store is needed, and no hook is called.

    A LOG is a file of JSON Lines, Parquet or CSV, compressed with gzip or zstd or not; a pattern such as
    'logs/*.jsonl.gz'; "-" for standard input; or the URL of a store. Logs are read in the order in which they are
    named. Parquet needs the extra: pip install "account-lifecycle[replay]"

    Deadlines are dated at the moment they passed, and looked for up to --until. Lines that are no readable event stop
    nothing: they are kept, byte for byte, in a file of their own.
    """
    from .replay_audit import LogRequest, Written, audit_logs, outputs_of

    written = Written(report_to, outputs_of(anomalies, accounts, windows), refused)
    _check(written.files(), into, master, output_folder, fail_on)
    request = LogRequest(logs, dict(columns), until, read_settings(**options).policy(), jobs)
    watch = FailOn(fail_on)
    with needing_extra():
        if into is not None:
            from .replay_elsewhere import seed_logs

            seed_logs(request, into, as_json)
        elif master is not None:
            from .replay_elsewhere import replay_on_spark

            replay_on_spark(request, master, output_folder, watch, as_json)
        else:
            audit_logs(request, written._replace(refused=refused or Path(REFUSED)), watch, as_json)
    watch.end()


@contextmanager
def needing_extra() -> Iterator[None]:
    """Say plainly which extra is missing, if it is."""
    try:
        yield
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if name not in _EXTRA:
            raise
        raise Failed(
            f'replay needs {name}, which is not installed. Run: pip install "account-lifecycle[replay]"'
        ) from error


def _check(
    files: Sequence[Path],
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

"""``reconcile``: the vendor's own list of accounts, read from its API and held against the record."""

from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING

import click

from ..lifecycle.anomalies import AnomalyKind
from ..lifecycle.wording import lasting, moment
from ..report.tables import STYLES
from ..report.words import counted
from ..stores.reconciliations import Reconciliation
from .commands import BadSetting, Command, Failed
from .opening import open_to_write, open_vendor, read_settings
from .options import LENGTH, FailOn, fail_on_option, json_option, policy_options, store_option
from .output import composed, say, screen, styled, write_document, write_fields, write_record
from .working import stoppable

if TYPE_CHECKING:
    from rich.text import Text

_AS_ANOMALIES = ("drifted", "vanished", "not deleted")
"""What a table shows by its anomaly."""


@click.command(
    "reconcile",
    cls=Command,
    short_help="Hold the vendor's own list against the record",
    examples=[
        ("Adopt a fleet that is connected already, and call no hook for it", "account-lifecycle reconcile --adopt"),
        ("See what a run would find, and write nothing", "account-lifecycle reconcile --dry-run"),
        ("Beside a receiver that has no key", "account-lifecycle reconcile --every 15m"),
        ("From cron: fail if the vendor's list says otherwise", "account-lifecycle reconcile --fail-on DRIFT"),
    ],
)
@click.option("--dry-run", is_flag=True, help="Say what would be found, and write nothing.")
@click.option("--adopt", is_flag=True, help="Call no hook for what this finds: for the first run over a fleet.")
@click.option("--every", type=LENGTH, metavar="LENGTH", help="Do it again and again, until Ctrl-C or SIGTERM.")
@policy_options
@fail_on_option
@json_option
@store_option
def reconcile_command(
    dry_run: bool, adopt: bool, every: timedelta | None, fail_on: tuple[str, ...], as_json: bool, **options: object
) -> None:
    """Read the vendor's list of accounts and hold it against the record.

    What differs becomes an observation: an account follows the list (DRIFT), is adopted if it was never heard of, and
    has vanished if the vendor does not have it at two looks ten minutes apart. Accounts that are as the list has them
    write nothing but one row for the whole run. A list that breaks off makes no account absent, and ends with 1.

    ACCOUNT_LIFECYCLE_VENDOR_URL and ACCOUNT_LIFECYCLE_VENDOR_KEY say where the vendor's API is and the key to it. With
    both set, serve does this every 15 minutes. Two runs at once are impossible: the second one ends with 1.

    Needs the extra: pip install "account-lifecycle[vendor]"
    """
    if every is not None and (dry_run or fail_on or adopt):
        raise BadSetting("--every: found with --dry-run, --adopt or --fail-on; expected a single run with these")
    settings = read_settings(**options)
    with open_vendor(settings) as client, open_to_write(settings) as engine:
        from ..vendor import reconcile
        from ..vendor.service import Reconciling

        if every is not None:
            with stoppable() as wait_for_stop, Reconciling(engine, client, every, lambda run: _say_run(run, as_json)):
                say(f"reconciling every {lasting(every)}; stop with Ctrl-C")
                wait_for_stop()
            say("stopped")
            return
        begun_s = monotonic()
        run = reconcile(engine, client, adopt=adopt, dry_run=dry_run)
    if as_json:
        write_document(run.to_dict())
    else:
        _write_run(run, monotonic() - begun_s)
    if run.problem:
        raise Failed(run.problem)
    watch = FailOn(fail_on)
    for kind, count in run.anomalies.items():
        watch.see(AnomalyKind(kind), count)
    watch.end()


def _say_run(run: Reconciliation, as_json: bool) -> None:
    """Write one of many runs: a line."""
    if as_json:
        write_record(run.to_dict())
    else:
        found = ", ".join(f"{count:,} {name}" for name, count in _counts(run)) or "nothing new"
        say(f"{moment(run.started_at)}: {counted(run.listed, 'account')} listed: {run.problem or found}")


def _write_run(run: Reconciliation, took_s: float) -> None:
    """Write a run as a table."""
    console, is_dry = screen(), not run.number
    end = "; nothing was written" if is_dry else ""
    listed = styled(f"{counted(run.listed, 'account')} listed", "bold")
    console.print(composed(listed, f" in {took_s:.1f} s, of {run.equal:,} nothing new{end}"))
    rows: list[tuple[str, str | Text]] = [(f"drift {edge}", f"{count:,}") for edge, count in sorted(run.drift.items())]
    rows += [(name, f"{count:,}") for name, count in _counts(run) if name not in _AS_ANOMALIES]
    for kind, count in run.anomalies.items():
        known = AnomalyKind(kind)
        if known is AnomalyKind.DRIFT:
            continue  # it is above, in detail
        rows.append((kind, composed(styled(f"{count:,}", STYLES[known.severity]), f" {known.meaning}")))
    if run.skipped:
        of_types = ", ".join(f"{count:,} {kind}" for kind, count in sorted(run.skipped.items()))
        rows.append(("skipped", f"{of_types}: types that have no life cycle here"))
    write_fields(console, rows or [("differences", "none")])


def _counts(run: Reconciliation) -> list[tuple[str, int]]:
    """Return what was counted and is not nothing, in words."""
    counts = {
        "drifted": run.drifted,
        "adopted": run.adopted,
        "live, unannounced": run.followed,
        "doubts settled": run.settled,
        "missing": run.missing,
        "vanished": run.vanished,
        "not deleted": run.not_deleted,
        "unreadable": run.unreadable,
    }
    return [(name, count) for name, count in counts.items() if count]

"""``observe``: what the vendor's list of accounts says, read from a table, held against what was announced."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import click

from ..engine.core import utc_now
from ..engine.observations import Observation, observed
from ..errors import ConfigurationError, PayloadError
from ..intake.lists import open_list
from ..intake.times import in_utc
from ..lifecycle.anomalies import AnomalyKind
from ..lifecycle.decide import Decision
from ..lifecycle.status import Verdict
from ..lifecycle.wording import shown
from ..report.tables import STYLES
from ..report.words import counted
from .commands import Command, Failed
from .opening import open_to_write, read_settings
from .options import MOMENT, FailOn, fail_on_option, json_option, policy_options, store_option
from .output import composed, say, screen, styled, write_document, write_fields

UNREADABLE_SHOWN = 3
"""How many rows that cannot be read are shown."""
_NAMES: Mapping[str, tuple[str, ...]] = {
    "account_id": ("account_id", "id"),
    "status": ("status", "sources"),
    "observed_at": ("observed_at", "at", "timestamp", "time"),
    "provider": ("provider", "account_type", "type"),
    "owner": ("owner", "name"),
    "signed_in_at": ("signed_in_at",),
}
"""What a row can say, and the names of the columns or keys for it, of which the first that is there counts."""


@click.command(
    "observe",
    cls=Command,
    short_help="Hold the vendor's list against the record",
    examples=[
        ("Adopt a fleet that is connected already, and call no hook for it",
         "account-lifecycle observe accounts.jsonl --silent"),
        ("Reconcile: fail if the vendor's list says otherwise",
         "account-lifecycle observe accounts.csv --fail-on DRIFT"),
    ],
)  # fmt: skip
@click.argument("table", metavar="FILE", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--silent", is_flag=True, help="Call no hook for what this changes: for the first import of a fleet.")
@click.option(
    "--observed-at", type=MOMENT, metavar="TIME", help="When the list was read, if its rows do not say.  [default: now]"
)
@policy_options
@fail_on_option
@json_option
@store_option
def observe_command(
    table: str, silent: bool, observed_at: datetime | None, fail_on: tuple[str, ...], as_json: bool, **options: object
) -> None:
    """Hold a table of observed accounts, as the vendor's list has them, against the record.

    FILE is JSON Lines, CSV or a whole JSON document, such as an answer of the vendor's API, packed with gzip, zstd,
    bzip2 or zip or not; "-" for standard input. Each row has an account_id and a status (OK, CONNECTING,
    CREDENTIALS, PERMISSIONS, ERROR, STOPPED or ABSENT) or sources, of which the worst status counts; and, if they
    are known, observed_at, provider, owner and signed_in_at.

    Where the list agrees, the account is confirmed. Where it does not, the account follows it, and the difference is
    told once, as DRIFT. An account that was never heard of is adopted as it is.
    """
    refusals: list[str] = []
    with open_to_write(read_settings(**options)) as engine:
        rows = _readable(table, observed_at, refusals)
        found = engine.observe_all(rows, silent=silent)
        health = Counter(each.after.health for each in {d.after.account_id: d for d in found}.values())
    verdicts = Counter(decision.verdict for decision in found)
    kinds = Counter(anomaly.kind for decision in found for anomaly in decision.anomalies)
    adopted = sum(decision.before.sequence == 0 for decision in found)
    if as_json:
        write_document(
            {
                "observed": len(found),
                "adopted": adopted,
                "verdicts": {verdict.value: verdicts[verdict] for verdict in Verdict},
                "anomalies": {kind.value: count for kind, count in kinds.most_common()},
                "accounts_by_health": {str(word): count for word, count in health.most_common()},
                "unreadable": len(refusals),
            }
        )
    else:
        _write_summary(found, adopted, verdicts, kinds, health)
    for refusal in refusals[:UNREADABLE_SHOWN]:
        say(refusal)
    if refusals:
        say(f"{counted(len(refusals), 'row')} could not be read, and nothing was concluded from them")
    if len(refusals) > len(found):
        much = f"{len(refusals):,} of {len(found) + len(refusals):,} rows could not be read"
        raise Failed(f"{much}. Is this a list of accounts, each with an account_id and a status? {refusals[0]}")
    watch = FailOn(fail_on)
    watch.see_unreadable(len(refusals), len(found))
    for kind, count in kinds.items():
        watch.see(kind, count)
    watch.end()


def _write_summary(
    found: list[Decision],
    adopted: int,
    verdicts: Counter[Verdict],
    kinds: Counter[AnomalyKind],
    health: Counter[Any],
) -> None:
    console = screen()
    console.print(
        composed(
            styled(counted(len(found), "account"), "bold"), f" observed, {adopted:,} of them never heard of before"
        )
    )
    fields = [("verdicts", ", ".join(f"{verdicts[v]:,} {v.lower()}" for v in Verdict if verdicts[v]))]
    fields += [("health", ", ".join(f"{count:,} {word}" for word, count in health.most_common()))]
    write_fields(console, fields)
    rows = [(kind, composed(styled(f"{count:,}", STYLES[kind.severity]), f" {kind.meaning}"))
            for kind, count in kinds.most_common()]  # fmt: skip
    write_fields(console, rows or [("anomalies", "none")])


# ---- Rows ------------------------------------------------------------------------------------------------


def _readable(table: str, observed_at: datetime | None, refusals: list[str]) -> Iterator[Observation]:
    """Yield the observations in a table; those that are none are put into ``refusals``, each with its line."""
    now = utc_now()
    for line, row in open_list(table):
        try:
            if isinstance(row, PayloadError):
                raise row
            found = _observation(row, observed_at)
            observed(found, now)
        except (ConfigurationError, ValueError) as error:
            refusals.append(f"line {line:,}: {error}")
        else:
            yield found


def _observation(row: Any, observed_at: datetime | None) -> Observation:
    """Return what a row says; raise ``ConfigurationError`` for one that says nothing of an account."""
    if not isinstance(row, dict):
        raise ConfigurationError("row", shown(str(row)), "a JSON object with account_id and status or sources")
    said = {
        field: next((row[n] for n in names if row.get(n) not in (None, "")), None) for field, names in _NAMES.items()
    }
    account_id = said["account_id"]
    return Observation(
        str(account_id) if isinstance(account_id, int) else account_id or "",
        _words(said["status"]),
        _moment("observed_at", said["observed_at"]) or observed_at,
        _text("provider", said["provider"]),
        _text("owner", said["owner"]),
        _moment("signed_in_at", said["signed_in_at"]),
    )


def _words(said: Any) -> str | list[str]:
    """Return a status, or those of the sources: words, or objects with a status each."""
    if isinstance(said, list):
        return [str(each.get("status", "")) if isinstance(each, dict) else str(each) for each in said]
    words = str(said or "").replace(",", " ").replace(";", " ").replace("|", " ").split()
    return words[0] if len(words) == 1 else words


def _text(field: str, said: Any) -> str | None:
    if said is None or isinstance(said, str):
        return said
    if isinstance(said, int) and not isinstance(said, bool):
        return str(said)
    raise ConfigurationError(field, repr(said), "text")


def _moment(field: str, said: Any) -> datetime | None:
    if said is None:
        return None
    try:
        return in_utc(field, datetime.fromisoformat(str(said).strip()))
    except ValueError as error:
        if isinstance(error, ConfigurationError):
            raise
        raise ConfigurationError(
            field, shown(str(said)), "a time with its zone, such as 2026-05-01T12:00:00Z"
        ) from None

"""``status``: what is unusual, and how the whole fleet stands."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import click
from typing_extensions import override

from ..engine.overview import NOTHING_UNUSUAL, HealthCounts, Overview, ProviderHealth
from ..lifecycle.status import Health
from ..lifecycle.wording import escaped, lasting
from ..report.tables import STYLES, Column
from ..report.words import counted, provider_name
from .clocks import local_text, local_zone, zone_name
from .commands import Command, ExitCode
from .opening import open_to_read
from .options import MOMENT, json_option, now_option, store_option, subscribed_option
from .output import (
    Sheet,
    about,
    say,
    screen,
    styled,
    write_document,
    write_fields,
    write_paragraph,
)


class Threshold(NamedTuple):
    """What --fail-on names, and from how long on, for what lasts."""

    word: str
    length: timedelta | None = None


OVERDUE = timedelta(minutes=15)
"""How long a delivery may be overdue unless --fail-on says so."""
_THRESHOLDS = ("dead", "backlog", "silence", "quarantine", "burst")
_LASTING = ("backlog", "silence")


class Thresholds(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """Words with commas between them, of which those that last may have a length: dead,backlog=15m."""

    name = "thresholds"

    @override
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Threshold, ...]:
        """Return what is named."""
        if isinstance(value, tuple):
            return value
        return tuple(self._threshold(part.strip(), param, ctx) for part in str(value).split(",") if part.strip())

    def _threshold(self, part: str, param: click.Parameter | None, ctx: click.Context | None) -> Threshold:
        from .settings import read_duration

        word, has_length, length = part.partition("=")
        word = word.strip().lower()
        if word not in _THRESHOLDS or (has_length and word not in _LASTING):
            self.fail(f"{part!r} is none of dead, backlog=15m, silence=1h, quarantine and burst.", param, ctx)
        try:
            return Threshold(word, read_duration(length) if has_length else None)
        except (ValueError, OverflowError) as error:
            self.fail(f"{error}.", param, ctx)


@click.command(
    "status",
    cls=Command,
    short_help="What is unusual, and how the whole fleet stands",
    examples=[
        ("Is anything unusual?", "account-lifecycle status"),
        (
            "Once a minute, from a monitor",
            "account-lifecycle status --fail-on dead,backlog=15m,silence=1h",
        ),
        ("How did it stand yesterday at noon?", "account-lifecycle status --at 2026-05-03T12:00:00Z"),
    ],
)
@click.option("--at", type=MOMENT, metavar="TIME", help="As it stood then, from the events received by that time.")
@click.option(
    "--fail-on",
    type=Thresholds(),
    metavar="WORDS",
    help="End with exit code 6 for any of these, with commas between them: dead (letters), backlog=15m (a delivery "
    "that is due for so long), silence=1h (no announcement for so long; without a length: for longer than is usual), "
    "quarantine (a payload that waits there) and burst.",
)
@subscribed_option
@now_option
@json_option
@store_option
def status_command(
    at: datetime | None,
    fail_on: tuple[Threshold, ...] | None,
    subscribed: str | None,
    now: datetime,
    as_json: bool,
    store: str | None,
) -> None:
    """Say what is unusual, then how many accounts of each provider stand where, and how hooks and quarantine stand.

    The first line is the worst there is: no announcement for longer than is usual, many accounts of a provider that
    came into one status within ten minutes, a word that is never announced; or "Nothing unusual". Times are in the
    local zone. With --at the counts are computed from all events, and the machinery is left out.
    """
    with open_to_read(store, subscribed=subscribed) as engine:
        found = engine.overview(now=now, at=at)
    if as_json:
        write_document(found.to_dict())
    else:
        _write_overview(found)
    failures = [text for each in fail_on or () if (text := _failure(each, found))]
    for text in failures:
        say(f"--fail-on: {text}")
    if failures:
        click.get_current_context().exit(ExitCode.FOUND)


def _failure(threshold: Threshold, found: Overview) -> str:
    """Return what of an overview a threshold names; blank if there is nothing."""
    word, length = threshold
    if word == "burst":
        return str(found.bursts[0]) if found.bursts else ""
    if word == "silence" and length is None:
        return str(found.silence or "")
    machinery = found.machinery
    if machinery is None:
        return ""
    if word == "silence":
        last = machinery.last_announced_at
        is_over = length is not None and last is not None and found.at - last > length
        return f"no announcement for {lasting(found.at - last)}" if is_over and last else ""
    if word == "dead":
        return counted(machinery.dead, "dead letter") if machinery.dead else ""
    if word == "quarantine":
        return f"{counted(machinery.quarantined, 'payload')} in quarantine" if machinery.quarantined else ""
    hook = machinery.most_overdue
    overdue = found.at - hook.oldest_due if hook and hook.oldest_due else timedelta(0)
    return f"{escaped(hook.hook)} is behind by {lasting(overdue)}" if hook and overdue > (length or OVERDUE) else ""


def _write_overview(found: Overview) -> None:
    console = screen()
    for headline in found.headlines(local_zone(found.at)):
        write_paragraph(console, styled(headline, "green" if headline == NOTHING_UNUSUAL else "bold red"))
    console.print(styled(f"{local_text(found.at)} {zone_name(found.at)}, {counted(found.accounts, 'account')}", "dim"))
    if found.accounts:
        console.print()
        _write_providers(found)
    console.print()
    write_fields(console, _facts(found))


def _write_providers(found: Overview) -> None:
    """Write a row for each provider, with the changes below, and one for all of them."""
    rows = [*found.providers]
    if len(rows) > 1:
        rows.append(ProviderHealth("all", *(_sum(counts) for counts in zip(*(each[1:] for each in rows), strict=True))))
    present = [h for h in Health if any(h in (counts or {}) for each in rows for counts in each[1:])]
    width = max(len(_name(each)) for each in rows)
    columns = [Column(_TITLES[health], 9, right=True, style=_style(health)) for health in present]
    sheet = Sheet(Column("provider", max(width, 8)), Column("accounts", 8, right=True), *columns)
    for each in rows:
        sheet.row(_name(each), f"{each.accounts:,}", *(f"{each.by_health.get(h, 0):,}" for h in present))
        for title, change in (("  in 1 h", each.change_1h), ("  in 24 h", each.change_24h)):
            if change:
                sheet.row(title, _signed(sum(change.values())), *(_signed(change.get(h, 0)) for h in present))


_TITLES = {health: health.lower().replace("_", " ") for health in Health}


def _name(each: ProviderHealth) -> str:
    return provider_name(each.provider)


def _style(health: Health) -> Any:
    """Return what colours a count of a health: none where it is 0, or a change."""
    return lambda cell: STYLES[health] if cell.strip("0") and cell[0] not in "+-" else "dim"


def _signed(change: int) -> str:
    return f"{change:+,}" if change else ""


def _sum(counts: Iterable[HealthCounts | None]) -> Any:
    """Return counts added up; None if one is not known."""
    known = list(counts)
    if any(each is None for each in known):
        return None
    totals = {health: sum((each or {}).get(health, 0) for each in known) for health in Health}
    return {health: total for health, total in totals.items() if total}


def _facts(found: Overview) -> Iterator[tuple[str, Any]]:
    yield "stuck", f"{counted(found.stuck, 'account')} past a deadline" if found.stuck else ""
    yield (
        "presumed",
        f"{counted(found.presumed_live, 'account')} live as far as one can presume" * bool(found.presumed_live),
    )
    yield "doubtful", f"{counted(found.doubtful, 'account')} moved by what may be old news" if found.doubtful else ""
    machinery = found.machinery
    if machinery is None:
        return
    last = machinery.last_announced_at
    yield "last webhook", f"{about(found.at - last)} ago, {local_text(last)}" if last else "none yet"
    windows = counted(machinery.open_windows, "account")
    blind = f"{windows} may be missing messages: account-lifecycle windows --open"
    yield "blind", blind if machinery.open_windows else ""
    hook = machinery.most_overdue
    if hook is not None and hook.oldest_due is not None and hook.oldest_due < found.at:
        behind = counted(hook.behind, "delivery", "deliveries")
        late = f"{escaped(hook.hook)} is behind by {lasting(found.at - hook.oldest_due)}: {behind}"
        yield "hooks", styled(late, "yellow")
    else:
        yield "hooks", f"{counted(len(machinery.hooks), 'hook')}, nothing overdue" if machinery.hooks else "none"
    dead = f"{counted(machinery.dead, 'delivery', 'deliveries')}: account-lifecycle hooks deliveries --state dead"
    yield "dead letters", styled(dead, "bold red") if machinery.dead else "none"
    waiting = f"{counted(machinery.quarantined, 'payload')}: account-lifecycle quarantine list"
    yield "quarantine", styled(waiting, "yellow") if machinery.quarantined else "empty"

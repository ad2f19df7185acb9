"""Asking about accounts: ``account list``, ``account show``, ``account explain`` and ``history``.

Knows what is shown of an account and where on the screen; what there is to say, ``diagnosis`` knows.
"""

from collections import deque
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

import click

from ..engine.core import Engine
from ..engine.diagnosis import HEALTH_MEANINGS, Diagnosis, age
from ..lifecycle.account import Account
from ..lifecycle.events import DeadlinePassed
from ..lifecycle.status import Health, Status
from ..lifecycle.wording import moment
from ..records import AccountFilter, LedgerEntry
from ..report.words import counted
from .commands import Command, Group, NotFound
from .opening import open_to_read
from .options import PROVIDER, Words, json_option, now_option, store_option
from .output import (
    STYLES,
    Column,
    Sheet,
    about,
    clock,
    joined,
    say,
    screen,
    styled,
    write_fields,
    write_heading,
    write_json,
    write_json_line,
    write_paragraph,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text


@click.group(
    cls=Group,
    short_help="List accounts, show one, explain why one is down",
    examples=[("Why is this account down?", "account-lifecycle account explain h_EKCy2lRLef5NzHp0iw4A")],
)
def account() -> None:
    """What state an account is in, and why."""


@account.command(
    "list",
    short_help="List accounts with their status and health",
    examples=[
        ("Every account whose user must reconnect", "account-lifecycle account list --health ACTION_REQUIRED"),
        ("For a program, one JSON object a line", "account-lifecycle account list --provider LINKEDIN --json"),
    ],
)
@click.option("--status", type=Words(Status), metavar="STATUS", help="Only accounts in this status.")
@click.option("--health", type=Words(Health), metavar="HEALTH", help="Only accounts of this health.")
@click.option("--provider", type=PROVIDER, metavar="PROVIDER", help="Only accounts of this provider.")
@now_option
@json_option
@store_option
def list_accounts(
    status: str | None, health: str | None, provider: str | None, now: datetime, as_json: bool, store: str | None
) -> None:
    """List accounts in the order of their ids, each with its status, its health and since when."""
    wanted = AccountFilter(Status(status) if status else None, Health(health) if health else None, provider)
    with open_to_read(store) as engine:
        found = engine.store.accounts(wanted)
        if as_json:
            for each in found:
                write_json_line(each.to_dict(now))
            return
        say(counted(write_accounts(found, now), "account"))


@account.command(
    examples=[("Everything that is known of an account", "account-lifecycle account show h_EKCy2lRLef5NzHp0iw4A")]
)
@click.argument("account_id")
@now_option
@json_option
@store_option
def show(account_id: str, now: datetime, as_json: bool, store: str | None) -> None:
    """Show what is known of one account."""
    with open_to_read(store) as engine:
        found = find(engine, account_id)
    if as_json:
        write_json(found.to_dict(now))
        return
    console = screen()
    console.print(_title(found))
    write_fields(console, _facts(found, now))


@account.command(
    examples=[
        ("Why is this account down, since when, and what was missed?", "account-lifecycle account explain acc_1"),
        ("The same for a program", "account-lifecycle account explain acc_1 --json"),
    ]
)
@click.argument("account_id")
@now_option
@json_option
@store_option
def explain(account_id: str, now: datetime, as_json: bool, store: str | None) -> None:
    """Explain one account: why it is down, since when, what was missed, and what may follow."""
    with open_to_read(store) as engine:
        find(engine, account_id)
        found = engine.explain(account_id, now=now)
    if as_json:
        write_json(found.to_dict())
    else:
        _write_diagnosis(screen(), found)


@click.command(
    cls=Command,
    short_help="Show every event of an account, with its verdict",
    examples=[
        ("Every event of an account, with its verdict", "account-lifecycle history h_EKCy2lRLef5NzHp0iw4A"),
        ("The last 20 for a program", "account-lifecycle history acc_1 --last 20 --json"),
    ],
)
@click.argument("account_id")
@click.option("--last", type=click.IntRange(min=1), metavar="COUNT", help="Only the last so many events.")
@json_option
@store_option
def history(account_id: str, last: int | None, as_json: bool, store: str | None) -> None:
    """Show every event ever fed for an account, oldest first, with what became of it."""
    with open_to_read(store) as engine:
        find(engine, account_id)
        entries: Iterable[LedgerEntry] = engine.store.history(account_id)
        if last is not None:
            entries = deque(entries, maxlen=last)
        if as_json:
            for entry in entries:
                write_json_line(entry.to_dict())
        else:
            write_entries(screen(), entries)


def write_entries(console: "Console", entries: Iterable[LedgerEntry], indent: str = "") -> None:
    """Events, one a line; what is odd about one stands below it."""
    sheet = Sheet(
        console,
        Column(f"{indent}event", len(indent) + 5, right=True),
        Column("received (UTC)", 19),
        Column("announced", 16),
        Column("verdict", 8),
        Column("  status after", 18),
    )
    for entry in entries:
        moved = entry.before.status is not entry.after.status
        sheet.row(
            str(entry.sequence),
            clock(entry.received_at),
            _announced(entry),
            styled(entry.verdict),
            f"{'→' if moved else ' '} {entry.status}",
        )
        for anomaly in entry.anomalies:
            text = joined(styled(anomaly.kind, STYLES[anomaly.severity]), f": {anomaly.meaning}")
            write_paragraph(console, text, 9 + len(indent), first=f"{indent}       ! ")


def _announced(entry: LedgerEntry) -> str:
    is_deadline = isinstance(entry.event, DeadlinePassed)
    return f"({entry.announced} stuck)" if is_deadline else entry.announced


def write_accounts(accounts: Iterable[Account], now: datetime) -> int:
    """Accounts, one a line; how many there were."""
    sheet = Sheet(
        screen(),
        Column("account", 22),
        Column("provider", 9),
        Column("status", 16),
        Column("health", 15),
        Column("for", 6, right=True),
    )
    count = 0
    for each in accounts:
        count += 1
        sheet.row(
            each.account_id,
            each.provider or "not told",
            str(each.status),
            styled(each.health),
            about(now - each.since) if each.since else "",
        )
    return count


def find(engine: Engine, account_id: str) -> Account:
    """The account, or an ending that says it is not there."""
    found = engine.account(account_id)
    if found is None:
        raise NotFound(f"nothing was ever fed for the account {account_id!r}. See: account-lifecycle account list")
    return found


def _title(account: Account) -> "Text":
    return joined(styled(account.account_id, "bold"), f"  {account.provider or 'provider not told'}")


def _facts(account: Account, now: datetime) -> "list[tuple[str, str | Text]]":
    window = account.blind_window
    products = ", ".join(sorted(product or "(no product named)" for product in account.synced_products))
    return [
        ("status", f"{account.status}{' (stuck)' if account.stuck else ''}"),
        ("since", f"{moment(account.since)}, {age(account.since, now)} ago" if account.since else ""),
        ("health", joined(styled(account.health), f": {HEALTH_MEANINGS[account.health]}")),
        ("last OK", moment(account.last_ok_at) if account.last_ok_at else "never heard"),
        ("last heard", moment(account.last_heard_at) if account.last_heard_at else ""),
        ("blind since", moment(window.last_ok_at) if window else ""),
        ("synced", products),
        ("name", account.name or ""),
        ("facts", f"{'exists' if account.exists else 'not known to exist'}, {'lost' if account.lost else 'not lost'}"),
        ("events", f"{account.sequence:,}"),
    ]


def _write_diagnosis(console: "Console", found: Diagnosis) -> None:
    console.print(_title(found.account))
    for section in found.sections():
        if section.title:
            write_heading(console, section.title, section.note)
        for name, text in section.lines:
            if not name:
                write_paragraph(console, text, 4, first="  ·")
        write_fields(console, [(name, _styled_health(text)) for name, text in section.lines if name])
    write_heading(console, "Last events", f"of {found.account.sequence:,}")
    write_entries(console, found.recent, indent="  ")


def _styled_health(text: str) -> "str | Text":
    """Colour the health that a value begins with."""
    word, colon, rest = text.partition(":")
    return joined(styled(word), colon, rest) if word in STYLES else text

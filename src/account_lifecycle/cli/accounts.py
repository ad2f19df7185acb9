"""Commands that ask about accounts: ``account list``, ``show``, ``explain`` and ``erase``, and ``history``."""

from collections import deque
from collections.abc import Iterable
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

import click

from ..engine.answers import known_family, pages_of
from ..engine.core import Engine
from ..engine.diagnosis import Diagnosis, age
from ..errors import AccountNotFound
from ..lifecycle.account import Account
from ..lifecycle.events import NOBODY, DeadlineKind, DeadlinePassed, Event, StatusObserved
from ..lifecycle.machine import Situation
from ..lifecycle.status import Health, Status
from ..lifecycle.windows import BlindWindow
from ..lifecycle.wording import escaped, health_words, moment, one_of, shown
from ..records import AccountFilter, LedgerEntry
from ..report.tables import STYLES, Column, style_of
from ..report.words import counted, short
from ..stores.fleet import AccountOrder
from .commands import Command, CommandGroup, NotFound
from .grouping import GROUPINGS, tallies_of, write_groups
from .opening import open_to_read
from .options import (
    MOMENT,
    NUMBER,
    PROVIDER,
    Keyword,
    confirm,
    json_option,
    limit_option,
    now_option,
    store_option,
    yes_option,
)
from .output import (
    Sheet,
    about,
    clock,
    composed,
    say,
    screen,
    styled,
    write_document,
    write_fields,
    write_heading,
    write_paragraph,
    write_record,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text


@click.group(
    cls=CommandGroup,
    short_help="List accounts, show one, explain why one is down, erase",
    examples=[("Why is this account down?", "account-lifecycle account explain h_EKCy2lRLef5NzHp0iw4A")],
)
def account() -> None:
    """What state an account is in, and why."""


@account.command(
    "list",
    short_help="List accounts with their status and health, or count them",
    examples=[
        ("Who must reconnect, by provider?",
         "account-lifecycle account list --health ACTION_REQUIRED --group-by provider"),
        ("The ten that are down for the longest time", "account-lifecycle account list --down --sort since --limit 10"),
        ("The accounts of a user of yours", "account-lifecycle account list --owner user-7"),
        ("For a program, one JSON object a line", "account-lifecycle account list --provider LINKEDIN --json"),
        ("The next page of a hundred", "account-lifecycle account list --after acc_1 --limit 100"),
    ],
)  # fmt: skip
@click.option("--status", type=Keyword(Status), metavar="STATUS", help="Only accounts in this status.")
@click.option("--health", type=Keyword(Health), metavar="HEALTH", help="Only accounts of this health.")
@click.option("--provider", type=PROVIDER, metavar="PROVIDER", help="Only accounts of this provider.")
@click.option("--owner", metavar="USER", help="Only accounts of this user of yours.")
@click.option("--down", is_flag=True, help="Only accounts that are interrupted or need their user.")
@click.option("--stuck", is_flag=True, help="Only accounts that are in their status for too long.")
@click.option(
    "--sort",
    type=click.Choice([each.value for each in AccountOrder]),
    default=AccountOrder.ID.value,
    help="By id, or those first that are in their status for the longest time.  [default: id]",
)
@click.option("--group-by", type=click.Choice([*GROUPINGS]), help="Count the accounts by this in place of a list.")
@click.option("--after", metavar="ID", default=NOBODY, help="Only accounts whose id comes after this one.")
@limit_option
@now_option
@json_option
@store_option
def list_accounts(
    status: str | None,
    health: str | None,
    provider: str | None,
    owner: str | None,
    down: bool,
    stuck: bool,
    sort: str,
    group_by: str | None,
    after: str,
    limit: int | None,
    now: datetime,
    as_json: bool,
    store: str | None,
) -> None:
    """List accounts, each with its status, its health and since when; or count them by provider, status or health."""
    order = AccountOrder(sort)
    if after and order is not AccountOrder.ID:
        raise click.UsageError("--after names an id, so it goes with --sort id.")
    if group_by and (after or limit or order is not AccountOrder.ID):
        raise click.UsageError("--group-by counts all accounts: --after, --limit and --sort are for lists.")
    with open_to_read(store) as engine:
        wanted = AccountFilter(
            Status(status) if status else None,
            Health(health) if health else None,
            None if provider is None else known_family(engine.store, provider),
            owner,
            stuck=stuck or None,
            down=down or None,
        )
        if group_by:
            write_groups(group_by, tallies_of(engine.store, wanted), now, as_json=as_json)
            return
        by_id = order is AccountOrder.ID
        accounts = engine.store.accounts(wanted, after) if by_id else pages_of(engine.store, wanted, order, limit=limit)
        found = islice(accounts, limit)
        if as_json:
            for each in found:
                write_record(each.to_dict(now))
        else:
            say(counted(write_accounts(found, now), "account"))


@account.command(
    examples=[
        ("Everything that is known of an account", "account-lifecycle account show h_EKCy2lRLef5NzHp0iw4A"),
        ("What was known of it on a day in May", "account-lifecycle account show acc_1 --as-of 2026-05-03T10:00:00Z"),
    ]
)
@click.argument("account_id")
@click.option("--as-of", type=MOMENT, metavar="TIME", help="As it was then, from the events received by that time.")
@now_option
@json_option
@store_option
def show(account_id: str, as_of: datetime | None, now: datetime, as_json: bool, store: str | None) -> None:
    """Show what is known of one account, or what was known of it at a moment of the past.

    With --as-of, ages are counted to that moment, and the account is computed from its events: this fails if
    they were pruned, naming the archive.
    """
    with open_to_read(store) as engine:
        found = find_account(engine, account_id)
        if as_of is not None:
            then, now = engine.account(found.account_id, as_of=as_of), as_of
            if then is None:
                raise NotFound(f"nothing had been fed for the account {found.account_id!r} by {moment(as_of)}")
            found = then
    if as_json:
        write_document(found.to_dict(now))
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
        found = engine.explain(find_account(engine, account_id).account_id, now=now)
    if as_json:
        write_document(found.to_dict())
    else:
        _write_diagnosis(screen(), found)


@account.command(
    short_help="Erase an account's payloads and names for good",
    examples=[
        ("Erase the payloads and names of an account", "account-lifecycle account erase h_EKCy2lRLef5NzHp0iw4A"),
        ("The same from a program, without a question", "account-lifecycle account erase acc_1 --yes --json"),
    ],
)
@click.argument("account_id")
@yes_option
@json_option
@store_option
def erase(account_id: str, is_confirmed: bool, as_json: bool, store: str | None) -> None:
    """Erase an account's payloads and names for good, also from the quarantine.

    With --yes only a whole id is taken: nothing is erased by what its id begins with unless somebody has seen which.
    Its events stay, with their verdicts: digests stand for what was erased, so the ledger still verifies.
    Backups and archives that were made before keep what they have: erase those too.
    """
    with open_to_read(store) as engine:
        if not is_confirmed and engine.find_accounts(account_id):  # else it is an id, and no more than an id
            account_id = find_account(engine, account_id).account_id
        is_known = engine.account(account_id) is not None
        confirm(f"Erase the payloads and names of account {escaped(account_id)} for good?", is_confirmed)
        erased = engine.erase_account(account_id)
    if not (is_known or erased):
        raise AccountNotFound(account_id)
    if as_json:
        write_document({"account_id": account_id, "erased_payloads": erased})
    else:
        say(f"{counted(erased, 'payload')} erased; the events stay, without them")


@click.command(
    cls=Command,
    short_help="Show every event of an account, with its verdict",
    examples=[
        ("Every event of an account, with its verdict", "account-lifecycle history h_EKCy2lRLef5NzHp0iw4A"),
        ("The last 20 for a program", "account-lifecycle history acc_1 --last 20 --json"),
    ],
)
@click.argument("account_id")
@click.option("--last", type=NUMBER, metavar="COUNT", help="Only the last so many events.")
@json_option
@store_option
def history(account_id: str, last: int | None, as_json: bool, store: str | None) -> None:
    """Show every event ever fed for an account, oldest first, with its verdict and anomalies."""
    with open_to_read(store) as engine:
        entries: Iterable[LedgerEntry] = engine.store.history(find_account(engine, account_id).account_id)
        if last is not None:
            entries = deque(entries, maxlen=last)
        if as_json:
            for entry in entries:
                write_record(entry.to_dict())
        else:
            write_entries(entries)


def write_entries(entries: Iterable[LedgerEntry], indent: str = "") -> None:
    """Write events, one a line, each with its anomalies below it."""
    sheet = Sheet(
        Column(f"{indent}event", len(indent) + 5, right=True),
        Column("received (UTC)", 19),
        Column("announced", 16),
        Column("verdict", 9, style=style_of),
        Column("  status after", 18),
    )
    for entry in entries:
        moved = entry.before.status is not entry.after.status
        sheet.row(
            str(entry.sequence),
            clock(entry.received_at),
            what_came(entry.event),
            entry.verdict,
            f"{'→' if moved else ' '} {entry.status}",
        )
        if reason := getattr(entry.event, "reason", ""):
            sheet.note(f"{indent}       - ", f"reason: {shown(reason, 200)}")
        for anomaly in entry.anomalies:
            text = f"{anomaly.kind}: {anomaly.meaning}"
            sheet.note(f"{indent}       ! ", text, anomaly.kind, STYLES[anomaly.severity])


def what_came(event: Event) -> str:
    """Return what an event was: a word that was announced, (what a clock found), or [what the list says]."""
    if isinstance(event, StatusObserved):
        return f"[{event.status}]"
    if not isinstance(event, DeadlinePassed):
        return event.status
    if event.kind is DeadlineKind.STAY:
        return f"({event.status} too long)"
    return "(still down)" if event.kind is DeadlineKind.REMINDER else "(session ends)"


def write_accounts(accounts: Iterable[Account], now: datetime) -> int:
    """Write accounts, one a line, and return how many there were."""
    sheet = Sheet(
        Column("account", 22),
        Column("provider", 9),
        Column("status", 16),
        Column("health", 15, style=style_of),
        Column("for", 6, right=True),
    )
    for each in accounts:
        lasted = about(now - each.since) if each.since else ""
        sheet.row(each.account_id, each.provider or "unknown", each.status, each.health, lasted)
        marks = (("stuck", each.stuck), ("presumed live", each.presumed), ("doubtful", each.doubtful))
        if words := tuple(word for word, holds in marks if holds):
            sheet.note("    ", one_of(words, "and"))
    return sheet.row_count


def find_account(engine: Engine, text: str) -> Account:
    """Return the account with this id, or the only one of this owner, or the only one whose id begins like that.

    Raise ``AccountNotFound`` if there is none, and ``UsageError`` with some of them if there are several.
    """
    found = engine.find_accounts(text, limit=CANDIDATES + 1)
    if not found:
        raise AccountNotFound(text)
    if len(found) > 1:
        names = [f"  {escaped(each.account_id)}  {short(each.provider or 'unknown')}  {each.status}" for each in found]
        if len(found) > CANDIDATES:
            names[-1] = "  and more"
        what = "the owner" if found[0].owner == text.strip() else "the beginning of the id"
        raise click.UsageError(f"{shown(text)} is {what} of several accounts. Name one of them:\n" + "\n".join(names))
    if found[0].account_id != text.strip():
        say(f"{escaped(text)} is account {escaped(found[0].account_id)}")
    return found[0]


CANDIDATES = 5
"""How many accounts are listed where a text may stand for several."""


def id_of(engine: Engine, account_id: str | None) -> str | None:
    """Return the id of the account that ``--account`` gives, or None; raises as ``find_account`` does."""
    return None if account_id is None else find_account(engine, account_id).account_id


def _title(account: Account) -> "Text":
    return composed(styled(account.account_id, "bold"), f"  {account.provider or 'provider unknown'}")


def _facts(account: Account, now: datetime) -> "list[tuple[str, str | Text]]":
    window, last = account.blind_window, account.last_accepted
    products = ", ".join(sorted(product or "(no product named)" for product in account.synced_products))
    words = health_words(account.health, account.presumed)
    return [
        ("status", f"{account.status}{' (stuck)' if account.stuck else ''}"),
        ("since", f"{moment(account.since)}, {age(account.since, now)} ago" if account.since else ""),
        ("health", composed(styled(account.health), f": {words.text}")),
        ("doubt", "its last move may be a late redelivery; the vendor's list settles it" if account.doubtful else ""),
        ("reason", shown(account.reason, 500) if account.reason else ""),
        ("owner", account.owner or ""),
        ("last live", moment(account.last_live_at) if account.last_live_at else "never"),
        ("last news", f"{last.status}, {moment(last.at)}" if last else ""),
        ("blind since", moment(window.opened_at) if window else ""),
        ("backfill", _backfill(window) if window else ""),
        ("signed in", moment(account.signed_in_at) if account.signed_in_at else ""),
        ("synced", products),
        ("known since", f"{moment(account.known_since)}{'' if account.born else ', first met in mid-life'}"),
        ("facts", facts_of(account.situation)),
        ("events", f"{account.sequence:,}"),
    ]


def facts_of(situation: Situation) -> str:
    """Return the facts of a situation for a person."""
    exists = "exists" if situation.exists else "not known to exist"
    lost = "lost, and needs its user" if situation.needs_user else "lost" if situation.lost else "not lost"
    return f"{exists}, {lost}"


def _backfill(window: BlindWindow) -> str:
    start = window.backfill_from
    return "everything: nobody knows since when it was down" if start is None else f"from {moment(start)}"


def _write_diagnosis(console: "Console", found: Diagnosis) -> None:
    console.print(_title(found.account))
    for section in found.sections():
        if section.title:
            write_heading(console, section.title, section.note)
        for name, text in section.lines:
            if not name:
                write_paragraph(console, text, 4, first="  ·")
        write_fields(console, [(name, _with_health_styled(text)) for name, text in section.lines if name])
    write_heading(console, "Last events", f"of {found.account.sequence:,}")
    write_entries(found.recent, indent="  ")


def _with_health_styled(text: str) -> "str | Text":
    """Return a value in which the health that it begins with, if any, is coloured."""
    word, colon, rest = text.partition(":")
    return composed(styled(word), colon, rest) if word in STYLES else text

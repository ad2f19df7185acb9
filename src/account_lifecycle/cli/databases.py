"""``db``: check, back up, copy and prune the database that a store is kept in."""

from datetime import datetime

import click

from ..outputs.endings import ARCHIVE_ENDINGS, STORE_ENDINGS
from ..outputs.targets import OutputTarget
from ..report.words import counted
from ..stores.admin import back_up, copy
from ..urls import public_url
from .commands import CommandGroup, ExitCode, Failed
from .opening import open_to_read
from .options import MOMENT, confirm, json_option, store_option, yes_option
from .output import clock, say, screen, write_document, write_fields
from .outputs import OutputFile
from .progress import waiting_for
from .verifying import summary


@click.group(
    cls=CommandGroup,
    short_help="Check, back up, copy or prune the database",
    examples=[("Is everything in good order?", "account-lifecycle db check")],
)
def db() -> None:
    """The database that the store is kept in."""


@db.command(
    short_help="Check the file and the record",
    examples=[
        ("Is everything in good order?", "account-lifecycle db check"),
        ("The same for a program", "account-lifecycle db check --json"),
    ],
)
@json_option
@store_option
def check(as_json: bool, store: str | None) -> None:
    """Check that the store can be opened, that the file is sound, and that the record holds.

    Ends with 1 if anything is wrong, and with 7 if an event could not be judged again.
    """
    with open_to_read(store) as engine, waiting_for("Verifying"):
        found = engine.verify()
        archived = sum(segment.events for segment in engine.store.segments())
    if as_json:
        write_document({"intact": found.is_intact, "proved": found.is_proved, "faults": found.fault_count,
                    "head": found.head, "events": found.events, "accounts": found.accounts,
                    "archived_events": archived})  # fmt: skip
    else:
        kept = counted(archived, "event") if archived else ""
        write_fields(screen(), [("record", summary(found)), ("head", found.head), ("archived", kept)])
    if not found.is_intact:
        raise Failed("the record does not hold. See: account-lifecycle verify")
    if not found.is_proved:
        click.get_current_context().exit(ExitCode.NOT_PROVED)


@db.command(
    short_help="Copy a store's file while others feed",
    examples=[("A backup, at any time", "account-lifecycle db backup backup.db")],
)
@click.argument("file", type=OutputFile(STORE_ENDINGS, replaceable=False))
@json_option
@store_option
def backup(file: OutputTarget, as_json: bool, store: str | None) -> None:
    """Copy the store into FILE, as it is at one moment, while others go on feeding.

    FILE, such as backup.db, must not be there yet, and only you may read it. It is a store like any other: verify
    --store sqlite:///FILE proves it. For PostgreSQL use its own means, such as pg_dump.
    """
    with open_to_read(store) as engine, waiting_for("Backing up"):
        head = engine.store.head()
        back_up(engine.store, file.path)
    size = file.path.stat().st_size
    if as_json:
        write_document({"file": str(file.path), "bytes": size, "head": head})
    else:
        say(f"Written: {file.path}, {size:,} bytes")


@db.command(
    "copy",
    short_help="Move from a file to a server",
    examples=[("Move from a file to a server", "account-lifecycle db copy --to postgresql://app@localhost/accounts")],
)
@click.option("--to", "target", required=True, metavar="URL", help="The PostgreSQL database, with nothing in it yet.")
@json_option
@store_option
def copy_command(target: str, as_json: bool, store: str | None) -> None:
    """Copy everything from a store in a file into a PostgreSQL database.

    Stop those that feed first: what is fed meanwhile is not copied. Before anything is kept, both sides compute
    each account's chain, which must come to the same head; numbers and keys stay, so hooks go on where they were.
    """
    with open_to_read(store) as engine, waiting_for("Copying"):
        copied = copy(engine.store, target)
    if as_json:
        heads = {"head": copied.head, "source_head": copied.source_head}
        write_document({"to": public_url(target), "rows": dict(copied.rows), **heads})
    else:
        both = [("head there", copied.source_head), ("head here", copied.head)]
        write_fields(screen(), [*((table, f"{count:,}") for table, count in copied.rows.items()), *both])
        say(f"Copied to {public_url(target)}, and proved. Name it with --store, or ACCOUNT_LIFECYCLE_STORE.")


@db.command(
    short_help="Archive old events and take them out",
    examples=[
        ("Keep a year, archive the rest", "account-lifecycle db prune --before 365d --archive 2025.jsonl.gz"),
        ("From cron", "account-lifecycle db prune --before 365d --archive old.jsonl.gz --yes"),
    ],
)
@click.option("--before", required=True, type=MOMENT, metavar="TIME", help="Events received before then.")
@click.option(
    "--archive",
    required=True,
    type=OutputFile(ARCHIVE_ENDINGS, replaceable=False),
    metavar="FILE",
    help="Where they are written to, as gzipped JSON Lines: a new file that ends in .jsonl.gz.",
)
@yes_option
@json_option
@store_option
def prune(before: datetime, archive: OutputTarget, is_confirmed: bool, as_json: bool, store: str | None) -> None:
    """Archive the events received before a time, and take them out of the store.

    Accounts stay as they are, and so does what hooks still wait for. The ledger goes on from the archive's last
    digest, so it still verifies.
    """
    path = archive.path
    with open_to_read(store) as engine:
        confirm(f"Take the events received before {clock(before)} UTC out, and write them to {path}?", is_confirmed)
        with waiting_for("Pruning"):
            segment = engine.prune(before, path)
        stayed, head = engine.unpruned(before), engine.store.head()
    if as_json:
        write_document({"segment": segment and segment.to_dict(), "stayed": stayed.to_dict(), "head": head})
        return
    if stayed.events:
        say(f"{counted(stayed.events, 'event')} received before then stayed:")
        for reason in stayed.reasons():
            say(f"  {reason}")
    if segment is None:
        say("There was nothing to take out")
    else:
        write_fields(screen(), [("sha256", segment.archive_sha256), ("head", head)])
        say(f"{counted(segment.events, 'event')} taken out, archived in {path}. Keep that file, and note down both.")

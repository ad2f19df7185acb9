"""``webhooks``: list, register and delete the webhooks that the vendor sends."""

from typing import TYPE_CHECKING

import click

from ..errors import ConfigurationError
from ..intake.secrets import secrets_from
from ..lifecycle.definition import ANNOUNCEMENTS
from ..report.tables import Column
from ..report.words import counted
from ..urls import public_url
from .commands import CommandGroup, Failed, NotFound
from .opening import open_vendor, read_settings
from .options import confirm, json_option, yes_option
from .output import Sheet, say, write_document, write_record

if TYPE_CHECKING:
    from ..vendor import VendorWebhook
    from ..vendor.checks import Expected
    from .settings import Settings

dry_run_option = click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
_URL_HELP = "Where the vendor reaches the receiver.  [default: $ACCOUNT_LIFECYCLE_RECEIVER_URL]"


def expected_of(settings: "Settings", url: str | None = None) -> "Expected":
    """Return what a webhook should be like, by the settings."""
    from ..vendor.checks import Expected

    secrets = secrets_from("ACCOUNT_LIFECYCLE_WEBHOOK_SECRETS", settings.webhook_secrets.get_secret_value())
    return Expected(
        url or settings.receiver_url, settings.webhook_header, tuple(secrets), frozenset(settings.subscribed)
    )


@click.group(
    cls=CommandGroup,
    short_help="The webhooks that the vendor sends: list, register, delete",
    examples=[
        ("Which webhooks are registered?", "account-lifecycle webhooks list"),
        ("Register one, with all eleven words and the secret", "account-lifecycle webhooks register"),
    ],
)
def webhooks() -> None:
    """The webhooks that are registered with the vendor, over its API.

    Its URL and key are set by ACCOUNT_LIFECYCLE_VENDOR_URL and ACCOUNT_LIFECYCLE_VENDOR_KEY, which may be file:PATH.

    Needs the extra: pip install "account-lifecycle[vendor]"
    """


@webhooks.command(
    "list",
    short_help="List the webhooks that are registered",
    examples=[
        ("Which are registered, and what they leave out", "account-lifecycle webhooks list"),
        ("The same for a program", "account-lifecycle webhooks list --json"),
    ],
)
@json_option
def list_webhooks(as_json: bool) -> None:
    """List every webhook, those of other sources included; of its URL the host, of its headers the names."""
    with open_vendor(read_settings()) as client:
        found = client.webhooks()
    if as_json:
        for each in found:
            write_record(each.to_dict())
        return
    sheet = Sheet(
        Column("webhook", 10),
        Column("source", 14),
        Column("state", 8, style=lambda state: "green" if state == "enabled" else "bold red"),
        Column("to", 24),
        Column("headers", 16),
        Column("not announced", 22, style=lambda words: "" if words == "nothing" else "yellow"),
    )
    for each in found:
        headers = ", ".join(name for name, _ in each.headers) or "none"
        sheet.row(each.id, each.source, "enabled" if each.is_enabled else "disabled", public_url(each.url), headers,
                  _left_out(each))  # fmt: skip
    say(counted(len(found), "webhook"))


@webhooks.command(
    short_help="Register the webhook, as it should be",
    examples=[
        ("At $ACCOUNT_LIFECYCLE_RECEIVER_URL", "account-lifecycle webhooks register"),
        ("What would be done", "account-lifecycle webhooks register https://example.com/hooks --dry-run"),
        ("In place of one that is not as it should be", "account-lifecycle webhooks register --replace"),
    ],
)
@click.argument("url", required=False, metavar="[URL]")
@click.option("--replace", is_flag=True, help="Then delete the others that go to the same URL.")
@click.option("--name", default="account-lifecycle", show_default=True, metavar="TEXT",
              help="What the vendor's dashboard calls it.")  # fmt: skip
@dry_run_option
@json_option
def register(url: str | None, replace: bool, name: str, dry_run: bool, as_json: bool) -> None:
    """Register a webhook that announces all eleven words to URL, as JSON, with the secret that the receiver asks for.

    The header is that of ACCOUNT_LIFECYCLE_WEBHOOK_HEADER, its value the first of ACCOUNT_LIFECYCLE_WEBHOOK_SECRETS.
    If one that is as it should be is there already, nothing is done.
    """
    settings = read_settings()
    expected = expected_of(settings, url)
    _check(expected)
    from ..vendor.checks import faults_of, is_same_url
    from ..vendor.records import ACCOUNT_STATUS

    words = frozenset(map(str, ANNOUNCEMENTS))
    with open_vendor(settings) as client:
        here = [w for w in client.webhooks() if w.source == ACCOUNT_STATUS and is_same_url(w.url, expected.url)]
        right = [w for w in here if w.words >= words and not any(True for _ in faults_of(w, expected))]
        others = [w for w in here if w not in right[:1]]
        if others and not replace:
            raise Failed(
                f"{_ids(others)} {'goes' if len(others) == 1 else 'go'} there already, so that everything would come "
                "twice. Put one that is right in the place of all: account-lifecycle webhooks register --replace"
            )
        done = {"registered": right[0].id if right else None, "is_new": not right, "deleted": [w.id for w in others]}
        if not dry_run:
            if not right:
                headers = {expected.header: expected.secrets[0]}
                done["registered"] = client.register_webhook(expected.url, headers=headers, name=name)
            for other in others:
                client.delete_webhook(other.id)
    if as_json:
        write_document({**done, "dry_run": dry_run})
        return
    would = "would be " if dry_run else ""
    if right:
        say(f"{right[0].id} is registered already, and is as it should be")
    else:
        which = done["registered"] or "a webhook"
        where = public_url(expected.url)
        say(f"{which} {would}registered: all eleven words, JSON, header {expected.header}, to {where}")
    if others:
        say(f"{_ids(others)} {would}deleted")


@webhooks.command(
    short_help="Delete webhooks",
    examples=[
        ("One", "account-lifecycle webhooks delete wh_1"),
        ("What would be deleted", "account-lifecycle webhooks delete wh_1 wh_2 --dry-run"),
    ],
)
@click.argument("webhook_ids", nargs=-1, required=True, metavar="ID...")
@dry_run_option
@yes_option
def delete(webhook_ids: tuple[str, ...], dry_run: bool, is_confirmed: bool) -> None:
    """Delete webhooks by their ids: the vendor sends nothing by them any more."""
    with open_vendor(read_settings()) as client:
        known = {each.id: each for each in client.webhooks()}
        if unknown := [each for each in webhook_ids if each not in known]:
            raise NotFound(f"{', '.join(unknown)}: there is no such webhook. See: account-lifecycle webhooks list")
        for each in webhook_ids:
            say(f"{each}: {known[each].source} to {public_url(known[each].url)}")
        if dry_run:
            say(f"{counted(len(webhook_ids), 'webhook')} would be deleted")
            return
        confirm(f"Delete {counted(len(webhook_ids), 'webhook')}?", is_confirmed)
        for each in webhook_ids:
            client.delete_webhook(each)
    say(f"{counted(len(webhook_ids), 'webhook')} deleted")


def _check(expected: "Expected") -> None:
    """Raise ``ConfigurationError`` for a webhook that cannot be registered so."""
    from urllib.parse import urlsplit

    parts = urlsplit(expected.url)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        example = "the URL that the vendor reaches the receiver by, such as https://example.com/hooks"
        raise ConfigurationError("ACCOUNT_LIFECYCLE_RECEIVER_URL", public_url(expected.url) or "nothing", example)
    if not expected.secrets:
        example = "the secret that the receiver asks for, or file: and the path of a file with it"
        raise ConfigurationError("ACCOUNT_LIFECYCLE_WEBHOOK_SECRETS", "nothing", example)


def _left_out(webhook: "VendorWebhook") -> str:
    """Return the words that a webhook about accounts does not announce."""
    return "" if not webhook.words else ", ".join(webhook.missing_words) or "nothing"


def _ids(found: "list[VendorWebhook]") -> str:
    return ", ".join(each.id for each in found)

"""``trigger``: send sample webhooks, as the vendor would."""

import time
from datetime import timedelta

import click

from ..engine.core import utc_now
from ..lifecycle.definition import ANNOUNCEMENTS
from ..lifecycle.status import Status
from ..lifecycle.wording import printable
from ..report.words import counted
from ..server.samples import (
    URL,
    SampleWebhook,
    Subject,
    credential_for,
    curl_line,
    headers_for,
    is_plain,
    presented,
    series,
    stand_in,
)
from ..simulate.lives import Channel
from ..webhooks.posting import Posted, Poster
from .commands import Command, ExitCode
from .credentials import VARIABLES, credentials_in
from .opening import read_settings
from .options import LENGTH, Keyword, json_option
from .output import say, write_record

_SAMPLE = Subject()


@click.command(
    "trigger",
    cls=Command,
    short_help="Send sample webhooks, as the vendor would",
    examples=[
        ("An account is lost", "account-lifecycle trigger CREDENTIALS"),
        ("An account is born and lives", "account-lifecycle trigger CREATION_SUCCESS SYNC_SUCCESS OK --twin"),
        ("The first comes once more, after the others", "account-lifecycle trigger OK CREDENTIALS --late"),
        ("To your own application", "account-lifecycle trigger OK --url http://localhost:8000/webhooks"),
        ("Only the lines of curl", "account-lifecycle trigger ERROR OK --dry-run"),
    ],
)
@click.argument("statuses", metavar="STATUS...", nargs=-1, required=True, type=Keyword(ANNOUNCEMENTS))
@click.option("--url", metavar="URL", help="Send there.  [default: /hooks of serve, on this machine]")
@click.option("--account", "account_id", default=_SAMPLE.account_id, show_default=True, metavar="ID",
              help="The account that they are about.")  # fmt: skip
@click.option("--provider", default=_SAMPLE.provider, show_default=True, metavar="WORD",
              help="Its account type, as the vendor writes it.")  # fmt: skip
@click.option("--owner", default=_SAMPLE.owner, show_default=True, metavar="USER",
              help="The name in notifications of hosted auth: your user.")  # fmt: skip
@click.option("--product", default="", metavar="WORD", help="What was synchronized.")
@click.option("--reason", default="", metavar="TEXT", help="The vendor's reason.")
@click.option("--notify", is_flag=True, help="As notifications of hosted auth, in place of webhooks.")
@click.option("--twin", is_flag=True, help="By both channels, where hosted auth announces the same.")
@click.option("--repeat", type=click.IntRange(0, 1_000), default=0, metavar="COUNT",
              help="Send each so many times more, at once.")  # fmt: skip
@click.option("--late", is_flag=True, help="Send the first once more at the end, as a retry that came late.")
@click.option("--every", type=LENGTH, default="0s", metavar="LENGTH", help="Wait so long between two.")
@click.option("--show-secrets", is_flag=True, help="Write secrets into the printed lines.")
@click.option("--dry-run", is_flag=True, help="Print the lines, and send nothing.")
@json_option
def trigger_command(
    statuses: tuple[str, ...], url: str | None, account_id: str, provider: str, owner: str, product: str, reason: str,
    notify: bool, twin: bool, repeat: int, late: bool, every: timedelta, show_secrets: bool, dry_run: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Send a webhook for each STATUS, one after the other, and print the line of curl that does the same.

    They are signed with the secrets that serve asks for, if the variables that name them are set here, too. In the
    printed lines a variable stands for each secret. Ends with 1 if one of them is not answered with 200.
    """
    settings = read_settings()
    credentials = credentials_in(settings)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = url or f"http://{host}:{settings.port}/hooks"
    poster = Poster(url)
    channel = Channel.NOTIFY if notify else Channel.WEBHOOK
    subject = Subject(account_id, provider, owner, product, reason)
    samples = series([Status(word) for word in statuses], subject, channel=channel, repeat=repeat, late=late, twin=twin)
    refused, variables = 0, dict[str, str]()
    if not is_plain(url) and not show_secrets:
        variables[URL] = "the URL of --url"
    for number, sample in enumerate(samples):
        if number and not dry_run:
            time.sleep(every.total_seconds())
        credential = credential_for(sample.channel, credentials)
        shown, variable = presented(credential, sample.body, utc_now()), ""
        if credential is not None and not show_secrets:
            variable = stand_in(credential)
            variables[variable] = f"what the {credential.place} shows, by {VARIABLES[type(credential)]}"
        line = curl_line(url, sample, shown, None if show_secrets else variable)
        posted = None if dry_run else poster.post(headers_for(shown), sample.body, shown.parameters)
        refused += posted is not None and posted.status != 200
        if as_json:
            write_record(_record(sample, line, posted))
        else:
            click.echo(line if posted is None else f"{line}\n  {_answer(posted)}")
    for name, meaning in variables.items():
        say(f"${name} stands for {meaning}; --show-secrets writes it out")
    if refused:
        say(f"{counted(refused, 'webhook')} of {len(samples):,} not answered with 200")
        click.get_current_context().exit(ExitCode.FAILED)


def _answer(posted: Posted) -> str:
    """Return what became of a webhook, for people."""
    if not posted.status:
        return f"not sent: {posted.failure}"
    words = " ".join(posted.excerpt.decode("utf-8", "replace").split())
    return f"{posted.status} {printable(words, 200)}".rstrip()


def _record(sample: SampleWebhook, line: str, posted: Posted | None) -> dict[str, object]:
    return {
        "status": sample.status.value,
        "channel": sample.channel.value,
        "payload": sample.body.decode(),
        "curl": line,
        "answered": None if posted is None else posted.status or None,
        "failure": None if posted is None else posted.failure or None,
    }

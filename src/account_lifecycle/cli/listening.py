"""``listen``: show each webhook that comes in with what it means, and hand it on to an application."""

import sys
from datetime import datetime
from typing import TYPE_CHECKING

import click

from ..lifecycle.decide import Decision
from ..lifecycle.wording import health_words
from ..report.tables import STYLES, Column, style_of
from ..webhooks.posting import Poster
from .accounts import what_came
from .clocks import local_text, zone_name
from .commands import Command, ExitCode
from .opening import read_settings
from .options import json_option, policy_options
from .output import Sheet, say, write_record

if TYPE_CHECKING:
    from ..engine.core import Engine
    from ..server.listening import Arrival
    from ..server.receiver import Receiver


@click.command(
    "listen",
    cls=Command,
    short_help="Show webhooks as they come, with what they mean",
    examples=[
        ("See what comes in; in another shell: account-lifecycle trigger OK", "account-lifecycle listen"),
        ("Hand each one on to your application",
         "account-lifecycle listen --forward-to http://localhost:8000/webhooks"),
        ("For a program, one JSON object a line", "account-lifecycle listen --json > webhooks.jsonl"),
    ],
)  # fmt: skip
@click.option("--host", metavar="ADDRESS", help="Listen on this address.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65_535), metavar="NUMBER",
              help="Listen on this port; 0 is any that is free.  [default: 8787]")  # fmt: skip
@click.option("--forward-to", "forward_to", metavar="URL",
              help="Post each webhook there, with its headers, and answer as that answers.")  # fmt: skip
@policy_options
@json_option
def listen_command(host: str | None, port: int | None, forward_to: str | None, as_json: bool, **policy: object) -> None:
    """Receive webhooks at /hooks, and print each as a row with what it means, until Ctrl-C or SIGTERM.

    It judges as serve does, and knows the accounts that it has heard of since it was started: nothing is kept, no
    store is read. Secrets are asked for as by serve, if they are set, and shown where webhooks are forwarded to.

    Needs the extra: pip install "account-lifecycle[server]"
    """
    from .credentials import credentials_in
    from .serving import OPEN, needs_server

    settings = read_settings(host=host, port=port, **policy)
    with needs_server("listen"):
        from ..server.listening import Listener
        from ..server.serving import Serving, check_serving, serve
    poster = Poster(forward_to) if forward_to else None
    credentials = credentials_in(settings)
    how = Serving(settings.host, settings.port, 1, settings.grace_s, logs_access=False, runs_hooks=False)
    check_serving(how, is_open=not credentials, is_file=True)
    screen = None if as_json else _Screen(poster)

    def arrived(arrival: "Arrival") -> None:
        if screen is None:
            write_record(arrival.to_dict())
        else:
            screen.show(arrival)
        sys.stdout.flush()

    def opening() -> "tuple[Engine, Receiver]":
        return Listener.open(credentials, arrived, forward_to=poster, policy=settings.policy())

    def started(url: str, _pages: str) -> None:
        if not credentials:
            say(OPEN)
        onward = f", forwarding to {poster.host}" if poster else ""
        say(f"listening for webhooks at {url}{onward}; stop with Ctrl-C")

    if code := serve(opening, how, started):
        click.get_current_context().exit(ExitCode(code))
    say("stopped")


class _Screen:
    """Rows for people."""

    def __init__(self, poster: Poster | None) -> None:
        self._poster = poster
        self._sheet: Sheet | None = None  # its title names the zone of the first row

    def show(self, arrival: "Arrival") -> None:
        """Write a webhook: a row for each event in it, and what is to be said of it below."""
        if self._sheet is None:
            self._sheet = Sheet(
                Column(zone_name(arrival.at), 8),
                Column("account", 22),
                Column("provider", 9),
                Column("announced", 16),
                Column("verdict", 11, style=style_of),
                Column("  status, and what it means"),
            )
        for decision in arrival.decisions:
            self._write(self._sheet, decision)
        if arrival.remark:
            verdict = "REFUSED" if arrival.status >= 400 and arrival.forwarded is None else "QUARANTINED"
            self._sheet.row(_time_of_day(arrival.at), "", "", "", verdict, "")
            self._sheet.note("    ! ", arrival.remark)
        if arrival.forwarded is not None and self._poster is not None:
            sent = arrival.forwarded
            said = f"{sent.status} in {sent.took_s * 1000:,.0f} ms" if sent.status else sent.failure
            self._sheet.note("    > ", f"{self._poster.host}: {said}")

    @staticmethod
    def _write(sheet: Sheet, decision: Decision) -> None:
        after = decision.after
        arrow = " " if decision.before.status is after.status else "→"
        sheet.row(
            _time_of_day(decision.event.received_at),
            after.account_id or "(no account)",
            after.provider or "unknown",
            what_came(decision.event),
            decision.verdict,
            f"{arrow} {after.status}: {health_words(after.health, after.presumed).meaning}",
        )
        for anomaly in decision.anomalies:
            sheet.note("    ! ", f"{anomaly.kind}: {anomaly.explanation}", anomaly.kind, STYLES[anomaly.severity])


def _time_of_day(at: datetime) -> str:
    """Return a time of day in the local zone: what arrives now arrives today."""
    return local_text(at).rpartition(" ")[2]

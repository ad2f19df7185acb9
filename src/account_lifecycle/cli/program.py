"""The program and its commands, in the order in which a person meets them."""

import signal

import click

from .accounts import account, history
from .auditing import audit
from .commands import EXIT_CODES, PROGRAM, Program
from .databases import db
from .demo import demo
from .doctor import doctor
from .drawing import diagram
from .events import events_command
from .explaining import explain
from .feeding import feed, simulate_command
from .hooking import hooks
from .listening import listen_command
from .observing import observe_command
from .opening import config
from .quarantine import quarantine
from .reconciling import reconcile_command
from .registering import webhooks
from .replaying import replay_command
from .serving import serve_command
from .status import status_command
from .triggering import trigger_command
from .verifying import verify
from .windows import deadlines, windows
from .working import worker

_EPILOG = f"""
{EXIT_CODES}
\b
Data goes to stdout, messages to stderr; --json is for programs. Times are in
UTC: 2026-05-01, 2026-05-01T12:00:00Z, or how long ago, such as 24h or 7d.
By the local clock are 14:00, today and yesterday, and what status and events
show: they name the zone. An account is named by its id, the beginning of it,
or your own user id.

\b
Shell completion, for bash (zsh and fish likewise), in your shell's profile:
  eval "$(_ACCOUNT_LIFECYCLE_COMPLETE=bash_source account-lifecycle)"
"""

_SECTIONS = {
    "Start here": ("demo", "simulate", "feed", "observe", "reconcile"),
    "Ask about the fleet": ("status", "events"),
    "Ask about accounts": ("account", "history", "windows", "deadlines"),
    "Ask what went wrong": ("audit", "replay", "quarantine"),
    "Act on what happens": ("serve", "worker", "hooks"),
    "Try webhooks": ("trigger", "listen"),
    "Prove and keep the record": ("verify", "db"),
    "Look at the life cycle": ("diagram", "explain"),
    "Set up": ("config", "webhooks", "doctor"),
}


@click.group(
    cls=Program,
    sections=_SECTIONS,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
    examples=[
        ("See everything at work, on a simulated fleet", "account-lifecycle demo"),
        ("Look at the live page of one", "account-lifecycle serve --demo --open"),
        ("Feed a log of webhooks into the default store", "account-lifecycle feed log.jsonl"),
        ("Report every anomaly in it", "account-lifecycle audit"),
    ],
)
@click.version_option(package_name=PROGRAM)
def program() -> None:
    """Track the true state of connected accounts from webhooks that come twice, late or never."""


_COMMANDS = (
    demo, simulate_command, feed, observe_command, reconcile_command,
    status_command, events_command,
    account, history, windows, deadlines,
    audit, replay_command, quarantine,
    serve_command, worker, hooks,
    trigger_command, listen_command,
    verify, db,
    diagram, explain,
    config, webhooks, doctor,
)  # fmt: skip
for command in _COMMANDS:
    program.add_command(command)


def main() -> None:
    """Run the command line; the entry point of the installed program. SIGTERM is as good as Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    program(prog_name=PROGRAM)

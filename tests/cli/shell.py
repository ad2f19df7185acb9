"""What the stories of the command line share: a log of a few accounts, and what a command said."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from click.testing import CliRunner

from account_lifecycle.cli.program import program

NOW = "2026-05-10T12:00:00Z"
"""When the stories are told: days after the log ends."""


class Ran(NamedTuple):
    """How a command ended and what it said."""

    code: int
    out: str
    err: str
    out_bytes: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


Run = Callable[..., Ran]


def invoke(*args: object, stdin: bytes | None = None, **env: str) -> Ran:
    """Run a command as a person would type it."""
    ended = CliRunner().invoke(program, [str(arg) for arg in args], input=stdin, env=env, catch_exceptions=False)
    return Ran(ended.exit_code, ended.stdout, ended.stderr, ended.stdout_bytes)


def webhook(at: str, account_id: str, message: str, account_type: str = "LINKEDIN", **more: str) -> bytes:
    status = {"account_id": account_id, "account_type": account_type, "message": message, **more}
    return json.dumps({"received_at": at, "payload": {"AccountStatus": status}}).encode()


def notification(at: str, account_id: str, status: str, name: str) -> bytes:
    return json.dumps(
        {"received_at": at, "payload": {"status": status, "account_id": account_id, "name": name}}
    ).encode()


LOG = (
    notification("2026-05-01T08:00:00Z", "acc_down", "CREATION_SUCCESS", "user-7"),
    webhook("2026-05-01T08:00:05Z", "acc_down", "CREATION_SUCCESS"),
    webhook("2026-05-01T08:10:00Z", "acc_down", "SYNC_SUCCESS", product="classic"),
    webhook("2026-05-01T08:11:00Z", "acc_down", "OK"),
    webhook("2026-05-01T09:00:00Z", "acc_live", "CREATION_SUCCESS", "GOOGLE_OAUTH"),
    webhook("2026-05-01T09:01:00Z", "acc_live", "OK", "GOOGLE_OAUTH"),
    webhook("2026-05-02T10:00:00Z", "acc_live", "ERROR", "GOOGLE_OAUTH"),
    webhook("2026-05-02T11:00:00Z", "acc_live", "OK", "GOOGLE_OAUTH"),
    webhook("2026-05-03T09:00:00Z", "acc_down", "CREDENTIALS"),
    webhook("2026-05-03T09:05:00Z", "acc_down", "CREATION_SUCCESS"),
    webhook("2026-05-04T08:00:00Z", "acc_stuck", "CREDENTIALS", "WHATSAPP"),
    webhook("2026-05-04T10:00:00Z", "acc_stuck", "RECONNECTED", "WHATSAPP"),
    webhook("2026-05-05T08:00:00Z", "acc_gone", "CREATION_SUCCESS", "TWITTER"),
    webhook("2026-05-05T08:01:00Z", "acc_gone", "DELETED", "TWITTER"),
    webhook("2026-05-06T07:00:00Z", "acc_gone", "OK", "TWITTER"),
    webhook("2026-05-06T08:00:00Z", "acc_odd", "SLEEPING", "SLACK"),
    b'{"AccountStatus": {"account_type": "X", "message": "OK"}}',
    b"\xff\x1b[31mnot JSON",
)
"""A lost account, a live one, a stuck one, a deleted one that still talks, an odd one; two unreadable payloads."""

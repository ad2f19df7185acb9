"""JSON: every answer can be had by a program, as one document or as JSON Lines."""

import json
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from account_lifecycle.cli.program import program
from cli.shell import NOW, Run

DOCUMENTS = {
    "simulate": ["fleet.jsonl", "--accounts", "3"],
    "feed": ["log.jsonl", "--store", "memory:"],
    "observe": ["accounts.jsonl", "--store", "memory:"],
    "account show": ["acc_down"],
    "account explain": ["acc_down"],
    "audit": [],
    "replay": ["log.jsonl"],
    "quarantine show": ["1"],
    "quarantine dismiss": ["1"],
    "explain": ["OK", "ERROR"],
    "config show": [],
    "status": [],
    "verify": [],
    "account erase": ["acc_down", "--yes"],
    "db check": [],
    "db backup": ["backup.db"],
    "db prune": ["--before", "2026-05-03", "--archive", "old.jsonl.gz", "--yes"],
}
STREAMS = {
    "account list": [],
    "events": ["--since", "2026-05-01"],
    "history": ["acc_down"],
    "windows": [],
    "deadlines": ["--now", NOW],
    "quarantine list": [],
    "quarantine replay": [],
    "trigger": ["OK", "--dry-run"],
}
PICTURES = {"diagram", "demo"}
"""What is there to be looked at."""
WITH_A_SERVER = {"db copy", "serve", "listen"}
"""What needs a server of its own (``test_databases``), or is one (``test_serving``, ``tests/server``)."""

WITH_HOOKS = {
    "worker",
    "hooks list",
    "hooks deliveries",
    "hooks redrive",
    "hooks skip",
    "hooks rename",
    "hooks enable",
    "hooks forget",
}
"""What needs hooks of its own (``test_worker``, ``test_hooks``)."""
WITH_THE_VENDOR = {"reconcile", "webhooks list", "webhooks register", "webhooks delete", "doctor"}
"""What asks the vendor's API (``test_reconciling``, ``test_doctor``)."""


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[str]:
    if not isinstance(command, click.Group):
        yield " ".join(path)
        return
    for name, sub in command.commands.items():
        yield from leaves(sub, (*path, name))


def test_every_command_answers_in_json_but_those_that_draw() -> None:
    assert set(leaves(program)) == {*DOCUMENTS, *STREAMS} | PICTURES | WITH_A_SERVER | WITH_HOOKS | WITH_THE_VENDOR


@pytest.mark.parametrize("command", DOCUMENTS)
def test_a_single_thing_is_one_document(command: str, run: Run, store: Path, log: Path) -> None:
    log.with_name("accounts.jsonl").write_text('{"account_id": "acc_live", "status": "OK"}')
    ran = run(*command.split(), *DOCUMENTS[command], "--json")
    assert ran.code == 0
    assert isinstance(ran.document, dict)


@pytest.mark.parametrize("command", STREAMS)
def test_a_stream_is_one_object_a_line(command: str, run: Run, store: Path) -> None:
    ran = run(*command.split(), *STREAMS[command], "--json")
    assert ran.code == 0
    assert ran.records
    assert all(isinstance(record, dict) for record in ran.records)


@pytest.mark.parametrize("command", STREAMS)
def test_a_stream_is_plain_ascii_so_that_any_pipe_can_carry_it(command: str, run: Run, tmp_path: Path) -> None:
    line = {"status": "CREATION_SUCCESS", "account_id": "acc_1", "name": "Zoë"}
    run("feed", "-", stdin=json.dumps(line, ensure_ascii=False).encode() + b'\n"na\xc3\xafve"\n')
    arguments = [word.replace("acc_down", "acc_1") for word in STREAMS[command]]
    assert run(*command.split(), *arguments, "--json").out.isascii()

"""Campaigns as their users run them: each in a process of its own, because they fork and kill."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]


class Outcome(NamedTuple):
    """What came of a campaign."""

    code: int
    """What it exited with."""
    printed: str
    figures: dict[str, int]
    """What it counted, by name; of several reports the sum."""


def run_campaign(*arguments: str, postgres: str = "") -> Outcome:
    """Run one, on a PostgreSQL server that is there if its URL is given; skips the test if it cannot run here."""
    given = {"ACCOUNT_LIFECYCLE_TEST_POSTGRES": postgres} if postgres else {}
    command = [sys.executable, "-m", "campaigns", *arguments]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **given}, capture_output=True, text=True, check=False)
    if "  skipped:" in done.stdout:
        pytest.skip(done.stdout.strip())
    return Outcome(done.returncode, done.stdout + done.stderr, _figures(done.stdout))


def _figures(printed: str) -> dict[str, int]:
    sums: dict[str, int] = {}
    for line in printed.splitlines():
        name, _, value = line.strip().rpartition("  ")
        if value.replace(",", "").isdecimal():
            sums[name.strip()] = sums.get(name.strip(), 0) + int(value.replace(",", ""))
    return sums

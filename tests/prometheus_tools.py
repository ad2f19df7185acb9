"""Prometheus' own programs, ``promtool`` and ``prometheus``: tests that need one are skipped where it is missing."""

import shutil
import subprocess
from pathlib import Path

import pytest


def program(name: str) -> str:
    """Where a program of Prometheus is."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is missing: python3 dev.py services installs it")
    return found


def promtool(*words: str, told: bytes = b"", folder: Path | None = None) -> str:
    """What promtool says of something that it finds nothing wrong with."""
    ran = subprocess.run(
        [program("promtool"), *words], input=told, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder
    )
    said = ran.stdout.decode()
    assert ran.returncode == 0, said
    return said

"""Saboteurs: bugs that are put in on purpose, one at a time; the test suite must catch every one of them.

A copy of the checkout is made and patched; the tests that are named for the bug must pass before and fail after.
The table of bugs is ``sabotages``. A patch that does not fit the source any more breaks the campaign, too.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from .report import Report, conclude
from .sabotages import SABOTAGES, Sabotage

ROOT = Path(__file__).resolve().parent.parent
COPIED = ("src", "tests", "campaigns", "pyproject.toml", "README.md")
PATIENCE_S = 300
PASSED, FAILED = 0, 1
"""What pytest exits with; anything else means that it could not even try."""


def main(arguments: Sequence[str]) -> int:
    """Run the campaign as told on the command line; its exit code."""
    parser = argparse.ArgumentParser(prog="campaigns saboteurs", description=__doc__)
    parser.add_argument("--only", metavar="WORD", default="", help="those whose name contains this")
    parser.add_argument("--list", action="store_true", help="name them and run nothing")
    options = parser.parse_args(arguments)
    chosen = [sabotage for sabotage in SABOTAGES if options.only in sabotage.name]
    if options.list:
        print("\n".join(f"{sabotage.name} ({sabotage.file})" for sabotage in chosen))
        return 0
    return conclude(run(chosen))


def run(sabotages: Sequence[Sabotage]) -> Report:
    """Try each sabotage on a copy of the checkout."""
    started_s, caught, survived = time.monotonic(), list[str](), list[str]()
    broken = [f"{sabotage.name}: {misfit}" for sabotage in sabotages if (misfit := misfit_of(ROOT, sabotage))]
    if not broken:
        with copied_checkout() as copy:
            broken = list(_unsound(copy, sabotages))
            for sabotage in sabotages if not broken else ():
                missed = _missed(copy, sabotage)
                (survived if missed else caught).append(sabotage.name)
                broken += missed
    details = [f"caught    {name}" for name in caught] + [f"SURVIVED  {name}" for name in survived]
    seconds = f"{time.monotonic() - started_s:.0f}"
    figures: dict[str, object] = {"saboteurs": len(sabotages), "caught": len(caught), "survived": len(survived)}
    return Report("saboteurs", {**figures, "seconds": seconds}, tuple(broken), tuple(details))


def misfit_of(root: Path, sabotage: Sabotage) -> str:
    """Why a patch does not fit a checkout; blank if it does."""
    path = root / sabotage.file
    if not path.exists():
        return f"there is no {sabotage.file}"
    found = path.read_text(encoding="utf-8").count(sabotage.text)
    return "" if found == 1 else f"its text is in {sabotage.file} {found} times: keep the table true"


@contextmanager
def copied_checkout() -> Iterator[Path]:
    """A copy of the checkout, of which it is certain that it is what its tests import."""
    with TemporaryDirectory(prefix="account-lifecycle-saboteurs-") as folder:
        copy = Path(folder)
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
            elif source.exists():
                shutil.copy(source, copy / name)
        where = _python(copy, "-c", "import account_lifecycle; print(account_lifecycle.__file__)").stdout.strip()
        assert Path(where).is_relative_to(copy), f"the tests of the copy would import {where}"
        yield copy


def is_caught(copy: Path, sabotage: Sabotage, test: str) -> bool:
    """Whether a test fails while the patch is in. Raises ``RuntimeError`` if it could not be run."""
    path = copy / sabotage.file
    sound = path.read_text(encoding="utf-8")
    path.write_text(sound.replace(sabotage.text, sabotage.replacement), encoding="utf-8")
    try:
        return bool(_failures(copy, [test], "-x"))
    finally:
        path.write_text(sound, encoding="utf-8")


def _missed(copy: Path, sabotage: Sabotage) -> list[str]:
    """The tests that should have caught a sabotage and did not."""
    try:
        return [
            f"{sabotage.name}: not caught by {test}" for test in sabotage.tests if not is_caught(copy, sabotage, test)
        ]
    except RuntimeError as error:
        return [f"{sabotage.name}: {error}"]


def _unsound(copy: Path, sabotages: Sequence[Sabotage]) -> Iterator[str]:
    """Why the tests prove nothing: some fail without any sabotage."""
    try:
        for failure in _failures(copy, sorted({test for sabotage in sabotages for test in sabotage.tests})):
            yield f"fails without any sabotage: {failure}"
    except RuntimeError as error:
        yield str(error)


def _failures(copy: Path, tests: Sequence[str], *options: str) -> list[str]:
    """Which tests of the copy fail. Raises ``RuntimeError`` if some could not be run."""
    done = _python(copy, "-m", "pytest", "-q", "-rfEs", "--tb=no", "-p", "no:cacheprovider", *options, *tests)
    lines = done.stdout.splitlines()
    failed = [line for line in lines if line.startswith("FAILED")]
    if done.returncode != (FAILED if failed else PASSED) or any(line.startswith("SKIPPED") for line in lines):
        raise RuntimeError(f"{', '.join(tests)} could not be run: {done.stdout[-1000:]} {done.stderr[-1000:]}")
    return failed


def _python(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the copy. Its path comes first, before that of an editable installation."""
    environment = {**os.environ, "PYTHONPATH": str(copy / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=copy, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )

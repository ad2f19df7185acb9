#!/usr/bin/env python3
"""Everything a developer runs, with nothing but Python 3.11 or newer.

    python3 dev.py demo       a fleet of accounts lives, breaks and recovers before your eyes
    python3 dev.py test       the whole test suite; arguments are handed on to pytest
    python3 dev.py check      lint, formatting and types
    python3 dev.py campaign   break it on purpose: kills, power loss, full disks, bit rot; without a name, a list
    python3 dev.py services   install what some tests need of Debian: PostgreSQL, strace, Java 17, Chromium, Prometheus
    python3 dev.py bench      benchmarks beside peers (--only NAME, --quick); bench-replay, -fleet, -server: long ones
    python3 dev.py diagrams   draw diagrams/ anew from the machine
    python3 dev.py docs       write the generated pages of docs/ anew
    python3 dev.py shell ...  run any command in the environment

The first run makes the environment in .venv (with uv if it is there, else with venv and pip).
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
STAMP = VENV / "installed.sha256"

APART = ("tests/spark", "tests/lifecycle", "tests/intake", "tests/simulate", "tests/drawing")
"""What runs beside the rest of the suite, for a second core: it needs no database, and takes about as long."""

COMMANDS: dict[str, list[list[str]]] = {
    "demo": [["account-lifecycle", "demo"]],
    "test": [["python", "-m", "pytest"]],
    "check": [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]],
    "bench": [["python", "benchmarks/run.py"]],
    "bench-replay": [["python", "benchmarks/replay.py"]],
    "bench-fleet": [["python", "benchmarks/fleet.py"]],
    "bench-server": [["python", "benchmarks/receiver.py"]],
    "campaign": [["python", "-m", "campaigns"]],
    "diagrams": [["python", "-m", "account_lifecycle.drawing.gallery", "diagrams"]],
    "docs": [["python", "docs/generate.py"]],
    "shell": [[]],
}
EXTRA_GROUPS = {
    "bench": ("bench",),
    "bench-replay": ("bench",),
    "bench-fleet": ("bench",),
    "bench-server": ("bench",),
    "campaign": ("campaigns",),
}
"""Dependency groups of pyproject.toml that a command needs besides ``dev``."""


def main(arguments: list[str]) -> int:
    """Run one command; its exit code."""
    if arguments[:1] == ["services"]:
        return install_services()
    if not arguments or arguments[0] not in COMMANDS:
        print(__doc__)
        return 0 if arguments and arguments[0] in ("-h", "--help", "help") else 2
    name, *rest = arguments
    make_environment(extra_groups=EXTRA_GROUPS.get(name, ()))
    if name == "test" and not rest:
        return run_all_tests()
    *first, last = COMMANDS[name]
    for command in [*first, [*last, *rest]]:
        code = run(command)
        if code:
            return code
    if name == "demo":
        print("  These commands are in the environment; in this shell, first:\n    . .venv/bin/activate")
    return 0


def run_all_tests() -> int:
    """Run the whole suite, some of it beside the rest, which mostly waits. The worst exit code."""
    with tempfile.TemporaryFile() as told:
        beside = subprocess.Popen(
            [str(PYTHON), "-m", "pytest", *APART],
            cwd=ROOT,
            stdout=told,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        code = run(["python", "-m", "pytest", *(f"--ignore={folder}" for folder in APART)])
        print(f"\n{', '.join(APART)}, which ran beside:", flush=True)
        code = max(code, beside.wait())
        told.seek(0)
        print(told.read().decode(errors="replace"), flush=True)
    return code


def install_services() -> int:
    """Install PostgreSQL's server, strace, Java, Chromium and Prometheus by apt-get, where missing; the exit code.

    Tests start a private server themselves; no server of the system is made or started.
    """
    wanted = {
        "postgresql": bool(server_binaries()),
        "strace": bool(shutil.which("strace")),
        "openjdk-17-jre-headless": bool(shutil.which("java")),
        "chromium": bool(shutil.which("chromium")),
        "prometheus": bool(shutil.which("promtool")),
    }
    missing = [package for package, is_there in wanted.items() if not is_there]
    if not missing:
        return 0
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        print(
            f"{' and '.join(missing)} missing: tests that need it are skipped. As root on Debian: apt-get install them."
        )
        return 0
    configuration = Path("/etc/postgresql-common/createcluster.conf")
    if "postgresql" in missing and not configuration.exists():
        configuration.parent.mkdir(parents=True, exist_ok=True)
        configuration.write_text("create_main_cluster = false\n")
    unit = Path("/etc/systemd/system/prometheus.service")
    if "prometheus" in missing and unit.parent.is_dir() and not unit.is_symlink() and not unit.exists():
        unit.symlink_to("/dev/null")  # as `systemctl mask` does
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", *missing]):
        code = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False).returncode
        if code:
            print(f"{' '.join(command)} failed: tests that need {' and '.join(missing)} are skipped.")
            return 0
    return 0


def server_binaries() -> list[Path]:
    """Where PostgreSQL's server is installed: its folders of programs, newest first."""
    found = [Path(initdb).parent] if (initdb := shutil.which("initdb")) else []
    return [*found, *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]


def run(command: list[str]) -> int:
    """Run a command of the environment from the checkout's root; its exit code."""
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}", "VIRTUAL_ENV": str(VENV)}
    program = shutil.which(command[0], path=environment["PATH"]) or command[0]
    return subprocess.run([program, *command[1:]], cwd=ROOT, env=environment, check=False).returncode


def make_environment(extra_groups: tuple[str, ...] = ()) -> None:
    """Make .venv and install the project with its tools, unless that was done for this pyproject.toml."""
    groups = ("dev", *extra_groups)
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    done = STAMP.read_text().split() if STAMP.exists() else []
    if done[:1] == [wanted] and set(groups) <= set(done[1:]):
        return
    print("Making the environment in .venv (the first run only) ...", file=sys.stderr, flush=True)
    uv = shutil.which("uv")
    if not PYTHON.exists():
        by_uv = ["uv", "venv", "--quiet", "--python", sys.executable, str(VENV)]
        make = by_uv if uv else [sys.executable, "-m", "venv", str(VENV)]
        checked(make, "Could not make .venv. On Debian or Ubuntu: apt-get install python3-venv.")
    pip = ["uv", "pip", "install", "--python", str(PYTHON)] if uv else [str(PYTHON), "-m", "pip", "install"]
    checked(
        [*pip, "--quiet", "--editable", f"{ROOT}[diagrams,postgres,replay,server,spark]", *requirements(groups)],
        "Could not install the project. Is a package index within reach?",
    )
    before = done[1:] if done[:1] == [wanted] else []
    STAMP.write_text(" ".join(dict.fromkeys([wanted, *before, *groups])))


def requirements(groups: tuple[str, ...]) -> list[str]:
    """What the dependency groups of pyproject.toml name, without the project itself."""
    import tomllib  # here, so that an older Python gets as far as being told that it is too old

    listed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    return [line for group in groups for line in listed[group] if not line.startswith("account-lifecycle")]


def checked(command: list[str], advice: str) -> None:
    """Run a command that must succeed."""
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode:
        sys.exit(f"\n{advice}")


if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036 - this is how an older one is told
        sys.exit("account-lifecycle needs Python 3.11 or newer.")
    sys.exit(main(sys.argv[1:]))

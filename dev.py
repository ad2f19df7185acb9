#!/usr/bin/env python3
"""Everything a developer runs, with nothing but Python 3.11 or newer.

    python3 dev.py demo       the live page of a simulated fleet, until Ctrl-C (--open: in your browser); without a
                              terminal, in CI or with --print: a tour on the screen, which ends by itself
    python3 dev.py test       the whole test suite; arguments are handed on to pytest
    python3 dev.py check      lint, formatting and types
    python3 dev.py campaign   break it on purpose: kills, power loss, full disks, bit rot; without a name, a list
    python3 dev.py services   install what some tests need of Debian: PostgreSQL, strace, Java 17, Chromium, Prometheus
    python3 dev.py bench      benchmarks beside peers (--only NAME, --quick); bench-replay, -fleet, -server, -reconcile
    python3 dev.py diagrams   draw diagrams/ anew from the machine
    python3 dev.py docs       write the generated pages of docs/ anew
    python3 dev.py shell ...  run any command in the environment

The first run makes the environment in .venv (with uv if it is there, else with venv and pip).
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
STAMP = VENV / "installed.sha256"

SIDE_BY_SIDE = ["--numprocesses", "auto", "--maxprocesses", "4", "--dist", "loadfile"]
"""How the whole suite runs: a process for each core. The tests of a module stay together: they share what they open."""

COMMANDS: dict[str, list[list[str]]] = {
    "test": [["python", "-m", "pytest"]],
    "check": [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]],
    "bench": [["python", "benchmarks/run.py"]],
    "bench-replay": [["python", "benchmarks/replay.py"]],
    "bench-fleet": [["python", "benchmarks/fleet.py"]],
    "bench-server": [["python", "benchmarks/receiver.py"]],
    "bench-reconcile": [["python", "benchmarks/reconcile.py"]],
    "campaign": [["python", "-m", "campaigns"]],
    "diagrams": [
        ["python", "-m", "account_lifecycle.drawing.gallery", "diagrams"],
        ["python", "-m", "account_lifecycle.server.census"],
    ],
    "docs": [["python", "docs/generate.py"]],
    "shell": [[]],
}
EXTRAS = {
    "demo": "server",
    "dev": "diagrams,postgres,replay,server,spark,vendor",
}
"""What is installed of the project: as much as the demo needs, or everything."""
EXTRA_GROUPS = {
    "bench": ("bench",),
    "bench-replay": ("bench",),
    "bench-fleet": ("bench",),
    "bench-server": ("bench",),
    "bench-reconcile": ("bench",),
    "campaign": ("campaigns",),
}
"""Dependency groups of pyproject.toml that a command needs besides ``dev``."""


def main(arguments: list[str]) -> int:
    """Run one command; its exit code."""
    if arguments[:1] == ["services"]:
        return install_services()
    if arguments[:1] == ["demo"]:
        return show_demo(arguments[1:])
    if not arguments or arguments[0] not in COMMANDS:
        print(__doc__)
        return 0 if arguments and arguments[0] in ("-h", "--help", "help") else 2
    name, *rest = arguments
    make_environment(("dev", *EXTRA_GROUPS.get(name, ())))
    if name == "test" and not rest:
        rest = SIDE_BY_SIDE
    *first, last = COMMANDS[name]
    for command in [*first, [*last, *rest]]:
        code = run(command)
        if code:
            return code
    return 0


def show_demo(options: list[str]) -> int:
    """Serve the live page of a simulated fleet until Ctrl-C, or print the tour where nobody could press it."""
    make_environment(("demo",))
    if "--print" in options or os.environ.get("CI") or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return print_demo([word for word in options if word not in ("--print", "--open")])
    print(
        f"In another shell, for account-lifecycle's other commands: . {BIN / 'activate'}", file=sys.stderr, flush=True
    )
    command = [program("account-lifecycle"), "serve", "--demo", *options]
    if os.name == "posix":
        os.execve(command[0], command, environment())  # signals are the server's then: it removes what it made
    return subprocess.run(command, env=environment(), check=False).returncode


def print_demo(options: list[str]) -> int:
    """Print the tour, then start the live page, feed it two webhooks and fetch it; the exit code."""
    if code := run(["account-lifecycle", "demo"]):
        return code
    print("  These commands are in the environment; in this shell, first:\n    . .venv/bin/activate\n", flush=True)
    command = [program("account-lifecycle"), "serve", "--demo", "--port", "0", *options]
    with subprocess.Popen(command, cwd=ROOT, env=environment(), stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        try:
            while line := server.stderr.readline():
                print(line, end="", flush=True)
                if receiver := re.search(r"http://\S+/hooks", line):
                    code = run(["account-lifecycle", "trigger", "CREATION_SUCCESS", "OK", "--url", receiver[0]])
                    return code or fetch(receiver[0].removesuffix("hooks"))
            return server.wait() or 1
        finally:
            server.terminate()


def fetch(url: str) -> int:
    """Fetch a page and print its size and title; the exit code."""
    with urllib.request.urlopen(url, timeout=30) as page:
        text = page.read().decode()
    title = re.search("<title>(.*?)</title>", text, re.DOTALL)
    print(f"GET {url} -> {page.status}, {len(text):,} characters: {title[1].strip() if title else 'no title'}")
    return 0


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
    command = [program(command[0]), *command[1:]]
    return subprocess.run(command, cwd=ROOT, env=environment(), check=False).returncode


def environment() -> dict[str, str]:
    """Return the variables with which programs of the environment run."""
    return {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}", "VIRTUAL_ENV": str(VENV)}


def program(name: str) -> str:
    """Return the path of a program, of the environment first."""
    return shutil.which(name, path=environment()["PATH"]) or name


def make_environment(groups: tuple[str, ...]) -> None:
    """Make .venv and install the project with what these groups need, unless that was done for this pyproject.toml."""
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    done = STAMP.read_text().split() if STAMP.exists() else []
    if done[:1] == [wanted] and {*groups} <= {*done[1:], *(("demo",) if "dev" in done else ())}:
        return
    print("Making the environment in .venv (the first run only) ...", file=sys.stderr, flush=True)
    uv = shutil.which("uv")
    if not PYTHON.exists():
        by_uv = ["uv", "venv", "--quiet", "--python", sys.executable, str(VENV)]
        make = by_uv if uv else [sys.executable, "-m", "venv", str(VENV)]
        checked(make, "Could not make .venv. On Debian or Ubuntu: apt-get install python3-venv.")
    by_pip = [str(PYTHON), "-m", "pip", "install", "--no-compile"]
    pip = ["uv", "pip", "install", "--python", str(PYTHON)] if uv else by_pip
    checked(
        [*pip, "--quiet", "--editable", f"{ROOT}[{EXTRAS[groups[0]]}]", *requirements(groups)],
        "Could not install the project. Is a package index within reach?",
    )
    before = done[1:] if done[:1] == [wanted] else []
    STAMP.write_text(" ".join(dict.fromkeys([wanted, *before, *groups])))


def requirements(groups: tuple[str, ...]) -> list[str]:
    """What the dependency groups of pyproject.toml name, without the project itself."""
    import tomllib  # here, so that an older Python gets as far as being told that it is too old

    listed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    lines = [line for group in groups for line in listed.get(group, ())]
    return [line for line in lines if not line.startswith("account-lifecycle")]


def checked(command: list[str], advice: str) -> None:
    """Run a command that must succeed."""
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode:
        sys.exit(f"\n{advice}")


if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036 - this is how an older one is told
        sys.exit("account-lifecycle needs Python 3.11 or newer.")
    sys.exit(main(sys.argv[1:]))

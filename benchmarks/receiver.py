"""Measure the receiver beside the handler that one would write by hand, and beside an echo.

    python benchmarks/receiver.py [--quick] [--rounds COUNT] [--seconds LENGTH] [--postgres] [--json FILE]

Each contender is a server of its own, one process of uvicorn with httptools: ``account-lifecycle serve`` with the
secret of a header, the handler with FastAPI and SQLAlchemy, and an ASGI application that only reads and answers
(``receiver_peers``). The rounds are interleaved (A B C A B C ...); in each, wrk posts the status webhooks of 10,000
accounts over 64 connections, each account's in the order of a life, and the table gives medians. CPU time is that of
the server's process, for a request. Ratios bear a busy machine, requests a second do not. Needs wrk (Debian: apt-get
install wrk), and with ``--postgres`` the programs of a PostgreSQL server.

The exit code is 0 unless it breaks: times are no test.
"""

import argparse
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "tests"))

SECRET = "a-secret-of-the-benchmark"
SCRIPT = f"""
wrk.method = "POST"
wrk.headers["X-Webhook-Secret"] = "{SECRET}"
wrk.headers["Content-Type"] = "application/json"
local life = {{"CREATION_SUCCESS", "SYNC_SUCCESS", "OK", "CREDENTIALS", "RECONNECTED", "SYNC_SUCCESS", "OK", "ERROR"}}
local sent = 0
function request()
  local account, turn = sent % 10000, math.floor(sent / 10000)
  local word = life[turn < 8 and turn + 1 or (turn - 3) % 5 + 4]
  sent = sent + 1
  local body = string.format(
    '{{"AccountStatus": {{"account_id": "acc_%d", "account_type": "LINKEDIN", "message": "%s"}}}}', account, word)
  return wrk.format(nil, "/hooks", nil, body)
end
function done(summary, latency, requests)
  local errors = summary.errors
  print(string.format("RESULT %d %d %d %d %d", summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(99), errors.status + errors.connect + errors.read + errors.write + errors.timeout))
end
"""


class Round(NamedTuple):
    """What one round came to."""

    requests_per_s: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    errors: int


class Contender(NamedTuple):
    """A server that is running."""

    name: str
    url: str
    pid: int


def main() -> None:
    """Run the rounds and print the table."""
    options = _options()
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed. On Debian: apt-get install wrk")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        script = folder / "post.lua"
        script.write_text(SCRIPT)
        ours, naive = f"sqlite:///{folder}/ours.db", f"sqlite:///{folder}/naive.db"
        if options.postgres:
            ours, naive = stack.enter_context(_databases())
        contenders = [
            stack.enter_context(_ours(ours, folder)),
            stack.enter_context(_peer("FastAPI and SQLAlchemy", "naive", {"NAIVE_STORE": naive}, folder)),
            stack.enter_context(_peer("ASGI echo", "echo", {}, folder)),
        ]
        for contender in contenders:
            _load(contender, script, min(1.0, options.seconds))
        rounds: dict[str, list[Round]] = {contender.name: [] for contender in contenders}
        for _ in range(options.rounds):
            for contender in contenders:
                rounds[contender.name].append(_load(contender, script, options.seconds))
    rows = {name: _middle(found) for name, found in rounds.items()}
    print("\n".join(_table(rows)))
    if options.json:
        document = {"rounds": {name: [each._asdict() for each in found] for name, found in rounds.items()}}
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one short round each, to see that all of it runs")
    parser.add_argument("--rounds", type=int, default=5, help="how many rounds")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long a round of one contender is")
    parser.add_argument("--postgres", action="store_true", help="both over a private PostgreSQL server")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rounds to a file as well")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 1, 1.0
    return options


# ---- Servers ---------------------------------------------------------------------------------------------


@contextmanager
def _databases() -> Iterator[tuple[str, str]]:
    """Start a private PostgreSQL server; yield the URLs of two databases."""
    import psycopg

    from postgres_server import private_server

    with private_server() as server:
        with psycopg.connect(server.url, autocommit=True) as db:
            for name in ("ours", "naive"):
                db.execute(f"CREATE DATABASE {name}")
        yield server.url_of("ours"), server.url_of("naive")


@contextmanager
def _ours(store: str, folder: Path) -> Iterator[Contender]:
    port = _free_port()
    words = ["serve", "--port", str(port), "--store", store, "--no-access-log"]
    environment = {"ACCOUNT_LIFECYCLE_WEBHOOK_SECRETS": SECRET}
    command = [sys.executable, "-c", "from account_lifecycle.cli import main; main()", *words]
    with _running("account-lifecycle serve", command, port, environment, folder / "ours.log") as contender:
        yield contender


@contextmanager
def _peer(name: str, app: str, environment: dict[str, str], folder: Path) -> Iterator[Contender]:
    port = _free_port()
    words = [f"receiver_peers:{app}", "--port", str(port), "--http", "httptools", "--no-access-log"]
    command = [sys.executable, "-m", "uvicorn", *words, "--log-level", "error"]
    with _running(name, command, port, environment, folder / f"{app}.log") as contender:
        yield contender


@contextmanager
def _running(name: str, command: list[str], port: int, environment: dict[str, str], log: Path) -> Iterator[Contender]:
    with log.open("w") as errors:
        process = subprocess.Popen(command, cwd=HERE, env={**os.environ, **environment}, stderr=errors)
        try:
            _wait_for(port)
            yield Contender(name, f"http://127.0.0.1:{port}", process.pid)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    ends_s = time.monotonic() + 30
    while time.monotonic() < ends_s:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(f"nothing listens on port {port}")


# ---- Load ------------------------------------------------------------------------------------------------


def _load(contender: Contender, script: Path, seconds: float) -> Round:
    """Let wrk post for so long, and see what it cost the server."""
    before_s = _cpu_s(contender.pid)
    words = ["wrk", "-t1", "-c64", f"-d{max(1, round(seconds))}s", "--latency", "-s", str(script), contender.url]
    out = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    found = re.search(r"^RESULT (\d+) (\d+) ([\d.]+) ([\d.]+) (\d+)$", out, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"wrk said: {out}")
    requests, duration_us, p50_us, p99_us, errors = (float(word) for word in found.groups())
    cpu_us = (_cpu_s(contender.pid) - before_s) * 1e6 / max(1, requests)
    return Round(requests / duration_us * 1e6, p50_us / 1000, p99_us / 1000, cpu_us, int(errors))


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _middle(rounds: list[Round]) -> Round:
    middles = [statistics.median(column) for column in zip(*(each[:4] for each in rounds), strict=True)]
    return Round(*middles, errors=sum(each.errors for each in rounds))


def _table(rows: dict[str, Round]) -> list[str]:
    ours = next(iter(rows.values()))
    lines = [
        "| server | requests/s | ours to it | p50 | p99 | CPU a request | errors |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        ratio = ours.requests_per_s / row.requests_per_s
        lines.append(
            f"| {name} | {row.requests_per_s:,.0f} | {ratio:.2f} | {row.p50_ms:.1f} ms | {row.p99_ms:.1f} ms"
            f" | {row.cpu_us:,.0f} µs | {row.errors:,} |"
        )
    return lines


if __name__ == "__main__":
    main()

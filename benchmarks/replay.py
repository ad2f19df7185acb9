"""Replays of logs in the shapes that are read today, beside other ways to go through the same file.

    python benchmarks/replay.py [--accounts N] [--rounds N] [--million] [--wrapped] [--quick]

Every contender runs in a process of its own, round after round in turn, and CPU seconds count. Everybody has read the
log once before the clock starts. Peers that keep an object for each account have all of them by then, and are given the
records that our own reading yields, so that only judging differs. Ours is the whole replay: reading, judging, findings,
sums. The exit code is 0 whether or not targets are met: times are no test.
"""

import argparse
import csv
import gc
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from lives import START, Arrival, arrivals

from account_lifecycle.intake.payloads import parse
from account_lifecycle.lifecycle.policy import DEFAULT_POLICY
from account_lifecycle.replay.audit import replay_sources
from account_lifecycle.replay.shards import Task, read_through
from account_lifecycle.replay.shares import Share
from account_lifecycle.replay.sources import open_sources

SHAPES = ("envelope.jsonl", "bare.jsonl", "columns.csv", "payloads.csv", "columns.parquet")
WRAPPED = {"svix.jsonl": 1.3, "cloudwatch.jsonl": 1.3, "datadog.jsonl": 1.3, "webhook_site.jsonl": 1.6, "whole.json": 3}
"""Logs as other tools keep them, and how many times as much each may cost as the own envelope."""
COLUMNS = {"account_id": "account_id", "status": "status", "account_type": "provider", "product": "product"}
"""Of a table, and what of an event stands in each."""
SLOW_ACCOUNTS = 200
"""How many accounts the slowest peer is given."""
MICRO = 1e6


class Run(NamedTuple):
    """What one contender needed."""

    events: int
    cpu_s: float
    peak_mb: float

    @property
    def us(self) -> float:
        """CPU microseconds an event."""
        return self.cpu_s / self.events * MICRO


# ---- Logs ------------------------------------------------------------------------------------------------


def write_logs(folder: Path, accounts: int) -> None:
    """Write the same events in every shape."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir()
    found = arrivals(accounts)
    stream, times = [each.payload for each in found], [each.received_at for each in found]
    texts = [at.isoformat().replace("+00:00", "Z") for at in times]
    envelope = b"".join(
        b'{"received_at": "%b", "payload": %b}\n' % (at.encode(), payload)
        for at, payload in zip(texts, stream, strict=True)
    )
    (folder / "envelope.jsonl").write_bytes(envelope)
    (folder / "bare.jsonl").write_bytes(b"\n".join(stream))
    events = [parse(payload, at) for payload, at in zip(stream, times, strict=True)]
    columns = {name: [getattr(event, fact) for event in events] for name, fact in COLUMNS.items()}
    columns = {name: [None if text is None else str(text) for text in found] for name, found in columns.items()}
    with (folder / "columns.csv").open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow([*COLUMNS, "received_at"])
        rows.writerows(zip(*columns.values(), texts, strict=True))
    with (folder / "payloads.csv").open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["received_at", "payload"])
        rows.writerows(zip(texts, map(bytes.decode, stream), strict=True))
    pq.write_table(pa.table({**columns, "received_at": times}), folder / "columns.parquet")
    for name in WRAPPED:
        write_wrapped(folder / name, found)


def write_wrapped(path: Path, found: list[Arrival]) -> None:
    """Write events as another tool would have kept them."""
    with path.open("w") as file:
        if path.name == "whole.json":
            json.dump([{"received_at": at.isoformat(), "payload": json.loads(payload)} for payload, at in found], file)
            return
        for number, (payload, at) in enumerate(found):
            file.write(json.dumps(_wrapped(path.stem, number, payload.decode(), at)) + "\n")


def _wrapped(tool: str, number: int, payload: str, at: datetime) -> dict[str, Any]:
    written = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if tool == "svix":
        return {
            "id": f"msg_{number}",
            "eventType": "account.status",
            "payload": json.loads(payload),
            "timestamp": written,
        }
    if tool == "cloudwatch":
        message = f"{written}\treq\tINFO\twebhook {payload}\n"
        epoch_ms = int(at.timestamp() * 1000)
        return {"logStreamName": "s", "timestamp": epoch_ms, "message": message, "ingestionTime": epoch_ms + 900}
    if tool == "datadog":
        inner = {"timestamp": written, "service": "api", "status": "info", "message": "webhook"}
        return {
            "id": f"AQ{number}",
            "type": "log",
            "attributes": {**inner, "attributes": {"body": json.loads(payload)}},
        }
    headers = {
        "content-type": ["application/json"],
        "user-agent": ["webhooks/1.0"],
        "x-request-id": ["f" * 32],
        "accept": ["application/json, */*"],
        "accept-encoding": ["gzip"],
        "x-forwarded-for": ["203.0.113.7"],
    }
    return {
        "uuid": f"{number:032x}", "type": "web", "token_id": "0" * 32, "ip": "203.0.113.7", "hostname": "webhook.site",
        "method": "POST", "user_agent": "webhooks/1.0", "content": payload, "query": None, "headers": headers,
        "url": "https://webhook.site/" + "0" * 32, "created_at": at.strftime("%Y-%m-%d %H:%M:%S"),
    }  # fmt: skip


# ---- Contenders: each goes through one file and returns how many events there were, and what to time -----


Contender = Callable[[Path], Callable[[], int]]


def ours(path: Path) -> Callable[[], int]:
    """A replay in one process, all of it."""

    def run() -> int:
        with open_sources([path]) as sources, replay_sources(sources) as audit:
            return audit.events

    return run


def ours_share(number: int) -> Contender:
    """What one of two processes does."""

    def start(path: Path) -> Callable[[], int]:
        def run() -> int:
            with open_sources([path]) as sources, TemporaryDirectory() as folder:
                task = Task(tuple(sources), DEFAULT_POLICY, START, None)
                judge, _ = read_through(task, Share(number, 2), Path(folder), None)
                judge.end(judge.last_at or START)
                return judge.events

        return run

    return start


def _read(path: Path) -> Iterator[tuple[str, str]]:
    """Yield accounts and words as our own reading has them."""
    with open_sources([path]) as [source]:
        for payload, at, *_ in source.opened():  # type: ignore[union-attr]
            event = parse(payload, at or START)
            yield event.account_id, event.status


def _stepped(path: Path, models: dict[str, Any]) -> Callable[[], int]:
    def run() -> int:
        count = 0
        for account_id, word in _read(path):
            getattr(models[account_id], word)()
            count += 1
        return count

    return run


def transitions_models(path: Path) -> Callable[[], int]:
    """``transitions``: one machine, and ``add_model`` for each account."""
    from contenders import Model, transitions_machine

    models = {account_id: Model() for account_id, _ in _read(path)}
    transitions_machine().add_model(list(models.values()))
    return _stepped(path, models)


def python_statemachine(path: Path) -> Callable[[], int]:
    """``python-statemachine``: an object for each account."""
    from contenders import declare

    make = declare()
    return _stepped(path, {account_id: make() for account_id, _ in _read(path)})


def msgspec_and_pydantic(path: Path) -> Callable[[], int]:
    """A loop by hand that opens each line with msgspec and validates the payload with pydantic, and does no more."""
    import msgspec
    from contenders import Webhook

    class Line(msgspec.Struct):
        payload: msgspec.Raw
        received_at: str | None = None

    decode, validate = msgspec.json.Decoder(Line).decode, Webhook.model_validate_json

    def run() -> int:
        count = 0
        for line in path.read_bytes().splitlines():
            validate(bytes(decode(line).payload))
            count += 1
        return count

    return run


CONTENDERS: dict[str, Contender] = {
    "ours": ours,
    "share 0": ours_share(0),
    "share 1": ours_share(1),
    "transitions": transitions_models,
    "python-statemachine": python_statemachine,
    "msgspec and pydantic": msgspec_and_pydantic,
}


def run_here(name: str, path: Path) -> None:
    """Run one contender in this process and print what it needed; the collector is off, as in our own processes."""
    gc.disable()
    work = CONTENDERS[name](path)
    warmed = sum(1 for _ in _read(path))
    began = time.process_time()
    events = work()
    cpu = time.process_time() - began
    assert name.startswith("share") or events == warmed
    print(json.dumps([events, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))


def run(name: str, path: Path) -> Run:
    """Run one contender in a process of its own."""
    command = [sys.executable, __file__, "--contender", name, "--log", str(path)]
    return Run(*json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))


# ---- Measurements ----------------------------------------------------------------------------------------


def main() -> None:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--accounts", type=int, default=10_000, help="of which there are a dozen events each")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--million", action="store_true", help="measure the memory of a million accounts too")
    parser.add_argument("--quick", action="store_true", help="a short look, to see that all of it runs")
    parser.add_argument("--wrapped", action="store_true", help="measure the logs of other tools only")
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--log", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contender:
        run_here(options.contender, options.log)
        return
    accounts, rounds = (400, 1) if options.quick else (options.accounts, options.rounds)
    print("| measurement | ours | peer | ratio | target | |\n|---|---|---|---|---|---|")
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_logs(folder / "logs", accounts)
        write_logs(folder / "short", min(accounts, SLOW_ACCOUNTS))
        _wrapped_logs(folder / "logs", rounds)
        if options.wrapped:
            return
        for shape in SHAPES:
            _against_peers(folder, shape, rounds)
        _two_processes(folder / "logs" / "envelope.jsonl", rounds)
        _start(folder / "short" / "envelope.jsonl", rounds)
        if options.million:
            _million(folder)


def _against_peers(folder: Path, shape: str, rounds: int) -> None:
    log, short = folder / "logs" / shape, folder / "short" / shape
    found = [(run("ours", log), run("transitions", log), run("python-statemachine", short)) for _ in range(rounds)]
    us = [each.us for each, _, _ in found]
    peer = [each.us for _, each, _ in found]
    slow = [each.us for _, _, each in found]
    _print(f"{shape} / transitions, `add_model`, bare step", us, peer, [b / a for a, b in zip(us, peer, strict=True)],
           ">=", 1.8)  # fmt: skip
    _print(f"{shape} / python-statemachine, bare step", us, slow, [b / a for a, b in zip(us, slow, strict=True)],
           ">=", 15)  # fmt: skip
    if shape == "envelope.jsonl":
        pairs = [(run("ours", log), run("msgspec and pydantic", log)) for _ in range(rounds)]
        us, peer = [a.us for a, _ in pairs], [b.us for _, b in pairs]
        _print(f"{shape} / msgspec and pydantic in a loop", us, peer, [a / b for a, b in zip(us, peer, strict=True)],
               "<=", 6)  # fmt: skip


def _wrapped_logs(folder: Path, rounds: int) -> None:
    """Compare logs of other tools with the own envelope of the same events, side by side in each round."""
    found = [(run("ours", folder / "envelope.jsonl"), *(run("ours", folder / name) for name in WRAPPED))
             for _ in range(rounds)]  # fmt: skip
    own = [each[0].us for each in found]
    for place, (name, limit) in enumerate(WRAPPED.items(), 1):
        us = [each[place].us for each in found]
        _print(f"{name} / own envelope", us, own, [a / b for a, b in zip(us, own, strict=True)], "<=", limit)


def _two_processes(log: Path, rounds: int) -> None:
    """Compare one process with the longer of two shares: what elapses where each has a core."""
    ratios, alone, longer = [], [], []
    for _ in range(rounds):
        one, shares = run("ours", log), [run(f"share {number}", log) for number in range(2)]
        assert sum(share.events for share in shares) == one.events
        alone.append(one.cpu_s)
        longer.append(max(share.cpu_s for share in shares))
        ratios.append(one.cpu_s / longer[-1])
    _print("two processes, the longer one, seconds / one process", longer, alone, ratios, ">=", 1.4)


def _start(log: Path, rounds: int) -> None:
    """Measure the CPU of the whole command on a log of a few lines, in milliseconds."""
    few = log.with_name("few.jsonl")
    few.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:10]))
    program = "from account_lifecycle.cli import main; main()"
    command = [sys.executable, "-c", program, "replay", str(few), "--json"]
    times = []
    for _ in range(max(rounds, 5)):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append((after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000)
    _print("`replay` of ten lines, whole command, ms", times, [], times, "<=", 400)


def _million(folder: Path) -> None:
    """Measure the memory of a million accounts, in two processes together."""
    log = folder / "million.jsonl"
    with log.open("wb") as file:
        for number in range(3_000_000):
            status = ("CREATION_SUCCESS", "OK", "CREDENTIALS")[number // 1_000_000]
            at = (START + timedelta(seconds=number)).isoformat()
            file.write(
                b'{"received_at": "%b", "payload": {"AccountStatus": {"account_id": "account-%07d-of-many", '
                b'"account_type": "LINKEDIN", "message": "%b"}}}\n' % (at.encode(), number % 1_000_000, status.encode())
            )
    shares = [run(f"share {number}", log) for number in range(2)]
    both = sum(share.peak_mb for share in shares)
    _print("a million accounts, 3 million events, peak of two processes together, MB", [both], [], [both], "<=", 1000)
    alone = run("ours", log)
    _print("the same in one process, MB", [alone.peak_mb], [], [alone.peak_mb], "<=", 1000)


def _print(what: str, mine: list[float], peer: list[float], ratios: Iterable[float], sign: str, target: float) -> None:
    ratio = statistics.median(ratios)
    met = ratio >= target if sign == ">=" else ratio <= target
    figures = [f"{statistics.median(values):,.3g}" if values else "" for values in (mine, peer)]
    verdict = "met" if met else "**not met**"
    print(f"| {what} | {figures[0]} | {figures[1]} | {ratio:,.3g} | {sign} {target:g} | {verdict} |", flush=True)


if __name__ == "__main__":
    main()

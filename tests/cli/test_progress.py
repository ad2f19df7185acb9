"""``LogReader``: the events of logs, which a signal ends after a whole one."""

import os
import signal
from pathlib import Path

from account_lifecycle.cli.progress import LogReader
from account_lifecycle.intake.logs import open_log
from cli.shell import webhook


def log_in(folder: Path) -> Path:
    path = folder / "a log.jsonl"
    path.write_bytes(b"\n".join(webhook(f"2026-05-01T08:00:0{number}Z", "a", "OK") for number in range(4)))
    return path


def test_a_signal_ends_it_after_the_event_that_it_is_at(tmp_path: Path) -> None:
    reader, read = LogReader(open_log(log_in(tmp_path))), 0
    with reader.stoppable():
        for _ in reader:
            read += 1
            if read == 2:
                os.kill(os.getpid(), signal.SIGTERM)
    assert (read, reader.line, reader.is_stopped) == (2, 2, True)
    assert reader.remaining() == f"tail -n +3 '{tmp_path / 'a log.jsonl'}' | account-lifecycle feed -"


def test_the_rest_of_logs_that_are_merged_is_no_matter_of_lines(tmp_path: Path) -> None:
    path = log_in(tmp_path)
    for order, has_rest in (("time", False), ("file", True)):
        reader = LogReader(open_log([path, path], order=order))  # type: ignore[arg-type]
        next(iter(reader))
        assert (reader.remaining() is not None) is has_rest

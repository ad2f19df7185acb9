"""A process that is fed some megabytes of payloads that nobody sane sends, and tells how much memory that took.

Arguments: live or replay, a folder to work in, and how many megabytes. It prints by how many more its peak has grown.
"""

import json
import resource
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from itertools import count
from pathlib import Path
from random import Random

from account_lifecycle import Engine, PayloadError
from account_lifecycle.replay import replay
from account_lifecycle.testing import START

MEGABYTE = 1 << 20
LENGTHS = (*[3] * 20, *[30] * 20, *[247] * 5, 3_000)
"""How long words are: most of them short, so that there are many."""


def payloads(megabytes: float) -> Iterator[bytes]:
    """Webhooks whose every word is new, as long as it may be or longer, and bodies that are nothing."""
    random, size = Random(7), 0
    for number in count():
        word = f"{number:09d}" + "".join(random.choices("abcé中🙂", k=random.choice(LENGTHS)))
        usual = {"account_id": f"acc-{number % 50}", "account_type": "LINKEDIN", "message": "SYNC_SUCCESS"}
        hostile = {
            0: {"AccountStatus": usual | {"account_id": "acc", "product": word}},
            1: {"AccountStatus": usual | {"message": word}},
            2: {"AccountStatus": usual | {"account_type": f"{number // 20:09d}" + word[9:]}},
            3: {"AccountStatus": usual | {"account_id": word[:256]}},
            4: {"AccountStatus": usual | {"message": "ERROR", "reason": word}},
            5: {"status": "RECONNECTED", "account_id": f"acc-{number % 50}", "name": word},
            6: {"status": "CREATION_FAIL", "name": word},
            7: {"AccountStatus": usual | {word: word, "more": [[]] * (number % 300)}},
        }.get(number % 10 if number % 20 < 10 else 0)
        if hostile is not None:
            data = json.dumps(hostile, ensure_ascii=bool(number % 3)).encode()
        elif number % 20 == 8:
            data = b'{"AccountStatus": {"account_id": ' + b"9" * (number % 300) + b', "message": "OK"}}'
        else:
            depth = number % 400
            data = b'{"AccountStatus": ' + b"[" * depth + b"]" * depth + b"}"
        if (size := size + len(data)) > megabytes * MEGABYTE:
            return
        yield data


def feed_live(folder: Path, megabytes: float) -> None:
    """Feed them one by one, and then in batches, which is another way to hold them."""
    with Engine.open(f"sqlite:///{folder}/accounts.db", observers=()) as engine:
        for data in payloads(megabytes / 50):
            with suppress(PayloadError):
                engine.feed_event(data)
        for _ in engine.feed_events(payloads(megabytes), on_unreadable=lambda error: None):
            pass


def judge_a_log(folder: Path, megabytes: float) -> None:
    """Write them into a log, and replay it."""
    with (folder / "log.jsonl").open("w") as log:
        for number, data in enumerate(payloads(megabytes)):
            at = (START + timedelta(seconds=number)).isoformat()
            log.write(json.dumps({"received_at": at, "payload": data.decode()}) + "\n")
    with replay(folder / "log.jsonl") as audit:
        assert audit.events > 0


def peak() -> int:
    """The most memory that this process has had, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main(how: str, folder: Path, megabytes: float) -> None:
    """Do it once with little, so that everything is imported, and then with all of it."""
    work = {"live": feed_live, "replay": judge_a_log}[how]
    for name, size in (("little", 0.1), ("all", megabytes)):
        before = peak()
        (folder / name).mkdir()
        work(folder / name, size)
    print(peak() - before)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]))

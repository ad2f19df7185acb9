"""Another process on the same file: told on its standard input what to do, it answers on its standard output."""

import json
import sys
from pathlib import Path

from account_lifecycle import StoreError
from account_lifecycle.stores.sqlite import SQLiteStore
from account_lifecycle.stores.sqlite.file_lock import FileLock
from builders import announced, as_it_is


def obey(path: Path, events: int, account_id: str) -> dict[str, object]:
    """Open the file, feed one account so many events one by one; their sequences, or why not."""
    try:
        store = SQLiteStore(path)
    except StoreError as error:
        return {"error": str(error)}
    words = ["OK", "CREDENTIALS"] * events
    sequences = [store.advance([announced(account_id, word)], as_it_is)[0].sequence for word in words[:events]]
    store.close()
    return {"sequences": sequences}


def hold(path: Path) -> None:
    """Hold the file's lock until the next order."""
    with FileLock(path).held(10):
        tell({"holds": True})
        sys.stdin.readline()
    tell({"holds": False})


def tell(answer: dict[str, object]) -> None:
    print(json.dumps(answer), flush=True)  # noqa: T201


if __name__ == "__main__":
    while line := sys.stdin.readline():
        order = json.loads(line)
        if order.get("hold"):
            hold(Path(order["path"]))
        else:
            tell(obey(Path(order["path"]), order["events"], order.get("account_id", "shared")))

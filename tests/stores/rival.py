"""Another process on the same file: told on its standard input what to do, it answers on its standard output."""

import json
import sys
from pathlib import Path

from account_lifecycle import StoreError
from account_lifecycle.lifecycle.decide import decide
from account_lifecycle.stores.sqlite import SQLiteStore
from builders import announced


def obey(path: Path, events: int) -> dict[str, object]:
    """Open the file, feed one account so many events one by one; their sequences, or why not."""
    try:
        store = SQLiteStore(path)
    except StoreError as error:
        return {"error": str(error)}
    words = ["OK", "CREDENTIALS"] * events
    sequences = [store.advance([announced("shared", word)], decide)[0].sequence for word in words[:events]]
    store.close()
    return {"sequences": sequences}


if __name__ == "__main__":
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(obey(Path(order["path"]), order["events"])), flush=True)  # noqa: T201

"""Another process on the same database: told on its standard input what to do, it answers on its standard output."""

import json
import sys

from account_lifecycle import StoreError
from account_lifecycle.stores.postgres import PostgresStore
from builders import announced, as_it_is


def obey(url: str, events: int) -> dict[str, object]:
    """Open the store, feed one account so many events one by one; their sequences, or why not."""
    try:
        store = PostgresStore(url)
    except StoreError as error:
        return {"error": str(error)}
    words = ["OK", "CREDENTIALS"] * events
    sequences = [store.advance([announced("shared", word)], as_it_is)[0].sequence for word in words[:events]]
    store.close()
    return {"sequences": sequences}


if __name__ == "__main__":
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(obey(order["url"], order["events"])), flush=True)  # noqa: T201

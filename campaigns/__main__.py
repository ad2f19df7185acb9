"""The one entry: ``python -m campaigns NAME [options]`` runs a campaign; without a name they are listed."""

import importlib
import sys
from collections.abc import Sequence

CAMPAIGNS = {
    "power": "power loss at any moment: what was written and not yet synced survives in part, torn, or not at all",
    "syscalls": "every system call of an operation as the last one, or as one that fails",
    "full": "a disk that is full, and then has room again",
    "bitrot": "single bits flipped in live cells of the file",
    "kill": "kill -9 of whoever feeds, cut connections, a database server stopped at once",
    "feeders": "many processes that feed one account, or many",
    "hooks": "workers that are killed or stopped past their lease, receivers that fail, poison",
    "unchanged": "long logs judged as before the modules were rearranged: every verdict, status and anomaly the same",
    "saboteurs": "bugs put in on purpose, each of which the tests must catch",
}


def main(arguments: Sequence[str]) -> int:
    """Run one campaign; its exit code."""
    if not arguments or arguments[0] not in CAMPAIGNS:
        width = max(map(len, CAMPAIGNS))
        print("python -m campaigns NAME [options]; NAME --help tells a campaign's options\n")
        print("\n".join(f"  {name:{width}}  {about}" for name, about in CAMPAIGNS.items()))
        return 0 if not arguments or arguments[0] in ("-h", "--help") else 2
    module = importlib.import_module(f"campaigns.{arguments[0]}")
    return int(module.main(arguments[1:]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

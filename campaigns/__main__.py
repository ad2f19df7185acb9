"""Run a campaign with ``python -m campaigns NAME [options]``; list them without a name."""

import importlib
import sys
from collections.abc import Sequence

CAMPAIGNS = {
    "power": "power loss at any moment: writes that were not synced survive in part, torn, or not at all",
    "syscalls": "every system call of an operation is the last one, or fails",
    "full": "a disk that is full, and then has room again",
    "bitrot": "single bits flipped in live cells of the file",
    "kill": "kill -9 of feeders, cut connections, immediate stops of a database server",
    "feeders": "many processes that feed one account, or many",
    "threads": "eight threads that feed one engine, and what everybody else of the process waits",
    "waits": "how long those who feed wait beside each operation on a large store",
    "hooks": "workers that are killed or stopped past their lease, receivers that fail, poison",
    "rules": "simulated fleets judged in memory, and held against the truth: faults, stories, windows, effects",
    "reconcile": "a fleet of 5,000 for 30 days: what webhooks alone know, the vendor's list, and asking before acting",
    "mutants": "small changes to the code where a silent mistake costs most: does a test notice each?",
    "deployment": "the Dockerfile, instruction by instruction, in a fresh folder; its command, its health check",
    "oracle": "deviating accounts by pm4py's alignments with a hand-drawn net, compared with the audit",
}


def main(arguments: Sequence[str]) -> int:
    """Run one campaign; return its exit code."""
    if not arguments or arguments[0] not in CAMPAIGNS:
        width = max(map(len, CAMPAIGNS))
        print("python -m campaigns NAME [options]; NAME --help shows its options\n")
        print("\n".join(f"  {name:{width}}  {about}" for name, about in CAMPAIGNS.items()))
        return 0 if not arguments or arguments[0] in ("-h", "--help") else 2
    module = importlib.import_module(f"campaigns.{arguments[0]}")
    return int(module.main(arguments[1:]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What the code decides over pinned data, as one digest: ``python tests/lifecycle/pinning.py`` pins it anew.

The data is what one definition came to; it stays when the definition changes. So the digest changes only if ``decide``
or ``apply`` decide anything differently, and then ``ORDER_OF_JUDGING`` has to be raised: events that the earlier code
judged would be reported as forged.
"""

import json
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.decide import decide
from account_lifecycle.lifecycle.events import Event
from account_lifecycle.lifecycle.policy import Policy
from account_lifecycle.lifecycle.rules import ORDER_OF_JUDGING, RecordedPolicies, Rules, rules_of
from account_lifecycle.stores import rows
from account_lifecycle.stores.decided import text_of

PINNED = Path(__file__).parent / "pinned_rules.json"


def log() -> list[Event]:
    """Events that lead to every anomaly and every window, and what the vendor's list and clocks say in between."""
    from builders import announced, deadline_of, observed
    from stores.scenarios import events_with_every_anomaly, events_with_every_window

    events: list[Event] = [*events_with_every_anomaly(), *events_with_every_window()]
    words = ("OK", "CREDENTIALS", "ERROR", "CONNECTING", "ABSENT", "OK")
    for n, provider in enumerate(("LINKEDIN", "IMAP", "X", "MYSPACE", None)):
        events += [announced(f"life {n}", "OK", 0, provider)]
        events += [observed(f"life {n}", word, 300 + 60 * m, provider=provider) for m, word in enumerate(words)]
        events += [deadline_of(Account(f"life {n}", since=events[0].received_at), 700)]
        events += [announced(f"life {n}", word, 2000 + 700 * m, provider) for m, word in enumerate(2 * words)]
    return events


def digest_of(policy: Policy) -> str:
    """The SHA-256 of everything that is decided about the log."""
    accounts: dict[str, Account] = {}

    def decided() -> Iterator[object]:
        for event in log():
            decision = decide(accounts.get(event.account_id) or Account(event.account_id), event, policy)
            accounts[event.account_id] = decision.after
            row = rows.event_row(0, event.account_id, decision, text_of(decision))
            window = decision.blind_window and rows.window_row(decision.blind_window, decision.sequence)
            yield [*row[:-1], *rows.anomaly_rows(0, decision), rows.account_row(decision.after), window]

    return sha256(json.dumps(list(decided())).encode()).hexdigest()


def policy_of(rules: Rules) -> Policy | None:
    """The policy that judges by these rules, if this version can."""
    return RecordedPolicies(lambda: [rules]).policy(rules.name)


def pinned() -> tuple[int, Rules, str]:
    """The version that was pinned, its data, and what it decided."""
    found = json.loads(PINNED.read_text(encoding="utf-8"))
    return found["version"], Rules(found["name"], b64decode(found["content"])), found["decided"]


def pin() -> None:
    """Write what this version decides over today's data."""
    rules = rules_of(Policy())
    policy = policy_of(rules)
    assert policy is not None
    content = b64encode(rules.content).decode()
    found = {"version": ORDER_OF_JUDGING, "name": rules.name, "content": content, "decided": digest_of(policy)}
    PINNED.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    pin()

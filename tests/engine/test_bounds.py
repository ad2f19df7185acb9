"""What one account, one payload or one flood of them can take of memory: never more than a fixed amount."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from account_lifecycle import Engine, PayloadError
from account_lifecycle.lifecycle.apply import MAX_PRODUCTS
from account_lifecycle.replay import replay
from builders import at, webhook

HOSTILE = Path(__file__).with_name("hostile.py")
MEGABYTES = 14
AT_MOST_MB = 128


@pytest.mark.parametrize("how", ["live", "replay"])
def test_a_flood_of_hostile_payloads_takes_no_more_memory_than_a_fixed_amount(how: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(HOSTILE), how, str(tmp_path), str(MEGABYTES)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < AT_MOST_MB


def test_what_is_too_long_goes_to_the_quarantine_and_the_error_names_the_field(engine: Engine) -> None:
    with pytest.raises(PayloadError, match=r"AccountStatus\.product: found 257 characters; expected at most 256"):
        engine.feed_event(webhook("a", "SYNC_SUCCESS", product="x" * 257), received_at=at(0))
    assert [row.field for row in engine.quarantine()] == ["AccountStatus.product"]
    assert engine.account("a") is None


def test_an_account_remembers_the_first_32_products_since_its_sign_in(engine: Engine, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    words = [("CREATION_SUCCESS", ""), *(("SYNC_SUCCESS", f"p{number:02d}") for number in range(40))]
    lines = [
        {"received_at": at(n).isoformat(), "payload": webhook("a", w, product=p)} for n, (w, p) in enumerate(words)
    ]
    log.write_text("\n".join(map(json.dumps, lines)))
    completed: list[str] = []
    engine.on_sync_completed(lambda call: completed.append(call.product), name="syncs")
    for number, (word, product) in enumerate(words):
        engine.feed_event(webhook("a", word, product=product), received_at=at(number))

    account = engine.account("a")
    assert account is not None
    assert account.synced_products == {f"p{number:02d}" for number in range(MAX_PRODUCTS)}
    assert completed == [product for _, product in words[1:]], "each one more is told of all the same"
    assert engine.verify().is_proved
    with replay(log) as audit:
        assert [each.synced_products for each in audit.accounts()] == [account.synced_products]

    engine.feed_event(webhook("a", "CREDENTIALS"), received_at=at(50))
    engine.feed_event(webhook("a", "RECONNECTED"), received_at=at(51))
    engine.feed_event(webhook("a", "SYNC_SUCCESS", product="p39"), received_at=at(52))
    account = engine.account("a")
    assert account is not None
    assert account.synced_products == {"p39"}, "a new sign-in begins anew"

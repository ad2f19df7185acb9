"""The contract's own files are no test files: pytest is asked to explain their asserts all the same."""

import pytest

for name in ("contract", "ledger_contract", "reader_contract", "outbox_contract"):
    pytest.register_assert_rewrite(f"stores.{name}")

"""The contract's own files are no test files: pytest is asked to explain their asserts all the same."""

import pytest

for name in ("contract", "ledger", "reader", "prover", "retention", "paging", "outbox", "quiet", "delivery", "rivalry"):
    pytest.register_assert_rewrite("stores.contract" if name == "contract" else f"stores.{name}_contract")

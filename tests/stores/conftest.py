"""The contract's own files are no test files: pytest is asked to explain their asserts all the same."""

import pytest

NAMES = (
    "contract",
    "ledger",
    "reader",
    "fleet",
    "prover",
    "retention",
    "paging",
    "outbox",
    "quiet",
    "delivery",
    "reconciling",
)
for name in (*NAMES, "rivalry", "reconciling"):
    pytest.register_assert_rewrite("stores.contract" if name == "contract" else f"stores.{name}_contract")

"""The store in memory keeps the contract of every store."""

import pytest

from account_lifecycle.ports import Store
from account_lifecycle.stores.memory import MemoryStore
from stores.contract import StoreContract


class TestMemoryStore(StoreContract):
    KEEPS_CHAIN = False

    @pytest.fixture
    def store(self) -> Store:
        return MemoryStore()

"""The store in memory keeps the contract of every store."""

import pytest

from account_lifecycle.stores.memory import MemoryStore
from account_lifecycle.stores.protocol import Store
from stores.contract import StoreContract


class TestMemoryStore(StoreContract):
    KEEPS_CHAIN = False

    @pytest.fixture
    def store(self) -> Store:
        return MemoryStore()

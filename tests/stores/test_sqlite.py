"""The SQLite stores, in a file of one's own and in a temporary one, keep the contract of every store."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from account_lifecycle.stores.protocol import Store
from account_lifecycle.stores.sqlite import SQLiteStore, TemporaryStore
from stores.contract import StoreContract


class TestSQLiteStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        store = SQLiteStore(tmp_path / "accounts.db")
        yield store
        store.close()


class TestTemporaryStore(StoreContract):
    @pytest.fixture
    def store(self) -> Iterator[Store]:
        store = TemporaryStore()
        yield store
        store.close()

"""The store in a SQLite file keeps the contract of every store."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from account_lifecycle.stores.protocol import Store
from account_lifecycle.stores.sqlite import SQLiteStore
from stores.contract import StoreContract


class TestSQLiteStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        store = SQLiteStore(tmp_path / "accounts.db")
        yield store
        store.close()

"""The store in a PostgreSQL database keeps the contract."""

from collections.abc import Callable, Iterator

import pytest

from account_lifecycle.ports import Store
from account_lifecycle.stores.postgres import PostgresStore
from stores.contract import StoreContract

pytest_plugins = ("postgres_server",)


class TestPostgresStore(StoreContract):
    @pytest.fixture
    def store(self, database: str, emptied: Callable[[], str]) -> Iterator[Store]:
        store = PostgresStore(database)
        emptied()
        yield store
        store.close()

"""The store in a PostgreSQL database keeps the contract."""

from collections.abc import Callable, Iterator

import pytest

from account_lifecycle.stores.postgres import PostgresStore
from account_lifecycle.stores.protocol import Store
from stores.contract import StoreContract

pytest_plugins = ("postgres_server",)


class TestPostgresStore(StoreContract):
    @pytest.fixture
    def store(self, database: str, emptied: Callable[[], str]) -> Iterator[Store]:
        store = PostgresStore(database)
        emptied()
        yield store
        store.close()

"""The contract of a store: what every one of them promises, whatever it keeps things in.

A store's tests subclass ``StoreContract`` and say how to make an empty store::

    class TestMyStore(StoreContract):
        @pytest.fixture
        def store(self) -> Iterator[Store]:
            ...
"""

from stores.ledger_contract import LedgerContract
from stores.outbox_contract import OutboxContract
from stores.reader_contract import ReaderContract


class StoreContract(LedgerContract, ReaderContract, OutboxContract):
    """Everything of ``ports.Store``."""

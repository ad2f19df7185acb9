"""The contract of a store: what every one of them promises, whatever it keeps things in.

A store's tests subclass ``StoreContract`` and say how to make an empty store::

    class TestMyStore(StoreContract):
        @pytest.fixture
        def store(self) -> Iterator[Store]:
            ...
"""

from stores.delivery_contract import DeliveryContract
from stores.fleet_contract import FleetContract
from stores.ledger_contract import LedgerContract
from stores.outbox_contract import OutboxContract
from stores.paging_contract import PagingContract
from stores.prover_contract import ProverContract
from stores.quiet_contract import QuietContract
from stores.reader_contract import ReaderContract
from stores.reconciling_contract import ReconcilingContract
from stores.retention_contract import RetentionContract
from stores.rivalry_contract import RivalryContract
from stores.withdrawal_contract import WithdrawalContract


class StoreContract(
    LedgerContract,
    ReaderContract,
    FleetContract,
    RetentionContract,
    PagingContract,
    ProverContract,
    OutboxContract,
    QuietContract,
    DeliveryContract,
    WithdrawalContract,
    RivalryContract,
    ReconcilingContract,
):
    """Everything of ``ports.Store``."""

"""An event that the live engine's reader has read, put among the columns of those that were read in bulk.

Knows what a column holds of an event. It must never know where the event came from.
"""

from ...lifecycle.events import StatusAnnounced
from ..coding import NONE
from ..columns import Columns
from ..vocabulary import Vocabulary


def place(columns: Columns, row: int, event: StatusAnnounced, words: Vocabulary) -> None:
    """Fill in all of an event but when it was received, for which every source has a column of its own."""
    columns.account[row] = words.accounts.code(event.account_id)
    columns.word[row] = words.words.number(event.status)
    columns.provider[row] = NONE if event.provider is None else words.providers.number(event.provider)
    columns.product[row] = words.products.number(event.product)
    columns.name[row] = NONE if event.name is None else words.names.code(event.name)

"""The store in a PostgreSQL database: many processes feed one fleet, each account under its own lock."""

from collections.abc import Collection, Sequence
from datetime import datetime

from ...lifecycle.policy import Policy
from ...records import Refused
from ..commit_group import CommitGroup
from ..protocol import Fed, Feed
from ..rows import dated_row
from ..writing import RETENTION_PAGE, Feeder, dismissed_rows, quarantine_rows
from .connection import Connections, in_our_words, prepare
from .filling import PostgresFiller
from .ledger import FeedTurn, Known, write_feeds
from .outbox import PostgresOutbox
from .proving import PostgresProver
from .reconciling import PostgresReconciler
from .retention import PostgresRetention
from .transactions import Transaction, Transactions


class PostgresStore(Feeder, PostgresProver, PostgresRetention, PostgresOutbox, PostgresReconciler, PostgresFiller):
    """Everything in one schema of a PostgreSQL database, which is made ready if need be.

    Safe to share between threads, and after a fork between processes. The URL is libpq's, with all its parameters:
    ``postgresql://user@host/database?options=-csearch_path%3Dlifecycle`` puts the tables into a schema. Raises
    ``StoreError`` when the database cannot be used, and ``ConfigurationError`` for a URL that cannot be read.
    """

    is_lasting = True

    def __init__(self, url: str) -> None:
        self._feeds: CommitGroup[Feed, Fed] = CommitGroup(self._feed)
        self._known = Known()
        self._connections = Connections(url, self._feeds.renew)
        self._transactions = Transactions(self._connections)
        place = self._connections.place
        try:
            with in_our_words(place), self._connections.lent() as connection:
                prepare(connection, place)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connections; closing twice is harmless."""
        self._connections.close()

    # ---- Ledger ----------------------------------------------------------------------------------

    def feed(self, feed: Feed) -> Fed:
        """Judge events in order and keep everything, in one transaction, which others may share."""
        return self._feeds.ask(feed)

    def _feed(self, turns: Sequence[FeedTurn]) -> None:
        written = self._transactions.run(lambda transaction: write_feeds(transaction, turns, self._known))
        self._known.rules |= written.rules
        for turn, decisions in written.decided:
            claimed = [delivery for feed, delivery in written.claimed if feed is turn.asked]
            turn.give(Fed(decisions, claimed))

    def redate(self, policy: Policy, now: datetime, after: int = 0) -> int:
        """Keep the next deadline by a policy's terms with accounts that have it by others, a page of them ``after`` a
        number; return the last one's number, 0 if there is none."""
        others = policy.fingerprint, policy.fingerprint, after

        def date(transaction: Transaction[int]) -> int:
            found = transaction.ask("lock_dated_otherwise", (*others, RETENTION_PAGE))
            transaction.put_off("redate", [dated_row(row, policy, now) for row in found])
            return max((row[-1] for row in found), default=0)

        return self._transactions.run(date) if self._transactions.rows("is_dated_otherwise", others)[0][0] else 0

    def quarantine(self, refused: Sequence[Refused]) -> list[int]:
        """Keep unreadable payloads, in one transaction; return their numbers."""

        def keep(transaction: Transaction[list[tuple[int, bytes]]]) -> list[tuple[int, bytes]]:
            earlier = transaction.earlier
            if earlier and transaction.ask("is_quarantined", earlier[0]):
                return earlier
            ((last,),) = transaction.ask("quarantine_numbers", (len(refused),))
            numbers = range(last - len(refused) + 1, last + 1)
            found = quarantine_rows(numbers, refused)
            transaction.put_off("quarantine", found)
            return [(row[0], row[-1]) for row in found]

        return [number for number, _ in self._transactions.run(keep)] if refused else []

    def dismiss(self, quarantine_ids: Collection[int], at: datetime) -> int:
        """Mark payloads in the quarantine as dismissed; return how many were neither fed nor dismissed before."""
        numbers = sorted(set(quarantine_ids))

        def mark(transaction: Transaction[int]) -> int:
            changed = dismissed_rows(transaction.ask("lock_quarantined", (numbers,)), at)
            transaction.put_off("dismiss", changed)
            return len(changed) or transaction.earlier or 0

        return self._transactions.run(mark) if numbers else 0

    def check_writable(self) -> None:
        """Write a row as it is and commit it; raise ``StoreError`` if that cannot be done."""
        self._transactions.run(lambda transaction: transaction.put_off("touch", [()]))

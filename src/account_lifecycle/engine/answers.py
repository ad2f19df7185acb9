"""What an engine is asked: accounts and their history, the audit, the quarantine, windows, diagnoses.

Nothing here writes. Each answer comes from the store as it is at the moment; what the rules add to it (ages, advice,
deadlines) goes by the engine's clock and policy.

An id, a hook or a number that is not there is no error: the answer is None or an empty list. Only ``explain``, which
would have nothing to explain, raises ``AccountNotFound``. A word that no filter has is a ``ConfigurationError``.
"""

from datetime import datetime
from typing import TYPE_CHECKING

from ..errors import AccountNotFound
from ..intake import arguments
from ..intake.times import in_utc
from ..lifecycle.account import Account
from ..lifecycle.anomalies import AnomalyKind, Severity
from ..lifecycle.evidence import circumstances_of
from ..lifecycle.explain import Anomaly
from ..lifecycle.machine import INITIAL_SITUATION, BoundModel, Situation
from ..lifecycle.policy import Policy
from ..lifecycle.providers import PROFILES, Provider, family_of
from ..lifecycle.status import Health, Status
from ..lifecycle.windows import BlindWindow
from ..lifecycle.wording import one_of
from ..records import AccountFilter, AuditFilter, LedgerEntry, Quarantined, TimeSource
from ..stores.protocol import Reader, Store
from ..verify.past import account_as_of, accounts_as_of
from .diagnosis import Diagnosis, diagnose
from .overview import Overview, overview_of

if TYPE_CHECKING:
    from graphviz import Digraph


class Answers:
    """The questions that an engine answers from its store."""

    store: Store
    """The store itself: its reading side streams what the methods below return as lists."""
    policy: Policy
    """The policy in force."""
    _clock: TimeSource

    def account(self, account_id: str, *, as_of: datetime | None = None) -> Account | None:
        """Return the account as it is now, or None if nothing was ever fed for it.

        With ``as_of`` (aware) return it as it followed, at that moment, from the events received by then. Raise
        ``StoreError`` if that lies before what was pruned, with the names of the archives, or if an event on the way
        cannot be judged again.
        """
        account_id = arguments.account_id("account_id", account_id)
        if as_of is None:
            return self.store.account(account_id)
        return account_as_of(self.store, account_id, in_utc("as_of", as_of))

    def accounts(
        self,
        *,
        status: Status | str | None = None,
        health: Health | str | None = None,
        provider: str | None = None,
    ) -> list[Account]:
        """Return the accounts that fit, in the order of their ids."""
        which = AccountFilter(
            None if status is None else arguments.word("status", status, Status),
            None if health is None else arguments.word("health", health, Health),
            None if provider is None else known_family(self.store, provider),
        )
        return list(self.store.accounts(which))

    def history(self, account_id: str) -> list[LedgerEntry]:
        """Return every event ever fed for an account, with its verdict, oldest first."""
        return list(self.store.history(arguments.account_id("account_id", account_id)))

    def audit(
        self,
        *,
        kind: AnomalyKind | str | None = None,
        severity: Severity | str | None = None,
        account_id: str | None = None,
        provider: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[Anomaly]:
        """Return the anomalies that fit, in the order in which their events were fed.

        ``severity`` means at least so severe. ``since`` (included) and ``until`` (not included) are aware times of
        receipt.
        """
        which = AuditFilter(
            None if kind is None else arguments.word("kind", kind, AnomalyKind),
            None if severity is None else arguments.word("severity", severity, Severity),
            arguments.maybe(arguments.account_id, "account_id", account_id),
            None if provider is None else known_family(self.store, provider),
            None if since is None else in_utc("since", since),
            None if until is None else in_utc("until", until),
        )
        return list(self.store.audit(which))

    def quarantine(self) -> list[Quarantined]:
        """Return every payload that could not be read, byte for byte, oldest first."""
        return list(self.store.quarantined())

    def blind_windows(self, *, account_id: str | None = None, open_only: bool = False) -> list[BlindWindow]:
        """Return the intervals in which accounts were not OK, in the order in which they began."""
        which = arguments.maybe(arguments.account_id, "account_id", account_id)
        return list(self.store.blind_windows(which, open_only=open_only))

    def explain(self, account_id: str, *, now: datetime | None = None) -> Diagnosis:
        """Return why an account is down, since when, what was missed, and what may follow.

        ``str()`` of it is text for a person, ``to_dict()`` the same for programs. ``now`` (aware), to which ages are
        counted, defaults to the clock. Raise ``AccountNotFound`` if nothing was ever fed for the account.
        """
        at = self._clock() if now is None else in_utc("now", now)
        account = self.account(account_id)
        if account is None:
            raise AccountNotFound(account_id)
        return diagnose(self.store, account, self.policy, at)

    def overview(self, *, now: datetime | None = None, at: datetime | None = None) -> Overview:
        """Return how many accounts stand where, and which words are never announced; ``now`` (aware) is the clock's.

        With ``at`` (aware) return how they stood at that moment, from the events received by then; this reads the whole
        ledger, and raises ``StoreError`` as ``account`` does.
        """
        if at is not None:
            then = in_utc("at", at)
            return overview_of(accounts_as_of(self.store, then), then, self.policy)
        accounts = self.store.accounts(AccountFilter())
        return overview_of(accounts, self._clock() if now is None else in_utc("now", now), self.policy)

    def machine_for(self, account_id: str) -> BoundModel:
        """Return a model at the account's situation, bound to the shared ``transitions`` machine.

        For interactive use: ``may_OK()`` asks, ``OK()`` tries, ``get_graph()`` draws. It is a copy: the
        store is not changed by it. An account for which nothing was ever fed is UNSEEN: there every account begins.
        """
        account = self.account(account_id)
        situation = account.situation if account else INITIAL_SITUATION
        circumstances = circumstances_of(account.provider if account else None, self.policy.ok_subscribed)
        return BoundModel(situation, _draw, circumstances)


def known_family(reader: Reader, provider: str) -> str:
    """Return the family of a provider by any of its names, or a word that was announced for an account instead of one.

    Raise ``ConfigurationError`` for any other word, which would silently fit no account.
    """
    family = family_of(arguments.text("provider", provider))
    if family not in PROFILES and next(iter(reader.accounts(AccountFilter(provider=family))), None) is None:
        expected = f"{one_of(tuple(Provider))}, or another word that was announced as an account's type"
        raise arguments.refuse("provider", provider, expected)
    return family


def _draw(situation: Situation) -> "Digraph":
    from ..drawing import draw_situation

    return draw_situation(situation)

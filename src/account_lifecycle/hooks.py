"""Hooks: the user's callables, and what they are told.

Knows which hook wants which effect; it must never know when hooks run (``runner``).
"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple, Protocol, TypeVar

from .lifecycle.account import Account
from .lifecycle.anomalies import AnomalyKind
from .lifecycle.effects import EffectKind
from .lifecycle.explain import Anomaly
from .lifecycle.status import Status
from .lifecycle.windows import BlindWindow
from .ports import EffectRow


class HookCall(NamedTuple):
    """What a hook is told. All times are aware and in UTC."""

    kind: EffectKind
    subject: str
    """The status, product or anomaly kind that it is about; blank where the kind says it all."""
    account_id: str
    sequence: int
    """The account's sequence at the event that caused it: compare it with ``account.sequence``."""
    occurred_at: datetime
    """When that event was received."""
    account: Account
    """The account as it is now, which may be later than the effect."""
    key: str
    """The idempotency key: the same for every attempt of every hook at this effect."""
    attempt: int = 1
    """1 for the first attempt of this hook."""
    blind_window: BlindWindow | None = None
    """Of ``recovered``: exactly the interval to backfill."""
    anomaly: Anomaly | None = None
    """Of ``anomaly``: the anomaly, explained."""


class Hook(Protocol):
    """Does an effect. Called at least once for each effect it wants; an exception makes it due again."""

    def __call__(self, call: HookCall, /) -> object:
        """Do what the call tells; what it returns is ignored."""


HookT = TypeVar("HookT", bound=Hook)


class Subscription(NamedTuple):
    """A hook and the effects that it wants."""

    kind: EffectKind
    subject: str | None
    """None: whatever the subject."""
    name: str
    """Durable: under this name its deliveries are kept, so that another process can go on with them."""
    hook: Hook

    def wants(self, row: EffectRow) -> bool:
        """Whether the hook is to be called for an effect."""
        return row.effect.kind is self.kind and self.subject in (None, row.effect.subject)


class HookRegistry:
    """The hooks of one engine. Each ``on_…`` method also serves as a decorator.

    A hook is known by its name (its module and qualified name unless ``name`` says otherwise), so that a
    delivery that failed in one process is tried again by the same hook in the next.
    """

    def __init__(self) -> None:
        self.subscriptions: list[Subscription] = []

    def subscribe(self, kind: EffectKind, subject: str | None, hook: HookT, name: str | None = None) -> HookT:
        """Call ``hook`` for every effect of this kind, and with this subject unless that is None.

        Raises ``ValueError`` when another hook has the name already, and the name was given on purpose.
        """
        full_name = f"{kind}:{subject or '*'}:{name or _name_of(hook)}"
        taken = [s.name for s in self.subscriptions]
        if full_name in taken and name is not None:
            raise ValueError(
                f"a hook named {name!r} is registered for {kind} {subject or ''} already: give another name"
            )
        namesakes = sum(other.split("#")[0] == full_name for other in taken)
        unique = f"{full_name}#{namesakes + 1}" if namesakes else full_name
        self.subscriptions.append(Subscription(kind, subject, unique, hook))
        return hook

    def on_entered(self, status: Status | str, *, name: str | None = None) -> Callable[[HookT], HookT]:
        """When an account enters a status. Raises ``ValueError`` for a word that is no status."""
        subject = Status(status)
        return lambda hook: self.subscribe(EffectKind.ENTERED, subject, hook, name)

    def on_left(self, status: Status | str, *, name: str | None = None) -> Callable[[HookT], HookT]:
        """When an account leaves a status. Raises ``ValueError`` for a word that is no status."""
        subject = Status(status)
        return lambda hook: self.subscribe(EffectKind.LEFT, subject, hook, name)

    def on_anomaly(self, kind: AnomalyKind | str | None = None, *, name: str | None = None) -> Callable[[HookT], HookT]:
        """When an anomaly of a kind is found; None for every kind."""
        subject = None if kind is None else AnomalyKind(kind)
        return lambda hook: self.subscribe(EffectKind.ANOMALY, subject, hook, name)

    def on_connected(self, hook: HookT, *, name: str | None = None) -> HookT:
        """When an account is live for the first time."""
        return self.subscribe(EffectKind.CONNECTED, None, hook, name)

    def on_interrupted(self, hook: HookT, *, name: str | None = None) -> HookT:
        """When a live account is interrupted; the user need not do anything."""
        return self.subscribe(EffectKind.INTERRUPTED, None, hook, name)

    def on_action_required(self, hook: HookT, *, name: str | None = None) -> HookT:
        """When the user must reconnect."""
        return self.subscribe(EffectKind.ACTION_REQUIRED, None, hook, name)

    def on_recovered(self, hook: HookT, *, name: str | None = None) -> HookT:
        """When an account is live again; ``call.blind_window`` is the interval to backfill."""
        return self.subscribe(EffectKind.RECOVERED, None, hook, name)

    def on_sync_completed(self, hook: HookT, *, name: str | None = None) -> HookT:
        """When a synchronization finished; ``call.subject`` is its product, or blank."""
        return self.subscribe(EffectKind.SYNC_COMPLETED, None, hook, name)

    def on_creation_failed(self, hook: HookT, *, name: str | None = None) -> HookT:
        """When an account could not be created."""
        return self.subscribe(EffectKind.CREATION_FAILED, None, hook, name)

    def on_deleted(self, hook: HookT, *, name: str | None = None) -> HookT:
        """When an account is gone."""
        return self.subscribe(EffectKind.DELETED, None, hook, name)


def _name_of(hook: Hook) -> str:
    function = hook if hasattr(hook, "__qualname__") else type(hook)
    module = getattr(function, "__module__", None)
    qualified = str(getattr(function, "__qualname__", type(hook).__qualname__))
    return f"{module}.{qualified}" if module else qualified

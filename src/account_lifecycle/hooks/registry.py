"""Hooks, the user's callables: what they are called with, and how they are registered for effects."""

from collections.abc import Callable
from datetime import datetime
from typing import Literal, NamedTuple, Protocol, TypedDict, TypeVar, Unpack, overload

from ..lifecycle.account import Account
from ..lifecycle.anomalies import AnomalyKind
from ..lifecycle.effects import EffectKind
from ..lifecycle.explain import Anomaly
from ..lifecycle.status import Status
from ..lifecycle.windows import BlindWindow
from ..lifecycle.wording import JsonObject, plain
from ..records import DeliveryState, OnDead, StatusChange, SubscribedHook


class HookCall(NamedTuple):
    """What a hook is called with. All times are aware and in UTC."""

    kind: EffectKind
    subject: str
    """The status, product or anomaly kind that it is about; blank where the kind says it all."""
    account_id: str
    sequence: int
    """The account's sequence at the event that caused it: compare it with ``account.sequence``."""
    occurred_at: datetime
    """When that event was received."""
    account: Account
    """The account as it was just before the call, which may be later than the effect."""
    key: str
    """The idempotency key: the same for every attempt of every hook at this effect."""
    attempt: int = 1
    """1 for the first attempt of this hook."""
    blind_window: BlindWindow | None = None
    """Of ``recovered``: exactly the interval to backfill."""
    anomaly: Anomaly | None = None
    """Of ``anomaly``: the anomaly, explained."""
    transitions: tuple[StatusChange, ...] = ()
    """The account's last transitions up to that event, oldest first: a handler that missed earlier calls can catch up
    from any later one."""
    token: int = 0
    """The fencing token of this attempt, which grows with each attempt of the same delivery: a system to which the hook
    writes can refuse a smaller one than it has seen, should an attempt that was thought dead still be at work."""

    def to_dict(self) -> JsonObject:
        """Return the call as a JSON object, the same for every attempt as long as the account is the same."""
        account = self.account.to_dict()
        del account["in_status_s"]  # it depends on when one asks
        return {
            "key": self.key,
            "account_id": self.account_id,
            "sequence": self.sequence,
            "kind": self.kind.value,
            "subject": plain(self.subject),
            "account": account,
            "blind_window": None if self.blind_window is None else self.blind_window.to_dict(),
            "anomaly": None if self.anomaly is None else self.anomaly.to_dict(),
            "transitions": [transition.to_dict() for transition in self.transitions],
        }


class HookOutcome(NamedTuple):
    """What became of one call of one hook."""

    hook: str
    """The hook's name."""
    call: HookCall
    error: str | None = None
    """Why it is not done; None when it is."""
    state: DeliveryState = DeliveryState.DONE
    """Where its delivery stands after the call. ``running`` means that its lease was lost to another worker."""
    due_at: datetime | None = None
    """When it is called again; None unless its delivery waits."""

    @property
    def done(self) -> bool:
        """Return whether the hook has done its work, and that was kept."""
        return self.state is DeliveryState.DONE


class Hook(Protocol):
    """Does an effect. Called at least once for each effect it wants; an exception makes it due again."""

    def __call__(self, call: HookCall, /) -> object:
        """Do the effect. It may return one of ``outcomes``; anything else means that it is done."""


HookT = TypeVar("HookT", bound=Hook)
Ordering = Literal["account", "none"]


class HookOptions(TypedDict, total=False):
    """How a hook is known and run; each may be left out."""

    name: str | None
    """What it is known by, in the store too; its module and qualified name unless given."""
    ordering: Ordering
    """``"account"``: its calls for one account come one after the other, in the order of the events, and a failed
    one holds back the later ones. ``"none"``: each call is on its own."""
    attempts: int
    """How many times it is called for one effect before the delivery is dead-lettered."""
    on_dead: OnDead | Literal["skip", "halt"]
    """What a dead delivery means for the later ones for the account: they go on, or wait until it is redriven."""


class Subscription(NamedTuple):
    """A hook, and the terms on which the store knows it."""

    terms: SubscribedHook
    hook: Hook

    @property
    def name(self) -> str:
        """Return its durable name, under which its deliveries are kept, so that another process can go on with them."""
        return self.terms.name


class HookRegistry:
    """The hooks of one engine. Each ``on_…`` method also serves as a decorator, with or without options.

    A hook is known by its name (its module and qualified name unless ``name`` says otherwise), so that a
    delivery that failed in one process is tried again by the same hook in the next. The options are those
    of ``HookOptions``; raise ``ValueError`` for an invalid one.
    """

    def __init__(self) -> None:
        self.subscriptions: list[Subscription] = []

    def subscribe(
        self,
        kind: EffectKind,
        subject: str | None,
        hook: HookT,
        name: str | None = None,
        *,
        ordering: Ordering = "account",
        attempts: int = 8,
        on_dead: OnDead | Literal["skip", "halt"] = OnDead.SKIP,
    ) -> HookT:
        """Call ``hook`` for every effect of this kind, and with this subject unless that is None.

        Return the hook. Raise ``ValueError`` for invalid options, or if another hook of the effect has the ``name``.
        """
        full_name = self._free_name(f"{kind}:{subject or '*'}:{name or _name_of(hook)}", name)
        terms = SubscribedHook(full_name, EffectKind(kind), subject, ordering == "account", attempts, OnDead(on_dead))
        _check(terms, ordering)
        self.subscriptions.append(Subscription(terms, hook))
        return hook

    def on_entered(self, status: Status | str, **options: Unpack[HookOptions]) -> Callable[[HookT], HookT]:
        """Call the hook when an account enters a status. Raise ``ValueError`` for a word that is no status."""
        subject = Status(status)
        return lambda hook: self.subscribe(EffectKind.ENTERED, subject, hook, **options)

    def on_left(self, status: Status | str, **options: Unpack[HookOptions]) -> Callable[[HookT], HookT]:
        """Call the hook when an account leaves a status. Raise ``ValueError`` for a word that is no status."""
        subject = Status(status)
        return lambda hook: self.subscribe(EffectKind.LEFT, subject, hook, **options)

    def on_anomaly(
        self, kind: AnomalyKind | str | None = None, **options: Unpack[HookOptions]
    ) -> Callable[[HookT], HookT]:
        """Call the hook when an anomaly of a kind is found; None for every kind."""
        subject = None if kind is None else AnomalyKind(kind)
        return lambda hook: self.subscribe(EffectKind.ANOMALY, subject, hook, **options)

    @overload
    def on_connected(self, hook: HookT, **options: Unpack[HookOptions]) -> HookT: ...
    @overload
    def on_connected(self, **options: Unpack[HookOptions]) -> Callable[[HookT], HookT]: ...
    def on_connected(self, hook: Hook | None = None, **options: Unpack[HookOptions]) -> object:
        """Call the hook when an account is live for the first time."""
        return self._register(EffectKind.CONNECTED, hook, options)

    @overload
    def on_interrupted(self, hook: HookT, **options: Unpack[HookOptions]) -> HookT: ...
    @overload
    def on_interrupted(self, **options: Unpack[HookOptions]) -> Callable[[HookT], HookT]: ...
    def on_interrupted(self, hook: Hook | None = None, **options: Unpack[HookOptions]) -> object:
        """Call the hook when a live account is interrupted; the user need not do anything."""
        return self._register(EffectKind.INTERRUPTED, hook, options)

    @overload
    def on_action_required(self, hook: HookT, **options: Unpack[HookOptions]) -> HookT: ...
    @overload
    def on_action_required(self, **options: Unpack[HookOptions]) -> Callable[[HookT], HookT]: ...
    def on_action_required(self, hook: Hook | None = None, **options: Unpack[HookOptions]) -> object:
        """Call the hook when the user must reconnect."""
        return self._register(EffectKind.ACTION_REQUIRED, hook, options)

    @overload
    def on_recovered(self, hook: HookT, **options: Unpack[HookOptions]) -> HookT: ...
    @overload
    def on_recovered(self, **options: Unpack[HookOptions]) -> Callable[[HookT], HookT]: ...
    def on_recovered(self, hook: Hook | None = None, **options: Unpack[HookOptions]) -> object:
        """Call the hook when an account is live again; ``call.blind_window`` is the interval to backfill."""
        return self._register(EffectKind.RECOVERED, hook, options)

    @overload
    def on_sync_completed(self, hook: HookT, **options: Unpack[HookOptions]) -> HookT: ...
    @overload
    def on_sync_completed(self, **options: Unpack[HookOptions]) -> Callable[[HookT], HookT]: ...
    def on_sync_completed(self, hook: Hook | None = None, **options: Unpack[HookOptions]) -> object:
        """Call the hook when a synchronization finished; ``call.subject`` is its product, or blank."""
        return self._register(EffectKind.SYNC_COMPLETED, hook, options)

    @overload
    def on_creation_failed(self, hook: HookT, **options: Unpack[HookOptions]) -> HookT: ...
    @overload
    def on_creation_failed(self, **options: Unpack[HookOptions]) -> Callable[[HookT], HookT]: ...
    def on_creation_failed(self, hook: Hook | None = None, **options: Unpack[HookOptions]) -> object:
        """Call the hook when an account could not be created."""
        return self._register(EffectKind.CREATION_FAILED, hook, options)

    @overload
    def on_deleted(self, hook: HookT, **options: Unpack[HookOptions]) -> HookT: ...
    @overload
    def on_deleted(self, **options: Unpack[HookOptions]) -> Callable[[HookT], HookT]: ...
    def on_deleted(self, hook: Hook | None = None, **options: Unpack[HookOptions]) -> object:
        """Call the hook when an account is gone."""
        return self._register(EffectKind.DELETED, hook, options)

    def _register(self, kind: EffectKind, hook: Hook | None, options: HookOptions) -> object:
        """Register a hook, or return a decorator that does."""
        if hook is None:
            return lambda later: self.subscribe(kind, None, later, **options)
        return self.subscribe(kind, None, hook, **options)

    def _free_name(self, full_name: str, given: str | None) -> str:
        taken = [subscription.name for subscription in self.subscriptions]
        if full_name in taken and given is not None:
            what = " ".join(full_name.split(":")[:2])
            raise ValueError(f"a hook named {given!r} is registered for {what} already: give another name")
        namesakes = sum(other.split("#")[0] == full_name for other in taken)
        return f"{full_name}#{namesakes + 1}" if namesakes else full_name


def _check(terms: SubscribedHook, ordering: str) -> None:
    if ordering not in ("account", "none"):
        raise ValueError(f"ordering: found {ordering!r}; expected 'account' or 'none'")
    if not isinstance(terms.attempts_limit, int) or terms.attempts_limit < 1:
        raise ValueError(f"attempts: found {terms.attempts_limit!r}; expected 1 or more")
    if terms.on_dead is OnDead.HALT and not terms.is_ordered:
        raise ValueError("on_dead: found 'halt' with ordering='none', where nothing waits; expected 'skip'")


def _name_of(hook: Hook) -> str:
    function = hook if hasattr(hook, "__qualname__") else type(hook)
    module = getattr(function, "__module__", None)
    qualified = str(getattr(function, "__qualname__", type(hook).__qualname__))
    return f"{module}.{qualified}" if module else qualified

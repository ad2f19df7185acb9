"""The registry: which hooks are called for which effects, and on which terms."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Generic, Literal, NamedTuple, Protocol, TypedDict, TypeVar, Unpack, overload

from ..intake import arguments
from ..intake.times import in_utc
from ..lifecycle.anomalies import AnomalyKind
from ..lifecycle.effects import EffectKind
from ..lifecycle.status import Health, Status
from ..lifecycle.wording import printable
from ..records import BEGINNING, DeliveryState, OnDead, SubscribedHook
from .callables import check_hook, is_async, name_of, short_name, twin_of, why_not_lasting
from .calls import (
    AccountCall,
    AnomalyCall,
    ClaimedCall,
    ConnectedCall,
    CreationFailedCall,
    EnteredCall,
    HealthChangedCall,
    HookCall,
    LeftCall,
    RecoveredCall,
    SyncCompletedCall,
)


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
    exception: BaseException | None = None
    """What it raised, with its traceback."""

    def __str__(self) -> str:
        became = f"{self.state}: {printable(self.error, 200)}" if self.error else self.state
        return f"{self.hook}: {self.call}: {became}"

    @property
    def done(self) -> bool:
        """Return whether the hook has done its work, and that was kept."""
        return self.state is DeliveryState.DONE


CallT = TypeVar("CallT", bound=HookCall)
AnswerT = TypeVar("AnswerT")
HookT = TypeVar("HookT", bound=Callable[[Any], object])
Hook = Callable[[CallT], AnswerT]
AnyHook = Callable[[HookCall], AnswerT]
Ordering = Literal["account", "none"]
Since = Literal["now", "beginning"] | datetime
LONGEST_CALL = timedelta(hours=1)
"""How long a call's lease is renewed, so that no timeout may be longer."""
MAX_ATTEMPTS = 1_000_000
"""How many attempts a delivery may have."""
_MISSING: Any = object()


class HookOptions(TypedDict, total=False):
    """How a hook is known and run; each may be left out."""

    name: str | None
    """What it is known by, in the store too; its module and qualified name unless given. Required where the store lasts
    and these do not: for lambdas, partials, instances, and functions of the program that runs."""
    timeout: timedelta | None
    """How long a call may take before it has failed, at most an hour. None: as long as it takes, but after an hour
    another worker may take it over."""
    ordering: Ordering
    """``"account"``: its calls for one account come one after the other, in the order of the events, and a failed
    one holds back the later ones. ``"none"``: each call is on its own."""
    attempts: int
    """How many times it is called for one effect before the delivery is dead-lettered."""
    on_dead: OnDead | Literal["skip", "halt"]
    """What a dead delivery means for the later ones for the account: they go on, or wait until it is redriven."""
    since: Since
    """From when on it is called: ``"now"``, for what is fed once the store knows it; ``"beginning"``, for all that is
    in the store as well; or for what was received from an aware time on. It is read when the store comes to know the
    hook: registered again, a hook goes on where it was."""


class Subscription(NamedTuple):
    """A hook, and the terms on which the store knows it."""

    terms: SubscribedHook
    hook: Callable[[Any], object]
    """Called at least once for each effect that it wants; an exception makes it due again. It may return one of
    ``outcomes``; anything else means that it is done. What can be awaited is awaited first."""
    timeout: timedelta | None = None
    """How long a call may take before it has failed."""

    @property
    def is_async(self) -> bool:
        """Return whether a call of the hook only makes what is to be awaited."""
        return is_async(self.hook)

    @property
    def name(self) -> str:
        """Return its durable name, under which its deliveries are kept, so that another process can go on with them."""
        return self.terms.name


class Decorator(Protocol[CallT]):
    """Registers the function under it, and returns it.

    A hook for any call comes back as that, so that several decorators may stand on it; any other as a hook for this
    kind of call.
    """

    @overload
    def __call__(self, hook: AnyHook[AnswerT], /) -> AnyHook[AnswerT]: ...
    @overload
    def __call__(self, hook: Hook[CallT, AnswerT], /) -> Hook[CallT, AnswerT]: ...


class On(Generic[CallT]):
    """Registers hooks for one kind of effect, as a call or as a decorator, with or without options.

        engine.on_recovered(backfill, name="backfill", attempts=3)

        @engine.on_recovered
        def backfill(call: RecoveredCall) -> None: ...

    The options are those of ``HookOptions``. Raise ``ValueError`` for an invalid one and ``TypeError`` for an unknown
    one, or for a hook of which a call with one argument does nothing.
    """

    def __init__(self, registry: "HookRegistry", kind: EffectKind, subject: str | None = None) -> None:
        self._registry = registry
        self._kind = kind
        self._subject = subject

    @overload
    def __call__(self, hook: AnyHook[AnswerT], /, **options: Unpack[HookOptions]) -> AnyHook[AnswerT]: ...
    @overload
    def __call__(self, hook: Hook[CallT, AnswerT], /, **options: Unpack[HookOptions]) -> Hook[CallT, AnswerT]: ...
    @overload
    def __call__(self, /, **options: Unpack[HookOptions]) -> Decorator[CallT]: ...
    def __call__(self, hook: Any = _MISSING, /, **options: Any) -> object:
        """Register a hook and return it; without one, return a decorator that does."""
        known = HookOptions.__annotations__
        if unknown := sorted(options.keys() - known.keys()):
            raise TypeError(f"on_{self._kind}: found {', '.join(unknown)}; expected {', '.join(known)}")
        if hook is _MISSING:
            return lambda later: self._registry.subscribe(self._kind, self._subject, later, **options)
        return self._registry.subscribe(self._kind, self._subject, hook, **options)


class OnSubject(On[CallT]):
    """The same for a kind whose effects are about something: the word that is meant comes first, None for any.

        @engine.on_entered(Status.CREDENTIALS)
        def pause(call: EnteredCall) -> None: ...

    Raise ``ValueError`` for a word that there is not.
    """

    def __init__(self, registry: "HookRegistry", kind: EffectKind, words: type[StrEnum]) -> None:
        super().__init__(registry, kind)
        self._words = words

    @overload
    def __call__(self, hook: AnyHook[AnswerT], /, **options: Unpack[HookOptions]) -> AnyHook[AnswerT]: ...
    @overload
    def __call__(self, hook: Hook[CallT, AnswerT], /, **options: Unpack[HookOptions]) -> Hook[CallT, AnswerT]: ...
    @overload
    def __call__(self, subject: str | None = None, /, **options: Unpack[HookOptions]) -> Decorator[CallT]: ...
    @overload
    def __call__(
        self, subject: str | None, hook: Hook[CallT, AnswerT], /, **options: Unpack[HookOptions]
    ) -> Hook[CallT, AnswerT]: ...
    def __call__(self, subject: Any = None, hook: Any = _MISSING, /, **options: Any) -> object:
        """Register a hook and return it; without one, return a decorator that does."""
        if not isinstance(subject, str | None):
            subject, hook = None, subject
        word = None if subject is None else arguments.word("subject", subject, self._words)
        return On[CallT](self._registry, self._kind, word)(hook, **options)


class HookRegistry:
    """The hooks of one engine. Each ``on_…`` method registers a hook for a kind of effect (see ``On``).

    A hook is known by its name (its module and qualified name unless ``name`` says otherwise), so that a delivery that
    failed in one process is tried again by the same hook in the next. ``known`` returns the hooks that a lasting store
    knows; without it nothing lasts longer than the process, and names need not.
    """

    def __init__(self, known: Callable[[], Iterable[SubscribedHook]] | None = None) -> None:
        self.subscriptions: list[Subscription] = []
        self._known = known
        self.watchers: list[Callable[[HookOutcome], object]] = []
        """Called with the outcome of each call of a hook in this process once it is kept; they must not raise."""

    def subscribe(
        self,
        kind: EffectKind,
        subject: str | None,
        hook: HookT,
        name: str | None = None,
        *,
        timeout: timedelta | None = None,
        ordering: Ordering = "account",
        attempts: int = 8,
        on_dead: OnDead | Literal["skip", "halt"] = OnDead.SKIP,
        since: Since = "now",
    ) -> HookT:
        """Call ``hook`` for every effect of this kind, and with this subject unless that is None.

        Return the hook. Raise ``TypeError`` for a hook that cannot be called with one argument, or of which a call does
        nothing, and ``ValueError`` for invalid options, for a hook without a name that lasts in a store that does, or
        if another hook of the effect has its name.
        """
        check_hook(hook)
        full_name = self._free_name(kind, subject, hook, name)
        terms = SubscribedHook(
            full_name,
            EffectKind(kind),
            subject,
            is_ordered=ordering == "account",
            attempts_limit=attempts,
            on_dead=arguments.word("on_dead", on_dead, OnDead),
            since=_since(since),
        )
        _check(terms, ordering, timeout)
        self.subscriptions.append(Subscription(terms, hook, timeout))
        return hook

    @property
    def on_entered(self) -> OnSubject[EnteredCall]:
        """Call the hook when an account enters a status, or any of them."""
        return OnSubject(self, EffectKind.ENTERED, Status)

    @property
    def on_left(self) -> OnSubject[LeftCall]:
        """Call the hook when an account leaves a status, or any of them."""
        return OnSubject(self, EffectKind.LEFT, Status)

    @property
    def on_health_changed(self) -> OnSubject[HealthChangedCall]:
        """Call the hook when an account comes to a health, or to any other than before."""
        return OnSubject(self, EffectKind.HEALTH_CHANGED, Health)

    @property
    def on_connected(self) -> On[ConnectedCall]:
        """Call the hook when an account is live for the first time."""
        return On(self, EffectKind.CONNECTED)

    @property
    def on_interrupted(self) -> On[AccountCall]:
        """Call the hook when an account is interrupted: pause, but do not ask for a new sign-in."""
        return On(self, EffectKind.INTERRUPTED)

    @property
    def on_action_required(self) -> On[AccountCall]:
        """Call the hook when the user must reconnect."""
        return On(self, EffectKind.ACTION_REQUIRED)

    @property
    def on_action_resolved(self) -> On[AccountCall]:
        """Call the hook when the user need not do anything any more: what was paused may go on."""
        return On(self, EffectKind.ACTION_RESOLVED)

    @property
    def on_recovered(self) -> On[RecoveredCall]:
        """Call the hook when an account is live again; ``call.blind_window`` is the interval to backfill."""
        return On(self, EffectKind.RECOVERED)

    @property
    def on_still_down(self) -> On[AccountCall]:
        """Call the hook when an account has been down for as long as one of the policy's ``reminders`` says."""
        return On(self, EffectKind.STILL_DOWN)

    @property
    def on_session_expiring(self) -> On[AccountCall]:
        """Call the hook when the provider's session ends soon: a new sign-in now avoids an outage."""
        return On(self, EffectKind.SESSION_EXPIRING)

    @property
    def on_claimed(self) -> On[ClaimedCall]:
        """Call the hook when an account has an owner; ``call.owner`` is your own user id."""
        return On(self, EffectKind.CLAIMED)

    @property
    def on_reconnect_failed(self) -> On[AccountCall]:
        """Call the hook when an attempt to sign in again has failed."""
        return On(self, EffectKind.RECONNECT_FAILED)

    @property
    def on_sync_completed(self) -> On[SyncCompletedCall]:
        """Call the hook when a synchronization has finished; ``call.product`` tells of what."""
        return On(self, EffectKind.SYNC_COMPLETED)

    @property
    def on_creation_failed(self) -> On[CreationFailedCall]:
        """Call the hook when an account could not be created; ``call.account`` is None if there is none."""
        return On(self, EffectKind.CREATION_FAILED)

    @property
    def on_deleted(self) -> On[AccountCall]:
        """Call the hook when an account is gone."""
        return On(self, EffectKind.DELETED)

    @property
    def on_anomaly(self) -> OnSubject[AnomalyCall]:
        """Call the hook when an anomaly of a kind is found, or of any."""
        return OnSubject(self, EffectKind.ANOMALY, AnomalyKind)

    def _free_name(self, kind: EffectKind, subject: str | None, hook: object, given: str | None) -> str:
        """Return the name under which a hook is known; raise ``ValueError`` if it cannot be."""
        if given is not None:
            _check_name(given)
        effect = f"{kind}:{subject or '*'}:"
        full_name = effect + (name_of(hook) if given is None else given)
        taken = [subscription.name for subscription in self.subscriptions]
        if given is not None:
            if full_name in taken:
                raise ValueError(f"a hook named {given!r} is registered for {effect[:-1]} already: give another name")
            return full_name
        if self._known is None:
            namesakes = sum(other.split("#")[0] == full_name for other in taken)
            return f"{full_name}#{namesakes + 1}" if namesakes else full_name
        why = why_not_lasting(hook)
        if why is None and full_name in taken:
            why = "another hook of this name is registered already"
        if why is None:
            names = (*taken, *(known.name for known in self._known()))
            twin = twin_of(hook, (name.removeprefix(effect) for name in names if name.startswith(effect)))
            why = twin and f"it is known as {twin}, too: the same file under another module path"
        if why is not None:
            word = "" if subject is None else f'"{subject}", '
            short = short_name(hook)
            raise ValueError(
                f"hook: found {name_of(hook)} without a name that lasts as long as the store: {why}; expected a name of"
                f' your own. Write: engine.on_{kind}({word}{short}, name="{short}")'
            )
        return full_name


def _check_name(name: object) -> None:
    if not isinstance(name, str):
        raise TypeError(f"name: found {name!r}; expected a text")
    if not name.strip() or not name.isprintable():
        raise ValueError(f"name: found {name!r}; expected a text that can be printed")


def _check(terms: SubscribedHook, ordering: str, timeout: object) -> None:
    if ordering not in ("account", "none"):
        raise ValueError(f"ordering: found {ordering!r}; expected 'account' or 'none'")
    arguments.count("attempts", terms.attempts_limit, most=MAX_ATTEMPTS)
    if terms.on_dead is OnDead.HALT and not terms.is_ordered:
        raise ValueError("on_dead: found 'halt' with ordering='none', where nothing waits; expected 'skip'")
    if not isinstance(timeout, timedelta | None):
        raise TypeError(f"timeout: found {timeout!r}; expected a length, such as timedelta(seconds=30), or None")
    if timeout is not None and not timedelta(0) < timeout <= LONGEST_CALL:
        raise ValueError(f"timeout: found {timeout}; expected more than nothing and at most {LONGEST_CALL}")


def _since(since: object) -> datetime | None:
    """Return from when on a hook is called, as the store has it."""
    if since == "now":
        return None
    if since == "beginning":
        return BEGINNING
    if not isinstance(since, datetime) or since.utcoffset() is None:
        raise arguments.refuse("since", since, "'now', 'beginning' or an aware datetime")
    return in_utc("since", since)

"""The registry: which hooks are called for which effects, and on which terms."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import (
    Any,
    Generic,
    Literal,
    NamedTuple,
    Protocol,
    TypeVar,
    Unpack,
    get_type_hints,
    overload,
)

from ..intake import arguments
from ..lifecycle.anomalies import AnomalyKind, NextStep, Severity
from ..lifecycle.effects import OPENERS, EffectKind
from ..lifecycle.status import Health, Status
from ..lifecycle.wording import printable
from ..records import DeliveryState, OnDead, SubscribedHook
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
from .options import AnomalyOptions, HookOptions, Ordering, Since, check_name, check_terms, since_from


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
_MISSING: Any = object()


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

    def __init__(
        self, registry: "HookRegistry", kind: EffectKind, subject: str | None = None, options: type = HookOptions
    ) -> None:
        self.options = options
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
        known = get_type_hints(self.options)
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
        return On[CallT](self._registry, self._kind, word, self.options)(hook, **options)


class OnAnomaly(OnSubject[CallT]):
    """The same for anomalies, of a kind or of any, narrowed by how severe they are and by what they ask for.

        @engine.on_anomaly(severity="warning", next_step="reconcile with the vendor")
        def ask_the_vendor(call: AnomalyCall) -> None: ...

    Raise ``ValueError`` for filters that no anomaly passes.
    """

    def __init__(self, registry: "HookRegistry") -> None:
        super().__init__(registry, EffectKind.ANOMALY, AnomalyKind)
        self.options = AnomalyOptions

    @overload
    def __call__(self, hook: AnyHook[AnswerT], /, **options: Unpack[AnomalyOptions]) -> AnyHook[AnswerT]: ...
    @overload
    def __call__(self, hook: Hook[CallT, AnswerT], /, **options: Unpack[AnomalyOptions]) -> Hook[CallT, AnswerT]: ...
    @overload
    def __call__(self, kind: str | None = None, /, **options: Unpack[AnomalyOptions]) -> Decorator[CallT]: ...
    @overload
    def __call__(
        self, kind: str | None, hook: Hook[CallT, AnswerT], /, **options: Unpack[AnomalyOptions]
    ) -> Hook[CallT, AnswerT]: ...
    def __call__(self, kind: Any = None, hook: Any = _MISSING, /, **options: Any) -> object:
        """Register a hook and return it; without one, return a decorator that does."""
        if kind is None:
            kind = options.pop("kind", None)
        return super().__call__(kind, hook, **options)


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
        after: timedelta | None = None,
        paired: bool = False,
        confirm: bool = False,
        since: Since = "now",
        severity: Severity | Literal["info", "warning", "error"] | None = None,
        next_step: NextStep | str | None = None,
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
            after=after,
            is_paired=paired,
            is_confirmed=confirm,
            since=since_from(since),
            severity=arguments.maybe(partial(arguments.word, words=Severity), "severity", severity),
            next_step=arguments.maybe(partial(arguments.word, words=NextStep), "next_step", next_step),
        )
        check_terms(terms, ordering, timeout)
        self._check_opener(terms, short_name(hook))
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
    def on_anomaly(self) -> OnAnomaly[AnomalyCall]:
        """Call the hook when an anomaly of a kind is found, or of any; see ``AnomalyOptions`` for the filters."""
        return OnAnomaly(self)

    def _check_opener(self, terms: SubscribedHook, short: str) -> None:
        """Refuse a paired hook that could never be called."""
        if not isinstance(terms.is_paired, bool):
            raise arguments.refuse("paired", terms.is_paired, "True or False")
        if not terms.is_paired:
            return
        openers = OPENERS.get(terms.kind)
        if openers is None:
            raise arguments.refuse("paired", True, f"False: on_{terms.kind} ends nothing; on_recovered does")
        given = terms.given_name
        others = (each.terms for each in self.subscriptions)
        if not any(other.kind in openers and other.given_name == given for other in others):
            kinds = " or ".join(f"on_{kind}" for kind in openers)
            raise ValueError(
                f"paired: found True, and no {kinds} hook of the same name; expected one, registered before, or this "
                f'one would never be called. Write: engine.on_{openers[0]}({short}, name="{given}")'
            )

    def _free_name(self, kind: EffectKind, subject: str | None, hook: object, given: str | None) -> str:
        """Return the name under which a hook is known; raise ``ValueError`` if it cannot be."""
        if given is not None:
            check_name(given)
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

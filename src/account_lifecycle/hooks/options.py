"""The options of a hook: what each means, and which are refused."""

from datetime import datetime, timedelta
from typing import Literal, TypedDict

from ..intake import arguments
from ..intake.times import in_utc
from ..lifecycle.anomalies import NextStep, Severity
from ..lifecycle.effects import EffectKind, condition_of
from ..records import BEGINNING, OnDead, SubscribedHook
from ..stores.outbox_rows import wants_anything

Ordering = Literal["account", "none"]
Since = Literal["now", "beginning"] | datetime
LONGEST_CALL = timedelta(hours=1)
"""How long a call's lease is renewed, so that no timeout may be longer."""
MAX_ATTEMPTS = 1_000_000
"""How many attempts a delivery may have."""
LONGEST_DWELL = timedelta(days=365)


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
    after: timedelta | None
    """Its dwell: how long a delivery waits after its event. It is withdrawn, and never called, if what it stands for
    ends before the call: the account leaves the status that was entered or the health that the effect means, or comes
    back into the one that was left. For what lasts: a status, a health, connected, recovered, interrupted, action
    required and action resolved."""
    paired: bool
    """Of ``on_recovered`` and ``on_action_resolved``: whether it is called only where its opener was, a hook of the
    same name for what has ended (action required; for recovered, interrupted as well), since it was last called for
    the account. It waits for an opener that is not done yet."""
    confirm: bool
    """Whether the vendor is asked first, by who runs the hooks: before calls that say something lasting, such as that
    the user must reconnect, that are doubtful, or that are for an anomaly to be reconciled with the vendor. Healed
    meanwhile, it is not called; if nobody can be asked, it is called at the end of ``Policy.confirm_within``.
    Feeding itself never calls it: a runner, a worker or ``run_hooks`` does."""
    since: Since
    """From when on it is called: ``"now"``, for what is fed once the store knows it; ``"beginning"``, for all that is
    in the store as well; or for what was received from an aware time on. It is read when the store comes to know the
    hook: registered again, a hook goes on where it was."""


class AnomalyOptions(HookOptions, total=False):
    """The same of a hook for anomalies: which of them it is called for."""

    kind: str | None
    """Only those of this kind; it may come first as well, without its name."""
    severity: Severity | Literal["info", "warning", "error"] | None
    """Only those that are at least so severe."""
    next_step: NextStep | str | None
    """Only those that ask for this."""


def check_name(name: object) -> None:
    """Refuse a name that nobody could write down."""
    if not isinstance(name, str):
        raise TypeError(f"name: found {name!r}; expected a text")
    if not name.strip() or not name.isprintable():
        raise ValueError(f"name: found {name!r}; expected a text that can be printed")


def check_terms(terms: SubscribedHook, ordering: str, timeout: object) -> None:
    """Refuse terms that mean nothing, or by which a hook would never be called."""
    if ordering not in ("account", "none"):
        raise ValueError(f"ordering: found {ordering!r}; expected 'account' or 'none'")
    arguments.count("attempts", terms.attempts_limit, most=MAX_ATTEMPTS)
    if terms.on_dead is OnDead.HALT and not terms.is_ordered:
        raise ValueError("on_dead: found 'halt' with ordering='none', where nothing waits; expected 'skip'")
    if not isinstance(timeout, timedelta | None):
        raise TypeError(f"timeout: found {timeout!r}; expected a length, such as timedelta(seconds=30), or None")
    if timeout is not None and not timedelta(0) < timeout <= LONGEST_CALL:
        raise ValueError(f"timeout: found {timeout}; expected more than nothing and at most {LONGEST_CALL}")
    _check_dwell(terms)
    _check_filters(terms)
    if not isinstance(terms.is_confirmed, bool):
        raise arguments.refuse("confirm", terms.is_confirmed, "True or False")
    if terms.is_confirmed and terms.kind is EffectKind.CREATION_FAILED:
        raise ValueError("confirm: found True; expected False: there is no account that the vendor could be asked for")


def _check_dwell(terms: SubscribedHook) -> None:
    """Refuse a dwell that is no length, and one for what is over as soon as it is."""
    if terms.after is None:
        return
    if not isinstance(terms.after, timedelta):
        raise TypeError(f"after: found {terms.after!r}; expected a length, such as timedelta(minutes=3), or None")
    if not timedelta(0) < terms.after <= LONGEST_DWELL:
        raise ValueError(f"after: found {terms.after}; expected more than nothing and at most {LONGEST_DWELL}")
    if condition_of(terms.kind, terms.subject or "") is None:
        raise ValueError(
            f"after: found {terms.after}; expected None: what on_{terms.kind} is called for cannot be over before"
        )


def _check_filters(terms: SubscribedHook) -> None:
    """Refuse filters that no anomaly passes."""
    if not wants_anything(terms):
        name, found = ("severity", terms.severity) if terms.severity else ("next_step", terms.next_step)
        what = f"of {terms.subject}" if terms.subject else "that ask for that"
        raise ValueError(f"{name}: found {found!s}; expected what anomalies {what} can have, or they never call it")


def since_from(since: object) -> datetime | None:
    """Return from when on a hook is called, as the store has it."""
    if since == "now":
        return None
    if since == "beginning":
        return BEGINNING
    if not isinstance(since, datetime) or since.utcoffset() is None:
        raise arguments.refuse("since", since, "'now', 'beginning' or an aware datetime")
    return in_utc("since", since)

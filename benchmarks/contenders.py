"""The library and its peers, each going the same way: payload bytes in, the account's new state kept.

Every peer is used as its documentation shows, and only for the bare step: no ledger, no anomaly, no effect, no
guard. The lives are lawful, so that is enough. Peers that keep an object for each account get all of them before
the clock starts, whereas the engine meets its accounts on the clock.
"""

# mypy: disable-error-code="untyped-decorator,no-untyped-call"

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol, cast

from automat import MethodicalMachine, TypeMachineBuilder
from interleaving import Step
from pydantic import BaseModel
from statemachine import State, StateMachine
from transitions import Machine

from account_lifecycle import Engine
from account_lifecycle.intake.payloads import parse
from account_lifecycle.lifecycle import definition

# fmt: off
WORDS = (
    "CONNECTING", "CREATION_SUCCESS", "SYNC_SUCCESS", "OK", "CREDENTIALS", "ERROR", "STOPPED", "RECONNECTED", "DELETED",
)
"""The announcements of the vendor's page, which are those of the lives."""
# fmt: on
STATES = ("UNSEEN", *WORDS)
CHAIN: dict[tuple[str, str], str] = {
    (source.value, row.trigger.value): row.dest.value
    for row in definition.TRANSITIONS
    for source in row.source
    if row.dest is not None and row.trigger.value in WORDS and source.value in STATES
}
"""By state and announcement the next state: the lawful steps, which every peer is given."""


# ---- Ours ----------------------------------------------------------------------------------------------


def engine(_stream: Sequence[bytes]) -> Step:
    """The whole engine on ``memory:``, as it opens by default: clock, observer, ledger, anomalies, effects."""
    feed = Engine.open("memory:").feed_event

    def step(payloads: Sequence[bytes]) -> None:
        for payload in payloads:
            feed(payload)

    return step


# ---- pydantic and two dicts ----------------------------------------------------------------------------


class Inner(BaseModel):
    account_id: str
    account_type: str
    message: str
    product: str | None = None


class Webhook(BaseModel):
    AccountStatus: Inner


def pydantic_and_dicts(_stream: Sequence[bytes]) -> Step:
    """What a team writes on the first day: a model, a table of lawful steps, a dict of states."""
    states: dict[str, str] = {}

    def step(payloads: Sequence[bytes]) -> None:
        for payload in payloads:
            told = Webhook.model_validate_json(payload).AccountStatus
            account_id = told.account_id
            states[account_id] = CHAIN[states.get(account_id, "UNSEEN"), told.message]

    return step


# ---- State machine libraries: our parse, then their bare step ------------------------------------------


def _stepper(models: Mapping[str, object]) -> Step:
    """Read a payload as the engine does, then announce its word to the account's object."""

    def step(payloads: Sequence[bytes]) -> None:
        for payload in payloads:
            event = parse(payload, datetime.now(UTC))
            getattr(models[event.account_id], event.status)()

    return step


def _account_ids(stream: Sequence[bytes]) -> set[str]:
    now = datetime.now(UTC)
    return {parse(payload, now).account_id for payload in stream}


class Methodical:
    """Automat's first way: a decorated class, an object for each account."""

    machine = MethodicalMachine()

    @machine.state(initial=True)
    def unseen(self) -> None: ...
    @machine.state()
    def connecting(self) -> None: ...
    @machine.state()
    def creation_success(self) -> None: ...
    @machine.state()
    def sync_success(self) -> None: ...
    @machine.state()
    def ok(self) -> None: ...
    @machine.state()
    def credentials(self) -> None: ...
    @machine.state()
    def error(self) -> None: ...
    @machine.state()
    def stopped(self) -> None: ...
    @machine.state()
    def reconnected(self) -> None: ...
    @machine.state()
    def deleted(self) -> None: ...

    @machine.input()
    def CONNECTING(self) -> None: ...
    @machine.input()
    def CREATION_SUCCESS(self) -> None: ...
    @machine.input()
    def SYNC_SUCCESS(self) -> None: ...
    @machine.input()
    def OK(self) -> None: ...
    @machine.input()
    def CREDENTIALS(self) -> None: ...
    @machine.input()
    def ERROR(self) -> None: ...
    @machine.input()
    def STOPPED(self) -> None: ...
    @machine.input()
    def RECONNECTED(self) -> None: ...
    @machine.input()
    def DELETED(self) -> None: ...

    for (_before, _word), _after in CHAIN.items():
        vars()[_before.lower()].upon(vars()[_word], enter=vars()[_after.lower()], outputs=[])


def automat_methodical(stream: Sequence[bytes]) -> Step:
    """Automat's ``MethodicalMachine``."""
    return _stepper({account_id: Methodical() for account_id in _account_ids(stream)})


class Announced(Protocol):
    """Automat's second way: a protocol of inputs, from which a builder makes the class."""

    def CONNECTING(self) -> None: ...
    def CREATION_SUCCESS(self) -> None: ...
    def SYNC_SUCCESS(self) -> None: ...
    def OK(self) -> None: ...
    def CREDENTIALS(self) -> None: ...
    def ERROR(self) -> None: ...
    def STOPPED(self) -> None: ...
    def RECONNECTED(self) -> None: ...
    def DELETED(self) -> None: ...


class Core:
    """What Automat's inputs share; the bare step keeps nothing in it."""


def automat_typed(stream: Sequence[bytes]) -> Step:
    """Automat's ``TypeMachineBuilder``."""
    builder = TypeMachineBuilder(Announced, Core)
    states = {name: builder.state(name.lower()) for name in STATES}
    for (before, word), after in CHAIN.items():
        states[before].upon(getattr(Announced, word)).to(states[after]).returns(None)
    make = builder.build()
    return _stepper({account_id: make(Core()) for account_id in _account_ids(stream)})


class Model:
    """What ``transitions`` decorates with its triggers."""

    state: str


def transitions_machine() -> Machine:
    """The chain as a ``transitions`` machine without a model."""
    rows = [[word, before, after] for (before, word), after in CHAIN.items()]
    return Machine(
        model=None, states=list(STATES), transitions=cast(Any, rows), initial="UNSEEN", auto_transitions=False
    )


def transitions_models(stream: Sequence[bytes]) -> Step:
    """``transitions`` with ``add_model``: one machine, a model for each account."""
    models = {account_id: Model() for account_id in _account_ids(stream)}
    transitions_machine().add_model(list(models.values()))
    return _stepper(models)


def declare() -> Any:
    """Return the class of a ``python-statemachine`` with the same chain."""
    states = {name: State(initial=name == "UNSEEN", final=name == "DELETED") for name in STATES}
    events = {
        word: states[word].from_(*(states[before] for before, announced in CHAIN if announced == word))
        for word in WORDS
    }
    named = {name.lower(): state for name, state in states.items()}
    make: Any = type(StateMachine)
    return make("Declared", (StateMachine,), {**named, **events})


def python_statemachine(stream: Sequence[bytes]) -> Step:
    """``python-statemachine``: a class of states and events, an object for each account."""
    make = declare()
    return _stepper({account_id: make() for account_id in _account_ids(stream)})

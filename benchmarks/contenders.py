"""The library and its peers, each going the same way: a payload and its time in, the account's new state kept.

Every peer is used as its documentation shows, and only for the bare step: no ledger, no anomaly, no effect, no
guard, no time. The lives are as expected, so that is enough. Peers that keep an object for each account get all of them
before the clock starts, whereas we meet our accounts on the clock.
"""

# mypy: disable-error-code="untyped-decorator,no-untyped-call"

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

from automat import MethodicalMachine, TypeMachineBuilder
from interleaving import Step
from lives import START, Arrival
from pydantic import BaseModel
from statemachine import State, StateMachine
from transitions import Machine

from account_lifecycle import Account, Engine
from account_lifecycle.intake.payloads import parse
from account_lifecycle.lifecycle import definition
from account_lifecycle.lifecycle.decide import decide, judge

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
"""By state and announcement the next state: the expected steps, which every peer is given."""


# ---- Ours ----------------------------------------------------------------------------------------------


def decision(_stream: Sequence[Arrival]) -> Step:
    """Payload to decision: read, judged, the account kept in a dict; no store."""
    accounts: dict[str, Account] = {}

    def step(arrivals: Sequence[Arrival]) -> None:
        for payload, at in arrivals:
            event = parse(payload, at)
            account_id = event.account_id
            account = accounts.get(account_id)
            accounts[account_id] = decide(account or Account(account_id), event).after

    return step


def decision_with_clock(_stream: Sequence[Arrival]) -> Step:
    """The same, with a look at the account's deadlines before each event, as live engines and replays take."""
    accounts: dict[str, Account] = {}

    def step(arrivals: Sequence[Arrival]) -> None:
        for payload, at in arrivals:
            event = parse(payload, at)
            account_id = event.account_id
            account = accounts.get(account_id)
            accounts[account_id] = judge(account or Account(account_id), event)[-1].after

    return step


def reading(_stream: Sequence[Arrival]) -> Step:
    """Only our reading of a payload."""

    def step(arrivals: Sequence[Arrival]) -> None:
        for payload, at in arrivals:
            parse(payload, at)

    return step


def engine(_stream: Sequence[Arrival]) -> Step:
    """The whole engine on ``memory:``, as it opens by default: a private SQLite file, chain, outbox, observer."""
    feed = Engine.open("memory:").feed_event

    def step(arrivals: Sequence[Arrival]) -> None:
        for payload, at in arrivals:
            feed(payload, received_at=at)

    return step


# ---- pydantic and two dicts ----------------------------------------------------------------------------


class Inner(BaseModel):
    account_id: str
    account_type: str
    message: str
    product: str | None = None


class Webhook(BaseModel):
    AccountStatus: Inner


def pydantic_and_dicts(_stream: Sequence[Arrival]) -> Step:
    """What a team writes on the first day: a model, a table of expected steps, a dict of states."""
    states: dict[str, str] = {}

    def step(arrivals: Sequence[Arrival]) -> None:
        for payload, _ in arrivals:
            read = Webhook.model_validate_json(payload).AccountStatus
            account_id = read.account_id
            states[account_id] = CHAIN[states.get(account_id, "UNSEEN"), read.message]

    return step


# ---- State machine libraries: our parse, then their bare step ------------------------------------------


def _stepper(models: Mapping[str, object]) -> Step:
    """Read a payload as the engine does, then announce its word to the account's object."""

    def step(arrivals: Sequence[Arrival]) -> None:
        for payload, at in arrivals:
            event = parse(payload, at)
            getattr(models[event.account_id], event.status)()

    return step


def _account_ids(stream: Sequence[Arrival]) -> set[str]:
    return {parse(payload, START).account_id for payload, _ in stream}


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


def automat_methodical(stream: Sequence[Arrival]) -> Step:
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


def automat_typed(stream: Sequence[Arrival]) -> Step:
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


def transitions_models(stream: Sequence[Arrival]) -> Step:
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


def python_statemachine(stream: Sequence[Arrival]) -> Step:
    """``python-statemachine``: a class of states and events, an object for each account."""
    make = declare()
    return _stepper({account_id: make() for account_id in _account_ids(stream)})

"""Logs of announcements for whole fleets of accounts, with faults put in on purpose and a record of each.

The log is one agenda of what comes next: births, the announcements of lives, and what faults still owe. Each line is
written in a dialect of ``intake``; where each fault was put is the truth that an audit can be scored against. No
decision of the engine is asked for: only the compiled machine is looked up, to follow what a receiver can know of an
account beside what is true, and so to distinguish faults that left a trace from those that left none.

An account has at most one fault at a time. A fault is *open* from the first line at which it can show to the line at
which what was received has led the account where the whole truth leads it; in between, every deviation of that account
is this fault's doing, and elsewhere none is.
"""

import json
import math
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from heapq import heappop, heappush
from itertools import accumulate
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Any, NamedTuple

from ..errors import ConfigurationError
from ..intake.dialects import HOSTED_AUTH, STATUS_WEBHOOK, Dialect
from ..lifecycle import definition
from ..lifecycle.compiled import Step, compiled
from ..lifecycle.explain import circumstances_of
from ..lifecycle.machine import INITIAL_SITUATION, Situation
from ..lifecycle.policy import DEFAULT_POLICY
from ..lifecycle.providers import DEADLINES, Provider, profile_of
from ..lifecycle.status import Status, Verdict
from .faults import FAULTS, Faults, Message, Occasion, Plan
from .lives import Announcement, Channel, draw_character, live
from .wire import garble, to_wire

TRUTH_VERSION = 1
"""The format of the truth file."""
WRITTEN_IN: Mapping[Channel, Dialect] = MappingProxyType({Channel.WEBHOOK: STATUS_WEBHOOK, Channel.NOTIFY: HOSTED_AUTH})
"""The dialect of each channel."""


class Trace(StrEnum):
    """Whether a fault can be known from what was received."""

    ANNOUNCED = "announced"
    """What was received deviates."""
    DEADLINE = "deadline"
    """Every announcement was expected, but at the end of the log a transient status has outlived its deadline."""
    NONE = "none"
    """Every announcement was expected: a clean log could look the same."""


class Injected(NamedTuple):
    """One fault that was put into a log: a line of the truth file."""

    line: int | None
    """Where it shows, or the next line of its account, from 1; None if there is none."""
    account_id: str
    fault: str
    """The name of its rate in ``Faults``."""
    at: str
    """When it happened."""
    expects: tuple[str, ...]
    """The kinds of anomaly any of which counts as found; or the verdict REPEATED, or ``quarantine``."""
    excuses: tuple[str, ...]
    """Further kinds that it may lead to."""
    opens: int
    """The fault is open from this line ..."""
    closes: int | None
    """... to this one, both included; None: to the end."""
    trace: Trace
    """Whether it can be known."""


def simulate(
    *,
    accounts: int,
    seed: int,
    start: datetime,
    days: float,
    faults: Faults | None = None,
    providers: Sequence[Provider] = tuple(Provider),
    bare: bool = False,
    dialects: Mapping[Channel, Dialect] = WRITTEN_IN,
) -> "Simulation":
    """Return a log of the lives of a fleet, and the truth about it; the same arguments give the same bytes.

    ``accounts`` is how many there are. They are born in the first half of the ``days`` from ``start`` (aware) on; the
    log may run a little longer, until all has come to rest. The lives do not depend on the ``faults`` (by default
    none). ``bare`` lines have no time, so that nothing in them can be late. ``dialects`` says in which each channel is
    written. Raise ``ConfigurationError`` for a setting that is invalid.
    """
    faults = faults or Faults()
    _check(accounts, start, days, faults, providers)
    start = start.astimezone(UTC).replace(tzinfo=None)
    return Simulation(_Settings(accounts, seed, start, days, faults, tuple(providers), bare), dialects)


def truth_path(log: Path) -> Path:
    """Return where the truth about a log belongs: ``fleet.truth.jsonl`` beside ``fleet.jsonl``."""
    return log.with_suffix(".truth.jsonl")


def _check(accounts: int, start: datetime, days: float, faults: Faults, providers: Sequence[Provider]) -> None:
    """Raise ``ConfigurationError`` for the first setting that is invalid."""
    rates, in_all = faults._asdict().items(), f"{sum(faults):.4g} in all"
    rules = (
        (accounts >= 0, "accounts", str(accounts), "0 or more"),
        (0 < days <= 36_500, "days", str(days), "more than 0, and at most 36,500"),
        (start.tzinfo is not None, "start", f"{start.isoformat()} without a time zone", "a datetime with a time zone"),
        (bool(providers), "providers", "none", "at least one"),
        *((0 <= rate <= 1, f"faults.{name}", str(rate), "a probability from 0 to 1") for name, rate in rates),
        (sum(faults) < 1 + 1e-9, "faults", in_all, "at most 1 in all, because one fault excludes another"),
    )
    for holds, setting, found, expected in rules:
        if not holds:
            raise ConfigurationError(setting, found, expected)


class _Settings(NamedTuple):
    accounts: int
    seed: int
    start: datetime
    days: float
    faults: Faults
    providers: tuple[Provider, ...]
    bare: bool

    @property
    def end_us(self) -> int:
        return int(self.days * 86_400_000_000)

    def moment(self, at_us: int) -> str:
        return (self.start + timedelta(microseconds=at_us)).isoformat() + "Z"


class Simulation:
    """One log being written: iterate over its lines, once; ``truth`` is complete when they are exhausted."""

    def __init__(self, settings: _Settings, dialects: Mapping[Channel, Dialect] = WRITTEN_IN) -> None:
        self.events = 0
        """How many lines there were so far."""
        self.truth: list[Injected] = []
        """The faults that are over; at the end all of them, in the order in which they opened."""
        self._settings = settings
        self._dialects = dialects
        # Lives and faults draw from two sources, so that no fault changes anything in any life.
        self._life_random = Random(f"{settings.seed}/lives")
        self._fault_random = Random(f"{settings.seed}/faults")
        rates = {name: rate for name, rate in settings.faults._asdict().items() if rate}
        self._limits = tuple(zip(accumulate(rates.values()), rates, strict=True))
        self._agenda: list[_Entry] = []
        self._serial = self._born = self._last_us = 0
        self._open: dict[str, _Life] = {}
        self._lines = self._run()

    def __iter__(self) -> Iterator[str]:
        return self._lines

    @property
    def header(self) -> dict[str, Any]:
        """Return the first line of the truth file; its counts are complete when the lines are exhausted."""
        return {
            "version": TRUTH_VERSION,
            **self._settings._asdict(),
            "start": self._settings.moment(0),
            "last_received_at": self._settings.moment(self._last_us),
            "events": self.events,
            "faults": len(self.truth),
            "rates": self._settings.faults._asdict(),
        }

    def write(self, log: Path) -> Path:
        """Write the log, and the truth beside it; return the path of the truth."""
        with log.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{line}\n" for line in self)
        truth = truth_path(log)
        with truth.open("w", encoding="utf-8", newline="\n") as file:
            file.write(f"{json.dumps(self.header)}\n")
            file.writelines(f"{json.dumps(injected._asdict())}\n" for injected in self.truth)
        return truth

    # ---- The agenda: what comes next ----------------------------------------------------------

    def _run(self) -> Iterator[str]:
        self._expect_birth()
        while self._agenda:
            at_us, _, life, entry = heappop(self._agenda)
            line = None
            if life is None:
                self._begin_life(at_us)
            elif isinstance(entry, Announcement):
                line = self._announce(life, entry, at_us)
            else:
                line = self._deliver_later(life, entry, at_us)
            if line is not None:
                self._last_us = at_us
                yield line
        self._settle()

    def _put(self, at_us: int, life: "_Life | None", entry: Announcement | Message) -> None:
        self._serial += 1  # keeps the order of what happens at the same time
        heappush(self._agenda, (at_us, self._serial, life, entry))

    def _expect_birth(self) -> None:
        """Put the next birth on the agenda: they are spread evenly and drawn one at a time, so that no list is held."""
        if self._born < self._settings.accounts:
            share = (self._born + self._life_random.random()) / self._settings.accounts
            self._born += 1
            self._put(int(share * self._settings.end_us / 2), None, _BIRTH)

    def _begin_life(self, at_us: int) -> None:
        life = _Life(self._life_random, at_us, self._settings)
        first = next(life.story, None)
        if first is not None:
            self._put(at_us + first.at_us, life, first)
        self._expect_birth()

    # ---- One announcement, and what goes wrong with it --------------------------------------------

    def _announce(self, life: "_Life", announcement: Announcement, at_us: int) -> str | None:
        upcoming = next(life.story, None)
        if upcoming is not None:
            self._put(life.born_us + upcoming.at_us, life, upcoming)
        words = life.character.words
        message = Message(announcement, words[0] if len(words) == 1 else self._life_random.choice(words))
        if not self._limits:
            return self._line(life, message, at_us)
        if life.fault is not None:
            return self._announce_in_trouble(life, message, at_us)
        drawn = self._fault_random.random()
        name = next((name for limit, name in self._limits if drawn < limit), None)
        plan = None if name is None else FAULTS[name].plan(self._occasion(life, message, upcoming, at_us))
        if name is None or plan is None:
            return self._deliver(life, message, at_us)
        return self._carry_out(name, plan, life, announcement, at_us)

    def _announce_in_trouble(self, life: "_Life", message: Message, at_us: int) -> str | None:
        """While a fault is open, what is true and what is received go separate ways."""
        life.truth, _ = life.after(life.truth, message.announcement, at_us)
        if life.silent_until is None:
            return self._deliver(life, message, at_us)
        if life.silent_until is message.announcement.status:
            life.silent_until = None
        return None

    def _occasion(self, life: "_Life", message: Message, upcoming: Announcement | None, at_us: int) -> Occasion:
        situation = life.after(life.received, message.announcement, at_us)[0].situation
        end_us = self._settings.end_us - at_us
        next_us = end_us if upcoming is None else life.born_us + upcoming.at_us - at_us
        return Occasion(
            message, life.character, situation, life.answers(situation), upcoming, next_us, end_us,
            life.received.last is None, life.is_known, life.is_stranger, self._fault_random,
        )  # fmt: skip

    def _carry_out(self, name: str, plan: Plan, life: "_Life", announcement: Announcement, at_us: int) -> str | None:
        fault = life.fault = _Fault(name)
        self._open[life.account_id] = life
        life.truth, _ = life.after(life.received, announcement, at_us)
        life.silent_until = plan.silences
        if plan.later is not None:
            fault.owes = True
            self._put(at_us + plan.after_us, life, plan.later)
        if plan.now is None or plan.later is None:
            fault.begin(at_us, self.events + 1)
        if plan.now is None:
            return None
        if plan.renames:
            life.become_stranger(plan.now.account_type)
        return self._deliver(life, plan.now, at_us)

    def _deliver_later(self, life: "_Life", message: Message, at_us: int) -> str:
        """Deliver what a fault still owed."""
        assert life.fault is not None, "a fault stays open until all that it owes has arrived"
        life.fault.owes = False
        if not life.fault.begun:
            life.fault.begin(at_us, self.events + 1)
        return self._deliver(life, message, at_us)

    def _deliver(self, life: "_Life", message: Message, at_us: int) -> str:
        """Deliver a message, and follow what a receiver can know of the account from then on."""
        expected, understood = True, message.understood
        if understood is not None:
            life.received, expected = life.after(life.received, understood, at_us)
        life.is_known = life.is_known or (message.announcement.channel is Channel.WEBHOOK and not message.broken)
        line = self._line(life, message, at_us)
        if life.fault is not None and life.fault.begun:
            self._follow(life, life.fault, expected)
        return line

    def _line(self, life: "_Life", message: Message, at_us: int) -> str:
        """Return one line of the log."""
        self.events += 1
        if message.broken:
            sent = garble(life.account_id, message, self._fault_random)
        else:
            dialect = self._dialects[message.announcement.channel]
            sent = to_wire(life.account_id, life.name, message, dialect, status_first=life.status_first)
        if self._settings.bare:
            return sent
        return f'{{"received_at": "{self._settings.moment(at_us)}", "payload": {sent}}}'

    # ---- The truth about it -------------------------------------------------------------------------

    def _follow(self, life: "_Life", fault: "_Fault", expected: bool) -> None:
        """Note what a line shows of a fault, and whether that was the last of it."""
        fault.line = fault.line or self.events
        fault.shown = fault.shown or not expected
        if not fault.owes and life.silent_until is None and life.received.agrees(life.truth):
            self._record(life, fault, self.events, Trace.NONE)
            life.fault = None
            del self._open[life.account_id]

    def _settle(self) -> None:
        """Record what is still open when the log ends."""
        for life in self._open.values():
            if life.fault is not None:
                overdue = not self._settings.bare and life.received.is_overdue(life.character.provider, self._last_us)
                self._record(life, life.fault, None, Trace.DEADLINE if overdue else Trace.NONE)
        self._open.clear()
        self.truth.sort(key=lambda injected: (injected.opens, injected.account_id))

    def _record(self, life: "_Life", fault: "_Fault", closes: int | None, otherwise: Trace) -> None:
        at, row = self._settings.moment(fault.at_us), FAULTS[fault.name]
        trace = Trace.ANNOUNCED if fault.shown else otherwise
        who = (fault.line, life.account_id, fault.name)
        self.truth.append(Injected(*who, at, row.expects, row.excuses, fault.opens, closes, trace))


class _State(NamedTuple):
    """Where the machine stands after some announcements, and what it recognizes a repeat by."""

    situation: Situation = INITIAL_SITUATION
    since_us: int = 0
    last: Status | None = None
    product: str = ""
    last_us: int = 0

    def agrees(self, truth: "_State") -> bool:
        """Return whether all that follows will be judged as it would be after the whole truth."""
        if (self.situation, self.last, self.product) != (truth.situation, truth.last, truth.product):
            return False
        # A transient stay that began too early would seem stuck too early.
        return self.situation.status not in DEADLINES or self.since_us >= truth.since_us

    def is_overdue(self, provider: Provider, now_us: int) -> bool:
        """Return whether a transient status has outlived its deadline."""
        allowed = profile_of(provider).deadlines.get(self.situation.status)
        return allowed is not None and self.since_us + allowed.total_seconds() * 1e6 < now_us


class _Fault:
    """A fault that may still show."""

    __slots__ = ("at_us", "begun", "line", "name", "opens", "owes", "shown")

    def __init__(self, name: str) -> None:
        self.name = name
        self.shown = FAULTS[name].shows
        self.owes = self.begun = False  # whether a delivery of it is still to come; whether it can show
        self.line: int | None = None
        self.at_us = self.opens = 0

    def begin(self, at_us: int, opens: int) -> None:
        self.begun, self.at_us, self.opens = True, at_us, opens


class _Life:
    """An account on its way through the log."""

    __slots__ = (
        "account_id",
        "born_us",
        "character",
        "circumstances",
        "fault",
        "is_known",
        "is_stranger",
        "name",
        "received",
        "silent_until",
        "status_first",
        "story",
        "truth",
        "window_us",
    )  # fmt: skip

    def __init__(self, random: Random, born_us: int, settings: _Settings) -> None:
        self.account_id = urlsafe_b64encode(random.randbytes(16))[:22].decode().replace("-", "_")
        self.name = f"user-{random.randrange(10**6)}"
        self.status_first = random.random() < 0.3  # the order of keys means nothing, and varies
        self.born_us = born_us
        self.window_us = math.inf if settings.bare else _REDELIVERY_US  # without times no repeat is late
        self.character = draw_character(random, settings.providers)
        self.story = live(self.character, random, settings.end_us - born_us)
        self.circumstances = circumstances_of(self.character.provider)
        self.received = self.truth = _State()
        self.fault: _Fault | None = None
        self.silent_until: Status | None = None
        self.is_known = self.is_stranger = False

    def after(self, state: _State, announcement: Announcement, at_us: int) -> tuple[_State, bool]:
        """Return the state after one more announcement, and whether that was expected."""
        _, status, _, product, _ = announcement
        situation, since_us, last, last_product, last_us = state
        if status is last and product == last_product:
            return _State(situation, since_us, last, product, at_us), at_us - last_us <= self.window_us
        step = compiled().step(situation, status, self.circumstances)
        if step.verdict is not Verdict.APPLIED:
            return state, step.expected
        return _State(step.after, at_us if step.moved else since_us, status, product, at_us), step.expected

    def answers(self, situation: Situation) -> tuple[Step, ...]:
        """Return what the machine says of every announcement to an account that stands there."""
        return tuple(compiled().step(situation, word, self.circumstances) for word in definition.ANNOUNCEMENTS)

    def become_stranger(self, word: str) -> None:
        """Belong to an unknown provider, for which anything may be announced."""
        self.is_stranger = True
        self.character = self.character._replace(words=(word,) * len(self.character.words))
        self.circumstances = circumstances_of(None)


_Entry = tuple[int, int, _Life | None, Announcement | Message]
"""When, a serial number, of whom (None for a birth), what: an announcement of a life, or what a fault still owes."""
_BIRTH = Announcement(0, definition.INITIAL)
_REDELIVERY_US = int(DEFAULT_POLICY.redelivery_window.total_seconds() * 1e6)

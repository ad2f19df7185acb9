"""Logs of announcements for whole fleets of accounts, with faults put in on purpose and a record of each.

The log is one agenda of what comes next: births, the announcements of lives, and what faults still owe. Each line is
written in a dialect of ``intake``; where each fault was put, and what really became of each account, is the truth that
an audit can be scored against. No decision of the engine is asked for: only the compiled machine is looked up, to
follow what a receiver can know of an account beside what is true.

An account has at most one fault at a time. A fault is *open* from the first line at which it can show to the line at
which what was received has led the account where the whole truth leads it; in between, every deviation of that account
is this fault's doing, and elsewhere none is. One of which everything that was received was expected is unknowable if
its row in ``faults`` says why.
"""

import math
from base64 import urlsafe_b64encode
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
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
from ..lifecycle.evidence import circumstances_of
from ..lifecycle.machine import INITIAL_SITUATION, Situation
from ..lifecycle.providers import DEADLINES, Provider, profile_of
from ..lifecycle.status import Status, Verdict
from ..outputs.drafts import Draft
from .delays import QUICK_US
from .faults import FAULTS, Faults, Later, Message, Occasion, Plan
from .lives import Announcement, Channel, draw_character, live
from .truth import TRUTH_VERSION, Injected, Lived, Truth, truth_path, write_truth
from .wire import garble, to_wire

WRITTEN_IN: Mapping[Channel, Dialect] = MappingProxyType({Channel.WEBHOOK: STATUS_WEBHOOK, Channel.NOTIFY: HOSTED_AUTH})
"""The dialect of each channel."""
EVERY_WORD = frozenset(definition.ANNOUNCEMENTS)


def simulate(
    *,
    accounts: int,
    seed: int,
    start: datetime,
    days: float,
    faults: Faults | None = None,
    providers: Sequence[Provider] = tuple(Provider),
    bare: bool = False,
    subscribed: Collection[Status] = EVERY_WORD,
    dialects: Mapping[Channel, Dialect] = WRITTEN_IN,
) -> "Simulation":
    """Return a log of the lives of a fleet, and the truth about it; the same arguments give the same bytes.

    ``accounts`` is how many there are. They are born in the first half of the ``days`` from ``start`` (aware) on; the
    log may run a little longer, until all has come to rest. The lives do not depend on the ``faults`` (by default
    none). ``bare`` lines have no time, so that nothing in them can be late. Words that are not ``subscribed`` are
    never announced. ``dialects`` says in which each channel is written. Raise ``ConfigurationError`` for a setting
    that is invalid.
    """
    faults = faults or Faults()
    _check(accounts, start, days, faults, providers)
    start = start.astimezone(UTC).replace(tzinfo=None)
    words = frozenset(subscribed)
    return Simulation(_Settings(accounts, seed, start, days, faults, tuple(providers), bare, words), dialects)


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
    subscribed: frozenset[Status]

    @property
    def end_us(self) -> int:
        return int(self.days * 86_400_000_000)

    def moment(self, at_us: int) -> str:
        return (self.start + timedelta(microseconds=at_us)).isoformat() + "Z"


class Simulation:
    """One log being written: iterate over its lines, once; what is true is complete when they are exhausted."""

    def __init__(self, settings: _Settings, dialects: Mapping[Channel, Dialect] = WRITTEN_IN) -> None:
        self.events = 0
        """How many lines there were so far."""
        self.faults: list[Injected] = []
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
        self._timelines: list[tuple[str, Provider, list[tuple[int, Status, str]]]] = []
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
            "faults": len(self.faults),
            "rates": self._settings.faults._asdict(),
            "subscribed": sorted(self._settings.subscribed),
        }

    @property
    def truth(self) -> Truth:
        """Return the truth about the lines so far."""
        return Truth(self.header, tuple(self.faults), tuple(self.lives()))

    def lives(self) -> Iterator[Lived]:
        """Yield what became of each account, in the order of their births."""
        moment = self._settings.moment
        for account_id, provider, timeline in self._timelines:
            yield Lived(account_id, provider, tuple((moment(at), word, what) for at, word, what in timeline))

    def write(self, log: Path, *, force: bool = False) -> Path:
        """Write the log, and the truth beside it; return the path of the truth.

        ``force`` replaces files that are there. Raise ``OutputError`` if either cannot be written.
        """
        path = truth_path(log)
        with Draft(log, replace=force) as lines, Draft(path, replace=force) as truth:
            lines.text().writelines(f"{line}\n" for line in self)
            write_truth(truth.text(), self.header, (*self.faults, *self.lives()))
            lines.commit()
            truth.commit()
        return path

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

    def _put(self, at_us: int, life: "_Life | None", entry: Announcement | Later) -> None:
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
        self._timelines.append((life.account_id, life.character.provider, life.timeline))
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
        life.record(announcement, at_us)
        if announcement.status not in self._settings.subscribed:
            return None
        if not self._limits:
            return self._line(life, message, at_us)
        if life.fault is not None:
            return self._announce_in_trouble(life, life.fault, message, at_us)
        drawn = self._fault_random.random()
        name = next((name for limit, name in self._limits if drawn < limit), None)
        plan = None if name is None else FAULTS[name].plan(self._occasion(life, message, upcoming, at_us))
        if name is None or plan is None:
            return self._deliver(life, message, at_us)
        return self._carry_out(name, plan, life, message, at_us)

    def _announce_in_trouble(self, life: "_Life", fault: "_Fault", message: Message, at_us: int) -> str | None:
        """While a fault is open, what is true and what is received go separate ways."""
        status = message.announcement.status
        life.truth, _ = life.after(life.truth, message.announcement, at_us)
        if status in fault.plan.mutes or at_us < fault.silent_until_us:
            return None
        if fault.silent_until is not None:
            if fault.silent_until is not status:
                return None
            fault.silent_until = None
            if fault.plan.swallows:
                return None
        struck = fault.struck
        fault.news += (status, message.announcement.product) != (struck.status, struck.product)
        return self._deliver(life, message, at_us)

    def _occasion(self, life: "_Life", message: Message, upcoming: Announcement | None, at_us: int) -> Occasion:
        before, situation = life.received.situation, life.after(life.received, message.announcement, at_us)[0].situation
        end_us = self._settings.end_us - at_us
        next_us = end_us if upcoming is None else life.born_us + upcoming.at_us - at_us
        return Occasion(
            message, life.character, before, situation, life.answers(situation), upcoming, next_us, end_us,
            (life.received.last, life.received.product) == (message.announcement.status, message.announcement.product),
            life.received.last is None, life.last_type, life.is_stranger, self._fault_random,
        )  # fmt: skip

    def _carry_out(self, name: str, plan: Plan, life: "_Life", message: Message, at_us: int) -> str | None:
        fault = life.fault = _Fault(name, plan, message.announcement, at_us)
        self._open[life.account_id] = life
        life.truth, _ = life.after(life.received, message.announcement, at_us)
        for later in plan.later:
            self._put(at_us + later.after_us, life, later)
        if plan.now is None or not plan.later:
            fault.begin(at_us, self.events + 1)
        if plan.now is None:
            return None
        if plan.renames:
            life.become_stranger(plan.now.account_type)
        return self._deliver(life, plan.now, at_us)

    def _deliver_later(self, life: "_Life", later: Later, at_us: int) -> str | None:
        """Deliver what a fault still owed, if the other news have come by now without which it is no fault."""
        fault = life.fault
        assert fault is not None, "a fault stays open until all that it owes has arrived"
        fault.owes -= 1
        if fault.news < fault.plan.least_news:
            life.fault = None
            del self._open[life.account_id]
            return self._deliver(life, later.message, at_us) if fault.plan.now is None else None
        if not fault.begun:
            fault.begin(at_us, self.events + 1)
        if later.is_news:
            life.record(later.message.announcement, at_us)
            life.truth, _ = life.after(life.truth, later.message.announcement, at_us)
        return self._deliver(life, later.message, at_us)

    def _deliver(self, life: "_Life", message: Message, at_us: int) -> str:
        """Deliver a message, and follow what a receiver can know of the account from then on."""
        stamp_us = at_us if self._settings.bare else at_us + message.skew_us
        expected, understood = True, message.understood
        is_overdue = not self._settings.bare and life.received.is_overdue(life.character.provider, stamp_us)
        is_late = stamp_us < life.newest_us
        if is_late:
            expected = understood is None
        elif understood is not None:
            life.newest_us = stamp_us
            life.received, expected = life.after(life.received, understood, stamp_us)
        if message.announcement.channel is Channel.WEBHOOK and not message.broken:
            life.last_type = message.account_type
        line = self._line(life, message, stamp_us)
        if life.fault is not None and life.fault.begun:
            by_time = FAULTS[life.fault.name].shows_by_time
            self._follow(life, life.fault, not is_late if by_time else expected and not is_overdue, at_us)
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

    def _follow(self, life: "_Life", fault: "_Fault", expected: bool, at_us: int) -> None:
        """Note what a line shows of a fault, and whether that was the last of it."""
        fault.line = fault.line or self.events
        fault.shown = fault.shown or not expected
        if not fault.is_pending(at_us) and at_us >= life.newest_us and life.received.agrees(life.truth):
            self._record(life, fault, self.events)
            life.fault = None
            del self._open[life.account_id]

    def _settle(self) -> None:
        """Record what is still open when the log ends."""
        for life in self._open.values():
            fault = life.fault
            if fault is not None and fault.begun:
                is_overdue = life.received.is_overdue(life.character.provider, self._last_us)
                if is_overdue and not self._settings.bare and not FAULTS[fault.name].shows_by_time:
                    fault.shown = True
                self._record(life, fault, None)
        self._open.clear()
        self.faults.sort(key=lambda injected: (injected.opens, injected.account_id))

    def _record(self, life: "_Life", fault: "_Fault", closes: int | None) -> None:
        row, reasons = FAULTS[fault.name], FAULTS[fault.name].unknowable
        reason = "" if fault.shown or not reasons else reasons.get(fault.struck.status, reasons[None])
        if fault.name in NEEDS_TIMES and self._settings.bare:
            reason = "without times nothing is late"
        self.faults.append(
            Injected(
                fault.line, life.account_id, fault.name, self._settings.moment(fault.at_us), fault.opens, closes,
                row.expects, row.excuses, row.stories, dict(row.ambiguous), reason, row.is_old_news,
            )
        )  # fmt: skip


class _State(NamedTuple):
    """Where the machine stands after some announcements, and what it recognizes a repeat by."""

    situation: Situation = INITIAL_SITUATION
    since_us: int = 0
    last: Status | None = None
    product: str = ""
    last_us: int = 0
    live_us: int = 0

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

    __slots__ = (
        "at_us", "begun", "line", "name", "news", "opens", "owes", "plan", "shown", "silent_until", "silent_until_us",
        "struck",
    )  # fmt: skip

    def __init__(self, name: str, plan: Plan, struck: Announcement, at_us: int) -> None:
        self.name, self.plan, self.struck = name, plan, struck
        self.shown = FAULTS[name].unknowable is None
        self.owes = len(plan.later)  # how many deliveries of it are still to come
        self.begun = False  # whether it can show
        self.news = 0  # how much else was delivered since
        self.silent_until = plan.silences
        self.silent_until_us = at_us + plan.silent_us
        self.line: int | None = None
        self.at_us = self.opens = 0

    def begin(self, at_us: int, opens: int) -> None:
        self.begun, self.at_us, self.opens = True, at_us, opens

    def is_pending(self, at_us: int) -> bool:
        """Return whether more of it is to come."""
        is_silent = self.silent_until is not None or at_us < self.silent_until_us
        return bool(self.owes or self.plan.mutes or is_silent)


class _Life:
    """An account on its way through the log."""

    __slots__ = (
        "account_id", "born_us", "character", "circumstances", "fault", "is_stranger", "last_type", "name", "newest_us",
        "received", "status_first", "story", "timeline", "truth", "window_us",
    )  # fmt: skip

    def __init__(self, random: Random, born_us: int, settings: _Settings) -> None:
        self.account_id = urlsafe_b64encode(random.randbytes(16))[:22].decode().replace("-", "_")
        self.name = f"user-{random.randrange(10**6)}"
        self.status_first = random.random() < 0.3  # the order of keys means nothing, and varies
        self.born_us = born_us
        self.window_us = math.inf if settings.bare else QUICK_US  # without times no repeat is late
        self.character = draw_character(random, settings.providers)
        self.story = live(self.character, random, settings.end_us - born_us)
        self.circumstances = circumstances_of(self.character.provider, definition.PROVES_LIFE in settings.subscribed)
        self.received = self.truth = _State()
        self.newest_us = 0
        self.timeline: list[tuple[int, Status, str]] = []
        self.fault: _Fault | None = None
        self.is_stranger = False
        self.last_type = ""

    def record(self, announcement: Announcement, at_us: int) -> None:
        """Note what really happened; the second telling of a fact is no fact."""
        if not self.timeline or self.timeline[-1][1:] != (announcement.status, announcement.product):
            self.timeline.append((at_us, announcement.status, announcement.product))

    def after(self, state: _State, announcement: Announcement, at_us: int) -> tuple[_State, bool]:
        """Return the state after one more announcement, and whether that was expected."""
        _, status, _, product, _ = announcement
        situation, since_us, last, last_product, last_us, live_us = state
        if status is definition.PROVES_LIFE and situation.status is status:
            return state._replace(live_us=at_us), at_us - live_us <= self.window_us
        if status is last and product == last_product:
            is_sync = status is definition.FINISHES_SYNC  # a new one, or a retry: both are expected
            return state._replace(last_us=at_us), is_sync or at_us - last_us <= self.window_us
        step = compiled().step(situation, status, self.circumstances)
        if step.verdict is not Verdict.APPLIED:
            return state, step.expected
        live_us = at_us if step.proves_life else live_us
        return _State(step.after, at_us if step.moved else since_us, status, product, at_us, live_us), step.expected

    def answers(self, situation: Situation) -> tuple[Step, ...]:
        """Return what the machine says of every announcement to an account that stands there."""
        return tuple(compiled().step(situation, word, self.circumstances) for word in definition.ANNOUNCEMENTS)

    def become_stranger(self, word: str) -> None:
        """Belong to an unknown provider, for which anything may be announced."""
        self.is_stranger = True
        self.character = self.character._replace(words=(word,) * len(self.character.words))
        self.circumstances = circumstances_of(None)


_Entry = tuple[int, int, _Life | None, Announcement | Later]
"""When, a serial number, of whom (None for a birth), what: an announcement of a life, or what a fault still owes."""
_BIRTH = Announcement(0, definition.INITIAL)
NEEDS_TIMES = ("stale_repeat", "stalled", "clock", "missed_outage", "recreated", "after_deletion", "unsubscribed")
"""Faults that only the time between two lines can show."""

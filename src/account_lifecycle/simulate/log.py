"""Logs of announcements for whole fleets of accounts, with faults put in on purpose and a record of each.

Knows how lives and faults (``lifecycle.lives``) look on the wire, and where each fault was put: the truth
that an audit can be scored against (``score``). It must never ask the engine what it would make of a
line; it only looks up in the compiled machine whether what was received is lawful, to tell a fault that
left a trace from one that nobody can know of.

An account has at most one fault at a time. A fault is *open* from the first line at which it can show to
the line at which what was received has led the account where the whole truth leads it; in between, every
deviation of that account is this fault's doing, and elsewhere none is.
"""

import json
import math
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from heapq import heappop, heappush
from itertools import accumulate
from pathlib import Path
from random import Random
from string import Template
from typing import Any, NamedTuple

from ..errors import ConfigurationError
from ..lifecycle import definition
from ..lifecycle.compiled import compiled
from ..lifecycle.machine import INITIAL, Situation
from ..lifecycle.policy import DEFAULT_POLICY
from ..lifecycle.providers import DEADLINES, Provider, profile_of
from ..lifecycle.status import Status, Verdict
from .lives import FAULTS, Announcement, Chance, Channel, Plan, Telling, draw_character, live, plan_fault

TRUTH_VERSION = 1
"""The format of the truth file."""


class Faults(NamedTuple):
    """How often each fault strikes: the probability, from 0 to 1, for one announcement that it can befall."""

    duplicate: float = 0.0
    """It is delivered again within the redelivery window, as the vendor's retries do."""
    stale_repeat: float = 0.0
    """It is delivered again long after, although nothing was announced in between."""
    overtaken: float = 0.0
    """It is delivered again after the one that follows it."""
    reorder: float = 0.0
    """It is delivered only after the one that follows it."""
    drop: float = 0.0
    """It is never delivered."""
    malformed: float = 0.0
    """Its payload arrives unreadable."""
    unknown_status: float = 0.0
    """It uses a word that nobody knows."""
    provider_changed: float = 0.0
    """It names the account type of another provider, or of none."""
    unexpected_product: float = 0.0
    """It names a product where none belongs."""
    late_sync: float = 0.0
    """It tells of a lost connection, and a finished sync is announced after it."""
    unsupported_sync: float = 0.0
    """A finished sync is announced after it, by a provider that never does that."""
    needless_reconnect: float = 0.0
    """A reconnect is announced after it, though nothing was lost."""
    contradicted_creation: float = 0.0
    """A failed creation is announced after it, though the account exists."""
    after_deletion: float = 0.0
    """It tells of the account's deletion, and something else is announced after it."""
    stalled: float = 0.0
    """It is transient, and nothing is ever announced of the account again."""
    unknown_provider: float = 0.0
    """It is an account's first webhook: its account type is a word that nobody knows, then and ever after."""
    missed_birth: float = 0.0
    """It is an account's first: nothing is delivered until after the first OK."""

    @classmethod
    def everything(cls, rate: float) -> "Faults":
        """Every fault at the same rate."""
        return cls(*[rate] * len(cls._fields))


class Trace(StrEnum):
    """Whether anybody could know of a fault from what was received."""

    ANNOUNCED = "announced"
    """What was received deviates."""
    DEADLINE = "deadline"
    """Every announcement was lawful, but at the end of the log a transient status has outlived its deadline."""
    NONE = "none"
    """Every announcement was lawful: a clean log could look the same."""


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
    """Whether anybody could know of it."""


def simulate(
    *,
    accounts: int,
    seed: int,
    start: datetime,
    days: float,
    faults: Faults | None = None,
    providers: Sequence[Provider] = tuple(Provider),
    bare: bool = False,
) -> "Simulation":
    """A log of the lives of a fleet, and the truth about it; the same arguments give the same bytes.

    The accounts are born in the first half of the ``days``; the log may run a little longer, until all has
    come to rest. The lives do not depend on the ``faults`` (none unless told). ``bare`` lines carry no time,
    so that nothing late can be told from them. Raises ``ConfigurationError`` for what cannot be meant.
    """
    faults = faults or Faults()
    _check(accounts, start, days, faults, providers)
    start = start.astimezone(UTC).replace(tzinfo=None)
    return Simulation(_Settings(accounts, seed, start, days, faults, tuple(providers), bare))


def truth_path(log: Path) -> Path:
    """Where the truth about a log belongs: ``fleet.truth.jsonl`` beside ``fleet.jsonl``."""
    return log.with_suffix(".truth.jsonl")


def _check(accounts: int, start: datetime, days: float, faults: Faults, providers: Sequence[Provider]) -> None:
    """Refuse what cannot be meant."""
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
    """One log on its way: iterate over its lines, once; ``truth`` is complete when they are exhausted."""

    def __init__(self, settings: _Settings) -> None:
        self.events = 0
        """How many lines were told so far."""
        self.truth: list[Injected] = []
        """The faults that are over; at the end all of them, in the order in which they opened."""
        self._settings = settings
        # Lives and mishaps draw from two sources, so that no fault changes anything in any life.
        self._fate = Random(f"{settings.seed}/lives")
        self._mishap = Random(f"{settings.seed}/faults")
        rates = {name: rate for name, rate in settings.faults._asdict().items() if rate}
        self._limits = tuple(zip(accumulate(rates.values()), rates, strict=True))
        self._total = self._limits[-1][0] if self._limits else 0.0
        self._agenda: list[_Entry] = []
        self._serial = self._born = self._last_us = 0
        self._open: dict[str, _Life] = {}
        self._lines = self._run()

    def __iter__(self) -> Iterator[str]:
        return self._lines

    @property
    def header(self) -> dict[str, Any]:
        """The first line of the truth file; its counts are complete when the lines are exhausted."""
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
        """Write the log, and the truth beside it; the path of the truth."""
        with log.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{line}\n" for line in self)
        truth = truth_path(log)
        with truth.open("w", encoding="utf-8", newline="\n") as file:
            file.write(f"{json.dumps(self.header)}\n")
            file.writelines(f"{json.dumps(injected._asdict())}\n" for injected in self.truth)
        return truth

    # ---- The agenda: whatever comes next ----------------------------------------------------------

    def _run(self) -> Iterator[str]:
        self._expect_birth()
        while self._agenda:
            at_us, _, life, told = heappop(self._agenda)
            line = None
            if life is None:
                self._bear(at_us)
            elif isinstance(told, Announcement):
                line = self._announce(life, told, at_us)
            else:
                line = self._make_up(life, told, at_us)
            if line is not None:
                self._last_us = at_us
                yield line
        self._settle()

    def _put(self, at_us: int, life: "_Life | None", told: Announcement | Telling) -> None:
        self._serial += 1  # keeps the order of what happens at the same time
        heappush(self._agenda, (at_us, self._serial, life, told))

    def _expect_birth(self) -> None:
        """Births are spread evenly and drawn one at a time, so that no list of them is ever held."""
        if self._born < self._settings.accounts:
            share = (self._born + self._fate.random()) / self._settings.accounts
            self._born += 1
            self._put(int(share * self._settings.end_us / 2), None, _BIRTH)

    def _bear(self, at_us: int) -> None:
        life = _Life(self._fate, at_us, self._settings)
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
        telling = Telling(announcement, words[0] if len(words) == 1 else self._fate.choice(words))
        if not self._total:
            return self._tell(life, telling, at_us)
        if life.fault is not None:
            return self._announce_in_trouble(life, telling, at_us)
        name = self._strike()
        plan = None if name is None else plan_fault(name, self._chance(life, telling, upcoming, at_us))
        if name is None or plan is None:
            return self._deliver(life, telling, at_us)
        return self._carry_out(name, plan, life, announcement, at_us)

    def _announce_in_trouble(self, life: "_Life", telling: Telling, at_us: int) -> str | None:
        """While a fault is open, what is true and what is received go separate ways."""
        life.truth, _ = life.hear(life.truth, telling.announcement, at_us)
        if life.silent_until is None:
            return self._deliver(life, telling, at_us)
        if life.silent_until is telling.announcement.status:
            life.silent_until = None
        return None

    def _strike(self) -> str | None:
        """The name of the fault that strikes now, if any."""
        drawn = self._mishap.random()
        return next(name for limit, name in self._limits if drawn < limit) if drawn < self._total else None

    def _chance(self, life: "_Life", telling: Telling, upcoming: Announcement | None, at_us: int) -> Chance:
        stands = life.hear(life.received, telling.announcement, at_us)[0].situation.status
        end_us = self._settings.end_us - at_us
        next_us = end_us if upcoming is None else life.born_us + upcoming.at_us - at_us
        facts = (life.received.last is None, life.told, life.stranger)
        return Chance(telling, life.character, stands, upcoming, next_us, end_us, *facts, self._mishap)

    def _carry_out(self, name: str, plan: Plan, life: "_Life", announcement: Announcement, at_us: int) -> str | None:
        fault = life.fault = _Fault(name)
        self._open[life.account_id] = life
        life.truth, _ = life.hear(life.received, announcement, at_us)
        life.silent_until = plan.silences
        if plan.later is not None:
            fault.owes = True
            self._put(at_us + plan.after_us, life, plan.later)
        if plan.now is None or plan.later is None:
            fault.begin(at_us, self.events + 1)
        if plan.now is None:
            return None
        if plan.renames:
            life.be_stranger(plan.now.account_type)
        return self._deliver(life, plan.now, at_us)

    def _make_up(self, life: "_Life", telling: Telling, at_us: int) -> str:
        """Deliver what a fault still owed."""
        assert life.fault is not None, "a fault stays open until all that it owes has arrived"
        life.fault.owes = False
        if not life.fault.begun:
            life.fault.begin(at_us, self.events + 1)
        return self._deliver(life, telling, at_us)

    def _deliver(self, life: "_Life", telling: Telling, at_us: int) -> str:
        """Tell it, and follow what a receiver can know of the account from then on."""
        lawful, understood = True, telling.understood
        if understood is not None:
            life.received, lawful = life.hear(life.received, understood, at_us)
        life.told = life.told or (telling.announcement.channel is Channel.WEBHOOK and not telling.broken)
        line = self._tell(life, telling, at_us)
        if life.fault is not None and life.fault.begun:
            self._follow(life, life.fault, lawful)
        return line

    def _tell(self, life: "_Life", telling: Telling, at_us: int) -> str:
        """One line of the log."""
        self.events += 1
        payload = _unreadable(life, telling, self._mishap) if telling.broken else _payload(life, telling)
        if self._settings.bare:
            return payload
        return f'{{"received_at": "{self._settings.moment(at_us)}", "payload": {payload}}}'

    # ---- The truth about it -------------------------------------------------------------------------

    def _follow(self, life: "_Life", fault: "_Fault", lawful: bool) -> None:
        """Note what a line shows of a fault, and whether that was the last of it."""
        fault.line = fault.line or self.events
        fault.shown = fault.shown or not lawful
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

    situation: Situation = INITIAL
    since_us: int = 0
    last: Status | None = None
    product: str = ""
    heard_us: int = 0

    def agrees(self, truth: "_State") -> bool:
        """Whether all that follows will be judged as it would be after the whole truth."""
        if (self.situation, self.last, self.product) != (truth.situation, truth.last, truth.product):
            return False
        # A transient stay that began too early would seem stuck too early.
        return self.situation.status not in DEADLINES or self.since_us >= truth.since_us

    def is_overdue(self, provider: Provider, now_us: int) -> bool:
        """Whether a transient status has outlived its deadline."""
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
        "account_id", "answers", "born_us", "character", "fault", "message_first", "name", "received",
        "silent_until", "story", "stranger", "told", "truth", "window_us",
    )  # fmt: skip

    def __init__(self, random: Random, born_us: int, settings: _Settings) -> None:
        self.account_id = urlsafe_b64encode(random.randbytes(16))[:22].decode().replace("-", "_")
        self.name = f"user-{random.randrange(10**6)}"
        self.message_first = random.random() < 0.3  # the order of keys means nothing, and varies
        self.born_us = born_us
        self.window_us = math.inf if settings.bare else _REDELIVERY_US  # who is told no time finds no repeat too late
        self.character = draw_character(random, settings.providers)
        self.story = live(self.character, random, settings.end_us - born_us)
        self.answers = compiled().steps[profile_of(self.character.provider).announces_sync][False]
        self.received = self.truth = _State()
        self.fault: _Fault | None = None
        self.silent_until: Status | None = None
        self.told = self.stranger = False

    def hear(self, state: _State, announcement: Announcement, at_us: int) -> tuple[_State, bool]:
        """The state after one more announcement, and whether that was lawful."""
        _, status, _, product, _ = announcement
        situation, since_us, last, last_product, heard_us = state
        if status is last and product == last_product:
            return _State(situation, since_us, last, product, at_us), at_us - heard_us <= self.window_us
        step = self.answers[situation][status]
        if step.verdict is not Verdict.APPLIED:
            return state, step.expected
        return _State(step.after, at_us if step.moved else since_us, status, product, at_us), step.expected

    def be_stranger(self, word: str) -> None:
        """Belong to a provider that nobody knows, of which anything may be announced."""
        self.stranger = True
        self.character = self.character._replace(words=(word,) * len(self.character.words))
        self.answers = compiled().steps[True][False]


_Entry = tuple[int, int, _Life | None, Announcement | Telling]
"""When, a serial number, of whom (None for a birth), what: news of a life, or what a fault owes."""
_BIRTH = Announcement(0, definition.INITIAL)
_REDELIVERY_US = int(DEFAULT_POLICY.redelivery_window.total_seconds() * 1e6)


# ---- On the wire -----------------------------------------------------------------------------------------


def _payload(life: _Life, telling: Telling) -> str:
    """One announcement as JSON; every word in it is known to need no escapes."""
    announcement, status = telling.announcement, telling.word or telling.announcement.status
    if announcement.channel is Channel.NOTIFY:
        return f'{{"status": "{status}", "account_id": "{life.account_id}", "name": "{life.name}"}}'
    product = f', "product": "{announcement.product}"' if announcement.product else ""
    reason = f', "reason": "{announcement.reason}"' if announcement.reason else ""
    account_type, message = f'"account_type": "{telling.account_type}"', f'"message": "{status}"'
    words = f"{message}, {account_type}" if life.message_first else f"{account_type}, {message}"
    return f'{{"AccountStatus": {{"account_id": "{life.account_id}", {words}{product}{reason}}}}}'


def _unreadable(life: _Life, telling: Telling, random: Random) -> str:
    """What has become of the payload: JSON that says nothing usable, or what is no JSON, as JSON text."""
    words = {"id": life.account_id, "type": telling.account_type, "status": telling.announcement.status}
    return random.choice(UNREADABLE).substitute(words)


_WEBHOOK = '{"AccountStatus": {"account_id": "$id", "account_type": "$type", "message": "$status"}}'
_UNREADABLE_TEXTS = (
    _WEBHOOK[:-20],  # the connection broke
    _WEBHOOK + _WEBHOOK,
    _WEBHOOK.replace('"', "'"),  # printed by Python
    "payload=" + _WEBHOOK,  # a form
    json.dumps(_WEBHOOK),  # encoded twice
    _WEBHOOK.replace('"account_id"', '"account_id": "someone-else", "account_id"'),
    *("", "  ", "null", "42", "true", "ping", "<h1>502 Bad Gateway</h1>", "[" * 3_000),
)
_UNREADABLE_OBJECTS = (
    f"[{_WEBHOOK}]",  # a batch
    f'{{"AccountStatus": {json.dumps(_WEBHOOK)}}}',
    f'{_WEBHOOK[:-1]}, "padding": "{"x" * 66_000}"}}',  # over the limit
    *("{}", "[]", '{"AccountStatus": null}', '{"AccountStatus": {}}', '{"AccountStatus": ["$id", "$status"]}'),
    '{"event": "message_received", "account_id": "$id"}',  # another kind of webhook
    *(_WEBHOOK.replace('"$id"', found) for found in ("null", '""', '"   "', "12345", '["$id"]', '"$id\\n"')),
    *(_WEBHOOK.replace("$id", found) for found in ("$id\\ud800", "$id" * 12)),
    _WEBHOOK.replace('"account_id"', '"id"'),
    *(_WEBHOOK.replace('"$status"', found) for found in ("null", '""', '" "', "7", '["$status"]', "false")),
    *(_WEBHOOK.replace('"$type"', found) for found in ("7", '["$type"]')),
    _WEBHOOK.replace('"$status"', '"$status", "product": ["recruiter"]'),
    *('{"status": "$status"}', '{"status": null, "account_id": "$id"}', '{"status": "$status", "account_id": 7}'),
    '{"status": "$status", "account_id": "$id", "name": {"user": 7}}',
)
UNREADABLE = tuple(Template(each) for each in (*map(json.dumps, _UNREADABLE_TEXTS), *_UNREADABLE_OBJECTS))

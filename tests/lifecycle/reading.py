"""A second reading of the rules: plain, slow, mutable, and no line of it shared with the package.

It was written from the rules' text alone and is held against the package on random lives (``test_reading.py``).
Words are strings, times are aware datetimes, lengths are timedeltas. A method for each thing that can happen;
each returns the list of what was judged: the deadlines that had passed before, then the event.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lifecycle.expected_table import LOSSES, WORDS, Spot, _facts, cell

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TICK = timedelta(microseconds=1)
KNOWN = ("LINKEDIN", "WHATSAPP", "INSTAGRAM", "MESSENGER", "TELEGRAM", "X", "GOOGLE", "MICROSOFT", "IMAP")
SILENT = ("MESSENGER", "X", "GOOGLE", "MICROSOFT")
SESSIONS = {"LINKEDIN": 365 * DAY, "INSTAGRAM": 365 * DAY}
DOWN = ("ACTION_REQUIRED", "INTERRUPTED")
ABSENT = "ABSENT"


@dataclass
class Settings:
    """What a team sets."""

    redelivery_window: timedelta = 10 * MINUTE
    retry_horizon: timedelta = 20 * HOUR
    delivery_margin: timedelta = HOUR
    settling: timedelta = 2 * MINUTE
    subscribed: frozenset[str] = frozenset(WORDS)
    deadlines: dict[str, dict[str, timedelta]] = field(default_factory=dict)
    reminders: tuple[timedelta, ...] = (DAY, 7 * DAY, 30 * DAY)
    expiry_notice: timedelta = 14 * DAY

    @property
    def hears_ok(self) -> bool:
        return "OK" in self.subscribed


@dataclass(eq=True)
class Window:
    """A blind window."""

    sequence: int
    opened_at: datetime
    backfill_from: datetime | None
    closed_at: datetime | None = None
    recovered: bool = False
    estimated: bool = False
    causes: tuple[str, ...] = ()


@dataclass
class Judged:
    """What became of one event."""

    at: datetime
    verdict: str = ""
    anomalies: list[str] = field(default_factory=list)
    effects: list[tuple[str, str]] = field(default_factory=list)
    doubtful: bool = False
    recovered: Window | None = None
    """The window that its effect ``recovered`` carries."""

    def all_effects(self) -> list[tuple[str, str, bool]]:
        """Its effects with those of its anomalies, sorted."""
        effects = [*self.effects, *(("anomaly", kind) for kind in self.anomalies)]
        return sorted((kind, subject, self.doubtful) for kind, subject in effects)


Entry = tuple[str, str | None, datetime]


class Reading:
    """What the rules make of one account."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.sequence = 0
        self.status = "UNSEEN"
        self.exists = self.lost = self.needs_user = self.born = self.stuck = self.doubtful = False
        self.health = "UNKNOWN"
        self.known_since: datetime | None = None
        self.since: datetime | None = None
        self.newest_at: datetime | None = None
        self.last_live_at: datetime | None = None
        self.signed_in_at: datetime | None = None
        self.heard: list[Entry] = []
        self.held: list[Entry] = []
        self.provider: str | None = None
        self.disputed: str | None = None
        self.owner: str | None = None
        self.products: set[str] = set()
        self.window: Window | None = None
        self.down_since: datetime | None = None
        self.remind_from: datetime | None = None
        self.reminded = timedelta(0)
        self.session_told = False
        self.absent_since: datetime | None = None
        self.survival_told = False
        self.sync_missing_told = False
        self.presumed = False

    # ---- What can happen ---------------------------------------------------------------------------------

    def announce(
        self, word: str, at: datetime, provider: str | None = None, product: str = "", owner: str | None = None
    ) -> list[Judged]:
        """An announcement."""
        if self.newest_at is not None and at < self.newest_at:  # row 0
            return [self._count(Judged(at, "HELD", ["OUT_OF_ORDER"]))]
        passed = self._deadlines_by(at)
        judged = self._count(Judged(at))
        self.newest_at = at
        self._meet_provider(provider, judged)  # row 1
        self._meet_owner(owner, judged)  # row 2
        if product and not (word == "SYNC_SUCCESS" and self.provider == "LINKEDIN"):  # row 3
            judged.anomalies.append("UNEXPECTED_PRODUCT")
        self._judge_word(word, product, at, judged)
        return [*passed, judged]

    def observe(
        self,
        status: str,
        at: datetime,
        provider: str | None = None,
        owner: str | None = None,
        signed_in_at: datetime | None = None,
        product: str = "",
    ) -> list[Judged]:
        """What the vendor's list says."""
        if self.newest_at is not None and at < self.newest_at:
            return [self._count(Judged(at, "HELD"))]
        passed = self._deadlines_by(at)
        judged = self._count(Judged(at, "HELD"))
        self.newest_at = at
        if self.since is not None and at - self.since < self.settings.settling:
            return [*passed, judged]
        if status == ABSENT:
            self._judge_absence(at, judged)
            return [*passed, judged]
        if self.status == "DELETED":
            self._judge_survival(at, judged)
            return [*passed, judged]
        self.absent_since = None
        if signed_in_at is not None and (self.signed_in_at is None or signed_in_at > self.signed_in_at):
            self._sign_in(signed_in_at)
        self._meet_provider(provider, judged)
        self._meet_owner(owner, judged)
        self._judge_observed(status, at, judged, product)
        return [*passed, judged]

    def look(self, at: datetime) -> list[Judged]:
        """A clock looks which deadlines have passed by now."""
        return self._deadlines_by(at)

    # ---- Rows 1 and 2 ------------------------------------------------------------------------------------

    def _meet_provider(self, provider: str | None, judged: Judged) -> None:
        if provider is None:
            return
        if self.provider is None:
            self.provider = provider
            if provider not in KNOWN:
                judged.anomalies.append("UNKNOWN_PROVIDER")
        elif provider == self.provider:
            self.disputed = None
        elif provider == self.disputed:
            self.provider, self.disputed = provider, None
        else:
            self.disputed = provider
            judged.anomalies.append("PROVIDER_CHANGED")

    def _meet_owner(self, owner: str | None, judged: Judged) -> None:
        if owner is None or not owner.strip():
            return
        if self.owner is None:
            self.owner = owner
            judged.effects.append(("claimed", owner))
        elif owner != self.owner:
            judged.anomalies.append("OWNER_CHANGED")

    # ---- Rows 4 to 10 ------------------------------------------------------------------------------------

    def _judge_word(self, word: str, product: str, at: datetime, judged: Judged) -> None:
        p, what = self.settings, (word, product)
        last = self.heard[-1] if self.heard else None
        heard_at = next((t for w, x, t in self.heard if (w, x) == what), None)
        recent = heard_at is not None and at - heard_at < p.retry_horizon
        # 4
        if any((w, x) == what and at - t < p.retry_horizon for w, x, t in self.held):
            judged.verdict = "REPEATED"
            self._hold(word, product, at)
            return
        # 5
        if word not in WORDS:
            judged.verdict = "HELD"
            judged.anomalies.append("UNKNOWN_STATUS")
            self._hold(word, product, at)
            return
        is_last = last is not None and last[:2] == what
        # 6
        lives_on = word == "OK" or (not p.hears_ok and word == "RECONNECTED" and is_last)
        if lives_on and self.status == word:
            assert self.last_live_at is not None
            judged.verdict = "REPEATED"
            if not at - self.last_live_at < p.redelivery_window:
                if "CONNECTING" in p.subscribed:
                    judged.anomalies.append("MISSED_OUTAGE")
                window = Window(self.sequence, self.last_live_at, self.last_live_at, at, True, True)
                judged.effects.append(("recovered", ""))
                judged.recovered = window
            self.last_live_at = at
            self._refresh(word, product, at)
            return
        # 7
        if is_last:
            assert last is not None
            ago = at - last[2]
            if ago < p.redelivery_window or (word == "SYNC_SUCCESS" and ago < p.retry_horizon):
                judged.verdict = "REPEATED"
                self._refresh(word, product, at)
                return
            if word in LOSSES and not ago < p.retry_horizon:
                self._lose_again(word, product, at, judged)
                return
            if word != "SYNC_SUCCESS":
                judged.verdict = "REPEATED"
                judged.anomalies.append("STALE_REPEAT")
                self._refresh(word, product, at)
                return
        # 8
        if word == "SYNC_SUCCESS" and self.status in ("SYNC_SUCCESS", "OK") and recent:
            place = [entry[:2] for entry in self.heard].index(what)
            if all(w in ("OK", "SYNC_SUCCESS") for w, _, _ in self.heard[place + 1 :]):
                judged.verdict = "REPEATED"
                self._refresh(word, product, at)
                return
        # 9
        answer = cell(self._spot(), word, self._circumstances(recent, at))
        if answer.kind:
            judged.anomalies.append(answer.kind)
        if not answer.accepted:
            judged.verdict = "HELD"
            self._hold(word, product, at)
            if answer.kind == "LATE_EVENT":
                self._refresh(word, product, at)
            if answer.kind == "UNEXPECTED_RECONNECT":
                self.heard = [entry for entry in self.heard if entry[:2] != what]
                self.heard.insert(len(self.heard) - 1, (word, product, at))
                self.heard = self.heard[-16:]
                self._sign_in(at)
            if answer.kind == "RECONNECT_FAILED":
                judged.effects.append(("reconnect_failed", ""))
            return
        moves = answer.mark == ">"
        answered = any(w == "RECONNECTED" and at - t < p.retry_horizon for w, _, t in self.held)
        # 10
        stale = (recent and (moves or word == "SYNC_SUCCESS")) or (word in LOSSES and moves and answered)
        if stale:
            judged.anomalies.append("POSSIBLY_STALE")
        judged.doubtful = stale
        self._accept(word, product, at, judged, moves=moves, adopted=answer.kind == "ADOPTED")

    def _spot(self) -> Spot:
        return self.status, self.exists, self.lost, self.needs_user

    def _circumstances(self, recent: bool, at: datetime) -> frozenset[str]:
        p = self.settings
        held = {
            "announces_sync": self.provider not in SILENT,
            "ok_subscribed": p.hears_ok,
            "recent": recent,
            "young": self.known_since is not None and at - self.known_since < p.retry_horizon,
            "settled": self.since is not None and not at - self.since < p.retry_horizon,
        }
        return frozenset(guard for guard, holds in held.items() if holds)

    def _lose_again(self, word: str, product: str, at: datetime, judged: Judged) -> None:
        judged.anomalies.append("MISSED_RECOVERY")
        self.since, self.stuck = at, False
        self.remind_from, self.reminded, self.down_since = at, timedelta(0), at
        judged.effects.append(("action_required" if self.health == "ACTION_REQUIRED" else "interrupted", ""))
        self._accept(word, product, at, judged, moves=False, adopted=False)

    # ---- What an acceptance leaves -----------------------------------------------------------------------

    def _accept(
        self,
        word: str,
        product: str | None,
        at: datetime,
        judged: Judged,
        *,
        moves: bool,
        adopted: bool,
        observed: bool = False,
    ) -> None:
        judged.verdict = "APPLIED"
        self.doubtful = judged.doubtful
        self.absent_since = None
        left, left_since = self.status, self.since
        self.exists, self.lost, self.needs_user = _facts((self.exists, self.lost, self.needs_user), word)
        if moves:
            self.status, self.since, self.stuck = word, at, False
            if left != "UNSEEN":
                judged.effects.append(("left", left))
            judged.effects.append(("entered", word))
        fresh = [e for e in self.heard if at - e[2] < self.settings.retry_horizon and e[:2] != (word, product)]
        self.heard = [*fresh, (word, product, at)][-16:]
        self.held = []
        if word == "CREATION_SUCCESS":
            self.born = True
        if word in ("CREATION_SUCCESS", "RECONNECTED"):
            self._sign_in(at)
            self.products, self.sync_missing_told = set(), False
        if word == "SYNC_SUCCESS":
            assert product is not None
            self.products.add(product)
            judged.effects.append(("sync_completed", product))
        proves_life = word == "OK" or (not self.settings.hears_ok and word in ("SYNC_SUCCESS", "RECONNECTED"))
        was_live_at = self.last_live_at
        if proves_life:
            self.last_live_at = at
        self._follow_health(
            word, at, judged, was_live_at=was_live_at, left_since=left_since, adopted=adopted, observed=observed
        )

    def _follow_health(
        self,
        word: str | None,
        at: datetime,
        judged: Judged,
        *,
        was_live_at: datetime | None,
        left_since: datetime | None,
        adopted: bool = False,
        observed: bool = False,
    ) -> None:
        """The health that follows from the facts, the window and the effects that follow from the health."""
        was, now = self.health, self._health(ever_live=was_live_at is not None)
        self.health, self.presumed = now, self._presumed()
        if now != was:
            judged.effects.append(("health_changed", now))
            if was == "ACTION_REQUIRED" and now != "GONE":
                judged.effects.append(("action_resolved", ""))
            by_health = {
                "INTERRUPTED": "interrupted",
                "ACTION_REQUIRED": "action_required",
                "FAILED": "creation_failed",
                "GONE": "deleted",
            }
            if now in by_health:
                judged.effects.append((by_health[now], ""))
        if now == "LIVE":
            if was_live_at is None:
                self.last_live_at = at
                judged.effects.append(("connected", "" if self.born else "adopted"))
                if self.window is None and not self.born and self.sequence > 1:
                    assert self.known_since is not None
                    self.window = Window(
                        self.sequence,
                        self.known_since,
                        self.known_since - self.settings.delivery_margin,
                        estimated=True,
                    )
            if self.window is not None:
                self.window.closed_at, self.window.recovered = max(at, self.window.opened_at), True
                judged.effects.append(("recovered", ""))
                judged.recovered, self.window = self.window, None
        elif now == "GONE":
            self.window = None
        elif was == "LIVE":
            assert left_since is not None
            assert word is not None
            if observed:
                assert was_live_at is not None
                self.window = Window(self.sequence, was_live_at, was_live_at, estimated=True, causes=(word,))
            else:
                begin = max(at - self.settings.delivery_margin, left_since)
                self.window = Window(self.sequence, at, begin, causes=(word,))
        elif adopted and self.window is None:
            self.window = Window(self.sequence, at, None)
        if self.window is not None and word in LOSSES and word not in self.window.causes:
            self.window.causes = (*self.window.causes, word)
        if now not in DOWN:
            self.down_since = None
        elif was not in DOWN:
            self.down_since = at
        if now not in DOWN and self.window is None:  # the outage is over
            self.remind_from, self.reminded = None, timedelta(0)

    def _presumed(self) -> bool:
        p = self.settings
        if p.hears_ok:
            return False
        if self.status in ("SYNC_SUCCESS", "RECONNECTED"):
            return True
        heard_of_no_sync = self.provider in SILENT or "SYNC_SUCCESS" not in p.subscribed
        return self.status == "CREATION_SUCCESS" and self.stuck and heard_of_no_sync

    def _health(self, *, ever_live: bool) -> str:
        status = self.status
        rows = (
            (status == "UNSEEN", "UNKNOWN"),
            (status == "DELETED", "GONE"),
            (status == "CREATION_FAIL", "FAILED"),
            (self.needs_user, "ACTION_REQUIRED"),
            (status == "OK" or self._presumed(), "LIVE"),
            (self.stuck or status in ("ERROR", "STOPPED"), "INTERRUPTED"),
            (status == "CONNECTING" and self.lost, "RECOVERING"),
            (status == "CONNECTING" and ever_live, "INTERRUPTED"),
            (status == "CREATION_SUCCESS", "STARTING"),
            (status in ("CONNECTING", "SYNC_SUCCESS") and not ever_live, "STARTING"),
            (status in ("SYNC_SUCCESS", "RECONNECTED"), "RECOVERING"),
        )
        return next(health for fits, health in rows if fits)

    def _sign_in(self, at: datetime) -> None:
        self.signed_in_at, self.session_told = at, False

    def _refresh(self, word: str, product: str, at: datetime) -> None:
        self.heard = [(w, x, at if (w, x) == (word, product) else t) for w, x, t in self.heard]

    def _hold(self, word: str, product: str, at: datetime) -> None:
        self.held = [*(e for e in self.held if e[:2] != (word, product)), (word, product, at)][-8:]

    def _count(self, judged: Judged) -> Judged:
        self.sequence += 1
        if self.known_since is None:
            self.known_since = judged.at
        return judged

    # ---- Observations ------------------------------------------------------------------------------------

    def _judge_absence(self, at: datetime, judged: Judged) -> None:
        if self.status in ("DELETED", "CREATION_FAIL"):
            judged.verdict = "CONFIRMED"
        elif self.absent_since is None:
            self.absent_since = at
        elif at - self.absent_since >= 10 * MINUTE and self.status != "UNSEEN":
            judged.anomalies.append("VANISHED")
            self._accept("DELETED", None, at, judged, moves=True, adopted=False, observed=True)

    def _judge_survival(self, at: datetime, judged: Judged) -> None:
        assert self.since is not None
        if at - self.since >= HOUR and not self.survival_told:
            judged.anomalies.append("NOT_DELETED")
            self.survival_told = True

    def _judge_observed(self, status: str, at: datetime, judged: Judged, product: str) -> None:
        settles = ("CREATION_SUCCESS", "SYNC_SUCCESS", "RECONNECTED")
        if status == self.status or (status == "CONNECTING" and self.status in settles):
            judged.verdict = "CONFIRMED"
            self.doubtful = False
            if status == "OK":
                self.last_live_at = at
                self._judge_syncs(at, judged, product)
            return
        if self.status != "UNSEEN" and not (status == "OK" and not self.settings.hears_ok):
            judged.anomalies.append("DRIFT")
        self._accept(status, None, at, judged, moves=True, adopted=False, observed=True)

    def _judge_syncs(self, at: datetime, judged: Judged, product: str) -> None:
        """Two syncs follow a sign-in of a premium account; that one is missing is said once, six hours later."""
        is_heard = "SYNC_SUCCESS" in self.settings.subscribed and self.provider == "LINKEDIN"
        if not product or not is_heard or self.sync_missing_told or self.signed_in_at is None:
            return
        assert self.known_since is not None
        if self.signed_in_at >= self.known_since and at - self.signed_in_at > 6 * HOUR and len(self.products) < 2:
            judged.anomalies.append("SYNC_MISSING")
            self.sync_missing_told = True

    # ---- Deadlines ---------------------------------------------------------------------------------------

    def _deadlines_by(self, at: datetime) -> list[Judged]:
        passed = []
        while due := [d for d in (self._stay(), self._reminder(), self._session()) if d is not None and d[0] <= at]:
            passed.append(self._pass(*min(due, key=lambda d: d[0])))
        return passed

    def _stay(self) -> tuple[datetime, str, timedelta] | None:
        if self.stuck or self.since is None:
            return None
        if not self.settings.hears_ok and self.status in ("SYNC_SUCCESS", "RECONNECTED"):
            return None
        silent, slow = self.provider in SILENT, self.provider == "IMAP"
        table = {
            "CONNECTING": 30 * MINUTE,
            "CREATION_SUCCESS": 30 * MINUTE if silent else 12 * HOUR if slow else 2 * HOUR,
            "SYNC_SUCCESS": 12 * HOUR if slow else HOUR,
            "RECONNECTED": 15 * MINUTE if silent else 12 * HOUR if slow else HOUR,
            **self.settings.deadlines.get(self.provider or "", {}),
        }
        if self.status not in table:
            return None
        return self.since + table[self.status] + TICK, "stay", table[self.status]

    def _reminder(self) -> tuple[datetime, str, timedelta] | None:
        if self.health not in DOWN:
            return None
        assert self.down_since is not None
        begin = self.remind_from or (self.window.opened_at if self.window else self.since)
        assert begin is not None
        left = [length for length in sorted(self.settings.reminders) if length > self.reminded]
        return (max(begin + left[0], self.down_since) + TICK, "reminder", left[0]) if left else None

    def _session(self) -> tuple[datetime, str, timedelta] | None:
        length = SESSIONS.get(self.provider or "")
        if length is None or self.signed_in_at is None or self.session_told:
            return None
        if self.health in ("UNKNOWN", "FAILED", "GONE"):
            return None
        allowed = max(timedelta(0), length - self.settings.expiry_notice)
        return self.signed_in_at + allowed + TICK, "session", allowed

    def _pass(self, at: datetime, kind: str, length: timedelta) -> Judged:
        judged = self._count(Judged(at, "HELD"))
        if kind == "reminder":
            self.reminded = length
            judged.effects.append(("still_down", ""))
        elif kind == "session":
            self.session_told = True
            judged.effects.append(("session_expiring", ""))
        else:
            self.stuck = True
            if not self._presumed() or self.needs_user:
                judged.anomalies.append("STUCK")
            self._follow_health(None, at, judged, was_live_at=self.last_live_at, left_since=self.since)
        return judged

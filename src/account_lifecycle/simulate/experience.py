"""The effects that users feel, held against what really became of each account.

What is true is read from an account's timeline by rules of a few lines, and not by the engine's: it lives from an OK to
the next word that is neither OK nor a finished sync; its user is needed from CREDENTIALS or PERMISSIONS to the next
word that ends a loss. An effect is *true* if there is such a fact for it that no effect was matched with before,
*false* if not, and each fact without an effect is *unfelt*. Effects that say themselves that they are doubtful are
counted apart, and use up no fact.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from ..lifecycle.definition import FINISHES_SYNC, NEEDS_USER, PROVES_LIFE, RESTORES
from ..lifecycle.effects import Effect, EffectKind
from ..lifecycle.windows import BlindWindow
from .truth import Lived

FELT = (EffectKind.CONNECTED, EffectKind.ACTION_REQUIRED, EffectKind.RECOVERED, EffectKind.SYNC_COMPLETED)
NOTHING = timedelta(0)


class EffectTally(NamedTuple):
    """How many effects of one kind were true, false or missing."""

    true: int = 0
    false: int = 0
    unfelt: int = 0
    doubtful: int = 0
    """How many more said that they are doubtful."""


class EffectScore(NamedTuple):
    """What users felt of a log."""

    tallies: Mapping[str, EffectTally] = {}
    blind: timedelta = NOTHING
    """For how long accounts were truly not live, once they had been, until they were live again."""
    handed: timedelta = NOTHING
    """How much ``recovered`` told to fetch again, from ``backfill_from`` on."""
    estimated: timedelta = NOTHING
    """How much of that belongs to estimated windows."""
    covered: timedelta = NOTHING
    """How much of the blind time that covers."""

    def rows(self) -> Iterator[str]:
        """Yield a line for each kind of effect, and one for the hours."""
        for kind, tally in self.tallies.items():
            yield (
                f"{kind}: {tally.true:,} true, {tally.false:,} false, {tally.unfelt:,} unfelt, "
                f"{tally.doubtful:,} doubtful"
            )
        hours = [f"{length.total_seconds() / 3600:,.0f}" for length in self[1:]]
        yield "hours blind {}, handed to recovered {} (estimated {}), blind and handed {}".format(*hours)


_NEVER = datetime.max.replace(tzinfo=UTC)


class _Span:
    """A stretch of an account's true life for which one effect is due."""

    __slots__ = ("begins", "ends", "felt")

    def __init__(self, begins: datetime, ends: datetime = _NEVER) -> None:
        self.begins, self.ends, self.felt = begins, ends, False


class _Truth:
    """What really became of an account, as the effects that are due."""

    __slots__ = ("blind", "live_at", "needs", "syncs", "windows")

    def __init__(self, lived: Lived) -> None:
        self.live_at: list[_Span] = []  # its first OK, if any
        self.needs: list[_Span] = []
        self.blind: list[_Span] = []
        self.syncs: dict[str, list[_Span]] = {}
        self.windows: list[tuple[datetime, datetime]] = []  # those that were handed out
        was_live = needs_user = False
        for text, status, product in lived.timeline:
            at, is_live = datetime.fromisoformat(text), status == PROVES_LIFE or (was_live and status == FINISHES_SYNC)
            if is_live and not self.live_at:
                self.live_at.append(_Span(at))
            elif is_live and not was_live:
                self.blind[-1].ends = at
            elif was_live and not is_live:
                self.blind.append(_Span(at))
            was_live = is_live
            if status in NEEDS_USER and not needs_user:
                self.needs.append(_Span(at))
            elif status in RESTORES and needs_user:
                self.needs[-1].ends = at
            needs_user = status in NEEDS_USER or (needs_user and status not in RESTORES)
            if status == FINISHES_SYNC:
                self.syncs.setdefault(product, []).append(_Span(at))
        if self.blind and self.blind[-1].ends == _NEVER:
            del self.blind[-1]  # it was never live again: there is nothing to recover

    def due(self, effect: Effect, at: datetime) -> list[_Span]:
        """Return the facts that an effect at a moment can stand for, the latest first."""
        if effect.kind is EffectKind.CONNECTED:
            return self.live_at
        if effect.kind is EffectKind.ACTION_REQUIRED:
            return [span for span in reversed(self.needs) if span.begins <= at + _CLOCKS < span.ends]
        if effect.kind is EffectKind.SYNC_COMPLETED:
            return [span for span in reversed(self.syncs.get(effect.subject, [])) if span.begins <= at + _CLOCKS]
        assert effect.blind_window is not None
        begins, ends = _handed(effect.blind_window)
        return [span for span in self.blind if span.begins <= ends + _CLOCKS and begins <= span.ends]


_CLOCKS = timedelta(seconds=1)


class Experience:
    """The true lives of a fleet, and what was felt of them so far."""

    def __init__(self, lives: Iterable[Lived]) -> None:
        self._lives = {lived.account_id: _Truth(lived) for lived in lives}
        self._counts: Counter[tuple[EffectKind, str]] = Counter()
        self._handed = self._estimated = NOTHING

    def feel(self, account_id: str, at: datetime, effects: Iterable[Effect]) -> None:
        """Take in the effects of one event."""
        life = self._lives.get(account_id)
        for effect in effects:
            if life is None or effect.kind not in FELT:
                continue
            if effect.kind is EffectKind.RECOVERED and effect.blind_window is not None:
                begins, ends = _handed(effect.blind_window)
                life.windows.append((begins, ends))
                self._handed += ends - begins
                self._estimated += ends - begins if effect.blind_window.estimated else NOTHING
            if effect.doubtful:
                self._counts[effect.kind, "doubtful"] += 1
            due = [span for span in life.due(effect, at) if not span.felt]
            if effect.kind is EffectKind.RECOVERED:
                for span in due:  # a window can bridge several outages
                    span.felt = True
            elif due:
                due[0].felt = True
            if not effect.doubtful:
                self._counts[effect.kind, "true" if due else "false"] += 1

    def score(self) -> EffectScore:
        """Return what was felt."""
        unfelt: Counter[EffectKind] = Counter()
        blind = covered = NOTHING
        for life in self._lives.values():
            unfelt[EffectKind.CONNECTED] += sum(not span.felt for span in life.live_at)
            unfelt[EffectKind.ACTION_REQUIRED] += sum(not span.felt for span in life.needs)
            unfelt[EffectKind.RECOVERED] += sum(not span.felt for span in life.blind)
            unfelt[EffectKind.SYNC_COMPLETED] += sum(not span.felt for spans in life.syncs.values() for span in spans)
            for span in life.blind:
                blind += span.ends - span.begins
                covered += _overlap(span, life.windows)
        counts = self._counts
        tallies = {
            kind.value: EffectTally(counts[kind, "true"], counts[kind, "false"], unfelt[kind], counts[kind, "doubtful"])
            for kind in FELT
        }
        return EffectScore(tallies, blind, self._handed, self._estimated, covered)


def _handed(window: BlindWindow) -> tuple[datetime, datetime]:
    """Return what a window tells to fetch; one whose beginning is unknown is counted from where it was opened."""
    ends = window.closed_at or window.opened_at
    return window.backfill_from or window.opened_at, ends


def _overlap(span: _Span, windows: Iterable[tuple[datetime, datetime]]) -> timedelta:
    """Return how much of a span the windows cover, together."""
    covered, reached = NOTHING, span.begins
    for begins, ends in sorted(windows):
        begins, ends = max(begins, reached), min(ends, span.ends)
        if begins < ends:
            covered, reached = covered + (ends - begins), ends
    return covered

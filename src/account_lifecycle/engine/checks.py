"""What ``doctor`` finds: the shape of a finding, and the checks of the store and of what runs on it.

Nothing here changes anything; that the store can be written is tried with a row that stays as it is.
"""

import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from shlex import quote
from typing import NamedTuple

from ..errors import StoreError
from ..lifecycle.wording import JsonObject, lasting, moment
from ..report.words import counted
from ..stores.opening import store_file
from .core import Engine
from .deadlines import passed_deadlines
from .overview import Overview

BEHIND = timedelta(minutes=15)
"""How long a delivery or a deadline may be overdue, until nobody seems to look after it."""
RECONCILED_WITHIN = timedelta(hours=1)
"""How long ago the vendor's list may have been compared: four times as long as the usual pause."""
LEAST_ROOM = 1 << 30
"""How many bytes should be free where a file of ours is."""
_MANY = 1_000


class Level(StrEnum):
    """How bad a finding is, worst last."""

    FINE = "fine"
    WARNING = "warning"
    ERROR = "error"
    """Events, or their hooks, are lost or late because of it."""


class Finding(NamedTuple):
    """What a check came to."""

    name: str
    """What was looked at, such as ``hooks``."""
    level: Level
    found: str
    """What is there, as a clause."""
    why: str = ""
    """Why it matters, in a sentence; blank where all is fine."""
    remedy: str = ""
    """The command that mends it, or what to do where no command can."""

    def to_dict(self) -> JsonObject:
        """Return the finding as a JSON object."""
        return {**self._asdict(), "level": self.level.value}


def fine(name: str, found: str) -> Finding:
    """Return that all is fine."""
    return Finding(name, Level.FINE, found)


def check_engine(engine: Engine, store_url: str, now: datetime) -> Iterator[Finding]:
    """Yield what there is to say of a store, of what comes in, and of what should run on it, at ``now``."""
    found = _store(engine, store_url)
    yield found
    if found.level is Level.ERROR:
        return
    yield from _room(store_url)
    overview = engine.overview(now=now)
    yield _announcements(overview)
    yield from _unannounced(overview)
    yield from _hooks(overview)
    yield _deadlines(engine, now)
    yield from _quarantine(overview)
    yield _reconciliation(engine, now)


def unusable_store(error: StoreError, url: str) -> Finding:
    """Return the finding about a store that cannot be opened."""
    path = store_file(url)
    if path is not None and not path.exists():
        why = "Nothing was ever fed here: no process serves, or it has another store (account-lifecycle config show)."
        return Finding("store", Level.ERROR, f"there is none at {path}", why, "account-lifecycle serve")
    why = "Every webhook is answered with an error, and is lost once the vendor stops sending it again."
    return Finding("store", Level.ERROR, f"it cannot be opened: {error}", why, _store_remedy(str(error)))


def _store_remedy(said: str) -> str:
    if "apsw" in said:
        return 'pip install --upgrade "apsw>=3.51.3"'
    if "psycopg" in said:
        return 'pip install "account-lifecycle[postgres]"'
    return "account-lifecycle config show"


def _store(engine: Engine, url: str) -> Finding:
    try:
        engine.store.check_schema()
        engine.store.check_writable()
    except StoreError as error:
        why = "Webhooks are answered with 503, and are lost once the vendor stops sending them again."
        return Finding("store", Level.ERROR, f"it cannot be written: {error}", why, "account-lifecycle db check")
    if store_file(url) is None:
        return fine("store", "it can be written")
    import apsw

    return fine("store", f"it can be written; SQLite {apsw.sqlite_lib_version()}")


def _room(url: str) -> Iterator[Finding]:
    path = store_file(url)
    if path is not None and (free := shutil.disk_usage(path.absolute().parent).free) < LEAST_ROOM:
        yield Finding(
            "disk", Level.WARNING, f"{free / (1 << 20):,.0f} MiB are free where the store is",
            "A full disk keeps nothing: webhooks are answered with 503 until there is room.",
            "account-lifecycle db prune --before 365d --archive old.jsonl.gz",
        )  # fmt: skip


def _announcements(overview: Overview) -> Finding:
    machinery = overview.machinery
    last = machinery.last_announced_at if machinery else None
    if last is None:
        return Finding(
            "announcements", Level.ERROR, "nothing was ever announced",
            "Without webhooks every account is unknown. Try the receiver, then look at the webhook's URL and secret.",
            "account-lifecycle trigger OK",
        )  # fmt: skip
    if overview.silence is not None:
        return Finding(
            "announcements", Level.WARNING, f"the last came {lasting(overview.at - last)} ago, at {moment(last)}",
            f"It never took longer than {lasting(overview.silence.allowed)} of late: the webhook may be gone, or the "
            "receiver out of reach.",
            "account-lifecycle webhooks list",
        )  # fmt: skip
    return fine("announcements", f"the last came {lasting(overview.at - last)} ago")


def _unannounced(overview: Overview) -> Iterator[Finding]:
    for word in overview.unannounced:
        yield Finding(
            "words", Level.WARNING, f"{word.word} was never announced to any of {word.accounts:,} accounts",
            "Accounts that wait for it are called stuck. Have it announced, or say that it is not: "
            "ACCOUNT_LIFECYCLE_SUBSCRIBED=default.",
            "account-lifecycle webhooks register --replace",
        )  # fmt: skip


def _hooks(overview: Overview) -> Iterator[Finding]:
    machinery = overview.machinery
    if machinery is None or not machinery.hooks:
        yield fine("hooks", "there are none")
        return
    late = machinery.most_overdue
    overdue = overview.at - late.oldest_due if late and late.oldest_due else timedelta(0)
    found = []
    if late and overdue > BEHIND:
        found.append(Finding(
            "hooks", Level.ERROR, f"{late.hook} is behind by {lasting(overdue)}, with {late.waiting:,} waiting",
            "No process seems to run hooks: users are not asked to reconnect, and nothing is backfilled.",
            "account-lifecycle worker --hooks MODULE",
        ))  # fmt: skip
    if machinery.dead:
        found.append(Finding(
            "hooks", Level.WARNING, counted(machinery.dead, "dead letter"),
            "Their hooks failed as often as they may, and are not called again.",
            "account-lifecycle hooks deliveries --state dead",
        ))  # fmt: skip
    for hook in machinery.hooks:
        if hook.is_disabled:
            found.append(Finding(
                "hooks", Level.WARNING, f"{hook.hook} is disabled", "Its deliveries wait until it is enabled.",
                f"account-lifecycle hooks enable {quote(hook.hook)}",
            ))  # fmt: skip
    yield from found or [fine("hooks", f"{counted(len(machinery.hooks), 'hook')}, and none is behind")]


def _deadlines(engine: Engine, now: datetime) -> Finding:
    count = sum(1 for _ in islice(passed_deadlines(engine.store, engine.policy, now - BEHIND), _MANY))
    if not count:
        return fine("deadlines", "all that have passed are on record")
    few = f"at least {count:,} deadlines" if count == _MANY else counted(count, "deadline")
    return Finding(
        "deadlines", Level.ERROR, f"{few} passed, and no process looked",
        "What is stuck, still down or about to expire is found by looking at the clock, as serve and worker do.",
        "account-lifecycle deadlines",
    )  # fmt: skip


def _quarantine(overview: Overview) -> Iterator[Finding]:
    machinery = overview.machinery
    if machinery and machinery.quarantined:
        yield Finding(
            "quarantine", Level.WARNING, f"{counted(machinery.quarantined, 'payload')} in quarantine",
            "Each may be an announcement that could not be read.", "account-lifecycle quarantine list",
        )  # fmt: skip


def _reconciliation(engine: Engine, now: datetime) -> Finding:
    name, remedy = "reconcile", "account-lifecycle reconcile --every 15m"
    why = "What was never announced is only ever found on the vendor's own list."
    last = engine.last_reconciliation()
    if last is None:
        return Finding(name, Level.WARNING, "the vendor's list was never compared", why, remedy)
    ago = now - (last.ended_at or last.started_at)
    if last.is_running and (last.leased_until or now) >= now:
        return fine(name, f"a run is under way, since {moment(last.started_at)}")
    if ago > RECONCILED_WITHIN or last.is_running:
        return Finding(name, Level.ERROR, f"the last run was {lasting(ago)} ago", why, remedy)
    if last.problem:
        return Finding(
            name, Level.WARNING, f"the last run broke off: {last.problem}", why, "account-lifecycle reconcile"
        )
    return fine(name, f"the last run ended {lasting(ago)} ago")

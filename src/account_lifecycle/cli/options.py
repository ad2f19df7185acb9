"""Options that several commands share, how their values are read, and the question before what cannot be undone."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem
from typing_extensions import override

from ..engine.core import utc_now
from ..intake.arguments import MAX_NUMBER
from ..intake.logs import HowToRead, Layout, layout_of
from ..lifecycle.anomalies import AnomalyKind, Severity
from ..lifecycle.explain import Anomaly
from ..lifecycle.providers import ALIASES, Provider
from ..lifecycle.wording import one_of
from ..report.audit import AuditReport
from ..report.words import counted
from .clocks import named_time
from .commands import ExitCode, Failed
from .output import say

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


class Moment(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """A time: a date or an ISO 8601 time (UTC unless it says otherwise), how long ago, such as 7d, or one by the local
    clock: 14:00, today, yesterday."""

    name = "time"

    @override
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return an aware time in UTC."""
        from .settings import read_duration

        if isinstance(value, datetime):
            return value
        text = str(value).strip()
        try:
            if text.lower() == "now":
                return utc_now()
            if (named := named_time(text, utc_now(), later=param is not None and param.name == "until")) is not None:
                return named
            if text[-1:].isalpha() and text[-1:] not in "Zz":
                return utc_now() - read_duration(text)
            at = datetime.fromisoformat(text)
            return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        except (ValueError, OverflowError):
            examples = "2026-05-01, 2026-05-01T12:00:00Z, 14:00, today, yesterday, 24h, 7d or now"
            self.fail(f"{value!r} is not a time. Write {examples}.", param, ctx)


class Length(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """A length of time, such as 90s, 30min, 6h or 7d."""

    name = "length"

    @override
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Return a length of time."""
        from .settings import read_duration

        if isinstance(value, timedelta):
            return value
        try:
            return read_duration(str(value))
        except (ValueError, OverflowError) as error:
            self.fail(f"{error}.", param, ctx)


class Keyword(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """One of a closed set of words, in any case; the shell completes it."""

    name = "word"

    def __init__(self, words: Iterable[str]) -> None:
        self._by_key = {str(word).casefold(): str(word) for word in words}

    @override
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the word as the set spells it."""
        word = self._by_key.get(str(value).strip().casefold())
        if word is None:
            self.fail(f"{value!r} is not one of {one_of(tuple(self._by_key.values()))}.", param, ctx)
        return word

    @override
    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the words that begin like that."""
        return [CompletionItem(word) for key, word in self._by_key.items() if key.startswith(incomplete.casefold())]


class ProviderWord(Keyword):
    """A provider by any of its names; unless ``known_only``, an unknown word is taken as it is, with a warning."""

    def __init__(self, *, known_only: bool) -> None:
        super().__init__(ALIASES)
        self._known_only = known_only

    @override
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the family, as accounts hold it."""
        word = str(value).strip().upper()
        if word not in ALIASES:
            if self._known_only:
                return super().convert(value, param, ctx)
            say(f"{word} is not a provider that this version knows: {one_of(tuple(Provider))}")
        return ALIASES.get(word, word)


class ZoneName(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """A time zone by its name, such as UTC or Europe/Berlin."""

    name = "zone"

    @override
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tzinfo:
        """Return the time zone."""
        from zoneinfo import ZoneInfo

        if isinstance(value, tzinfo):
            return value
        try:
            return UTC if str(value).upper() == "UTC" else ZoneInfo(str(value))
        except (ValueError, OSError, KeyError):
            self.fail(f"{value!r} is not a time zone. Write UTC, or a name such as Europe/Berlin.", param, ctx)


class ColumnRole(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """What a column of a table holds, and its name."""

    name = "column"

    @override
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Return field and name."""
        role, is_told, name = str(value).partition("=")
        if not (is_told and role.strip() and name):
            self.fail(f"{value!r} is not FIELD=NAME, such as account_id=acct.", param, ctx)
        return role.strip(), name


class FailOnWord(Keyword):
    """An anomaly's kind, a severity, or what could not be read, also from a share on: unreadable=1%."""

    @override
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the word as it is spelt, with its share."""
        word, has_share, share = str(value).partition("=")
        if word.strip().casefold() != _UNREADABLE:
            return super().convert(value, param, ctx)
        try:
            number = float(share.strip().removesuffix("%")) if has_share else 0.0
        except ValueError:
            number = -1.0
        if not 0 <= number <= 100 or (has_share and not share.strip().endswith("%")):
            self.fail(f"{value!r} gives no share. Write unreadable, or unreadable=1%.", param, ctx)
        return f"{_UNREADABLE}={number / 100}"


_UNREADABLE = "unreadable"
MOMENT = Moment()
NUMBER = click.IntRange(1, MAX_NUMBER)
"""The number of a row, or how many of them."""
LENGTH = Length()
PROVIDER = ProviderWord(known_only=False)
KNOWN_PROVIDER = ProviderWord(known_only=True)
FAIL_ON = FailOnWord([*Severity, *AnomalyKind, _UNREADABLE])


def json_option(function: FunctionT) -> FunctionT:
    """Add --json: the same for a program."""
    return click.option("--json", "as_json", is_flag=True, help="Write JSON for programs.")(function)


def limit_option(function: FunctionT) -> FunctionT:
    """Add --limit: how many there are to be at most."""
    return click.option("--limit", type=NUMBER, metavar="COUNT", help="Only the first so many.")(function)


def store_option(function: FunctionT) -> FunctionT:
    """Add --store: which store."""
    return click.option(
        "--store",
        metavar="URL",
        help="The store.  [default: $ACCOUNT_LIFECYCLE_STORE, or sqlite:///account-lifecycle.db]",
    )(function)


def now_option(function: FunctionT) -> FunctionT:
    """Add --now: the time that ages are counted to."""
    return click.option(
        "--now", type=MOMENT, default="now", metavar="TIME", help="Count ages to this time.  [default: now]"
    )(function)


_POLICY = (
    ("redelivery_window", "LENGTH", "How long the same announcement counts as a quick retry.  [default: 10m]"),
    ("retry_horizon", "LENGTH", "How long the vendor may go on retrying: what comes later is news.  [default: 20h]"),
    ("delivery_margin", "LENGTH", "How long before an outage was announced to begin a backfill.  [default: 1h]"),
    ("settling", "LENGTH", "How long after a change the vendor's list is not relied on.  [default: 2m]"),
    ("subscribed", "WORDS", 'What is announced to you: all, default, or a list: "OK,CREDENTIALS".  [default: all]'),
    ("deadlines", "JSON", 'Deadlines in place of the built-in ones, such as {"LINKEDIN": {"CONNECTING": "45min"}}.'),
    ("reminders", "LENGTHS", "After how long down an account is told of again.  [default: 1d,7d,30d]"),
    ("expiry_notice", "LENGTH", "How long before a session ends that is told.  [default: 14d]"),
    ("confirm_within", "LENGTH", "How long a call waits at most for the vendor to confirm it.  [default: 10m]"),
)


def policy_options(function: FunctionT) -> FunctionT:
    """Add the terms of the policy: how events are judged."""
    for name, metavar, text in reversed(_POLICY):
        function = click.option(f"--{name.replace('_', '-')}", name, metavar=metavar, help=text)(function)
    return function


def subscribed_option(function: FunctionT) -> FunctionT:
    """Add --subscribed: which words are announced, for a command that judges nothing."""
    _, metavar, text = next(row for row in _POLICY if row[0] == "subscribed")
    return click.option("--subscribed", metavar=metavar, help=text)(function)


def batch_option(function: FunctionT) -> FunctionT:
    """Add --batch-size: how many events are committed at a time."""
    return click.option(
        "--batch-size",
        type=click.IntRange(1, 100_000),
        metavar="COUNT",
        help="Commit this many events at a time; 1 for a live stream.  [default: 1000]",
    )(function)


def fail_on_option(function: FunctionT) -> FunctionT:
    """Add --fail-on: which anomalies end the command with exit code 6."""
    return click.option(
        "--fail-on",
        type=FAIL_ON,
        multiple=True,
        metavar="KIND|SEVERITY|unreadable[=1%]",
        help="End with exit code 6 if this kind of anomaly, or one at least this severe, is found; or something that "
        "cannot be read, or more than this share of it.",
    )(function)


class FailOn:
    """Counts the anomalies that --fail-on names."""

    def __init__(self, words: tuple[str, ...]) -> None:
        severities = list(Severity)
        shares = [float(word.partition("=")[2]) for word in words if word.startswith(f"{_UNREADABLE}=")]
        self._share = min(shares, default=None)
        self._unreadable = ""
        named = [severities.index(Severity(word)) for word in words if word in severities]
        self._from = min(named, default=len(severities))
        self._kinds = {word for word in words if word not in severities}
        self.count = 0

    def see(self, kind: AnomalyKind, count: int = 1) -> None:
        """Count an anomaly if --fail-on names its kind or its severity."""
        if kind in self._kinds or list(Severity).index(kind.severity) >= self._from:
            self.count += count

    def see_unreadable(self, unreadable: int, events: int) -> None:
        """Note what could not be read, if --fail-on says that it may not be so much."""
        if self._share is not None and unreadable > self._share * (unreadable + events):
            self._unreadable = f"{unreadable:,} of {unreadable + events:,} could not be read"

    def see_report(self, report: AuditReport) -> None:
        """Count the anomalies of a report; a word that is never announced counts as one STUCK."""
        for kind, count in report.by_kind.items():
            self.see(kind, count)
        self.see(AnomalyKind.STUCK, len(report.unannounced))

    def seen(self, anomalies: Iterable[Anomaly]) -> Iterator[Anomaly]:
        """Yield the anomalies as they come, and count those that --fail-on names."""
        for anomaly in anomalies:
            self.see(anomaly.kind)
            yield anomaly

    def end(self) -> None:
        """End with exit code 6 if there was one, and say how many."""
        if self.count:
            say(f"{counted(self.count, 'anomaly', 'anomalies')} that --fail-on names")
        if self._unreadable:
            say(f"{self._unreadable}, which is more than --fail-on allows")
        if self.count or self._unreadable:
            click.get_current_context().exit(ExitCode.FOUND)


_READING = (
    click.option("--payload-at", metavar="PATH", help="Where in a record the payload stands, such as data.body."),
    click.option("--time-at", metavar="PATH", help="Where in a record the time of arrival stands, such as created_at."),
    click.option(
        "--column",
        "columns",
        type=ColumnRole(),
        multiple=True,
        metavar="FIELD=NAME",
        help="Which column of a table holds the account_id, status, provider, product, name, reason, received_at or "
        "payload.",
    ),
    click.option(
        "--timezone", type=ZoneName(), default="UTC", metavar="ZONE", help="Of times without a zone.  [default: UTC]"
    ),
)


def reading_options(function: FunctionT) -> FunctionT:
    """Add the options that say how logs are read, where that is not to be detected."""
    order = click.option(
        "--order",
        type=click.Choice(["time", "file"]),
        default="time",
        help="Merge several logs by time, or read them one after the other as they are.  [default: time]",
    )
    detect = click.option("--detect", is_flag=True, help="Print how the logs would be read, and end.")
    for option in reversed((*_READING, order, detect)):
        function = option(function)
    return function


def how_to_read(options: dict[str, Any]) -> HowToRead:
    """Return what the reading options say, and take them out."""
    payload, time = options.pop("payload_at"), options.pop("time_at")
    layout: Layout | None = layout_of(payload or "", time or "") if payload or time else None
    return HowToRead(layout, options.pop("order"), options.pop("timezone"), dict(options.pop("columns")))


def yes_option(function: FunctionT) -> FunctionT:
    """Add --yes: without asking."""
    return click.option("--yes", "is_confirmed", is_flag=True, help="Do not ask.")(function)


def confirm(question: str, is_confirmed: bool) -> None:
    """Ask before what cannot be undone, unless it is confirmed already. Raise ``Failed`` without a yes."""
    if is_confirmed:
        return
    try:
        if click.confirm(question, err=True):
            return
    except click.Abort:  # standard input is at its end
        click.echo(err=True)
    raise Failed("nothing was done. Answer y, or give --yes where nobody can answer.")

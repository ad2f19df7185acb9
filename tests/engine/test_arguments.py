"""A caller's fault is the caller's: every argument of every public method is checked before anything is kept.

The stories are made from the signatures. A new argument is covered by its type; where ``WRONG`` has no row for that, or
``RIGHT`` none for an argument without a default, its story is red.
"""

import asyncio
import inspect
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from account_lifecycle import (
    AccountNotFound,
    AnomalyKind,
    ConfigurationError,
    Decision,
    DeliveryState,
    Engine,
    Health,
    Observation,
    PayloadError,
    Policy,
    Received,
    Severity,
    Status,
    UnreadablePayloads,
)
from account_lifecycle.hooks.confirming import AskVendor
from account_lifecycle.intake.payloads import Payload
from account_lifecycle.lifecycle.windows import BlindWindow
from account_lifecycle.records import Observer, TimeSource
from account_lifecycle.stores.fleet import AccountOrder, FleetEvent
from account_lifecycle.testing import START, life, payload
from account_lifecycle.verify.signing import SignedHead

IN_A_WEEK = START + timedelta(days=7)
NAIVE = datetime(2026, 5, 1)
NO_TEXT = (7, b"a", ["a"], object())
NO_TIMES = (NAIVE, date(2026, 5, 1), "2026-05-01T12:00:00Z", 1_777_000_000)
NO_COUNTS = ("1", 0, -1, 1.5, True, 2**63)
NO_LENGTHS = ("1", 0, -1.0, float("nan"), True)
NO_CALLABLES = (7, "print")
NOT_SEVERAL = (7, "text", b"bytes", {"a": 1}, object(), Observation("a", "OK"))

WRONG: dict[Any, Sequence[object]] = {
    bool: (),
    bool | None: (),
    tuple[str, int] | None: (7, "acc", ("acc",), ("acc", 0), (7, 1), ["acc", 1]),
    FleetEvent | None: (7, "1", object()),
    BlindWindow | None: (7, "1", object()),
    AccountOrder | str: ("LIV", *NO_TEXT, None),
    str: (*NO_TEXT, None),
    str | None: NO_TEXT,
    bytes: ("text", 7, None),
    Mapping[str, str] | None: (7, "a: b", [("a", "b")], {"Content-Encoding": b"gzip"}, {b"Content-Encoding": "gzip"}),
    datetime: (*NO_TIMES, None),
    datetime | None: NO_TIMES,
    int: (*NO_COUNTS, None),
    int | None: NO_COUNTS,
    float: (*NO_LENGTHS, float("inf"), None),
    float | None: (*(each for each in NO_LENGTHS if each != 0), float("inf")),
    Path: (7, "", b"file", None),
    Policy: ("default", {}, None),
    TimeSource: (*NO_CALLABLES, None),
    Callable[[PayloadError], object] | None: NO_CALLABLES,
    AskVendor | None: NO_CALLABLES,
    Payload: (object(), {1}, START, Received(payload("OK", "a")), Observation("a", "OK")),
    Iterable[Payload | Received]: (*NOT_SEVERAL, None),
    Iterable[Observation]: (*NOT_SEVERAL, None),
    Iterable[Path]: (*NOT_SEVERAL, None, [7], [None], [""]),
    Iterable[SignedHead]: (*NOT_SEVERAL, None, [7], ["head"]),
    Sequence[Observer]: (*NOT_SEVERAL, None, [7]),
    Sequence[int]: (*NOT_SEVERAL, None, ["1"], [0], [2**63]),
    Sequence[int] | None: (*NOT_SEVERAL, ["1"], [0], [2**63]),
    str | Iterable[str]: (7, b"OK", None, {"OK": 1}, "LIV", "", [], ["OK", "LIV"], [7]),
    **{words | str | None: ("LIV", *NO_TEXT) for words in (Status, Health, AnomalyKind, Severity, DeliveryState)},
}
"""Values that an argument of a type may not have."""

WRONG_HERE: dict[tuple[str, str], Sequence[object]] = {
    ("accounts", "provider"): ("NOPE",),
    ("audit", "provider"): ("NOPE",),
    ("events", "provider"): ("NOPE",),
    ("facets", "provider"): ("NOPE",),
    ("account", "account_id"): ("x" * 257, "a\0b", "\ud800"),
    ("enable_hook", "hook"): ("a\0b", "\ud800"),
    ("feed_event", "received_at"): (IN_A_WEEK,),
    ("observe", "account_id"): ("", " ", "x" * 257, "a\nb"),
    ("observe", "observed_at"): (IN_A_WEEK,),
    ("observe", "signed_in_at"): (IN_A_WEEK,),
}
"""Values that are wrong for one argument only."""

RIGHT: dict[str, Any] = {
    "account_id": "a",
    "archive": Path("archive.jsonl"),
    "before": START,
    "body": b'{"AccountStatus": {"account_id": "a", "message": "ERROR"}}',
    "hook": "connected:*:nobody",
    "new": "connected:*:somebody",
    "old": "connected:*:nobody",
    "observations": [Observation("a", "ERROR")],
    "payload": payload("ERROR", "a"),
    "payloads": [payload("ERROR", "a")],
    "quarantine_ids": [1],
    "since": START,
    "status": "ERROR",
    "text": "a",
    "until": START,
    "url": "memory:",
}
"""A value for each argument that has no default."""

REGISTERS = ("subscribe",)
"""Methods that register hooks, of which ``tests/hooks`` has stories."""


def wrong_arguments() -> Iterator[Any]:
    """Every wrong value of every argument of every public method of an engine."""
    for method, member in inspect.getmembers(Engine, callable):
        if method.startswith("_") or method in REGISTERS:
            continue
        hints = get_type_hints(member)
        for name in inspect.signature(member).parameters:
            if name != "self":
                values = [*WRONG.get(hints[name], [WRONG]), *WRONG_HERE.get((method, name), ())]
                yield from (
                    pytest.param(method, name, value, id=f"{method}-{name}-{number}")
                    for number, value in enumerate(values)
                )


@pytest.fixture
def fed(account_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """An engine with an account, a payload in quarantine, and a hook that must not be called again."""
    monkeypatch.chdir(tmp_path)
    list(account_engine.feed_events(life("CREATION_SUCCESS OK", "a")))
    with pytest.raises(UnreadablePayloads):
        list(account_engine.feed_events(["not JSON"]))
    account_engine.on_entered(lambda call: pytest.fail("a hook was called"))
    return account_engine


def kept(engine: Engine) -> object:
    """Everything that a call could have changed."""
    rows = [*engine.store.ledger(), *engine.quarantine(), *engine.deliveries(), *engine.subscribed_hooks()]
    return [row.to_dict() for row in rows], [*Path().iterdir()]


@pytest.mark.parametrize(("method", "name", "value"), [*wrong_arguments()])
def test_a_wrong_argument_is_refused_by_its_name_before_anything_is_kept(
    method: str, name: str, value: object, fed: Engine
) -> None:
    call = getattr(fed, method)
    assert value is not WRONG, f"which values are wrong for {name} of {method}? Its type needs a row of WRONG"
    parameters = inspect.signature(call).parameters.values()
    required = [each.name for each in parameters if each.default is inspect.Parameter.empty]
    before = kept(fed)
    with pytest.raises(ConfigurationError) as refused:
        done(call(**{**{each: RIGHT[each] for each in required}, name: value}))
    assert refused.value.setting == name
    assert str(refused.value).startswith(f"{name}: found {refused.value.found}; expected ")
    assert kept(fed) == before


def done(result: object) -> None:
    """Wait for what a method returns, if it is one to be awaited."""
    if inspect.iscoroutine(result):
        asyncio.run(result)


def test_a_word_that_no_filter_has_is_refused_with_the_words_that_there_are(fed: Engine) -> None:
    for ask, words in (
        (lambda: fed.accounts(status="LIV"), Status),
        (lambda: fed.audit(severity="bad"), Severity),
        (lambda: fed.deliveries(state="x"), DeliveryState),
    ):
        with pytest.raises(ValueError, match="expected ") as refused:
            ask()
        assert [word for word in words if word not in str(refused.value)] == []
    with pytest.raises(ValueError, match=r"provider: found 'NOPE'; expected LINKEDIN, .* IMAP, or another word"):
        fed.accounts(provider="NOPE")


def test_a_provider_that_is_unknown_here_can_be_asked_for_once_it_was_announced(fed: Engine) -> None:
    fed.subscriptions.clear()
    fed.feed_event(payload("OK", "b", provider="SLACK"))
    assert [account.account_id for account in fed.accounts(provider="slack")] == ["b"]
    assert {anomaly.account_id for anomaly in fed.audit(provider="Slack")} == {"b"}


@pytest.mark.parametrize("wrong", [object(), Observation("a", "OK"), Received("{}", NAIVE), Received("{}", IN_A_WEEK)])
def test_what_came_before_something_that_is_no_payload_is_fed_and_nothing_after_it(
    wrong: Any, account_engine: Engine
) -> None:
    decisions: list[Decision] = []
    feed = account_engine.feed_events(
        [payload("OK", "a"), "not JSON", payload("ERROR", "a"), wrong, payload("OK", "b")]
    )
    with pytest.raises(ConfigurationError):
        decisions.extend(feed)
    assert [str(decision.event.status) for decision in decisions] == ["OK", "ERROR"]
    assert [row.payload for row in account_engine.quarantine()] == [b"not JSON"]
    assert [account.account_id for account in account_engine.accounts()] == ["a"]


@pytest.mark.parametrize("sent", [None, 7, True, [], [1], '"text"', b"", ""])
def test_what_can_have_been_sent_is_a_payload_to_quarantine_and_no_fault_of_the_caller(
    sent: Any, account_engine: Engine
) -> None:
    with pytest.raises(PayloadError):
        account_engine.feed_event(sent)
    assert len(account_engine.quarantine()) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        ("a", "OK"),
        Observation("a", "LIV"),
        Observation(7, "OK"),  # type: ignore[arg-type]
        Observation("a", "OK", NAIVE),
        Observation("a", "OK", IN_A_WEEK),
        Observation("a", "OK", provider=b"X"),  # type: ignore[arg-type]
        Observation("a", "OK", owner=7),  # type: ignore[arg-type]
    ],
)
def test_one_wrong_observation_keeps_out_all_of_its_batch(wrong: Any, account_engine: Engine) -> None:
    with pytest.raises(ConfigurationError):
        account_engine.observe_all([Observation("a", "OK"), wrong])
    assert account_engine.accounts() == []


def test_what_is_not_there_is_answered_by_nothing_and_is_no_error(fed: Engine) -> None:
    fed.subscriptions.clear()
    assert fed.account("nobody") is None
    assert fed.history("nobody") == fed.audit(account_id="nobody") == fed.blind_windows(account_id="nobody") == []
    assert fed.deliveries(hook="none") == fed.deliveries(account_id="nobody") == fed.redrive(99) == []
    assert not fed.enable_hook("none")
    assert not fed.forget_hook("none")
    assert fed.erase_account("nobody") == fed.dismiss_quarantined([99]) == 0
    assert [result.is_known for result in fed.replay_quarantine([99])] == [False]
    assert fed.machine_for("nobody").state is Status.UNSEEN


def test_an_account_that_is_not_there_has_nothing_to_be_explained(fed: Engine) -> None:
    with pytest.raises(LookupError, match="nothing was ever fed for the account 'nobody'") as missing:
        fed.explain("nobody")
    assert isinstance(missing.value, AccountNotFound)
    assert missing.value.account_id == "nobody"


def test_an_account_is_found_whatever_blanks_stand_around_its_id(fed: Engine) -> None:
    assert fed.account(" a\n") == fed.account("a") == fed.explain("a ").account


def test_an_audit_by_severity_has_what_is_at_least_so_severe(account_engine: Engine) -> None:
    for word in ("OK", "SLEEPING"):
        account_engine.feed_event(payload(word, "a"))
    account_engine.feed_event(payload("OK", "a", provider="WHATSAPP"))
    ranks = [*Severity]
    every = account_engine.audit()
    assert {anomaly.severity for anomaly in every} == {*ranks}
    for least in ranks:
        severe = [anomaly for anomaly in every if ranks.index(anomaly.severity) >= ranks.index(least)]
        assert account_engine.audit(severity=least) == account_engine.audit(severity=str(least)) == severe


def test_an_error_of_a_caller_survives_the_way_from_another_process() -> None:
    error = ConfigurationError("received_at", "7", "a datetime with a time zone")
    for copied in (pickle.loads(pickle.dumps(error)), pickle.loads(pickle.dumps(AccountNotFound("a")))):
        assert str(copied) in (str(error), "nothing was ever fed for the account 'a'")

"""Dwell and pairs as a user says them: what waits before it is called, and what is called only after something else."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from account_lifecycle import ConfigurationError, EffectKind, Engine, HookCall, StoreBusy
from account_lifecycle.hooks.registry import HookRegistry
from account_lifecycle.testing import Clock
from builders import webhook
from hooks.answers import Answering, feed, states

DWELL = timedelta(minutes=3)
LASTING = {
    EffectKind.ENTERED,
    EffectKind.LEFT,
    EffectKind.HEALTH_CHANGED,
    EffectKind.CONNECTED,
    EffectKind.INTERRUPTED,
    EffectKind.ACTION_REQUIRED,
    EffectKind.ACTION_RESOLVED,
    EffectKind.RECOVERED,
}
"""The effects that say something that lasts."""


def nothing(call: HookCall) -> None:
    """A hook."""


def test_a_notice_waits_and_is_sent_only_if_the_account_is_still_down(engine: Engine, clock: Clock) -> None:
    notice = Answering(None)
    engine.on_action_required(notice, name="mail", after=DWELL)
    feed(engine, "OK", "CREDENTIALS")
    assert notice.heard == []
    clock.tick(minutes=2)
    feed(engine, "OK", "CREDENTIALS")
    clock.tick(minutes=2)
    assert engine.run_hooks() == []
    clock.tick(minutes=1)
    engine.run_hooks()
    assert notice.heard == [("a", 4)]
    assert states(engine) == ["withdrawn", "done"]


def test_users_are_told_once_of_an_outage_and_once_of_its_end_however_it_flaps(engine: Engine, clock: Clock) -> None:
    required, recovered = Answering(None), Answering(None)
    engine.on_action_required(required, name="mail", after=DWELL)
    engine.on_recovered(recovered, name="mail", paired=True)
    feed(engine, "OK")
    for _ in range(50):
        feed(engine, "CREDENTIALS")
        clock.tick(seconds=30)
        engine.run_hooks()
        feed(engine, "OK")
        clock.tick(seconds=30)
        engine.run_hooks()
    feed(engine, "CREDENTIALS")
    clock.tick(minutes=5)
    engine.run_hooks()
    feed(engine, "OK")
    assert (required.heard, recovered.heard) == ([("a", 102)], [("a", 103)])


def test_a_worker_calls_what_has_dwelt(live: Engine) -> None:
    from hooks.waiting import eventually

    notice = Answering(None)
    live.on_action_required(notice, name="mail", after=timedelta(seconds=0.2))
    with live.start_runner(poll_s=0.05):
        feed(live, "OK", "CREDENTIALS")
        eventually(lambda: states(live) == ["done"])
    assert notice.heard == [("a", 2)]


# ---- What is refused when it is registered -----------------------------------------------------------------


@pytest.mark.parametrize("kind", EffectKind)
def test_a_dwell_is_for_what_lasts_and_refused_for_what_is_over_at_once(kind: EffectKind) -> None:
    register = getattr(HookRegistry(), f"on_{kind}")
    if kind in LASTING:
        register(nothing, after=DWELL)
        return
    with pytest.raises(ValueError, match=f"^after: found 0:03:00; expected None: what on_{kind} is called for cannot"):
        register(nothing, after=DWELL)


def test_a_paired_hook_without_an_opener_is_refused_with_the_line_to_write() -> None:
    registry = HookRegistry()
    registry.on_action_required(nothing, name="another")
    line = r'Write: engine.on_action_required\(nothing, name="mail"\)$'
    for register in (registry.on_recovered, registry.on_action_resolved):
        with pytest.raises(ValueError, match=line):
            register(nothing, name="mail", paired=True)
    registry.on_action_required(nothing, name="mail")
    registry.on_recovered(nothing, name="mail", paired=True)
    registry.on_action_resolved(nothing, name="mail", paired=True)


def test_one_function_may_be_opener_and_end() -> None:
    registry = HookRegistry()

    @registry.on_recovered(paired=True)
    @registry.on_action_required(after=DWELL)
    def tell(call: HookCall) -> None: ...

    assert [each.terms.is_paired for each in registry.subscriptions] == [False, True]


@pytest.mark.parametrize("kind", [kind for kind in EffectKind if kind not in ("recovered", "action_resolved")])
def test_nothing_else_can_be_paired(kind: EffectKind) -> None:
    with pytest.raises(ValueError, match=r"^paired: found True; expected False: "):
        getattr(HookRegistry(), f"on_{kind}")(nothing, paired=True)


# ---- Filters of anomalies ------------------------------------------------------------------------------------


def test_a_hook_for_anomalies_is_called_for_those_that_are_severe_enough_and_ask_for_something(engine: Engine) -> None:
    severe, asking, both = Answering(None), Answering(None), Answering(None)
    engine.on_anomaly(severe, name="severe", severity="warning")
    engine.on_anomaly(asking, name="asking", next_step="reconcile with the vendor")
    both = engine.on_anomaly(kind="UNKNOWN_STATUS", name="both", next_step="reconcile with the vendor")(both)
    engine.feed_event(webhook("a", "CREDENTIALS"))
    engine.feed_event(webhook("a", "SNAFU"))
    assert [(len(hook.calls), {call.subject for call in hook.calls}) for hook in (severe, asking, both)] == [
        (1, {"UNKNOWN_STATUS"})
    ] * 3


@pytest.mark.parametrize(
    ("subject", "options", "named"),
    [
        ("ADOPTED", {"severity": "error"}, "severity: found error; expected what anomalies of ADOPTED can have"),
        ("ADOPTED", {"next_step": "watch"}, "next_step: found watch; expected what anomalies of ADOPTED can have"),
        (
            None,
            {"severity": "error", "next_step": "nothing"},
            "severity: found error; expected what anomalies that ask",
        ),
        (None, {"severity": "grave"}, "severity: found 'grave'; expected "),
        (None, {"next_step": "panic"}, "next_step: found 'panic'; expected "),
    ],
)
def test_filters_that_no_anomaly_passes_are_refused(subject: str | None, options: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named}"):
        HookRegistry().on_anomaly(subject, nothing, **options)


def test_filters_are_for_anomalies_alone() -> None:
    with pytest.raises(TypeError, match="on_connected: found severity; expected name"):
        HookRegistry().on_connected(nothing, severity="error")  # type: ignore[call-overload]


# ---- Skipping and renaming -----------------------------------------------------------------------------------


def test_what_has_waited_for_too_long_can_be_skipped(engine: Engine, clock: Clock) -> None:
    hook = Answering(None)
    feed(engine, "OK", "ERROR")
    clock.tick(hours=5)
    feed(engine, "STOPPED")
    engine.on_entered(hook, name="mine", since="beginning")
    engine.start_runner().stop()
    assert engine.skip("entered:*:mine", before=clock.now - timedelta(hours=1)) >= 0
    engine.run_hooks()
    assert hook.heard[-1] == ("a", 3)


def test_a_renamed_hook_goes_on_where_it_was(tmp_path: Path) -> None:
    file_url = f"sqlite:///{tmp_path}/accounts.db"
    with Engine.open(file_url, observers=()) as engine:
        engine.on_connected(Answering(ValueError("not yet")), name="old", attempts=5)
        feed(engine, "OK")
        assert engine.rename_hook("connected:*:old", "new")
        assert not engine.rename_hook("connected:*:old", "newer")
    with Engine.open(file_url, observers=()) as engine:
        hook = Answering(None)
        engine.on_connected(hook, name="new", attempts=5)
        assert [outcome.call.attempt for outcome in engine.run_hooks()] == [2]
        assert [known.name for known in engine.subscribed_hooks()] == ["connected:*:new"]


@pytest.mark.parametrize("name", ["connected:*:old", "deleted:*:new", "entered:OK:new"])
def test_a_hook_is_not_renamed_to_one_for_other_effects_or_to_itself(engine: Engine, name: str) -> None:
    with pytest.raises(ConfigurationError, match="another name that begins with connected:"):
        engine.rename_hook("connected:*:old", name)


def test_a_hook_that_runs_is_not_renamed(engine: Engine) -> None:
    refused: list[str] = []

    @engine.on_connected(name="old")
    def rename(call: HookCall) -> None:
        with pytest.raises(StoreBusy) as error:
            engine.rename_hook("connected:*:old", "new")
        refused.append(str(error.value))

    feed(engine, "OK")
    assert "connected:*:old is being called" in refused[0]

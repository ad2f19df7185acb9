"""What a hook is called with: what the effect says, what is known of the account, and whether it is news still."""

from collections.abc import Iterable
from datetime import timedelta

import pytest

from account_lifecycle import Decision, Health, Status
from account_lifecycle.hooks.calls import (
    AccountCall,
    AnomalyCall,
    ClaimedCall,
    ConnectedCall,
    CreationFailedCall,
    EnteredCall,
    HealthChangedCall,
    HookCall,
    LeftCall,
    RecoveredCall,
    SyncCompletedCall,
    call_for,
)
from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.decide import judge
from account_lifecycle.lifecycle.effects import EffectKind
from account_lifecycle.lifecycle.events import NOBODY, DeadlinePassed, Event, StatusAnnounced
from account_lifecycle.records import Delivery, EffectRow, StatusChange, SubscribedHook
from builders import announced, at

DAY = 24 * 60.0


def decided(*events: Event) -> list[Decision]:
    """What is decided about one account's events, its deadlines included."""
    account = Account(events[0].account_id)
    found = []
    for event in events:
        found += judge(account, event)
        account = found[-1].after
    return found


def life(words: str, every: float = 1, **more: str) -> list[StatusAnnounced]:
    """Announcements of one account, one each so many minutes; ``more`` is what the last one says."""
    *before, last = words.split()
    events = [announced("a", word, number * every) for number, word in enumerate(before)]
    return [*events, announced("a", last, len(before) * every, **more)]


def calls(decisions: list[Decision], sequence: int | None = None) -> Iterable[HookCall]:
    """Every call that an event causes, by default the last one, if it is made after all of them were decided."""
    caused = decisions[-1] if sequence is None else decisions[sequence - 1]
    changes = [
        StatusChange(d.sequence, d.event.received_at, d.event.status, d.before.status, d.after.status)
        for d in decisions[: caused.sequence]
        if d.before.status is not d.after.status
    ]
    health = caused.after.health if caused.before.health is not caused.after.health else None
    reason = getattr(caused.event, "reason", "")
    anomalies = {str(anomaly.kind): anomaly for anomaly in caused.anomalies}
    for number, effect in enumerate(caused.effects):
        facts = (effect, anomalies.get(effect.subject), tuple(changes[-5:]), reason, caused.after.status, health)
        row = EffectRow(number, caused.after.account_id, caused.sequence, caused.event.received_at, *facts)
        yield call_for(Delivery(number, 7, SubscribedHook("h", effect.kind), 1, row), decisions[-1].after)


def call(kind: EffectKind | str, decisions: list[Decision], sequence: int | None = None) -> HookCall:
    (found,) = [call for call in calls(decisions, sequence) if call.kind == kind]
    return found


def test_each_kind_has_a_call_whose_fields_say_what_it_is_about() -> None:
    first = decided(announced("a", "CREATION_SUCCESS", name="user-7"), announced("a", "OK", 1))
    entered, claimed, connected = call("entered", first, 1), call("claimed", first, 1), call("connected", first)
    assert isinstance(entered, EnteredCall)
    assert entered.status is Status.CREATION_SUCCESS
    assert isinstance(claimed, ClaimedCall)
    assert claimed.owner == "user-7"
    assert isinstance(connected, ConnectedCall)
    assert not connected.is_adopted
    left, health = call("left", first), call("health_changed", first)
    assert isinstance(left, LeftCall)
    assert left.status is Status.CREATION_SUCCESS
    assert isinstance(health, HealthChangedCall)
    assert health.health is Health.LIVE
    synced = call("sync_completed", decided(*life("CREATION_SUCCESS SYNC_SUCCESS", product="classic")))
    assert isinstance(synced, SyncCompletedCall)
    assert synced.product == "classic"
    recovered = call("recovered", decided(*life("CREATION_SUCCESS OK CREDENTIALS OK")))
    assert isinstance(recovered, RecoveredCall)
    assert recovered.blind_window.opened_at == at(2)
    adopted = decided(announced("a", "OK"))
    odd, first_live = call("anomaly", adopted), call("connected", adopted)
    assert isinstance(odd, AnomalyCall)
    assert odd.anomaly.kind == "ADOPTED"
    assert isinstance(first_live, ConnectedCall)
    assert first_live.is_adopted
    asked = call("action_required", decided(*life("CREATION_SUCCESS OK CREDENTIALS")))
    assert type(asked) is AccountCall
    assert asked.account.status is Status.CREDENTIALS


def test_a_failed_creation_of_nobody_names_the_owner_and_no_account() -> None:
    failed = call("creation_failed", decided(announced(NOBODY, "CREATION_FAIL", name="user-17")))
    assert isinstance(failed, CreationFailedCall)
    assert (failed.account_id, failed.account, failed.owner, failed.is_current) == ("", None, "user-17", True)
    assert failed.to_dict()["account"] is None


def test_a_failed_creation_of_somebody_has_its_account_and_its_owner() -> None:
    failed = call("creation_failed", decided(announced("a", "CREATION_FAIL", name="user-17")))
    assert failed.account is not None
    assert failed.account.health is Health.FAILED
    assert failed.owner == "user-17"


def test_the_reason_is_the_vendors_own() -> None:
    decisions = decided(*life("CREATION_SUCCESS OK CREDENTIALS", reason="We suspect automated behavior"))
    assert call("action_required", decisions).reason == "We suspect automated behavior"
    later = [*decisions, *judge(decisions[-1].after, announced("a", "OK", 60))]
    assert call("action_required", later, 3).reason == "We suspect automated behavior"
    assert call("recovered", later).reason == ""


def test_a_reminder_repeats_the_reason_of_the_outage() -> None:
    down = decided(*life("CREATION_SUCCESS OK CREDENTIALS", reason="Disconnected"))
    account = down[-1].after
    reminded = [*down, *judge(account, DeadlinePassed("a", account.status, at(3 * DAY), at(2), timedelta(days=1)))]
    assert call("still_down", reminded).reason == "Disconnected"


def test_what_may_be_old_news_is_doubtful() -> None:
    decisions = decided(*life("CREATION_SUCCESS OK CREDENTIALS RECONNECTED OK CREDENTIALS", every=20))
    assert {call.doubtful for call in calls(decisions)} == {True}
    assert {call.doubtful for call in calls(decisions, 3)} == {False}


# ---- Whether the account is where the effect left it -------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "sequence", "words", "is_current"),
    [
        ("action_required", 3, "CREATION_SUCCESS OK CREDENTIALS", True),
        ("action_required", 3, "CREATION_SUCCESS OK CREDENTIALS CREDENTIALS", True),  # a repeat changes nothing
        ("action_required", 3, "CREATION_SUCCESS OK CREDENTIALS OK", False),
        ("action_required", 3, "CREATION_SUCCESS OK CREDENTIALS OK CREDENTIALS", True),  # back where it was
        ("action_required", 3, "CREATION_SUCCESS OK CREDENTIALS ERROR", False),  # the health is the same
        ("left", 3, "CREATION_SUCCESS OK CREDENTIALS CREDENTIALS", True),
        ("entered", 4, "CREATION_SUCCESS OK CREDENTIALS ERROR ERROR", True),  # which changed no health
        ("entered", 4, "CREATION_SUCCESS OK CREDENTIALS ERROR CREDENTIALS", False),
        ("entered", 4, "CREATION_SUCCESS OK CREDENTIALS ERROR OK ERROR", False),  # INTERRUPTED by now
        ("recovered", 4, "CREATION_SUCCESS OK ERROR OK ODD", True),
        ("recovered", 4, "CREATION_SUCCESS OK ERROR OK DELETED", False),
        ("anomaly", 3, "CREATION_SUCCESS OK ODD OK", True),
        ("anomaly", 1, "ODD WORD", True),  # UNSEEN then and now
        ("anomaly", 1, "ODD CONNECTING", False),
        ("deleted", 2, "OK DELETED OK OK", True),
    ],
)
def test_a_call_is_current_if_status_and_health_are_those_after_its_event(
    kind: str, sequence: int, words: str, is_current: bool
) -> None:
    assert call(kind, decided(*life(words)), sequence).is_current is is_current


def test_what_got_stuck_meanwhile_is_not_where_it_was_left() -> None:
    events = [announced("a", "CREATION_SUCCESS"), announced("a", "ODD", 1), announced("a", "WORD", DAY)]
    decisions = decided(*events)
    assert decisions[-1].after.stuck
    assert call("anomaly", decisions, 2).is_current is False


def test_a_reminder_is_current_as_long_as_the_account_is_down() -> None:
    down = decided(
        *life("CREATION_SUCCESS OK CREDENTIALS"), announced("a", "ODD", 3 * DAY), announced("a", "WORD", 3 * DAY)
    )
    (reminded,) = [d.sequence for d in down if any(effect.kind == "still_down" for effect in d.effects)]
    assert call("still_down", down, reminded).is_current
    again = [*down, *judge(down[-1].after, announced("a", "OK", 3 * DAY + 1))]
    assert not call("still_down", again, reminded).is_current

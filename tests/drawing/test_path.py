"""An account's own path: where it went, in which order, what was anomalous, and where it stands now."""

from datetime import UTC, datetime, timedelta

import pytest

from account_lifecycle import drawing
from account_lifecycle.drawing import PathStep
from account_lifecycle.drawing.sketch import HEALTH_PAINT, Look
from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.anomalies import AnomalyKind, Severity
from account_lifecycle.lifecycle.decide import decide
from account_lifecycle.lifecycle.definition import LOSSES
from account_lifecycle.lifecycle.events import StatusAnnounced
from account_lifecycle.lifecycle.machine import situation_of
from account_lifecycle.lifecycle.status import Health, Status, Verdict
from account_lifecycle.lifecycle.windows import BlindWindow
from drawing.reading import Drawn, read

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def steps_of(announcements: str, provider: str = "LINKEDIN") -> list[PathStep]:
    """The history of an account that heard these words, one an hour."""
    account, steps = Account("acc_1"), []
    for hour, word in enumerate(announcements.split()):
        at = NOON + timedelta(hours=hour)
        decision = decide(account, StatusAnnounced("acc_1", word, at, provider))
        kinds = tuple(anomaly.kind for anomaly in decision.anomalies)
        steps.append(PathStep(account.status, word, decision.after.status, decision.verdict, kinds, at))
        account = decision.after
    return steps


def drawn(announcements: str, provider: str = "LINKEDIN") -> Drawn:
    return read(drawing.path(steps_of(announcements, provider), "acc_1", provider))


def test_a_move_carries_its_numbers() -> None:
    picture = drawn("CONNECTING CREATION_SUCCESS OK ERROR OK ERROR")
    assert [edge.label for edge in picture.between("UNSEEN", "CONNECTING")] == ["1"]
    assert [edge.label for edge in picture.between("OK", "ERROR")] == ["4, 6"]
    assert [edge.label for edge in picture.between("ERROR", "OK")] == ["5"]


def test_every_event_is_listed_with_its_time_and_its_anomalies() -> None:
    words = drawn("CONNECTING OK").words()
    assert "1 · 2026-05-01 12:00 · CONNECTING" in words
    assert "2 · 2026-05-01 13:00 · OK (ADOPTED)" in words


def test_an_anomalous_move_is_anomalous() -> None:
    picture = drawn("OK CREDENTIALS OK")
    assert [edge.is_anomalous for edge in picture.between("UNSEEN", "OK")] == [True]
    assert [edge.is_anomalous for edge in picture.between("OK", "CREDENTIALS")] == [False]


def test_the_same_move_made_as_expected_and_not_is_two_arrows() -> None:
    steps = steps_of("CONNECTING OK CONNECTING OK")
    edges = read(drawing.path(steps)).between("CONNECTING", "OK")
    assert sorted((edge.label, edge.is_anomalous) for edge in edges) == [("2", True), ("4", False)]


def test_what_only_rides_along_does_not_make_a_move_anomalous() -> None:
    step = PathStep(Status.OK, "ERROR", Status.ERROR, anomalies=(AnomalyKind.PROVIDER_CHANGED,))
    assert [edge.is_anomalous for edge in read(drawing.path([step])).between("OK", "ERROR")] == [False]


def test_a_hold_is_a_dashed_loop() -> None:
    picture = drawn("CONNECTING CREATION_SUCCESS OK CREATION_SUCCESS RECONNECTED")
    assert [(edge.label, edge.is_anomalous) for edge in picture.between("OK", "OK")] == [("4, 5", True)]


def test_a_stay_without_an_anomaly_is_no_arrow() -> None:
    picture = drawn("CONNECTING CREATION_SUCCESS OK SYNC_SUCCESS")
    assert picture.between("OK", "OK") == []


def test_the_present_state_is_marked_and_no_other() -> None:
    picture = drawn("CONNECTING CREATION_SUCCESS CREDENTIALS")
    assert [name for name in picture.nodes if name.endswith("_tag")] == ["CREDENTIALS_tag"]
    assert "now CREDENTIALS since 2026-05-01 14:00:00 UTC" in picture.words()


def test_where_it_was_stands_out_from_where_it_never_was() -> None:
    picture = drawn("CONNECTING CREATION_SUCCESS OK")
    faint = {status for status in Status if picture.nodes[status]["color"] == "#d1d5db"}
    assert set(Status) - faint == {Status.UNSEEN, Status.CONNECTING, Status.CREATION_SUCCESS, Status.OK}


def test_an_account_that_heard_nothing_is_still_unseen() -> None:
    picture = read(drawing.path([]))
    assert [name for name in picture.nodes if name.endswith("_tag")] == ["UNSEEN_tag"]


@pytest.mark.parametrize(("provider", "shown"), [("GOOGLE", False), ("LINKEDIN", True), (None, True), ("FAX", True)])
def test_a_path_lies_on_its_providers_map(provider: str | None, shown: bool) -> None:
    assert (Status.SYNC_SUCCESS in read(drawing.path([], provider=provider)).statuses) is shown


def test_a_path_beyond_its_providers_map_lies_on_the_whole_one() -> None:
    step = PathStep(Status.OK, "SYNC_SUCCESS", Status.SYNC_SUCCESS)
    assert Status.SYNC_SUCCESS in read(drawing.path([step], provider="GOOGLE")).statuses


def test_a_long_history_shows_its_latest_part() -> None:
    picture = read(drawing.path(steps_of("CONNECTING CREATION_SUCCESS OK " + "ERROR OK " * 100)))
    assert [edge.label for edge in picture.between("ERROR", "OK")] == ["… 201, 203"]
    assert "163 events before" in picture.words()
    assert "203 · " in picture.words()


def test_a_restless_account_shows_the_ways_that_it_went_last() -> None:
    ways = [(a, b) for a in LOSSES for b in (*LOSSES, Status.OK, Status.CONNECTING, Status.RECONNECTED) if a is not b]
    steps = [PathStep(before, after, after) for before, after in ways]
    sketch = drawing.path(steps).sketch
    assert [(arrow.tail, arrow.head) for arrow in sketch.arrows if arrow.label] == ways[-20:]
    assert f"{len(ways) - 20} other ways that it last went before event {len(ways) - 19}" in " ".join(sketch.notes)


def test_a_hold_that_is_no_anomaly_is_no_loop() -> None:
    reminder = PathStep(Status.ERROR, "ERROR", Status.ERROR, Verdict.HELD)
    assert read(drawing.path([reminder])).between("ERROR", "ERROR") == []


def test_what_moved_because_the_vendors_list_says_otherwise_is_anomalous() -> None:
    step = PathStep(Status.OK, "CREDENTIALS", Status.CREDENTIALS, anomalies=(AnomalyKind.DRIFT,))
    assert [e.severity for e in read(drawing.path([step])).between("OK", "CREDENTIALS")] == [Severity.WARNING]


def test_a_loop_has_the_colour_of_its_worst_anomaly() -> None:
    kinds = (AnomalyKind.LATE_EVENT, AnomalyKind.AFTER_DELETION)
    steps = [PathStep(Status.DELETED, "OK", Status.DELETED, Verdict.HELD, (kind,)) for kind in kinds]
    picture = drawing.path(steps)
    assert [edge.severity for edge in read(picture).between("DELETED", "DELETED")] == [Severity.ERROR]
    assert {look for look, _ in picture.sketch.key} >= {Look.INFO, Look.ERROR}


def test_a_kind_that_this_version_does_not_know_warns() -> None:
    step = PathStep(Status.OK, "x", Status.OK, Verdict.HELD, ("NEW_KIND",))
    assert [edge.severity for edge in read(drawing.path([step])).between("OK", "OK")] == [Severity.WARNING]


def test_the_present_box_shows_the_accounts_own_health() -> None:
    needy = Account("acc_1", situation_of(Status.CONNECTING, True, True, True), health=Health.ACTION_REQUIRED)
    stuck = Account("acc_1", situation_of(Status.CREATION_SUCCESS, True, False, False), health=Health.INTERRUPTED)
    stuck.stuck = True
    presumed = Account("acc_1", situation_of(Status.RECONNECTED, True, False, False), health=Health.LIVE)
    presumed.presumed = True
    for account, words in ((needy, "action required"), (stuck, "stuck, interrupted"), (presumed, "presumed live")):
        picture = read(drawing.path([], now=account))
        assert [name for name in picture.nodes if name.endswith("_tag")] == [f"{account.status}_tag"]
        assert picture.nodes[f"{account.status}_caption"]["label"] == words
        assert picture.nodes[account.status]["fillcolor"] == HEALTH_PAINT[account.health].fill


def test_an_account_that_is_blind_says_since_when() -> None:
    window = BlindWindow("acc_1", 3, NOON, None)
    account = Account("acc_1", situation_of(Status.ERROR, True, True, False), since=NOON, blind_window=window)
    assert "now ERROR since 2026-05-01 12:00:00 UTC, blind since 2026-05-01" in drawing.path([], now=account).dot()
    account.blind_window = window._replace(estimated=True)
    assert "blind since about 2026-05-01" in drawing.path([], now=account).dot()


def test_an_account_tells_its_own_name_and_map() -> None:
    picture = drawing.path([], now=Account("acc_7", provider="GOOGLE"))
    assert picture.sketch.title == "The path of account 'acc_7'"
    assert Status.SYNC_SUCCESS not in read(picture).statuses

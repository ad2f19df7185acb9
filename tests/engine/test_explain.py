"""``Engine.explain``: why an account is down, as data and as text."""

from datetime import UTC, datetime

from account_lifecycle import Engine

NOW = datetime(2026, 5, 10, 12, tzinfo=UTC)


def payload(message: str, product: str = "") -> dict[str, object]:
    status = {"account_id": "acc_1", "account_type": "LINKEDIN", "message": message}
    return {"AccountStatus": status | ({"product": product} if product else {})}


def lost_account() -> Engine:
    engine = Engine.open("memory:", observers=())
    for day, message in enumerate(("CREATION_SUCCESS", "OK", "CREDENTIALS", "CREATION_SUCCESS"), 1):
        engine.feed_event(payload(message), received_at=datetime(2026, 5, day, tzinfo=UTC))
    return engine


def test_a_lost_account_is_explained_as_data() -> None:
    with lost_account() as engine:
        found = engine.explain("acc_1", now=NOW)
    assert found.tells.startswith("the user must reconnect it; data can still be read")
    assert found.window is not None
    assert found.window.is_open
    assert [(each.times, each.latest.kind) for each in found.anomalies] == [(1, "RECREATED")]
    assert [entry.sequence for entry in found.recent] == [1, 2, 3, 4, 5]
    assert found.session is not None
    assert found.session.expires_at == datetime(2027, 5, 1, tzinfo=UTC)


def test_the_dict_is_the_shape_for_programs() -> None:
    with lost_account() as engine:
        told = engine.explain("acc_1", now=NOW).to_dict()
    assert told["account"]["health"] == "ACTION_REQUIRED"
    assert told["blind_window"]["opened_at"] == "2026-05-03T00:00:00Z"
    assert {"announcement": "OK", "health": "LIVE"} in told["may_follow"]


def test_the_text_says_why_since_when_and_what_was_missed() -> None:
    with lost_account() as engine:
        text = str(engine.explain("acc_1", now=NOW))
    assert text.startswith("acc_1  LINKEDIN\n  status   CREDENTIALS, since 2026-05-03 00:00:00 UTC, 7 d 12 h ago\n")
    assert "Everything since 2026-05-03 00:00:00 UTC. Once it is live, backfill" in text
    assert max(map(len, text.splitlines())) <= 80
    assert text.splitlines()[-1].startswith("       ! RECREATED: ")


def test_what_strangers_sent_is_escaped_in_the_text() -> None:
    with Engine.open("memory:", observers=()) as engine:
        engine.feed_event({"AccountStatus": {"account_id": "a", "account_type": "LINKEDIN", "message": "\x1b[2J"}})
        text = str(engine.explain("a"))
    assert "\x1b" not in text
    assert "\\x1b[2J" in text

"""Health and the facts behind it, for every situation that an account can be in."""

from collections.abc import Iterator
from itertools import product

import pytest

from account_lifecycle.lifecycle.compiled import health_of
from account_lifecycle.lifecycle.machine import situation_of
from account_lifecycle.lifecycle.status import Status
from lifecycle.expected_table import TABLE, WAYS, Spot, named
from lifecycle_builders import DAY, HOUR, MINUTE, Life, kinds_of, without

# By situation: never live and live before; then the same, stuck.
HEALTH = """
UNSEEN           ---  UNKNOWN          UNKNOWN          UNKNOWN          UNKNOWN
CONNECTING       ---  STARTING         INTERRUPTED      INTERRUPTED      INTERRUPTED
CONNECTING       e--  STARTING         INTERRUPTED      INTERRUPTED      INTERRUPTED
CONNECTING       el-  RECOVERING       RECOVERING       INTERRUPTED      INTERRUPTED
CONNECTING       elu  ACTION_REQUIRED  ACTION_REQUIRED  ACTION_REQUIRED  ACTION_REQUIRED
CREATION_SUCCESS e--  STARTING         STARTING         INTERRUPTED      INTERRUPTED
CREATION_FAIL    ---  FAILED           FAILED           FAILED           FAILED
SYNC_SUCCESS     e--  STARTING         RECOVERING       INTERRUPTED      INTERRUPTED
OK               e--  LIVE             LIVE             LIVE             LIVE
CREDENTIALS      elu  ACTION_REQUIRED  ACTION_REQUIRED  ACTION_REQUIRED  ACTION_REQUIRED
PERMISSIONS      elu  ACTION_REQUIRED  ACTION_REQUIRED  ACTION_REQUIRED  ACTION_REQUIRED
ERROR            el-  INTERRUPTED      INTERRUPTED      INTERRUPTED      INTERRUPTED
ERROR            elu  ACTION_REQUIRED  ACTION_REQUIRED  ACTION_REQUIRED  ACTION_REQUIRED
STOPPED          el-  INTERRUPTED      INTERRUPTED      INTERRUPTED      INTERRUPTED
STOPPED          elu  ACTION_REQUIRED  ACTION_REQUIRED  ACTION_REQUIRED  ACTION_REQUIRED
RECONNECTED      e--  RECOVERING       RECOVERING       INTERRUPTED      INTERRUPTED
DELETED          e--  GONE             GONE             GONE             GONE
"""


def _read() -> Iterator[tuple[Spot, bool, bool, str]]:
    for line in HEALTH.strip().splitlines():
        status, facts, *healths = line.split()
        for (stuck, ever_live), health in zip(product((False, True), repeat=2), healths, strict=True):
            yield (status, "e" in facts, "l" in facts, "u" in facts), stuck, ever_live, health


ROWS = list(_read())


def test_every_situation_has_its_row() -> None:
    assert {spot for spot, *_ in ROWS} == set(TABLE)


@pytest.mark.parametrize(("spot", "stuck", "ever_live", "health"), ROWS, ids=named)
def test_each_situation_has_its_health(spot: Spot, stuck: bool, ever_live: bool, health: str) -> None:
    situation = situation_of(Status(spot[0]), *spot[1:])

    assert health_of(situation, stuck=stuck, ever_live=ever_live) == health


@pytest.mark.parametrize("way", WAYS, ids=named)
def test_each_life_has_the_health_of_its_situation(way: tuple[Spot, bool]) -> None:
    account = Life(*WAYS[way]).account

    assert account.situation.key == way[0]
    assert (account.status, account.exists, account.lost, account.needs_user) == way[0]
    assert ROWS.count((way[0], False, way[1], account.health.value)) == 1


def test_an_attempt_to_connect_proves_nothing() -> None:
    assert not Life("CONNECTING").account.exists
    assert not Life("CREATION_FAIL").account.exists


# ---- Who must act ----------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["ERROR", "STOPPED"])
def test_an_interrupted_account_does_not_nag_its_user(word: str) -> None:
    assert Life("CREATION_SUCCESS", "OK", word).account.health == "INTERRUPTED"


@pytest.mark.parametrize("words", ["CONNECTING", "ERROR", "STOPPED", "ERROR CONNECTING STOPPED", "CREATION_FAIL SNAFU"])
@pytest.mark.parametrize("loss", ["CREDENTIALS", "PERMISSIONS"])
def test_the_user_must_act_whatever_was_announced_since_nobody_has_signed_in(loss: str, words: str) -> None:
    assert Life("OK", loss, *words.split()).account.health == "ACTION_REQUIRED"


@pytest.mark.parametrize("word", ["OK", "RECONNECTED", "DELETED"])
def test_the_user_need_not_act_any_more_once_the_connection_is_back(word: str) -> None:
    assert not Life("OK", "CREDENTIALS", "ERROR", word).account.needs_user


def test_a_sync_of_an_account_that_connects_again_shows_that_nobody_need_act() -> None:
    assert Life("OK", "CREDENTIALS", "CONNECTING", "SYNC_SUCCESS").account.health == "RECOVERING"


def test_an_account_whose_user_must_act_is_not_merely_interrupted_when_it_is_stuck() -> None:
    life = Life("OK", "CREDENTIALS", "CONNECTING")
    stuck = life.outlives_its_deadline(after=HOUR)

    assert (kinds_of(stuck), life.account.health, life.account.stuck) == (["STUCK"], "ACTION_REQUIRED", True)


# ---- Where OK is not announced ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", ["CREATION_SUCCESS SYNC_SUCCESS", "CREATION_SUCCESS ERROR RECONNECTED", "RECONNECTED"]
)
def test_a_sync_and_a_reconnect_count_as_life(words: str) -> None:
    account = Life(*words.split(), policy=without("OK")).account

    assert (account.health, account.presumed) == ("LIVE", True)
    assert account.last_live_at == account.since


@pytest.mark.parametrize("words", ["CREATION_SUCCESS OK", "CREATION_SUCCESS SYNC_SUCCESS OK"])
def test_ok_that_comes_all_the_same_is_not_presumed(words: str) -> None:
    account = Life(*words.split(), policy=without("OK")).account

    assert (account.health, account.presumed) == ("LIVE", False)


def test_a_sync_heals_a_loss_that_nobody_said_was_over() -> None:
    life = Life("CREATION_SUCCESS", "SYNC_SUCCESS", "CREDENTIALS", "SYNC_SUCCESS", policy=without("OK"))

    assert (life.account.status, life.account.health) == ("SYNC_SUCCESS", "LIVE")


@pytest.mark.parametrize(("provider", "unsubscribed"), [("X", {"OK"}), ("LINKEDIN", {"OK", "SYNC_SUCCESS"})])
def test_a_creation_that_nothing_can_follow_counts_as_life_after_its_deadline(
    provider: str, unsubscribed: set[str]
) -> None:
    life = Life("CREATION_SUCCESS", provider=provider, policy=without(*unsubscribed))
    passed = life.outlives_its_deadline()

    assert kinds_of(passed) == []
    assert (life.account.health, life.account.presumed, life.account.stuck) == ("LIVE", True, True)
    assert life.account.last_live_at == passed.event.received_at


def test_a_creation_that_a_sync_should_follow_is_stuck() -> None:
    life = Life("CREATION_SUCCESS", provider="LINKEDIN", policy=without("OK"))

    assert kinds_of(life.outlives_its_deadline()) == ["STUCK"]
    assert (life.account.health, life.account.presumed) == ("INTERRUPTED", False)


@pytest.mark.parametrize("word", ["SYNC_SUCCESS", "RECONNECTED"])
def test_what_counts_as_life_has_no_deadline(word: str) -> None:
    life = Life("CREATION_SUCCESS", "CREDENTIALS", word, policy=without("OK"))

    assert life.waits(40 * DAY) == []


def test_where_ok_is_subscribed_nothing_is_presumed() -> None:
    life = Life("CREATION_SUCCESS", "SYNC_SUCCESS", policy=without("CONNECTING", "STOPPED"))
    life.waits(2 * HOUR + MINUTE)

    assert (life.account.health, life.account.presumed) == ("INTERRUPTED", False)

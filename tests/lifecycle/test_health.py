"""Health and the facts behind it, for every situation that an account can be in."""

import pytest

from lifecycle.expected_table import WAYS, Spot, named
from lifecycle_builders import Life

FRESH = {
    ("UNSEEN", False, False): "UNKNOWN",
    ("CONNECTING", False, False): "STARTING",
    ("CONNECTING", True, False): "STARTING",
    ("CONNECTING", True, True): "RECOVERING",
    ("CREATION_SUCCESS", True, False): "STARTING",
    ("CREATION_FAIL", False, False): "FAILED",
    ("SYNC_SUCCESS", True, False): "STARTING",
    ("CREDENTIALS", True, True): "ACTION_REQUIRED",
    ("PERMISSIONS", True, True): "ACTION_REQUIRED",
    ("ERROR", True, True): "INTERRUPTED",
    ("STOPPED", True, True): "INTERRUPTED",
    ("RECONNECTED", True, False): "RECOVERING",
    ("DELETED", True, False): "GONE",
}
ONCE_OK = {
    ("CONNECTING", True, False): "INTERRUPTED",
    ("CONNECTING", True, True): "RECOVERING",
    ("SYNC_SUCCESS", True, False): "RECOVERING",
    ("OK", True, False): "LIVE",
    ("CREDENTIALS", True, True): "ACTION_REQUIRED",
    ("PERMISSIONS", True, True): "ACTION_REQUIRED",
    ("ERROR", True, True): "INTERRUPTED",
    ("STOPPED", True, True): "INTERRUPTED",
    ("RECONNECTED", True, False): "RECOVERING",
    ("DELETED", True, False): "GONE",
}
HEALTH = {**{(spot, False): h for spot, h in FRESH.items()}, **{(spot, True): h for spot, h in ONCE_OK.items()}}


def test_nothing_else_can_be_reached() -> None:
    assert set(WAYS) == set(HEALTH)


@pytest.mark.parametrize("way", HEALTH, ids=named)
def test_each_situation_has_its_health(way: tuple[Spot, bool]) -> None:
    account = Life(*WAYS[way]).account

    assert account.situation.key == way[0]
    assert account.health == HEALTH[way]


@pytest.mark.parametrize("way", HEALTH, ids=named)
def test_an_account_tells_its_situation_in_words(way: tuple[Spot, bool]) -> None:
    account = Life(*WAYS[way]).account

    assert (account.status, account.exists, account.lost) == way[0]


def test_an_attempt_to_connect_proves_nothing() -> None:
    assert not Life("CONNECTING").account.exists
    assert not Life("CREATION_FAIL").account.exists


@pytest.mark.parametrize("word", ["ERROR", "STOPPED"])
def test_an_interrupted_account_does_not_nag_its_user(word: str) -> None:
    assert Life("CREATION_SUCCESS", "OK", word).account.health != "ACTION_REQUIRED"

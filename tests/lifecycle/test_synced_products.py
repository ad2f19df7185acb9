"""Synced products: which have finished since the account was created or last reconnected."""

import pytest

from lifecycle_builders import Life


def linkedin(*words: str) -> Life:
    return Life(*words, provider="LINKEDIN")


def test_each_product_counts_once_it_is_synced() -> None:
    life = linkedin("CREATION_SUCCESS")
    life.hears("SYNC_SUCCESS", product="classic")
    life.hears("OK")
    life.hears("SYNC_SUCCESS", product="recruiter")

    assert life.account.synced_products == {"classic", "recruiter"}


def test_a_sync_that_names_none_counts_as_the_blank_product() -> None:
    assert linkedin("CREATION_SUCCESS", "SYNC_SUCCESS").account.synced_products == {""}


def test_nothing_is_synced_before_the_first_sync() -> None:
    assert linkedin("CREATION_SUCCESS", "OK").account.synced_products == frozenset()


def test_a_reconnect_begins_anew() -> None:
    life = linkedin("CREATION_SUCCESS", "SYNC_SUCCESS", "OK", "CREDENTIALS", "RECONNECTED")
    assert life.account.synced_products == frozenset()

    life.hears("SYNC_SUCCESS", product="classic")
    assert life.account.synced_products == {"classic"}


def test_a_reconnect_that_is_not_believed_begins_nothing() -> None:
    life = linkedin("CREATION_SUCCESS", "SYNC_SUCCESS", "OK", "RECONNECTED")

    assert life.decisions[-1].verdict == "HELD"
    assert life.account.synced_products == {""}


@pytest.mark.parametrize("word", ["CREDENTIALS", "CONNECTING", "ERROR", "DELETED"])
def test_trouble_forgets_nothing(word: str) -> None:
    assert linkedin("CREATION_SUCCESS", "SYNC_SUCCESS", "OK", word).account.synced_products == {""}


def test_a_sync_that_is_held_does_not_count() -> None:
    life = linkedin("CREATION_SUCCESS", "OK", "CREDENTIALS", "SYNC_SUCCESS")

    assert life.decisions[-1].verdict == "HELD"
    assert life.account.synced_products == frozenset()

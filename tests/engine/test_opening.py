"""Opening an engine: which URLs name a store, and what closing leaves behind."""

from pathlib import Path

import pytest

from account_lifecycle import ConfigurationError, Engine, StoreError
from account_lifecycle.urls import public_url
from builders import webhook


@pytest.mark.parametrize("url", ["memory:", "memory://"])
def test_an_engine_in_memory_starts_empty_each_time(url: str) -> None:
    with Engine.open(url) as engine:
        engine.feed_event(webhook("a", "DELETED"))
    with Engine.open(url) as engine:
        assert engine.accounts() == []


def test_three_slashes_name_a_file_in_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Engine.open("sqlite:///with space.db") as engine:
        engine.feed_event(webhook("a", "DELETED"))
    assert (tmp_path / "with space.db").exists()


def test_four_slashes_name_a_file_from_the_root(tmp_path: Path) -> None:
    path = tmp_path / "accounts.db"
    Engine.open(f"sqlite:///{path}").close()
    assert path.exists()
    with Engine.open(f"sqlite:///{path}") as engine:
        assert engine.accounts() == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "accounts.db",
        "sqlite:",
        "sqlite://",
        "sqlite:///",
        "sqlite://accounts.db",
        "memory:x",
        "sqlite:///accounts.db?mode=ro",
        "mysql://db/accounts",
    ],
)
def test_a_url_that_names_no_store_is_refused_with_those_that_do(url: str) -> None:
    with pytest.raises(ConfigurationError, match="sqlite:///FILE") as caught:
        Engine.open(url)
    assert caught.value.setting == "store"
    assert repr(public_url(url)) in str(caught.value)


def test_sqlites_own_memory_is_refused_because_nothing_could_be_read_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="memory:"):
        Engine.open("sqlite:///:memory:")


def test_a_file_that_cannot_be_opened_is_a_store_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="folder"):
        Engine.open(f"sqlite:///{tmp_path}/missing/accounts.db")


def test_an_engine_is_closed_at_the_end_of_its_block_and_may_be_closed_again(tmp_path: Path) -> None:
    with Engine.open(f"sqlite:///{tmp_path}/accounts.db") as engine:
        engine.feed_event(webhook("a", "DELETED"))
    engine.close()
    with pytest.raises(StoreError, match="closed"):
        engine.feed_event(webhook("a", "DELETED"))

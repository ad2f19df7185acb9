"""Roles: which column of a table holds what, by its usual name or as it was told."""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pytest

from account_lifecycle.errors import ConfigurationError
from replay.samples import Told, as_parquet, read, written

PAYLOAD = '{"status": "RECONNECTED", "account_id": "from the payload"}'
QUOTED = PAYLOAD.replace('"', '""')


def table(folder: Path, *names: str, columns: Mapping[str, str] | None = None) -> Told:
    """What a table tells that has a row of these columns, each with its own name as its value."""
    path = written(folder / "a.csv", ",".join(names) + "\n" + ",".join(names) + "\n")
    return read(path, columns=columns)


@pytest.mark.parametrize("status", ["status", "message"])
@pytest.mark.parametrize("provider", ["provider", "account_type"])
def test_columns_are_known_by_their_usual_names(status: str, provider: str, tmp_path: Path) -> None:
    [event] = table(tmp_path, "product", provider, "other", status, "account_id").events
    assert (event.account_id, event.status) == ("account_id", status.upper())
    assert event.provider == provider.upper()
    assert event.product == "product"


@pytest.mark.parametrize("name", ["received_at", "at", "timestamp", "time"])
def test_a_time_has_many_names(name: str, tmp_path: Path) -> None:
    [refused] = table(tmp_path, "account_id", "status", name).refused
    assert refused.field == "received_at"


def test_columns_can_be_told(tmp_path: Path) -> None:
    [event] = table(tmp_path, "acct", "state", "status", columns={"account_id": "acct", "status": "state"}).events
    assert (event.account_id, event.status) == ("acct", "STATE")


def test_a_column_serves_one_purpose_only(tmp_path: Path) -> None:
    [event] = table(tmp_path, "account_id", "status", "message", columns={"name": "status"}).events
    assert (event.account_id, event.status) == ("account_id", "MESSAGE")
    assert event.owner == "status"


def test_your_user_id_counts_with_and_without_a_provider(tmp_path: Path) -> None:
    text = "account_id,status,provider,name\na,OK,,me\nb,OK,LINKEDIN,me\n"
    assert [event.owner for event in read(written(tmp_path / "a.csv", text)).events] == ["me", "me"]


def test_a_told_column_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="found 'account_id', 'status'; expected 'acct' for account_id"):
        table(tmp_path, "account_id", "status", columns={"account_id": "acct"})


def test_a_role_that_there_is_none_of_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="found 'account'; expected one of account_id, provider, status"):
        read("-", columns={"account": "acct"})


def test_a_payload_is_better_than_what_somebody_made_of_it(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", f'payload,account_id,status\n"{QUOTED}",a,done\n')
    assert [event.account_id for event in read(path).events] == ["from the payload"]


def test_a_payload_may_have_another_name(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", f'account_id,status,body\nx,y,"{QUOTED}"\n')
    assert [event.account_id for event in read(path, columns={"payload": "body"}).events] == ["from the payload"]


@pytest.mark.parametrize("kind", [pa.float64(), pa.bool_(), pa.list_(pa.string()), pa.struct({"a": pa.string()})])
def test_a_column_that_holds_no_text_is_refused(kind: pa.DataType, tmp_path: Path) -> None:
    columns = {"account_id": pa.array([None], kind), "status": pa.array(["OK"])}
    with pytest.raises(ConfigurationError, match=r"column 'account_id' of .*expected text, as account_id"):
        read(as_parquet(tmp_path / "a.parquet", columns))

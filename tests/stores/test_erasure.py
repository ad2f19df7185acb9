"""Whose an unreadable payload is: an id is found wherever it stands as a word, however it is spelled."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from account_lifecycle.stores.rows import mentions

ids = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)


@given(ids, st.booleans())
def test_an_id_is_found_in_json_however_it_is_escaped(account_id: str, ascii_only: bool) -> None:
    text = json.dumps({"AccountStatus": {"account_id": account_id, "message": 7}}, ensure_ascii=ascii_only)
    assert mentions(text.encode(), account_id)
    assert mentions(text[: text.index("message")].encode(), account_id), "even if the rest is missing"


@pytest.mark.parametrize("code", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
def test_an_id_is_found_in_whatever_encoding_json_may_have(code: str) -> None:
    assert mentions('{"account_id": "acc-1"}'.encode(code), "acc-1")
    assert not mentions('{"account_id": "acc-12"}'.encode(code), "acc-1")


@pytest.mark.parametrize("payload", [b"acc-1", b"?account_id=acc-1&x=1", b"\xff\xfe acc-1 \x00", b"<id>acc-1</id>"])
def test_an_id_is_found_in_what_is_no_json_at_all(payload: bytes) -> None:
    assert mentions(payload, "acc-1")


@pytest.mark.parametrize("payload", [b"", b"acc-11", b"xacc-1", b"acc-1-2", b"_acc-1", b"acc.1", "acc-1é".encode()])
def test_a_part_of_a_longer_word_is_not_the_id(payload: bytes) -> None:
    assert not mentions(payload, "acc-1")


def test_what_an_id_holds_is_no_pattern() -> None:
    assert mentions(b'"a.*"', "a.*")
    assert not mentions(b'"abc"', "a.*")

"""An account's id is found in an unreadable payload however it is spelled there, and other ids are not taken for it."""

import base64
import gzip
import html
import json
import tracemalloc
import zlib
from collections.abc import Callable
from unicodedata import normalize
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from account_lifecycle.stores.mentions import DEPTH, MAX_DECODED, Mentions

IDS = ["h_EKCy2lRLef5NzHp0iw4A", "acc-1", "käse/1", "naïve", "🙂-7", "a b", 'say "hi"', "back\\slash", "4711", "日本"]
letters = st.text("abcdeé🙂_-/ .日", min_size=4, max_size=20).map(str.strip)
ids = st.sampled_from(IDS) | letters.filter(lambda text: len(text) > 3)
any_id = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)


def escaped(text: str, upper: bool = False) -> str:
    """Every letter as JSON may write it: ``\\u0061``, with surrogates where need be."""
    units = text.encode("utf-16-be")
    codes = [f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2)]
    return "".join(code.upper().replace("\\U", "\\u") if upper else code for code in codes)


def in_json(spelled: str) -> bytes:
    return b'{"account_id": "%s", "cut' % spelled.encode("utf-8", "surrogatepass")


def quoted(text: str) -> str:
    return json.dumps(text)[1:-1]


SPELLINGS: dict[str, Callable[[str], bytes]] = {
    "as it is": lambda i: in_json(quoted(i)),
    "not in ASCII": lambda i: in_json(json.dumps(i, ensure_ascii=False)[1:-1]),
    "escaped, lower case": lambda i: in_json(escaped(i)),
    "escaped, upper case": lambda i: in_json(escaped(i, upper=True)),
    "escaped here and there": lambda i: in_json("".join(escaped(c) if n % 2 else quoted(c) for n, c in enumerate(i))),
    "escaped slashes": lambda i: in_json(quoted(i).replace("/", "\\/")),
    "JSON in JSON": lambda i: json.dumps({"body": json.dumps({"account_id": i})}).encode()[:-1],
    "JSON in JSON in JSON": lambda i: json.dumps(json.dumps(json.dumps({"id": i}))).encode(),
    "behind an escape": lambda i: b'{"text": "line\\n' + quoted(i).encode() + b"\\tnext",
    "in a URL": lambda i: b"https://host/accounts/" + quote(i, safe="").encode() + b"?x=1",
    "in a URL, lower case": lambda i: b"/a/" + "".join(f"%{b:02x}" for b in i.encode()).encode() + b"/b",
    "in a form": lambda i: urlencode({"status": "OK", "account_id": i}).encode(),
    "in a form twice": lambda i: urlencode({"payload": urlencode({"account_id": i})}).encode(),
    "JSON in a form": lambda i: b"payload=" + quote_plus(json.dumps({"account_id": i})).encode(),
    "in HTML": lambda i: b"<p>" + html.escape(i).encode() + b"</p>",
    "in HTML by numbers": lambda i: b"<p>" + "".join(f"&#{ord(c)};" for c in i).encode() + b"</p>",
    "composed": lambda i: in_json(quoted(normalize("NFC", i))),
    "decomposed": lambda i: in_json(quoted(normalize("NFD", i))),
    "decomposed and not escaped": lambda i: normalize("NFD", f"account {i} is broken").encode(),
    "in base64": lambda i: b'{"body": "' + base64.b64encode(json.dumps({"account_id": i}).encode()) + b'"',
    "in base64 of URLs": lambda i: b"jwt=" + base64.urlsafe_b64encode(b"account:" + i.encode() + b":x").rstrip(b"="),
    "in gzip": lambda i: gzip.compress(in_json(quoted(i))),
    "in gzip that was cut": lambda i: gzip.compress(in_json(quoted(i)) + bytes(range(256)) * 200)[:-50],
    "in gzip behind a header": lambda i: b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(in_json(quoted(i))),
    "in deflate": lambda i: zlib.compress(in_json(quoted(i))),
    "in gzip in base64": lambda i: b'{"data": "' + base64.b64encode(gzip.compress(in_json(quoted(i)))) + b'"}',
    "in UTF-16": lambda i: json.dumps({"account_id": i}, ensure_ascii=False).encode("utf-16"),
    "in UTF-16, no mark": lambda i: f"x {i} y".encode("utf-16-be"),
    "in UTF-32": lambda i: f"x {i} y".encode("utf-32-le"),
    "among what is no UTF-8": lambda i: b"\xff\xfe\x00 " + i.encode() + b" \x80",
    "in capitals": lambda i: in_json(quoted(i.upper())),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@settings(max_examples=40, deadline=None)
@given(ids)
def test_an_id_is_found_in_every_spelling(spelling: str, account_id: str) -> None:
    assert Mentions(account_id).are_in(SPELLINGS[spelling](account_id))


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_another_id_is_not_taken_for_it(spelling: str) -> None:
    for account_id in IDS:
        for other in ("another", f"{account_id}1", f"x{account_id}", f"{account_id}-2"):
            assert not Mentions(account_id).are_in(SPELLINGS[spelling](other)), (account_id, other)


@pytest.mark.parametrize("number", ["4711", "4711.0", "4.711e3", "47110E-1", " 4711,"])
def test_an_id_of_digits_is_found_as_a_number(number: str) -> None:
    assert Mentions("4711").are_in(b'{"account_id": %s}' % number.encode())
    assert not Mentions("4712").are_in(b'{"account_id": %s}' % number.encode())


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_anything_can_be_looked_through(data: bytes) -> None:
    assert not Mentions("h_EKCy2lRLef5NzHp0iw4A").are_in(data)


def test_what_unpacks_to_very_much_is_looked_at_in_part_only() -> None:
    bomb = gzip.compress(b"\0" * (1 << 28))[: 1 << 16]
    bombs = [base64.b64encode(gzip.compress(b"%d " % number + bytes(1 << 20))) for number in range(20)]
    tracemalloc.start()
    try:
        assert not Mentions("acc-1").are_in(bomb)
        assert not Mentions("acc-1").are_in(base64.b64encode(bomb) + b"\\u0061%41" * 1000)
        assert not Mentions("acc-1").are_in(b" ".join(bombs))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * MAX_DECODED, "a letter and its copies, but not all that the bombs hold"


def test_an_id_is_found_behind_as_many_decodings_as_are_tried_and_no_more() -> None:
    text = "acc%2D1"
    for _ in range(DEPTH):
        assert Mentions("acc-1").are_in(text)
        text = text.replace("%", "%25")
    assert not Mentions("acc-1").are_in(text)


def test_an_id_is_found_in_wide_letters_none_of_which_has_a_zero_byte() -> None:
    for code in ("utf-16-le", "utf-16-be"):
        assert Mentions("日本語口座").are_in("日本語口座".encode(code))


@given(any_id, st.booleans())
def test_an_id_is_found_in_json_however_it_is_escaped(account_id: str, ascii_only: bool) -> None:
    text = json.dumps({"AccountStatus": {"account_id": account_id, "message": 7}}, ensure_ascii=ascii_only)
    assert Mentions(account_id).are_in(text.encode())
    assert Mentions(account_id).are_in(text[: text.index("message")].encode()), "even if the rest is missing"


@pytest.mark.parametrize("code", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
def test_an_id_is_found_in_whatever_encoding_json_may_have(code: str) -> None:
    assert Mentions("acc-1").are_in('{"account_id": "acc-1"}'.encode(code))
    assert not Mentions("acc-1").are_in('{"account_id": "acc-12"}'.encode(code))


@pytest.mark.parametrize("payload", [b"acc-1", b"?account_id=acc-1&x=1", b"\xff\xfe acc-1 \x00", b"<id>acc-1</id>"])
def test_an_id_is_found_in_what_is_no_json_at_all(payload: bytes) -> None:
    assert Mentions("acc-1").are_in(payload)


@pytest.mark.parametrize("payload", [b"", b"acc-11", b"xacc-1", b"acc-1-2", b"_acc-1", b"acc.1", "acc-1é".encode()])
def test_a_part_of_a_longer_word_is_not_the_id(payload: bytes) -> None:
    assert not Mentions("acc-1").are_in(payload)


def test_a_delivery_is_the_accounts_or_its_error_names_the_account() -> None:
    found = [(1, "acc-1", ""), (2, "acc-2", "no receiver for acc-1"), (3, "acc-2", "no receiver"), (4, "acc-12", "")]
    assert Mentions("acc-1").errors(found) == [1, 2]


def test_what_an_id_holds_is_no_pattern() -> None:
    assert Mentions("a.*").are_in(b'"a.*"')
    assert not Mentions("a.*").are_in(b'"abc"')

"""Lines of logs, spelt in every way that JSON and people know, and in many that they do not."""

import json
from typing import Any

from hypothesis import strategies as st

KNOWN = ("account_id", "account_type", "message", "product", "status", "name")
NEAR = ("", "x", "reason", "AccountStatus", "AccountStatu", "account_", "account_ids", "payload", "received_at", "nam")
TIMES = (
    "2026-05-01T12:00:00Z", "2026-05-01T12:00:00.5Z", "2026-05-01T12:00:00.123Z", "2026-05-01T12:00:00.123456Z",
    "2026-05-01T12:00:00.1234567Z", "2026-05-01T12:00:00.123456789Z", "2026-05-01T12:00:00,123Z",
    "2026-05-01T12:00:00.Z", "2026-05-01T12:00:00+00:00", "2026-05-01T12:00:00.123+00:00", "2026-05-01T12:00:00-00:00",
    "2026-05-01T12:00:00+02:00", "2026-05-01T12:00:00.123456-11:30", "2026-05-01T12:00:00+00:00:01",
    "2026-05-01T12:00:00+0000", "2026-05-01T12:00:00+00", "2026-05-01T12:00:00+24:00", "2026-05-01T12:00:00z",
    "2026-05-01 12:00:00Z", "2026-05-01t12:00:00Z", "20260501T120000Z", "2026-W18-5T12:00:00Z", "2026-121T12:00:00Z",
    "2026-05-01", "2026-05-01T12Z", "2026-05-01T12:00Z", "2026-05-01T12:00:00", "2026-05-01T24:00:00Z",
    "2026-05-01T23:59:60Z", "2026-05-01T12:60:00Z", "2026-02-29T12:00:00Z", "2024-02-29T12:00:00Z",
    "1900-02-29T12:00:00Z", "2000-02-29T12:00:00Z", "2026-04-31T12:00:00Z", "2026-00-01T12:00:00Z",
    "2026-13-01T12:00:00Z", "2026-05-00T12:00:00Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-01:00", "1969-12-31T23:59:59.999Z",
    " 2026-05-01T12:00:00Z", "2026-05-01T12:00:00Z ", "2026-05-01T12:00:0٣Z", "2026-05-01T12:00:00.12 Z",
    "2026-05-01T12:00:00ZZ", "2026-05-01T12:00:00+00:0Z", "-026-05-01T12:00:00Z", "yesterday", "", "1777636800",
)  # fmt: skip

_plain = st.sampled_from(
    ["OK", "CREDENTIALS", "SYNC_SUCCESS", "ok", " OK ", "LINKEDIN", "mail", "MySpace", "classic", "a", "b7_-"]
)
_texts = (
    _plain
    | st.sampled_from(
        [
            "",
            " ",
            "  ",
            " a",
            "a ",
            "ü",
            "straße",
            "\x7f",
            "a\x7fb",
            '"',
            "\\",
            "/",
            "\t",
            "\x00",
            "\u202e",
            "😀",
            "x" * 256,
            "x" * 257,
        ]
    )
    | st.text(max_size=12)
)


def _escaped(text: str) -> str:
    """As JSON, with every character escaped."""
    return '"' + "".join(f"\\u{unit:04x}" for unit in _units(text)) + '"'


def _units(text: str) -> list[int]:
    data = text.encode("utf-16-le", "surrogatepass")
    return [int.from_bytes(data[place : place + 2], "little") for place in range(0, len(data), 2)]


def _texts_spelt(texts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    plainly = texts.map(lambda text: json.dumps(text, ensure_ascii=False))
    return plainly | plainly | texts.map(json.dumps) | texts.map(_escaped)


_scalars = st.sampled_from([
    "null", "true", "false", "0", "-0", "7", "-12", "01", "-", "1.5", "1e5", "1E+5", "1.", ".5", "+1", "NaN", "nul",
    "Infinity", "True", "falsey", "1" * 19, "1" * 25, "1" * 400, "1" * 4_301, '"\\ud800"', '"\\x"', '"', "'a'", "[]",
    "{}", "[1, 2]", '{"a": {"b": [null]}}', '{"account_id": "z", "account_id": "y"}', "[" * 300 + "]" * 300,
])  # fmt: skip
_spaces = st.sampled_from(["", "", "", "", " ", "  ", "\t", " \t ", "\r", "\x0b", "\x0c", "\xa0"])
_keys = _texts_spelt(st.sampled_from((*KNOWN, *KNOWN, *KNOWN, *NEAR)))
_values = _texts_spelt(_texts) | _texts_spelt(_plain) | _texts_spelt(_plain) | _scalars


def _join(parts: tuple[Any, ...]) -> str:
    return "".join(parts)


def _usually(mark: str) -> st.SearchStrategy[str]:
    return st.sampled_from([mark] * 60 + ["", mark * 2, ":", ",", "}", '"'])


def _pairs(key: st.SearchStrategy[str], value: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(_spaces, key, _spaces, _usually(":"), _spaces, value, _spaces).map(_join)


def _exactly(key: str, value: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(st.just(f'"{key}": '), value).map(_join)


@st.composite
def _objects(draw: st.DrawFn, needed: tuple[str, ...], *more: st.SearchStrategy[str]) -> str:
    """An object that mostly has what is needed, in any order, and anything else besides."""
    pairs = [draw(_exactly(key, _texts_spelt(_plain))) for key in needed if draw(st.integers(0, 9))]
    pairs += draw(st.lists(_pairs(_keys, _values), max_size=3))
    pairs += [draw(pair) for pair in more]
    if draw(st.booleans()):
        pairs = draw(st.permutations(pairs))
    comma = draw(_usually(","))
    return draw(_usually("{")) + comma.join(pairs) + draw(_usually("}"))


_webhook_objects = _objects(("account_id", "account_type", "message")) | _objects(("message", "account_id", "product"))
_webhooks = _pairs(st.just('"AccountStatus"'), _webhook_objects | _webhook_objects | _values)
_bare = (
    st.builds("{{{}}}".format, _webhooks)
    | st.tuples(_webhooks, _pairs(_keys, _values)).flatmap(st.permutations).map(lambda pairs: f"{{{','.join(pairs)}}}")
    | _objects(("status", "account_id", "name"))
    | _objects(("status", "account_id"))
)
_times = _texts_spelt(st.sampled_from(TIMES[:4]) | st.sampled_from(TIMES)) | st.sampled_from(["null", "7", "[]", "{}"])
_received = _pairs(st.just('"received_at"'), _times) | _exactly("received_at", _times)
_payloads = _pairs(st.just('"payload"'), _bare) | _exactly("payload", _bare | _values)
_enveloped = (
    st.tuples(_received, _payloads).map(lambda pairs: f"{{{', '.join(pairs)}}}")
    | st.tuples(_received, _payloads).map(lambda pairs: f"{{{','.join(pairs)}}}")
    | st.lists(_received | _payloads | _webhooks, max_size=4).map(lambda pairs: f"{{{','.join(pairs)}}}")
)
_whole = (
    st.tuples(_spaces, _bare | _enveloped, _spaces).map(_join).map(lambda line: line.encode("utf-8", "surrogatepass"))
)

GOOD = tuple(
    prefix + payload + suffix
    for payload in (
        b'{"AccountStatus": {"account_id": "acc-1", "account_type": "LINKEDIN", "message": "OK", "product": "sales"}}',
        b'{"AccountStatus":{"message":"OK","account_id":"acc-2","account_type":"MAIL","reason":null,"n":-12},"more":true}',
        b'{"status": "CREATION_SUCCESS", "account_id": "acc-3", "name": "user-7", "extra": 0}',
    )
    for prefix, suffix in (
        (b"", b""),
        (b'{"received_at": "2026-05-01T12:00:00Z", "payload": ', b"}"),
        (b'{"received_at":"2026-05-01T12:00:00.123456+00:00","payload":', b"}"),
    )
)
"""As most lines are."""
_BITS = (
    b"",
    b'"',
    b":",
    b",",
    b"{",
    b"}",
    b" ",
    b"\\",
    b"\x7f",
    b"\xff",
    b"\xc3\xbc",
    b"\x00",
    b"\r",
    b"1",
    b"null",
    b"\xef\xbb\xbf",
)


@st.composite
def _damaged(draw: st.DrawFn) -> bytes:
    """A good line with a few bytes lost, doubled, or become others."""
    line = draw(st.sampled_from(GOOD))
    for _ in range(draw(st.integers(1, 3))):
        begin = draw(st.integers(0, len(line)))
        end = min(len(line), begin + draw(st.sampled_from([0, 0, 1, 1, 1, 2, 8])))
        change = draw(st.sampled_from(_BITS) | st.just(line[begin:end] * 2) | st.binary(max_size=2))
        line = line[:begin] + change + line[end:]
    return line.replace(b"\n", b"")


lines = _whole | _whole | _damaged() | st.sampled_from(GOOD) | st.sampled_from([b"", b" ", b"\r", b"ping"])
logs = st.tuples(
    st.lists(lines, max_size=6),
    st.sampled_from([b"\n", b"\n", b"\r\n"]),
    st.sampled_from([b"", b"\n", b"\r\n", b"\n\n"]),
    st.sampled_from([b"", b"", b"", b"\xef\xbb\xbf"]),
).map(lambda parts: parts[3] + parts[1].join(parts[0]) + parts[2])

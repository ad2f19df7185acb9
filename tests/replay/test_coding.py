"""Codes: the first text is 0, every new one gets the next number, and a known one keeps its own."""

from collections.abc import Iterable, Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from account_lifecycle.replay import coding
from account_lifecycle.replay.coding import NONE, PADDING, Codes

often = settings(max_examples=300, deadline=None)

prefixed = st.builds(
    lambda length, end: "common prefix of forty characters, or so"[:length] + end,
    st.integers(0, 40),
    st.text(max_size=3),
)
texts = st.text(max_size=40) | prefixed | st.sampled_from(["", "\0", "\0" * 8, "a", "a\0", "\0a", "ü", "ü" * 20])
batches = st.lists(st.lists(texts | st.none(), max_size=30), max_size=4)


def encoded(codes: Codes, texts: Sequence[str | None], filling: bytes = b"") -> list[int]:
    """The codes of texts that lie in one stretch of bytes, with something between them and behind the last one."""
    data, begins, lengths = bytearray(), [], []
    for text in texts:
        data += filling
        begins.append(len(data))
        lengths.append(-1 if text is None else len(text.encode()))
        data += (text or "").encode()
    data += (filling * PADDING)[:PADDING].ljust(PADDING, b"\0")
    padded = np.frombuffer(bytes(data), np.uint8)
    found = codes.encode(padded, np.array(begins, np.int64), np.array(lengths, np.int64))
    return [int(code) for code in found]


def numbered(texts: Iterable[str | None], known: dict[str, int]) -> list[int]:
    """What their numbers must be."""
    return [NONE if text is None else known.setdefault(text, len(known)) for text in texts]


@often
@given(batches, st.binary(max_size=9))
def test_any_texts_are_numbered_in_the_order_of_their_first_appearance(
    batches: list[list[str | None]], filling: bytes
) -> None:
    codes, known = Codes(), dict[str, int]()
    for batch in batches:
        assert encoded(codes, batch, filling) == numbered(batch, known)
        assert len(codes) == len(known)
    assert list(codes) == list(known)


@often
@given(st.lists(texts, max_size=30))
def test_one_at_a_time_or_together_comes_to_the_same(texts: list[str]) -> None:
    together, one_at_a_time = Codes(), Codes()
    assert encoded(together, texts) == [one_at_a_time.code(text) for text in texts]
    assert list(together) == list(one_at_a_time)


@often
@given(
    st.text("ab", min_size=30, max_size=30), st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)), max_size=40)
)
def test_texts_may_overlap(data: str, places: list[tuple[int, int]]) -> None:
    begins, ends = [min(place) for place in places], [max(place) for place in places]
    padded = np.frombuffer(data.encode() + b"b" * PADDING, np.uint8)
    lengths = np.array([end - begin for begin, end in zip(begins, ends, strict=True)], np.int64)
    found = Codes().encode(padded, np.array(begins, np.int64), lengths)
    assert found.tolist() == numbered([data[begin:end] for begin, end in zip(begins, ends, strict=True)], {})


@pytest.mark.parametrize("length", range(41))
def test_every_byte_of_a_text_counts(length: int) -> None:
    """Whatever its length, a text is another one if any of its bits is."""
    base = bytes(range(0x30, 0x30 + length))
    variants = [base] + [
        base[:n] + bytes([base[n] ^ 1 << bit]) + base[n + 1 :] for n in range(length) for bit in range(7)
    ]
    texts = [variant.decode() for variant in variants]
    assert encoded(Codes(), texts) == list(range(len(texts)))


def test_it_grows_past_a_stretch_and_knows_everything_afterwards() -> None:
    random, codes, known = Random(1), Codes(), dict[str, int]()
    texts: list[str | None] = [f"account-{random.randrange(150_000)}" for _ in range(200_000)]
    expected = numbered(texts, known)
    assert len(known) > 65_536
    assert encoded(codes, texts) == expected
    assert encoded(codes, texts) == expected
    assert [codes[code] for code in (0, 65_535, 65_536, len(known) - 1)] == [
        list(known)[code] for code in (0, 65_535, 65_536, len(known) - 1)
    ]


def test_it_grows_while_texts_come_one_at_a_time() -> None:
    codes = Codes()
    for number in range(3_000):
        assert codes.code(f"{number}") == number
    assert [codes.code(f"{number}") for number in range(3_000)] == list(range(3_000))


def test_a_text_may_be_longer_than_all_the_room_there_was() -> None:
    codes, long = Codes(), "x" * 1_000_000
    assert encoded(codes, ["a", long, "b", long]) == [0, 1, 2, 1]
    assert codes[1] == long


def test_texts_of_the_same_hash_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two changes of one bit each that undo one another in the hash, as they do with every other secret."""
    monkeypatch.setattr(coding, "_SEED", np.uint64(0))
    random, pairs = Random(1), 0
    for _ in range(50):
        one = bytes(random.randrange(0x20, 0x40) for _ in range(16))
        other = bytes(byte ^ (0x40 if place in (7, 11, 15) else 0) for place, byte in enumerate(one))
        pairs += hashed(one) == hashed(other)
        assert encoded(Codes(), [one.decode(), other.decode()]) == [0, 1]
    assert pairs > 10


def hashed(text: bytes) -> int:
    """As the codes hash it, without a secret."""
    data = np.frombuffer(text + bytes(PADDING), np.uint8)
    return int(coding._hash(data, np.uint64(0), np.uint64(len(text)), np.uint64(0)))


@pytest.mark.parametrize("pair", [("6284485", "1366675"), ("0244428", "0127266"), ("3072229", "1943325")])
def test_short_texts_of_the_same_mark_and_place_are_told_apart(
    pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by a search; nothing but their bytes tells them apart."""
    monkeypatch.setattr(coding, "_SEED", np.uint64(0))
    one, other = (hashed(text.encode()) for text in pair)
    assert (one >> 32, one % 1024) == (other >> 32, other % 1024)
    assert encoded(Codes(), [*pair, *pair]) == [0, 1, 0, 1]

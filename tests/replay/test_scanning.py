"""The scanner and what is left to the other reader: together they read every line as the live engine does."""

import io
import json
from datetime import UTC, datetime
from random import Random
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from account_lifecycle.errors import PayloadError
from account_lifecycle.intake.logs import read_log
from account_lifecycle.intake.payloads import MAX_BYTES, parse
from account_lifecycle.replay.fleet import micros
from account_lifecycle.replay.scanning import SCAN_PADDING, lines_in, room_for, scan
from account_lifecycle.replay.sources.json_lines import BLOCK, JsonLines
from account_lifecycle.replay.vocabulary import Vocabulary
from account_lifecycle.simulate.log import Faults, simulate
from replay.comparing import STAMP
from replay.spellings import GOOD, TIMES, lines, logs

often = settings(max_examples=400, deadline=None)


class Heard(NamedTuple):
    """What was read in a line."""

    line: int
    account_id: str
    status: str
    provider: str | None
    product: str
    name: str | None
    at: int


class Refused(NamedTuple):
    """Why a line could not be read."""

    line: int
    field: str
    reason: str
    raw: bytes


class Reading(NamedTuple):
    """What was read in a log."""

    heard: list[Heard]
    refused: list[Refused]
    undated: int


def read_live(log: bytes) -> Reading:
    """As the live engine reads it."""
    reading = Reading([], [], 0)
    undated = 0
    for number, raw in enumerate(log.split(b"\n"), 1):
        for received in read_log([raw]):
            at = STAMP if received.received_at is None else received.received_at
            try:
                event = parse(received.payload, at)
            except PayloadError as error:
                reading.refused.append(Refused(number, error.field, str(error), raw))
                continue
            undated += received.received_at is None
            facts = (event.account_id, event.status, event.provider, event.product, event.name)
            reading.heard.append(Heard(number, *facts, micros(event.received_at)))
    return reading._replace(undated=undated)


def read_at_once(log: bytes, block: int = BLOCK) -> Reading:
    """As a replay reads it."""
    words, reading, undated, position = Vocabulary(), Reading([], [], 0), 0, 0
    for chunk in JsonLines("log", io.BytesIO(log), block=block).chunks(words, STAMP):
        for account, word, provider, product, name, at, line in zip(
            *(c.tolist() for c in chunk.columns[:7]), strict=True
        ):
            assert account < chunk.accounts
            facts = (
                words.accounts[account],
                words.words[word],
                words.providers[provider] if provider >= 0 else None,
                words.products[product],
                words.names[name] if name >= 0 else None,
            )
            reading.heard.append(Heard(line, *facts, at))
        reading.refused.extend(Refused(line.line, line.field, line.reason, line.raw) for line in chunk.refused)
        undated, position = undated + chunk.undated, chunk.position
    assert position == len(log)
    return reading._replace(undated=undated)


def odd_lines(log: bytes) -> int:
    """How many lines are left to the other reader."""
    data = np.frombuffer(log + bytes(SCAN_PADDING), np.uint8)
    return scan(data, len(log), 1, room_for(lines_in(data, len(log))))[1]


# ---- Any line ------------------------------------------------------------------------------------------------


@often
@given(logs)
def test_any_log_is_read_as_the_live_engine_reads_it(log: bytes) -> None:
    assert read_at_once(log) == read_live(log)


@often
@given(lines)
def test_any_line_is_read_as_the_live_engine_reads_it(line: bytes) -> None:
    assert read_at_once(line + b"\n") == read_live(line + b"\n")


@often
@given(st.binary(max_size=60) | st.text(max_size=30).map(str.encode))
def test_any_bytes_are_read_as_the_live_engine_reads_them(log: bytes) -> None:
    assert read_at_once(log) == read_live(log)


@settings(max_examples=150, deadline=None)
@given(logs, st.integers(1, 300))
def test_it_makes_no_difference_where_a_block_ends(log: bytes, block: int) -> None:
    assert read_at_once(log, block) == read_at_once(log)


@pytest.mark.parametrize("block", range(1, 40))
def test_every_line_may_be_split_between_blocks(block: int) -> None:
    log = b"\r\n".join(GOOD) + b"\n\n \n" + GOOD[0]
    assert read_at_once(log, block) == read_live(log)


@pytest.mark.parametrize("good", GOOD)
def test_every_byte_of_a_usual_line_counts(good: bytes) -> None:
    """Each byte is left out, doubled, and replaced by every other that means something."""
    marks = b'"{}:, \t\\\r0a\x7f\xff-.'
    for place in range(len(good)):
        changes = (good[place : place + 1] * 2, b"", *(bytes([mark]) for mark in marks))
        log = b"\n".join(good[:place] + change + good[place + 1 :] for change in changes)
        assert read_at_once(log) == read_live(log)


@pytest.mark.parametrize("good", GOOD)
def test_every_two_bytes_of_a_usual_line_count(good: bytes) -> None:
    random = Random(len(good))
    log = bytearray()
    for _ in range(2_000):
        line = bytearray(good)
        for _ in range(2):
            line[random.randrange(len(line))] = random.choice(b'"{}:,  \\09aAZ')
        log += line + b"\n"
    assert read_at_once(bytes(log)) == read_live(bytes(log))


ENVELOPE = b'{"received_at":"2026-05-01T12:00:00Z","payload":%s}'
PAYLOAD = b'{"AccountStatus":{"account_id":"a","message":"OK"%s}}'
LOOKS_USUAL = (
    b'{"status":"OK","account_id":"a","name":""}',
    b'{"status":"OK","account_id":"a","name":"","name":"b"}',
    b'{"status":"OK","account_id":"a","name":" "}',
    b'{"status":"OK","account_id":"a","name":null}',
    b'{"status":"OK","account_id":"a","AccountStatus":null}',
    b'{"status":"OK","account_id":"a","AccountStatus":"b"}',
    b'{"status":"OK","account_id":"a","account_type":"LINKEDIN"}',
    b'{"status":"OK","account_id":" a"}',
    b'{"status":"OK","account_id":"  "}',
    b'{"status":"OK","account_id":"a\x7f"}',
    b'{"status":"OK","account_id":"%s"}' % (b"a" * 256),
    b'{"status":"OK","account_id":"%s"}' % (b"a" * 257),
    b'{"account_id" "a","status":"OK"}',
    b'{"AccountStatus"{"account_id":"a","message":"OK"}}',
    PAYLOAD % b',"x" "y"',
    PAYLOAD % b',"message":"OK"',
    PAYLOAD % b',"message":"ERROR"',
    PAYLOAD % b',"x":1,"x":2',
    PAYLOAD % (b',"x":' + b"1" * 4_300),
    PAYLOAD % (b',"x":' + b"1" * 4_301),
    PAYLOAD % b',"x":-',
    PAYLOAD % b',"x":01',
    PAYLOAD % b',"account_type":" "',
    PAYLOAD % b',"product":" "',
    PAYLOAD % b'},"AccountStatus":{"account_id":"b","message":"OK"',
    PAYLOAD % b'},"AccountStatus":{"account_id":"a","message":"OK"',
    PAYLOAD % b'},"AccountStatus":null,"x":{',
    PAYLOAD[:-1] % b"" + b',"x" "y"}',
    PAYLOAD[:-1] % b"" + b',"AccountStatus":null}',
    PAYLOAD[:-1] % b"" + b',"status":7,"account_id":"b"}',
    b'{"received_at":"2026-05-01T12:00:00Z" "payload":%s}',
    b'{"received_at":"2026-05-01T12:00:00Z","payload"%s}',
    b'{"received_at" "2026-05-01T12:00:00Z","payload":%s}',
    b'{"received_at":x2026-05-01T12:00:00Z","payload":%s}',
    b'{"received_at"\n2026-05-01T12:00:00Z","payload":%s}',
    b'{"received_at":\n2026-05-01T12:00:00Z","payload":%s}',
    b'{"received_at" :"2026-05-01T12:00:00Z","payload":%s}',
    b'{"received_at":"2026-05-01T12:00:00Z" ,"payload":%s}',
    b'{"received_at":"2026-05-01T12:00:00Z","payload" :%s}',
    b'{ "received_at": "2026-05-01T12:00:00Z", "payload": %s }',
    b'{"received_at":"2026-05-01T12:00:00Z","payload":%s,"x":1}',
    b'{"received_at":"2026-05-01T12:00:00Z","payload":%s,"payload":{}}',
    b'{"received_at":"2026-05-01T12:00:00Z","received_at":"2026-05-01T12:00:00Z","payload":%s}',
)


@pytest.mark.parametrize("line", LOOKS_USUAL)
@pytest.mark.parametrize("extra", [b"", b',"x":1,"x":2', b',"n":"\\u0061"', b',"x":%s' % (b"1" * 4_301)])
def test_what_only_looks_like_a_usual_line(line: bytes, extra: bytes) -> None:
    whole = line % (PAYLOAD % extra) if b"%s" in line else line
    log = whole + b"\n" + ENVELOPE % whole + b"\n"
    assert read_at_once(log) == read_live(log)


def test_an_envelope_whose_payload_grows_over_the_limit_when_it_is_written_anew() -> None:
    """One that is spelt oddly is read whole, and its payload written anew, with more white space."""
    pairs = b"".join(b',"%d":1' % number for number in range(7_000))
    log = b'{"received_at":"2026-05-01T12:00:00Z" ,"payload":%s}\n' % (PAYLOAD % pairs)
    assert len(log) < MAX_BYTES
    reading = read_at_once(log)
    assert len(reading.refused) == 1
    assert reading == read_live(log)


# ---- Odd logs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "log", [b"", b"\n", b"\n\n\n", b" \r\n\t\n", b" ", b"\r", b"\x0c\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"]
)
@pytest.mark.parametrize("block", [1, 2, BLOCK])
def test_a_log_of_nothing_has_no_events(log: bytes, block: int) -> None:
    reading = read_at_once(log, block)
    assert not reading.heard
    assert reading == read_live(log)


@pytest.mark.parametrize("size", [MAX_BYTES - 1, MAX_BYTES, MAX_BYTES + 1, 3 * MAX_BYTES])
@pytest.mark.parametrize("block", [1_000, BLOCK])
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"  \n"])
@pytest.mark.parametrize("good", [GOOD[0], GOOD[1], GOOD[7]])
def test_a_line_as_long_as_may_be_and_longer(size: int, block: int, end: bytes, good: bytes) -> None:
    padded = good.replace(b'"acc', b'"padding": "' + b"x" * (size - len(good) - 14) + b'", "acc', 1)
    padded = good.replace(b'"account_id"', b'"padding":"' + b"x" * (size - len(good) - 13) + b'","account_id"', 1)
    assert len(padded) == size
    log = good + b"\n" + padded + end
    assert read_at_once(log, block) == read_live(log)


@pytest.mark.parametrize("time", TIMES)
@pytest.mark.parametrize("payload", [GOOD[0], GOOD[6]])
def test_a_time_in_any_notation(time: str, payload: bytes) -> None:
    log = b'{"received_at": "%s", "payload": %s}\n' % (time.encode(), payload)
    assert read_at_once(log) == read_live(log)


@settings(max_examples=400, deadline=None)
@given(
    st.integers(1, 9999),
    st.integers(0, 13),
    st.integers(0, 32),
    st.integers(0, 25),
    st.sampled_from(["00", "59", "60"]),
)
@example(1600, 2, 29, 0, "00")
def test_any_date_is_the_calendars_or_none(year: int, month: int, day: int, hour: int, minute: str) -> None:
    time = f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute}:59.000001Z"
    log = b'{"received_at": "%s", "payload": %s}\n' % (time.encode(), GOOD[0])
    assert read_at_once(log) == read_live(log)


def test_every_day_of_eight_centuries_is_counted() -> None:
    days = np.arange(np.datetime64("1582-01-01"), np.datetime64("2402-01-01"))
    log = b"".join(b'{"received_at":"%sT00:00:00Z","payload":%s}\n' % (str(day).encode(), GOOD[0]) for day in days)
    words = Vocabulary()
    found = np.concatenate([chunk.columns.at for chunk in JsonLines("log", io.BytesIO(log)).chunks(words, STAMP)])
    assert odd_lines(log) == 0
    assert (found == days.astype("datetime64[us]").astype(np.int64)).all()


# ---- The usual line --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_compact", [False, True])
@pytest.mark.parametrize("is_bare", [False, True])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_no_line_of_a_clean_log_is_left_to_the_other_reader(is_compact: bool, is_bare: bool, end: str) -> None:
    start = datetime(2026, 5, 1, tzinfo=UTC)
    told = list(simulate(accounts=120, seed=1, start=start, days=30, bare=is_bare))
    if is_compact:
        told = [json.dumps(json.loads(line), separators=(",", ":")) for line in told]
    log = "".join(line + end for line in told).encode()
    assert len(told) > 500
    assert b'"status"' in log
    assert b'"AccountStatus"' in log
    assert odd_lines(log) == 0


def test_no_usual_line_is_left_to_the_other_reader() -> None:
    assert odd_lines(b"\n".join(GOOD) + b"\n") == 0


def test_a_log_with_every_fault_is_read_as_the_live_engine_reads_it() -> None:
    start = datetime(2026, 5, 1, tzinfo=UTC)
    told = simulate(accounts=600, seed=2, start=start, days=30, faults=Faults.everything(0.02))
    log = "\n".join(told).encode()
    reading = read_at_once(log)
    assert len(reading.refused) > 20
    assert reading == read_live(log)


# ---- The end of memory -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("guard", [0, ord('"'), ord(" "), ord("9"), ord("{"), ord(":"), ord("a"), ord("\n"), 0xFF])
def test_what_lies_behind_the_end_is_never_part_of_a_line(guard: int) -> None:
    """Wherever a line breaks off, its last byte is the last one that counts."""
    for good in GOOD:
        for length in range(len(good)):
            _break_off(good, length, guard)


def _break_off(good: bytes, length: int, guard: int) -> None:
    log = good[:length] + b"\n"
    data = np.frombuffer(log + good[length:] + bytes([guard]) * 64 + good, np.uint8)
    entries, odd, count = scan(data, len(log), 1, arrays := room_for(1))
    if length:
        assert (entries, odd, count) == (1, 1, 1), log
        assert arrays.odd[0].tolist() == [0, 0, length]
    for text in range(5 if length else 0):
        assert arrays.lengths[text, 0] < 0

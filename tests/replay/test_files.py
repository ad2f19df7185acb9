"""Files: found by name or pattern, recognised by ending or first bytes, decompressed, and read as far as they go."""

import gzip
import io
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from account_lifecycle.errors import ConfigurationError, UnreadableLog
from account_lifecycle.intake.logs import HowToRead
from account_lifecycle.replay.sources import Logs, open_sources
from replay.samples import Told, as_csv, as_parquet, columns_of, read, rows_of, simulated, written

LINES = simulated()
ROWS = rows_of(LINES)
PLAIN = "".join(f"{line}\n" for line in LINES).encode()
TABLE = as_csv(ROWS).encode()


def zstd(data: bytes) -> bytes:
    return pa.compress(data, "zstd", asbytes=True)


PACKINGS: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".zst": zstd}
packed = pytest.mark.parametrize("ending", PACKINGS)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Told:
    return read(written(tmp_path_factory.mktemp("log") / "log.jsonl", PLAIN))


# ---- Names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.ndjson", "a.log", "A.JSONL", "a", "a.log.1", "a.txt"])
def test_json_lines_are_recognised_by_their_ending_or_by_their_first_byte(
    name: str, expected: Told, tmp_path: Path
) -> None:
    assert read(written(tmp_path / name, PLAIN)).events == expected.events


@packed
@pytest.mark.parametrize("name", ["a.jsonl", "a.log", "a.log.1", "a"])
def test_compressed_json_lines_are_recognised_too(name: str, ending: str, expected: Told, tmp_path: Path) -> None:
    packed = PACKINGS[ending](PLAIN)
    assert read(written(tmp_path / f"{name}{ending}", packed)).events == expected.events
    assert read(written(tmp_path / f"{name} without its ending", packed)).events == expected.events
    assert read(written(tmp_path / "a.jsonl", packed)).events == expected.events


@packed
def test_compressed_csv_is_recognised_by_its_ending(ending: str, expected: Told, tmp_path: Path) -> None:
    told = read(written(tmp_path / f"a.csv{ending}", PACKINGS[ending](TABLE)))
    assert told.events == expected.events
    assert told.positions[-1] == (tmp_path / f"a.csv{ending}").stat().st_size


def test_parquet_is_recognised_by_its_first_bytes(expected: Told, tmp_path: Path) -> None:
    assert read(as_parquet(tmp_path / "table", columns_of(ROWS))).events == expected.events


def test_what_a_file_is_shows_in_what_is_in_it_and_not_in_its_name(tmp_path: Path) -> None:
    assert len(read(written(tmp_path / "a.dat", b"account_id,status\na,OK\n")).events) == 1
    assert len(read(written(tmp_path / "b.csv", PLAIN)).events) == len(LINES)
    assert read(written(tmp_path / "c.jsonl", b"\x00\x01")).events == []


def test_an_empty_file_has_no_events(tmp_path: Path) -> None:
    for name in ("a.jsonl", "a", "a.csv", "a.jsonl.gz", "a.jsonl.zst", "a.csv.gz"):
        assert read(written(tmp_path / name, b"")).events == []
    assert read(as_parquet(tmp_path / "a.parquet", columns_of([]))).events == []


def test_a_pattern_stands_for_its_files_by_name(tmp_path: Path) -> None:
    for day in (3, 1, 2):
        written(tmp_path / f"2026-05-0{day}.jsonl", LINES[day])
    (tmp_path / "2026-05-04.jsonl").mkdir()
    with open_sources([tmp_path / "2026-*.jsonl"]) as sources:
        [source] = sources
        assert isinstance(source, Logs)
        assert [Path(name).name for name in source.names] == [f"2026-05-0{day}.jsonl" for day in (1, 2, 3)]


def test_logs_are_merged_by_time_unless_they_are_to_be_read_as_they_are(tmp_path: Path) -> None:
    first, last = written(tmp_path / "b.jsonl", LINES[0]), written(tmp_path / "a.jsonl", LINES[5])
    for order, names in (("time", [first, last]), ("file", [last, first])):
        with open_sources([str(last), first], HowToRead(order=order)) as [source]:  # type: ignore[arg-type]
            assert isinstance(source, Logs)
            assert [received.source for received in source.opened()] == [str(name) for name in names]


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    assert len(read(written(tmp_path / "log[1].jsonl", PLAIN)).events) == len(LINES)


def test_a_pattern_that_matches_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no file that matches .*\*\.jsonl"):
        read(tmp_path / "*.jsonl")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.jsonl'?, which is not there"):
        read(tmp_path / "none.jsonl")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="which is a folder; expected files, such as"):
        read(tmp_path)


def test_a_store_cannot_be_opened_by_who_was_not_told_how() -> None:
    with pytest.raises(ConfigurationError, match=r"postgresql://…@host") as caught:
        read("postgresql://me:secret@host/db")
    assert "secret" not in str(caught.value)


# ---- Streams ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd], ids=["plain", "gzip", "zstd"])
def test_standard_input_is_read_whether_it_is_compressed_or_not(
    pack: Callable[[bytes], bytes], expected: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(pack(PLAIN))))
    with open_sources(["-"]) as [source]:
        assert source.name == "-"
        assert source.size is None
    assert read("-").events == expected.events


@pytest.mark.parametrize("name", ["pipe", "pipe.jsonl", "pipe.csv", "pipe.jsonl.gz"])
def test_a_pipe_is_read_once(name: str, expected: Told, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / name)
    data = TABLE if name.endswith("csv") else gzip.compress(PLAIN) if name.endswith("gz") else PLAIN
    writer = threading.Thread(target=written, args=(tmp_path / name, data))
    writer.start()
    assert read(tmp_path / name).events == expected.events
    writer.join()


# ---- Archives --------------------------------------------------------------------------------------


@packed
def test_an_archive_of_several_parts_is_read_to_its_end(ending: str, expected: Told, tmp_path: Path) -> None:
    pack, third = PACKINGS[ending], len(PLAIN) // 3
    parts = pack(PLAIN[:third]) + pack(b"") + pack(PLAIN[third : 2 * third]) + pack(PLAIN[2 * third :])
    assert read(written(tmp_path / f"a.jsonl{ending}", parts)).events == expected.events


@packed
def test_progress_counts_the_bytes_as_they_are_stored(ending: str, tmp_path: Path) -> None:
    path = written(tmp_path / f"a.jsonl{ending}", PACKINGS[ending](PLAIN * 30))
    positions = read(path).positions
    assert path.stat().st_size < len(PLAIN) * 30
    assert positions == sorted(positions)
    assert positions[-1] == path.stat().st_size


def so_far(path: Path) -> tuple[list[int], str]:
    """The lines of what was read up to the damage, and what is said about it."""
    with open_sources([path]) as [source]:
        assert isinstance(source, Logs)
        log = source.opened()
        lines = [received.line for received in log]
    [said] = log.summary.damage
    return lines, said


@packed
@pytest.mark.parametrize("lost", [1, 7, 1_000])
def test_an_archive_that_was_cut_off_is_damaged_and_has_no_half_line(ending: str, lost: int, tmp_path: Path) -> None:
    data = PACKINGS[ending](PLAIN)[:-lost]
    lines, said = so_far(written(tmp_path / f"a.jsonl{ending}", data))
    assert f"a.jsonl{ending} is damaged near byte {len(data):,} of {len(data):,}" in said
    assert lines == list(range(1, len(lines) + 1))


@packed
def test_garbage_after_an_archive_is_damage(ending: str, tmp_path: Path) -> None:
    so_far(written(tmp_path / f"a.jsonl{ending}", PACKINGS[ending](PLAIN) + b"garbage!"))


@packed
def test_a_table_that_was_cut_off_tells_no_half_row(ending: str, tmp_path: Path) -> None:
    rows = TABLE.partition(b"\n")[2] * 20
    lines, _ = so_far(written(tmp_path / f"a.csv{ending}", PACKINGS[ending](TABLE + rows)[:-9]))
    assert lines == list(range(2, len(lines) + 2))


def test_a_parquet_file_that_was_cut_off_is_refused_by_name(tmp_path: Path) -> None:
    path = as_parquet(tmp_path / "a.parquet", columns_of(ROWS))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UnreadableLog, match=r"a\.parquet cannot be read as Parquet"):
        read(path)


def test_a_parquet_file_that_is_damaged_inside_is_damage(tmp_path: Path) -> None:
    path = as_parquet(tmp_path / "a.parquet", columns_of(ROWS), row_group_size=50, use_dictionary=False)
    data = bytearray(path.read_bytes())
    third = len(data) // 3
    data[third : third + 300] = bytes(300)
    path.write_bytes(data)
    with pytest.raises(UnreadableLog, match=r"a\.parquet is damaged after row [\d,]+ "):
        read(path)


# ---- Optional parts --------------------------------------------------------------------------------


def without_pyarrow(*logs: Path) -> str:
    """What counting the records of logs prints where pyarrow is not installed."""
    code = f"""if True:
        import sys
        sys.modules["pyarrow"] = None
        from account_lifecycle.replay.sources import open_sources
        try:
            with open_sources({[*map(str, logs)]!r}) as sources:
                for source in sources:
                    print(len([*source.opened()]))
        except OSError as error:
            print(error)
    """
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_without_pyarrow_one_sentence_says_what_to_install(tmp_path: Path) -> None:
    said = without_pyarrow(as_parquet(tmp_path / "a.parquet", columns_of(ROWS)))
    assert said.endswith('needs pyarrow, which is not installed. Run: pip install "account-lifecycle[replay]"\n')


def test_text_needs_no_pyarrow(tmp_path: Path) -> None:
    logs = [written(tmp_path / "a.jsonl.zst", zstd(PLAIN)), written(tmp_path / "a.csv", TABLE)]
    assert without_pyarrow(*logs).split() == [str(len(LINES) * 2)]

"""Peers that read: they make columns of the same log, and judge nothing.

Times stay text in all of them, which is less than the replay does. They are given the schema; none of them is told
which texts occur often.
"""

# mypy: disable-error-code="import-not-found,import-untyped"

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from replay_contract import Counts, Log, Ready

BLOCK = 8 << 20
"""How many bytes pyarrow parses at a time: its default of one million is slower."""
TABLE_COLUMNS = ("received_at", "account_id", "account_type", "status", "product", "name")
_WEBHOOK = ("account_id", "account_type", "message", "product")
_NOTIFIED = ("status", "account_id", "name")

# ---- JSON Lines to columns -----------------------------------------------------------------------------


def pyarrow_json(log: Log) -> Ready:
    """``pyarrow.json.read_json`` with a schema, into a table."""
    import pyarrow as pa
    from pyarrow import json

    text = pa.string()
    told = pa.struct(dict.fromkeys(_WEBHOOK, text))
    payload = pa.struct({"AccountStatus": told, **dict.fromkeys(_NOTIFIED, text)})
    parse = json.ParseOptions(explicit_schema=pa.schema({"received_at": text, "payload": payload}))
    read = json.ReadOptions(block_size=BLOCK)
    return _ready(lambda path: json.read_json(path, read, parse), log, _arrow_counts)


def polars_read(log: Log) -> Ready:
    """``polars.read_ndjson`` with a schema, into a frame."""
    import polars as pl

    return _ready(
        lambda path: pl.read_ndjson(path, schema=_polars_schema()), log, lambda f: _arrow_counts(f.to_arrow())
    )


def polars_scan(log: Log) -> Ready:
    """``polars.scan_ndjson`` with a schema, collected by the streaming engine."""
    import polars as pl

    def read(path: str) -> Any:
        return pl.scan_ndjson(path, schema=_polars_schema()).collect(engine="streaming")

    return _ready(read, log, lambda frame: _arrow_counts(frame.to_arrow()))


def _polars_schema() -> dict[str, Any]:
    import polars as pl

    told = pl.Struct(dict.fromkeys(_WEBHOOK, pl.String))
    return {
        "received_at": pl.String,
        "payload": pl.Struct({"AccountStatus": told, **dict.fromkeys(_NOTIFIED, pl.String)}),
    }


def duckdb_json(log: Log) -> Ready:
    """DuckDB's ``read_json`` with columns given, into an Arrow table."""
    import duckdb

    told = ", ".join(f"{name} VARCHAR" for name in _WEBHOOK)
    payload = f"STRUCT(AccountStatus STRUCT({told}), {', '.join(f'{name} VARCHAR' for name in _NOTIFIED)})"
    columns = f"{{received_at: 'VARCHAR', payload: '{payload}'}}"

    def read(path: str) -> Any:
        query = f"SELECT * FROM read_json('{path}', format='newline_delimited', columns={columns})"
        return duckdb.connect().sql(query).to_arrow_table()

    return _ready(read, log, _arrow_counts)


def orjson_loop(log: Log) -> Ready:
    """``orjson.loads`` on each line, into lists."""
    import orjson

    return _ready(lambda path: _listed(map(orjson.loads, _lines(path))), log, _list_counts)


def msgspec_loop(log: Log) -> Ready:
    """``msgspec`` on each line, decoded into structs of just these fields, into lists."""
    import msgspec

    told = msgspec.defstruct("Told", [(name, str | None, None) for name in _WEBHOOK], gc=False)
    payload = msgspec.defstruct(
        "Payload", [("AccountStatus", told | None, None), *((name, str | None, None) for name in _NOTIFIED)], gc=False
    )
    decode: Any = msgspec.json.Decoder(
        msgspec.defstruct("Line", [("received_at", str), ("payload", payload)], gc=False)
    ).decode

    def read(path: str) -> list[list[Any]]:
        columns: list[list[Any]] = [[] for _ in TABLE_COLUMNS]
        adds = [column.append for column in columns]
        for record in map(decode, _lines(path)):
            payload, webhook = record.payload, record.payload.AccountStatus
            if webhook is not None:
                row = (webhook.account_id, webhook.account_type, webhook.message, webhook.product, None)
            else:
                row = (payload.account_id, None, payload.status, None, payload.name)
            for add, value in zip(adds, (record.received_at, *row), strict=True):
                add(value)
        return columns

    return _ready(read, log, _list_counts)


def simdjson_loop(log: Log) -> Ready:
    """``pysimdjson`` with one parser for all lines, into lists."""
    import simdjson

    parse = simdjson.Parser().parse

    def records(path: str) -> Iterator[Any]:
        for line in _lines(path):
            record: Any = parse(line)
            yield record
            del record  # the parser is used again only when nothing of it is held

    return _ready(lambda path: _listed(records(path)), log, _list_counts)


def _lines(path: str) -> Iterator[bytes]:
    with Path(path).open("rb") as file:
        yield from file


def _listed(records: Iterator[Any]) -> list[list[Any]]:
    columns: list[list[Any]] = [[] for _ in TABLE_COLUMNS]
    adds = [column.append for column in columns]
    for record in records:
        payload = record["payload"]
        row: tuple[Any, ...]
        if "AccountStatus" in payload:
            told = payload["AccountStatus"]
            row = (told["account_id"], told.get("account_type"), told["message"], told.get("product"), None)
            told = None
        else:
            row = (payload["account_id"], None, payload["status"], None, payload.get("name"))
        for add, value in zip(adds, (record["received_at"], *row), strict=True):
            add(value)
        del record, payload
    return columns


def _list_counts(columns: list[list[Any]]) -> Counts:
    _, accounts, _, words, _, _ = columns
    return _reader_counts(len(accounts), len(set(accounts)), words.count)


def _arrow_counts(table: Any) -> Counts:
    import pyarrow.compute as pc

    payload = table["payload"]
    told = pc.struct_field(payload, "AccountStatus")
    accounts = pc.coalesce(pc.struct_field(told, "account_id"), pc.struct_field(payload, "account_id"))
    words = pc.coalesce(pc.struct_field(told, "message"), pc.struct_field(payload, "status"))
    return _counted(table.num_rows, accounts, words)


def _counted(events: int, accounts: Any, words: Any) -> Counts:
    import pyarrow.compute as pc

    counts = {str(row["values"]): row["counts"] for row in pc.value_counts(words).to_pylist()}
    return _reader_counts(events, pc.count_distinct(accounts).as_py(), lambda word: counts.get(word, 0))


def _reader_counts(events: int, accounts: int, count: Callable[[str], int]) -> Counts:
    return {
        "events": events,
        "accounts": accounts,
        **{f"announced {word}": count(word) for word in ("OK", "DELETED", "CREDENTIALS")},
    }


# ---- Parquet to codes ----------------------------------------------------------------------------------


def arrow_by_group(log: Log) -> Ready:
    """Row group by row group with pyarrow, each text column dictionary-coded: codes hold for one group only."""
    import pyarrow.parquet as pq

    def read(path: str) -> list[Any]:
        file = pq.ParquetFile(path)
        return [_coded(file.read_row_group(group, list(TABLE_COLUMNS))) for group in range(file.num_row_groups)]

    return _ready(read, log, _group_counts, parquet=True)


def arrow_batches(log: Log) -> Ready:
    """``iter_batches`` of 65,536 rows with pyarrow, each dictionary-coded: codes hold for one batch only."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def read(path: str) -> list[Any]:
        batches = pq.ParquetFile(path).iter_batches(65_536, columns=list(TABLE_COLUMNS))
        return [_coded(pa.Table.from_batches([batch])) for batch in batches]

    return _ready(read, log, _group_counts, parquet=True)


def arrow_whole(log: Log) -> Ready:
    """The whole table with pyarrow, dictionary-coded: codes that hold for the whole log, as the replay's do."""
    import pyarrow.parquet as pq

    return _ready(
        lambda path: [_coded(pq.read_table(path, columns=list(TABLE_COLUMNS)))], log, _group_counts, parquet=True
    )


def _coded(table: Any) -> Any:
    for place, name in enumerate(table.column_names[1:], 1):
        table = table.set_column(place, name, table[name].dictionary_encode())
    return table


def _group_counts(tables: list[Any]) -> Counts:
    import pyarrow as pa

    table = pa.concat_tables([table.cast(_plain(table)) for table in tables])
    return _counted(len(table), table["account_id"], table["status"])


def _plain(table: Any) -> Any:
    import pyarrow as pa

    return pa.schema([table.schema.field(0), *(pa.field(name, pa.string()) for name in table.column_names[1:])])


def _ready(read: Callable[[str], Any], log: Log, count: Callable[[Any], Counts], *, parquet: bool = False) -> Ready:
    """Warm up on the small log, then read the large one."""
    path, sample = (log.parquet, log.sample.parquet) if parquet else (log.json_lines, log.sample.json_lines)
    read(sample)
    return Ready(lambda: read(path), count)

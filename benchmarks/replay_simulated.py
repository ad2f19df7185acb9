"""The simulated log that all others are told from: its lines taken apart, so that copies are put together fast.

Knows how a line of a simulation looks. It must never know how it is told again.
"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather

from account_lifecycle.simulate.log import Faults, simulate

SEED = 20_260_501
START = datetime(2026, 1, 1, tzinfo=UTC)

LIVED = ((3.5, 1.0), (5.3, 30.0), (9.0, 100.0), (20.0, 365.0))
"""How many events a simulated account has after how many days."""
_TIME = len('{"received_at": "2026-01-01')
_ID, _NAME = '"account_id": "', '"name": "'


def simulated(folder: Path, accounts: int, events: float) -> pa.Table:
    """The log of so many accounts that have about so many events each; kept in a folder once it is made."""
    days = _days(min(events, LIVED[-1][0]))
    path = folder / f"base-{accounts}-{days:.0f}.feather"
    if not path.exists():
        faults = Faults.everything(0.01)._replace(malformed=0.0)
        lines = simulate(accounts=accounts, seed=SEED, start=START, days=days, faults=faults)
        pa.feather.write_feather(pa.Table.from_pylist([_taken_apart(line) for line in lines], _BASE), path)
    return pa.feather.read_table(path)


_BASE = pa.schema(
    {
        "at": pa.int64(),
        "middle": pa.binary(),  # from the date up to the account's id
        "id": pa.string(),  # without the two letters that a copy replaces
        "rest": pa.binary(),  # from the id up to the end of the name ...
        "named": pa.bool_(),
        "end": pa.binary(),  # ... and what follows that
        "account_type": pa.string(),
        "status": pa.string(),
        "product": pa.string(),
        "name": pa.string(),
    }
)


def _taken_apart(line: str) -> dict[str, Any]:
    record = json.loads(line)
    at = datetime.fromisoformat(record["received_at"])
    told = record["payload"].get("AccountStatus", record["payload"])
    begin = line.index(_ID) + len(_ID)
    name_end = line.index('"', line.index(_NAME) + len(_NAME)) if _NAME in line else len(line)
    return {
        "at": (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1),
        "middle": line[_TIME:begin].encode(),
        "id": told["account_id"][2:],
        "rest": line[begin + 2 : name_end].encode(),
        "named": name_end < len(line),
        "end": f"{line[name_end:]}\n".encode(),
        "account_type": told.get("account_type"),
        "status": told.get("message", told.get("status")),
        "product": told.get("product"),
        "name": told.get("name"),
    }


def _days(events: float) -> float:
    """How long to simulate for so many events of an account, and a few more."""
    lived, days = zip(*LIVED, strict=True)
    if events < lived[0]:
        raise ValueError(f"{events:g} events of an account are less than a life")
    return round(float(np.interp(events * 1.12, lived, days)) if events * 1.12 < lived[-1] else days[-1] * 1.25)

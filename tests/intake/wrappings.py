"""What tools do to an event on its way into a log, put together at random."""

import base64
import json
from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime
from typing import Any

from hypothesis import strategies as st

from account_lifecycle.intake.times import TIME_KEYS

Wrap = Callable[[Any], Any]
Record = Callable[[Any, datetime], dict[str, Any]]
"""An event and the time of its arrival, as one record of a log."""

TIME_SPELLINGS: list[Callable[[datetime], Any]] = [
    datetime.isoformat,
    lambda at: at.isoformat().replace("+00:00", "Z"),
    lambda at: at.strftime("%Y-%m-%d %H:%M:%S UTC"),
    lambda at: at.strftime("%Y-%m-%d %H:%M:%S +0000 UTC"),
    lambda at: at.replace(tzinfo=None).isoformat(" "),
    lambda at: at.strftime("%a, %d %b %Y %H:%M:%S GMT"),
    format_datetime,
    lambda at: int(at.timestamp()),
    lambda at: str(int(at.timestamp())),
    lambda at: int(at.timestamp() * 1000),
    lambda at: str(int(at.timestamp() * 1_000_000)),
    lambda at: {"$date": at.isoformat()},
]

keys = st.text("abcdefghij_.", min_size=1, max_size=6) | st.sampled_from(
    ["payload", "body", "data", "event_body", "content", "Message", "request", "a b", "x.y", "é"]
)
others = st.dictionaries(
    st.sampled_from(["id", "level", "headers", "msg", "n", "tags"]),
    st.sampled_from([1, "info", None, [], {}, [1, {"a": "b"}], {"Host": ["h"]}, "a: {b", "eyJ4", True, 0.5]),
    max_size=3,
)
deliveries = st.sampled_from(
    [{}, {}, {"account_id": "tenant-7", "status": "ok"}, {"account_id": "t", "status": "ERROR"}, {"status": 200}]
)
"""What a delivery log says of itself in words that an event has too."""


def keyed(key: str, more: dict[str, Any], delivery: dict[str, Any], *, is_last: bool) -> Wrap:
    def wrap(value: Any) -> Any:
        beside = {name: each for name, each in {**more, **delivery}.items() if name != key}  # or it would be lost
        return {**beside, key: value} if is_last else {key: value, **beside}

    return wrap


def in_base64(value: Any) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


def behind_text(value: Any) -> str:
    return f"INFO [web-1] webhook received {json.dumps(value, ensure_ascii=False)}"


steps = st.one_of(
    st.builds(keyed, keys, others, deliveries, is_last=st.booleans()),
    st.builds(keyed, keys, others, deliveries, is_last=st.booleans()),
    st.sampled_from([json.dumps, in_base64, lambda value: [value]]),
)
"""What a tool may do to an event on its way into a log."""


def timed(wrappers: list[Wrap], key: str, spell: Callable[[datetime], Any], more: dict[str, Any]) -> Record:
    def record(payload: Any, at: datetime) -> dict[str, Any]:
        for wrap in wrappers:
            payload = wrap(payload)
        return {**more, key: spell(at), "the_event": payload}

    return record


def _camel(key: str) -> str:
    first, *rest = key.split("_")
    return first + "".join(map(str.title, rest))


time_keys = (
    st.sampled_from(TIME_KEYS) | st.sampled_from(TIME_KEYS).map(_camel) | st.sampled_from(TIME_KEYS).map(str.upper)
)
records = st.builds(timed, st.lists(steps, max_size=4), time_keys, st.sampled_from(TIME_SPELLINGS), others)

CONTAINERS: list[Callable[[list[Any]], str]] = [
    lambda found: "\n".join(json.dumps(each) for each in found),
    lambda found: "\n".join(json.dumps(each, ensure_ascii=False) for each in found) + "\n",
    lambda found: json.dumps(found),
    lambda found: json.dumps(found, indent=2),
    lambda found: "\n".join(json.dumps(each, indent=2) for each in found),
    lambda found: "".join(json.dumps(each) for each in found),
    lambda found: json.dumps({"total": len(found), "results": found, "next": None}),
    lambda found: json.dumps({"outer": {"rows": found}}, indent=1),
    lambda found: "\n".join(f"2020-01-01T00:00:00Z {behind_text(each)}" for each in found),
    lambda found: "\n".join(json.dumps(found[start : start + 2]) for start in range(0, len(found), 2)),
]

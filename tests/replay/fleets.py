"""Any short log of few accounts, and any policy: for tests of what a replay makes of it."""

import json
from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from account_lifecycle.lifecycle import definition
from account_lifecycle.lifecycle.policy import ALL, Policy
from builders import T0

often = settings(max_examples=150, deadline=None)

IDS = ("a", "b", "ü 7")
WORDS = (*definition.ANNOUNCEMENTS, *definition.ANNOUNCEMENTS, "OK", "ok ", " Frozen", "SNAFU", "UNSEEN")
TYPES = (
    None,
    None,
    None,
    "LINKEDIN",
    "linkedin ",
    "GOOGLE",
    "GOOGLE_OAUTH",
    "MAIL",
    "MESSENGER",
    "MYSPACE",
    "ORKUT",
    "",
    " ",
)
PRODUCTS = (None, None, None, "classic", "Recruiter", " recruiter", "straße", "")
FAMILIES = ("LINKEDIN", "GOOGLE", "MESSENGER", "IMAP")
EDGES_S = (0, 1, 599.999999, 600, 600.000001, 1800, 1800.000001, 3600, 3600.000001, 21_600, 86_400, -1, -700)

pauses_s = st.sampled_from(EDGES_S) | st.integers(-10_000, 100_000)
tellings = st.tuples(
    st.sampled_from(IDS),
    st.sampled_from(WORDS),
    pauses_s,
    st.sampled_from(TYPES),
    st.sampled_from(PRODUCTS),
    st.sampled_from([None, None, None, None, "user-1", "user-2", ""]),
)
nonsense = st.sampled_from([b"\n", b"ping\n", b'{"AccountStatus": {"account_id": "c", "message": " "}}\n', b" \t\r\n"])


def line_of(account_id: str, status: str, after_s: float, **more: str | None) -> bytes:
    """A payload as a line of a log, so many seconds after a first moment; a notification if it has a name."""
    if more.get("name") is not None:
        payload: dict[str, Any] = {"status": status, "account_id": account_id, "name": more["name"]}
    else:
        told = {"account_type": more.get("provider"), "product": more.get("product")}
        fields = {key: value for key, value in told.items() if value is not None}
        payload = {"AccountStatus": {"account_id": account_id, "message": status, **fields}}
    received_at = (T0 + timedelta(seconds=after_s)).isoformat()
    return json.dumps({"received_at": received_at, "payload": payload}).encode() + b"\n"


def _log(lines: list[Any]) -> bytes:
    second, log = 0.0, []
    for line in lines:
        if isinstance(line, tuple):
            account, word, after, provider, product, name = line
            second += after
            line = line_of(account, word, second, provider=provider, product=product, name=name)
        log.append(line)
    return b"".join(log)


logs = st.lists(tellings | tellings | tellings | nonsense, max_size=40).map(_log)

lengths = st.sampled_from([timedelta(0), timedelta(microseconds=1), timedelta(seconds=1.5), timedelta(minutes=10)]) | (
    st.integers(0, 200_000).map(lambda seconds: timedelta(seconds=seconds))
    | st.sampled_from([timedelta(days=100_000_000), timedelta(days=106_751_990), timedelta.max])
)
subscriptions = st.sampled_from(["all", "all", "default", ALL - {"SYNC_SUCCESS", "OK"}, ALL - {"CONNECTING"}])
policies = st.builds(
    Policy,
    redelivery_window=lengths,
    retry_horizon=lengths,
    delivery_margin=lengths,
    subscribed=subscriptions,
    deadlines=st.dictionaries(
        st.sampled_from(FAMILIES), st.dictionaries(st.sampled_from(definition.ANNOUNCEMENTS), lengths, max_size=4)
    ),
    reminders=st.lists(lengths.filter(bool), max_size=3),
)

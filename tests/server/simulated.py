"""A simulated fleet with everything that there can be: anomalies, dead letters, unreadable payloads, open windows."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

from account_lifecycle import Engine, UnreadablePayloads
from account_lifecycle.intake.logs import open_log
from account_lifecycle.server import Receiver
from account_lifecycle.server.guard import LOOPBACK_HOSTS, Access
from account_lifecycle.server.pages import SiteOptions
from account_lifecycle.server.serving import Application
from account_lifecycle.simulate.faults import Faults
from account_lifecycle.simulate.log import simulate
from account_lifecycle.testing import START, Clock, payload

CLIENT_HOST = "testserver"
"""How clients without a network call the host."""
HOSTILE_ID = "of/a user's <own>?#&=ü"


@contextmanager
def simulated_fleet(folder: Path, accounts: int = 30) -> Iterator[Engine]:
    """Accounts over ten days with faults of every kind, as they stand two days later."""
    log = simulate(accounts=accounts, seed=7, start=START - timedelta(days=12), days=10, faults=Faults.everything(0.03))
    log.write(folder / "fleet.jsonl")
    with Engine.open("memory:", clock=Clock(), observers=()) as engine:

        def fail(call: object) -> None:
            raise RuntimeError("no")

        engine.on_action_required(fail, name="nag", attempts=1)
        engine.on_recovered(fail, name="backfill", attempts=2)
        with suppress(UnreadablePayloads):
            list(engine.feed_events(open_log(folder / "fleet.jsonl")))
        for word in ("CREATION_SUCCESS", "OK", "CREDENTIALS"):
            engine.feed_event(payload(word, HOSTILE_ID, provider="=cmd()"))
        engine.run_hooks()
        yield engine


def site_of(engine: Engine, **access: object) -> Application:
    """All that a server answers, for this machine and for clients without a network."""
    hosts = (*LOOPBACK_HOSTS, CLIENT_HOST)
    return Application(engine, Receiver(engine), SiteOptions(Access(hosts, **access)))  # type: ignore[arg-type]

"""A forger: changes the files of a store behind the program's back, and can compute every digest of the chain anew.

Each kind of forgery is one change. Some are plain: a row is changed, taken out or put in. In others the forger knows
the format, and mends the digest of every event after it, up to the head.
"""

import gzip
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from account_lifecycle import Engine
from account_lifecycle.engine.deadlines import redate
from account_lifecycle.lifecycle.anomalies import Severity
from account_lifecycle.lifecycle.effects import EffectKind
from account_lifecycle.records import DeliveryState, Refused
from account_lifecycle.stores import chain, rows
from account_lifecycle.stores.reconciliations import Reconciliation
from builders import T0, announced, at
from stores.hooks import claim, complete, hook, planned
from verify.fleets import everything, feed, words

_EVENTS = """
SELECT e.event_id, c.account_id, e.sequence, e.received_at, e.kind, e.word, e.product, e.provider, e.since, e.allowed,
       e.signed_in_at, e.decided, e.owner, e.reason, e.payload, e.rules, e.is_quiet, e.private_digest,
       a.ordinal, a.kind, a.provider, a.evidence
FROM event e JOIN account c ON c.account_no = e.account_no LEFT JOIN anomaly a ON a.event_id = e.event_id
ORDER BY e.event_id, a.ordinal
"""


class Files:
    """The files of a store, opened by another program."""

    def __init__(self, url: str) -> None:
        self.is_server = url.startswith("postgresql:")
        self._url = url

    def ask(self, sql: str, *values: Any) -> list[Any]:
        """Run a statement with ``?`` for values; return its rows."""
        if self.is_server:
            import psycopg

            with psycopg.connect(self._url, autocommit=True) as connection:
                cursor = connection.execute(sql.replace("?", "%s"), values)  # type: ignore[arg-type]
                found = cursor.fetchall() if cursor.description else []
                assert sql.startswith("SELECT") or cursor.rowcount, f"nothing was changed by {sql}"
                return [tuple(bytes(v) if isinstance(v, memoryview) else v for v in row) for row in found]
        with closing(sqlite3.connect(self._url.removeprefix("sqlite:///"))) as db, db:
            cursor = db.execute(sql, values)
            found = cursor.fetchall()
            assert sql.startswith("SELECT") or cursor.rowcount, f"nothing was changed by {sql}"
            return found

    def one(self, sql: str, *values: Any) -> Any:
        """The only value of the only row."""
        ((value,),) = self.ask(sql, *values)
        return value

    def chain_anew(self) -> None:
        """Compute the digest of each event anew, and on a server that of each account."""
        heads: dict[str, bytes] = {}
        begins = "SELECT account_id, digest FROM baseline" if self.is_server else "SELECT '', head FROM segment"
        if self.one(f"SELECT count(*) FROM {begins.rpartition(' ')[2]}"):
            heads = dict(self.ask(begins))
        for _, group in groupby(self.ask(_EVENTS.strip()), key=lambda row: row[0]):
            joined = list(group)
            event_id, account_id, private = joined[0][0], joined[0][1], joined[0][17]
            kept = chain.private_digest(*joined[0][rows.PRIVATE]) if private is None else private
            anomalies = chain.anomalies_text([(0, *row[18:]) for row in joined if row[18] is not None])
            text = chain.event_text(account_id, joined[0][rows.PUBLIC], kept, anomalies, *joined[0][rows.JUDGED])
            key = account_id if self.is_server else ""
            heads[key] = chain.linked(heads.get(key, chain.GENESIS), text)
            self.ask("UPDATE event SET digest = ? WHERE event_id = ?", heads[key], event_id)
        if self.is_server:
            for account_id, head in heads.items():
                if self.one("SELECT count(*) FROM account WHERE account_id = ?", account_id):
                    self.ask("UPDATE account SET digest = ? WHERE account_id = ?", head, account_id)

    def swap(self, table: str, column: str, one: str | int, other: str | int) -> None:
        """Let two texts, or two numbers, change places in a column."""
        meanwhile = "\x02" if isinstance(one, str) else -1
        for old, new in ((one, meanwhile), (other, one), (meanwhile, other)):
            if self.one(f"SELECT count(*) FROM {table} WHERE {column} = ?", old):
                self.ask(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", new, old)


def fill(engine: Engine, archive: Path | None) -> None:
    """Put something into every table: lives, windows, hooks, deliveries in every state, payloads in the quarantine.

    With an archive everything is pruned into it, and more is fed; without hooks, whose deliveries would stay.
    """
    store = engine.store
    if archive is None:
        severe = hook("severe", EffectKind.ANOMALY, severity=Severity.ERROR, since=None)
        store.subscribe([hook("mail", since=None), hook("page", since=None), severe], at(-1))
    feed(store, everything())
    words(engine, "left", ["OK", "ERROR", "OK", "CREDENTIALS"])
    feed(store, [announced("right", word, 90 + n, "IMAP") for n, word in enumerate(["OK", "ERROR", "RECONNECTED"])])
    store.quarantine([Refused(T0, b"no payload %d" % n, 12, "payload", "because") for n in range(4)])
    for minute in (0, 15):
        number = store.begin_reconciliation(at(minute), at(minute + 10))
        store.end_reconciliation(Reconciliation(number, at(minute), at(minute + 1), is_whole=True))
    if archive is not None:
        engine.prune(at(10**6), archive)
        feed(store, [announced("left", word, 10**6 + n) for n, word in enumerate(["RECONNECTED", "OK", "ERROR"])])
        return
    first, second, *_ = claim(store, "mail", now=at(10**5))
    complete(store, first)
    complete(store, second, state=DeliveryState.DEAD)
    store.redrive([second.delivery_id], at(10**5))
    feed(store, [announced("tail", "OK", 10**5)])
    planned(store, hook("late"), now=at(10**5))
    redate(store, engine.policy, at(10**6))


class Scene(NamedTuple):
    """A store that is to be forged, and what its owner noted down."""

    files: Files
    head: str
    """The head, noted down before."""
    archive: Path
    """Where everything was pruned to, if it was."""


Change = Callable[[Scene], object]
Options = Callable[[Scene], tuple[str, ...]]


class Forgery(NamedTuple):
    """One change, and what ``verify`` has to say to it."""

    change: Change
    named: str = ""
    """What is in the place or the finding of a fault; blank if none is named."""
    code: int = 1
    """What ``verify`` ends with: 1 if it names a fault, 7 if it says that something is not proved."""
    options: Options = lambda scene: ()
    """How ``verify`` is asked, beside the store."""
    is_pruned: bool = False
    """Whether the store was pruned before."""
    on_server: int = 0
    """What it ends with on a server, if that is not the same."""


def sql(*statements: str, anew: bool = False, value: object = None) -> Change:
    """Run statements, with a value for each ``?``; then compute the chain anew, if the forger is one who can."""

    def change(scene: Scene) -> None:
        for statement in statements:
            scene.files.ask(statement, *([value] * statement.count("?")))
        if anew:
            scene.files.chain_anew()

    return change


def swap_accounts(scene: Scene) -> None:
    """Let two accounts change places wherever they are named, with their digests computed anew."""
    for table in ("account", "delivery"):
        scene.files.swap(table, "account_id", "left", "right")
    scene.files.chain_anew()


def swap_states(scene: Scene) -> None:
    """Let what is stored of two accounts change places, but for their ids and numbers."""
    left, right = (scene.files.one("SELECT account_no FROM account WHERE account_id = ?", a) for a in ("left", "right"))
    scene.files.swap("account", "account_id", "left", "right")
    scene.files.swap("account", "account_no", left, right)


def decide_otherwise(place: int, value: Any) -> Change:
    """Let the second event of an account say something else in a place of what was decided, with digests anew."""

    def change(scene: Scene) -> None:
        decided = json.loads(scene.files.one(f"SELECT decided FROM event WHERE {LEFT_2}"))
        decided[place] = decided[1] if value is None else value
        status, was = (situation.split(" ")[0] for situation in (decided[2], decided[1]))
        scene.files.ask(
            f"UPDATE event SET decided = ?, status = ?, is_move = ? WHERE {LEFT_2}",
            json.dumps(decided, separators=(",", ":")), status, int(status != was),
        )  # fmt: skip
        scene.files.chain_anew()

    return change


def forge_prune(scene: Scene) -> None:
    """Let an account begin, after the prune, with another last proof of life, and mend whatever stands for that."""
    files = scene.files
    ((*columns, _),) = files.ask("SELECT * FROM baseline WHERE account_id = 'right'")
    honest = rows.account_from(tuple(columns))
    lie = replace(honest, last_live_at=at(91))
    closed = files.ask(
        "SELECT sequence, opened_at, backfill_from, closed_at, closed_sequence, is_recovered, is_estimated, causes "
        f"FROM blind_window WHERE {OF.format('right')} AND closed_sequence <= ? ORDER BY sequence", honest.sequence
    ) if files.one(f"SELECT count(*) FROM blind_window WHERE {OF.format('right')}") else []  # fmt: skip
    text = rows.facts_text(lie)
    for table in ("baseline", "account"):
        files.ask(f"UPDATE {table} SET facts = ? WHERE account_id = 'right'", text)
    ((*segment,),) = files.ask("SELECT * FROM segment")
    shares = [[chain.baseline_share(each, closed)] for each in (honest, lie)]
    segment[7] = bytes.fromhex(chain.baselines_moved(segment[7].hex(), *shares))
    files.ask("UPDATE segment SET baselines = ?", segment[7])
    if not files.is_server:
        digest = chain.baseline_digest(rows.account_row(lie), closed)
        files.ask("UPDATE baseline SET digest = ? WHERE account_id = 'right'", digest)
        files.ask("UPDATE segment SET digest = ?", chain.row_digest("segment", segment[:8]))


def expecting(scene: Scene) -> tuple[str, ...]:
    """Expect the head that was noted down."""
    return ("--expect-head", scene.head)


def with_archive(scene: Scene) -> tuple[str, ...]:
    """Prove the archive, too."""
    return ("--archive", str(scene.archive))


def another_archive(scene: Scene) -> tuple[str, ...]:
    """Prove an archive of which a line was changed."""
    changed = gzip.decompress(scene.archive.read_bytes()).replace(b'"HELD"', b'"APPLIED"', 1)
    scene.archive.write_bytes(gzip.compress(changed))
    return ("--archive", str(scene.archive))


OF = "account_no = (SELECT account_no FROM account WHERE account_id = '{}')"
LEFT_2 = f"event_id = (SELECT event_id FROM event WHERE {OF.format('left')} AND sequence = 2)"
FIRST, LAST = "(SELECT min(event_id) FROM event)", "(SELECT max(event_id) FROM event)"
IN_DEPTH = "(SELECT event_id FROM anomaly ORDER BY event_id LIMIT 1)"
HOUR_US = 3_600_000_000
DELIVERY = "(SELECT {}(delivery_id) FROM delivery WHERE hook = 'page')"
RULES = f"UPDATE event SET rules = 'ffffffffffffffffffffffffffffffff' WHERE {OF.format('tail')}"

FORGERIES: dict[str, Forgery] = {
    # ---- The chain
    "the first event is taken out": Forgery(sql(f"DELETE FROM event WHERE event_id = {FIRST}"), "missing"),
    "an event is taken out": Forgery(sql(f"DELETE FROM event WHERE {LEFT_2}"), "missing"),
    "the last event is taken out": Forgery(sql(f"DELETE FROM event WHERE event_id = {LAST}"), "tail"),
    "the last event is taken out with all that came of it, a head was noted": Forgery(
        sql(
            f"DELETE FROM anomaly WHERE event_id = (SELECT event_id FROM event WHERE {OF.format('tail')})",
            "DELETE FROM delivery WHERE account_id = 'tail'",
            f"DELETE FROM event WHERE {OF.format('tail')}",
            "DELETE FROM account WHERE account_id = 'tail'",
        ),
        options=expecting,
        on_server=7,
    ),
    "an event is taken out, digests anew": Forgery(sql(f"DELETE FROM event WHERE {LEFT_2}", anew=True), "number 2"),
    "an event is put in, digests anew": Forgery(
        sql(
            "INSERT INTO event SELECT event_id + 1, account_no, sequence + 1, received_at, kind, word, product,"
            " provider, since, allowed, signed_in_at, decided, status, is_move, owner, reason, payload, rules,"
            f" is_quiet, private_digest, digest FROM event WHERE {OF.format('tail')}",
            anew=True,
        ),
        "tail",
    ),
    "an event's time is changed": Forgery(sql(f"UPDATE event SET received_at = 1 WHERE {LEFT_2}"), "event"),
    "a payload is changed": Forgery(sql(f"UPDATE event SET payload = ? WHERE {LEFT_2}", value=b"{}"), "event"),
    # ---- What follows from the events, whoever computes digests
    "an event is back-dated, digests anew": Forgery(
        sql(f"UPDATE event SET received_at = received_at - {HOUR_US} WHERE {LEFT_2}", anew=True), "account left"
    ),
    "a payload says another word, digests anew": Forgery(
        sql(f"UPDATE event SET payload = (SELECT payload FROM event WHERE {OF.format('left')} AND sequence = 1)"
            f" WHERE {LEFT_2}", anew=True), "its payload says another status"
    ),
    "an event names another owner, digests anew": Forgery(
        sql(f"UPDATE event SET owner = 'mallory' WHERE {OF.format('tail')}", anew=True), "says another owner"
    ),
    "an event says another word, digests anew": Forgery(
        sql(f"UPDATE event SET word = 'STOPPED' WHERE {LEFT_2}", anew=True), "account left"
    ),
    "a verdict is changed, digests anew": Forgery(decide_otherwise(0, "HELD"), "the verdict"),
    "where an event leads is changed, digests anew": Forgery(decide_otherwise(2, None), "the situation after it"),
    "the effects of an event are changed, digests anew": Forgery(decide_otherwise(3, []), "effects of event 2"),
    "an event is listed under another status": Forgery(
        sql(f"UPDATE event SET status = 'STOPPED' WHERE {LEFT_2}"), "has another status than what was decided"
    ),
    "an anomaly is taken out, digests anew": Forgery(
        sql(f"DELETE FROM anomaly WHERE event_id = {IN_DEPTH}", anew=True), "is not stored, but follows"
    ),
    "an anomaly's evidence is changed, digests anew": Forgery(
        sql(f"UPDATE anomaly SET evidence = '{{}}' WHERE event_id = {IN_DEPTH}", anew=True), "anomaly 1"
    ),
    "two accounts change places, digests anew": Forgery(swap_accounts, "its payload says another account id"),
    # ---- What events were judged by
    "an event names unknown rules, digests anew": Forgery(sql(RULES, anew=True), code=7),
    "the rules are taken out": Forgery(sql("DELETE FROM rules"), code=7),
    "the rules are changed": Forgery(sql("UPDATE rules SET content = ?", value=b"x"), "not what their name says"),
    # ---- What stands beside the ledger
    "two accounts' states change places": Forgery(swap_states, "account left"),
    "an account is changed": Forgery(sql("UPDATE account SET since = since + 1 WHERE account_id = 'left'"), "since"),
    "an account's next deadline is put off": Forgery(
        sql("UPDATE account SET due_at = due_at + 1 WHERE account_id = 'left'"), "its next deadline"
    ),
    "an account's next deadline is taken out": Forgery(
        sql("UPDATE account SET due_at = NULL WHERE account_id = 'left'"), "its next deadline"
    ),
    "an account is taken out": Forgery(sql("DELETE FROM account WHERE account_id = 'left'"), "belongs to no account"),
    "a blind window is changed": Forgery(
        sql(f"UPDATE blind_window SET backfill_from = 7 WHERE {OF.format('recovered')}"), "backfill_from"
    ),
    "a blind window is taken out": Forgery(
        sql(f"DELETE FROM blind_window WHERE {OF.format('recovered')}"), "it is not stored"
    ),
    "a hook is changed": Forgery(sql("UPDATE hook SET attempts_limit = 1 WHERE name = 'page'"), "hook"),
    "a hook is taken out": Forgery(sql("DELETE FROM hook WHERE name = 'page'"), "hook"),
    "the first delivery is taken out": Forgery(
        sql(f"DELETE FROM delivery WHERE delivery_id = {DELIVERY.format('min')}"), "for hook page"
    ),
    "the last delivery is taken out": Forgery(
        sql(f"DELETE FROM delivery WHERE delivery_id = {DELIVERY.format('max')}"), "for hook page"
    ),
    "the first delivery of a backlog is taken out": Forgery(
        sql("DELETE FROM delivery WHERE delivery_id = (SELECT min(delivery_id) FROM delivery WHERE hook = 'late')"),
        "for hook late",
    ),
    "the last delivery of a backlog is taken out": Forgery(
        sql("DELETE FROM delivery WHERE delivery_id = (SELECT max(delivery_id) FROM delivery WHERE hook = 'late')"),
        "for hook late",
    ),
    "a delivery of a hook for severe anomalies is taken out": Forgery(
        sql("DELETE FROM delivery WHERE delivery_id = (SELECT min(delivery_id) FROM delivery WHERE hook = 'severe')"),
        "for hook severe",
    ),
    "a redrive is taken out": Forgery(sql("DELETE FROM delivery WHERE redrive_of IS NOT NULL"), "redrives"),
    "a delivery is said to be done": Forgery(
        sql(f"UPDATE delivery SET state = 'done' WHERE delivery_id = {DELIVERY.format('max')}"), "delivery"
    ),
    "a delivery is said to be of another account": Forgery(
        sql(f"UPDATE delivery SET account_id = 'right' WHERE delivery_id = {DELIVERY.format('max')}"), "delivery"
    ),
    "the first payload of the quarantine is taken out": Forgery(
        sql("DELETE FROM quarantine WHERE quarantine_id = 1"), "quarantine"
    ),
    "a payload of the quarantine is taken out": Forgery(
        sql("DELETE FROM quarantine WHERE quarantine_id = 2"), "quarantine"
    ),
    "the last payload of the quarantine is taken out": Forgery(
        sql("DELETE FROM quarantine WHERE quarantine_id = 4"), "quarantine"
    ),
    "a payload of the quarantine is changed": Forgery(
        sql("UPDATE quarantine SET reason = 'none' WHERE quarantine_id = 2"), "quarantine"
    ),
    "a reconciliation is changed": Forgery(
        sql("UPDATE reconciliation SET is_whole = 0 WHERE number = 1"), "reconciliation 1"
    ),
    "the first reconciliation is taken out": Forgery(
        sql("DELETE FROM reconciliation WHERE number = 1"), "reconciliation 1"
    ),
    "the last reconciliation is taken out": Forgery(
        sql("DELETE FROM reconciliation WHERE number = 2"), "reconciliation 2"
    ),
    # ---- What was pruned
    "where the ledger begins is changed": Forgery(
        sql("UPDATE baseline SET since = since + 1 WHERE account_id = 'right'"), "baseline", is_pruned=True
    ),
    "an account where the ledger begins is taken out": Forgery(
        sql("DELETE FROM baseline WHERE account_id = 'right'"), "baselines", is_pruned=True
    ),
    "a window that was closed before the prune is changed": Forgery(
        sql(f"UPDATE blind_window SET opened_at = opened_at - 1 WHERE {OF.format('recovered')}"), "baseline",
        is_pruned=True,
    ),
    "the note of a prune is taken out": Forgery(sql("DELETE FROM segment"), "baselines", is_pruned=True),
    "the note of a prune names another archive, a head was noted": Forgery(
        sql("UPDATE segment SET archive_sha256 = 'ff'"), "segment", options=expecting, is_pruned=True, on_server=7
    ),
    "a forged prune, a head was noted": Forgery(forge_prune, code=7, options=expecting, is_pruned=True),
    "a forged prune, the archive is at hand": Forgery(forge_prune, "baseline", options=with_archive, is_pruned=True),
    "an archive is changed": Forgery(lambda scene: None, "no prune has written it", options=another_archive,
                                     is_pruned=True),
}  # fmt: skip

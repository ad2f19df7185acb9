"""What a store promises about letting go: what is erased is gone, what is pruned is archived, the rest still holds."""

import gzip
import json
from base64 import b64decode
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from account_lifecycle.errors import StoreError
from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.anomalies import AnomalyKind
from account_lifecycle.lifecycle.decide import Decision
from account_lifecycle.lifecycle.events import Event
from account_lifecycle.lifecycle.explain import Anomaly
from account_lifecycle.lifecycle.rules import Rules
from account_lifecycle.lifecycle.status import Health
from account_lifecycle.records import (
    AccountFilter,
    AuditFilter,
    DeliveryState,
    LedgerEntry,
    Refused,
    Segment,
    without_person,
)
from account_lifecycle.stores.protocol import Store
from builders import T0, announced, as_it_is, at, deadline_of, judged
from stores.exactness import shape
from stores.hooks import back_off, claim, claim_one, complete, completed, feed, hook, planned, records, run_all
from stores.ledger_contract import entry_of, everything_in
from stores.scenarios import events_with_every_anomaly, events_with_every_window


def archived(path: str | Path) -> list[dict[str, Any]]:
    """The lines of an archive."""
    return [json.loads(line) for line in gzip.decompress(Path(path).read_bytes()).splitlines()]


def last_of(decisions: list[Decision]) -> list[Account]:
    """The accounts after decisions, in the order of their ids."""
    return [account for _, account in sorted({d.after.account_id: d.after for d in decisions}.items())]


def blank(entry: LedgerEntry) -> LedgerEntry:
    """An entry as it is after its account was erased."""
    event = replace(entry.event, owner=None, reason="", payload=b"")  # type: ignore[call-arg]
    return entry._replace(event=event, anomalies=tuple(map(without_words, entry.anomalies)), is_erased=True)


def without_words(anomaly: Anomaly) -> Anomaly:
    """An anomaly without what its event said of a person."""
    return anomaly._replace(reason="", detail="" if anomaly.kind is AnomalyKind.OWNER_CHANGED else anomaly.detail)


FULL_LIFE = (
    *("CONNECTING", "late", "CREATION_SUCCESS", "SYNC_SUCCESS classic", "SYNC_SUCCESS recruiter", "late", "OK", "OK"),
    *("SNAFU", "ERROR", "ERROR", "CREDENTIALS", "SYNC_SUCCESS", "CREATION_FAIL", "RECONNECTED", "RECONNECTED", "late"),
    *("SYNC_SUCCESS", "OK", "RECONNECTED", "CONNECTING", "late", "CONNECTING", "OK", "STOPPED", "DELETED", "OK"),
)
"""Everything that leaves something behind in an account, or takes something away."""


def full_life() -> list[Event]:
    """That life as events a minute apart; ``late`` is the deadline of the present stay, passed."""
    log: list[Event] = []
    for minute, step in enumerate(FULL_LIFE):
        word, _, product = step.partition(" ")
        name, provider = f"user-{minute}" if minute % 4 == 2 else None, "LINKEDIN" if minute else None
        told = announced("a", word, minute, provider, product, name)
        log.append(deadline_of(judged(log)[-1].after, minute) if word == "late" else told)
    return log


class RetentionContract:
    """A subclass has a fixture ``store``: a new, empty one."""

    # ---- Erasing -----------------------------------------------------------------------------------

    def test_an_erased_account_keeps_its_history_without_payloads_and_names(self, store: Store) -> None:
        log = [
            announced("a", word, minute, name="user-1", payload=word.encode(), product="classic", reason="Disconnected")
            for minute, word in enumerate(["CREATION_SUCCESS", "SYNC_SUCCESS", "SNAFU", "OK", "OK"])
        ]
        decisions = store.advance(log, as_it_is)
        assert store.erase("a", at(9)) == 5
        kept, expected = list(store.history("a")), [blank(entry_of(decision)) for decision in decisions]
        assert kept == expected
        assert [shape(entry[:5]) for entry in kept] == [shape(entry[:5]) for entry in expected]
        assert [entry.payload for entry in store.ledger()] == [b""] * 5
        assert shape(store.account("a")) == shape(without_person(decisions[-1].after))

    def test_erasing_one_account_touches_no_other(self, store: Store) -> None:
        for account_id in ("a", "ab", "A", "a b"):
            store.advance([announced(account_id, "OK", name="user", payload=b'{"a": 1}')], as_it_is)
        before = {account_id: list(store.history(account_id)) for account_id in ("ab", "A", "a b")}
        assert store.erase("a", at(9)) == 1
        assert {account_id: list(store.history(account_id)) for account_id in before} == before
        assert [account.owner for account in store.accounts(AccountFilter())] == ["user", None, "user", "user"]

    def test_what_was_decided_stays_as_it_was(self, store: Store) -> None:
        store.advance([*events_with_every_anomaly(), *events_with_every_window()], as_it_is)
        log = [proof for proof in store.evidence() if proof.entry.account_id]
        audit = [without_words(anomaly) for anomaly in store.audit(AuditFilter())]
        kept = [audit, list(store.windows_by_account())]
        effects = [[(k, "" if k == "claimed" else subject, d) for k, subject, d in proof.effects] for proof in log]
        for account in list(store.accounts(AccountFilter())):
            store.erase(account.account_id, at(99))
        assert [list(store.audit(AuditFilter())), list(store.windows_by_account())] == kept
        assert [list(proof.effects) for proof in store.evidence() if proof.entry.account_id] == effects

    def test_a_passed_deadline_has_nothing_to_erase(self, store: Store) -> None:
        (decision,) = feed(store, "a", "CONNECTING")
        store.advance([deadline_of(decision.after, 60)], as_it_is)
        assert store.erase("a", at(99)) == 1
        assert [entry.is_erased for entry in store.history("a")] == [True, False]

    def test_erasing_again_erases_what_came_since(self, store: Store) -> None:
        feed(store, "a", "OK", "ERROR")
        assert [store.erase("a", at(9)), store.erase("a", at(9))] == [2, 0]
        store.advance([announced("a", "OK", 5, name="new")], as_it_is)
        assert [entry.is_erased for entry in store.history("a")] == [True, True, False]
        account = store.account("a")
        assert account is not None
        assert (account.sequence, account.owner) == (3, "new")
        assert store.erase("a", at(9)) == 1

    def test_erasing_an_account_that_was_never_heard_of_changes_nothing(self, store: Store) -> None:
        feed(store, "a", "OK")
        before = everything_in(store)
        assert store.erase("nobody", at(9)) == 0
        assert everything_in(store) == before

    def test_the_quarantine_is_searched_for_the_account(self, store: Store) -> None:
        payloads = [
            b'{"AccountStatus": {"account_id": "acc-1", "message": ',
            b'{"AccountStatus": {"account_id": "acc-2", "message": ',
            b'{"AccountStatus": {"account_id": "acc-11", "message": ',
            b"account_id=acc-1&status=OK",
            b"\xff\xfe\x00",
        ]
        numbers = store.quarantine([Refused(at(n), p, len(p), "payload", "why") for n, p in enumerate(payloads)])
        feed(store, "acc-1", "OK")
        assert store.erase("acc-1", at(9)) == 3
        kept = list(store.quarantined())
        assert [each.payload for each in kept] == [b"", payloads[1], payloads[2], b"", payloads[4]]
        assert [each.is_erased for each in kept] == [True, False, False, True, False]
        assert [(each.quarantine_id, each.size) for each in kept] == list(zip(numbers, map(len, payloads), strict=True))
        assert store.erase("acc-1", at(9)) == 0

    def test_the_reason_of_an_erased_payload_quotes_it_no_more(self, store: Store) -> None:
        secret = b'{"account_id": "a", "name": 7}'
        store.quarantine([Refused(T0, secret, len(secret), "name", "name: found 7 beside a")])
        store.erase("a", T0)
        assert [each.reason for each in store.quarantined()] == ["erased on request"]
        assert list(store.faults()) == []

    def test_an_id_is_found_in_the_quarantine_however_json_spells_it(self, store: Store) -> None:
        payloads = ['{"account_id": "käse/1', '{"account_id": "k\\u00e4se/1"', "käse/10"]
        store.quarantine([Refused(T0, p.encode(), len(p), "payload", "why") for p in payloads])
        assert store.erase("käse/1", at(9)) == 2
        assert [each.is_erased for each in store.quarantined()] == [True, True, False]

    def test_what_errors_of_hooks_say_about_an_account_is_erased_and_no_other(self, store: Store) -> None:
        for account_id in ("acc-1", "acc-2", "acc-3"):
            feed(store, account_id, "OK")
        planned(store, hook())
        said = {"acc-1": "no such user: Ada", "acc-2": "beside acc%2D1", "acc-3": "beside acc-11"}
        found = claim(store)
        store.complete([completed(each, DeliveryState.DEAD, error=said[each.row.account_id]) for each in found])
        assert store.erase("acc-1", at(9)) == 1
        errors = {record.account_id: record.error for record in records(store)}
        assert errors == {"acc-1": "erased on request", "acc-2": "erased on request", "acc-3": said["acc-3"]}
        assert list(store.faults()) == []
        assert store.erase("acc-1", at(9)) == 0

    def test_hooks_still_hear_of_an_erased_account(self, store: Store) -> None:
        feed(store, "a", "OK", "ERROR")
        planned(store, hook())
        first = claim_one(store)
        store.erase("a", at(9))
        complete(store, first)
        assert [delivery.row.key for delivery in run_all(store)] == ["a/2/entered/ERROR"]

    def test_a_ledger_that_is_being_read_is_read_as_it_was_before_erasing(self, store: Store) -> None:
        feed(store, "a", "OK", "ERROR", "OK")
        rows = store.ledger()
        next(rows)
        store.erase("a", at(9))
        assert [entry.is_erased for entry in rows] == [False, False]

    # ---- Pruning -----------------------------------------------------------------------------------

    def test_what_a_prune_leaves_is_told_with_what_holds_it(self, store: Store, tmp_path: Path) -> None:
        feed(store, "a", "OK", "ERROR", "OK")  # a minute apart
        feed(store, "b", "OK")
        everything = store.unpruned(at(9))
        assert (everything.events, everything.hooks, everything.later) == (4, (), None)
        planned(store, hook("mail"), hook("errors", subject="ERROR"))
        while due := claim(store, "mail"):
            complete(store, *due)
        store.prune(at(9), tmp_path / "archive.jsonl.gz", at(99))
        left = store.unpruned(at(9))
        assert left.hooks == (("errors", 1),)
        assert left.reasons() == ["hook errors has not finished with 1 of them"]
        assert left.to_dict()["hooks"] == {"errors": 1}
        assert 2 <= left.events <= 3, "of the whole store, or of each account, from the first that is held"

    def test_an_event_of_a_clock_that_was_wrong_is_told_to_hold_those_behind_it(
        self, store: Store, tmp_path: Path
    ) -> None:
        for word, minute in (("OK", 0), ("ERROR", 500_000), ("OK", 2), ("ERROR", 3)):
            store.advance([announced("a", word, minute)], as_it_is)
        store.prune(at(9), tmp_path / "archive.jsonl.gz", at(99))
        left = store.unpruned(at(9))
        assert (left.events, left.later) == (2, ("a", 2, at(500_000)))
        assert "event 2 of a was received later" in left.reasons()[0]
        assert store.unpruned(at(0)) == (0, (), None)

    def test_what_is_older_is_taken_out_and_the_rest_stays(self, store: Store, tmp_path: Path) -> None:
        decisions = store.advance(events_with_every_window(), as_it_is)
        segment = self.prune(store, 8, tmp_path)
        assert (segment.events, segment.until, segment.pruned_at) == (8, at(8), at(999))
        assert list(store.ledger()) == [entry_of(decision) for decision in decisions[8:]]
        assert [entry.sequence for entry in store.history("recovered")] == [3, 4, 5]
        assert list(store.history("adopted")) == []
        assert list(store.audit(AuditFilter())) == [a for d in decisions[8:] for a in d.anomalies]
        assert store.segments() == [segment]

    def test_accounts_windows_and_the_quarantine_stay_as_they_are(self, store: Store, tmp_path: Path) -> None:
        store.advance(events_with_every_window(), as_it_is)
        store.quarantine([Refused(T0, b"x", 1, "payload", "because")])
        kept = [
            list(store.accounts(AccountFilter())), list(store.quarantined()),
            list(store.windows_by_account()), list(store.blind_windows(None, open_only=False)),
        ]  # fmt: skip
        self.prune(store, 999, tmp_path)
        assert list(store.ledger()) == []
        assert list(store.evidence()) == []
        assert kept == [
            list(store.accounts(AccountFilter())), list(store.quarantined()),
            list(store.windows_by_account()), list(store.blind_windows(None, open_only=False)),
        ]  # fmt: skip

    @pytest.mark.parametrize("cut", range(1, 16))
    def test_the_baselines_are_the_accounts_as_they_were_at_the_cut(
        self, store: Store, tmp_path: Path, cut: int
    ) -> None:
        decisions = store.advance(events_with_every_window()[:15], as_it_is)
        self.prune(store, cut, tmp_path)
        assert [shape(account) for account in store.baselines()] == [shape(a) for a in last_of(decisions[:cut])]

    def test_a_health_of_an_event_that_was_taken_out_is_known_from_when_it_was(
        self, store: Store, tmp_path: Path
    ) -> None:
        store.advance([announced("a", "OK", 1), announced("a", "ERROR", 2), announced("a", "OK", 5)], as_it_is)
        store.prune(at(3), tmp_path / "old.jsonl.gz", at(6))
        assert list(store.healths("a")) == [(at(5), Health.LIVE), (at(3), Health.INTERRUPTED)]

    def test_the_baselines_are_exact_whatever_happened_to_an_account(self, store: Store, tmp_path: Path) -> None:
        decisions = store.advance(events_with_every_anomaly(), as_it_is)
        self.prune(store, 10_000, tmp_path)
        assert [shape(account) for account in store.baselines()] == [shape(a) for a in last_of(decisions)]

    @pytest.mark.parametrize("cut", range(1, len(FULL_LIFE) + 1))
    def test_the_baseline_of_a_full_life_is_exact_wherever_it_is_cut(
        self, store: Store, tmp_path: Path, cut: int
    ) -> None:
        decisions = [store.advance([event], as_it_is)[0] for event in full_life()]
        self.prune(store, cut, tmp_path)
        (baseline,) = store.baselines()
        assert shape(baseline) == shape(decisions[cut - 1].after)

    def test_the_archive_tells_every_event_as_it_was_in_order(self, store: Store, tmp_path: Path) -> None:
        log = [*events_with_every_anomaly(), announced("z", "OK", 101, None, "p", "user-1", b"\x00\xff{}")]
        decisions = store.advance(log, as_it_is, Rules("rules"))
        segment = self.prune(store, 10_000, tmp_path)
        lines = archived(segment.path)
        assert [(line["account_id"], line["sequence"]) for line in lines] == [
            (d.after.account_id, d.sequence) for d in decisions
        ]
        for line, decision in zip(lines, decisions, strict=True):
            event, entry = decision.event, entry_of(decision)
            assert (line["received_at"], line["announced"]) == (event.received_at.isoformat(), event.status)
            assert (b64decode(line["payload"]) if line["payload"] is not None else b"") == entry.payload
            expected = {"provider": None, "product": "", "owner": None, "reason": ""}
            assert {name: line[name] for name in expected} == {n: getattr(event, n, v) for n, v in expected.items()}
            assert (line["verdict"], line["rules"]) == (decision.verdict, "rules")
            assert (line["before"], line["after"]) == ([*entry.before.key], [*entry.after.key])
            assert [(a["kind"], a["detail"]) for a in line["anomalies"]] == [
                (a.kind, a.detail) for a in entry.anomalies
            ]
            assert line["effects"] == [[*effect[:3]] for effect in decision.effects]

    def test_the_archive_is_named_by_the_digest_of_its_bytes(self, store: Store, tmp_path: Path) -> None:
        store.advance(events_with_every_window(), as_it_is)
        segment = self.prune(store, 8, tmp_path)
        assert segment.archive_sha256 == sha256(Path(segment.path).read_bytes()).hexdigest()
        assert [path.name for path in tmp_path.iterdir() if path == Path(segment.path)] == ["8.jsonl.gz"]

    def test_nothing_to_take_out_makes_no_archive(self, store: Store, tmp_path: Path) -> None:
        path = tmp_path / "archive.jsonl.gz"
        assert store.prune(at(5), path, at(9)) is None
        feed(store, "a", "OK", minute=5)
        before = everything_in(store)
        assert store.prune(at(5), path, at(9)) is None
        assert everything_in(store) == before
        assert not path.exists()

    def test_an_existing_file_is_never_overwritten(self, store: Store, tmp_path: Path) -> None:
        path = tmp_path / "archive.jsonl.gz"
        path.write_bytes(b"somebody else's")
        feed(store, "a", "OK")
        before = everything_in(store)
        with pytest.raises(StoreError, match="archive"):
            store.prune(at(5), path, at(9))
        assert everything_in(store) == before
        assert path.read_bytes() == b"somebody else's"

    def test_what_cannot_be_archived_stays(self, store: Store, tmp_path: Path) -> None:
        feed(store, "a", "OK")
        before = everything_in(store)
        with pytest.raises(StoreError, match="no-such-folder"):
            store.prune(at(5), tmp_path / "no-such-folder" / "archive.jsonl.gz", at(9))
        assert everything_in(store) == before

    def test_feeding_goes_on_as_if_nothing_had_been_taken_out(self, store: Store, tmp_path: Path) -> None:
        log = events_with_every_window()
        decisions = store.advance(log[:8], as_it_is)
        self.prune(store, 6, tmp_path)
        for event in log[8:]:
            decisions += store.advance([event], as_it_is)
        assert decisions == judged(log)
        assert [entry.sequence for entry in store.history("recovered")] == [3, 4, 5]

    def test_a_ledger_can_be_pruned_again_and_again(self, store: Store, tmp_path: Path) -> None:
        decisions = store.advance(events_with_every_window(), as_it_is)
        segments = [self.prune(store, cut, tmp_path) for cut in (3, 8, 13)]
        assert store.segments() == segments
        assert [segment.segment_id for segment in segments] == sorted({s.segment_id for s in segments})
        assert [segment.events for segment in segments] == [3, 5, 5]
        lines = [line for segment in segments for line in archived(segment.path)]
        assert [(line["account_id"], line["sequence"]) for line in lines] == [
            (d.after.account_id, d.sequence) for d in decisions[:13]
        ]
        assert [shape(account) for account in store.baselines()] == [shape(a) for a in last_of(decisions[:13])]

    def test_an_older_event_that_was_fed_after_a_newer_one_stays_with_it(self, store: Store, tmp_path: Path) -> None:
        """What is taken out of an account is its beginning, so that the rest goes on from one point."""
        for minute, word in ((1, "OK"), (20, "ERROR"), (2, "OK"), (21, "STOPPED")):
            feed(store, "a", word, minute=minute)
        self.prune(store, 10, tmp_path)
        assert [entry.sequence for entry in store.history("a")] == [2, 3, 4]

    def test_the_snapshot_of_an_erased_account_has_no_name_and_its_archive_no_payload(
        self, store: Store, tmp_path: Path
    ) -> None:
        log = [announced("a", word, n, name="user-1") for n, word in enumerate(["OK", "ERROR", "OK"])]
        store.advance(log, as_it_is)
        self.prune(store, 1, tmp_path)
        assert [account.owner for account in store.baselines()] == ["user-1"]
        assert store.erase("a", at(9)) == 2
        assert [account.owner for account in store.baselines()] == [None]
        segment = self.prune(store, 2, tmp_path)
        (line,) = archived(segment.path)
        assert (line["payload"], line["owner"], line["erased"]) == (None, None, True)
        assert [account.owner for account in store.baselines()] == [None]

    def test_a_ledger_that_is_being_read_is_read_to_its_end(self, store: Store, tmp_path: Path) -> None:
        store.advance(events_with_every_window(), as_it_is)
        snapshot, rows = list(store.ledger()), store.ledger()
        seen = [next(rows)]
        self.prune(store, 999, tmp_path)
        assert seen + list(rows) == snapshot

    # ---- What hooks wait for -------------------------------------------------------------------------

    @pytest.mark.parametrize("state", ["not planned", "waiting", "running", "backing off", "halted"])
    def test_an_event_whose_hooks_are_not_finished_stays_and_so_do_later_ones(
        self, store: Store, tmp_path: Path, state: str
    ) -> None:
        feed(store, "a", "OK")
        planned(store, hook())
        run_all(store)
        feed(store, "a", "ERROR", "STOPPED", minute=1)
        self.bring_into(store, state)
        segment = self.prune(store, 99, tmp_path)
        assert segment.events == 1
        assert [entry.sequence for entry in store.history("a")] == [2, 3]
        self.finish(store)
        assert len(self.prune(store, 999, tmp_path).path) > 0
        assert list(store.ledger()) == []

    def test_if_the_oldest_event_is_not_finished_there_is_nothing_to_take_out(
        self, store: Store, tmp_path: Path
    ) -> None:
        feed(store, "a", "OK", "ERROR")
        planned(store, hook())
        assert store.prune(at(99), tmp_path / "archive.jsonl.gz", at(99)) is None
        assert len(list(store.ledger())) == 2

    def test_effects_that_no_hook_was_ever_known_for_hold_nothing_back(self, store: Store, tmp_path: Path) -> None:
        """Otherwise a store that is used without hooks could never be pruned."""
        feed(store, "a", "OK", "ERROR", "OK")
        assert self.prune(store, 2, tmp_path).events == 2
        planned(store, hook())
        assert [delivery.row.sequence for delivery in run_all(store)] == [3]

    @pytest.mark.parametrize("state", [DeliveryState.DONE, DeliveryState.DEAD])
    def test_finished_deliveries_go_with_their_events(self, store: Store, tmp_path: Path, state: DeliveryState) -> None:
        feed(store, "a", "OK", "ERROR")
        planned(store, hook())
        gone = claim_one(store)
        complete(store, gone, state=state)
        self.prune(store, 1, tmp_path)
        assert [record.sequence for record in records(store)] == [2]
        assert store.redrive([gone.delivery_id], at(9)) == []
        assert [delivery.row.sequence for delivery in run_all(store, now=at(9))] == [2]

    def test_numbers_are_never_used_again(self, store: Store, tmp_path: Path) -> None:
        """A claim from before the prune must not complete what was made after it."""
        feed(store, "a", "OK")
        planned(store, hook())
        stale = claim_one(store)
        complete(store, stale)
        self.prune(store, 99, tmp_path)
        feed(store, "a", "ERROR", minute=100)
        planned(store)
        fresh = claim_one(store)
        assert fresh.row.effect_id > stale.row.effect_id
        assert fresh.delivery_id > stale.delivery_id
        assert complete(store, stale) == [False]

    def prune(self, store: Store, minute: float, folder: Path) -> Segment:
        """Take out what is older, into a file of that name."""
        segment = store.prune(at(minute), folder / f"{minute}.jsonl.gz", at(999))
        assert segment is not None
        return segment

    def bring_into(self, store: Store, state: str) -> None:
        """Let the oldest effect that is left be in a state."""
        if state == "not planned":
            run_all(store)
            store.subscribe([hook("late")], at(50))
            store.plan(at(50), 1)
            complete(store, claim_one(store, "late", now=at(50)))
        if state in ("not planned", "waiting"):
            return
        delivery = claim_one(store)
        if state == "backing off":
            back_off(store, delivery, at(50))
        elif state == "halted":
            complete(store, delivery, state=DeliveryState.HALTED)

    def finish(self, store: Store) -> None:
        complete(store, *store.expired(at(60), 9))
        store.redrive([record.delivery_id for record in records(store, state=DeliveryState.HALTED)], at(60))
        run_all(store, now=at(60))
        assert claim(store, now=at(99)) == []

"""What a store promises about proof: it tells all that was decided, in order, and finds no fault in what it wrote."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.decide import Decision
from account_lifecycle.lifecycle.policy import DEFAULT_POLICY
from account_lifecycle.lifecycle.rules import UNNAMED, Rules, rules_of
from account_lifecycle.records import DeliveryState, Evidence, OnDead, Refused
from account_lifecycle.stores import chain
from account_lifecycle.stores.protocol import Store
from builders import T0, announced, as_it_is, at, deadline_of
from stores.exactness import shape
from stores.hooks import ALL, back_off, claim, complete, feed, hook, one_for_each_kind, planned, run_all
from stores.ledger_contract import entry_of
from stores.scenarios import events_with_every_anomaly, events_with_every_window


def evidence_of(decisions: list[Decision], rules: str) -> list[Evidence]:
    """What a store is to tell of decisions, in the order of account id and sequence."""
    proofs = [
        Evidence(entry_of(d), tuple((e.kind, e.subject, e.doubtful) for e in d.effects), rules) for d in decisions
    ]
    return sorted(proofs, key=lambda proof: (proof.entry.account_id, proof.entry.sequence))


def told(proofs: Iterable[Evidence]) -> list[object]:
    """Evidence to compare: exact but for words in anomalies and subjects, which are text, whatever kind of it."""
    return [
        (
            shape(entry[:5]),
            entry.anomalies,
            entry.is_erased,
            [(shape(kind), str(subject), doubtful) for kind, subject, doubtful in effects],
            rules,
        )
        for entry, effects, rules, _ in proofs
    ]


# ---- Ways to use a store, none of which leaves a fault ------------------------------------------------


def feeds(store: Store, folder: Path) -> None:
    store.advance(events_with_every_anomaly(), as_it_is, Rules("some rules"))
    for event in events_with_every_window():
        store.advance([event], as_it_is)


def breaks_in_the_middle(store: Store, folder: Path) -> None:
    def breaks(account: Account, event: object) -> list[Decision]:
        raise ValueError("broken")

    store.advance(events_with_every_window()[:9], as_it_is)
    with pytest.raises(ValueError, match="broken"):
        store.advance(events_with_every_window()[9:], breaks)
    store.advance(events_with_every_window()[9:], as_it_is)


def releases_from_the_quarantine(store: Store, folder: Path) -> None:
    numbers = store.quarantine([Refused(T0, bytes([n]), 70_000, "field", "reason\0") for n in range(3)])
    store.advance([announced("a", "OK")], as_it_is, releasing=numbers[:1])


def erases(store: Store, folder: Path) -> None:
    feeds(store, folder)
    store.quarantine([Refused(T0, b'{"account_id": "grown"', 22, "field", "reason")] * 2)
    store.erase("grown", at(99))
    store.erase("stuck", at(99))
    feed(store, "grown", "OK", "ERROR", minute=99)


def prunes(store: Store, folder: Path) -> None:
    feeds(store, folder)
    store.prune(at(8), folder / "first.jsonl.gz", at(99))
    feed(store, "grown", "OK", "ERROR", minute=300)
    store.prune(at(400), folder / "second.jsonl.gz", at(401))
    feed(store, "grown", "OK", "ERROR", minute=500)


def prunes_and_erases(store: Store, folder: Path) -> None:
    erases(store, folder)
    prunes(store, folder)
    erases(store, folder)


def runs_hooks(store: Store, folder: Path) -> None:
    store.subscribe([*one_for_each_kind(), hook("halting", on_dead=OnDead.HALT)], at(0))
    feeds(store, folder)
    planned(store)
    first, second, third, fourth, *others = claim(store, now=at(0))
    complete(store, first, *others)
    complete(store, second, state=DeliveryState.DEAD)
    complete(store, third, state=DeliveryState.HALTED)
    back_off(store, fourth, at(3))
    store.redrive([first.delivery_id, third.delivery_id], at(4))
    store.disable("on entered", at(5), "no")
    store.unsubscribe("on left")
    for expired in store.expired(at(99), ALL):
        complete(store, expired)
    claim(store, now=at(4))
    run_all(store, now=at(100))


WAYS: dict[str, Callable[[Store, Path], None]] = {
    way.__name__: way
    for way in (
        feeds, breaks_in_the_middle, releases_from_the_quarantine, erases, prunes, prunes_and_erases, runs_hooks,
    )
}  # fmt: skip


class ProverContract:
    """A subclass has a fixture ``store``: a new, empty one."""

    # ---- Evidence ----------------------------------------------------------------------------------

    def test_evidence_is_everything_that_was_decided_by_account_and_sequence(self, store: Store) -> None:
        log = [*events_with_every_window(), *events_with_every_anomaly()]
        decisions = [store.advance([event], as_it_is, Rules("rules"))[0] for event in log]
        assert told(store.evidence()) == told(evidence_of(decisions, "rules"))

    def test_accounts_come_in_the_order_of_their_ids_in_every_proof(self, store: Store) -> None:
        ids = ["b", "a", "B", "é", "10", "9", "😀", "a b", "a-b"]
        for minute, word in enumerate(["ERROR", "OK", "STOPPED"]):
            store.advance([announced(account_id, word, minute) for account_id in ids], as_it_is)
        proofs = [(proof.entry.account_id, proof.entry.sequence) for proof in store.evidence()]
        assert proofs == [(account_id, n) for account_id in sorted(ids) for n in (1, 2, 3)]
        windows = [(window.account_id, window.sequence) for window in store.windows_by_account()]
        assert windows == [(account_id, n) for account_id in sorted(ids) for n in (1, 3)]

    def test_every_event_keeps_the_rules_that_it_was_judged_by(self, store: Store) -> None:
        rules = [rules_of(DEFAULT_POLICY), UNNAMED, Rules("older/600000000"), Rules('odd "rules" \N{SNOWMAN}', b"data")]
        for minute, each in enumerate(rules):
            store.advance([announced("a", ["OK", "ERROR"][minute % 2], minute)] * 2, as_it_is, each)
        assert [proof.rules for proof in store.evidence()] == [each.name for each in rules for _ in range(2)]
        assert store.rules() == sorted([rules[0], rules[3]])

    def test_rules_that_are_not_named_are_blank(self, store: Store) -> None:
        feed(store, "a", "OK")
        assert [proof.rules for proof in store.evidence()] == [""]

    def test_a_passed_deadline_is_evidence_too(self, store: Store) -> None:
        (decision,) = feed(store, "a", "CONNECTING")
        late = store.advance([deadline_of(decision.after, 60)], as_it_is, Rules("rules"))
        assert told(store.evidence())[1:] == told(evidence_of(late, "rules"))

    def test_every_window_is_told_as_it_is_now(self, store: Store) -> None:
        for event in events_with_every_window():
            store.advance([event], as_it_is)
        windows = list(store.windows_by_account())
        assert windows == sorted(store.blind_windows(None, open_only=False), key=lambda w: (w.account_id, w.sequence))
        assert len(windows) == 9

    def test_nothing_was_taken_out_of_a_store_that_nobody_pruned(self, store: Store) -> None:
        feed(store, "a", "OK")
        assert (list(store.baselines()), store.segments()) == ([], [])

    # ---- Faults ------------------------------------------------------------------------------------

    def test_an_empty_store_has_no_faults(self, store: Store) -> None:
        assert list(store.faults()) == []

    @pytest.mark.parametrize("way", WAYS)
    def test_nothing_that_is_done_through_the_door_leaves_a_fault(self, store: Store, tmp_path: Path, way: str) -> None:
        WAYS[way](store, tmp_path)
        assert list(store.faults()) == []

    @pytest.mark.parametrize("way", WAYS)
    def test_an_account_goes_on_from_its_baseline_whatever_was_done(
        self, store: Store, tmp_path: Path, way: str
    ) -> None:
        """Each event begins where the last one ended, with the next number; the account stands where they end."""
        WAYS[way](store, tmp_path)
        ends = {account.account_id: (account.sequence, account.situation) for account in store.baselines()}
        for entry in (proof.entry for proof in store.evidence()):
            sequence, situation = ends.get(entry.account_id, (0, Account("").situation))
            assert (entry.sequence, entry.before) == (sequence + 1, situation)
            ends[entry.account_id] = entry.sequence, entry.after
        assert ends == {a: (found.sequence, found.situation) for a, found in store.accounts_by_id([*ends]).items()}

    # ---- The head ----------------------------------------------------------------------------------

    def test_the_head_changes_with_every_event(self, store: Store) -> None:
        heads = [store.head()]
        for event in [*events_with_every_window(), announced("open", "CONNECTING", 30)]:
            store.advance([event], as_it_is)
            heads.append(store.head())
        assert len(set(heads)) == len(heads)
        assert {len(bytes.fromhex(head)) for head in heads[1:]} == {32}

    def test_a_head_covers_what_was_pruned_before_it(self, store: Store, tmp_path: Path) -> None:
        feed(store, "a", "OK", "ERROR", minute=0)
        feed(store, "b", "OK", minute=20)
        heads = {store.head()}
        segments = [store.prune(at(minute), tmp_path / f"{minute}.jsonl.gz", at(99)) for minute in (9, 99)]
        heads.add(store.head())
        known = store.segments()
        assert known == segments
        assert known[0].baselines != known[1].baselines
        ends = [chain.committed(next(store.links(), bytes.fromhex(known[1].head)), chain.commitment(known))]
        assert store.head() in {end.hex() for end in ends}
        assert len(heads) == 2

    def test_the_links_are_what_the_chain_ended_in(self, store: Store) -> None:
        feed(store, "a", "OK", "ERROR")
        assert [*store.links()][-1].hex() == store.head()
        feed(store, "b", "OK")
        links = [*store.links()]
        assert links[-1].hex() == store.head()
        assert len(links) == (3 if store.is_one_chain else 1)

    def test_the_head_stays_while_nothing_is_fed_or_pruned(self, store: Store) -> None:
        feed(store, "a", "OK", "ERROR")
        head = store.head()
        store.quarantine([Refused(T0, b"x", 1, "payload", "because")])
        planned(store, hook())
        run_all(store)
        store.erase("a", at(9))
        assert store.head() == head

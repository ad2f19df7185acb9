"""An oracle of another trade: which accounts of a log deviate, by pm4py's alignments with a net drawn by hand.

A net sees nothing but the order of the words; every difference from what the package finds must be one that
a net cannot see, and is counted by its reason. docs/oracle.md says what came of it.
"""

from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path

import pytest

from account_lifecycle.lifecycle.anomalies import AnomalyKind
from account_lifecycle.lifecycle.compiled import compiled
from account_lifecycle.lifecycle.decide import Decision
from account_lifecycle.lifecycle.events import StatusAnnounced
from account_lifecycle.lifecycle.explain import shortest_path
from account_lifecycle.lifecycle.machine import INITIAL_SITUATION, Situation
from account_lifecycle.lifecycle.status import Status, Verdict
from account_lifecycle.simulate.log import Faults
from oracle.aligner import STATE_EQUATION, Aligner, Alignment
from oracle.audits import AUDITS, Audit, audit_by_deciding, decisions_on
from oracle.fleets import LOGS, log_of, told_in
from oracle.net import QUIET, START, TALKATIVE, WORDS, Arc, Net, net_for

PAGE = Path(__file__).parents[2] / "docs" / "oracle.md"

SEEN_BY_A_NET = frozenset(
    ("ADOPTED", "SKIPPED_STEP", "LATE_EVENT", "UNEXPECTED_RECONNECT", "SYNC_WHILE_LOST", "CONTRADICTED_CREATION",
     "AFTER_DELETION", "UNSUPPORTED_STATUS", "UNKNOWN_STATUS")
)  # fmt: skip
"""What is odd about the order of the words."""
BEYOND_A_NET = {
    "STALE_REPEAT": "a matter of time: to a net, the same word again is a step like any other",
    "STUCK": "a matter of time: nothing was announced at all",
    "PROVIDER_CHANGED": "an attribute of the event: the account type",
    "UNKNOWN_PROVIDER": "an attribute of the event: the account type",
    "UNEXPECTED_PRODUCT": "an attribute of the event: the product",
}
"""What is odd about something else, and why a net is blind to it."""

PROFILES = pytest.mark.parametrize(("net", "announces_sync"), [(TALKATIVE, True), (QUIET, False)])
EVERY_AUDIT = pytest.mark.parametrize("audit", AUDITS.values(), ids=AUDITS)
EVERY_LOG = pytest.mark.parametrize("log", LOGS)


# ---- The net ---------------------------------------------------------------------------------------


@PROFILES
def test_the_net_has_a_place_for_every_lawful_situation_and_a_transition_for_every_lawful_cell(
    net: Net, announces_sync: bool
) -> None:
    situations = {situation for _, situation in _walk_together(net, announces_sync)}
    lawful = [s for s in compiled().rows(announces_sync=announces_sync) if s.expected and s.before in situations]

    assert len(net.places) == len(situations) == (14 if announces_sync else 13)
    assert len(net.arcs) == len(lawful) == (99 if announces_sync else 86)


@PROFILES
def test_net_and_table_allow_the_same_words_after_every_lawful_life(net: Net, announces_sync: bool) -> None:
    for place, situation in _walk_together(net, announces_sync):
        steps = compiled().steps[announces_sync][False][situation]

        assert {arc.word for arc in net.arcs if arc.source == place} == {w for w, s in steps.items() if s.expected}


@PROFILES
def test_what_is_announced_again_is_always_a_step_of_the_net_so_redeliveries_need_not_be_left_out(
    net: Net, announces_sync: bool
) -> None:
    assert all(Arc(arc.target, arc.word, arc.target) in net.arcs for arc in net.arcs)


@PROFILES
def test_by_alignment_every_lawful_cell_costs_nothing_and_every_other_one_word(net: Net, announces_sync: bool) -> None:
    for (place, situation), word in product(_walk_together(net, announces_sync), (*WORDS, "PAUSED")):
        step = compiled().steps[announces_sync][False][situation].get(word)
        lawful = step is not None and step.expected

        assert _aligned(net, (*net.way_to(place), word)).cost == (0 if lawful else 1), (place, word)


@PROFILES
def test_the_likely_story_of_a_deviation_is_the_cheapest_that_an_alignment_can_tell(
    net: Net, announces_sync: bool
) -> None:
    never = 1_000
    for (place, situation), word in product(_walk_together(net, announces_sync), WORDS):
        if compiled().steps[announces_sync][False][situation][word].expected:
            continue
        path = shortest_path(situation, Status(word), announces_sync)
        missed = _aligner(net).align((word,), start=place, unfollowed_costs=never).cost

        assert missed == (len(path) - 1 if path else never), (place, word)


# ---- The logs --------------------------------------------------------------------------------------


def test_the_logs_hold_every_fault_and_every_kind_of_anomaly() -> None:
    faults = frozenset().union(*(log_of(log).faults for log in LOGS))
    kinds = {kind for log in LOGS for found in audit_by_deciding(log_of(log).content).values() for kind in found}

    assert faults == set(Faults._fields)
    assert kinds == SEEN_BY_A_NET | BEYOND_A_NET.keys() == set(AnomalyKind)


def test_the_logs_take_every_transition_of_both_nets() -> None:
    for net in (TALKATIVE, QUIET):
        fitting = (_aligned(own, words) for own, words in _variants() if own == net)

        assert {arc for alignment in fitting if alignment.cost == 0 for arc in alignment.followed} == set(net.arcs)


# ---- The accounts that deviate ---------------------------------------------------------------------


@EVERY_LOG
@EVERY_AUDIT
def test_an_account_deviates_by_alignment_exactly_if_the_audit_finds_its_order_odd(audit: Audit, log: str) -> None:
    found = audit(log_of(log).content)

    assert found.keys() == told_in(log).keys()
    assert _deviating(log) == {account_id for account_id, kinds in found.items() if SEEN_BY_A_NET & set(kinds)}


@EVERY_LOG
@EVERY_AUDIT
def test_every_account_that_only_one_side_finds_odd_is_explained_by_what_a_net_cannot_see(
    audit: Audit, log: str
) -> None:
    found = audit(log_of(log).content)
    odd = {account_id for account_id, kinds in found.items() if kinds}
    explained = {account_id for account_id in odd if BEYOND_A_NET.keys() >= set(found[account_id])}

    assert odd ^ _deviating(log) == explained


@EVERY_AUDIT
def test_only_a_sync_that_comes_before_the_provider_is_told_is_odd_to_the_net_of_that_provider_alone(
    audit: Audit,
) -> None:
    words = ("CREATION_SUCCESS", "SYNC_SUCCESS", "OK")
    told_last = (
        b'{"received_at": "2026-05-01T12:00:00Z", "payload": {"account_id": "a", "status": "CREATION_SUCCESS"}}\n'
        b'{"received_at": "2026-05-01T12:01:00Z",'
        b' "payload": {"AccountStatus": {"account_id": "a", "message": "SYNC_SUCCESS"}}}\n'
        b'{"received_at": "2026-05-01T12:02:00Z",'
        b' "payload": {"AccountStatus": {"account_id": "a", "message": "OK", "account_type": "MESSENGER"}}}\n'
    )

    assert dict(audit(told_last)) == {"a": ()}
    assert (_aligned(net_for("MESSENGER"), words).cost, _aligned(net_for(None), words).cost) == (1, 0)


@EVERY_LOG
def test_both_sides_stumble_first_over_the_same_event(log: str) -> None:
    for account_id, decisions in decisions_on(log_of(log).content).items():
        net, words = _variant(log, account_id)
        first = _first_odd(decisions)
        if first is None:
            continue
        assert _aligned(net, words[:first]).cost == 0, (account_id, words[:first])
        assert _aligned(net, words[: first + 1]).cost == 1, (account_id, words[: first + 1])


@EVERY_LOG
def test_no_reading_of_an_account_by_the_rules_is_cheaper_than_its_optimal_alignment(log: str) -> None:
    for account_id, decisions in decisions_on(log_of(log).content).items():
        assert _aligned(*_variant(log, account_id)).cost <= _price(decisions), account_id


def test_another_optimal_algorithm_finds_the_same_costs() -> None:
    second = {net: Aligner(net, STATE_EQUATION) for net in (TALKATIVE, QUIET)}
    sample = sorted(_variants(), key=lambda variant: variant[1])[::40]

    assert len(sample) > 100
    assert [second[net].align(words).cost for net, words in sample] == [_aligned(*variant).cost for variant in sample]


# ---- That it can fail ------------------------------------------------------------------------------


@PROFILES
def test_a_net_that_lacks_any_one_transition_accuses_an_account_that_the_audit_does_not(
    net: Net, announces_sync: bool
) -> None:
    takes: dict[Arc, tuple[str, ...]] = {}
    for own, words in sorted(_variants(), key=lambda variant: len(variant[1]), reverse=True):
        if own == net and _aligned(net, words).cost == 0:
            takes.update(dict.fromkeys(_aligned(net, words).followed, words))

    for arc in net.arcs:
        assert Aligner(net.without(arc)).align(takes[arc]).cost > 0, arc


@pytest.mark.parametrize(
    "arc",
    [
        Arc("first connecting", "OK", "working"),  # as if nothing had to prove that the account exists
        Arc("connecting", "RECONNECTED", "signed in again"),  # as if nothing had to be lost
        Arc("signed out", "SYNC_SUCCESS", "signed out"),  # as if what is held were lawful
    ],
    ids=lambda arc: f"{arc.word} while {arc.source}",
)
def test_a_net_that_forgets_a_guard_misses_an_account_that_the_audit_finds(arc: Arc) -> None:
    lax = Aligner(TALKATIVE.with_another(arc))
    odd = [words for net, words in _variants() if net == TALKATIVE and _aligned(net, words).cost == 1]

    assert any(lax.align(words).cost == 0 for words in odd if arc.word in words)


# ---- The page --------------------------------------------------------------------------------------


def test_the_page_tells_these_figures() -> None:
    expected = "\n".join(_figures())

    assert expected in PAGE.read_text(encoding="utf-8"), f"{PAGE} should read:\n{expected}"


def _figures() -> Iterator[str]:
    """The counts of the page, as they must read."""
    yield from _figures_by_log()
    yield ""
    variants, odd = _variants(), [variant for variant in _variants() if _aligned(*variant).cost]
    yield f"- {len(variants):,} variants (different series of words, by net), of which {len(odd):,} deviate"
    cheaper, dearest = _cheaper(), max(_aligned(*variant).cost for variant in odd)
    yield f"- the costs of the optimal alignments run from 0 to {dearest}"
    yield f"- of {cheaper:,} accounts they are below the price of the reading by the rules, and never above it"


def _figures_by_log() -> Iterator[str]:
    yield "| log | accounts | events | found odd by both | by the audit alone | by pm4py alone |"
    yield "|---|--:|--:|--:|--:|--:|"
    totals, reasons = Counter[str](), Counter[str]()
    for log in LOGS:
        found, deviating = audit_by_deciding(log_of(log).content), _deviating(log)
        odd = {account_id for account_id, kinds in found.items() if kinds}
        row = (len(found), sum(len(told.words) for told in told_in(log).values()),
               len(odd & deviating), len(odd - deviating), len(deviating - odd))  # fmt: skip
        totals.update(dict(zip(("accounts", "events", "both", "audit", "pm4py"), row, strict=True)))
        reasons.update(kind for account_id in odd - deviating for kind in set(found[account_id]))
        yield f"| {log} | " + " | ".join(f"{count:,}" for count in row) + " |"
    yield "| **all** | " + " | ".join(f"**{count:,}**" for count in totals.values()) + " |"
    yield ""
    yield "| found by the audit alone | accounts | why a net is blind to it |"
    yield "|---|--:|---|"
    for kind, reason in BEYOND_A_NET.items():
        yield f"| `{kind}` | {reasons[kind]:,} | {reason} |"


# ---- Both sides ------------------------------------------------------------------------------------


def _walk_together(net: Net, announces_sync: bool) -> list[tuple[str, Situation]]:
    """Every place, with the situation in which the table is after the same lawful words."""
    met = {START: INITIAL_SITUATION}
    for place in (queue := [START]):
        for arc in net.arcs:
            if arc.source == place:
                step = compiled().steps[announces_sync][False][met[place]][arc.word]
                assert met.setdefault(arc.target, step.after) == step.after, arc
                if arc.target not in queue:
                    queue.append(arc.target)
    return list(met.items())


@cache
def _aligner(net: Net) -> Aligner:
    return Aligner(net)


@cache
def _aligned(net: Net, words: tuple[str, ...]) -> Alignment:
    """Every variant is aligned once."""
    return _aligner(net).align(words)


def _variant(log: str, account_id: str) -> tuple[Net, tuple[str, ...]]:
    account_type, words = told_in(log)[account_id]
    return net_for(account_type), words


@cache
def _variants() -> frozenset[tuple[Net, tuple[str, ...]]]:
    return frozenset(_variant(log, account_id) for log in LOGS for account_id in told_in(log))


def _deviating(log: str) -> set[str]:
    """The accounts of a log that no run of their net explains."""
    return {account_id for account_id in told_in(log) if _aligned(*_variant(log, account_id)).cost > 0}


def _first_odd(decisions: list[Decision]) -> int | None:
    """Which announcement of an account is the first whose place in the order is odd, from 0."""
    announced = [decision for decision in decisions if isinstance(decision.event, StatusAnnounced)]
    return next((index for index, decision in enumerate(announced) if _oddity(decision)), None)


def _oddity(decision: Decision) -> AnomalyKind | None:
    return next((anomaly.kind for anomaly in decision.anomalies if anomaly.kind in SEEN_BY_A_NET), None)


def _price(decisions: list[Decision]) -> int:
    """What the rules' own reading would cost: a word for what is held, all that was missed for what moves."""
    odd = [decision for decision in decisions if _oddity(decision)]
    return sum(1 if each.verdict is Verdict.HELD else len(_missed(each)) for each in odd)


def _cheaper() -> int:
    """Of how many accounts the optimal alignment is cheaper than the reading by the rules."""
    return sum(
        _aligned(*_variant(log, account_id)).cost < _price(decisions)
        for log in LOGS
        for account_id, decisions in decisions_on(log_of(log).content).items()
    )


def _missed(decision: Decision) -> tuple[Status, ...]:
    return next(anomaly.likely_path[:-1] for anomaly in decision.anomalies if anomaly.kind in SEEN_BY_A_NET)

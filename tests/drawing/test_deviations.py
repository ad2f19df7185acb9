"""The picture of the deviations: every unexpected announcement's fate, and nothing that is expected."""

from account_lifecycle import drawing
from account_lifecycle.drawing.sketch import ANOMALOUS
from account_lifecycle.drawing.table import GUARD_WORDS, circumstances_drawn, find_holds
from account_lifecycle.lifecycle.anomalies import AnomalyKind
from account_lifecycle.lifecycle.compiled import compiled
from account_lifecycle.lifecycle.definition import DEVIATIONS, Guard
from account_lifecycle.lifecycle.machine import FACTS
from account_lifecycle.lifecycle.status import Status
from drawing.reading import NAMES, Drawn, Pair, listed, members, read, rows

Deviant = tuple[Status, Status, AnomalyKind]


def deviant_moves() -> set[Deviant]:
    return {(s.before.status, s.after.status, s.deviation) for s in rows() if s.moved and s.deviation}


def drawn_moves(drawn: Drawn) -> set[Deviant]:
    """What a reader sees: from a state to a box that names the kind and lists where to, or by way of one."""
    found: set[Deviant] = set()
    for edge in drawn.edges:
        if not edge.is_anomalous or edge.tail == edge.head or edge.tail not in NAMES:
            continue
        kind, heads = fate(edge.head, drawn)
        found |= {(tail, head, kind) for tail in members(edge.tail, drawn) for head in heads if tail is not head}
    return found


def fate(box: str, drawn: Drawn) -> tuple[AnomalyKind, set[Status]]:
    """The kind that a box names, and the states that it lists or leads to."""
    kind, _, words = drawn.nodes[box]["label"].partition("\\n")
    onward = [edge.head for edge in drawn.edges if edge.tail == box]
    return AnomalyKind(kind), members(onward[0], drawn) if onward else listed(words, drawn)


def test_every_unexpected_move_is_drawn_with_its_kind_and_no_other() -> None:
    assert drawn_moves(read(drawing.deviations())) == deviant_moves()


def test_what_an_arrow_says_that_it_stands_for_is_what_a_reader_sees() -> None:
    dashed = [a for a in drawing.deviations().sketch.arrows if a.look in ANOMALOUS]
    covered: set[Pair] = {pair for arrow in dashed for pair in arrow.covers}
    assert covered == {(before, after) for before, after, _ in deviant_moves()}


def test_every_hold_is_shown_with_its_kind() -> None:
    shown = {(h.kind, announced, state) for h in find_holds() for announced in h.announced for state in h.states}
    table = {
        (step.deviation, step.announced, step.before.status)
        for step in rows(announces_sync=None)
        if step.deviation and not step.accepted
    }
    # What only a provider that never announces it can cause is listed once.
    assert shown == table


def test_a_hold_of_one_state_or_of_the_group_is_a_dashed_loop() -> None:
    loops = {(edge.head, edge.label) for edge in read(drawing.deviations()).edges if edge.tail == edge.head}
    assert loops == {
        ("OK", "UNEXPECTED_RECONNECT\\n(RECONNECTED,\\nnot heard recently)"),
        ("GROUP", "SYNC_WHILE_LOST\\n(SYNC_SUCCESS,\\nif OK is subscribed)"),
        ("DELETED", "AFTER_DELETION\\n(any other announcement,\\ndeleted long ago)"),
        ("DELETED", "LATE_EVENT\\n(any other announcement,\\ndeleted lately)"),
    }


def test_every_other_hold_is_listed_below_with_what_it_depends_on() -> None:
    notes = drawing.deviations().sketch.notes
    for line in (
        "RECREATED: CREATION_SUCCESS (not heard recently, older account) in any state but UNSEEN",
        "LATE_EVENT: CREATION_SUCCESS (heard recently or young account) in any state but UNSEEN",
        "RECONNECT_FAILED: CREATION_FAIL (not heard recently) in CONNECTING (lost), CREDENTIALS",
        "CONTRADICTED_CREATION: CREATION_FAIL (not heard recently) in CONNECTING (known account, not lost), CREATION",
        "LATE_EVENT: RECONNECTED (heard recently) in CONNECTING (known account, not lost), SYNC_SUCCESS and OK.",
        "UNSUPPORTED_STATUS: SYNC_SUCCESS (from a provider that never announces it) in any state but DELETED.",
    ):
        assert [note for note in notes if note.startswith(f"·  {line}")], line


def test_what_a_hold_depends_on_is_true_exactly_where_it_is_held() -> None:
    holds = find_holds()
    for circumstances in circumstances_drawn(announces_sync=True):
        for step in compiled().rows(circumstances):
            facts = {g: getattr(step.before, g) if g in FACTS else g in circumstances for g in Guard}
            true = {words.holds if facts[guard] else words.fails for guard, words in GUARD_WORDS.items()}
            said = {
                hold.kind
                for hold in holds
                if step.announced in hold.announced and step.before.status in hold.states
                if hold.kind is not AnomalyKind.UNSUPPORTED_STATUS
                if fits(hold.guard, true) and fits(dict(hold.exceptions).get(step.before.status, ""), true)
            }
            assert said == ({step.deviation} if step.deviation and not step.accepted else set())


def fits(guard: str, true: set[str]) -> bool:
    """Whether what a guard says is true: alternatives are joined by "or"."""
    return not guard or any(true.issuperset(words.split(", ")) for words in guard.split(" or "))


def test_every_guard_that_changes_what_is_unexpected_is_explained() -> None:
    notes = "\n".join(drawing.deviations().sketch.notes)
    for guard in (Guard.EXISTS, Guard.LOST, Guard.NEEDS_USER, Guard.RECENT, Guard.YOUNG, Guard.SETTLED):
        words = GUARD_WORDS[guard]
        assert f"{words.holds[0].upper()}{words.holds[1:]}: {words.meaning}" in notes


def test_every_anomaly_is_drawn_in_the_colour_of_its_severity() -> None:
    drawn = read(drawing.deviations())
    for edge in drawn.edges:
        words = (
            edge.label
            + drawn.nodes.get(edge.head, {}).get("label", "")
            + drawn.nodes.get(edge.tail, {}).get("label", "")
        )
        if edge.is_anomalous and edge.label.split("\\n")[0] in set(AnomalyKind):
            assert edge.severity is AnomalyKind(edge.label.split("\\n")[0]).severity
        elif edge.is_anomalous:
            assert edge.severity in {kind.severity for kind in AnomalyKind if kind in words}


def test_every_kind_there_is_is_listed_with_its_severity_and_meaning_the_worst_first() -> None:
    log = drawing.deviations().sketch.log
    assert {line for _, line in log} == {f"{kind} ({kind.severity}): {kind.meaning}" for kind in AnomalyKind}
    assert [look for look, _ in log] == sorted((look for look, _ in log), key=ANOMALOUS.index, reverse=True)


def test_every_kind_of_the_definition_is_named() -> None:
    words = read(drawing.deviations()).words()
    assert {row.kind for row in DEVIATIONS} <= {kind for kind in AnomalyKind if kind in words}


def test_what_is_expected_is_there_for_orientation_only() -> None:
    drawn = read(drawing.deviations())
    assert {edge.attributes["color"] for edge in drawn.edges if not edge.is_anomalous} == {"#d1d5db"}
    assert drawn.statuses == set(Status)

"""The pictures of the machine: they show what the compiled table allows, all of it and nothing else."""

from itertools import pairwise

import pytest

from account_lifecycle import drawing
from account_lifecycle.drawing.life_cycle import main_arrows
from account_lifecycle.drawing.sketch import ANOMALOUS, Look, health_name
from account_lifecycle.drawing.table import (
    GUARD_WORDS,
    Move,
    circumstances_drawn,
    expected_moves,
    fold,
    healths_drawn,
    need_user,
    status_roles,
)
from account_lifecycle.lifecycle.compiled import compiled, health_of
from account_lifecycle.lifecycle.definition import INITIAL, LOSSES, PROVES_LIFE, TERMINAL, Guard
from account_lifecycle.lifecycle.machine import FACTS, Situation
from account_lifecycle.lifecycle.providers import PROFILES, Provider, profile_of
from account_lifecycle.lifecycle.status import Health, Status
from drawing.reading import NAMES, Pair, expand, members, read, rows

WHOLE = [None, True, False]


def expected(announces_sync: bool | None) -> set[Pair]:
    """Every expected move between states that an account of such a provider can be in."""
    steps = [s for s in rows(announces_sync=announces_sync is not False) if s.expected]
    met = {INITIAL, *(step.after.status for step in steps)}
    return {(s.before.status, s.after.status) for s in steps if s.moved and s.before.status in met}


@pytest.mark.parametrize("announces_sync", WHOLE)
def test_every_expected_move_is_drawn_and_no_other(announces_sync: bool | None) -> None:
    assert expand(read(drawing.lifecycle(announces_sync))) == expected(announces_sync)


@pytest.mark.parametrize("provider", Provider)
def test_every_move_of_a_provider_is_drawn_and_no_other(provider: Provider) -> None:
    assert expand(read(drawing.provider(provider))) == expected(PROFILES[provider].announces_sync)


@pytest.mark.parametrize("announces_sync", WHOLE)
def test_what_an_arrow_says_that_it_stands_for_is_what_a_reader_sees(announces_sync: bool | None) -> None:
    picture = drawing.lifecycle(announces_sync)
    covered = {pair for arrow in picture.sketch.arrows for pair in arrow.covers}
    assert covered == expand(read(picture))


def test_every_status_appears() -> None:
    assert read(drawing.lifecycle()).statuses == set(Status)


@pytest.mark.parametrize("provider", Provider)
def test_a_status_that_a_provider_never_announces_is_not_in_its_picture(provider: Provider) -> None:
    announced = PROFILES[provider].announces_sync
    assert (Status.SYNC_SUCCESS in read(drawing.provider(provider)).statuses) is announced


def test_a_move_that_depends_on_a_fact_says_on_which() -> None:
    drawn = read(drawing.lifecycle())
    table = rows(announces_sync=None)
    for tail, head in expected(None):
        always = all(s.expected for s in table if (s.before.status, s.announced) == (tail, head))
        edges = [e for e in drawn.edges if tail in members(e.tail, drawn) and head in members(e.head, drawn)]
        assert bool("".join(edge.label for edge in edges)) is not always, (tail, head)


@pytest.mark.parametrize("move", [m for m in expected_moves() if m.guard], ids=lambda m: f"{m.before}-{m.after}")
def test_a_guard_holds_exactly_where_the_move_is_expected(move: Move) -> None:
    words = move.guard.split(", ")
    for situation in (s for s in compiled().situations if s.status is move.before):
        for circumstances in circumstances_drawn(None):
            known = {g: getattr(situation, g) if g in FACTS else g in circumstances for g in Guard}
            true = {GUARD_WORDS[guard].holds if value else GUARD_WORDS[guard].fails for guard, value in known.items()}
            holds = true.issuperset(words)
            assert holds is compiled().step(situation, move.after, circumstances).expected


def test_a_sync_of_a_lost_account_is_dotted_for_it_needs_that_ok_is_not_subscribed() -> None:
    for picture in (drawing.lifecycle(), drawing.provider("LINKEDIN")):
        edges = [edge for edge in read(picture).edges if (edge.tail, edge.head) == ("GROUP", "SYNC_SUCCESS")]
        assert [edge.attributes["style"] for edge in edges] == ["dotted"]
        assert edges[0].label.replace("\\n", " ").endswith("if OK is not subscribed")
    assert all(arrow.look is not Look.UNHEARD for arrow in drawing.provider("GOOGLE").sketch.arrows)


def test_the_main_chain_runs_from_birth_through_life_and_loss_back_to_life() -> None:
    bold = {pair for arrow in main_arrows(expected_moves(), status_roles()) for pair in arrow.covers}
    birth = (Status.UNSEEN, Status.CONNECTING, Status.CREATION_SUCCESS, Status.SYNC_SUCCESS, Status.OK)
    assert status_roles().birth == birth[:-1]
    assert status_roles().back == (Status.RECONNECTED,)
    assert bold == {
        *pairwise(birth),
        *((Status.OK, loss) for loss in LOSSES),
        *((loss, Status.OK) for loss in LOSSES),
        *((loss, Status.RECONNECTED) for loss in LOSSES),
        (Status.RECONNECTED, Status.OK),
    }
    assert status_roles(announces_sync=False).birth == (Status.UNSEEN, Status.CONNECTING, Status.CREATION_SUCCESS)


def test_the_main_chain_is_the_boldest() -> None:
    edges = read(drawing.lifecycle()).edges
    bold = {(edge.tail, edge.head) for edge in edges if float(edge.attributes["penwidth"]) > 3}
    assert bold >= {("SYNC_SUCCESS", "OK"), ("OK", "GROUP"), ("GROUP", "RECONNECTED"), ("RECONNECTED", "OK")}
    assert all(float(edge.attributes["penwidth"]) < 2 for edge in edges if (edge.tail, edge.head) not in bold)


def test_birth_runs_from_left_to_right_and_the_end_stands_apart() -> None:
    boxes = drawing.lifecycle().placement.boxes
    roles = status_roles()
    along = [boxes[status] for status in (*roles.birth, roles.life, roles.lost[0])]
    assert [box.x for box in along] == sorted(box.x for box in along)
    assert len({boxes[status].y for status in (*roles.birth, roles.life)}) == 1
    assert boxes[TERMINAL].top < min(box.bottom for key, box in boxes.items() if key in NAMES - {TERMINAL})


def test_the_states_stand_in_the_same_order_in_every_picture() -> None:
    pictures = [drawing.lifecycle(), drawing.deviations(), drawing.path([]), drawing.traffic({})]
    orders = [sorted(Status, key=lambda s: (p.placement.boxes[s].x, p.placement.boxes[s].y)) for p in pictures]
    assert all(order == orders[0] for order in orders)


def test_what_most_states_share_is_one_arrow() -> None:
    drawn = read(drawing.lifecycle())
    assert len(drawn.edges) < len(expected(None)) / 3
    shared = [edge for edge in drawn.edges if edge.tail.startswith("ANY_TO")]
    assert {edge.head for edge in shared} == {"CONNECTING", "DELETED", "GROUP"}


def test_a_fold_never_stands_for_a_move_that_is_not_there() -> None:
    moves = expected_moves()
    for missing in moves:
        left = [move for move in moves if move != missing]
        covered = [pair for b in fold(left, status_roles()) for pair in b.covers]
        assert set(covered) == {(move.before, move.after) for move in left}


def test_a_colour_is_what_a_state_means() -> None:
    fills = {status: read(drawing.lifecycle()).nodes[status]["fillcolor"] for status in Status}
    firsts = {status: healths_drawn(status)[0] for status in Status}
    assert len(set(fills.values())) == len(set(firsts.values()))
    assert all((fills[a] == fills[b]) is (firsts[a] is firsts[b]) for a in Status for b in Status)


def test_what_a_state_can_mean_later_is_noted_below() -> None:
    notes = "\n".join(drawing.lifecycle().sketch.notes)
    for status in Status:
        situations = [s for s in compiled().situations if s.status is status]
        meanings = {health_of(s, ever_live=live) for s in situations for live in (False, True)}
        assert set(healths_drawn(status)) == meanings
        more = meanings - {healths_drawn(status)[0]}
        assert (f"{status} can also mean" in notes) is bool(more - {Health.ACTION_REQUIRED})
        assert (status in need_user()) is (Health.ACTION_REQUIRED in more)
    assert "Needs its user" in notes
    assert "then CONNECTING, ERROR and STOPPED mean action required, too." in notes


def test_what_counts_as_live_without_an_ok_is_noted_below() -> None:
    proofs = {True: "SYNC_SUCCESS and RECONNECTED", False: "RECONNECTED"}
    for announces_sync, states in proofs.items():
        notes = "\n".join(drawing.lifecycle(announces_sync).sketch.notes)
        assert f"presumed live in {states}, and past its deadline in CREATION_SUCCESS" in notes


def test_an_expected_announcement_that_changes_nothing_is_noted_below() -> None:
    assert "OK at SYNC_SUCCESS" in "\n".join(drawing.lifecycle().sketch.notes)
    assert "OK at SYNC_SUCCESS" not in "\n".join(drawing.lifecycle(False).sketch.notes)


@pytest.mark.parametrize("provider", Provider)
def test_a_providers_picture_shows_its_deadlines_and_its_session_length(provider: Provider) -> None:
    profile = profile_of(provider)
    drawn = read(drawing.provider(provider))
    for status in drawn.statuses:
        caption = drawn.nodes[f"{status}_caption"]["label"]
        assert ("≤" in caption) is (status in profile.deadlines)
    assert ("sessions end after 365 days" in drawn.words()) is (profile.session_length is not None)
    assert all(cause.text in drawn.words().replace("\\l", " ") for cause in profile.causes)


def test_a_deadline_is_the_providers_own() -> None:
    assert "≤ 2 h" in read(drawing.provider("LINKEDIN")).nodes["CREATION_SUCCESS_caption"]["label"]
    assert "≤ 12 h" in read(drawing.provider("IMAP")).nodes["RECONNECTED_caption"]["label"]
    assert "≤ 15 min" in read(drawing.provider("GOOGLE")).nodes["RECONNECTED_caption"]["label"]


def test_an_alias_is_not_another_provider() -> None:
    assert drawing.provider("OUTLOOK").dot() == drawing.provider("MICROSOFT").dot()


def test_an_unknown_provider_may_announce_anything() -> None:
    assert expand(read(drawing.provider("FAX"))) == expected(True)
    assert "unknown provider ('FAX')" in read(drawing.provider("FAX")).words()


@pytest.mark.parametrize("situation", compiled().situations, ids=str)
def test_a_situation_is_marked_in_the_whole_life_cycle(situation: Situation) -> None:
    graph = drawing.draw_situation(situation).source
    facts = ", ".join(GUARD_WORDS[guard].holds for guard in FACTS if getattr(situation, guard))
    assert [status for status in Status if f"{status}_tag" in graph] == [situation.status]
    assert f"label={health_name(health_of(situation))} " in next(
        line for line in graph.splitlines() if f"{situation.status}_caption [" in line
    ).replace('"', "")
    assert f'"now {situation.status}{f" ({facts})" if facts else ""}\\l"' in graph


def test_the_life_cycle_is_marked_nowhere_by_itself() -> None:
    assert "_tag" not in drawing.lifecycle().dot()
    assert all(arrow.look not in ANOMALOUS for arrow in drawing.lifecycle().sketch.arrows)


def test_the_one_state_that_accounts_should_be_in_is_the_largest() -> None:
    boxes = drawing.lifecycle().placement.boxes
    areas = {status: boxes[status].width * boxes[status].height for status in Status}
    assert max(areas, key=areas.__getitem__) is PROVES_LIFE


def test_every_guard_of_the_definition_has_its_words_and_no_two_share_them() -> None:
    assert set(GUARD_WORDS) == set(Guard)
    words = [word for row in GUARD_WORDS.values() for word in (row.holds, row.fails)]
    assert len(set(words)) == len(words)
    assert not any("," in word for word in words), "a comma stands between two guards on one arrow"

"""The net that is drawn by hand and the compiled table allow the same words; the campaign aligns whole logs with it."""

import pytest

from account_lifecycle.lifecycle.compiled import compiled
from account_lifecycle.lifecycle.definition import ANNOUNCEMENTS, Guard
from campaigns.oracle import NETS, walk_together
from campaigns.oracle_net import Arc, Net

PROFILES = pytest.mark.parametrize(("net", "circumstances"), NETS, ids=["announces syncs", "does not"])


@PROFILES
def test_the_net_has_a_place_for_every_situation_that_expected_words_reach(
    net: Net, circumstances: frozenset[Guard]
) -> None:
    places, situations = zip(*walk_together(net, circumstances), strict=True)
    assert set(places) == set(net.places)
    assert len(set(situations)) == len(situations)


@PROFILES
def test_net_and_table_expect_the_same_words_after_every_expected_life(
    net: Net, circumstances: frozenset[Guard]
) -> None:
    for place, situation in walk_together(net, circumstances):
        steps = [compiled().step(situation, word, circumstances) for word in ANNOUNCEMENTS]
        assert {arc.word for arc in net.arcs if arc.source == place} == {s.announced for s in steps if s.expected}


@PROFILES
def test_a_word_that_is_announced_again_is_always_expected_so_redeliveries_need_not_be_left_out(
    net: Net, circumstances: frozenset[Guard]
) -> None:
    assert [arc for arc in net.arcs if Arc(arc.target, arc.word, arc.target) not in net.arcs] == []

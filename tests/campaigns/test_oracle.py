"""The net that is drawn by hand and the compiled table allow the same words; the campaign aligns whole logs with it."""

import pytest

from account_lifecycle.lifecycle.compiled import compiled
from campaigns.oracle import walk_together
from campaigns.oracle_net import QUIET, TALKATIVE, Arc, Net

PROFILES = pytest.mark.parametrize(("net", "announces_sync"), [(TALKATIVE, True), (QUIET, False)])


@PROFILES
def test_the_net_has_a_place_for_every_situation_that_expected_words_reach(net: Net, announces_sync: bool) -> None:
    places, situations = zip(*walk_together(net, announces_sync), strict=True)
    assert set(places) == set(net.places)
    assert len(set(situations)) == len(situations)


@PROFILES
def test_net_and_table_expect_the_same_words_after_every_expected_life(net: Net, announces_sync: bool) -> None:
    for place, situation in walk_together(net, announces_sync):
        steps = compiled().steps[announces_sync][False][situation]
        assert {arc.word for arc in net.arcs if arc.source == place} == {w for w, s in steps.items() if s.expected}


@PROFILES
def test_a_word_that_is_announced_again_is_always_expected_so_redeliveries_need_not_be_left_out(
    net: Net, announces_sync: bool
) -> None:
    assert [arc for arc in net.arcs if Arc(arc.target, arc.word, arc.target) not in net.arcs] == []

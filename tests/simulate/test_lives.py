"""Lives: every story of an account is expected, and true to its provider."""

from collections.abc import Iterator
from itertools import pairwise
from random import Random

import pytest

from account_lifecycle.lifecycle.compiled import Step, compiled
from account_lifecycle.lifecycle.definition import FINISHES_SYNC, INITIAL, LOSSES, PROVES_LIFE, SIGNS_IN, TERMINAL
from account_lifecycle.lifecycle.evidence import circumstances_of
from account_lifecycle.lifecycle.machine import INITIAL_SITUATION, Situation, situation_of
from account_lifecycle.lifecycle.providers import ALIASES, DEADLINES, PROFILES, Provider
from account_lifecycle.lifecycle.status import Status
from account_lifecycle.simulate import lives
from account_lifecycle.simulate.lives import (
    BY_WEBHOOK,
    EXPIRED,
    TRAITS,
    Announcement,
    Channel,
    Character,
    LifeStep,
    LifeStory,
    Traits,
    announced,
    draw_character,
    live,
    traits_of,
)

DAY_US = 86_400_000_000
ALIVE = situation_of(PROVES_LIFE, True, False, False)


def births(provider: Provider) -> list[LifeStory]:
    return [story for story, _ in traits_of(provider).births]


def episodes(provider: Provider) -> list[LifeStory]:
    return [story for story, _ in traits_of(provider).episodes] + [EXPIRED]


def stories(provider: Provider) -> Iterator[tuple[str, Situation, bool, list[tuple[LifeStep, str]]]]:
    """Every story as every kind of account of a provider announces it: name, start, whether it ends, what is said."""
    for products, _ in traits_of(provider).products:
        for story in births(provider):
            yield f"{story.name} {products}", INITIAL_SITUATION, story.ends, list(announced(story, products))
        for story in episodes(provider):
            yield f"{story.name} {products}", ALIVE, story.ends, list(announced(story, products))


def walk(
    provider: Provider, start: Situation, said: list[tuple[LifeStep, str]]
) -> Iterator[tuple[Situation, LifeStep, str, bool]]:
    """The situation before each step, the step, its product, and whether it is the twin of the one before.

    As in a life, steps that the machine does not expect are left out.
    """
    situation, last = start, None
    for step, product in said:
        is_twin = (step.status, product) == last
        if is_twin or answer(provider, situation, step.status).expected:
            yield situation, step, product, is_twin
            situation = situation if is_twin else answer(provider, situation, step.status).after
            last = (step.status, product)


def answer(provider: Provider, situation: Situation, status: Status) -> Step:
    return compiled().step(situation, status, circumstances_of(provider))


def test_every_step_of_every_story_is_expected():
    """A definition that does not expect one leaves it out of all lives: then that story needs another step."""
    left_out = {}
    for provider in Provider:
        for name, start, _, said in stories(provider):
            situation, walked = start, {id(step) for _, step, _, _ in walk(provider, start, said)}
            for step, _ in said:
                if id(step) not in walked:
                    left_out[f"{step.status} in {situation.status}"] = name
                elif answer(provider, situation, step.status).accepted:
                    situation = answer(provider, situation, step.status).after
    assert left_out == {}


@pytest.mark.parametrize("provider", Provider)
def test_every_story_leaves_the_account_alive_unless_it_ends_it(provider):
    for name, start, ends, said in stories(provider):
        situation, step, _, _ = list(walk(provider, start, said))[-1]
        assert ends or answer(provider, situation, step.status).after == ALIVE, name


@pytest.mark.parametrize("provider", Provider)
def test_nothing_is_announced_twice_in_a_row_but_the_webhook_that_follows_a_notification(provider):
    for name, _, _, said in stories(provider):
        for (before, product_before), (after, product_after) in pairwise(said):
            if (before.status, product_before) == (after.status, product_after):
                assert (before.channel, after.channel) == (Channel.NOTIFY, Channel.WEBHOOK), name
                assert after.wait.longest_s < 60, name


@pytest.mark.parametrize("provider", Provider)
def test_no_episode_begins_with_what_another_story_ends_with(provider):
    ends = {story.steps[-1].status for story in births(provider) + episodes(provider) if not story.ends}
    assert ends.isdisjoint(story.steps[0].status for story in episodes(provider))


@pytest.mark.parametrize("provider", Provider)
def test_even_the_longest_stay_in_a_transient_status_is_within_its_deadline(provider):
    for name, start, _, said in stories(provider):
        stay_s = 0.0
        for situation, step, _, is_twin in walk(provider, start, said):
            stay_s += step.wait.longest_s
            if not is_twin and answer(provider, situation, step.status).moved:
                allowed = PROFILES[provider].deadlines.get(situation.status)
                assert allowed is None or stay_s < allowed.total_seconds(), f"{name}: {situation.status}"
                stay_s = 0.0
        assert answer(provider, situation, step.status).after.status not in DEADLINES, name


@pytest.mark.parametrize("provider", Provider)
def test_the_words_and_products_of_an_account_are_those_of_its_provider(provider):
    kin, profile = traits_of(provider), PROFILES[provider]
    assert {ALIASES[word] for words, _ in kin.words for word in words} == {provider}
    for products, _ in kin.products:
        assert bool(products) == profile.announces_sync
        assert profile.has_products or not any(products)


def test_premium_accounts_announce_the_classic_product_and_their_own():
    several = {products for products, _ in traits_of(Provider.LINKEDIN).products if len(products) > 1}
    assert several == {("classic", "recruiter"), ("classic", "sales_navigator")}


def lives_of(provider: Provider, count: int, days: int) -> Iterator[list[Announcement]]:
    random = Random(f"{provider} {count}")
    for _ in range(count):
        yield list(live(draw_character(random, [provider]), random, days * DAY_US))


@pytest.mark.parametrize("provider", Provider)
def test_a_life_that_is_cut_short_has_come_to_rest(provider):
    for days in (0, 1, 30, 300):
        for life in lives_of(provider, 40, days):
            resting = life[-1].status if life else INITIAL
            early_ok = any(said.status is PROVES_LIFE for said in life[-3:-1])  # usable before its sync was over
            assert resting not in DEADLINES or (resting is FINISHES_SYNC and early_ok)


@pytest.mark.parametrize("provider", Provider)
def test_time_passes_with_every_announcement(provider):
    for life in lives_of(provider, 20, 400):
        assert all(before.at_us < after.at_us for before, after in pairwise(life))


@pytest.mark.parametrize("provider", [p for p in Provider if not PROFILES[p].announces_sync])
def test_a_provider_that_never_announces_a_finished_sync_never_does(provider):
    assert not any(said.status is FINISHES_SYNC for life in lives_of(provider, 30, 700) for said in life)


@pytest.mark.parametrize("provider", [p for p in Provider if PROFILES[p].session_length is not None])
def test_a_session_that_is_a_year_old_expires_unless_the_account_is_in_trouble_already(provider):
    length_us = int(PROFILES[provider].session_length.total_seconds() * 1e6)
    expired = 0
    for life in lives_of(provider, 60, 900):
        signed_in_us = 0
        for before, after in pairwise(life):
            if before.status in SIGNS_IN:
                signed_in_us = before.at_us
            due_us = signed_in_us + length_us
            if before.status is PROVES_LIFE and before.at_us < due_us <= after.at_us:
                assert after.status in LOSSES
                assert after.at_us - due_us < 10_000_000
                expired += 1
    assert expired


def test_every_fate_befalls_some_account():
    lives = [life for provider in Provider for life in lives_of(provider, 60, 700)]
    assert {said.status for life in lives for said in life} == set(Status) - {INITIAL}
    assert {said.channel for life in lives for said in life} == set(Channel)
    assert any(life[-1].status is TERMINAL for life in lives)


def test_the_same_random_numbers_give_the_same_life():
    character = Character(Provider.LINKEDIN, ("LINKEDIN",), ("classic", "recruiter"))
    first, second = (list(live(character, Random(7), 500 * DAY_US)) for _ in range(2))
    assert first == second
    assert first != list(live(character, Random(8), 500 * DAY_US))


def test_only_the_providers_that_are_asked_for_are_drawn_and_all_of_them():
    random = Random(1)
    asked = [Provider.X, Provider.IMAP]
    assert {draw_character(random, asked).provider for _ in range(50)} == set(asked)


# ---- Edits elsewhere that need none here ---------------------------------------------------------------


def test_a_provider_without_a_row_of_its_own_lives_all_the_same(monkeypatch):
    monkeypatch.delitem(TRAITS, Provider.IMAP)
    traits_of.cache_clear()
    try:
        words = {word for words, _ in traits_of(Provider.IMAP).words for word in words}
        assert words == {word for word, family in ALIASES.items() if family is Provider.IMAP}
        assert all(len(life) for life in lives_of(Provider.IMAP, 3, 400))
    finally:
        traits_of.cache_clear()


def test_a_new_account_type_is_used_by_the_accounts_of_its_provider(monkeypatch):
    monkeypatch.setitem(ALIASES, "MAIL_V2", Provider.IMAP)
    traits_of.cache_clear()
    try:
        assert (("MAIL_V2",), 1.0) in traits_of(Provider.IMAP).words
    finally:
        traits_of.cache_clear()


def test_a_row_with_an_account_type_of_another_provider_is_refused_by_name(monkeypatch):
    monkeypatch.setitem(TRAITS, Provider.X, Traits(words=((("MAIL",), 1),)))
    traits_of.cache_clear()
    try:
        with pytest.raises(ValueError, match=r"TRAITS\[X\]: 'MAIL' is not an account type of X"):
            traits_of(Provider.X)
    finally:
        traits_of.cache_clear()


def test_a_step_that_the_machine_does_not_expect_is_left_out():
    story = LifeStory("odd", (LifeStep(Status("SYNC_SUCCESS"), EXPIRED.steps[0].wait), *BY_WEBHOOK.steps), ends=True)
    traits = traits_of(Provider.IMAP)._replace(births=((story, 1),))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lives, "traits_of", lambda _: traits)
        life = list(live(Character(Provider.IMAP, ("IMAP",), ("",)), Random(1), 500 * DAY_US))
    assert [said.status for said in life] == ["CREATION_SUCCESS", "SYNC_SUCCESS", "OK"]

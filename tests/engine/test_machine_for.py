"""A machine for one account, to ask and to try things on: the store never hears of it."""

import gc
import weakref

import pytest
from transitions import MachineError

from account_lifecycle import Engine, Status
from account_lifecycle.lifecycle.compiled import compiled
from account_lifecycle.lifecycle.definition import ANNOUNCEMENTS
from account_lifecycle.lifecycle.evidence import circumstances_of
from account_lifecycle.lifecycle.machine import Situation, build_machine, situation_of
from account_lifecycle.lifecycle.providers import PROFILES
from builders import webhook
from stores.scenarios import words_to


@pytest.mark.parametrize("situation", compiled().situations, ids=lambda s: str(s).replace(" ", "-"))
@pytest.mark.parametrize("provider", ["LINKEDIN", "X"])
def test_what_it_allows_is_what_the_engine_finds_lawful(engine: Engine, situation: Situation, provider: str) -> None:
    for word in words_to(situation) or ("NEVER_HEARD_OF",):
        engine.feed_event(webhook("a", word, None))
    engine.feed_event(webhook("a", "NEVER_HEARD_OF", provider))  # tells the provider, and moves nothing
    machine = engine.machine_for("a")
    assert machine.situation == situation
    circumstances = circumstances_of(provider)
    table = {word: compiled().step(situation, word, circumstances) for word in ANNOUNCEMENTS}
    for announced in ANNOUNCEMENTS:
        assert getattr(machine, f"may_{announced}")() is table[announced].expected, announced
    assert machine.expected() == tuple(word for word in ANNOUNCEMENTS if table[word].expected)


def test_an_account_that_was_never_heard_of_is_unseen(engine: Engine) -> None:
    machine = engine.machine_for("nobody")
    assert machine.state is Status.UNSEEN
    assert machine.expected() == (Status.CONNECTING, Status.CREATION_SUCCESS, Status.CREATION_FAIL)
    assert engine.account("nobody") is None


def test_trying_things_on_it_moves_the_model_and_never_the_account(engine: Engine) -> None:
    before = engine.feed_event(webhook("a", "CREATION_SUCCESS")).account
    machine = engine.machine_for("a")
    assert machine.OK()
    assert machine.CREDENTIALS()
    assert machine.situation is situation_of(Status.CREDENTIALS, True, True, True)
    assert not machine.may_SYNC_SUCCESS()
    assert engine.account("a") == before
    assert len(engine.history("a")) == 1
    assert engine.machine_for("a").state is Status.CREATION_SUCCESS


def test_what_is_not_lawful_is_refused_by_the_machine(engine: Engine) -> None:
    engine.feed_event(webhook("a", "DELETED"))
    machine = engine.machine_for("a")
    with pytest.raises(MachineError):
        machine.OK()
    assert machine.state is Status.DELETED


def test_a_guard_says_no_without_an_error(engine: Engine) -> None:
    engine.feed_event(webhook("a", "CONNECTING"))
    machine = engine.machine_for("a")
    assert machine.OK() is False
    assert machine.state is Status.CONNECTING


@pytest.mark.parametrize("provider", PROFILES)
def test_only_a_provider_that_announces_syncs_may_finish_one(engine: Engine, provider: str) -> None:
    engine.feed_event(webhook("a", "CREATION_SUCCESS", provider))
    announces = provider in {"LINKEDIN", "IMAP", "WHATSAPP", "INSTAGRAM", "TELEGRAM"}
    assert engine.machine_for("a").may_SYNC_SUCCESS() is announces


def test_two_models_of_one_account_do_not_move_each_other(engine: Engine) -> None:
    engine.feed_event(webhook("a", "OK"))
    first, second = engine.machine_for("a"), engine.machine_for("a")
    first.DELETED()
    assert (first.state, second.state) == (Status.DELETED, Status.OK)
    assert second.ERROR()


def test_the_shared_machine_keeps_no_model_that_was_asked_for(engine: Engine) -> None:
    models = [engine.machine_for(f"account-{number}") for number in range(50)]
    assert build_machine().models == []
    remembered = weakref.ref(models.pop())
    gc.collect()
    assert remembered() is None

"""The circuit: after failures in a row a receiver is left alone, for longer each time, until one probe gets through."""

from datetime import timedelta
from threading import Barrier, Thread

from account_lifecycle.webhooks.endpoint import Circuit, Entry
from builders import T0, at

GO = Entry()
PROBE = Entry(is_probe=True)


def a_circuit(failures_limit: int = 3) -> Circuit:
    """Pauses of 1, 2, 4, 5, 5 … minutes; a probe may take half a minute."""
    return Circuit(failures_limit, timedelta(minutes=1), timedelta(minutes=5), probe=timedelta(seconds=30))


def opened() -> Circuit:
    circuit = a_circuit()
    for _ in range(3):
        circuit.leave(circuit.enter(T0), T0, failed=True)
    return circuit


def test_it_opens_after_failures_in_a_row_and_not_before() -> None:
    circuit = a_circuit(failures_limit=3)
    for _ in range(3):
        entry = circuit.enter(T0)
        assert entry == GO
        circuit.leave(entry, T0, failed=True)
    assert circuit.enter(T0) == Entry(waits_until=at(1))


def test_a_success_in_between_starts_the_count_anew() -> None:
    circuit = a_circuit(failures_limit=2)
    for failed in (True, False, True, False, True):
        circuit.leave(circuit.enter(T0), T0, failed=failed)
    assert circuit.enter(T0) == GO


def test_after_the_pause_one_call_goes_ahead_and_the_others_wait_for_it() -> None:
    circuit = opened()
    assert circuit.enter(at(0.99)).waits_until == at(1)
    assert circuit.enter(at(1)) == PROBE
    assert circuit.enter(at(1)) == Entry(waits_until=at(1.5))


def test_a_probe_that_gets_through_lets_everybody_go_ahead() -> None:
    circuit = opened()
    circuit.leave(circuit.enter(at(1)), at(1), failed=False)
    assert [circuit.enter(at(1)) for _ in range(3)] == [GO, GO, GO]


def test_after_it_has_closed_the_count_and_the_pauses_begin_anew() -> None:
    circuit = opened()
    circuit.leave(circuit.enter(at(1)), at(1), failed=True)
    circuit.leave(circuit.enter(at(3)), at(3), failed=False)
    for _ in range(3):
        assert circuit.enter(at(3)) == GO
        circuit.leave(GO, at(3), failed=True)
    assert circuit.enter(at(3)).waits_until == at(4)


def test_each_probe_that_fails_doubles_the_pause_up_to_the_longest() -> None:
    circuit, now, pauses = opened(), at(1), []
    for _ in range(5):
        circuit.leave(circuit.enter(now), now, failed=True)
        waits_until = circuit.enter(now).waits_until
        assert waits_until is not None
        pauses.append((waits_until - now) / timedelta(minutes=1))
        now = waits_until
    assert pauses == [2, 4, 5, 5, 5]


def test_a_probe_that_never_comes_back_is_followed_by_another() -> None:
    circuit = opened()
    assert circuit.enter(at(1)) == PROBE
    assert circuit.enter(at(1.5)) == PROBE


def test_failures_of_calls_that_were_under_way_do_not_lengthen_the_pause() -> None:
    circuit = a_circuit(failures_limit=1)
    entries = [circuit.enter(T0) for _ in range(5)]
    for entry in entries:
        circuit.leave(entry, T0, failed=True)
    assert circuit.enter(T0).waits_until == at(1)


def test_of_many_threads_exactly_one_is_the_probe() -> None:
    for _ in range(20):
        circuit, barrier = opened(), Barrier(8)
        entries: list[Entry] = []

        def enter(circuit: Circuit = circuit, barrier: Barrier = barrier, entries: list[Entry] = entries) -> None:
            barrier.wait()
            entries.append(circuit.enter(at(1)))

        threads = [Thread(target=enter) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert entries.count(PROBE) == 1
        assert len(entries) == 8

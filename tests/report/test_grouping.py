"""Groups: what is told once, in which order, and how little of it is kept."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from account_lifecycle import AnomalyKind, Severity, Status
from account_lifecycle.report.grouping import MAX_FOREIGN_GROUPS, OTHER_WORDS, group
from builders import T0, at
from report.fleet import anomaly, stranger


def test_anomalies_that_deviate_in_the_same_way_become_one_group() -> None:
    (found,) = group([anomaly(account_id="a"), anomaly(account_id="b"), anomaly(account_id="c")])
    assert (found.kind, found.before, found.announced, found.provider) == (
        AnomalyKind.AFTER_DELETION, Status.DELETED, "OK", "LINKEDIN",
    )  # fmt: skip
    assert found.count == 3


def test_another_kind_status_announcement_or_provider_is_another_group() -> None:
    alike = anomaly()
    others = [
        anomaly(AnomalyKind.PROVIDER_CHANGED),
        anomaly(before=Status.OK),
        anomaly(announced="ERROR"),
        anomaly(provider="IMAP"),
        anomaly(provider=None),
    ]
    assert len(group([alike, *others])) == 6


def test_a_group_tells_the_first_and_the_last_time_whatever_the_order() -> None:
    (found,) = group(
        [anomaly(found_at=at(5)), anomaly(found_at=at(1)), anomaly(found_at=at(9)), anomaly(found_at=at(7))]
    )
    assert (found.first_seen, found.last_seen) == (at(1), at(9))


def test_the_example_is_the_latest_anomaly() -> None:
    (found,) = group([anomaly(found_at=at(1)), anomaly(found_at=at(9), account_id="latest"), anomaly(found_at=at(5))])
    assert found.example.account_id == "latest"


def test_errors_come_first_and_then_what_is_most_frequent() -> None:
    found = group(
        [
            *[anomaly(AnomalyKind.LATE_EVENT)] * 9,
            *[anomaly(AnomalyKind.STUCK)] * 2,
            *[anomaly(AnomalyKind.SYNC_WHILE_LOST)] * 3,
            anomaly(AnomalyKind.AFTER_DELETION),
        ]
    )
    assert [g.kind for g in found] == ["AFTER_DELETION", "SYNC_WHILE_LOST", "STUCK", "LATE_EVENT"]
    assert [g.severity for g in found] == [Severity.ERROR, Severity.WARNING, Severity.WARNING, Severity.INFO]


KNOWN = st.builds(
    anomaly,
    st.sampled_from(AnomalyKind),
    announced=st.sampled_from(["OK", "ERROR", "CONNECTING"]),
    before=st.sampled_from([Status.UNSEEN, Status.OK, Status.DELETED]),
    provider=st.sampled_from([None, "IMAP", "X"]),
    found_at=st.integers(0, 9).map(lambda minutes: T0 + timedelta(minutes=minutes)),
)


@given(st.lists(KNOWN), st.randoms())
def test_the_groups_do_not_depend_on_the_order_of_the_stream(found: list, random) -> None:
    shuffled = random.sample(found, len(found))
    assert [g._replace(example=None) for g in group(shuffled)] == [g._replace(example=None) for g in group(found)]


@given(st.lists(st.one_of(KNOWN, st.builds(stranger, st.text(max_size=3)))))
def test_every_anomaly_is_counted_in_exactly_one_group(found: list) -> None:
    assert sum(g.count for g in group(found)) == len(found)


def test_a_flood_of_unknown_words_is_folded_into_one_group() -> None:
    found = group(stranger(f"WORD {number}") for number in range(5000))
    assert len(found) == MAX_FOREIGN_GROUPS + 1
    assert (found[0].announced, found[0].count) == (OTHER_WORDS, 5000 - MAX_FOREIGN_GROUPS)


def test_unknown_words_and_unknown_providers_together_do_not_multiply() -> None:
    found = group(stranger(f"WORD {number % 100}", provider=f"P{number}") for number in range(5000))
    assert len(found) == MAX_FOREIGN_GROUPS + 1


def test_a_known_provider_keeps_its_own_group_of_other_words() -> None:
    flood = [stranger(f"WORD {number}", provider="X") for number in range(MAX_FOREIGN_GROUPS)]
    found = group([*flood, stranger("ONE MORE", provider="IMAP"), stranger("ANOTHER", provider="IMAP")])
    assert [(g.provider, g.count) for g in found if g.announced == OTHER_WORDS] == [("IMAP", 2)]


def test_the_flood_takes_no_group_from_known_words() -> None:
    flood = [stranger(f"WORD {number}") for number in range(5000)]
    assert [g.announced for g in group([*flood, anomaly()]) if g.kind is AnomalyKind.AFTER_DELETION] == ["OK"]


def test_an_unknown_word_that_has_a_group_keeps_being_counted_in_it() -> None:
    flood = [stranger(f"WORD {number}") for number in range(5000)]
    found = group([stranger("PAUSED"), *flood, stranger("PAUSED")])
    assert [g.count for g in found if g.announced == "PAUSED"] == [2]


def test_nothing_makes_no_groups() -> None:
    assert group([]) == []

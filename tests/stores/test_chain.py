"""The chain's format: whoever has a row can compute its digest with JSON and SHA-256 and nothing of ours."""

import json
from hashlib import sha256
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from account_lifecycle.lifecycle.decide import Decision
from account_lifecycle.lifecycle.events import DeadlinePassed, StatusAnnounced, StatusObserved
from account_lifecycle.stores import chain, rows
from account_lifecycle.stores.decided import text_of
from builders import announced, judged
from stores.scenarios import events_with_every_anomaly, events_with_every_window


def sealed(previous: bytes, decision: Decision, rules: str) -> bytes:
    """The digest of a decision, as a store computes it."""
    row, odd = rows.event_row(1, 7, decision, text_of(decision)), list(rows.anomaly_rows(1, decision))
    return chain.sealed(previous, decision.after.account_id, row, (rules, 0), odd)


def by_hand(previous: bytes, decision: Decision, rules: str) -> bytes:
    """The same, written down once more from the description of the format."""
    event = decision.event
    kind, signed_in_at = {StatusAnnounced: "announced", StatusObserved: "observed"}.get(type(event)), None
    since = allowed = None
    if isinstance(event, DeadlinePassed):
        kind, since, allowed = str(event.kind), us(event.since), int(event.allowed.total_seconds() * 1_000_000)
    if isinstance(event, StatusObserved):
        signed_in_at = us(event.signed_in_at)
    owner, reason = (getattr(event, "owner", "") or ""), getattr(event, "reason", "")
    texts = b"".join(str(len(text.encode())).encode() + b":" + text.encode() for text in (owner, reason))
    private = sha256(texts + getattr(event, "payload", b"")).hexdigest()
    provider = getattr(event, "provider", None)
    told: list[Any] = [event.account_id, decision.sequence, us(event.received_at), kind, str(event.status)]
    told += [getattr(event, "product", ""), provider and str(provider), since, allowed, signed_in_at]
    of_owner = ("claimed", "creation_failed") if owner else ()
    effects = [
        [str(kind), None if kind in of_owner and subject == owner else str(subject)] + [1] * doubtful
        for kind, subject, doubtful, _ in decision.effects
    ]
    decided: list[Any] = [str(decision.verdict)]
    for situation in (decision.before.situation, decision.after.situation):
        facts = [name for name in ("exists", "lost", "needs_user") if getattr(situation, name)]
        decided.append(" ".join([str(situation.status), *facts]))
    told += [[*decided, effects], rules, private]
    told.append([
        [n, str(a.kind), a.provider and str(a.provider), rows.evidence_text(a)]
        for n, a in enumerate(decision.anomalies)
    ])  # fmt: skip
    text = json.dumps([*told, 0], separators=(",", ":"))
    return sha256(previous + text.encode("ascii")).digest()


def us(at: Any) -> Any:
    return None if at is None else int(at.timestamp() * 1_000_000)


def test_the_digest_of_a_known_event_is_the_known_one() -> None:
    event = announced("a/1 é", "OK", 7, "LINKEDIN", name="user-1", payload=b'{"x": 1}', reason="no")
    text = (
        '["a/1 \\u00e9",1,1777637220000000,"announced","OK","","LINKEDIN",null,null,null,'
        '["APPLIED","UNSEEN","OK exists",[["entered","OK"],["health_changed","LIVE"],["connected","adopted"],'
        '["claimed",null],["anomaly","ADOPTED"]]],"0123456789ab/{}",'
        f'"{sha256(b"6:user-12:no" + event.payload).hexdigest()}",'
        '[[0,"ADOPTED","LINKEDIN","{\\"health\\":\\"LIVE\\",\\"moved\\":true}"]],0]'
    )
    (decision,) = judged([event])
    found = sealed(chain.GENESIS, decision, "0123456789ab/{}")
    assert found == sha256(bytes(32) + text.encode()).digest()


def test_every_kind_of_event_is_sealed_as_the_format_says() -> None:
    previous = chain.GENESIS
    for decision in judged([*events_with_every_anomaly(), *events_with_every_window()]):
        digest = sealed(previous, decision, "rules")
        assert digest == by_hand(previous, decision, "rules")
        previous = digest


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.text(max_size=5), st.binary(max_size=20))
@example("ERROR", "", b"")  # an owner who is called like a status
def test_any_text_and_any_bytes_are_sealed_as_the_format_says(word: str, rules: str, payload: bytes) -> None:
    (decision,) = judged([announced(word, word, 0, word, word, word, payload, rules)])
    assert sealed(b"before", decision, rules) == by_hand(b"before", decision, rules)


def test_an_owner_cannot_pass_for_the_beginning_of_a_reason_nor_a_reason_for_that_of_a_payload() -> None:
    assert len({chain.private_digest(*each) for each in (("ab", "c", b"d"), ("a", "bc", b"d"), ("ab", "", b"cd"))}) == 3


def test_no_owner_and_a_blank_one_are_the_same() -> None:
    assert chain.private_digest(None, "", b"x") == chain.private_digest("", "", b"x") == sha256(b"0:0:x").digest()


def test_an_erased_payload_keeps_its_place_in_the_quarantine_by_its_digest() -> None:
    kept = (1, 2, b"payload", 7, "field", "reason", None, "", None, "")
    erased = (1, 2, None, 7, "field", "reason", None, "", None, "")
    private = chain.private_digest(None, "", b"payload")
    assert chain.quarantine_digest(kept) == chain.quarantine_digest(erased, private)
    expected = ["quarantine", 1, 2, private.hex(), 7, "field", "reason", None, "", None, ""]
    assert chain.quarantine_digest(kept) == sha256(json.dumps(expected, separators=(",", ":")).encode()).digest()


def test_a_row_of_one_table_cannot_stand_in_another() -> None:
    assert chain.row_digest("hook", ("a", 1)) != chain.row_digest("counter", ("a", 1))


def test_a_truth_is_a_number_and_bytes_are_hexadecimal() -> None:
    assert chain.row_digest("t", (True, None, b"\x0f")) == sha256(b'["t",1,null,"0f"]').digest()

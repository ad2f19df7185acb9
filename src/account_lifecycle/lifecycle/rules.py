"""What an event is judged by, as data that is kept with the ledger.

Judging is code over data: ``decide`` and ``apply`` over the compiled table's source and a policy. The data is written
as JSON, and an event names it by its digest. So an event can be judged again after providers, words, rows of the
definition or defaults of the policy have changed: by the same code, over the data of its day. What is in code has a
version, ``ORDER_OF_JUDGING``, which is part of the data; what another version judged cannot be judged again.
"""

import json
import zlib
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from itertools import product
from typing import Any, NamedTuple

from . import apply, decide, definition
from .anomalies import AnomalyKind
from .compiled import CellAnswers, CellOutcome, CompiledTable, Healths, ProviderTraits, Source
from .definition import Guard
from .machine import Situation, situation_from, situation_text
from .policy import Policy, policy_from
from .status import Health, Status
from .wording import JsonObject

ORDER_OF_JUDGING = 5
"""Raised whenever ``decide`` or ``apply`` decide anything differently over the same data."""
READING = 1
"""Raised whenever a payload that could be read is read as another event."""
NAME_LENGTH = 32
"""How many hexadecimal digits of its SHA-256 the data is named by."""
MAX_RULES_BYTES = 1 << 20
"""The longest data that is read."""


class Rules(NamedTuple):
    """What an event is judged by."""

    name: str
    """Hexadecimal digits, computed from the data; blank for a step that has none."""
    content: bytes = b""
    """The data: JSON, compressed by zlib."""


UNNAMED = Rules("")
"""Of a step that cannot be named: what it decides cannot be judged again."""


def rules_of(policy: Policy) -> Rules:
    """Return the rules in force: the data that a policy judges by, and its name."""
    found = {"code": _code(), "reading": READING, "policy": policy.to_dict(), **_table_dict(policy.table)}
    text = json.dumps(found, separators=(",", ":")).encode()
    return Rules(_name_of(text), zlib.compress(text, 9))


def _read(rules: Rules) -> tuple[Policy | None, bool]:
    """Return the policy that judges as it did when these rules were in force, and whether payloads are read as then.

    None if this version cannot: if other code judged, or if the data is not what its name says.
    """
    try:
        text = _text_of(rules)
        found = {} if text is None else json.loads(text)
        if not found or found["code"] != _code():
            return None, False
        return policy_from(found["policy"]).judging_by(_table_from(found)), found["reading"] == READING
    except (ValueError, TypeError, LookupError, AttributeError):
        return None, False


class RecordedPolicies:
    """The policies by which events were judged, by the names of their rules."""

    __slots__ = ("_load", "_policies")

    def __init__(self, load: Callable[[], Iterable[Rules]]) -> None:
        """``load`` returns what is kept of them; it is called again for a name that was not there before."""
        self._load = load
        self._policies: dict[str, tuple[Policy | None, bool]] = {"": (None, False)}

    def policy(self, name: str) -> Policy | None:
        """Return the policy of a name; None if its data is not there, or this version cannot judge by it."""
        return self._find(name)[0]

    def reads_alike(self, name: str) -> bool:
        """Return whether payloads are read today as they were under the rules of a name, as far as that is known."""
        return self._find(name)[1]

    def _find(self, name: str) -> tuple[Policy | None, bool]:
        if name not in self._policies:
            found = {each.name: each for each in self._load() if each.name not in self._policies}
            self._policies |= {name: (None, False), **{each: _read(rules) for each, rules in found.items()}}
        return self._policies[name]


def is_named_rightly(rules: Rules) -> bool:
    """Return whether the data is what its name says."""
    return _text_of(rules) is not None


def _name_of(text: bytes) -> str:
    return sha256(text).hexdigest()[:NAME_LENGTH]


def _text_of(rules: Rules) -> bytes | None:
    reader = zlib.decompressobj()
    try:
        text = reader.decompress(rules.content, MAX_RULES_BYTES)
    except (zlib.error, TypeError):
        return None
    return text if reader.eof and not reader.unused_data and _name_of(text) == rules.name else None


def _code() -> list[Any]:
    """Return what of judging is no data: the version of the code, and what the code takes for granted."""
    words = (
        definition.INITIAL,
        definition.TERMINAL,
        definition.BIRTH,
        definition.PROVES_LIFE,
        definition.FINISHES_SYNC,
    )
    lengths = [length.total_seconds() for length in (decide.ABSENCE, decide.SURVIVAL, decide.SYNCED_WITHIN)]
    return [
        ORDER_OF_JUDGING,
        *words,
        *definition.DOWN,
        *lengths,
        decide.PREMIUM_SYNCS,
        apply.MAX_HEARD,
        apply.MAX_HELD,
        apply.MAX_FAILED,
        apply.MAX_PRODUCTS,
    ]


# ---- The table as JSON ------------------------------------------------------------------------------------


def _table_dict(table: CompiledTable) -> JsonObject:
    source = table.source
    return {
        "words": source.words,
        "losses": source.losses,
        "signs_in": source.signs_in,
        "presumed_live": source.presumed_live,
        "settles_into_ok": source.settles_into_ok,
        "providers": {str(provider): traits for provider, traits in sorted(source.providers.items(), key=str)},
        "permissive": source.permissive,
        "healths": _by_text((situation_text(here), healths) for here, healths in source.healths.items()),
        "observed": _nested((here, word, situation_text(after)) for (here, word), after in source.observed.items()),
        "answers": _nested((here, word, _answers_list(answers)) for (here, word), answers in source.answers.items()),
    }


def _by_text(pairs: Iterable[tuple[str, Any]]) -> JsonObject:
    return dict(sorted(pairs, key=lambda pair: pair[0]))


def _nested(cells: Iterable[tuple[Situation, Status, Any]]) -> JsonObject:
    rows: dict[str, dict[str, Any]] = {}
    for here, word, value in cells:
        rows.setdefault(situation_text(here), {})[word] = value
    return _by_text((here, _by_text(row.items())) for here, row in rows.items())


def _answers_list(answers: CellAnswers) -> list[Any]:
    """Return guards, and outcomes in the order of their truths, false before true."""
    outcomes = [answers.outcomes[held] for held in sorted(answers.outcomes)]
    return [answers.guards, [[situation_text(o.after), int(o.accepted), o.deviation] for o in outcomes]]


def _table_from(found: JsonObject) -> CompiledTable:
    """Return the table that was written; raise ``ValueError`` for a word that this version does not have."""
    return CompiledTable(
        Source(
            {cell: _answers_from(*answers) for cell, answers in _cells(found["answers"])},
            {cell: situation_from(after) for cell, after in _cells(found["observed"])},
            {situation_from(here): _healths(rows) for here, rows in found["healths"].items()},
            {provider: ProviderTraits(*traits) for provider, traits in found["providers"].items()},
            ProviderTraits(*found["permissive"]),
            _words(found["words"]),
            _words(found["losses"]),
            _words(found["signs_in"]),
            _words(found["presumed_live"]),
            _words(found["settles_into_ok"]),
        )
    )


def _cells(rows: Mapping[str, Mapping[str, Any]]) -> Iterable[tuple[tuple[Situation, Status], Any]]:
    return (((situation_from(here), Status(word)), cell) for here, row in rows.items() for word, cell in row.items())


def _answers_from(guards: list[str], outcomes: list[list[Any]]) -> CellAnswers:
    truths = product((False, True), repeat=len(guards))
    found = [
        CellOutcome(situation_from(after), bool(accepted), None if kind is None else AnomalyKind(kind))
        for after, accepted, kind in outcomes
    ]
    return CellAnswers(tuple(map(Guard, guards)), dict(zip(truths, found, strict=True)))


def _words(found: list[str]) -> tuple[Status, ...]:
    return tuple(map(Status, found))


def _healths(rows: Any) -> Healths:
    """Return healths, which are nested three levels deep, as members of their enum."""
    return tuple(tuple(tuple(map(Health, pair)) for pair in pairs) for pairs in rows)  # type: ignore[misc]

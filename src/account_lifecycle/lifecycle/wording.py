"""How values are written: for people, and in JSON.

Every record of this package has a ``to_dict()``, which is its shape in all output for programs: of the library, the
command line, webhooks and reports. Field names are a contract; times are ISO 8601 in UTC, lengths are seconds in
fields that end in ``_s``, and what is not known is None.
"""

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from .status import Health

JsonObject = dict[str, Any]
"""A JSON object of plain types: text, numbers, booleans, None, and lists and objects of these."""


def moment(at: datetime | None) -> str:
    """Return a time for people, to the second."""
    return "an unknown time" if at is None else at.strftime("%Y-%m-%d %H:%M:%S UTC")


def lasting(length: timedelta) -> str:
    """Return a length of time for people, in its two largest units: ``3 h 20 min``."""
    seconds = int(abs(length.total_seconds()))
    units = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    parts = []
    for name, size in units:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {name}")
    return " ".join(parts[:2]) or "0 s"


def one_of(words: tuple[str, ...], conjunction: str = "or") -> str:
    """Return ``A``, ``A or B`` or ``A, B or C``; "nothing" for no words."""
    if len(words) < 2:
        return "".join(words) or "nothing"
    return f"{', '.join(words[:-1])} {conjunction} {words[-1]}"


def escaped(text: str) -> str:
    """Return text with whatever a terminal or a spreadsheet could act upon written as an escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def printable(text: str, limit: int = 40) -> str:
    """Return foreign text cut to ``limit`` characters and escaped, so that it can share a line with other words."""
    return escaped(text[:limit]) + ("…" if len(text) > limit else "")


def shown(text: str, limit: int = 40) -> str:
    """Return foreign text, printable and in quotation marks."""
    return f"'{printable(text, limit)}'"


def event_place(account_id: str, sequence: int) -> str:
    """Return which event of which account is meant; a blank id stands for nobody's account."""
    return f"{escaped(account_id) or 'no account'}, event {sequence:,}"


def time_text(at: datetime | None) -> str | None:
    """Return an aware time as ISO 8601 in UTC with a ``Z``; None for None."""
    return None if at is None else at.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"


def time_from(text: str) -> datetime:
    """Return the aware time that ``time_text`` wrote."""
    return datetime.fromisoformat(text)


def plain(word: str | None) -> str | None:
    """Return a word as a plain string, for serializers that do not take an enum's member for one; None for None."""
    return None if word is None else str(word)


def payload_fields(payload: bytes) -> JsonObject:
    """Return a payload as text: as it is if it is UTF-8, else in base64, and which of the two."""
    try:
        return {"payload": payload.decode(), "payload_is_base64": False}
    except UnicodeDecodeError:
        return {"payload": b64encode(payload).decode("ascii"), "payload_is_base64": True}


# ---- Healths ------------------------------------------------------------------------------------------------

NOT_LIVE = "data can still be read but may be out of date, and message webhooks have stopped"
"""What holds for every account that exists and is not live."""


class HealthWords(NamedTuple):
    """A health for people."""

    meaning: str
    """What it says of the account, as a clause."""
    reach: str
    """Whether data is fresh and message webhooks come, as a clause."""
    advice: str
    """What to do, as a sentence."""

    @property
    def text(self) -> str:
        """What it says of the account, and of its data and webhooks."""
        return f"{self.meaning}; {self.reach}"


HEALTH_WORDS = {
    Health.UNKNOWN: HealthWords(
        "nothing reliable was heard yet",
        f"until it is live, reckon that {NOT_LIVE}",
        "Wait for news of it, or reconcile with the vendor.",
    ),
    Health.STARTING: HealthWords(
        "on its way to being live for the first time",
        "data can be read but may be incomplete and out of date, and message webhooks do not come yet",
        "Wait until it is live, and do not send yet.",
    ),
    Health.LIVE: HealthWords("in good order", "data is up to date, and message webhooks come", "Use it."),
    Health.INTERRUPTED: HealthWords(
        "its synchronization stands still",
        NOT_LIVE,
        "Wait or restart the account, and check its plan with the vendor; never ask the user to sign in again.",
    ),
    Health.ACTION_REQUIRED: HealthWords(
        "the user must reconnect it",
        NOT_LIVE,
        "Ask the user to reconnect the account, and do not send until it is live.",
    ),
    Health.RECOVERING: HealthWords("coming back", NOT_LIVE, "Wait until it is live, and do not send yet."),
    Health.FAILED: HealthWords(
        "it could not be created", "there is no data to read, and no message webhooks come", "Start over."
    ),
    Health.GONE: HealthWords(
        "it was deleted", "there is no data to read, and message webhooks have stopped", "Forget it."
    ),
}
"""The one wording of each health."""
PRESUMED = HealthWords(
    "presumed live: OK is not announced to you, and nothing speaks against it",
    "data should be up to date, and message webhooks come",
    "Use it.",
)
"""The words for an account that counts as live without an OK."""

if lacking := set(Health) - HEALTH_WORDS.keys():
    raise TypeError(f"no words for {one_of(tuple(sorted(lacking)), 'and')}: add a row to HEALTH_WORDS")


def health_words(health: Health, presumed: bool = False) -> HealthWords:
    """Return a health's words for people; ``presumed`` if it counts as live although OK is not announced."""
    return PRESUMED if presumed and health is Health.LIVE else HEALTH_WORDS[health]

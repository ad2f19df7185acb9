"""Words for people: times, lengths of time, lists, and other people's words made safe to print."""

from datetime import datetime, timedelta


def moment(at: datetime | None) -> str:
    """A time for people, to the second."""
    return "an unknown time" if at is None else at.strftime("%Y-%m-%d %H:%M:%S UTC")


def lasting(length: timedelta) -> str:
    """A length of time for people, in its two largest units: ``3 h 20 min``."""
    seconds = int(abs(length.total_seconds()))
    units = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    parts = []
    for name, size in units:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {name}")
    return " ".join(parts[:2]) or "0 s"


def one_of(words: tuple[str, ...], conjunction: str = "or") -> str:
    """``A``, ``A or B``, ``A, B or C``; "nothing" for none."""
    if len(words) < 2:
        return "".join(words) or "nothing"
    return f"{', '.join(words[:-1])} {conjunction} {words[-1]}"


def printable(text: str, limit: int = 40) -> str:
    """Somebody else's word, made safe to print: shortened, its unprintable characters escaped."""
    ending = "…" if len(text) > limit else ""
    text = text[:limit]
    if not text.isprintable():
        text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return text + ending


def shown(text: str, limit: int = 40) -> str:
    """Somebody else's word, printable and in quotation marks."""
    return f"'{printable(text, limit)}'"

"""Every error that this package raises on purpose: one small tree.

Each carries its facts as attributes, and its message says what happened, why, and what to do next.
"""

import logging
from functools import cache
from typing import Any

from .urls import hide_urls


class AccountLifecycleError(Exception):
    """The root of the tree."""


class PayloadError(AccountLifecycleError, ValueError):
    """A payload that cannot be read. It is in quarantine by the time it is raised: its bytes, or of another kind of
    webhook what ``foreign`` and the attributes after it say."""

    def __init__(self, field: str, found: str, expected: str, payload: bytes, size: int | None = None) -> None:
        super().__init__(field, found, expected)
        self.field = field
        """The field at fault, such as ``AccountStatus.account_id``; ``payload`` for the whole of it."""
        self.found = found
        """What was there, shortened and escaped."""
        self.expected = expected
        """What would be right."""
        self.payload = payload
        """What came in, byte for byte, cut to the quarantine's limit; empty for a foreign webhook, whose text is
        nobody's business here."""
        self.size = len(payload) if size is None else size
        """How long it was before it was cut, in bytes."""
        self.foreign = ""
        """Which other kind of webhook it is, such as ``a message webhook``; blank if it is none that is known."""
        self.sha256 = ""
        """Of a foreign webhook: the SHA-256 of what came in, in hexadecimal."""
        self.account_id: str | None = None
        """Of a foreign webhook: the account that it names, if it names one."""
        self.quarantine_id: int | None = None
        """Its number in the quarantine."""

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.field, self.found, self.expected, self.payload, self.size), self.__dict__

    @property
    def reason(self) -> str:
        """What is wrong and what would be right, in one sentence."""
        return f"{self.field}: found {self.found}; expected {self.expected}"

    def __str__(self) -> str:
        kept = "" if self.quarantine_id is None else f" (kept in quarantine as number {self.quarantine_id})"
        return self.reason + kept


class UnreadablePayloads(PayloadError):
    """Some payloads of a batch could not be read; every other one was fed. Raised at the end of the batch feed."""

    def __init__(self, errors: list[PayloadError], count: int) -> None:
        first = errors[0]
        super().__init__(first.field, first.found, first.expected, first.payload, first.size)
        self.errors = errors
        """The first hundred of them."""
        self.count = count
        """How many there were."""
        self.quarantine_id = first.quarantine_id

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.errors, self.count), self.__dict__

    def __str__(self) -> str:
        first = super().__str__()
        if self.count == 1:
            return first
        return f"{self.count} payloads could not be read; all others were fed. The first: {first}"


class StoreError(AccountLifecycleError):
    """The store cannot be used; the message says why and what to do."""


class StoreBusy(StoreError):
    """Others have been writing for too long; nothing of the call was kept, and it may be made again."""


class StoreFull(StoreError):
    """There is no room left; nothing of the call was kept. Writing goes on as soon as there is room."""


class AccountNotFound(AccountLifecycleError, LookupError):
    """Nothing was ever fed for the account that was asked for."""

    def __init__(self, account_id: str) -> None:
        super().__init__(account_id)
        self.account_id = account_id

    def __str__(self) -> str:
        return f"nothing was ever fed for the account {self.account_id!r}"


class ConfigurationError(AccountLifecycleError, ValueError):
    """An invalid setting or argument; the message names it, what was given, and what would be right.

    It is the caller's fault and no payload's: nothing of the call was fed or quarantined.
    """

    def __init__(self, setting: str, found: str, expected: str) -> None:
        found = hide_urls(found)  # of a store, most likely, with a password in it
        super().__init__(setting, found, expected)
        self.setting = setting
        self.found = found
        self.expected = expected

    def __str__(self) -> str:
        return f"{self.setting}: found {self.found}; expected {self.expected}"


class VendorError(AccountLifecycleError):
    """A call of the vendor's API that brought no answer that can be used; the message says what to do."""

    def __init__(self, call: str, found: str, remedy: str, status: int | None = None) -> None:
        super().__init__(call, found, remedy, status)
        self.call = call
        """What was asked, such as ``GET /api/v1/accounts of https://api1.example.com``."""
        self.found = found
        """What came."""
        self.remedy = remedy
        """What to do about it."""
        self.status = status
        """The HTTP status of the answer, if there was one."""

    def __str__(self) -> str:
        return f"{self.call}: {self.found}. {self.remedy}"


class VendorRefused(VendorError):
    """The vendor refused the call: it will do so again until something is changed, such as the key."""


class VendorUnavailable(VendorError):
    """The vendor could not be reached, or its answer could not be read, as often as it was tried. It may be later."""

    retry_after_s: float | None = None
    """How long it asked to be left alone, in seconds, if it did."""


class UnreadableLog(AccountLifecycleError, OSError):
    """A log that cannot be read, or not to its end; the message says how far it was read, and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(hide_urls(message))  # a store's URL in place of a log's name


class OutputError(AccountLifecycleError):
    """A file that is not written; the message says why, and what to do. What was there before is as it was."""


class OutputExists(OutputError):
    """A file that is there already, and was not to be replaced."""


# ---- Where failures are reported that nobody can be told of ------------------------------------------------


def logger() -> Any:
    """The logger in force: yours if you have configured structlog, else the standard library's."""
    import structlog  # here, because it costs as much to import as the rest of the library

    return structlog.get_logger("account_lifecycle") if structlog.is_configured() else _standard()


@cache
def _standard() -> Any:
    import structlog

    return structlog.wrap_logger(
        logging.getLogger("account_lifecycle"),
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["event"], bool_as_flag=False),
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
    )

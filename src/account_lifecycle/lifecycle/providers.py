"""The providers, their names on the wire, and how their life cycles differ, as data.

There is one row per provider, and no code anywhere asks which provider it has before it. Sources: the
vendor's page "Account status updates" (who announces SYNC_SUCCESS, session lengths, causes of
CREDENTIALS) and what integrators see on the wire (aliases, premium products).
"""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

from .status import Status


class Provider(StrEnum):
    """A family of account types."""

    LINKEDIN = "LINKEDIN"
    WHATSAPP = "WHATSAPP"
    INSTAGRAM = "INSTAGRAM"
    MESSENGER = "MESSENGER"
    TELEGRAM = "TELEGRAM"
    X = "X"
    GOOGLE = "GOOGLE"
    MICROSOFT = "MICROSOFT"
    IMAP = "IMAP"


ALIASES: dict[str, Provider] = {
    **{provider.value: provider for provider in Provider},
    "TWITTER": Provider.X,
    "GOOGLE_OAUTH": Provider.GOOGLE,
    "GOOGLE_CALENDAR": Provider.GOOGLE,
    "OUTLOOK": Provider.MICROSOFT,
    "EXCHANGE": Provider.MICROSOFT,
    "MAIL": Provider.IMAP,
    "ICLOUD": Provider.IMAP,
}
"""Every account type seen on the wire, and the family it belongs to."""

_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)

DEADLINES: dict[Status, timedelta] = {
    Status.CONNECTING: 30 * _MINUTE,
    Status.CREATION_SUCCESS: 2 * _HOUR,
    Status.SYNC_SUCCESS: _HOUR,
    Status.RECONNECTED: _HOUR,
}
"""How long a transient status may last before it counts as stuck, where syncs are announced."""
_WITHOUT_SYNC = {**DEADLINES, Status.CREATION_SUCCESS: 30 * _MINUTE, Status.RECONNECTED: 15 * _MINUTE}
_SLOW = {**dict.fromkeys(DEADLINES, 12 * _HOUR), Status.CONNECTING: 30 * _MINUTE}

YEAR = timedelta(days=365)

_SHARED_CAUSES = (
    "the user ended the session in the provider's settings",
    "the user changed the password and had every session signed out",
    "too many or too regular requests raised an automation warning",
    "the proxy was slow or down for a long time",
)
_OAUTH_CAUSES = (
    "the user revoked the application's access",
    "an administrator revoked the application's permissions or tokens",
    "the user changed the password and had every token revoked",
    "the mailbox is gone or its address changed",
    "the OAuth keys in your settings changed",
    "the user did not tick every scope",
)
_PHONE_CAUSES = (
    "the user ended the session in the app's settings",
    "too many sensitive requests led to a restriction, for a time or for good",
    "the phone had no network for a long time",
)


class ProviderProfile(NamedTuple):
    """How one provider's accounts live."""

    announces_sync: bool
    """Whether SYNC_SUCCESS is ever announced for it."""
    has_products: bool = False
    """Whether its SYNC_SUCCESS can name a product (premium LinkedIn sends one for each)."""
    session_length: timedelta | None = None
    """After which its sessions expire, where the vendor's page says so."""
    causes: tuple[str, ...] = ()
    """Why its credentials become invalid, as documented; the likeliest stories for a person."""
    deadlines: Mapping[Status, timedelta] = DEADLINES
    """How long each transient status may last."""


# fmt: off
PROFILES: dict[str | None, ProviderProfile] = {
    Provider.LINKEDIN: ProviderProfile(
        announces_sync=True, has_products=True, session_length=YEAR,
        causes=(
            "the session expired (after one year)", *_SHARED_CAUSES, "the user activated two-factor sign-in",
            "too many requests were refused (invalid_attendee, insufficient_credit and the like)",
            "the user was asked to choose a session (Recruiter connected with credentials)",
            "the user signed out in the browser whose cookies were used",
            "the cookies were used with another user agent, browser or user",
        )),
    Provider.WHATSAPP: ProviderProfile(announces_sync=True, causes=_PHONE_CAUSES),
    Provider.INSTAGRAM: ProviderProfile(
        announces_sync=True, session_length=YEAR,
        causes=(
            "a security checkpoint waits to be confirmed in the app",
            "the session expired (after one year)", *_SHARED_CAUSES,
        )),
    Provider.MESSENGER: ProviderProfile(announces_sync=False, deadlines=_WITHOUT_SYNC),
    Provider.TELEGRAM: ProviderProfile(announces_sync=True, causes=_PHONE_CAUSES),
    Provider.X: ProviderProfile(announces_sync=False, deadlines=_WITHOUT_SYNC),
    Provider.GOOGLE: ProviderProfile(announces_sync=False, causes=_OAUTH_CAUSES, deadlines=_WITHOUT_SYNC),
    Provider.MICROSOFT: ProviderProfile(announces_sync=False, causes=_OAUTH_CAUSES, deadlines=_WITHOUT_SYNC),
    Provider.IMAP: ProviderProfile(
        announces_sync=True, causes=("the user changed the mailbox password",), deadlines=_SLOW),
}
# fmt: on

PERMISSIVE = ProviderProfile(announces_sync=True)
"""For an account whose provider is unknown or untold: everything may be announced."""


def family_of(word: str) -> str:
    """The family of an account type, whichever alias it is told by; an unknown word stands for itself."""
    stripped = word.strip().upper()
    return ALIASES.get(stripped, stripped)


def profile_of(provider: str | None) -> ProviderProfile:
    """The provider's row, or the permissive one for a provider that is unknown or untold."""
    return PROFILES.get(provider, PERMISSIVE)

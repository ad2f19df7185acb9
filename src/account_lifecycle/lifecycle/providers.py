"""The providers, their names on the wire, and how their life cycles differ, as data.

There is one row per provider, and no code anywhere asks which provider it has before it. Sources: the
vendor's page "Account status updates" (who announces SYNC_SUCCESS, session lengths, causes of
CREDENTIALS) and what integrators see on the wire (aliases, premium products).
"""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

from .causes import SIGNED_OUT, SIGNED_OUT_OF_ANY, Cause
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


class ProviderProfile(NamedTuple):
    """How one provider's accounts live."""

    announces_sync: bool
    """Whether SYNC_SUCCESS is ever announced for it."""
    has_products: bool = False
    """Whether its SYNC_SUCCESS can name a product (premium LinkedIn sends one for each)."""
    session_length: timedelta | None = None
    """After which its sessions expire, where the vendor's page says so."""
    causes: tuple[Cause, ...] = SIGNED_OUT_OF_ANY
    """Why its credentials become invalid, as documented, and what to do about each; commonest first."""
    deadlines: Mapping[Status, timedelta] = DEADLINES
    """How long each transient status may last."""


# fmt: off
PROFILES: dict[str | None, ProviderProfile] = {
    Provider.LINKEDIN: ProviderProfile(
        announces_sync=True, has_products=True, session_length=YEAR, causes=SIGNED_OUT["linkedin"]),
    Provider.WHATSAPP: ProviderProfile(announces_sync=True, causes=SIGNED_OUT["phone"]),
    Provider.INSTAGRAM: ProviderProfile(announces_sync=True, session_length=YEAR, causes=SIGNED_OUT["instagram"]),
    Provider.MESSENGER: ProviderProfile(announces_sync=False, deadlines=_WITHOUT_SYNC),
    Provider.TELEGRAM: ProviderProfile(announces_sync=True, causes=SIGNED_OUT["phone"]),
    Provider.X: ProviderProfile(announces_sync=False, deadlines=_WITHOUT_SYNC),
    Provider.GOOGLE: ProviderProfile(announces_sync=False, causes=SIGNED_OUT["oauth"], deadlines=_WITHOUT_SYNC),
    Provider.MICROSOFT: ProviderProfile(announces_sync=False, causes=SIGNED_OUT["oauth"], deadlines=_WITHOUT_SYNC),
    Provider.IMAP: ProviderProfile(announces_sync=True, causes=SIGNED_OUT["mailbox"], deadlines=_SLOW),
}
# fmt: on

PERMISSIVE = ProviderProfile(announces_sync=True)
"""For an account whose provider is unknown or was never announced: everything may be announced."""


def family_of(word: str) -> str:
    """The family of an account type, whichever alias it is told by; an unknown word stands for itself."""
    stripped = word.strip().upper()
    return ALIASES.get(stripped, stripped)


def profile_of(provider: str | None) -> ProviderProfile:
    """The provider's row, or the permissive one for a provider that is unknown or was never announced."""
    return PROFILES.get(provider, PERMISSIVE)

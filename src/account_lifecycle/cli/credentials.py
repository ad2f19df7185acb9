"""The credentials of webhooks, as settings name them: what ``serve`` and ``listen`` ask for and ``trigger`` shows."""

from typing import TYPE_CHECKING

from ..intake.secrets import secrets_from
from ..server.credentials import Credential, QuerySecret, SharedHeader, V2Signature
from .output import say

if TYPE_CHECKING:
    from .settings import Settings

_SHORT = 16
"""A secret with fewer characters can be guessed."""
VARIABLES: dict[type, str] = {
    SharedHeader: "ACCOUNT_LIFECYCLE_WEBHOOK_SECRETS",
    QuerySecret: "ACCOUNT_LIFECYCLE_NOTIFY_SECRETS",
    V2Signature: "ACCOUNT_LIFECYCLE_SIGNING_SECRETS",
}
"""The variable that names the secrets of each kind of credential."""


def credentials_in(settings: "Settings") -> list[Credential]:
    """Return the credentials for which secrets are set, and warn of secrets that can be guessed."""
    found: list[Credential] = []
    for kind, place, setting in (
        (SharedHeader, settings.webhook_header, settings.webhook_secrets),
        (QuerySecret, settings.notify_parameter, settings.notify_secrets),
        (V2Signature, settings.signing_header, settings.signing_secrets),
    ):
        if secrets := secrets_in(VARIABLES[kind], setting.get_secret_value()):
            found.append(kind(place, *secrets))
    return found


def secrets_in(variable: str, text: str) -> list[str]:
    """Return the secrets that a setting names, and warn of those that can be guessed."""
    secrets = secrets_from(variable, text)
    if any(len(secret) < _SHORT for secret in secrets):
        say(f"{variable}: a secret of less than {_SHORT} characters can be guessed")
    return secrets

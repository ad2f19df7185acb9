"""Secrets of a deployment, as a setting names them."""

from pathlib import Path

from ..errors import ConfigurationError

_FILE = "file: and the path of a file with a secret on each line"


def secrets_from(setting: str, text: str) -> list[str]:
    """Return the secrets that a setting names: themselves, with commas between them, or ``file:PATH``, one a line.

    Raise ``ConfigurationError``, which does not show them, for a file that cannot be read or has none.
    """
    if not text.startswith("file:"):
        return [secret.strip() for secret in text.split(",") if secret.strip()]
    path = Path(text.removeprefix("file:"))
    try:
        secrets = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise ConfigurationError(setting, f"the file {path}, which cannot be read ({error})", _FILE) from None
    if not secrets:
        raise ConfigurationError(setting, f"the file {path} without a secret", _FILE)
    return secrets

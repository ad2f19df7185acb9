"""This program as it may be one day: some of its tables are changed, then the command line runs.

``python upgraded.py CHANGE[,CHANGE…] ARGUMENT…``. Each change is made in the source before anything else is imported,
as an upgrade would make it.
"""

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from types import ModuleType

CHANGES: dict[str, tuple[tuple[str, str, str], ...]] = {
    "provider": (
        ("providers", '    IMAP = "IMAP"\n', '{0}    MYSPACE = "MYSPACE"\n'),
        ("providers", "str | None, ProviderProfile] = {\n", "{0}    Provider.MYSPACE: ProviderProfile(False),\n"),
    ),
    "word": (
        ("status", '    DELETED = "DELETED"\n', '    PAUSED = "PAUSED"\n    """Paused by the vendor."""\n{0}'),
        ("definition", "LOSSES = (CREDENTIALS, PERMISSIONS, ERROR, STOPPED", "{0}, Status.PAUSED"),
        ("definition", "HealthRow((ERROR, STOPPED", "{0}, Status.PAUSED"),
    ),
    "cell": (
        ("definition", "Deviation((SYNC_SUCCESS,), LOSSES, HOLD,", "Deviation((SYNC_SUCCESS,), LOSSES, MOVE,"),
        ("definition", "    Deviation((RECONNECTED,), (OK,), HOLD, AnomalyKind.UNEXPECTED_RECONNECT),\n", ""),
        ("definition", "(RECONNECTED,), (CONNECTING, CREATION_SUCCESS, SYNC_SUCCESS", "{0}, OK"),
    ),
    "health": (
        (
            "definition",
            "SYNC_SUCCESS, RECONNECTED), Health.RECOVERING",
            "SYNC_SUCCESS, RECONNECTED), Health.INTERRUPTED",
        ),
    ),
    "policy": (
        ("policy", "redelivery_window: timedelta = 10 * _MINUTE", "redelivery_window: timedelta = 90 * _MINUTE"),
        ("policy", "retry_horizon: timedelta = 20 * _HOUR", "retry_horizon: timedelta = 2 * _HOUR"),
    ),
    "code": (("rules", "ORDER_OF_JUDGING = ", "{0}1 + "),),
}
"""By name: modules of ``lifecycle``, what stands in each, and what takes its place; ``{0}`` is what stood there."""


class Upgrade(importlib.abc.MetaPathFinder):
    """Loads the modules that are changed."""

    def __init__(self, names: Sequence[str]) -> None:
        self._edits = [edit for name in names for edit in CHANGES[name]]

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        edits = [edit for edit in self._edits if name == f"account_lifecycle.lifecycle.{edit[0]}"]
        spec = importlib.machinery.PathFinder.find_spec(name, path) if edits else None
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = _Edited(spec.loader.name, spec.loader.path, edits)
        return spec


class _Edited(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, path: str, edits: list[tuple[str, str, str]]) -> None:
        super().__init__(name, path)
        self._edits = edits

    def get_code(self, fullname: str):  # type: ignore[no-untyped-def]
        source = self.get_data(self.path).decode()
        for _, before, after in self._edits:
            assert source.count(before) == 1, before
            source = source.replace(before, after.replace("{0}", before))
        return compile(source, self.path, "exec")


if __name__ == "__main__":
    changes, *arguments = sys.argv[1:]
    sys.meta_path.insert(0, Upgrade(changes.split(",") if changes else []))
    sys.argv = ["account-lifecycle", *arguments]
    from account_lifecycle.cli import main  # after the finder is there

    main()

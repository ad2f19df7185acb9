"""What a team may set about judging."""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import NamedTuple

from .providers import profile_of
from .status import Status


class Policy(NamedTuple):
    """What a team may set about judging."""

    redelivery_window: timedelta = timedelta(seconds=600)
    """How long after an announcement the same one still counts as a redelivery."""
    deadlines: Mapping[str, Mapping[Status, timedelta]] = MappingProxyType({})
    """By provider, deadlines that replace those of its profile."""

    def deadlines_of(self, provider: str | None) -> Mapping[Status, timedelta]:
        """How long each transient status of a provider's account may last."""
        own = self.deadlines.get(provider or "", {})
        return {**profile_of(provider).deadlines, **own}


DEFAULT_POLICY = Policy()

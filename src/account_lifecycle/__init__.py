"""The true state of connected third-party accounts, from webhooks that come twice, late or never.

    engine = Engine.open("sqlite:///accounts.db")
    decision = engine.feed_event(payload)

Public names only; importing this touches no optional part.
"""

from typing import TYPE_CHECKING, Any

from .engine.core import Engine
from .engine.diagnosis import Diagnosis
from .engine.observations import Observation
from .errors import (
    AccountLifecycleError,
    AccountNotFound,
    ConfigurationError,
    PayloadError,
    StoreBusy,
    StoreError,
    StoreFull,
    UnreadablePayloads,
)
from .hooks.calls import (
    AccountCall,
    AnomalyCall,
    ClaimedCall,
    ConnectedCall,
    CreationFailedCall,
    EnteredCall,
    HealthChangedCall,
    HookCall,
    LeftCall,
    RecoveredCall,
    SyncCompletedCall,
)
from .hooks.outcomes import Dead, Disable, Done, RetryAt
from .hooks.registry import HookOutcome
from .intake.layouts import Received
from .lifecycle.account import Account
from .lifecycle.anomalies import AnomalyKind, NextStep, Severity
from .lifecycle.decide import Decision
from .lifecycle.effects import Effect, EffectKind
from .lifecycle.explain import Anomaly
from .lifecycle.policy import Policy
from .lifecycle.providers import Provider
from .lifecycle.status import Health, Status, Verdict
from .lifecycle.stories import Story, StoryKind
from .lifecycle.windows import BlindWindow
from .records import DeliveryState, OnDead, StatusChange
from .verify.record import Verification

if TYPE_CHECKING:
    from .intake.logs import read_log

__all__ = [
    "Account",
    "AccountCall",
    "AccountLifecycleError",
    "AccountNotFound",
    "Anomaly",
    "AnomalyCall",
    "AnomalyKind",
    "BlindWindow",
    "ClaimedCall",
    "ConfigurationError",
    "ConnectedCall",
    "CreationFailedCall",
    "Dead",
    "Decision",
    "DeliveryState",
    "Diagnosis",
    "Disable",
    "Done",
    "Effect",
    "EffectKind",
    "Engine",
    "EnteredCall",
    "Health",
    "HealthChangedCall",
    "HookCall",
    "HookOutcome",
    "LeftCall",
    "NextStep",
    "Observation",
    "OnDead",
    "PayloadError",
    "Policy",
    "Provider",
    "Received",
    "RecoveredCall",
    "RetryAt",
    "Severity",
    "Status",
    "StatusChange",
    "StoreBusy",
    "StoreError",
    "StoreFull",
    "Story",
    "StoryKind",
    "SyncCompletedCall",
    "UnreadablePayloads",
    "Verdict",
    "Verification",
    "read_log",
]


def __getattr__(name: str) -> Any:
    """Return a public name that is imported by who uses it: reading logs takes a tenth of the whole package."""
    if name == "read_log":
        from .intake.logs import read_log

        return read_log
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

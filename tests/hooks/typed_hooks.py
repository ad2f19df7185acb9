"""Hooks as users write them: ``test_registry`` has mypy check this file, and never runs it."""

from datetime import datetime

from account_lifecycle import (
    AccountCall,
    AnomalyCall,
    ClaimedCall,
    ConnectedCall,
    CreationFailedCall,
    EnteredCall,
    Health,
    HealthChangedCall,
    HookCall,
    RecoveredCall,
    Status,
    SyncCompletedCall,
)
from account_lifecycle.hooks.registry import HookRegistry
from account_lifecycle.webhooks import WebhookEndpoint


def register(engine: HookRegistry, crm: WebhookEndpoint) -> None:
    engine.on_recovered(lambda call: repr(call.blind_window.backfill_from))
    engine.on_creation_failed(lambda call: (call.owner, call.account and call.account.status))
    engine.on_anomaly(lambda call: repr(call.anomaly.explanation))
    engine.on_anomaly("STUCK", lambda call: (call.anomaly.kind, call.account.health), name="stuck")
    engine.on_deleted(crm, name="crm", attempts=12, ordering="none", on_dead="skip")

    @engine.on_entered(Status.CREDENTIALS)
    def entered(call: EnteredCall) -> Status:
        return call.status

    @engine.on_health_changed("LIVE", name="live")
    def live(call: HealthChangedCall) -> Health:
        return call.health

    @engine.on_connected
    def connected(call: ConnectedCall) -> bool:
        return call.is_adopted and call.is_current

    @engine.on_recovered
    def backfill(call: RecoveredCall) -> datetime | None:
        return call.blind_window.closed_at

    @engine.on_claimed()
    def claim(call: ClaimedCall) -> str:
        return call.owner.upper()

    @engine.on_sync_completed(attempts=3)
    def synced(call: SyncCompletedCall) -> str:
        return call.product

    @engine.on_creation_failed
    def start_over(call: CreationFailedCall) -> str | None:
        return call.owner

    @engine.on_anomaly
    def explain(call: AnomalyCall) -> str:
        return call.anomaly.explanation

    @engine.on_left(Status.OK)
    @engine.on_action_required
    @engine.on_still_down
    @engine.on_interrupted(name="pause")
    def pause(call: AccountCall) -> str:
        return call.reason or call.account.reason

    @engine.on_action_resolved
    @engine.on_recovered(name="anything")
    @engine.on_entered
    @engine.on_left(Status.OK)
    @engine.on_anomaly("STUCK", attempts=3)
    def anything(call: HookCall) -> None:
        if isinstance(call, RecoveredCall):
            repr(call.blind_window.opened_at)

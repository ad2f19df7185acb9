"""What follows from what a hook answered: done, again later, given up, or given back.

Knows the outcomes, the limit of attempts and the backoff; pure, so it must never call a hook, a store or a clock.
"""

from datetime import UTC, datetime, timedelta

from ..records import Claim, Delivery, DeliveryState, OnDead, Settlement
from .backoff import delay
from .outcomes import Dead, Disable, RetryAt

SHORTEST_PAUSE = timedelta(seconds=1)
"""A pause that costs no attempt lasts at least this long, or a hook could keep a runner busy with nothing."""


def settle(delivery: Delivery, answer: object, now: datetime) -> Settlement:
    """What becomes of a delivery whose hook returned this."""
    if isinstance(answer, RetryAt):
        return _settle_retry(delivery, answer, now)
    if isinstance(answer, Dead):
        return _given_up(delivery, now, told(answer.reason) or "the hook gave it up")
    if isinstance(answer, Disable):
        return give_back(delivery, now, now, told(answer.reason) or "the hook disabled itself")
    return Settlement(claim_of(delivery), DeliveryState.DONE, now)


def fail(delivery: Delivery, error: str, now: datetime, at: datetime | None = None) -> Settlement:
    """What becomes of a delivery that failed: again at a time, or by the backoff, unless this was its last attempt."""
    if delivery.attempts >= delivery.hook.attempts_limit:
        return _given_up(delivery, now, error)
    due_at = now + delay(delivery.attempts, _key(delivery)) if at is None else at
    return Settlement(claim_of(delivery), DeliveryState.WAITING, now, due_at, error)


def give_back(delivery: Delivery, now: datetime, due_at: datetime, error: str | None = None) -> Settlement:
    """A delivery that waits again as if it had not been claimed: the attempt does not count."""
    return Settlement(claim_of(delivery), DeliveryState.WAITING, now, due_at, error, counts=False)


def claim_of(delivery: Delivery) -> Claim:
    """What proves that the delivery is one's own."""
    return Claim(delivery.delivery_id, delivery.token)


def told(reason: object) -> str:
    """Somebody else's words as they can be stored, whatever they do when they are asked for."""
    try:
        text = f"{type(reason).__name__}: {reason}" if isinstance(reason, BaseException) else str(reason)
    except Exception:
        text = f"{type(reason).__name__}, which cannot be told"
    return text.encode("utf-8", errors="backslashreplace").decode("utf-8")


def _settle_retry(delivery: Delivery, answer: RetryAt, now: datetime) -> Settlement:
    try:
        at = None if answer.at is None else _aware(answer.at)
    except (TypeError, ValueError) as wrong:
        return fail(delivery, told(wrong), now)
    reason = told(answer.reason) or "the hook asked to be called again"
    if answer.counts:
        return fail(delivery, reason, now, at)
    pause = now + delay(delivery.attempts + 1, _key(delivery)) if at is None else at
    return give_back(delivery, now, max(pause, now + SHORTEST_PAUSE), reason)


def _aware(at: datetime) -> datetime:
    if not isinstance(at, datetime) or at.utcoffset() is None:
        raise TypeError(f"RetryAt.at: found {at!r}; expected a datetime with a time zone")
    return at.astimezone(UTC)


def _given_up(delivery: Delivery, now: datetime, error: str) -> Settlement:
    is_halting = delivery.hook.on_dead is OnDead.HALT and delivery.hook.is_ordered
    state = DeliveryState.HALTED if is_halting else DeliveryState.DEAD
    return Settlement(claim_of(delivery), state, now, None, error)


def _key(delivery: Delivery) -> str:
    """What the jitter goes by: the hooks of one effect are spread as well."""
    return f"{delivery.hook.name} {delivery.row.key}"

"""The hooks as the store knows them, of whichever process: listed, redriven, enabled, skipped, renamed, forgotten."""

from datetime import datetime

from ..intake import arguments
from ..intake.times import in_utc
from ..records import DeliveryState, SubscribedHook, TimeSource
from ..stores.protocol import Store
from .answers import which_deliveries

DEAD_LETTERED = (DeliveryState.DEAD, DeliveryState.HALTED)
"""The deliveries that ``redrive`` means by default."""


class KnownHooks:
    """What can be done to the hooks that the store of an engine knows, and to their deliveries."""

    store: Store
    _clock: TimeSource

    def subscribed_hooks(self) -> list[SubscribedHook]:
        """Return every hook that the store knows, of whichever process, by name."""
        return self.store.subscribed()

    def redrive(
        self,
        delivery_id: int | None = None,
        *,
        state: DeliveryState | str | None = None,
        hook: str | None = None,
        account_id: str | None = None,
    ) -> list[int]:
        """Try dead-lettered deliveries again: one by its number, or all that fit; return the new ones' numbers.

        Without a number or a state this means those that are dead or halt their lane; a number also serves
        for one that is done. Each becomes a new delivery under the same idempotency key.
        """
        number = arguments.maybe(arguments.count, "delivery_id", delivery_id)
        records = self.store.deliveries(which_deliveries(state, hook, account_id, number))
        if delivery_id is None and state is None:
            records = (record for record in records if record.state in DEAD_LETTERED)
        return self.store.redrive([record.delivery_id for record in records], self._clock())

    def enable_hook(self, hook: str) -> bool:
        """Let a disabled hook go on with what waits for it; return False if the store does not know it."""
        return self.store.enable(arguments.hook_name("hook", hook))

    def skip(self, hook: str, *, before: datetime) -> int:
        """Withdraw what waits for a hook of events received before a time (aware), and leave such events out of what
        it is still to be called for; return how many deliveries were withdrawn."""
        return self.store.skip(arguments.hook_name("hook", hook), in_utc("before", before), self._clock())

    def rename_hook(self, old: str, new: str) -> bool:
        """Let the store know a hook by another name, with all its deliveries; return False if it does not know it.

        ``new`` is the ``name`` that it is registered by now, or the whole name. It may be registered already: then
        nothing is called twice that the old one was called for, or is still to be. Raise ``StoreBusy`` while a worker
        calls it by its old name, and ``ConfigurationError`` for the name of a hook for other effects.
        """
        old, new = arguments.hook_name("old", old), arguments.hook_name("new", new)
        effect = ":".join(old.split(":", 2)[:2]) + ":"
        name = new if new.startswith(effect) else effect + new
        if name == old or (":" in new and not new.startswith(effect)):
            raise arguments.refuse("new", new, f"another name that begins with {effect}")
        return self.store.rename(old, name, self._clock())

    def forget_hook(self, hook: str) -> bool:
        """Forget a hook that no process registers any more, with what waits for it; return False if it is unknown."""
        return self.store.unsubscribe(arguments.hook_name("hook", hook))

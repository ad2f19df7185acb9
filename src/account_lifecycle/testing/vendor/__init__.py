"""A vendor to test against: accounts that live, its API, and the webhooks that it sends.

    vendor = SimulatedVendor(clock=clock)
    vendor.feed(engine)                        # subscribe, as the vendor does by default
    anna = vendor.create("LINKEDIN", owner="user-7")
    vendor.lose(anna, "CREDENTIALS", reason="Disconnected")
    vendor.advance(minutes=5)                  # the clock, and everything that is due meanwhile
    vendor.client().account(anna).statuses     # ('CREDENTIALS',)

All of it runs in one process, on a clock that you advance, without a socket; ``vendor.serve()`` is the same as a server
on loopback. Needs the extras: ``pip install "account-lifecycle[server,vendor]"``.
"""

from .faults import ApiFault
from .fleet import SimulatedAccount
from .simulator import SimulatedVendor

__all__ = ["ApiFault", "SimulatedAccount", "SimulatedVendor"]

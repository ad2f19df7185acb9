"""The vendor's accounts API: its list of accounts, its webhooks, and what can be asked of one account.

    client = VendorClient("https://api1.example.com:13111", key)
    for account in client.accounts():
        print(account.id, account.statuses)

Needs the extra: ``pip install "account-lifecycle[vendor]"``.
"""

from ..errors import VendorError, VendorRefused, VendorUnavailable
from .calling import Patience
from .client import VendorClient, key_from
from .reconcile import asking, reconcile
from .records import VendorAccount, VendorSource, VendorWebhook

__all__ = [
    "Patience",
    "VendorAccount",
    "VendorClient",
    "VendorError",
    "VendorRefused",
    "VendorSource",
    "VendorUnavailable",
    "VendorWebhook",
    "asking",
    "key_from",
    "reconcile",
]

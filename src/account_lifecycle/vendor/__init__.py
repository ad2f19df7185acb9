"""The vendor's accounts API: its list of accounts, its webhooks, and what can be asked of one account.

    client = VendorClient("https://api1.example.com:13111", key)
    for account in client.accounts():
        print(account.id, account.statuses)

Needs the extra: ``pip install "account-lifecycle[vendor]"``.
"""

from .calling import Patience
from .client import VendorClient, key_from
from .reconcile import asking, reconcile
from .records import VendorAccount, VendorSource, VendorWebhook

__all__ = [
    "Patience",
    "VendorAccount",
    "VendorClient",
    "VendorSource",
    "VendorWebhook",
    "asking",
    "key_from",
    "reconcile",
]

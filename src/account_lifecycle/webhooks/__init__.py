"""Hooks over HTTP: webhooks that are signed, sent to public addresses only, and put off while a receiver is down.

    crm = WebhookEndpoint("https://crm.example.com/hooks", secrets=["whsec_…"])
    engine.on_recovered(crm, name="crm")

Needs the standard library alone. A receiver in Python verifies with ``verify_signature``.
"""

from .endpoint import WebhookEndpoint
from .signing import SignatureError, verify_signature

__all__ = ["SignatureError", "WebhookEndpoint", "verify_signature"]

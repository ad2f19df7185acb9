"""The receiver of the vendor's webhooks, mounted in your application or served by ``account-lifecycle serve``.

    receiver = Receiver(engine, [SharedHeader("X-Webhook-Secret", "…")])
    app.add_middleware(receiver.asgi, at="/hooks")  # Starlette, FastAPI
    app.wsgi_app = receiver.wsgi(app.wsgi_app, at="/hooks")  # Flask

The receiver needs the standard library alone; ``serve`` needs the extra ``account-lifecycle[server]``.
"""

from .credentials import QuerySecret, SharedHeader, V2Signature
from .receiver import Receiver
from .replies import Reply

__all__ = ["QuerySecret", "Receiver", "Reply", "SharedHeader", "V2Signature"]

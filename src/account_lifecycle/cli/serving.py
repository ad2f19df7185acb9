"""``serve``: receive the vendor's webhooks, run hooks and look for deadlines, until a signal comes."""

import webbrowser
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import click

from ..engine.core import Engine
from ..stores.opening import SERVERS
from .commands import BadSetting, Command, ExitCode, Failed
from .credentials import credentials_in, secrets_in
from .demonstrating import Demo, demo_store
from .loading import find_register
from .opening import open_vendor, read_settings
from .options import store_option
from .output import say

if TYPE_CHECKING:
    from ..server.pages import SiteOptions
    from ..server.receiver import Receiver
    from ..vendor.service import Reconciling
    from .settings import Settings

_EXTRA = ("uvicorn", "httptools", "starlette", "prometheus_client")
OPEN = (
    "No secret is set: anything on this machine can post here, and nothing else. For the vendor, set "
    "ACCOUNT_LIFECYCLE_WEBHOOK_SECRETS."
)
"""What is said of a receiver without credentials."""


@contextmanager
def needs_server(command: str) -> Iterator[None]:
    """Import within this what the extra ``server`` brings; without it a command ends with what to install."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        needed = f'{error.name}, which is not installed. Run: pip install "account-lifecycle[server]"'
        raise Failed(f"{command} needs {needed}") from error


_NO_PAGES = "No pages: others can reach this address. Set --page-token, or show them to this machine with --page-port."


@click.command(
    "serve",
    cls=Command,
    short_help="Receive webhooks and show the fleet, until stopped",
    examples=[
        ("On this machine, to try it", "account-lifecycle serve"),
        (
            "With the pages on a port of their own",
            "account-lifecycle serve --page-port 8788 --page-token file:page-token",
        ),
        (
            "For the vendor, with the hooks of hooks.py",
            "ACCOUNT_LIFECYCLE_WEBHOOK_SECRETS=file:secrets account-lifecycle serve --hooks hooks",
        ),
        ("Receive only; workers run the hooks", "account-lifecycle serve --no-hooks"),
        ("Look at a simulated fleet", "account-lifecycle serve --demo --open"),
    ],
)
@click.option("--host", metavar="ADDRESS", help="Listen on this address.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65_535), metavar="NUMBER",
              help="Listen on this port; 0 is any that is free.  [default: 8787]")  # fmt: skip
@click.option("--page-port", type=click.IntRange(0, 65_535), metavar="NUMBER",
              help="Show the pages on a port of their own, and nothing but webhooks on the other.")  # fmt: skip
@click.option("--page-token", metavar="TOKENS",
              help="Ask for this to see the pages: tokens with commas, or file:PATH.  [default: none, and only this "
                   "machine sees them]")  # fmt: skip
@click.option("--admin-token", metavar="TOKENS",
              help="Let those who show this redrive, enable, skip and dismiss on the pages: tokens with commas, or "
                   "file:PATH.  [default: none, and nobody can]")  # fmt: skip
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, metavar="COUNT",
              help="Serve in this many processes; at most 2 with a SQLite file.")  # fmt: skip
@click.option("--hooks", "spec", metavar="MODULE[:FUNCTION]",
              help="FUNCTION(engine) in MODULE registers your hooks.")  # fmt: skip
@click.option("--no-hooks", is_flag=True, help="Run no hooks and look for no deadlines: workers do both.")
@click.option("--access-log/--no-access-log", default=None,
              help="Log each request, without its query, to stderr.  [default: yes; with --demo, no]")  # fmt: skip
@click.option("--demo", "is_demo", is_flag=True,
              help="Serve a simulated fleet that lives, on a store that is removed in the end.")  # fmt: skip
@click.option("--open", "opens", is_flag=True, help="Open the page in your browser.")
@store_option
def serve_command(
    host: str | None, port: int | None, page_port: int | None, page_token: str | None,
    admin_token: str | None, workers: int,
    spec: str | None, no_hooks: bool, access_log: bool | None, is_demo: bool, opens: bool, store: str | None,
) -> None:  # fmt: skip
    """Receive the vendor's webhooks at /hooks and show the fleet to browsers at /, until Ctrl-C or SIGTERM.

    A webhook is answered with 200 once it is on disk. Hooks and deadlines run in threads of the same process. Secrets
    are set by variables: ACCOUNT_LIFECYCLE_WEBHOOK_SECRETS for the header that you register with the webhook,
    ACCOUNT_LIFECYCLE_NOTIFY_SECRETS for the query of notify_url. Without one, only this machine is listened to.

    With ACCOUNT_LIFECYCLE_VENDOR_URL and ACCOUNT_LIFECYCLE_VENDOR_KEY the vendor's list is read every 15 minutes
    (ACCOUNT_LIFECYCLE_RECONCILE_EVERY), as by reconcile; the first time silently. Hooks with confirm=True ask there.

    Needs the extra: pip install "account-lifecycle[server]"
    """
    if spec and no_hooks:
        raise BadSetting("--hooks and --no-hooks: expected one or the other")
    demo = None
    if is_demo:
        _check_demo(store, spec, workers)
        store = click.get_current_context().with_resource(demo_store())
        demo = click.get_current_context().with_resource(closing(Demo()))
    settings = read_settings(
        store=store, host=host, port=port, page_port=page_port, page_token=page_token, admin_token=admin_token
    )
    if workers > 1 and settings.store.startswith("memory:"):
        raise BadSetting("--workers: found several with the store 'memory:'; expected one, or a store that they share")
    with needs_server("serve"):
        from ..server.serving import Serving, check_serving, serve
    register = find_register(spec) if spec else None
    is_server = settings.store.startswith(SERVERS)
    site = _site(settings)
    how = Serving(
        settings.host,
        settings.port if demo is None else demo.port(settings),
        workers,
        settings.grace_s,
        settings.drain_delay_s,
        demo is None if access_log is None else access_log,
        not no_hooks,
        settings.page_port,
        settings.host if site.access.tokens else "127.0.0.1",
        site,
        _reconciling(settings) if demo is None else None,
    )
    credentials = credentials_in(settings) if demo is None else []
    check_serving(how, is_open=not credentials, is_file=not is_server)

    def opening() -> "tuple[Engine, Receiver]":
        from ..server.receiver import FEEDING_THREADS, FEEDING_THREADS_ON_A_SERVER, Receiver

        engine = Engine.open(settings.store, policy=settings.policy()) if demo is None else demo.open(settings.store)
        if register is not None:
            register(engine)
        threads = settings.threads or (FEEDING_THREADS_ON_A_SERVER if is_server else FEEDING_THREADS)
        return engine, Receiver(engine, credentials, settings.max_bytes, threads=threads, waiting=settings.waiting)

    def started(url: str, pages: str) -> None:
        if demo is not None:
            demo.started(url, pages)
        else:
            if not credentials:
                say(OPEN)
            say(f"pages at {pages}" if pages else _NO_PAGES)
            say(f"receiving webhooks at {url}; stop with Ctrl-C")
        if opens and pages:
            webbrowser.open(pages)

    if code := serve(opening, how, started):
        click.get_current_context().exit(ExitCode(code))
    say("stopped")


def _reconciling(settings: "Settings") -> "Callable[[Engine], Reconciling] | None":
    """Return what makes the service that reconciles with the vendor; None without a URL and a key, or if never."""
    has_key = settings.vendor_url and settings.vendor_key.get_secret_value()
    if not has_key or not settings.reconcile_every:
        return None
    client = open_vendor(settings)

    def reconciling(engine: Engine) -> "Reconciling":
        from ..vendor.service import Reconciling

        return Reconciling(engine, client, settings.reconcile_every)

    return reconciling


def _site(settings: "Settings") -> "SiteOptions":
    """Return who may see the pages, and in which times."""
    from ..server.guard import LOOPBACK_HOSTS, Access
    from ..server.pages import SiteOptions

    tokens = tuple(secrets_in("ACCOUNT_LIFECYCLE_PAGE_TOKEN", settings.page_token.get_secret_value()))
    named = (settings.host, *settings.allowed_hosts.split(","))
    hosts = dict.fromkeys((*LOOPBACK_HOSTS, *(name.strip().lower() for name in named if name.strip())))
    admins = tuple(secrets_in("ACCOUNT_LIFECYCLE_ADMIN_TOKEN", settings.admin_token.get_secret_value()))
    return SiteOptions(Access(tuple(hosts), tokens, admins), settings.zone())


def _check_demo(store: str | None, spec: str | None, workers: int) -> None:
    """Refuse what a demo has of its own, or cannot have."""
    for option, value in (("--store", store), ("--hooks", spec), ("--workers", workers if workers > 1 else None)):
        if value is not None:
            raise BadSetting(f"--demo and {option}: a demo has its own fleet, store and hooks, in one process")

"""Fleets to be shown: one with everything in it, and one of LinkedIn accounts."""

from datetime import UTC, datetime, timedelta

from account_lifecycle import AccountCall, Engine, PayloadError
from account_lifecycle.intake.logs import Received
from builders import webhook
from server.showing import HOSTILE

MANY = 1_429


def feed(engine: Engine, *news: tuple[str, str, str], at: datetime, within: timedelta = timedelta(0)) -> None:
    """Feed announcements (status, account, provider) from a time on, evenly within some time."""
    step = within / max(1, len(news))
    list(engine.feed_events(Received(webhook(who, word, of), at + n * step) for n, (word, who, of) in enumerate(news)))


def everything(engine: Engine, now: datetime | None = None) -> None:
    """Feed a fleet in which every part of the page has something to show."""
    now = now or datetime.now(UTC)
    engine.on_action_required(_fail, name="crm", attempts=1)
    engine.on_recovered(_fail, name="<b>backfill</b>")
    born = now - timedelta(days=20)
    feed(engine, *(("OK", f"li_{n:03}", "LINKEDIN") for n in range(60)), at=born)
    feed(engine, *(("OK", f"imap_{n:03}", "MAIL") for n in range(40)), at=born)
    feed(engine, *(("CREDENTIALS", each, "WHATSAPP") for each in HOSTILE), at=now - timedelta(hours=30))
    feed(
        engine,
        *(("OK", f"li_{n % 60:03}", "LINKEDIN") for n in range(200)),
        at=now - timedelta(days=9),
        within=timedelta(days=8),
    )
    feed(engine, ("CREATION_FAIL", "failed", "GOOGLE"), ("DELETED", "li_000", "LINKEDIN"), at=now - timedelta(hours=9))
    feed(
        engine,
        ("CREATION_SUCCESS", "new", "TELEGRAM"),
        ("CONNECTING", "li_001", "LINKEDIN"),
        at=now - timedelta(hours=8),
    )
    feed(engine, ("RECONNECTED", "li_002", "LINKEDIN"), ("OK", "odd", "<i>Fax</i>"), at=now - timedelta(hours=3))
    for each in (b"{", b'{"AccountStatus": {"message": "<script>window.broken = 1</script>"}}'):
        try:
            engine.feed_event(each)
        except PayloadError:
            continue
    engine.check_deadlines()
    lost = [("ERROR", f"imap_{n:03}", "MAIL") for n in range(30)]
    feed(engine, *lost, at=now - timedelta(minutes=40), within=timedelta(minutes=3))


def _fail(call: AccountCall) -> None:
    raise RuntimeError("<script>window.broken = 1</script>")


def linkedin(engine: Engine, now: datetime) -> None:
    """Feed 1,429 LinkedIn accounts, live for two weeks, of which one says something each ten minutes."""
    born = now - timedelta(days=15)
    feed(engine, *(("OK", f"li_{n:04}", "LINKEDIN") for n in range(MANY)), at=born)
    news = [("OK", f"li_{n % MANY:04}", "LINKEDIN") for n in range(15 * 144)]
    feed(engine, *news, at=born + timedelta(minutes=10), within=timedelta(days=15))


def lose(engine: Engine, count: int, at: datetime, within: timedelta) -> None:
    """Feed the loss of so many of them."""
    feed(engine, *(("CREDENTIALS", f"li_{n:04}", "LINKEDIN") for n in range(count)), at=at, within=within)

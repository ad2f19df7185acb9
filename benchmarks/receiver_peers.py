"""What the receiver is measured beside: the handler that one would write with FastAPI and SQLAlchemy, and an echo.

The handler reads the fields that it needs with pydantic, looks the account up, moves it, journals the payload and
commits, all in FastAPI's pool of threads. Its SQLite file has the pragmas of ours: WAL, synced at every commit. It has
no repeat, anomaly, effect, hook, window or credential. The echo reads the body and answers, no more: what a server and
a socket cost by themselves.

    uvicorn receiver_peers:naive      NAIVE_STORE=sqlite:///naive.db
    uvicorn receiver_peers:echo
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker


class AccountStatus(BaseModel):
    account_id: str
    account_type: str | None = None
    message: str


class Webhook(BaseModel):
    AccountStatus: AccountStatus


class Base(DeclarativeBase):
    pass


class Account(Base):
    __tablename__ = "account"
    account_id: Mapped[str] = mapped_column(primary_key=True)
    provider: Mapped[str | None]
    status: Mapped[str]
    changed_at: Mapped[datetime]


class Entry(Base):
    __tablename__ = "journal"
    entry_id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[str] = mapped_column(index=True)
    received_at: Mapped[datetime]
    status: Mapped[str]
    payload: Mapped[str]


def _database() -> Engine:
    url = os.environ.get("NAIVE_STORE", "sqlite:///naive.db")
    if not url.startswith("sqlite"):
        return create_engine(url.replace("postgresql://", "postgresql+psycopg://"), pool_size=40)
    engine = create_engine(url, pool_size=40, connect_args={"timeout": 30})  # FastAPI has forty threads

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")

    return engine


_sessions = sessionmaker()


@asynccontextmanager
async def _with_tables(_app: FastAPI) -> AsyncIterator[None]:
    engine = _database()
    Base.metadata.create_all(engine)
    _sessions.configure(bind=engine)
    yield
    engine.dispose()


naive = FastAPI(lifespan=_with_tables)


@naive.post("/hooks")
def receive(webhook: Webhook) -> dict[str, str]:
    announced, now = webhook.AccountStatus, datetime.now(UTC)
    with _sessions() as db:
        account = db.get(Account, announced.account_id)
        if account is None:
            account = Account(account_id=announced.account_id)
            db.add(account)
        account.provider, account.status, account.changed_at = announced.account_type, announced.message, now
        db.add(
            Entry(
                account_id=announced.account_id,
                received_at=now,
                status=announced.message,
                payload=webhook.model_dump_json(),
            )
        )
        db.commit()
    return {"status": announced.message}


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Read the body and answer 200."""
    if scope["type"] != "http":
        while (await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})

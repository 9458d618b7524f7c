"""What tests say over and over: a call to append, a chat to claim, time to pass."""

from datetime import timedelta
from uuid import uuid4

import anyio

from chat_memory.models import ChatKey, Delta, Draft, NewTurn, Role, chat_key
from chat_memory.storage import chat_work
from chat_memory.storage.chat_work import Claim
from chat_memory.storage.database import Database
from chat_memory.storage.ledger import Appended, Ledger
from chat_memory.storage.turns import Call
from chat_memory.tools.intake import hash_request

LEASE = timedelta(seconds=30)
OWNER = "alice"
END_OTHERS = (
    "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
    " where datname = current_database() and pid <> pg_backend_pid()"
)
"""Ends every backend of this database but the one that asks, and waits until each is gone."""


def say(*contents: str, role: Role = "user") -> list[NewTurn]:
    """Turns of one role."""
    return [NewTurn(role, content, attested=role == "user") for content in contents]


def call(chat_id: str, *contents: str, idempotency_key: str = "", owner: str = OWNER) -> Call:
    """One call with the user's words."""
    turns = say(*contents)
    key = chat_key(owner, chat_id)
    return Call(key, owner, chat_id, turns, uuid4(), "test", idempotency_key, hash_request(turns))


async def append(db: Database, chat_id: str, *contents: str) -> Appended:
    """Write the user's words to a chat."""
    return await Ledger(db).append(call(chat_id, *contents))


def key_of(chat_id: str) -> ChatKey:
    """Name a chat of the usual owner."""
    return chat_key(OWNER, chat_id)


def name_neighbours(count: int) -> list[str]:
    """Name chats of one bucket: what is done to them is done in one statement."""
    bucket = key_of("a").bucket
    return [name for name in (f"chat {number}" for number in range(5_000)) if key_of(name).bucket == bucket][:count]


async def claim_due(db: Database, key: ChatKey) -> list[Claim]:
    """Claim what is due in a chat's bucket, as a worker does."""
    async with db.session() as session:
        return await chat_work.claim_chats(session, key.bucket, 10, LEASE, uuid4())


async def claim_one(db: Database, chat_id: str) -> Claim:
    """Claim a chat that must be due."""
    (claim,) = await claim_due(db, key_of(chat_id))
    return claim


def pass_time(db: Database, time: timedelta) -> None:
    """Let time pass for every statement of this database: its clock is moved, nobody waits."""
    db.clock.drift += time


async def until_somebody_waits(db: Database, count: int = 1) -> None:
    """Wait until so many statements of this database wait for a lock."""
    waiting = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    with anyio.fail_after(60):
        async with db.session() as session:
            while len(await session.connection.fetch(waiting)) < count:  # noqa: ASYNC110 - a lock rings no bell
                await anyio.sleep(0.01)


def draft(upto_seq: int, summary: str = "A summary.", base_version: int = 0) -> Draft:
    """A summarizer's answer."""
    return Draft(base_version=base_version, upto_seq=upto_seq, delta=Delta(summary=summary), summarizer="test")

"""Chats that wait for help: listed for whoever helps, and made due again once that is done."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from chat_memory.models import ChatKey
from chat_memory.storage.bell import Ring, ring
from chat_memory.storage.database import Database, Session, retried
from chat_memory.storage.queries import load_queries

QUERIES = load_queries("failures")
BATCH = 500
"""How many chats are made due in one transaction: their row locks are short."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A chat whose folds failed too often: which, since when, how often, and what was said last."""

    key: ChatKey
    chat_id: str
    owner_hash: bytes
    pending: int
    attempts: int
    last_error: str
    failed_at: datetime


async def list_failures(session: Session, limit: int) -> tuple[list[Failure], int]:
    """List up to `limit` failed chats, those that wait longest first, and count them all."""
    rows = await session.fetch(QUERIES["list_failures"], limit)
    failures = [
        Failure(
            ChatKey(row["bucket"], row["chat"]),
            row["chat_id"],
            row["owner_hash"],
            row["head_seq"] - row["done_seq"],
            row["attempts"],
            row["last_error"] or "",
            row["failed_at"],
        )
        for row in rows
    ]
    return failures, rows[0]["total"] if rows else 0


async def redrive_chats(db: Database, keys: Sequence[ChatKey]) -> set[ChatKey]:
    """Make these chats due again where they failed, wake the workers, and return which were."""
    redriven: set[ChatKey] = set()
    for bucket in sorted({key.bucket for key in keys}):
        redriven |= await _redrive(db, bucket, [key.chat for key in keys if key.bucket == bucket])
    return redriven


async def redrive_all(db: Database) -> set[ChatKey]:
    """Make every failed chat due again, wake the workers, and return which were."""
    redriven: set[ChatKey] = set()
    for row in await db.run(lambda session: session.fetch(QUERIES["find_failed_buckets"])):
        redriven |= await _redrive(db, row["bucket"], None)
    return redriven


async def _redrive(db: Database, bucket: int, chats: list[bytes] | None) -> set[ChatKey]:
    """Redrive a bucket batch by batch; a chat that fails again meanwhile is not taken twice."""
    redriven: set[ChatKey] = set()

    async def make_due(session: Session) -> set[ChatKey]:
        rows = await session.fetch(QUERIES["redrive_chats"], bucket, chats, BATCH, session.drift)
        keys = {ChatKey(row["bucket"], row["chat"]) for row in rows}
        if keys:
            await ring(session, Ring(min(keys), grew=True))  # any ring wakes every worker
        return keys

    while True:
        made_due = await retried(lambda _: db.transact(make_due))
        if made_due <= redriven:
            return redriven
        redriven |= made_due

"""What a caller's idempotency key was answered with, for as long as it is remembered."""

from dataclasses import dataclass
from datetime import timedelta

from chat_memory.storage.database import Session
from chat_memory.storage.queries import load_queries

QUERIES = load_queries("receipts")


@dataclass(frozen=True, slots=True)
class Span:
    """The turns one call wrote: first and last seq."""

    first_seq: int
    last_seq: int


async def expire_receipts(session: Session, bucket: int, age: timedelta) -> int:
    """Delete up to 1,000 receipts of one bucket older than `age`; how many went."""
    return await session.execute(QUERIES["expire_receipts"], bucket, age, session.drift)

"""What a caller's idempotency key was answered with, for as long as it is remembered."""

from dataclasses import dataclass
from datetime import timedelta

from chat_memory.errors import IdempotencyConflictError
from chat_memory.storage.database import Session
from chat_memory.storage.queries import load_queries
from chat_memory.storage.turns import Call

QUERIES = load_queries("receipts")


@dataclass(frozen=True, slots=True)
class Span:
    """The turns one call wrote: first and last seq."""

    first_seq: int
    last_seq: int


async def find_receipt(session: Session, call: Call) -> Span | None:
    """Find what the call's key was answered with before, None for a new key or none.

    Raises:
        IdempotencyConflictError: the key came with another body.
    """
    if not call.idempotency_key:
        return None
    row = await session.fetch_row(QUERIES["find_receipt"], *call.key, call.idempotency_key)
    if row is None:
        return None
    if row["request_hash"] != call.request_hash:
        raise IdempotencyConflictError(key=call.idempotency_key)
    return Span(row["first_seq"], row["last_seq"])


async def keep_receipt(session: Session, call: Call, span: Span) -> None:
    """Remember what the call's key was answered with, when it brought one."""
    if call.idempotency_key:
        values = (*call.key, call.idempotency_key, call.request_hash, span.first_seq, span.last_seq, session.drift)
        await session.execute(QUERIES["keep_receipt"], *values)


async def expire_receipts(session: Session, bucket: int, age: timedelta) -> int:
    """Delete up to 1,000 receipts of one bucket older than `age`; how many went."""
    return await session.execute(QUERIES["expire_receipts"], bucket, age, session.drift)

"""The life of a chat: it begins with its first turn, grows, and ends when it is forgotten."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

import anyio

from chat_memory.models import ChatKey
from chat_memory.storage import (
    audit_log,
    bell,
    chat_metadata,
    chat_work,
    conversations,
    memory_versions,
    receipts,
    tasks,
    turns,
)
from chat_memory.storage.bell import Ring
from chat_memory.storage.chat_work import Cursor
from chat_memory.storage.database import Database, Session, retried
from chat_memory.storage.receipts import Span
from chat_memory.storage.turns import Call


@dataclass(frozen=True, slots=True)
class Appended:
    """Where a call's turns stand, committed: their seqs, the chat's head, what is pending, and the database's time."""

    span: Span
    head_seq: int
    pending: int
    at: datetime


async def append(db: Database, call: Call) -> Appended:
    """Write a call's turns durably, exactly once, and ring the bell. Returns after the commit.

    Cancellation does not reach it: a write that began is answered or fails, never half told. After a broken connection
    the outcome is looked up by the call's id.

    Raises:
        IdempotencyConflictError: the call's key came before with another body; nothing was written.
        DatabaseUnreachableError: nobody answers; send the call again with an idempotency key to be sure.
    """
    with anyio.CancelScope(shield=True):
        return await retried(lambda tries: db.transact(partial(_append_once, call=call, again=tries > 0)))
    raise AssertionError  # the line above returns or raises


async def _append_once(session: Session, *, call: Call, again: bool) -> Appended:
    cursor = await _lock_or_begin(session, call)
    known = await receipts.find_receipt(session, call) or (await _find_lost_call(session, call) if again else None)
    if known is not None:
        at = await session.connection.fetchval("select now() + $1::interval", session.drift)
        return Appended(known, cursor.head_seq, cursor.head_seq - cursor.done_seq, at)
    span = Span(cursor.head_seq + 1, cursor.head_seq + len(call.turns))
    await turns.append_turns(session, call, cursor.head_seq)
    await receipts.keep_receipt(session, call, span)
    advance = await chat_work.advance_head(session, call.key, len(call.turns))
    await bell.ring(session, Ring(call.key, grew=True))
    return Appended(span, advance.head_seq, advance.pending, advance.at)


async def _lock_or_begin(session: Session, call: Call) -> Cursor:
    while True:
        cursor = await chat_work.lock_chat(session, call.key, call.owner)
        if cursor is not None:
            return cursor
        if await chat_work.open_chat(session, call.key, call.owner):
            await conversations.begin_conversation(session, call.key, call.owner, call.chat_id)
            return Cursor(0, 0)


async def _find_lost_call(session: Session, call: Call) -> Span | None:
    found = await turns.find_call(session, call.key, call.call_id)
    return Span(*found) if found else None


DELETIONS = {
    "turns": turns.QUERIES["delete_turns"],
    "receipts": receipts.QUERIES["delete_receipts"],
    "tasks": tasks.QUERIES["delete_tasks"],
    "memory": chat_metadata.QUERIES["delete_memory"],
    "versions": memory_versions.QUERIES["delete_versions"],
    "conversations": conversations.QUERIES["delete_conversation"],
    "cursors": chat_work.QUERIES["delete_cursor"],
}
"""What a chat leaves in each table; the cursor goes last, its lock held until then."""


async def forget(db: Database, owner: str, key: ChatKey) -> dict[str, int]:
    """Delete a chat from every table and count what went, by table; all zero for an unknown chat.

    A fold in flight loses its lease with the row, so it cannot bring anything back; the audit row keeps counts only.
    After a lost answer it is asked again, and a chat that was gone by then counts zero.
    """

    async def delete_all(session: Session) -> dict[str, int]:
        if await chat_work.lock_chat(session, key, owner) is None:
            return dict.fromkeys(DELETIONS, 0)
        counts = {name: await session.execute(query, *key) for name, query in DELETIONS.items()}
        await audit_log.record_action(session, owner, "forget", counts)
        await bell.ring(session, Ring(key, grew=False))
        return counts

    with anyio.CancelScope(shield=True):
        return await retried(lambda _: db.transact(delete_all))
    raise AssertionError  # the line above returns or raises

"""The end of a chat: forgotten means gone."""

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
    redaction_salts,
    tasks,
    turns,
)
from chat_memory.storage.bell import Ring
from chat_memory.storage.database import Database, Session, retried

DELETIONS = {
    "turns": turns.QUERIES["delete_turns"],
    "receipts": receipts.QUERIES["delete_receipts"],
    "tasks": tasks.QUERIES["delete_tasks"],
    "salts": redaction_salts.QUERIES["delete_salt"],
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
            # a salt may be older than its chat, and outlive a first call that failed
            return dict.fromkeys(DELETIONS, 0) | {"salts": await session.execute(DELETIONS["salts"], *key)}
        counts = {name: await session.execute(query, *key) for name, query in DELETIONS.items()}
        await audit_log.record_action(session, owner, "forget", counts)
        await bell.ring(session, Ring(key, grew=False))
        return counts

    with anyio.CancelScope(shield=True):
        return await retried(lambda _: db.transact(delete_all))
    raise AssertionError  # the line above returns or raises

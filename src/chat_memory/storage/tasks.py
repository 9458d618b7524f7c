"""Calls that are answered later: which turns they wait for. How far those are is the cursor's."""

import json
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID, uuid4

from chat_memory.models import ChatKey, Frozen
from chat_memory.storage import chat_work
from chat_memory.storage.chat_work import hash_owner
from chat_memory.storage.database import Database, Record, Session, retried
from chat_memory.storage.queries import load_queries
from chat_memory.storage.receipts import Span

QUERIES = load_queries("tasks")
LIFETIME = timedelta(hours=1)
"""How long a task can be asked for after its call: a client that polls once a second is long gone by then."""

TaskTool = Literal["update_memory", "summarize"]
TaskStatus = Literal["working", "completed", "failed", "cancelled"]


class Task(Frozen):
    """A call that is answered later: done when turns `first_seq` to `last_seq` are folded.

    `redacted` counts by kind what gave way to placeholders in them, None when nothing did.
    """

    task_id: str
    tool: TaskTool
    chat_id: str
    first_seq: int
    last_seq: int
    status: TaskStatus
    created_at: datetime
    updated_at: datetime
    redacted: dict[str, int] | None = None


async def open_task(
    db: Database, key: ChatKey, owner: str, tool: TaskTool, span: Span, *, redacted: dict[str, int] | None = None
) -> UUID | None:
    """Keep a task for the turns of `span`, committed on return; None when the chat was forgotten meanwhile."""

    async def keep(session: Session) -> UUID | None:
        if await chat_work.lock_chat(session, key, owner) is None:
            return None
        task_id = uuid4()  # a try whose answer was lost leaves a row nobody knows, for an hour
        await session.execute(QUERIES["expire_tasks"], key.bucket, LIFETIME, session.drift)
        values = (
            *key,
            task_id,
            tool,
            span.first_seq,
            span.last_seq,
            session.drift,
            json.dumps(redacted) if redacted else None,
        )
        await session.execute(QUERIES["keep_task"], *values)
        return task_id

    return await retried(lambda _: db.transact(keep))


async def find_task(session: Session, key: ChatKey, owner: str, task_id: UUID) -> Task | None:
    """Read a task and what the cursor says of it; None unless it lives and is this owner's."""
    values = (*key, task_id, hash_owner(owner), LIFETIME, session.drift)
    row = await session.fetch_row(QUERIES["find_task"], *values)
    if row is None:
        return None
    return Task(
        task_id=name_task(key, task_id),
        tool=row["tool"],
        chat_id=row["chat_id"],
        first_seq=row["first_seq"],
        last_seq=row["last_seq"],
        status=_status(row),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        redacted=json.loads(row["redacted"]) if row["redacted"] else None,
    )


async def end_task(
    session: Session, key: ChatKey, owner: str, task_id: UUID, ending: Literal["cancelled", "failed"]
) -> bool:
    """End a task for good; False when it had an end already, or the cursor says otherwise by now."""
    values = (*key, task_id, ending, hash_owner(owner), session.drift)
    return await session.execute(QUERIES["end_task"], *values) == 1


def name_task(key: ChatKey, task_id: UUID) -> str:
    """Write a task's id as a caller knows it: where to look, and 122 random bits nobody guesses."""
    return f"{key.chat.hex()}-{task_id.hex}"


def _status(row: Record) -> TaskStatus:
    if row["ended_as"] is not None:
        return row["ended_as"]  # type: ignore[no-any-return] # the table knows two
    if row["done_seq"] >= row["last_seq"]:
        return "completed"
    return "failed" if row["failed_at"] is not None else "working"

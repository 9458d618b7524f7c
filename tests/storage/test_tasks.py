"""Tasks in the database: they end once, die with their chat, and do not pile up."""

from datetime import timedelta
from typing import Literal
from uuid import UUID, uuid4

from chat_memory.storage import chat_work, lives, tasks
from chat_memory.storage.database import Database
from chat_memory.storage.receipts import Span
from chat_memory.storage.tasks import Task
from tests.chats import LEASE, OWNER, append, claim_one, key_of, pass_time

TWINS = [name for name in (f"chat {number}" for number in range(5_000)) if key_of(name).bucket == 7][:2]
"""Two chats of one bucket."""


async def open_task(db: Database, chat_id: str) -> UUID:
    await append(db, chat_id, "one")
    task_id = await tasks.open_task(db, key_of(chat_id), OWNER, "update_memory", Span(1, 1))
    assert task_id is not None
    return task_id


async def read(db: Database, chat_id: str, task_id: UUID, owner: str = OWNER) -> Task | None:
    async with db.session() as session:
        return await tasks.find_task(session, key_of(chat_id), owner, task_id)


async def end(
    db: Database, task_id: UUID, owner: str = OWNER, ending: Literal["cancelled", "failed"] = "cancelled"
) -> bool:
    async with db.session() as session:
        return await tasks.end_task(session, key_of("a"), owner, task_id, ending)


async def test_a_chat_that_is_gone_gets_no_task(db: Database) -> None:
    """Without lock_chat in open_task a task could be left behind by a forgetting in flight."""
    await append(db, "a", "one")
    await lives.forget(db, OWNER, key_of("a"))
    assert await tasks.open_task(db, key_of("a"), OWNER, "summarize", Span(1, 1)) is None
    async with db.session() as session:
        assert await session.connection.fetchval("select count(*) from chat_memory.tasks") == 0


async def test_old_tasks_go_when_a_new_one_comes(db: Database) -> None:
    """Without expire_tasks in open_task tasks would pile up in chats that are never forgotten."""
    old = await open_task(db, TWINS[0])
    pass_time(db, tasks.LIFETIME - timedelta(seconds=9))
    young = await open_task(db, TWINS[1])
    assert await read(db, TWINS[0], old) is not None
    pass_time(db, timedelta(seconds=10))
    assert await read(db, TWINS[0], old) is None
    await append(db, TWINS[1], "two")
    newest = await open_task(db, TWINS[1])
    async with db.session() as session:
        left = await session.connection.fetch("select task_id from chat_memory.tasks")
    assert {row["task_id"] for row in left} == {young, newest}


async def test_a_task_ends_once_and_by_its_owner(db: Database) -> None:
    """Without owner_hash or ended_as in end_task."""
    task_id = await open_task(db, "a")
    assert not await end(db, task_id, "mallory")
    assert await end(db, task_id)
    ended = await read(db, "a", task_id)
    assert ended is not None
    assert (ended.status, ended.updated_at > ended.created_at) == ("cancelled", True)
    pass_time(db, timedelta(minutes=1))
    assert not await end(db, task_id)
    assert await read(db, "a", task_id) == ended
    assert await read(db, "a", task_id, "mallory") is None
    assert not await end(db, uuid4())


async def test_a_task_ends_as_the_cursor_says_by_then(db: Database) -> None:
    """Without `work.failed` in end_task a task could fail whose chat was helped meanwhile, told so by an older read."""
    task_id = await open_task(db, "a")
    assert not await end(db, task_id, ending="failed")
    async with db.session() as session:
        assert await chat_work.record_failure(session, await claim_one(db, "a"), "it broke", LEASE, 1)
    assert not await end(db, task_id, ending="cancelled")
    assert await end(db, task_id, ending="failed")

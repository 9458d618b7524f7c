"""Sealing keys: one of a kind in a database, whoever asks first."""

from contextlib import AsyncExitStack

import anyio

from chat_memory.storage.database import Database, Session
from chat_memory.storage.sealing_keys import read_key


async def test_whoever_asks_at_once_gets_one_key(db: Database) -> None:
    """Without `on conflict do nothing`, or the second read, processes that start together would fail or seal apart."""
    seen: set[bytes] = set()

    async def ask(session: Session, purpose: str) -> None:
        seen.add((await read_key(session, purpose)).secret)

    async with AsyncExitStack() as stack:
        sessions = [await stack.enter_async_context(db.session()) for _ in range(8)]
        async with anyio.create_task_group() as group:
            for session in sessions:
                group.start_soon(ask, session, "questions")
        assert [len(secret) for secret in seen] == [32]
        await ask(sessions[0], "something else")
    assert len(seen) == 2

"""Sealing keys: one of a kind in a database, whoever asks first."""

import anyio

from chat_memory.storage.database import Database
from chat_memory.storage.sealing_keys import read_key


async def test_whoever_asks_at_once_gets_one_key(db: Database) -> None:
    """Without `on conflict do nothing`, or the second read, processes that start together would seal apart."""
    seen: set[bytes] = set()

    async def ask(purpose: str) -> None:
        async with db.session() as session:
            seen.add((await read_key(session, purpose)).secret)

    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(ask, "questions")
    assert [len(secret) for secret in seen] == [32]
    await ask("something else")
    assert len(seen) == 2

"""Proof by row counts: what a suite says it wrote and folded is in the tables, exactly."""

import anyio
import asyncpg

from chat_memory.lab.bench.ground import require
from chat_memory.storage.faults import translated

COUNTS = """
select
    (select count(*) from chat_memory.conversations) as chats,
    (select count(*) from chat_memory.turns) as turns,
    (select count(*) from (
        select from chat_memory.turns group by bucket, chat having max(seq) <> count(*)
    ) as gaps) as gaps,
    (select coalesce(sum(head_seq), 0) from chat_memory.chat_work) as heads,
    (select coalesce(sum(done_seq), 0) from chat_memory.chat_work) as done,
    (select count(*) from chat_memory.chat_metadata) as memories,
    (select coalesce(sum(version), 0) from chat_memory.chat_metadata) as folds,
    (select count(*) from chat_memory.memory_versions) as versions,
    (select coalesce(sum(covers_seq - from_seq + 1), 0) from chat_memory.memory_versions as kept where not exists (
        select from chat_memory.memory_versions as newer
        where newer.bucket = kept.bucket and newer.chat = kept.chat and newer.replaces_version = kept.version
    )) as covered,
    (select count(*) from pg_class
        where relnamespace = 'chat_memory'::regnamespace and relpersistence <> 'p') as unlogged
"""
PENDING = "select exists (select from chat_memory.chat_work where due_at is not null)"
LOOK_SECONDS = 0.005
"""Pause between two looks whether anything is pending."""
PATIENCE_SECONDS = 900.0
TABLES = ("conversations", "turns", "chat_work", "chat_metadata", "memory_versions")
SETTLE = f"vacuum (analyze) {', '.join(f'chat_memory.{table}' for table in TABLES)}"
"""What autovacuum would do in its own time: every run begins with the same statistics."""


async def check_written(url: str, turns: int, chats: int, *, folded: bool) -> int:
    """Count that exactly `turns` turns of `chats` chats are durable, and folded if they should be; how many folds.

    Raises:
        DisprovedError: they are not.
    """
    with translated(url):
        connection = await asyncpg.connect(url)
        try:
            row = await connection.fetchrow(COUNTS)
        finally:
            await connection.close()
    if row is None:
        raise AssertionError  # a select without from has a row
    expected = {"chats": chats, "turns": turns, "gaps": 0, "heads": turns, "unlogged": 0}
    if folded:
        expected |= {"done": turns, "memories": chats, "covered": turns, "folds": row["versions"]}
    for name, number in expected.items():
        require(f"the count of {name}", int(row[name]), number)
    return int(row["versions"])


async def wait_folded(url: str) -> None:
    """Wait until no chat is due or leased.

    Raises:
        TimeoutError: that takes too long.
    """
    with translated(url):
        connection = await asyncpg.connect(url)
        try:
            with anyio.fail_after(PATIENCE_SECONDS):
                while await connection.fetchval(PENDING):  # noqa: ASYNC110 - workers are not asked to tell anybody
                    await anyio.sleep(LOOK_SECONDS)
        finally:
            await connection.close()

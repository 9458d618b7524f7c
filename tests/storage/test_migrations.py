"""The way from an empty database to today's schema."""

from collections.abc import AsyncIterator

import anyio
import pytest

from chat_memory.errors import NewerSchemaError
from chat_memory.storage.database import Database, open_database
from chat_memory.storage.migrations import Migration, list_migrations, migrate, read_schema_number
from tests.conftest import drop, run_on, with_database


@pytest.fixture
async def empty_url(server_url: str, template: str) -> AsyncIterator[str]:
    name = f"{template}_empty"
    await run_on(server_url, f"create database {name}")
    yield with_database(server_url, name)
    await drop(server_url, name)


def test_migrations_are_numbered_without_gaps() -> None:
    assert [step.number for step in list_migrations()] == list(range(1, len(list_migrations()) + 1))


async def test_an_empty_database_is_brought_up_to_date_once(empty_url: str) -> None:
    async with open_database(empty_url, pool_size=1) as db:
        assert await read_schema_number(db) == 0
        assert [step.number for step in await migrate(db)] == [step.number for step in list_migrations()]
        assert await migrate(db) == []


async def test_processes_that_start_at_once_migrate_once(empty_url: str) -> None:
    """Without the advisory lock in migrate they would create the same tables and fail."""
    applied: list[Migration] = []

    async def start() -> None:
        async with open_database(empty_url, pool_size=1) as db:
            applied.extend(await migrate(db))

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(start)
    assert [step.number for step in applied] == [step.number for step in list_migrations()]


async def test_a_schema_newer_than_the_program_is_refused(db: Database) -> None:
    """An old program must not write what it does not understand."""
    newest = list_migrations()[-1].number
    async with db.session() as session:
        await session.connection.execute(
            "insert into chat_memory.migrations values ($1, 'tomorrow', now())", newest + 1
        )
    with pytest.raises(NewerSchemaError, match=f"migration {newest + 1}, this program knows up to {newest}"):
        await migrate(db)

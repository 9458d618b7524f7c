"""Real things for every test: a PostgreSQL of its own database, a toolbox on it, callers to use it."""

import os
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import anyio
import asyncpg
import pytest

from chat_memory.models import Caller
from chat_memory.prompts.extractive import Extractive
from chat_memory.settings import Settings
from chat_memory.storage.bell import Bell
from chat_memory.storage.database import Database, open_database
from chat_memory.storage.embedded import start_embedded
from chat_memory.storage.migrations import migrate
from chat_memory.tools.toolbox import Toolbox
from tests.folders import open_folder

NUMBERS = count(1)


def with_database(url: str, name: str) -> str:
    """Name another database of the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave tests of a pooler to scripts/test-pgbouncer, which has one."""
    if not os.environ.get("CHAT_MEMORY_TEST_POOLER_URL"):
        of_pooler = [item for item in items if "behind_pooler" in getattr(item, "fixturenames", ())]
        config.hook.pytest_deselected(items=of_pooler)
        items[:] = [item for item in items if item not in of_pooler]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """asyncpg speaks asyncio only."""
    return "asyncio"


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A PostgreSQL that may create databases: the one named for the tests, else an embedded one made for this run."""
    configured = os.environ.get("CHAT_MEMORY_TEST_DATABASE_URL", "")
    if configured:
        yield configured
        return
    with open_folder() as folder:
        server = start_embedded(folder / "data")
        yield server.url
        server.close()


@pytest.fixture(scope="session")
async def template(server_url: str) -> AsyncIterator[str]:
    """A migrated database to copy from."""
    name = f"chat_memory_template_{os.getpid()}"
    await run_on(server_url, f"create database {name}")
    async with open_database(with_database(server_url, name), pool_size=1) as db:
        await migrate(db)
    yield name
    await drop(server_url, name)


@pytest.fixture
async def database_url(server_url: str, template: str) -> AsyncIterator[str]:
    """A database of this test's own, migrated; behind the pooler where the tests are given one."""
    name = f"chat_memory_test_{os.getpid()}_{next(NUMBERS)}"
    await run_on(server_url, f"create database {name} template {template}")
    yield with_database(os.environ.get("CHAT_MEMORY_TEST_POOLER_URL", "") or server_url, name)
    await drop(server_url, name)


async def drop(url: str, name: str) -> None:
    """Drop a database and whoever is in it; an autovacuum worker, which only a superuser may end, is waited for."""
    for _ in range(100):
        try:
            await run_on(url, f"drop database {name} with (force)")
        except asyncpg.InsufficientPrivilegeError:
            await anyio.sleep(0.1)
        else:
            return
    raise AssertionError(name)


async def run_on(url: str, statement: str) -> None:
    """Run one statement that no transaction may hold."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture
def listen_url(server_url: str, database_url: str) -> str:
    """The same database without a pooler between, where notifications arrive."""
    return with_database(server_url, urlsplit(database_url).path[1:])


@pytest.fixture
def behind_pooler(database_url: str, listen_url: str) -> None:
    """For tests of a pooler: scripts/test-pgbouncer runs them."""
    assert database_url != listen_url


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """The storage room on this test's database."""
    async with open_database(database_url, pool_size=8) as opened:
        yield opened


@pytest.fixture
def settings() -> Settings:
    """The defaults."""
    return Settings()


@pytest.fixture
def box(db: Database, settings: Settings) -> Toolbox:
    """What tools work with; nothing folds and nobody listens until the test says so."""
    return Toolbox.on(db, settings, Bell(), Extractive())


@pytest.fixture
def alice() -> Caller:
    """A caller."""
    return Caller("alice")


@pytest.fixture
def bob() -> Caller:
    """Another caller."""
    return Caller("bob")


@pytest.fixture
def environment(database_url: str, listen_url: str) -> dict[str, str]:
    """What a server process of this test is told: this test's database, and our own source."""
    return {
        "CHAT_MEMORY_DATABASE_URL": database_url,
        "CHAT_MEMORY_LISTEN_URL": listen_url,
        "CHAT_MEMORY_OWNER": "alice",
        "CHAT_MEMORY_LOG_LEVEL": "warning",
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(__file__).parent.parent / "src"),
    }

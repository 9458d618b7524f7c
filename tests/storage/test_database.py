"""The pool, its transactions, and errors in our words."""

import anyio
import asyncpg
import pytest

from chat_memory.errors import (
    DatabaseUnreachableError,
    IsolationError,
    OldServerError,
    RefusedStatementError,
    UnsafeDurabilityError,
)
from chat_memory.storage import chat_work
from chat_memory.storage.database import Database, Session, open_database, transaction
from chat_memory.storage.faults import describe_url
from chat_memory.storage.fitness import ServerFacts, read_server_facts, refuse_unfit_server
from tests.chats import END_OTHERS, OWNER, append, key_of, until_somebody_waits
from tests.conftest import run_on, with_database


async def open_once(url: str) -> None:
    async with open_database(url, pool_size=1):
        pass


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://nobody@127.0.0.1:1/none",
        "postgresql://nobody@no-such-host.invalid/none",
        "http://127.0.0.1/none",
        "not a url",
        "postgresql://u@127.0.0.1:port/none",
        "postgresql:///none?host=/no/such/folder",
    ],
)
async def test_a_wrong_or_dead_url_is_refused_with_a_remedy(url: str) -> None:
    with pytest.raises(DatabaseUnreachableError, match="Check CHAT_MEMORY_DATABASE_URL"):
        await open_once(url)


async def test_a_database_that_does_not_exist_is_refused_with_a_remedy(server_url: str) -> None:
    with pytest.raises(DatabaseUnreachableError, match="no_such_database"):
        await open_once(with_database(server_url, "no_such_database"))


def test_a_password_is_never_shown() -> None:
    assert describe_url("postgresql://ann:secret@db.example:5433/chats") == "db.example:5433/chats"


async def test_a_deadlock_is_nobodys_fault(db: Database) -> None:
    """Without the loop in transact one of the two callers would see PostgreSQL's error."""
    await append(db, "a", "one")
    await append(db, "b", "one")
    first_locked, second_locked = anyio.Event(), anyio.Event()

    async def cross(first: str, second: str, mine: anyio.Event, other: anyio.Event) -> None:
        async def update_both(session: Session) -> None:
            for content, lock in ((first, mine), (second, None)):
                await session.connection.execute(
                    "update chat_memory.conversations set metadata = '{}' where chat_id = $1", content
                )
                if lock:
                    lock.set()
                    await other.wait()

        await db.transact(update_both)

    async with anyio.create_task_group() as group:
        group.start_soon(cross, "a", "b", first_locked, second_locked)
        group.start_soon(cross, "b", "a", second_locked, first_locked)


async def test_what_postgresql_refuses_is_said_in_our_words_and_nothing_is_written(db: Database) -> None:
    async def write(session: Session) -> None:
        await session.connection.execute("insert into chat_memory.migrations values (99, 'x', now())")
        await session.connection.execute("insert into chat_memory.migrations values (99, 'x', now())")

    with pytest.raises(RefusedStatementError, match="duplicate key"):
        await db.transact(write)
    async with db.session() as session:
        assert not await session.connection.fetchval(
            "select exists (select from chat_memory.migrations where number = 99)"
        )


async def test_a_session_outlives_the_end_of_its_connections(db: Database, database_url: str) -> None:
    """PostgreSQL restarted: the pool's dead connections are replaced, not handed out for ever."""
    await append(db, "a", "one")
    await run_on(database_url, END_OTHERS)
    appended = await append(db, "a", "two")
    assert appended.span.first_seq == 2


async def test_a_server_that_could_lose_commits_is_refused(db: Database, listen_url: str) -> None:
    """Without refuse_unfit_server a receipt would promise what the disk does not."""
    name = listen_url.rpartition("/")[2].partition("?")[0]
    await run_on(listen_url, f"alter database {name} set synchronous_commit = off")
    async with open_database(listen_url, pool_size=1) as unsafe:
        facts = await read_server_facts(unsafe)
    with pytest.raises(UnsafeDurabilityError, match="synchronous_commit is off"):
        refuse_unfit_server(facts, allow_unsafe=False)
    refuse_unfit_server(facts, allow_unsafe=True)
    refuse_unfit_server(await read_server_facts(db), allow_unsafe=False)


async def test_a_stricter_default_isolation_is_not_ours(db: Database, listen_url: str) -> None:
    """Without settle a statement that waited for another's commit would fail for that very commit."""
    await append(db, "a", "one")
    name = listen_url.rpartition("/")[2].partition("?")[0]
    await run_on(listen_url, f"alter database {name} set default_transaction_isolation = 'repeatable read'")
    async with open_database(listen_url, pool_size=2) as strict, anyio.create_task_group() as group:

        async def hasten() -> None:
            async with strict.session() as session:
                assert await chat_work.hasten_chat(session, key_of("a"))

        async with strict.session() as session, transaction(session):
            await chat_work.lock_chat(session, key_of("a"), OWNER)
            await chat_work.hasten_chat(session, key_of("a"))
            group.start_soon(hasten)
            await until_somebody_waits(db)


def test_a_stricter_default_isolation_behind_a_pooler_is_refused() -> None:
    """There nothing can be set for the next statement: unnoticed, it would fail at random under load."""
    with pytest.raises(IsolationError, match="alter role chat set default_transaction_isolation"):
        refuse_unfit_server(ServerFacts(18, {}, "chat", "serializable"), allow_unsafe=False)
    refuse_unfit_server(ServerFacts(18, {}, "chat", "read uncommitted"), allow_unsafe=False)


def test_a_server_too_old_is_refused() -> None:
    with pytest.raises(OldServerError, match="needs 15 or newer"):
        refuse_unfit_server(ServerFacts(14, {}, "role"), allow_unsafe=True)


def test_asyncpg_errors_know_one_another() -> None:
    """Ours to translate: what asyncpg raises for a refused value is an error of PostgreSQL, not a broken connection."""
    assert issubclass(asyncpg.DataError, asyncpg.PostgresError)

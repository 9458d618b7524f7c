"""What holds when the database does not: errors in our words, another try, a bell that keeps trying, whole SQL."""

import shutil
import subprocess
import sys
from pathlib import Path

import anyio
import asyncpg
import pytest

import chat_memory
from chat_memory.errors import DatabaseUnreachableError
from chat_memory.storage.bell import Bell, Ring
from chat_memory.storage.database import Database, Session
from chat_memory.storage.faults import translated
from tests.chats import append, key_of
from tests.conftest import with_database

PATIENCE = 60.0
"""Seconds until what should have woken counts as asleep: never reached when it works."""
A_WHILE = 0.05
"""Seconds in which nothing must happen."""


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.ConnectionDoesNotExistError("gone"),
        asyncpg.InterfaceError("closed"),
        asyncpg.InternalClientError("confused"),
        asyncpg.CannotConnectNowError("the database system is starting up"),
        asyncpg.AdminShutdownError("terminating connection"),
        asyncpg.CrashShutdownError("crash of another server process"),
        asyncpg.IdleInTransactionSessionTimeoutError("terminating connection"),
        ConnectionResetError("reset"),
        TimeoutError(),
        asyncpg.InvalidPasswordError("no"),
        asyncpg.InvalidCatalogNameError("no such database"),
        asyncpg.TooManyConnectionsError("too many"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_database_that_cannot_be_reached_is_told_so(error: Exception) -> None:
    """A member missing from GONE or REFUSED_LOGIN fails here: it would be a refused statement, or asyncpg's error."""
    with pytest.raises(DatabaseUnreachableError), translated("postgresql://h/d"):
        raise error


async def test_what_may_run_twice_is_run_again_when_its_connection_broke(db: Database) -> None:
    """Without the loop in retried a restart of PostgreSQL would be an error of every reader."""
    tries: list[int] = []

    async def read(session: Session) -> int:
        tries.append(1)
        if len(tries) < 3:
            session.connection.terminate()
        return int(await session.connection.fetchval("select 1"))

    assert await db.run(read) == 1
    assert len(tries) == 3


async def test_a_serialization_failure_is_nobodys_fault(db: Database) -> None:
    """Without SerializationError in ROLLED_BACK a caller would see that another was faster."""
    await append(db, "a", "one")
    update = "update chat_memory.conversations set metadata = '{}'"
    tries: list[int] = []

    async def work(session: Session) -> None:
        await session.connection.execute("set transaction isolation level repeatable read")
        await session.connection.fetchval("select count(*) from chat_memory.conversations")
        tries.append(1)
        if len(tries) == 1:
            async with db.session() as faster:
                await faster.connection.execute(update)
        await session.connection.execute(update)

    await db.transact(work)
    assert len(tries) == 2


async def test_every_listener_is_told_and_only_a_chats_own_waiters_wake() -> None:
    """Without `rung.key == key` in Bell.waiting, the loop in announce, or the unsubscribe at the end of waiting."""
    own = Bell()
    heard: list[Ring] = []
    own.subscribe(heard.append)
    async with own.waiting(key_of("a")) as first, own.waiting(key_of("a")) as second:
        own.announce(Ring(key_of("b"), grew=True))
        with anyio.move_on_after(A_WHILE) as slept:
            await first.sleep(3600)
        assert slept.cancelled_caught, "woken by another chat"
        own.announce(Ring(key_of("a"), grew=True))
        with anyio.fail_after(PATIENCE):
            await first.sleep(3600)
            await second.sleep(3600)
        with anyio.move_on_after(A_WHILE) as slept:
            await first.sleep(3600)
        assert slept.cancelled_caught, "one ring, one waking"
    own.announce(Ring(key_of("a"), grew=True))
    with anyio.move_on_after(A_WHILE) as slept:
        await second.sleep(3600)
    assert slept.cancelled_caught, "woken after its waiting ended"
    assert len(heard) == 3


@pytest.mark.parametrize("name", ["no_such_database", None])
async def test_a_bell_that_cannot_connect_keeps_trying(db: Database, server_url: str, name: str | None) -> None:
    """Without the `except DatabaseError` in Bell.listen a database that is not there yet would end the background."""
    url = with_database(server_url, name) if name else "postgresql://nobody@127.0.0.1:1/none"
    with anyio.move_on_after(0.3) as waiting:
        await Bell().listen(url, db)
    assert waiting.cancelled_caught


ONE = "-- name: one\n-- Why.\nselect 1;\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [("-- name: one\nselect 1;\n", "line of why"), (ONE + ONE, "two queries of one name"), (ONE, "")],
    ids=["no-why", "one-name-twice", "sound"],
)
def test_sql_without_a_why_or_with_one_name_twice_is_refused(tmp_path: Path, text: str, words: str) -> None:
    """Without its two checks load_queries would drop a query, or run the wrong one. Planted in a copy of the room."""
    package = Path(chat_memory.__file__).parent
    (tmp_path / "chat_memory" / "storage").mkdir(parents=True)
    for name in ("__init__.py", "storage/__init__.py", "storage/queries.py"):
        shutil.copy(package / name, tmp_path / "chat_memory" / name)
    (tmp_path / "chat_memory" / "storage" / "planted.sql").write_text(text)
    program = "from chat_memory.storage.queries import load_queries; load_queries('planted')"
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert words in done.stderr
    assert (done.returncode == 0) == (not words)

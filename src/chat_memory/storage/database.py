"""The database: a pool, sessions on it, transactions that try again, and its errors put in our words."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, TypeAlias, TypeVar

import anyio
import asyncpg
import asyncpg.pool

from chat_memory.errors import (
    DatabaseUnreachableError,
    RefusedStatementError,
)
from chat_memory.storage.faults import GONE, MISWRITTEN, ROLLED_BACK, describe_url, reason_of, translated
from chat_memory.storage.queries import Query

Record: TypeAlias = asyncpg.Record
Revive: TypeAlias = Callable[[], Awaitable[None]]
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Preparing: TypeAlias = Literal["auto", "on", "off"]
Result = TypeVar("Result")

CONNECT_SECONDS = 5.0
"""How long one connection attempt may take: a dead address must not hang a call."""
STATEMENT_SECONDS = 30.0
"""How long one statement may take: ours take milliseconds, a lock queue seconds."""
BEGIN = "BEGIN; set local idle_in_transaction_session_timeout = '5s'; set local lock_timeout = '15s';"
"""A process that froze inside a transaction loses it, and with it the row lock everybody else waits for: a lease frees
a chat from a dead worker, this frees it from a sleeping one. In one round trip, and safe behind a pooler."""
RUN_TRIES = 4
"""How often what may safely run twice is tried when connections break."""
RUN_PAUSE_SECONDS = 0.25
"""Pause before the next try, doubled each time: a restarting PostgreSQL needs about a second."""
TRANSACTION_TRIES = 5
"""Deadlocks and serialization failures are nobody's fault: the whole transaction runs again, this often at most."""

STATEMENTS = 100
"""How many statements a connection keeps prepared: more than there are in this room."""


@dataclass(slots=True)
class Clock:
    """The database's clock, moved by `drift`: zero in service; tests own time by setting it."""

    drift: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Session:
    """One connection for as long as it is borrowed, and the clock its statements use."""

    connection: "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
    clock: Clock

    @property
    def drift(self) -> timedelta:
        """How far the clock is moved: the last parameter of every query that asks for the time."""
        return self.clock.drift

    async def fetch(self, query: Query, *values: object, seconds: float | None = None) -> "list[asyncpg.Record]":
        """Run a query and return its rows, within `seconds` where these are given."""
        return await self.connection.fetch(query.sql, *values, timeout=seconds)

    async def fetch_row(self, query: Query, *values: object) -> "asyncpg.Record | None":
        """Run a query and return its first row, None when there is none."""
        return await self.connection.fetchrow(query.sql, *values)

    async def execute(self, query: Query, *values: object) -> int:
        """Run a query and return how many rows it touched."""
        status = await self.connection.execute(query.sql, *values)
        return int(status.rpartition(" ")[2])


class Plain(asyncpg.Connection):
    """A connection that keeps no state between borrowers, so nothing is reset: half of a short read's time."""

    def get_reset_query(self) -> str:
        """Reset nothing."""
        return ""


@dataclass(slots=True)
class Database:
    """Where chats live. `revive` is called when nobody answers: it starts the embedded server again.

    `pooled`: what answers is no PostgreSQL but a pooler in front of one.
    """

    pool: "asyncpg.Pool[asyncpg.Record]"
    url: str
    clock: Clock = field(default_factory=Clock)
    revive: Revive | None = None
    pooled: bool = False

    @asynccontextmanager
    async def session(self) -> AsyncGenerator[Session]:
        """Borrow a connection; each statement commits by itself.

        Raises:
            DatabaseUnreachableError: nobody answers, or the connection broke: what ran on it may have committed.
            RefusedStatementError: PostgreSQL refused a statement for its data or its meaning.
        """
        with translated(self.url):
            connection = await self._acquire()
            try:
                yield Session(connection, self.clock)
            finally:
                # A connection that breaks only now is dropped by the pool: what ran on it stands.
                with anyio.CancelScope(shield=True):
                    await self.pool.release(connection, timeout=CONNECT_SECONDS)

    async def run(self, work: Callable[[Session], Awaitable[Result]]) -> Result:
        """Run `work`, which may safely run twice, and try again when its connection breaks: a restart goes unnoticed.

        Raises:
            DatabaseUnreachableError: nobody answers, after a second and a half of trying.
        """

        async def attempt(_: int) -> Result:
            async with self.session() as session:
                return await work(session)

        return await retried(attempt)

    async def transact(self, work: Callable[[Session], Awaitable[Result]]) -> Result:
        """Run `work` in one transaction and return its result once it is committed.

        Deadlocks and serialization failures run it again, so `work` must not change anything but the database.

        Raises:
            DatabaseUnreachableError: the outcome is unknown: look it up, never guess.
            ChatBusyError: a lock was not to be had for longer than any write of ours takes.
        """

        async def attempt(session: Session) -> Result:
            async with transaction(session):
                return await work(session)
            raise AssertionError  # the block returns or raises

        return await self.commit(attempt)

    async def commit(self, work: Callable[[Session], Awaitable[Result]]) -> Result:
        """Run `work`, a single statement that commits by itself, and again when PostgreSQL rolled it back.

        Raises:
            DatabaseUnreachableError: the outcome is unknown: look it up, never guess.
        """
        for tries_left in reversed(range(TRANSACTION_TRIES)):
            try:
                async with self.session() as session:
                    return await work(session)
            except ROLLED_BACK as error:
                if not tries_left:
                    raise RefusedStatementError(reason=reason_of(error)) from error
        raise AssertionError  # the loop returns or raises

    async def _acquire(self) -> "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]":
        try:
            return await self.pool.acquire()
        except GONE:
            if self.revive is None or self.pool.is_closing():
                raise
            await self.revive()
            return await self.pool.acquire()


@asynccontextmanager
async def transaction(session: Session) -> AsyncGenerator[None]:
    """Begin, and commit at the end; roll back on any error, also when cancelled."""
    await session.connection.execute(BEGIN)
    try:
        yield
    except BaseException:
        with anyio.CancelScope(shield=True), suppress(*GONE):
            await session.connection.execute("ROLLBACK;")
        raise
    await session.connection.execute("COMMIT;")


async def retried(attempt: Callable[[int], Awaitable[Result]]) -> Result:
    """Await `attempt(0)`, and `attempt(1)` and so on after connections broke; what it does must be safe to repeat."""
    for tries in range(RUN_TRIES):
        try:
            return await attempt(tries)
        except DatabaseUnreachableError:
            if tries == RUN_TRIES - 1:
                raise
        await anyio.sleep(RUN_PAUSE_SECONDS * 2**tries)
    raise AssertionError  # the loop returns or raises


async def connect(url: str) -> Connection:
    """Open one connection, outside any pool, that keeps nothing prepared. Its user ends it, and translates.

    Raises:
        DatabaseUnreachableError: `url` cannot be read.
    """
    try:
        return await asyncpg.connect(
            url, timeout=CONNECT_SECONDS, command_timeout=STATEMENT_SECONDS, statement_cache_size=0
        )
    except (ValueError, OverflowError) as error:
        # asyncpg's own words are safe, those of what it calls quote the part that may be a password
        reason = reason_of(error) if isinstance(error, asyncpg.InterfaceError) else MISWRITTEN
        raise DatabaseUnreachableError(where=describe_url(url), reason=reason) from error


async def meets_pooler(url: str) -> bool:
    """Tell whether a pooler answers: the process it names at log-in is not the one that runs statements.

    A dead or miswritten address is told here, not to the first caller.
    """
    connection = await connect(url)
    try:
        return bool(await connection.fetchval("select pg_backend_pid()") != connection.get_server_pid())
    finally:
        connection.terminate()


async def settle(connection: Connection) -> None:
    """Let each statement see what was committed before it, whatever the database's default: our locking rests on it."""
    await connection.execute("set default_transaction_isolation = 'read committed'")


@asynccontextmanager
async def open_database(
    url: str, *, pool_size: int, revive: Revive | None = None, prepared: Preparing = "auto"
) -> AsyncGenerator[Database]:
    """Open a pool of at most `pool_size` connections and close it at the end.

    `prepared`: whether connections keep statements prepared, "auto" only where no pooler answers.

    Raises:
        DatabaseUnreachableError: nobody answers at `url`, or refuses the login.
    """
    with translated(url):
        pooled = revive is None and await meets_pooler(url)  # whoever is revived here is no pooler
        pool = await asyncpg.create_pool(
            url,
            min_size=0,
            max_size=pool_size,
            timeout=CONNECT_SECONDS,
            command_timeout=STATEMENT_SECONDS,
            connection_class=Plain,
            init=None if pooled else settle,
            statement_cache_size=STATEMENTS if prepared == "on" or (prepared == "auto" and not pooled) else 0,
        )
        await pool.release(await pool.acquire())  # the first caller finds a connection open
    try:
        yield Database(pool, url, revive=revive, pooled=pooled)
    finally:
        with anyio.CancelScope(shield=True), anyio.move_on_after(CONNECT_SECONDS) as closing:
            await pool.close()
        if closing.cancelled_caught:
            pool.terminate()

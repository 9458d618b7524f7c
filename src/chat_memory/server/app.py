"""Composition: settings in, a working toolbox out, with the worker and the bell running beside it."""

import getpass
import logging
import os
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial

import anyio
import anyio.to_thread

if sys.platform != "win32":
    import pwd

from chat_memory.errors import ChatMemoryError, StartFaultError
from chat_memory.models import Usage
from chat_memory.prompts.choice import open_summarizers
from chat_memory.settings import Settings
from chat_memory.storage import model_spend
from chat_memory.storage.bell import Bell
from chat_memory.storage.database import Database, open_database
from chat_memory.storage.embedded import EmbeddedServer, begin_start, close_unused
from chat_memory.storage.fitness import ServerFacts, read_server_facts, refuse_unfit_server
from chat_memory.storage.migrations import migrate
from chat_memory.telemetry import Event, log
from chat_memory.tools.toolbox import Toolbox
from chat_memory.worker import Worker

REOPEN_SECONDS = 2.0
"""Pause before a failed start is tried again; a call that arrives meanwhile is told what is wrong."""
CUT_SECONDS = 5.0
"""How long statements may take when the process ends: what they would have handed back, others find."""
RESTART_SECONDS = 1.0
"""Pause before a background task that fell over starts again."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What a started process has: its toolbox, and whose chats are reached without a credential."""

    box: Toolbox
    owner: str


@asynccontextmanager
async def database_source(
    settings: Settings, early: "Future[EmbeddedServer] | None" = None
) -> AsyncGenerator[tuple[str, Callable[[], Awaitable[None]] | None]]:
    """Name the database to use and how to revive it: the configured one, else the embedded server, started here.

    `early` is a start already under way in another thread.

    Raises:
        EmbeddedServerError: it cannot be started; the message says why and what to do.
    """
    if settings.database_url:
        yield settings.database_url, None
        return
    server = await take_server(early or begin_start(settings.data_dir))
    lock = anyio.Lock()

    async def revive() -> None:
        nonlocal server
        async with lock:
            with anyio.CancelScope(shield=True):  # between start and close this process holds two uses of the server
                dead, server = server, await take_server(begin_start(settings.data_dir))
                await anyio.to_thread.run_sync(dead.close)
            log(Event.DATABASE_STARTED, version=server.major_version, revived=True)

    try:
        log(Event.DATABASE_STARTED, version=server.major_version)
        yield server.url, revive
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(server.close)


async def take_server(starting: "Future[EmbeddedServer]") -> EmbeddedServer:
    """Wait for a start; cancelled, leave it to close itself, however long somebody else holds it up."""
    try:
        return await anyio.to_thread.run_sync(starting.result, abandon_on_cancel=True)
    except anyio.get_cancelled_exc_class():
        starting.add_done_callback(close_unused)
        raise


@asynccontextmanager
async def open_toolbox(
    settings: Settings, bell: Bell, early: "Future[EmbeddedServer] | None" = None
) -> AsyncGenerator[Opened]:
    """Open the database, bring its schema up to date, and choose the summarizer.

    Raises:
        ChatMemoryError: the process cannot work; the message says what to do.
    """
    async with (
        database_source(settings, early) as (url, revive),
        open_database(url, pool_size=settings.pool_size, revive=revive, prepared=settings.prepared_statements) as db,
    ):
        facts = await read_server_facts(db)
        refuse_unfit_server(facts, allow_unsafe=settings.allow_unsafe_durability)
        for step in await migrate(db):
            log(Event.MIGRATION_APPLIED, number=step.number, name=step.name)
        async with compose(settings, db, bell, facts) as opened:
            yield opened


@asynccontextmanager
async def compose(settings: Settings, db: Database, bell: Bell, facts: ServerFacts) -> AsyncGenerator[Opened]:
    """Choose the summarizer and the owner of chats without a credential, and put together what tools work with.

    Raises:
        NoKeyError: a model is demanded and no credential resolves.
    """

    async def record(usage: Usage) -> None:
        await db.run(lambda session: model_spend.record_spend(session, settings.model, usage))

    local = f"local:{facts.role}/{os_user()}" if settings.database_url else "local"
    async with open_summarizers(settings, record) as (summarizer, fallback):
        yield Opened(Toolbox.on(db, settings, bell, summarizer, fallback), settings.owner or local)


def os_user() -> str:
    """Name the operating-system user this process runs as; by number where it has no name."""
    if sys.platform == "win32":
        return getpass.getuser()
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


@asynccontextmanager
async def background(box: Toolbox) -> AsyncGenerator[None]:
    """Listen to the bell, renew leases and, unless the settings say no, fold, for as long as the block runs."""
    over = anyio.Event()
    async with anyio.create_task_group() as end:
        end.start_soon(_cut_off, box.db, over)
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(_supervise, partial(box.bell.listen, box.settings.listen_url or box.db.url, box.db))
                group.start_soon(_supervise, box.leases.run)
                if box.settings.worker:
                    group.start_soon(_supervise, Worker(box).run)
                yield
                end.cancel_scope.cancel()
        finally:
            over.set()


async def _cut_off(db: Database, over: anyio.Event) -> None:
    """Wait for the end, and then not for a database that hangs: what is shielded loses its connection."""
    try:
        await anyio.sleep_forever()
    finally:
        with anyio.move_on_after(CUT_SECONDS, shield=True) as patience:
            await over.wait()
        if patience.cancelled_caught:
            db.pool.terminate()


async def _supervise(task: Callable[[], Awaitable[None]]) -> None:
    """Run a task for ever: a fault of ours is logged, not the end of remembering."""
    while True:
        try:
            await task()
        except Exception as error:  # noqa: BLE001 - the last line of defence of a background task
            log(Event.WORKER_FAILED, level=logging.ERROR, error=error)
        await anyio.sleep(RESTART_SECONDS)


class App:
    """One server process. It answers before its database is up; calls wait in `ready`."""

    def __init__(self, settings: Settings, early: "Future[EmbeddedServer] | None" = None) -> None:
        """Begin closed; `run` opens it."""
        self.settings = settings
        self.bell = Bell()
        self._early = early
        self._outcome: Opened | ChatMemoryError | None = None
        self._decided = anyio.Event()
        self._wanted = anyio.Event()

    async def ready(self) -> Opened:
        """Wait until the process can work and return what it works with.

        Raises:
            ChatMemoryError: it could not start; it tries again, now.
        """
        await self._decided.wait()
        if isinstance(self._outcome, Opened):
            return self._outcome
        self._wanted.set()
        raise self._outcome or ChatMemoryError

    async def run(self) -> None:
        """Open, and stay open until cancelled; when that fails, say so to every call and try again."""
        while True:
            try:
                await self._run_once()
            except ChatMemoryError as error:
                log(Event.DATABASE_FAILED, level=logging.ERROR, error=error, reason=str(error))
                self._decide(error.with_traceback(None))
            except Exception as error:  # noqa: BLE001 - a fault of ours is told to every call, and tried again
                log(Event.DATABASE_FAILED, level=logging.ERROR, error=error)
                self._decide(StartFaultError(kind=type(error).__name__))
            await self._wait_for_next_try()

    async def _run_once(self) -> None:
        early, self._early = self._early, None
        async with open_toolbox(self.settings, self.bell, early) as opened, background(opened.box):
            self._decide(opened)
            await anyio.sleep_forever()

    def _decide(self, outcome: Opened | ChatMemoryError) -> None:
        self._outcome = outcome
        self._decided.set()

    async def _wait_for_next_try(self) -> None:
        with suppress(TimeoutError), anyio.fail_after(REOPEN_SECONDS):
            await self._wanted.wait()
            await anyio.sleep(REOPEN_SECONDS / 4)  # calls that keep coming must not make starts that keep coming
        self._wanted = anyio.Event()

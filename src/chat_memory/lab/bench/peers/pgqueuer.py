"""PgQueuer: its asyncpg driver, one queue manager, the batch size that is fastest here; uvloop, as its program runs."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from importlib import import_module
from typing import Any

import anyio
import asyncpg

ENTRYPOINT = "noop"
DONE = "select count(distinct job_id) from pgqueuer_log where status = 'successful'"
UNLOGGED = "select count(*) from pg_class where relname like 'pgqueuer%' and relkind = 'r' and relpersistence <> 'p'"


class PgQueuer:
    """One producer, one worker, each with a connection of its own."""

    name = "pgqueuer"
    choices: Sequence[int] = (100, 200, 500)
    """batch_size."""
    trial_share = 1
    tables = "pgqueuer"

    def __init__(self, producer: "asyncpg.Connection[asyncpg.Record]", worker: object) -> None:
        """Connect both; the library is imported by now."""
        library: Any = import_module("pgqueuer")
        self.started = anyio.Event()
        self._connection = producer
        self._mode: Any = import_module("pgqueuer.types").QueueExecutionMode
        self._queries: Any = import_module("pgqueuer.queries").Queries.from_asyncpg_connection(producer)
        driver = import_module("pgqueuer.db").AsyncpgDriver(worker)
        self._manager: Any = library.QueueManager(import_module("pgqueuer.queries").Queries(driver))
        self._manager.entrypoint(ENTRYPOINT)(self._work)

    async def _work(self, _: object) -> None:
        self.started.set()

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> AsyncGenerator["PgQueuer"]:
        """Install its tables, logged as they are by default, and connect."""
        producer, worker = await asyncpg.connect(url), await asyncpg.connect(url)
        try:
            peer = cls(producer, worker)
            await peer._queries.install()
            yield peer
        finally:
            await producer.close()
            await worker.close()

    async def enqueue(self, jobs: int) -> None:
        """Enqueue a batch by one statement."""
        await self._queries.enqueue([ENTRYPOINT] * jobs, [b""] * jobs, [0] * jobs)

    async def drain(self, choice: int) -> None:
        """Run until the queue is empty."""
        await self._manager.run(batch_size=choice, mode=self._mode.drain)

    @asynccontextmanager
    async def working(self, choice: int) -> AsyncGenerator[None]:
        """Run until told to stop."""
        async with anyio.create_task_group() as group:
            group.start_soon(partial(self._manager.run, batch_size=choice))
            yield
            self._manager.shutdown.set()

    async def count_done(self) -> int:
        """Count what its log has as successful, none of it in tables that a crash would empty."""
        unlogged = await self._connection.fetchval(UNLOGGED)
        return int(await self._connection.fetchval(DONE)) if not unlogged else 0

"""Procrastinate: its psycopg connector with a pool, one worker, the concurrency that is fastest here."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any

import anyio

QUEUE = "bench"
POOL_SIZE = 20
"""Connections, as its documentation asks for when concurrency is raised."""
DONE = "select count(*) as done from procrastinate_jobs where status = 'succeeded'"


class Procrastinate:
    """One app that defers and works."""

    name = "procrastinate"
    choices: Sequence[int] = (10, 30, 100)
    """concurrency."""
    trial_share = 10
    tables = "procrastinate_jobs"

    def __init__(self, url: str) -> None:
        """Configure; the library is imported by now."""
        library: Any = import_module("procrastinate")
        self.started = anyio.Event()
        self._connector: Any = library.PsycopgConnector(conninfo=url, min_size=POOL_SIZE, max_size=POOL_SIZE)
        self._app: Any = library.App(connector=self._connector)
        self._task: Any = self._app.task(queue=QUEUE, name="noop")(self._work)
        self._worker: Any = import_module("procrastinate.worker").Worker

    async def _work(self) -> None:
        self.started.set()

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> AsyncGenerator["Procrastinate"]:
        """Install its schema and connect."""
        peer = cls(url)
        async with peer._app.open_async():
            await peer._app.schema_manager.apply_schema_async()
            yield peer

    async def enqueue(self, jobs: int) -> None:
        """Defer a batch by one statement."""
        await self._task.batch_defer_async(*[{}] * jobs)

    def _make_worker(self, concurrency: int, *, wait: bool) -> Any:  # noqa: ANN401 - untyped to us
        return self._worker(
            self._app, queues=[QUEUE], concurrency=concurrency, wait=wait, install_signal_handlers=False
        )

    async def drain(self, choice: int) -> None:
        """Run until no job is left."""
        await self._make_worker(choice, wait=False).run()

    @asynccontextmanager
    async def working(self, choice: int) -> AsyncGenerator[None]:
        """Run, woken by LISTEN/NOTIFY, until told to stop."""
        worker = self._make_worker(choice, wait=True)
        async with anyio.create_task_group() as group:
            group.start_soon(worker.run)
            yield
            worker.stop()

    async def count_done(self) -> int:
        """Count what has the status succeeded."""
        row = await self._connector.execute_query_one_async(DONE)
        return int(row["done"])

"""Every scene by name, and how each is played: on a PostgreSQL of its own, with a seed, for so many faults."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio.to_thread

from chat_memory.storage.database import open_database
from chat_memory.storage.embedded import EmbeddedServer
from chat_memory.storage.migrations import migrate
from tests.chaos import contention, disk, models, scenes
from tests.chaos.databases import Where, pooler
from tests.chaos.report import Report
from tests.chaos.stage import Stage
from tests.storage.embedded_occupant import Place


@dataclass(frozen=True, slots=True)
class House:
    """A stage with everything around it: the place its PostgreSQL runs in, and the small disk if there is one."""

    stage: Stage
    place: Place
    server: EmbeddedServer
    disk: Path | None

    async def migrated(self) -> Stage:
        """Return the stage with its database migrated, for scenes without a server that would do it."""
        async with open_database(self.server.url, pool_size=1) as db:
            await migrate(db)
        return self.stage

    @property
    def embedded(self) -> Stage:
        """Return the stage with processes that own PostgreSQL together."""
        self.stage.told = {"CHAT_MEMORY_DATA_DIR": str(self.place.data_dir)}
        return self.stage


Scene = Callable[[House, int], Awaitable[None]]
"""A scene, and how many faults it is to have."""


async def fill_disk(house: House, _: int) -> None:
    """The disk of the database is full, twice."""
    assert house.disk is not None
    await disk.fill_disk(house.stage, house.place, house.server, house.disk)


async def crowd(house: House, size: int) -> None:
    """Everything at once on 100 chats."""
    await contention.crowd(await house.migrated(), chats=100, appends=100 * size)


SCENES: dict[str, Scene] = {
    "processes killed": lambda house, size: scenes.kill_processes(house.stage, size),
    "processes killed while the model thinks": lambda house, size: models.kill_thinking(house.stage, size),
    "postgresql ended": lambda house, size: scenes.end_postgresql(house.stage, house.place, size),
    "postgresql revived": lambda house, size: scenes.revive_postgresql(house.embedded, house.place, size),
    "connections cut": lambda house, size: scenes.cut_connections(house.stage, size),
    "models failing": lambda house, _: models.fail_models(house.stage),
    "worker paused": lambda house, size: models.pause_worker(house.stage, size),
    "clocks jumping": lambda house, size: models.jump_clocks(house.stage, 10 * size),
    "everything at once": crowd,
    "disk full": fill_disk,
}
SMALL_DISK = "disk full"
OWNED = "postgresql revived"
EMBEDDED = Where()


@asynccontextmanager
async def opened(name: str, seed: int, where: Where) -> AsyncGenerator[House]:
    """Set a house up for a scene, with a PostgreSQL nobody else uses; at the end nothing of it is left."""
    with ExitStack() as after:
        small = after.enter_context(disk.small_disk()) if name == SMALL_DISK else None
        place = where.place()
        after.callback(place.clear)
        server = await anyio.to_thread.run_sync(place.start, small / "data" if small else None)
        folder = place.root / "processes"
        folder.mkdir()
        told = {"CHAT_MEMORY_DATABASE_URL": server.url}
        if where.pooled:
            reached = after.enter_context(pooler(server, place.root / "pooler"))
            told = {"CHAT_MEMORY_DATABASE_URL": reached, "CHAT_MEMORY_LISTEN_URL": server.url}
        stage = Stage(folder, server.url, told, seed)
        yield House(stage, place, server, small)


async def play(name: str, seed: int, size: int, report: Report, where: Where = EMBEDDED) -> None:
    """Play one scene and add it to the report, however it ends."""
    async with opened(name, seed, where) as house:
        try:
            await SCENES[name](house, size)
        except Exception as error:
            house.stage.book.violations.append(f"the scene broke off: {error!r}")
            house.stage.read_logs()
            raise
        finally:
            report.add(name, seed, house.stage.book)

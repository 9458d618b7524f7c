"""What suites stand on: a server, sizes, a database of a suite's own, and the product composed as it is in service."""

import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TypeAlias
from urllib.parse import urlsplit, urlunsplit

import anyio
import asyncpg

from chat_memory.lab.errors import DisprovedError
from chat_memory.prompts.summarizer import Summarizer
from chat_memory.server.app import background, open_toolbox
from chat_memory.settings import Settings
from chat_memory.storage.bell import Bell
from chat_memory.storage.faults import translated
from chat_memory.storage.fitness import DURABILITY, read_server_facts
from chat_memory.tools.toolbox import Toolbox

Numbers: TypeAlias = dict[str, float | str]
"""What a suite measured: flat dotted keys."""

OWNER = "bench"
NUMBERS = count(1)
DROP_TRIES = 100
DROP_PAUSE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much each suite does. Seconds unless named otherwise."""

    floor_seconds: float = 5.0
    floor_connections: tuple[int, ...] = (1, 8, 32)
    append_seconds: float = 5.0
    append_callers: tuple[int, ...] = (1, 10, 100, 1000)
    drain_turns: int = 20_000
    drain_chats: tuple[int, ...] = (20_000, 1_000)
    jobs: int = 20_000
    samples: int = 500
    chats: int = 10_000
    writes_per_second: int = 2_000
    reads_per_second: int = 1_000
    chats_seconds: float = 60.0
    model_seconds: float = 1.0
    rounds: int = 500


FULL = Sizes()
QUICK = Sizes(
    floor_seconds=1.0,
    append_seconds=0.2,
    drain_turns=200,
    drain_chats=(200, 20),
    jobs=200,
    samples=10,
    chats=50,
    writes_per_second=100,
    reads_per_second=50,
    chats_seconds=1.0,
    model_seconds=0.05,
    rounds=10,
)
"""Every path once, in seconds: numbers of no meaning, row counts that must be right."""


def tell_nobody(_: str) -> None:
    """Report to nobody."""


@dataclass(frozen=True, slots=True)
class Ground:
    """A server whose role may create databases, and what to do on it. `report` hears what is being measured now."""

    server_url: str
    sizes: Sizes = FULL
    settings: Settings = field(default_factory=Settings)
    report: Callable[[str], None] = tell_nobody

    def settings_for(self, url: str, **changed: object) -> Settings:
        """Settings of a process on `url`: as given, but of our own owner, without a model, and safe."""
        ours = {"database_url": url, "owner": OWNER, "summarizer": "extractive", "allow_unsafe_durability": False}
        return self.settings.model_copy(update=ours | changed)


@asynccontextmanager
async def own_database(ground: Ground) -> AsyncGenerator[str]:
    """Create a database for one suite, name its URL, and drop it at the end.

    Raises:
        DatabaseError: the role may not create databases, or nobody answers.
    """
    name = f"chat_memory_bench_{os.getpid()}_{next(NUMBERS)}"
    await run_statements(ground.server_url, f"create database {name}")
    try:
        yield urlunsplit(urlsplit(ground.server_url)._replace(path=f"/{name}"))
    finally:
        with anyio.CancelScope(shield=True):
            await _drop(ground.server_url, name)


async def _drop(url: str, name: str) -> None:
    """Drop a database; an autovacuum worker in it, which only a superuser may end, is waited for."""
    with translated(url):
        for tries_left in reversed(range(DROP_TRIES)):
            connection = await asyncpg.connect(url)
            try:
                await connection.execute(f"drop database if exists {name} with (force)")
            except asyncpg.InsufficientPrivilegeError:
                if not tries_left:
                    raise
                await anyio.sleep(DROP_PAUSE_SECONDS)
            else:
                return
            finally:
                await connection.close()


async def run_statements(url: str, *statements: str) -> None:
    """Run statements, each by itself, on a connection of their own."""
    with translated(url):
        connection = await asyncpg.connect(url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()


@asynccontextmanager
async def open_box(
    ground: Ground, url: str, summarizer: Summarizer, *, folding: bool, **changed: object
) -> AsyncGenerator[Toolbox]:
    """Open the product as a server process does, bell and (when `folding`) worker beside it; only who folds is ours.

    Raises:
        DisprovedError: a commit of this process may be lost after it was answered.
    """
    settings = ground.settings_for(url, worker=folding, **changed)
    async with open_toolbox(settings, Bell()) as opened:
        box = replace(opened.box, summarizer=summarizer, fallback=None)
        async with background(box):
            yield box
        facts = await read_server_facts(box.db)
        for name in DURABILITY:
            require(f"the setting {name} of a session", facts.settings[name], "on")


def require(what: str, found: object, expected: object) -> None:
    """Stop where the work a number was taken from was not done.

    Raises:
        DisprovedError: it was not.
    """
    if found != expected:
        raise DisprovedError(what=what, found=found, expected=expected)

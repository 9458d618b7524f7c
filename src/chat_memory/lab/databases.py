"""Databases of a measurement's own: made for it on a server, and dropped at its end."""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import count
from urllib.parse import urlsplit, urlunsplit

import anyio
import asyncpg

from chat_memory.storage.faults import translated

NUMBERS = count(1)
DROP_TRIES = 100
DROP_PAUSE_SECONDS = 0.1


@asynccontextmanager
async def own_database(server_url: str, kind: str) -> AsyncGenerator[str]:
    """Create a database `chat_memory_<kind>_...` on a server whose role may, name its URL, and drop it at the end.

    Raises:
        DatabaseError: the role may not create databases, or nobody answers.
    """
    name = f"chat_memory_{kind}_{os.getpid()}_{next(NUMBERS)}"
    await run_statements(server_url, f"create database {name}")
    try:
        yield urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
    finally:
        with anyio.CancelScope(shield=True):
            await _drop(server_url, name)


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

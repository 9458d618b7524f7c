"""A network that breaks: a proxy in front of PostgreSQL that cuts a connection around its COMMIT."""

import shutil
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import anyio
from anyio.abc import ByteStream

COMMIT = b"COMMIT;\0"


@dataclass(slots=True)
class Proxy:
    """Where to connect instead, whether the next commit is cut, and how many were."""

    url: str
    after_commit: bool
    armed: bool = False
    cuts: int = 0
    mark: bytes = COMMIT


@asynccontextmanager
async def cutting_proxy(url: str, *, after_commit: bool) -> AsyncGenerator[Proxy]:
    """Stand between a client and PostgreSQL; once armed, cut the connection of the next commit.

    `mark` says where, when not at a commit. With `after_commit` the server has done it and its answer is lost, else the
    commit never arrives.
    """
    parts = urlsplit(url)
    folder = Path(tempfile.mkdtemp(prefix="chat-memory-proxy-"))
    credentials = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    proxy = Proxy(f"{parts.scheme}://{credentials}{parts.path}?host={quote(str(folder), safe='')}", after_commit)

    async def serve(client: ByteStream) -> None:
        async with client, await connect(url) as server:
            commit = await pass_until_cut(proxy, client, server)
            if commit and proxy.after_commit:
                await server.send(commit)
                await server.receive()

    async with (
        await anyio.create_unix_listener(folder / ".s.PGSQL.5432") as listener,
        anyio.create_task_group() as group,
    ):
        group.start_soon(listener.serve, serve)
        yield proxy
        group.cancel_scope.cancel()
    shutil.rmtree(folder)


async def pass_until_cut(proxy: Proxy, client: ByteStream, server: ByteStream) -> bytes:
    """Carry bytes both ways until one side leaves, or until an armed proxy sees a commit, which is returned."""
    commit = b""
    async with anyio.create_task_group() as group:
        group.start_soon(pass_answers, client, server, group.cancel_scope)
        async for data in client:
            if proxy.armed and proxy.mark in data:
                proxy.armed, proxy.cuts, commit = False, proxy.cuts + 1, data
                break
            await server.send(data)
        group.cancel_scope.cancel()
    return commit


async def pass_answers(client: ByteStream, server: ByteStream, scope: anyio.CancelScope) -> None:
    """Carry what PostgreSQL answers."""
    async for data in server:
        await client.send(data)
    scope.cancel()


async def connect(url: str) -> ByteStream:
    """Open a raw connection to the PostgreSQL of a URL."""
    parts = urlsplit(url)
    host = parse_qs(parts.query).get("host", [""])[0]
    if host:
        return await anyio.connect_unix(f"{host}/.s.PGSQL.5432")
    return await anyio.connect_tcp(parts.hostname or "127.0.0.1", parts.port or 5432)

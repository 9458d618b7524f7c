"""A network that breaks: a proxy in front of PostgreSQL that cuts a connection at its COMMIT, or in mid-sentence."""

import shutil
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from socket import SHUT_RDWR
from urllib.parse import parse_qs, quote, urlsplit

import anyio
from anyio.abc import ByteStream, SocketAttribute

BEGIN = b"BEGIN;"
COMMIT = b"COMMIT;\0"
ROLLBACK = b"ROLLBACK;\0"
APPEND = b"\0\0\0\x0bchat_memory\0\1"
"""How the parameters of append_calls end, which commits by itself outside a transaction: with the bell\'s channel."""
BROKEN = (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream, OSError)
"""What a side that went away looks like from here."""


class Cut(StrEnum):
    """Where a connection is cut."""

    BEFORE_COMMIT = "before the commit arrives"
    AFTER_COMMIT = "after the commit, before its answer"
    IN_STATEMENT = "in the middle of a statement"
    IN_ANSWER = "in the middle of an answer"


@dataclass(slots=True)
class Proxy:
    """Where to connect instead, how the next connection is cut once it is armed, and how many were.

    Frozen, it carries nothing any more and cuts nothing: `held` is set when somebody waits for an answer in vain.
    """

    url: str
    cut: Cut
    armed: bool = False
    cuts: int = 0
    frozen: bool = False
    held: anyio.Event = field(default_factory=anyio.Event)

    def takes(self, *, commits: bool = False, answer: bool = False) -> bool:
        """Tell whether bytes that come by now are the ones that do not get through, and count them."""
        fits = commits or self.cut in (Cut.IN_STATEMENT, Cut.IN_ANSWER)
        if not (self.armed and fits and answer == (self.cut is Cut.IN_ANSWER)):
            return False
        self.armed, self.cuts = False, self.cuts + 1
        return True


@asynccontextmanager
async def cutting_proxy(url: str, *, after_commit: bool = True) -> AsyncGenerator[Proxy]:
    """Stand between a client and PostgreSQL; once armed, cut the next that commits, or as `cut` says.

    With `after_commit` the server has done it and its answer is lost, else the commit never arrives.
    """
    parts = urlsplit(url)
    folder = Path(tempfile.mkdtemp(prefix="chat-memory-proxy-"))
    credentials = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    where = f"{parts.scheme}://{credentials}{parts.path}?host={quote(str(folder), safe='')}"
    proxy = Proxy(where, Cut.AFTER_COMMIT if after_commit else Cut.BEFORE_COMMIT)

    async def serve(client: ByteStream) -> None:
        with suppress(*BROKEN):
            async with client, await connect(url) as server:
                await Link(proxy, client, server).run()

    async with (
        await anyio.create_unix_listener(folder / ".s.PGSQL.5432") as listener,
        anyio.create_task_group() as group,
    ):
        group.start_soon(listener.serve, serve)
        yield proxy
        group.cancel_scope.cancel()
    shutil.rmtree(folder)


class Link:
    """Two sides, until one of them leaves or an armed proxy cuts in.

    Ends by shutting down: closed under a receive, a socket of anyio leaves its number behind in the selector.
    """

    def __init__(self, proxy: Proxy, client: ByteStream, server: ByteStream) -> None:
        """Stand between `client` and `server`."""
        self.proxy = proxy
        self.client = client
        self.server = server
        self._deaf = False
        self._in_transaction = False
        self._answered = anyio.Event()

    async def run(self) -> None:
        """Carry bytes both ways."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._carry, self._pass_answers)
            await self._carry(self._pass_questions)

    async def _carry(self, way: Callable[[], Awaitable[None]]) -> None:
        with suppress(*BROKEN):
            await way()
        self._answered.set()
        for side in (self.client, self.server):
            with suppress(OSError):
                side.extra(SocketAttribute.raw_socket).shutdown(SHUT_RDWR)  # noqa: S610 - not Django's

    async def _pass_questions(self) -> None:
        async for data in self.client:
            await self._pass_unless_frozen()
            if self.proxy.takes(commits=self._commits(data)):
                await self._break_off(data)
                return
            await self.server.send(data)

    async def _pass_unless_frozen(self) -> None:
        if self.proxy.frozen:
            self.proxy.held.set()
            await anyio.sleep_forever()

    def _commits(self, data: bytes) -> bool:
        """Tell whether a statement commits something, and follow whether those to come are of a transaction."""
        commits = COMMIT in data or (APPEND in data and not self._in_transaction)
        self._in_transaction = BEGIN in data or (self._in_transaction and COMMIT not in data and ROLLBACK not in data)
        return commits

    async def _break_off(self, data: bytes) -> None:
        """Let through of the last bytes what this kind of cut lets through."""
        if self.proxy.cut is Cut.IN_STATEMENT:
            await self.server.send(data[: len(data) // 2])
        if self.proxy.cut is Cut.AFTER_COMMIT:
            self._deaf = True
            await self.server.send(data)
            await self._answered.wait()

    async def _pass_answers(self) -> None:
        async for data in self.server:
            await self._pass_unless_frozen()
            if self._deaf:
                return
            if self.proxy.takes(answer=True):
                await self.client.send(data[: len(data) // 2])
                return
            await self.client.send(data)


async def connect(url: str) -> ByteStream:
    """Open a raw connection to the PostgreSQL of a URL."""
    parts = urlsplit(url)
    host = parse_qs(parts.query).get("host", [""])[0]
    if host:
        return await anyio.connect_unix(f"{host}/.s.PGSQL.5432")
    return await anyio.connect_tcp(parts.hostname or "127.0.0.1", parts.port or 5432)

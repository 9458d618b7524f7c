"""Callers: real MCP clients that write and read, go on whatever happens, and note what they were told."""

from contextlib import AbstractAsyncContextManager
from random import Random
from typing import Protocol

import anyio
from mcp import Client
from mcp.shared.exceptions import MCPError

from chat_memory.errors import FoldError
from tests.chaos.book import PATIENCE, WEATHER, Book, Write
from tests.sessions import call, text_of

KEYED_SHARE = 0.7
READ_SHARE = 0.3
FOLD_SHARE = 0.1
WAIT_SHARE = 0.15
"""Of a caller's writes: with an idempotency key, followed by a read, by a fold, waiting for the fold."""
SHORT_WAIT = 0.3
"""Seconds a caller waits for a fold."""
REFUSED_PAUSE = 0.1
"""Seconds a caller that was refused waits before it goes on."""


class Door(Protocol):
    """Where clients come in."""

    kills: int

    def open(self, era: str) -> AbstractAsyncContextManager[Client]:
        """Connect a client."""
        ...


class Scribe:
    """One caller. A write whose answer was lost is sent again with its key; without a key its outcome stays unknown."""

    def __init__(self, name: str, book: Book, door: Door, chats: list[str], seed: int) -> None:
        self.name = name
        self.book = book
        self.door = door
        self.chats = chats
        self.random = Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self.keyed = KEYED_SHARE
        self.folding = FOLD_SHARE
        self.padding = 0
        """Characters added to every turn."""
        self.written = 0
        self.open: list[Write] = []
        """Keyed writes without a receipt."""

    async def run(self, era: str) -> None:
        """Write until the book closes and every keyed write has its receipt, through as many servers as it takes."""
        while not self._done():
            deaths = self.door.kills
            try:
                async with self.door.open(era) as client:
                    await self._read(client, deaths, self.random.choice(self.chats))
                    while not self._done():
                        await self._take_turn(client, deaths)
            except Exception:
                if self.door.kills == deaths:  # no kill of ours explains it
                    raise
                self.book.counts["connections lost"] += 1

    def _done(self) -> bool:
        return self.book.closing and not self.open

    async def _take_turn(self, client: Client, deaths: int) -> None:
        write = self._next_write()
        if not await self.write(client, write, deaths):
            return
        if self.random.random() < READ_SHARE:
            await self._read(client, deaths, write.chat_id)
        if self.random.random() < self.folding:
            await self._fold(client, deaths, write.chat_id)

    async def write(self, client: Client, write: Write, deaths: int = 0) -> bool:
        """Send one write and note what comes back; True for a receipt."""
        body = {
            "chat_id": write.chat_id,
            "messages": [{"role": "user", "content": content} for content in write.contents],
            "idempotency_key": write.key,
            "wait_seconds": SHORT_WAIT if self.random.random() < WAIT_SHARE else 0,
        }
        write.tries += 1
        told = await self._call(client, deaths, "update_memory", **body)
        if isinstance(told, str):
            self.book.refuse_write(write, told)
            await anyio.sleep(REFUSED_PAUSE)
            return False
        self.book.acknowledge(write, told["first_seq"], told["seq"])
        if write in self.open:
            self.open.remove(write)
        return True

    def _next_write(self) -> Write:
        if self.open and (self.book.closing or self.random.random() < 0.5):
            return self.open[0]
        self.written += 1
        length = self.random.randrange(1, 4)
        contents = tuple(f"{self.name} says {self.written}.{part}.{self._pad()}" for part in range(length))
        key = f"{self.name}-{self.written}" if self.random.random() < self.keyed else ""
        write = self.book.open(self.random.choice(self.chats), contents, key)
        if key:
            self.open.append(write)
        return write

    def _pad(self) -> str:
        return self.random.randbytes(self.padding // 2).hex()

    async def _read(self, client: Client, deaths: int, chat_id: str) -> None:
        """Read a chat: whatever was acknowledged before, to anybody, must be in it."""
        known = self.book.heads[chat_id]
        told = await self._call(client, deaths, "get_memory", chat_id=chat_id)
        if isinstance(told, str):
            self.book.refuse(told)
            return
        self.book.counts["reads"] += 1
        if told["covers_seq"] + told["pending"] < known:
            self.book.violations.append(f"a stale read: {chat_id} was acknowledged up to {known}, shown {told}")

    async def _fold(self, client: Client, deaths: int, chat_id: str) -> None:
        told = await self._call(client, deaths, "summarize", chat_id=chat_id, wait_seconds=SHORT_WAIT)
        if isinstance(told, str):
            self.book.refuse(told, (*WEATHER, FoldError))

    async def _call(self, client: Client, deaths: int, tool: str, **arguments: object) -> "dict[str, int] | str":
        """Call a tool; return its reply, or the words it was refused with."""
        try:
            with anyio.fail_after(PATIENCE):
                result = await call(client, tool, **arguments)
        except MCPError as error:
            if self.door.kills != deaths:
                raise
            return str(error)
        if result.is_error:
            return text_of(result)
        return result.structured_content or {}

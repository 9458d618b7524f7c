"""The demo's own server: a child over stdio, the SDK's client in front of it, and its pid to kill it by."""

import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from mcp import Client, MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp_types import CallToolResult, TextContent

from chat_memory.cli.demo.scratch import Scratch
from chat_memory.errors import DemoError
from chat_memory.models import Message
from chat_memory.replies import DifferenceReply, Evidence, HistoryReply, MemoryReply, Receipt, TurnReply, VersionsReply

SHELL = "/bin/sh"
BECOME_SERVER = 'echo $$ >"$0" && exec "$@"'
"""Write the shell's pid down, then become the server: stdio_client keeps the pid of its child to itself."""
CALL_SECONDS = 60.0
"""How long a call may take; the slowest makes a database."""
ALL_TOKENS = 100_000
PAGE_TURNS = 200


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, by its tools."""

    client: Client
    pid: int
    scratch: Scratch

    async def update(self, chat_id: str, messages: tuple[Message, ...]) -> Receipt:
        """Write messages and return the receipt."""
        sent = [message.model_dump() for message in messages]
        return Receipt.model_validate(await self._call("update_memory", chat_id=chat_id, messages=sent))

    async def read(self, chat_id: str) -> MemoryReply:
        """Read the whole memory, with evidence."""
        reply = await self._call("get_memory", chat_id=chat_id, max_tokens=ALL_TOKENS, detail="evidence")
        return MemoryReply.model_validate(reply)

    async def read_versions(self, chat_id: str) -> VersionsReply:
        """Read what every version did."""
        reply = await self._call("get_memory", chat_id=chat_id, max_tokens=ALL_TOKENS, detail="versions")
        return VersionsReply.model_validate(reply)

    async def read_difference(self, chat_id: str, since: int) -> DifferenceReply:
        """Read what changed since a version."""
        reply = await self._call("get_memory", chat_id=chat_id, max_tokens=ALL_TOKENS, since=since)
        return DifferenceReply.model_validate(reply)

    async def restore(self, chat_id: str, version: int) -> None:
        """Take the facts of a version back into a new one."""
        await self._call("revise_memory", chat_id=chat_id, restore=version)

    async def try_to_confirm(self, chat_id: str, fact: Evidence) -> str:
        """Ask for a guess to be confirmed by the words it was made of; why that was refused, empty when it was not."""
        words = {"id": fact.id, "seq": fact.seq, "quote": fact.quote}
        result = await self._ask("revise_memory", chat_id=chat_id, confirm=[words])
        return read_text(result) if result.is_error else ""

    async def summarize(self, chat_id: str) -> MemoryReply:
        """Wait until everything written is folded."""
        return MemoryReply.model_validate(await self._call("summarize", chat_id=chat_id))

    async def read_history(self, chat_id: str) -> list[TurnReply]:
        """Read every turn, page by page."""
        turns: list[TurnReply] = []
        before: int | None = 0
        while before is not None:
            reply = await self._call("get_history", chat_id=chat_id, limit=PAGE_TURNS, before=before)
            page = HistoryReply.model_validate(reply)
            turns, before = [*page.turns, *turns], page.before
        return turns

    async def forget(self, chat_id: str) -> None:
        """Delete the chat."""
        await self._call("forget", chat_id=chat_id)

    def kill(self) -> None:
        """End the process at once, as a crash or the kernel would."""
        os.kill(self.pid, signal.SIGKILL)

    async def _call(self, tool: str, **arguments: object) -> dict[str, Any]:
        result = await self._ask(tool, **arguments)
        if result.is_error or result.structured_content is None:
            raise DemoError(reason=read_text(result))
        return dict(result.structured_content)

    async def _ask(self, tool: str, **arguments: object) -> CallToolResult:
        try:
            return await self.client.call_tool(tool, arguments)
        except MCPError as error:
            raise no_answer(self.scratch, tool) from error


def read_text(result: CallToolResult) -> str:
    """Read the words of an answer."""
    return " ".join(block.text for block in result.content if isinstance(block, TextContent)).rstrip(".")


@asynccontextmanager
async def start_server(scratch: Scratch) -> AsyncGenerator[Server]:
    """Start `python -m chat_memory` as a child and connect to it; at the end its stdin closes and it ends by itself.

    Raises:
        DemoError: it does not start, or what was asked of it failed.
    """
    pid_file = scratch.folder / "server.pid"
    words = ["-c", BECOME_SERVER, str(pid_file), sys.executable, "-m", "chat_memory"]
    parameters = StdioServerParameters(command=SHELL, args=words, env=scratch.environment)
    failure: DemoError | None = None
    try:
        with scratch.log.open("a") as log:
            async with Client(stdio_client(parameters, errlog=log), read_timeout_seconds=CALL_SECONDS) as client:
                pid = int(pid_file.read_text())
                scratch.pids.append(pid)
                try:
                    yield Server(client, pid, scratch)
                except DemoError as error:
                    failure = error  # raised outside the client, whose task groups would wrap it
    except* MCPError:
        failure = no_answer(scratch, "the connection")
    if failure is not None:
        raise failure


def no_answer(scratch: Scratch, asked: str) -> DemoError:
    """Say what got no answer, and what the server said last."""
    return DemoError(reason=f"{asked} got no answer; the server's last words: {scratch.last_words()}")

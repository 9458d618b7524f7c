"""Real MCP clients, in both protocol eras, over real stdio and real HTTP."""

import json
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio
import httpx2
from anyio.abc import ByteReceiveStream, Process
from mcp import Client, StdioServerParameters
from mcp.client.session import MessageHandlerFnT
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.auth.provider import TokenVerifier
from mcp_types import CallToolResult, TextContent

from chat_memory.server.catalogue import CATALOGUE, Entry
from chat_memory.server.http import Listener, serve_http
from chat_memory.settings import Settings

ERAS = {"2025-11-25": "legacy", "2026-07-28": "auto"}
"""Protocol revision: how the official client is told to speak it."""
MODERN: dict[str, object] = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
"""What every request of the 2026 era carries."""
SERVER = [sys.executable, "-m", "chat_memory"]


class Lines:
    """A stream of bytes, read line by line."""

    def __init__(self, stream: ByteReceiveStream) -> None:
        self._stream = stream
        self._buffer = b""

    async def next(self) -> str:
        """Read the next line."""
        while b"\n" not in self._buffer:
            self._buffer += await self._stream.receive()
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode()

    async def rest(self) -> str:
        """Read what is left until the end."""
        with suppress(anyio.EndOfStream):
            while True:
                self._buffer += await self._stream.receive()
        return self._buffer.decode()


@dataclass(frozen=True, slots=True)
class Served:
    """A server process that is reached by URL: where, and what it logs."""

    url: str
    process: Process
    log: Lines

    async def logged(self, words: str) -> str:
        """Wait for a line of the log with these words."""
        with anyio.fail_after(60):
            while words not in (line := await self.log.next()):
                pass
        return line


class Told:
    """Progress of a call, as it comes in."""

    def __init__(self) -> None:
        self.news: list[tuple[float, float | None, str | None]] = []
        self._begun = anyio.Event()

    async def take(self, progress: float, total: float | None, message: str | None) -> None:
        """Hear of progress."""
        self.news.append((progress, total, message))
        self._begun.set()

    async def begun(self) -> None:
        """Wait for the first news: from here on the call waits for a fold."""
        with anyio.fail_after(60):
            await self._begun.wait()


@asynccontextmanager
async def start_http(environment: Mapping[str, str], *options: str) -> AsyncGenerator[Served]:
    """Start a server of our own over HTTP on a free port; at the end it must leave in order when told to."""
    command = [*SERVER, "serve", "--port", "0", *options]
    told = {**environment, "CHAT_MEMORY_LOG_LEVEL": "info"}
    async with await anyio.open_process(command, env=told) as process:
        assert process.stderr is not None
        log = Lines(process.stderr)
        try:
            with anyio.fail_after(60):
                url = (await log.next()).rpartition("url=")[2]
            yield Served(url, process, log)
            if process.returncode is None:
                process.terminate()
            with anyio.fail_after(60):
                assert await process.wait() == 0
                assert "Traceback" not in await log.rest()
        finally:
            if process.returncode is None:
                process.kill()


def never_folding(database_url: str) -> Settings:
    """Settings of a server that is alice's and never folds."""
    return Settings(database_url=database_url, owner="alice", worker=False)


@asynccontextmanager
async def serving_http(
    settings: Settings, verifier: TokenVerifier | None = None, catalogue: Mapping[str, Entry] = CATALOGUE
) -> AsyncGenerator[str]:
    """Serve HTTP from this very process, on a free port, and name the URL."""
    async with anyio.create_task_group() as group:
        told = settings.model_copy(update={"port": 0})
        listener: Listener = await group.start(partial(serve_http, told, verifier=verifier, catalogue=catalogue))
        yield listener.url
        listener.stop()


@asynccontextmanager
async def connect_http(
    era: str, url: str, *, token: str = "", message_handler: MessageHandlerFnT | None = None
) -> AsyncGenerator[Client]:
    """Connect the official client to a URL, as a caller with this token if one is named."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx2.AsyncClient(headers=headers, timeout=httpx2.Timeout(60)) as http:
        transport = streamable_http_client(url, http_client=http)
        async with Client(transport, mode=ERAS[era], message_handler=message_handler) as client:
            assert client.protocol_version == era
            yield client


@asynccontextmanager
async def connect(
    era: str,
    environment: Mapping[str, str],
    command: list[str] = SERVER,
    *,
    message_handler: MessageHandlerFnT | None = None,
) -> AsyncGenerator[Client]:
    """Start a server of our own over stdio and connect the official client to it."""
    parameters = StdioServerParameters(command=command[0], args=command[1:], env=dict(environment))
    async with Client(stdio_client(parameters), mode=ERAS[era], message_handler=message_handler) as client:
        assert client.protocol_version == era
        yield client


async def ask(client: Client, tool: str, **arguments: object) -> dict[str, Any]:
    """Call a tool that must succeed and return its structured reply."""
    result = await call(client, tool, **arguments)
    assert not result.is_error, text_of(result)
    return result.structured_content  # type: ignore[no-any-return]


async def refused(client: Client, tool: str, **arguments: object) -> str:
    """Call a tool that must refuse and return what it says to the model."""
    result = await call(client, tool, **arguments)
    assert result.is_error, result
    return text_of(result)


async def call(client: Client, tool: str, **arguments: object) -> CallToolResult:
    """Call a tool."""
    result = await client.call_tool(tool, arguments)
    assert isinstance(result, CallToolResult)
    return result


def text_of(result: CallToolResult) -> str:
    """Return the text a model reads."""
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


class RawServer:
    """A server spoken to line by line, as a client that makes mistakes would."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self._buffer = b""

    async def send(self, line: bytes) -> None:
        """Write one line as it is."""
        assert self.process.stdin is not None
        await self.process.stdin.send(line + b"\n")

    async def send_json(self, **message: object) -> None:
        """Write one JSON-RPC message."""
        await self.send(json.dumps({"jsonrpc": "2.0", **message}).encode())

    async def receive(self) -> dict[str, Any]:
        """Read one message; anything else on stdout fails."""
        assert self.process.stdout is not None
        with anyio.fail_after(60):
            while b"\n" not in self._buffer:
                self._buffer += await self.process.stdout.receive()
        line, _, self._buffer = self._buffer.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        assert message["jsonrpc"] == "2.0"
        return message

    async def initialize(self) -> dict[str, Any]:
        """Shake hands in the 2025 era."""
        client = {"name": "raw", "version": "0"}
        parameters = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
        await self.send_json(id=0, method="initialize", params=parameters)
        answer = await self.receive()
        await self.send_json(method="notifications/initialized")
        return answer

    async def call_tool(self, request_id: int, name: str, **arguments: object) -> dict[str, Any]:
        """Call a tool and return the raw answer."""
        await self.send_json(id=request_id, method="tools/call", params={"name": name, "arguments": arguments})
        return await self.receive()


@asynccontextmanager
async def start_raw(environment: Mapping[str, str], command: list[str] = SERVER) -> AsyncGenerator[RawServer]:
    """Start a server; at the end its stdin is closed and it must leave by itself with code 0."""
    async with await anyio.open_process(command, env=dict(environment), stderr=None) as process:
        raw = RawServer(process)
        try:
            yield raw
            assert process.stdin is not None
            await process.stdin.aclose()
            with anyio.fail_after(60):
                assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()

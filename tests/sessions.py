"""Real MCP clients, in both protocol eras, over real stdio."""

import json
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio
from anyio.abc import Process
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp_types import CallToolResult, TextContent

ERAS = {"2025-11-25": "legacy", "2026-07-28": "auto"}
"""Protocol revision: how the official client is told to speak it."""
MODERN: dict[str, object] = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
"""What every request of the 2026 era carries."""
SERVER = [sys.executable, "-m", "chat_memory"]


@asynccontextmanager
async def connect(era: str, environment: Mapping[str, str], command: list[str] = SERVER) -> AsyncGenerator[Client]:
    """Start a server of our own over stdio and connect the official client to it."""
    parameters = StdioServerParameters(command=command[0], args=command[1:], env=dict(environment))
    async with Client(stdio_client(parameters), mode=ERAS[era]) as client:
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

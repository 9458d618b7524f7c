"""fastmcp's Client, which many Python clients are written with: over stdio, then by URL what was written over stdio."""

import json
import re
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from anyio.streams.text import TextReceiveStream
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

SAID = json.loads((Path(__file__).parent / "conversation.json").read_text())
CHAT = {"chat_id": SAID["chat_id"]}


@asynccontextmanager
async def serve() -> AsyncGenerator[str]:
    """Serve by URL; the first log line names it."""
    async with await anyio.open_process(
        ["env", "CHAT_MEMORY_LOG_LEVEL=info", "chat-memory", "serve", "--port", "0"]
    ) as server:
        seen = ""
        async for text in TextReceiveStream(server.stderr):
            seen += text
            if named := re.search(r" url=(\S+)\n", seen):
                yield named[1]
                break
        server.terminate()
        assert await server.wait() == 0


async def read(client: Client) -> dict[str, Any]:
    """Read the memory, which must hold what the user said and no guess."""
    memory = (await client.call_tool("get_memory", CHAT)).structured_content
    assert SAID["confirmed"] in str(memory["user_confirmed"]), memory
    assert SAID["guessed"] not in str(memory["user_confirmed"]), memory
    return memory


async def main() -> None:
    """Write over stdio, read over both."""
    async with Client(StdioTransport("chat-memory", [])) as client:
        await client.call_tool("update_memory", {**CHAT, "messages": SAID["messages"], "wait_seconds": 60})
        memory = await read(client)
        (resource,) = await client.list_resources()
        (contents,) = await client.read_resource(resource.uri)
        assert json.loads(contents.text)["user_confirmed"] == memory["user_confirmed"], contents
    async with serve() as url, Client(url) as client:
        assert await read(client) == memory
    sys.stdout.write("update_memory, get_memory and a resource over stdio; the same memory over HTTP\n")


anyio.run(main)

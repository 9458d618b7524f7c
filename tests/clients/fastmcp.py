"""fastmcp's Client: the library most Python servers and clients are written with."""

import json
import sys
from pathlib import Path

import anyio
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

SAID = json.loads((Path(__file__).parent / "conversation.json").read_text())
CHAT = {"chat_id": SAID["chat_id"]}


async def main() -> None:
    """Call two tools, and read the chat as a resource."""
    async with Client(StdioTransport("chat-memory", [])) as client:
        await client.call_tool("update_memory", {**CHAT, "messages": SAID["messages"], "wait_seconds": 60})
        memory = (await client.call_tool("get_memory", CHAT)).structured_content
        assert SAID["confirmed"] in str(memory["user_confirmed"]), memory
        assert SAID["guessed"] not in str(memory["user_confirmed"]), memory
        (resource,) = await client.list_resources()
        (read,) = await client.read_resource(resource.uri)
        assert json.loads(read.text)["user_confirmed"] == memory["user_confirmed"], read
    sys.stdout.write("update_memory and get_memory, and the chat as a resource\n")


anyio.run(main)

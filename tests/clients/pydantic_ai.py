"""pydantic-ai: whole agent loops without a model. TestModel calls the tools it is told to, through MCPToolset."""

import json
import sys
from pathlib import Path
from typing import Any

import anyio
from fastmcp.client.transports import StdioTransport
from pydantic_ai import Agent
from pydantic_ai.mcp import MCPToolset
from pydantic_ai.messages import ToolReturnPart
from pydantic_ai.models.test import TestModel
from pydantic_ai.tools import ToolDefinition

SAID = json.loads((Path(__file__).parent / "conversation.json").read_text())
CHAT = {"chat_id": SAID["chat_id"]}
WRITTEN = {**CHAT, "messages": SAID["messages"], "wait_seconds": 60}


class Player(TestModel):
    """TestModel with arguments that mean something; its own are made from the schema."""

    def gen_tool_args(self, tool_def: ToolDefinition) -> dict[str, Any]:
        """Say what was said."""
        return WRITTEN if tool_def.name == "update_memory" else CHAT


async def main() -> None:
    """Run one loop after the other on one server."""
    async with Agent(toolsets=[MCPToolset(StdioTransport("chat-memory", []))]) as agent:

        async def loop(*tools: str) -> dict[str, Any]:
            done = await agent.run("Use the tools.", model=Player(call_tools=list(tools)))
            parts = [part for message in done.all_messages() for part in message.parts]
            returned = {part.tool_name: part.content for part in parts if isinstance(part, ToolReturnPart)}
            assert list(returned) == list(tools), returned
            return returned

        await loop("update_memory")
        memory = (await loop("get_memory", "get_history", "summarize"))["get_memory"]
        assert SAID["confirmed"] in str(memory["user_confirmed"]), memory
        assert SAID["guessed"] not in str(memory["user_confirmed"]), memory
        await loop("forget")
    sys.stdout.write("agent loops that update, read, summarize and forget a memory\n")


anyio.run(main)

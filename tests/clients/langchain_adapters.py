"""langchain-mcp-adapters on the mcp SDK 1.x: the tools as LangChain sees them, from the generation before ours."""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import anyio
from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_mcp_adapters.tools import load_mcp_tools

SAID = json.loads((Path(__file__).parent / "conversation.json").read_text())


async def main() -> None:
    """Call two tools through LangChain."""
    assert version("mcp").startswith("1."), version("mcp")
    client = MultiServerMCPClient({"chat-memory": {"transport": "stdio", "command": "chat-memory", "args": []}})
    async with client.session("chat-memory") as session:
        tools = {tool.name: tool for tool in await load_mcp_tools(session)}
        written = {"chat_id": SAID["chat_id"], "messages": SAID["messages"], "wait_seconds": 60}
        await tools["update_memory"].ainvoke(written)
        call = {"type": "tool_call", "id": "1", "name": "get_memory", "args": {"chat_id": SAID["chat_id"]}}
        reply = await tools["get_memory"].ainvoke(call)
        memory = reply.artifact["structured_content"]
        assert SAID["confirmed"] in str(memory["user_confirmed"]), memory
        assert SAID["guessed"] not in str(memory["user_confirmed"]), memory
    sys.stdout.write(f"{len(tools)} tools loaded, update_memory and get_memory, on mcp {version('mcp')}\n")


anyio.run(main)

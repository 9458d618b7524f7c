"""openai-agents: an agent loop with MCPServerStdio and a scripted model."""

import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
from agents import Agent, Model, ModelResponse, RunConfig, Runner, Usage
from agents.items import ToolCallOutputItem, TResponseStreamEvent
from agents.mcp import MCPServerStdio
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

SAID = json.loads((Path(__file__).parent / "conversation.json").read_text())
SCRIPT = [
    ("update_memory", {"chat_id": SAID["chat_id"], "messages": SAID["messages"], "wait_seconds": 60}),
    ("get_memory", {"chat_id": SAID["chat_id"]}),
]


class Player(Model):
    """A model that plays a script."""

    def __init__(self) -> None:
        """Begin at the first line."""
        self.spoken = 0

    async def get_response(self, *_: object, **__: object) -> ModelResponse:
        """Say the next line, then end."""
        self.spoken += 1
        line = self.call() if self.spoken <= len(SCRIPT) else self.end()
        return ModelResponse(output=[line], usage=Usage(), response_id=None)

    def call(self) -> ResponseFunctionToolCall:
        """Call the script's next tool."""
        name, arguments = SCRIPT[self.spoken - 1]
        return ResponseFunctionToolCall(
            type="function_call", call_id=str(self.spoken), name=name, arguments=json.dumps(arguments)
        )

    def end(self) -> ResponseOutputMessage:
        """Say that it is over."""
        words = ResponseOutputText(type="output_text", text="Done.", annotations=[])
        return ResponseOutputMessage(id="end", type="message", role="assistant", status="completed", content=[words])

    def stream_response(self, *_: object, **__: object) -> AsyncIterator[TResponseStreamEvent]:
        """Never asked for."""
        raise NotImplementedError


async def main() -> None:
    """Let the agent run."""
    async with MCPServerStdio({"command": "chat-memory"}, use_structured_content=True) as server:
        tools = await server.list_tools()
        agent = Agent("agent", mcp_servers=[server], model=Player())
        done = await Runner.run(agent, "Play the script.", run_config=RunConfig(tracing_disabled=True))
        outputs = [item.output for item in done.new_items if isinstance(item, ToolCallOutputItem)]
        memory = json.loads(outputs[-1]["text"] if isinstance(outputs[-1], dict) else outputs[-1])
        assert SAID["confirmed"] in str(memory["user_confirmed"]), memory
        assert SAID["guessed"] not in str(memory["user_confirmed"]), memory
    sys.stdout.write(f"{len(tools)} tools listed, an agent loop that updates and reads a memory\n")


anyio.run(main)

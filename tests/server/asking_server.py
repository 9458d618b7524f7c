"""Our server with a tool more, under two names: it asks the user. None of ours does yet."""

import sys

import anyio
from mcp_types import ToolAnnotations
from pydantic import BaseModel

from chat_memory.models import Answer, Caller
from chat_memory.server.app import App
from chat_memory.server.catalogue import CATALOGUE, describe
from chat_memory.server.mcp import MemoryServer
from chat_memory.server.stdio import stdio_streams
from chat_memory.settings import Settings
from chat_memory.tools.toolbox import Toolbox

ANOTHER = "Really?"


class Reply(BaseModel):
    """What the user answered, to each question."""

    answers: list[Answer]


async def ask_user(
    _box: Toolbox, caller: Caller, question: str, seconds: float = 60, twice_within: float = -1
) -> Reply:
    """Ask the user."""
    answers = [await caller.ask(question, seconds)]
    if twice_within >= 0:
        answers.append(await caller.ask(ANOTHER, twice_within))
    return Reply(answers=answers)


ENTRY = describe(ask_user, ToolAnnotations(title="Ask"))
ASKING = {**CATALOGUE, "ask_user": ENTRY, "ask_again": ENTRY}


async def serve(database_url: str, owner: str) -> None:
    """Serve one client over stdin and stdout until it leaves."""
    app = App(Settings(database_url=database_url, owner=owner, worker=False))
    server = MemoryServer(app, lambda opened, _: Caller(opened.owner), ASKING).build()
    async with anyio.create_task_group() as group, stdio_streams() as (read, write):
        group.start_soon(app.run)
        await server.run(read, write, server.create_initialization_options())
        group.cancel_scope.cancel()


if __name__ == "__main__":
    anyio.run(serve, sys.argv[1], sys.argv[2])

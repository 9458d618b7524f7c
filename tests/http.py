"""The handlers behind the SDK's own HTTP transport, on a real socket."""

import socket
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import anyio
import uvicorn

from chat_memory.models import Caller
from chat_memory.server.app import App
from chat_memory.server.catalogue import CATALOGUE, Entry
from chat_memory.server.mcp import MemoryServer
from chat_memory.settings import Settings


@asynccontextmanager
async def serve_http(database_url: str, catalogue: Mapping[str, Entry] = CATALOGUE) -> AsyncGenerator[str]:
    """Serve alice, never fold, and say where."""
    app = App(Settings(database_url=database_url, owner="alice", worker=False))
    server = MemoryServer(app, lambda opened, _: Caller(opened.owner), catalogue).build()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        http = uvicorn.Server(uvicorn.Config(server.streamable_http_app(), log_level="warning"))
        async with anyio.create_task_group() as group:
            group.start_soon(app.run)
            async with anyio.create_task_group() as serving:
                serving.start_soon(http.serve, [listening])
                yield f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"
                http.should_exit = True
            group.cancel_scope.cancel()

"""`chat-memory serve`: the MCP server over streamable HTTP, for clients that connect by URL."""

from typing import Annotated

import anyio
import typer

from chat_memory.server.http import loop_options, serve_http
from chat_memory.settings import read_settings
from chat_memory.telemetry import configure_logging


def serve(
    *,
    host: Annotated[str | None, typer.Option(help="Loopback address to listen on, CHAT_MEMORY_HOST.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65_535, help="Port, 0 for a free one.")] = None,
) -> None:
    """Serve MCP over HTTP on this machine, until SIGINT or SIGTERM. Log: stderr; its first line names the URL."""
    settings = read_settings()
    configure_logging(settings.log_level)
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    anyio.run(serve_http, settings.model_copy(update=given), backend_options=loop_options())

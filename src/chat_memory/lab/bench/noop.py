"""A server whose one tool does nothing, on our own server classes: python -m chat_memory.lab.bench.noop [http].

What a call to it takes is the protocol, the transport and the client; what a call to ours takes on top is ours.
"""

import sys

import anyio
from mcp_types import CallToolRequestParams, CallToolResult, ListToolsResult, PaginatedRequestParams, TextContent, Tool

from chat_memory.server.access import identify_process
from chat_memory.server.app import App
from chat_memory.server.http import Listener, build_site, listen, loop_options
from chat_memory.server.mcp import Context, MemoryServer
from chat_memory.server.sessions import Exchange
from chat_memory.server.signals import answer_signals
from chat_memory.server.stdio import stdio_streams
from chat_memory.settings import Settings, read_settings
from chat_memory.telemetry import Event, configure_logging, log

NOTHING = CallToolResult(content=[TextContent(text="{}")])


class NoopServer(MemoryServer):
    """Answers every call at once: no database, no check, no reply to write."""

    async def list_tools(self, _: Context, __: PaginatedRequestParams | None) -> ListToolsResult:
        """Show the tool."""
        return ListToolsResult(tools=[Tool(name="noop", input_schema={"type": "object"})])

    async def call_tool(self, context: Context, params: CallToolRequestParams) -> CallToolResult:  # noqa: ARG002
        """Do nothing with what it is given."""
        return NOTHING


async def serve_stdio(settings: Settings) -> None:
    """Serve over stdin and stdout, as `chat-memory` does."""
    server = NoopServer(App(settings), identify_process).build()
    async with anyio.create_task_group() as group, stdio_streams() as (read, write):
        await group.start(answer_signals, group.cancel_scope.cancel)
        await server.run(read, write, server.create_initialization_options())
        group.cancel_scope.cancel()


async def serve_http(settings: Settings) -> None:
    """Serve over HTTP, as `chat-memory serve` does."""
    with listen(settings.host, settings.port) as (listening, url):
        exchange = Exchange(NoopServer(App(settings), identify_process))
        listener = Listener(build_site(exchange, settings, None), url, settings, exchange.end_streams)
        async with anyio.create_task_group() as group:
            await group.start(answer_signals, listener.stop, listener.hurry, group.cancel_scope.cancel)
            log(Event.SERVER_STARTED, transport="http", url=url)
            async with exchange.run():
                await listener.serve([listening])
            group.cancel_scope.cancel()


def main() -> None:
    """Serve until the client leaves or a signal arrives."""
    settings = read_settings()
    configure_logging(settings.log_level)
    if sys.argv[1:] == ["http"]:
        anyio.run(serve_http, settings, backend_options=loop_options())
    else:
        anyio.run(serve_stdio, settings)


if __name__ == "__main__":
    main()

"""The program `chat-memory`: without an argument the stdio server, else one of the commands."""

import sys

from chat_memory.errors import ChatMemoryError
from chat_memory.interrupt import interrupt_on_signals
from chat_memory.settings import read_settings
from chat_memory.storage.embedded import early_start
from chat_memory.telemetry import configure_logging


def main() -> None:
    """Run what the command line asks for; what goes wrong by design ends it with one line and code 1."""
    interrupt_on_signals()
    try:
        if len(sys.argv) == 1:
            run_stdio()
        else:
            from chat_memory.cli import app  # noqa: PLC0415 - rich and typer cost 0.1 s the stdio server does not need

            app(prog_name="chat-memory")
    except ChatMemoryError as error:
        sys.exit(f"chat-memory: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def run_stdio() -> None:
    """Serve MCP over stdin and stdout, the embedded database starting while the SDK is still being imported."""
    settings = read_settings()
    configure_logging(settings.log_level)
    if sys.stdin is not None and sys.stdin.isatty():  # pyright: ignore[reportUnnecessaryComparison] # None when closed
        sys.stderr.write("chat-memory speaks MCP on stdin: a client starts it. For people: chat-memory --help\n")
    with early_start(settings) as early:
        import anyio  # noqa: PLC0415 - with the line below 0.5 s of imports, spent while PostgreSQL starts

        from chat_memory.server.stdio import serve_stdio  # noqa: PLC0415

        anyio.run(serve_stdio, settings, early)


if __name__ == "__main__":
    main()

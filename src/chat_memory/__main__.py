"""The program `chat-memory`: without an argument the stdio server, else one of the commands."""

import sys
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

from chat_memory.errors import ChatMemoryError
from chat_memory.settings import Settings, read_settings
from chat_memory.storage.embedded import EmbeddedServer, start_embedded
from chat_memory.telemetry import configure_logging

Result = TypeVar("Result")


def main() -> None:
    """Run what the command line asks for; what goes wrong by design ends it with one line and code 1."""
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
    if sys.stdin.isatty():
        sys.stderr.write("chat-memory speaks MCP on stdin: a client starts it. For people: chat-memory --help\n")
    early = None if settings.database_url else start_early(settings)

    import anyio  # noqa: PLC0415 - with the line below 0.7 s of imports, spent while PostgreSQL starts

    from chat_memory.server.stdio import serve_stdio  # noqa: PLC0415

    anyio.run(serve_stdio, settings, early)


def start_early(settings: Settings) -> "Future[EmbeddedServer]":
    """Start the embedded database in a thread of its own; the future holds the server or what went wrong."""
    return in_thread(lambda: start_embedded(settings.data_dir))


def in_thread(work: Callable[[], Result]) -> "Future[Result]":
    """Run `work` in a thread and return its future."""
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - handed to whoever asks for the result
            future.set_exception(error)

    Thread(target=run, name="embedded-start", daemon=True).start()
    return future


if __name__ == "__main__":
    main()

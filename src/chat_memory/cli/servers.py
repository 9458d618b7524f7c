"""Where something is measured: a PostgreSQL of the run's own, or the user's."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from chat_memory.cli.demo.scratch import scratch_folder
from chat_memory.settings import Settings
from chat_memory.storage.embedded import start_embedded
from chat_memory.storage.faults import describe_url


@contextmanager
def open_server(console: Console, settings: Settings, data_dir: Path | None, kind: str) -> Generator[str]:
    """Name a server to measure on: an embedded one in the folder that was named, the user's own, or one for this run.

    Wherever it is, suites work in databases of their own, which they drop.
    """
    if data_dir is None and settings.database_url:
        console.print(
            f"On the PostgreSQL at {describe_url(settings.database_url)}: each suite creates a database"
            f" chat_memory_{kind}_... of its own there and drops it. Nothing else is touched.",
            soft_wrap=True,
            markup=False,
        )
        yield settings.database_url
        return
    with scratch_folder(keep=False, name=kind) as scratch:
        server = start_embedded(data_dir or scratch.data_dir)
        try:
            console.print(f"On an embedded PostgreSQL in {server.data_dir}", soft_wrap=True, markup=False)
            yield server.url
        finally:
            server.close()

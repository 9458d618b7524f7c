"""One run from the first line to the last: the server, the suites, the table, the file."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import anyio
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from chat_memory.cli.bench.table import print_results
from chat_memory.cli.console import open_console
from chat_memory.cli.demo.scratch import scratch_folder
from chat_memory.lab.bench.ground import FULL, QUICK, Ground, Numbers
from chat_memory.lab.bench.results import describe_machine, write_results
from chat_memory.lab.bench.suites import choose
from chat_memory.lab.bench.suites import run as run_suite
from chat_memory.lab.errors import NoPeersError
from chat_memory.settings import Settings, read_settings
from chat_memory.storage.embedded import start_embedded
from chat_memory.storage.faults import describe_url
from chat_memory.telemetry import configure_logging


def run(names: Sequence[str], *, json: Path | None, data_dir: Path | None, quick: bool, seconds: float | None) -> None:
    """Run suites and show what they measured.

    Raises:
        UnknownSuiteError: a name is no suite's; nothing was started.
        NoPeersError: only the peers were asked for, and they are not installed.
        DisprovedError: a suite's rows are not those it says it wrote.
    """
    chosen = choose(names)
    settings = read_settings()
    configure_logging("warning")
    console = open_console()
    sizes = QUICK if quick else FULL
    sizes = sizes if seconds is None else replace(sizes, chats_seconds=seconds)
    with serve(console, settings, data_dir) as url:
        ground = Ground(url, sizes, settings)
        numbers = anyio.run(describe_machine, ground) | {"machine.sizes": "quick" if quick else "full"}
        numbers |= run_all(console, chosen, ground)
    print_results(console, numbers)
    if json is not None:
        write_results(json, numbers)


@contextmanager
def serve(console: Console, settings: Settings, data_dir: Path | None) -> Generator[str]:
    """Name a server to measure on: an embedded one in the folder that was named, the user's own, or one for this run.

    Wherever it is, suites work in databases of their own, which they drop.
    """
    if data_dir is None and settings.database_url:
        console.print(
            f"On the PostgreSQL at {describe_url(settings.database_url)}: each suite creates a database"
            " chat_memory_bench_... of its own there and drops it. Nothing else is touched.",
            soft_wrap=True,
            markup=False,
        )
        yield settings.database_url
        return
    with scratch_folder(keep=False, name="bench") as scratch:
        server = start_embedded(data_dir or scratch.data_dir)
        try:
            console.print(f"On an embedded PostgreSQL in {server.data_dir}", soft_wrap=True, markup=False)
            yield server.url
        finally:
            server.close()


def run_all(console: Console, names: Sequence[str], ground: Ground) -> Numbers:
    """Run suites one after the other: drawn at work on a terminal, elsewhere a line for each."""
    numbers: Numbers = {}
    columns = SpinnerColumn(finished_text="✓"), TextColumn("{task.description}", markup=False), TimeElapsedColumn()
    # Drawn when there is news only: a thread that redraws would be measured too.
    with Progress(*columns, console=console, auto_refresh=False, disable=not console.is_terminal) as progress:
        for name in names:
            bar = progress.add_task(name, total=1)
            report = partial(tell, progress, bar, name)
            try:
                numbers |= run_suite(name, replace(ground, report=report))
            except NoPeersError as error:
                if len(names) == 1:
                    raise
                console.print(f"{name} left out. {error}", soft_wrap=True, markup=False)
            progress.update(bar, description=name, completed=1, refresh=True)
            if not console.is_terminal:
                console.print(name, "done")
    return numbers


def tell(progress: Progress, bar: TaskID, name: str, words: str) -> None:
    """Show what a suite is at."""
    progress.update(bar, description=f"{name}: {words}", refresh=True)

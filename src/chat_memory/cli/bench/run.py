"""One run from the first line to the last: the server, the suites, the table, the file."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import anyio
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from chat_memory.cli.console import open_console
from chat_memory.cli.servers import open_server
from chat_memory.cli.tables import print_numbers
from chat_memory.lab.bench.ground import FULL, QUICK, Ground
from chat_memory.lab.bench.suites import SUITES
from chat_memory.lab.bench.suites import run as run_suite
from chat_memory.lab.errors import NoPeersError
from chat_memory.lab.results import Numbers, describe_machine, write_results
from chat_memory.lab.suites import choose
from chat_memory.settings import read_settings
from chat_memory.telemetry import configure_logging


def run(names: Sequence[str], *, json: Path | None, data_dir: Path | None, quick: bool, seconds: float | None) -> None:
    """Run suites and show what they measured.

    Raises:
        UnknownSuiteError: a name is no suite's; nothing was started.
        NoPeersError: only the peers were asked for, and they are not installed.
        DisprovedError: a suite's rows are not those it says it wrote.
    """
    chosen = choose(names, SUITES)
    settings = read_settings()
    configure_logging("warning")
    console = open_console()
    sizes = QUICK if quick else FULL
    sizes = sizes if seconds is None else replace(sizes, chats_seconds=seconds)
    with open_server(console, settings, data_dir, "bench") as url:
        ground = Ground(url, sizes, settings)
        numbers = anyio.run(describe_machine, url) | {"machine.sizes": "quick" if quick else "full"}
        numbers |= run_all(console, chosen, ground)
    print_numbers(console, numbers)
    if json is not None:
        write_results(json, numbers)


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

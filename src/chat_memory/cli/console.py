"""Where commands print: a terminal as wide as it is, a log wide enough that lines stay lines."""

from collections.abc import Iterable
from pathlib import Path

from rich.console import Console

LOG_COLUMNS = 120


def open_console() -> Console:
    """Open stdout, plain and at least 120 columns wide where it is no terminal."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, LOG_COLUMNS)
    return console


def print_paths(paths: Iterable[Path]) -> None:
    """Name files that were written, a line for each, as they can be copied."""
    console = open_console()
    for path in paths:
        console.print(str(path), soft_wrap=True, markup=False)

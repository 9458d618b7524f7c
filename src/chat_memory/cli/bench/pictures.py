"""Results as pictures."""

from pathlib import Path

from chat_memory.cli.console import open_console
from chat_memory.lab.bench.plots import plot


def draw(results: Path, folder: Path) -> None:
    """Draw results into a folder and name what was written.

    Raises:
        LabError: there is nothing to draw from, with, or into.
    """
    for file in plot(results, folder):
        open_console().print(str(file), soft_wrap=True, markup=False, highlight=False)

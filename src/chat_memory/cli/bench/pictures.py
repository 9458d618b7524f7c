"""Results as pictures."""

from pathlib import Path

from chat_memory.cli.console import print_paths
from chat_memory.lab.bench.plots import plot


def draw(results: Path, folder: Path) -> None:
    """Draw results into a folder and name what was written.

    Raises:
        LabError: there is nothing to draw from, with, or into.
    """
    print_paths(plot(results, folder))

"""Two results as a table."""

from pathlib import Path

from rich.text import Text

from chat_memory.cli.console import open_console
from chat_memory.cli.tables import spell, start_table
from chat_memory.lab.results import compare, read_results


def print_comparison(before: Path, after: Path) -> None:
    """Print two results side by side, and the second divided by the first.

    Raises:
        UnreadableResultsError: a file holds no results.
    """
    table = start_table("measured", before.stem, after.stem, "ratio")
    for line in compare(read_results(before), read_results(after)):
        ratio = "" if line.ratio is None else f"{line.ratio:.2f}"
        table.add_row(line.key, Text(spell(line.before)), Text(spell(line.after)), ratio)
    open_console().print(table)

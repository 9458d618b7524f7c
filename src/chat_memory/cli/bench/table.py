"""Results as tables."""

from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table
from rich.text import Text

from chat_memory.cli.console import open_console
from chat_memory.lab.bench.ground import Numbers
from chat_memory.lab.bench.results import compare, read_results

FINE = 10
COARSE = 1_000


def print_results(console: Console, numbers: Numbers) -> None:
    """Print what was measured, a line for each key."""
    table = start_table("measured", "value")
    for key, value in numbers.items():
        table.add_row(key, Text(spell(value)))
    console.print(table)


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


def start_table(*columns: str) -> Table:
    """Start a table of keys and numbers."""
    table = Table(*(Column(escape(column)) for column in columns), box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    table.columns[0].no_wrap = True
    return table


def spell(value: float | str | None) -> str:
    """Write a number with as many places as mean something."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    if value == int(value) or abs(value) >= COARSE:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) >= FINE else f"{value:.3f}"

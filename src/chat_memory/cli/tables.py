"""Tables of keys and numbers."""

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table
from rich.text import Text

from chat_memory.lab.results import Numbers

FINE = 10
COARSE = 1_000


def print_numbers(console: Console, numbers: Numbers) -> None:
    """Print what was measured, a line for each key."""
    table = start_table("measured", "value")
    for key, value in numbers.items():
        table.add_row(key, Text(spell(value)))
    console.print(table)


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

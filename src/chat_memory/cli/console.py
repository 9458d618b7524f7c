"""Where commands print: a terminal as wide as it is, a log wide enough that lines stay lines."""

from rich.console import Console

LOG_COLUMNS = 120


def open_console() -> Console:
    """Open stdout, plain and at least 120 columns wide where it is no terminal."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, LOG_COLUMNS)
    return console

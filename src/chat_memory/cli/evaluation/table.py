"""Results as tables: two compared, and some in the Markdown of the docs."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from rich.text import Text

from chat_memory.cli.console import open_console
from chat_memory.cli.tables import spell, start_table
from chat_memory.lab.evaluation.comparison import Difference, compare
from chat_memory.lab.evaluation.results import Results, read_results

ABOUT = ("machine.", "study.")


def print_comparison(before: Path, after: Path) -> None:
    """Print two results side by side: the difference, where it lies in 95 of 100 draws, and whether that is chance.

    Raises:
        UnreadableResultsError: a file holds no results.
    """
    table = start_table("figure", before.stem, after.stem, "difference", "95 % interval", "more than chance", "cases")
    for line in compare(read_results(before), read_results(after)):
        if not line.key.startswith(ABOUT):
            change = f"{line.change:+.4f}" if line.interval else spell(line.change)
            table.add_row(line.key, spell(line.before), spell(line.after), change, *spell_interval(line))
    open_console().print(table)


def spell_interval(line: Difference) -> tuple[Text, str, str]:
    """Write an interval, whether it says that the difference is more than chance, and of how many cases that is."""
    if line.interval is None:
        return Text("-"), "-", "-"
    more = "yes" if line.interval.is_more_than_chance else "no"
    return Text(f"{line.interval.low:+.4f} to {line.interval.high:+.4f}"), more, str(line.cases)


def print_markdown(files: Sequence[Path], patterns: Sequence[str]) -> None:
    """Print results as a Markdown table: a line for each figure like a pattern, a column for each file, by its half.

    Raises:
        UnreadableResultsError: a file holds no results.
    """
    results = [read_results(file) for file in files]
    headings = [str(each.numbers.get("study.half", file.stem)) for each, file in zip(results, files, strict=True)]
    console = open_console()
    for cells in (["figure", *headings], ["---", *["---:"] * len(files)], *list_rows(results, patterns)):
        console.print(f"| {' | '.join(cells)} |", soft_wrap=True, markup=False)


def list_rows(results: Sequence[Results], patterns: Sequence[str]) -> list[list[str]]:
    """Write every figure like a pattern of any of them: shares in percent, all else as it is."""
    keys = dict.fromkeys(key for each in results for key in each.numbers if not key.startswith(ABOUT))
    chosen = [key for key in keys if any(fnmatchcase(key, pattern) for pattern in patterns)]
    return [[f"`{key}`", *(write_figure(each, key) for each in results)] for key in chosen]


def write_figure(results: Results, key: str) -> str:
    """Write one figure."""
    value = results.numbers.get(key)
    if isinstance(value, int | float) and (key in results.samples or key.endswith("_share")):
        return f"{value:.1%}".replace("%", " %")
    return spell(value)

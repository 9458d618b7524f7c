"""The end of the demo: the memory with its evidence, the timings, and what survived."""

from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from chat_memory import __version__
from chat_memory.cli.demo.comparison import read_proven
from chat_memory.cli.demo.retrospect import Retrospect
from chat_memory.cli.demo.story import Story, Times, Verdict
from chat_memory.errors import BrokenPromiseError
from chat_memory.replies import Evidence, MemoryReply


def print_report(console: Console, story: Story) -> None:
    """Print everything the demo found.

    Raises:
        BrokenPromiseError: there were differences.
    """
    if story.memory is not None:
        print_memory(console, story.memory)
    if story.past is not None:
        print_past(console, story.past)
    console.print(tabulate_times(story.times))
    console.rule("What survived the kill", align="left")
    for verdict in story.verdicts:
        console.print(*describe(verdict), sep="\n", soft_wrap=True)
    count = sum(len(verdict.differences) for verdict in story.verdicts)
    if count:
        raise BrokenPromiseError(count=f"{count} differences" if count > 1 else "one difference", version=__version__)


def print_memory(console: Console, memory: MemoryReply) -> None:
    """Print the three fields, facts with their evidence."""
    console.rule(f"The memory: version {memory.version}, turns 1 to {memory.covers_seq}", align="left")
    console.print(tabulate_facts("user_confirmed", read_proven(memory.user_confirmed)))
    console.print(tabulate_facts("llm_inferred", read_proven(memory.llm_inferred)))
    console.print(Text("general_summary", "italic"))
    console.print(Text(memory.general_summary), soft_wrap=True)


def print_past(console: Console, past: Retrospect) -> None:
    """Print what the memory said of its own past."""
    console.rule("Its past", align="left")
    for line in past.corrections:
        told = f"version {line.version} superseded {line.key}: {line.was} → {line.value}"
        console.print(Text(told), soft_wrap=True)
    if past.guess:
        console.print(Text(f"a guess stays one: {past.guess}"), soft_wrap=True)
        console.print(Text(f"  asked to confirm it, the server said: {past.refusal}"), soft_wrap=True)
    console.print(tabulate_changes(past))
    if past.restored:
        line = past.corrections[-1]
        told = f"version {line.version - 1} restored: {line.key} was {past.restored} again; then version {past.until}"
        console.print(Text(told), soft_wrap=True)


def tabulate_changes(past: Retrospect) -> Table:
    """List what lies between two versions, facts before the summary's lines."""
    title = f"since version {past.since}, up to {past.until}"
    table = Table("what", "of", "value", "before", title=title, title_justify="left", box=box.SIMPLE_HEAD)
    facts = [change for change in past.changes if change.key is not None]
    for change in facts:
        table.add_row(*(Text(cell or "") for cell in (change.what, change.key, change.value, change.was)))
    for what, count in Counter(change.what for change in past.changes if change.key is None).items():
        table.add_row(what, f"{count} lines")
    return table


def tabulate_facts(title: str, facts: Sequence[tuple[str, Evidence]]) -> Table:
    """List facts with what proves them."""
    columns = ("what", "value", "known by", "turn", "in these words")
    table = Table(*columns, title=title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for key, fact in facts:
        table.add_row(*(Text(cell) for cell in (key, fact.value, fact.basis, str(fact.seq), fact.quote)))
    return table


def tabulate_times(times: Times) -> Table:
    """List what was measured, in milliseconds."""
    table = Table("timings", "ms", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.columns[1].justify = "right"
    for what, seconds in (
        ("start to first answer, cold: makes the database", times.cold),
        ("start to first answer, warm: starts the database", times.warm),
        ("kill to first answer of the next server", times.kill_to_answer),
        *spread("update_memory, durable", times.updates),
        *spread("written to folded", times.folds),
    ):
        table.add_row(what, f"{seconds * 1000:.1f}")
    return table


def spread(what: str, seconds: Sequence[float]) -> Iterator[tuple[str, float]]:
    """Give the middle and the worst of what was measured often."""
    if seconds:
        yield f"{what}, p50 of {len(seconds)}", median(seconds)
        yield f"{what}, max", max(seconds)


def describe(verdict: Verdict) -> list[Text]:
    """Write a promise as a line, and its differences below it."""
    mark, style = ("✗", "red") if verdict.differences else ("✓", "green")
    line = Text.assemble((mark, style), f" {verdict.promise}")
    return [line, *(Text(f"  {difference}", "red") for difference in verdict.differences)]

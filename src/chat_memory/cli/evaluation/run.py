"""One run from the first line to the last: the server, the suites, the table, the file."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import anyio
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from chat_memory.cli.console import open_console
from chat_memory.cli.servers import open_server
from chat_memory.cli.tables import print_numbers
from chat_memory.lab.evaluation.results import Results, write_results
from chat_memory.lab.evaluation.running import run as run_suites
from chat_memory.lab.evaluation.study import Half, Study
from chat_memory.lab.evaluation.suites import SUITES, check_sets
from chat_memory.lab.results import Numbers, describe_machine
from chat_memory.lab.suites import choose
from chat_memory.settings import FOREIGN, Settings, read_settings
from chat_memory.telemetry import configure_logging

OF_MODELS = (*FOREIGN, "model", "model_seconds", "model_input_price", "model_output_price")
"""The settings of the environment that an evaluation heeds: who is asked, and what that costs."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be measured, and where results go."""

    data_dir: Path
    half: Half
    limit: int | None
    json: Path | None
    budget_usd: float
    answers: Path | None


def run(names: Sequence[str], order: Order) -> None:
    """Run suites and show what they found.

    Raises:
        LabError: a name is no suite's, or a set is missing, broken or not whole.
    """
    chosen = choose(names, SUITES)
    check_sets(chosen, order.data_dir)
    settings = read_settings()
    configure_logging("warning")
    console = open_console()
    with open_server(console, settings, None, "eval") as url:
        numbers = anyio.run(describe_machine, url) | describe_order(order)
        study = Study(
            order.data_dir,
            url,
            order.half,
            order.limit,
            Settings.model_validate({name: getattr(settings, name) for name in OF_MODELS}),
            order.budget_usd,
            order.answers,
        )
        found = run_all(console, chosen, study)
    results = Results(numbers | found.numbers, found.samples)
    print_numbers(console, results.numbers)
    if order.json is not None:
        write_results(order.json, results)


def describe_order(order: Order) -> Numbers:
    """Name what was measured: `study.*`."""
    limit: Numbers = {} if order.limit is None else {"study.limit": order.limit}
    return {"study.half": order.half, **limit}


def run_all(console: Console, names: Sequence[str], study: Study) -> Results:
    """Run suites one after the other: drawn at work on a terminal, elsewhere a line for each."""
    columns = (
        SpinnerColumn(finished_text="✓"),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    # Drawn when there is news only: a thread that redraws would be timed with the folds.
    with Progress(*columns, console=console, auto_refresh=False, disable=not console.is_terminal) as progress:
        return run_suites(names, study, Teller(progress).tell)


@dataclass(frozen=True, slots=True)
class Teller:
    """Shows what each suite is at."""

    progress: Progress
    bars: dict[str, TaskID] = field(default_factory=dict[str, TaskID])

    def tell(self, name: str, words: str, done: int, total: int) -> None:
        """Draw how far a suite is, and print what it has to say; without a terminal that and its end only."""
        console = self.progress.console
        if not total and words != "done":
            console.print(f"{name}: {words}", soft_wrap=True, markup=False)
            return
        if name not in self.bars:
            self.bars[name] = self.progress.add_task(name, total=None)
        self.progress.update(self.bars[name], description=f"{name}: {words}", completed=done, total=total, refresh=True)
        if words == "done" and not console.is_terminal:
            console.print(name, "done,", total, "cases")

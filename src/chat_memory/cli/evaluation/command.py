"""The command, its options, the comparison of two results, tables and pictures of some."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from chat_memory.errors import NoPosixError
from chat_memory.lab.errors import LabError

evaluation = typer.Typer(name="eval", invoke_without_command=True, rich_markup_mode=None)


class Half(StrEnum):
    """Which cases of every set."""

    odd = "odd"
    even = "even"
    all = "all"


RESULTS = "Results written with --json."


@contextmanager
def told_on_stderr() -> Generator[None]:
    """End with one line and code 2 where the evaluation cannot do what it was asked for."""
    try:
        yield
    except LabError as error:
        typer.echo(f"chat-memory: {error}", err=True)
        raise typer.Exit(2) from None


@evaluation.callback()
def measure(
    context: typer.Context,
    *,
    data_dir: Annotated[Path | None, typer.Option(help="Folder of the sets, a folder for each.")] = None,
    suite: Annotated[list[str] | None, typer.Option(help="Run this suite; may be repeated. Without: all.")] = None,
    half: Annotated[Half, typer.Option(help="Reported is odd; even is to tune on.")] = Half.odd,
    limit: Annotated[int | None, typer.Option(min=1, help="Most cases of each set, for a quick look.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write the figures there, and what each case added.")] = None,
    budget_usd: Annotated[float, typer.Option(min=0, help="Most that the suite model may spend, US dollars.")] = 1.0,
    answers: Annotated[
        Path | None, typer.Option(help="Folder of the model's answers: asked the same again, it is not asked.")
    ] = None,
) -> None:
    """Measure how far memories can be trusted: what is confirmed, what is kept, what is let in.

    Through appends, folds and reads as in service, on an embedded PostgreSQL made for it. docs/evaluation.md says what
    each figure means, and where the sets come from.
    """
    if context.invoked_subcommand is not None:
        return
    if sys.platform == "win32":
        raise NoPosixError
    if json is not None and (json.is_dir() or not json.parent.is_dir()):  # told now, not when everything is measured
        raise typer.BadParameter(f"{json} is no file in a folder", param_hint="--json")
    if data_dir is None or not data_dir.is_dir():
        raise typer.BadParameter("name the folder of the sets: docs/evaluation.md says which", param_hint="--data-dir")
    from chat_memory.cli.evaluation.run import Order, run  # noqa: PLC0415 - needs POSIX, and 0.4 s of imports

    order = Order(data_dir, half.value, limit, json, budget_usd, answers)
    with told_on_stderr():
        run(suite or [], order)


@evaluation.command()
def compare(
    before: Annotated[Path, typer.Argument(help=RESULTS)], after: Annotated[Path, typer.Argument(help="And others.")]
) -> None:
    """Put two results side by side, and tell what is more than chance: a paired bootstrap over their cases."""
    from chat_memory.cli.evaluation.table import print_comparison  # noqa: PLC0415 - as above

    with told_on_stderr():
        print_comparison(before, after)


@evaluation.command()
def table(
    results: Annotated[list[Path], typer.Argument(help=RESULTS)],
    keys: Annotated[
        list[str] | None, typer.Option(help="Only figures like this, as '*.recall'; may be repeated. Without: all.")
    ] = None,
) -> None:
    """Print results as the Markdown table of docs/evaluation.md, a column for each."""
    from chat_memory.cli.evaluation.table import print_markdown  # noqa: PLC0415 - as above

    with told_on_stderr():
        print_markdown(results, keys or ["*"])


@evaluation.command()
def plot(
    results: Annotated[Path, typer.Argument(help=RESULTS)],
    out: Annotated[Path, typer.Option(help="Folder for dialogue_state.svg and long_chat.svg; made if need be.")],
) -> None:
    """Draw results as bars, as SVG. Needs the extra bench."""
    from chat_memory.cli.evaluation.pictures import draw  # noqa: PLC0415 - as above

    with told_on_stderr():
        draw(results, out)

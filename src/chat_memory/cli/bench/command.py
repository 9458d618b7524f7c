"""The command, its options, the comparison of two results, and pictures of one."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from chat_memory.errors import NoPosixError

bench = typer.Typer(name="bench", invoke_without_command=True, rich_markup_mode=None)


@bench.callback()
def measure(
    context: typer.Context,
    *,
    suite: Annotated[list[str] | None, typer.Option(help="Run this suite; may be repeated. Without: all.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write the numbers there.")] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder of an embedded PostgreSQL to measure on, such as one on another disk.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Small sizes: shows that it works, measures nothing.")] = False,
    seconds: Annotated[float | None, typer.Option(min=0.5, help="How long the suite chats offers its load.")] = None,
) -> None:
    """Measure this machine: durable writes, folds, reads, and other people's queues beside them.

    On an embedded PostgreSQL made for it, or on the server of CHAT_MEMORY_DATABASE_URL, in databases of its own.
    """
    if context.invoked_subcommand is not None:
        return
    if sys.platform == "win32":
        raise NoPosixError
    if json is not None and not json.parent.is_dir():  # told now, not when everything is measured
        raise typer.BadParameter(f"{json.parent} is no folder", param_hint="--json")
    from chat_memory.cli.bench.run import run  # noqa: PLC0415 - needs POSIX, and 0.4 s for the MCP client

    run(suite or [], json=json, data_dir=data_dir, quick=quick, seconds=seconds)


@bench.command()
def compare(
    before: Annotated[Path, typer.Argument(help="Results written with --json.")],
    after: Annotated[Path, typer.Argument(help="And others.")],
) -> None:
    """Put two results side by side, with ratios."""
    from chat_memory.cli.bench.table import print_comparison  # noqa: PLC0415 - as above

    print_comparison(before, after)


@bench.command()
def plot(
    results: Annotated[Path, typer.Argument(help="Results written with --json.")],
    out: Annotated[Path, typer.Option(help="Folder for throughput.svg and latency.svg; made if need be.")],
) -> None:
    """Draw results: bars of throughput and of latency, as SVG. Needs the extra bench."""
    from chat_memory.cli.bench.pictures import draw  # noqa: PLC0415 - as above

    draw(results, out)

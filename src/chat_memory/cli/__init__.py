"""The command line: one file per command."""

from typing import Annotated

import typer

from chat_memory import __version__
from chat_memory.cli.bench.command import bench
from chat_memory.cli.demo.command import demo
from chat_memory.cli.doctor import doctor
from chat_memory.cli.evaluation.command import evaluation
from chat_memory.cli.failed import failed
from chat_memory.cli.migrate import migrate
from chat_memory.cli.serve import serve
from chat_memory.cli.work import work

__all__ = ["app"]

app = typer.Typer(
    name="chat-memory",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def show_version(wanted: bool) -> None:  # noqa: FBT001 - how typer calls it
    """Print the version and end."""
    if wanted:
        typer.echo(f"chat-memory {__version__}")
        raise typer.Exit


@app.callback()
def main(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Short-term memory for chat agents. Without a command: the MCP server, on stdin and stdout."""


for command in (demo, doctor, serve, work, migrate):
    app.command()(command)
app.add_typer(failed)
app.add_typer(bench)
app.add_typer(evaluation)

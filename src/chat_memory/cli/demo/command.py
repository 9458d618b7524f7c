"""The command, and its options."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from chat_memory.cli.demo.conversation import read_bundled, read_file
from chat_memory.errors import NoPosixError


def demo(
    *,
    file: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help='Your own conversation: lines of {"role": ..., "content": ...}.'
        ),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the chat and its data folder, and say where.")] = False,
) -> None:
    """Watch a conversation become memory, and survive a kill. Touches none of your data."""
    if sys.platform == "win32":
        raise NoPosixError
    conversation = read_file(file) if file else read_bundled()
    from chat_memory.cli.demo.stage import perform  # noqa: PLC0415 - needs POSIX, and 0.4 s for the MCP client

    perform(conversation, keep=keep)

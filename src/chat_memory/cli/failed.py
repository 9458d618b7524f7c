"""`chat-memory failed`: the chats that wait for help, and the way to try them again."""

import json
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated

import anyio
import typer
from rich import box
from rich.table import Table
from rich.text import Text

from chat_memory.cli.console import open_console
from chat_memory.errors import UnnamedChatsError
from chat_memory.models import ChatKey
from chat_memory.server.app import database_source
from chat_memory.settings import Settings, read_settings
from chat_memory.storage.database import Database, open_database
from chat_memory.storage.failures import Failure, list_failures, redrive_all, redrive_chats
from chat_memory.storage.fitness import read_server_facts, refuse_unfit_server
from chat_memory.storage.migrations import migrate
from chat_memory.storage.refolds import redrive_refolds
from chat_memory.telemetry import configure_logging

NAME = re.compile(r"([0-9a-f]{32})(-[0-9]+)?", re.ASCII)
"""A chat as the list prints it, or a queue_id as receipts have it: the chat and a seq."""
CHAT_ID_COLUMNS = 24
OWNER_CHARACTERS = 8
"""As much of an owner's hash as tells owners apart at a glance; --json has it whole."""

failed = typer.Typer(name="failed", no_args_is_help=True, help="Chats that wait for help: list them, try them again.")


@failed.command("list")
def show(
    *,
    limit: Annotated[
        int, typer.Option(min=1, max=10_000, help="Most chats listed, those that wait longest first.")
    ] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead, for programs.")] = False,
) -> None:
    """List the chats whose folds failed too often, and the last error of each."""
    settings = prepare()
    failures, total = anyio.run(read_failures, settings, limit)
    if as_json:
        typer.echo(json.dumps({"total": total, "failed": [as_document(failure) for failure in failures]}, indent=2))
    elif not total:
        typer.echo("No chat waits for help.")
    else:
        open_console().print(tabulate(failures))
        typer.echo(
            f"{len(failures)} of {total} failed chats. Try them again: chat-memory failed redrive CHAT, or --all"
        )


@failed.command()
def redrive(
    chats: Annotated[list[str] | None, typer.Argument(metavar="[CHAT|QUEUE_ID]...", show_default=False)] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Every failed chat.")] = False,
) -> None:
    """Make failed chats due again, as if they had never been tried. Do it once the cause is mended.

    Chats the model could not look at again after extraction stood in for it are tried again too.
    Exit code 1 when a named chat was not waiting for help.
    """
    keys = read_names(chats or [], everything=everything)
    redriven = anyio.run(redrive_named, prepare(), keys)
    for key in keys or []:
        if key not in redriven:
            typer.echo(f"{key.chat.hex()} does not wait for help: nothing done.", err=True)
    typer.echo(f"{len(redriven)} chats are due again: a running server folds them, or `chat-memory work`.")
    if keys and len(redriven) < len(keys):
        raise typer.Exit(1)


def prepare() -> Settings:
    """Read the settings and keep the log quiet: what a command prints is its answer."""
    settings = read_settings()
    configure_logging("warning")
    return settings


def read_names(names: list[str], *, everything: bool) -> list[ChatKey] | None:
    """Read which chats are meant, each once; None for all of them.

    Raises:
        UnnamedChatsError: none, or a text that cannot be one.
    """
    if everything == bool(names):
        raise UnnamedChatsError(problem="--all goes without names" if names else "No chat was named")
    chats: dict[ChatKey, None] = {}
    for name in names:
        found = NAME.fullmatch(name.strip().lower())
        if not found:
            raise UnnamedChatsError(problem=f"{name!r} is no chat")
        chat = bytes.fromhex(found[1])
        chats[ChatKey(chat[0], chat)] = None
    return None if everything else list(chats)


async def read_failures(settings: Settings, limit: int) -> tuple[list[Failure], int]:
    """Read what is to be listed."""
    async with open_fit(settings) as db:
        return await db.run(lambda session: list_failures(session, limit))


async def redrive_named(settings: Settings, keys: list[ChatKey] | None) -> set[ChatKey]:
    """Make the named chats due, all of them for None, and return which were."""
    async with open_fit(settings) as db:
        failed = await redrive_all(db) if keys is None else await redrive_chats(db, keys)
        return failed | await redrive_refolds(db, keys)


@asynccontextmanager
async def open_fit(settings: Settings) -> AsyncGenerator[Database]:
    """Open the database as a server does, its schema up to date."""
    async with (
        database_source(settings) as (url, revive),
        open_database(url, pool_size=1, revive=revive, prepared=settings.prepared_statements) as db,
    ):
        refuse_unfit_server(await read_server_facts(db), allow_unsafe=settings.allow_unsafe_durability)
        await migrate(db)
        yield db


def tabulate(failures: list[Failure]) -> Table:
    """Draw the failures as a table."""
    table = Table("Chat", "Chat id", "Owner", "Since (UTC)", "Failed", "Pending", "Last error", box=box.SIMPLE)
    table.columns[0].no_wrap = True
    table.columns[1].max_width = CHAT_ID_COLUMNS
    for failure in failures:
        table.add_row(
            failure.key.chat.hex(),
            plain(failure.chat_id),
            failure.owner_hash.hex()[:OWNER_CHARACTERS],
            f"{failure.failed_at:%Y-%m-%d %H:%M}",
            f"{failure.attempts}",
            f"{failure.pending}",
            plain(failure.last_error),
        )
    return table


def plain(text: str) -> Text:
    """Show a caller's text as it is, but nothing that a terminal would obey."""
    return Text("".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text))


def as_document(failure: Failure) -> dict[str, object]:
    """Write a failure for programs."""
    return {
        "chat": failure.key.chat.hex(),
        "chat_id": failure.chat_id,
        "owner_hash": failure.owner_hash.hex(),
        "since": failure.failed_at.isoformat(),
        "attempts": failure.attempts,
        "pending": failure.pending,
        "last_error": failure.last_error,
    }

"""`chat-memory migrate`: the schema brought up to date, as every start does, but alone and in words."""

import anyio
import typer

from chat_memory.server.app import database_source
from chat_memory.settings import Settings, read_settings
from chat_memory.storage import migrations
from chat_memory.storage.database import open_database
from chat_memory.storage.fitness import read_server_facts, refuse_unfit_server
from chat_memory.telemetry import configure_logging


def migrate() -> None:
    """Bring the database's schema up to date."""
    settings = read_settings()
    configure_logging("warning")
    for line in anyio.run(bring_up_to_date, settings):
        typer.echo(line)


async def bring_up_to_date(settings: Settings) -> list[str]:
    """Apply the missing steps and return a line for each, and where the schema stands now."""
    prepared = settings.prepared_statements
    async with database_source(settings) as (url, _), open_database(url, pool_size=1, prepared=prepared) as db:
        facts = await read_server_facts(db)
        refuse_unfit_server(facts, allow_unsafe=settings.allow_unsafe_durability)
        applied = await migrations.migrate(db)
        number = await migrations.read_schema_number(db)
    return [*(f"applied {step.number:04} {step.name}" for step in applied), f"up to date ({number})"]

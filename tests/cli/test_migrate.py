"""chat-memory migrate."""

from chat_memory.storage.database import Database
from chat_memory.storage.migrations import list_migrations
from tests.cli.conftest import Program


async def test_the_first_time_names_the_steps_and_the_second_time_there_are_none(
    on_database: Program, db: Database
) -> None:
    """Fails without the call of migrations.migrate in cli/migrate.py."""
    async with db.session() as session:
        await session.connection.execute("drop schema chat_memory cascade")
    steps = list_migrations()
    first, second = on_database.run("migrate"), on_database.run("migrate")
    up_to_date = f"up to date ({steps[-1].number})"
    assert first.stdout.splitlines() == [*(f"applied {step.number:04} {step.name}" for step in steps), up_to_date]
    assert second.stdout.splitlines() == [up_to_date]
    assert (first.returncode, second.returncode) == (0, 0)

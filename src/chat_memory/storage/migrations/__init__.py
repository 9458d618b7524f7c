"""Numbered steps from an empty database to today's schema: applied in order, under one lock, never edited later."""

import re
from dataclasses import dataclass
from importlib.resources import files

from chat_memory.errors import NewerSchemaError
from chat_memory.storage.database import Database, Session

FILE = re.compile(r"(?P<number>\d{4})_(?P<name>[a-z_]+)\.sql")
LOCK = 0x63686174
"""Key of the transaction-level advisory lock: two starting processes migrate one after the other."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step: its number, its name and its SQL."""

    number: int
    name: str
    sql: str


def list_migrations() -> list[Migration]:
    """List the steps this program knows, in order."""
    found = ((FILE.fullmatch(file.name), file) for file in files(__name__).iterdir())
    steps = [Migration(int(match["number"]), match["name"], file.read_text("utf-8")) for match, file in found if match]
    return sorted(steps, key=lambda step: step.number)


async def migrate(db: Database) -> list[Migration]:
    """Bring the schema up to date and return the steps that were applied, none when it already was.

    Raises:
        NewerSchemaError: the database was migrated by a newer program; nothing was changed.
    """
    known = list_migrations()

    async def apply_missing(session: Session) -> list[Migration]:
        await session.connection.execute("select pg_advisory_xact_lock($1)", LOCK)
        await session.connection.execute(
            "create schema if not exists chat_memory;"
            "create table if not exists chat_memory.migrations ("
            " number integer constraint migrations_pkey primary key,"
            " name text not null, applied_at timestamptz not null)"
        )
        current = await _read_number(session)
        _refuse_newer(current, known)
        missing = [step for step in known if step.number > current]
        for step in missing:
            await session.connection.execute(step.sql)
            await session.connection.execute(
                "insert into chat_memory.migrations values ($1, $2, now())", step.number, step.name
            )
        return missing

    current = await read_schema_number(db)
    _refuse_newer(current, known)
    return [] if current == known[-1].number else await db.transact(apply_missing)


async def read_schema_number(db: Database) -> int:
    """Read the number of the last step applied, 0 for an empty database."""
    async with db.session() as session:
        exists = await session.connection.fetchval("select to_regclass('chat_memory.migrations') is not null")
        return await _read_number(session) if exists else 0


async def _read_number(session: Session) -> int:
    return int(await session.connection.fetchval("select coalesce(max(number), 0) from chat_memory.migrations"))


def _refuse_newer(current: int, known: list[Migration]) -> None:
    if current > known[-1].number:
        raise NewerSchemaError(found=current, known=known[-1].number)

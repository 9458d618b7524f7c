"""Every named query against the real schema."""

import re
from pathlib import Path

import pytest

import chat_memory.storage
from chat_memory.storage.database import Database
from chat_memory.storage.queries import load_queries

ROOM = Path(chat_memory.storage.__file__).parent
TABLES = sorted(path.stem for path in ROOM.glob("*.sql"))


@pytest.mark.parametrize("table", TABLES)
async def test_every_named_query_can_be_prepared(db: Database, table: str) -> None:
    """A column or table renamed in a migration but not in its query fails here."""
    queries = load_queries(table)
    async with db.session() as session:
        for query in queries.values():
            await session.connection.prepare(query.sql)


def test_no_query_is_missed() -> None:
    """Counted by another rule than the loader's: a query it skips fails here."""
    marks = sum(len(re.findall(r"(?m)^-- name: ", path.read_text())) for path in ROOM.glob("*.sql"))
    assert sum(len(load_queries(table)) for table in TABLES) == marks
    assert marks > 25


def test_every_query_is_used() -> None:
    """SQL nobody runs is deleted, not kept."""
    code = "\n".join(path.read_text() for path in ROOM.glob("*.py"))
    named = [name for table in TABLES for name in load_queries(table)]
    assert [name for name in named if f'QUERIES["{name}"]' not in code] == []

"""Behind a transaction pooler: what this room notices by itself, and says when it was told otherwise."""

import anyio
import pytest

from chat_memory.errors import LostStatementError, SilentBellError
from chat_memory.storage.bell import Bell
from chat_memory.storage.database import Database, Session, open_database
from tests.chats import append

PATIENCE = 20.0
"""Seconds until statements on six shared connections must have met one another's: they do at once."""


async def test_a_postgresql_itself_is_no_pooler(listen_url: str) -> None:
    """Without the comparison in meets_pooler every statement would be planned anew, everywhere."""
    async with open_database(listen_url, pool_size=1) as direct:
        assert not direct.pooled


@pytest.mark.usefixtures("behind_pooler")
async def test_a_pooler_is_noticed_and_nothing_is_kept_prepared(db: Database) -> None:
    """Without `pooled` in open_database writers at once would lose one another's statements."""
    assert db.pooled
    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(append, db, f"chat {number % 5}", "hello")


@pytest.mark.usefixtures("behind_pooler")
async def test_statements_kept_prepared_behind_an_older_pooler_name_their_setting(database_url: str) -> None:
    """Without LOST_STATEMENT in translated the reader would learn that a statement "does not exist"."""

    async def ask(session: Session) -> None:
        await session.connection.fetchval("select $1::integer", 1)

    async def ask_for_ever() -> None:
        with anyio.fail_after(PATIENCE):
            while True:
                await wrong.run(ask)

    async with open_database(database_url, pool_size=8, prepared="on") as wrong:
        with pytest.raises(LostStatementError, match="set CHAT_MEMORY_PREPARED_STATEMENTS=off"):
            await ask_for_ever()


@pytest.mark.usefixtures("behind_pooler")
async def test_a_listener_behind_a_pooler_is_noticed(db: Database, database_url: str) -> None:
    """PgBouncer takes the LISTEN and delivers nothing: without Proof.wait nobody would know."""
    with pytest.raises(SilentBellError, match="CHAT_MEMORY_LISTEN_URL"):
        await Bell().prove(database_url, db)

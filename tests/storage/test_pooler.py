"""Behind a transaction pooler: what this room notices by itself, and says when it was told otherwise."""

import anyio
import pytest

from chat_memory.errors import LostStatementError, SilentBellError
from chat_memory.storage.bell import Bell
from chat_memory.storage.database import Database, open_database, transaction
from tests.chats import append


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

    async def ask_on_both() -> None:
        async with wrong.session() as one, wrong.session() as other:
            while True:
                await one.connection.fetchval("select $1::integer", 1)
                async with transaction(other):  # takes the server connection the other has just used
                    await one.connection.fetchval("select $1::integer", 1)

    async with open_database(database_url, pool_size=2, prepared="on") as wrong:
        with pytest.raises(LostStatementError, match="set CHAT_MEMORY_PREPARED_STATEMENTS=off"):
            await ask_on_both()


@pytest.mark.usefixtures("behind_pooler")
async def test_a_listener_behind_a_pooler_is_noticed(db: Database, database_url: str) -> None:
    """PgBouncer takes the LISTEN and delivers nothing: without Proof.wait nobody would know."""
    with pytest.raises(SilentBellError, match="CHAT_MEMORY_LISTEN_URL"):
        await Bell().prove(database_url, db)

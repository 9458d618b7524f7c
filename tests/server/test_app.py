"""Starting up: answered before the database is there, told when it is not, and well again when it comes."""

from pathlib import Path

import anyio
import pytest

from chat_memory.errors import DatabaseUnreachableError
from chat_memory.models import Caller, Message, chat_key
from chat_memory.server.app import App, Opened, background, open_toolbox
from chat_memory.settings import Settings
from chat_memory.storage.bell import Bell
from chat_memory.tools.awaiting import wait_folded
from chat_memory.tools.get_memory import read_memory
from chat_memory.tools.update_memory import update_memory
from tests.clients import ERAS, connect, refused, start_raw
from tests.folders import kill_postmaster, open_folder

DEAD = "postgresql://nobody:secret@127.0.0.1:1/none"


async def test_initialize_is_answered_before_the_database_is_up(tmp_path: Path, environment: dict[str, str]) -> None:
    """The database address takes connections and never answers: a server that waited for it would hang here."""
    async with await anyio.create_unix_listener(tmp_path / ".s.PGSQL.5432"):
        url = f"postgresql:///none?host={tmp_path}"
        async with start_raw(environment | {"CHAT_MEMORY_DATABASE_URL": url}) as raw:
            assert (await raw.initialize())["result"]["serverInfo"]["name"] == "chat-memory"
            await raw.send_json(id=1, method="tools/list", params={})
            assert len((await raw.receive())["result"]["tools"]) == 5


@pytest.mark.parametrize("era", list(ERAS))
async def test_a_dead_database_is_told_to_every_call_with_a_remedy(environment: dict[str, str], era: str) -> None:
    async with connect(era, environment | {"CHAT_MEMORY_DATABASE_URL": DEAD}) as client:
        for _ in range(2):
            said = await refused(client, "get_memory", chat_id="a")
            assert "No PostgreSQL answers at 127.0.0.1:1/none" in said
            assert "Check CHAT_MEMORY_DATABASE_URL" in said
            assert "secret" not in said


async def until_ready(app: App) -> Opened:
    with anyio.fail_after(60):
        while True:
            try:
                return await app.ready()
            except DatabaseUnreachableError:
                await anyio.sleep(0.05)
    raise AssertionError


async def test_a_database_that_comes_late_is_used(database_url: str) -> None:
    """Without the loop in App.run a server started a second too early would be useless until restarted."""
    app = App(Settings(database_url=DEAD))
    async with anyio.create_task_group() as group:
        group.start_soon(app.run)
        with pytest.raises(DatabaseUnreachableError, match="No PostgreSQL answers"):
            await app.ready()
        app.settings = Settings(database_url=database_url)
        opened = await until_ready(app)
        assert (await read_memory(opened.box, Caller("a"), "a")).version == 0
        group.cancel_scope.cancel()


async def test_with_a_database_url_the_owner_is_the_role_and_the_user(database_url: str) -> None:
    async with open_toolbox(Settings(database_url=database_url), Bell()) as opened:
        assert opened.owner.startswith("local:")
        assert opened.owner.count("/") == 1
    async with open_toolbox(Settings(database_url=database_url, owner="team"), Bell()) as opened:
        assert opened.owner == "team"


async def test_an_embedded_postgresql_that_was_killed_is_started_again() -> None:
    """kill -9 of the postmaster: the next call revives it; nothing acknowledged is lost."""
    said = [Message(role="user", content="My name is Ada.")]
    caller = Caller("local")
    with open_folder() as folder:
        async with open_toolbox(Settings(data_dir=folder / "data"), Bell()) as opened, background(opened.box):
            assert opened.owner == caller.owner
            await update_memory(opened.box, caller, "a", said)
            kill_postmaster(folder / "data")
            await update_memory(opened.box, caller, "a", said)
            assert await wait_folded(opened.box, chat_key(caller.owner, "a"), 2, 60)
            reply = await read_memory(opened.box, caller, "a")
    assert (reply.covers_seq, reply.pending) == (2, 0)

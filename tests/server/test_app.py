"""Starting up: answered before the database is there, told when it is not, and well again when it comes."""

import fcntl
import signal
import threading
from contextlib import suppress
from pathlib import Path

import anyio
import pytest

from chat_memory.errors import ChatMemoryError, DatabaseUnreachableError, UnusableFolderError
from chat_memory.interrupt import interrupt_on_signals
from chat_memory.models import Caller, Message, chat_key
from chat_memory.prompts.extractive import Extractive
from chat_memory.server.app import App, Opened, background, database_source, open_toolbox
from chat_memory.server.signals import answer_signals
from chat_memory.settings import Settings
from chat_memory.storage.bell import Bell
from chat_memory.storage.database import open_database
from chat_memory.tools.awaiting import wait_folded
from chat_memory.tools.get_memory import read_memory
from chat_memory.tools.toolbox import Toolbox
from chat_memory.tools.update_memory import update_memory
from tests.connections import cutting_proxy
from tests.folders import kill_postmaster, open_folder
from tests.sessions import ERAS, MODERN, SERVER, connect, refused, start_raw

DEAD = "postgresql://nobody:secret@127.0.0.1:1/none"


async def test_initialize_is_answered_before_the_database_is_up(tmp_path: Path, environment: dict[str, str]) -> None:
    """The database address takes connections and never answers: a server that waited for it would hang here."""
    async with await anyio.create_unix_listener(tmp_path / ".s.PGSQL.5432"):
        url = f"postgresql:///none?host={tmp_path}"
        async with start_raw(environment | {"CHAT_MEMORY_DATABASE_URL": url}) as raw:
            assert (await raw.initialize())["result"]["serverInfo"]["name"] == "chat-memory"
            await raw.send_json(id=1, method="tools/list", params={})
            assert len((await raw.receive())["result"]["tools"]) == 6
        async with start_raw(environment | {"CHAT_MEMORY_DATABASE_URL": url}) as raw:
            await raw.send_json(id=1, method="server/discover", params={"_meta": MODERN})
            assert "2026-07-28" in (await raw.receive())["result"]["supportedVersions"]


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
            assert await wait_folded(opened.box, caller.owner, chat_key(caller.owner, "a"), 2, 60)
            reply = await read_memory(opened.box, caller, "a")
    assert (reply.covers_seq, reply.pending) == (2, 0)


async def test_a_database_that_hangs_does_not_hold_up_the_end(
    database_url: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without _cut_off the worker's claim, which is shielded, would wait until its statement is given up."""
    monkeypatch.setattr("chat_memory.server.app.CUT_SECONDS", 0.05)
    async with cutting_proxy(database_url) as proxy, open_database(proxy.url, pool_size=4) as db:
        box = Toolbox.on(db, settings, Bell(), Extractive())
        async with background(box):
            proxy.frozen = True
            await proxy.held.wait()
        assert db.pool.is_closing()


async def test_a_fault_of_ours_is_told_and_tried_again(database_url: str) -> None:
    """Without the last except in App.run the process would end after it had answered `initialize`."""
    app = App(Settings(database_url="postgresql://u@127.0.0.1:99999999/none"))
    async with anyio.create_task_group() as group:
        group.start_soon(app.run)
        with pytest.raises(ChatMemoryError):
            await app.ready()
        app.settings = Settings(database_url=database_url)
        await until_ready(app)
        group.cancel_scope.cancel()


@pytest.mark.parametrize("data_dir", ["~nobody-of-that-name/x", "loop", "x" * 300, "x/" * 2_500])
async def test_a_data_folder_nobody_can_make_is_refused_in_words(tmp_path: Path, data_dir: str) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    named = Path(data_dir) if data_dir.startswith("~") else tmp_path / data_dir
    with pytest.raises(UnusableFolderError, match="CHAT_MEMORY_DATA_DIR"):
        async with open_toolbox(Settings(data_dir=named), Bell()):
            pass


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("delay", [0.0, 0.1, 0.3, 0.6])
async def test_a_signal_during_the_start_leaves_nothing_running(
    environment: dict[str, str], number: signal.Signals, delay: float
) -> None:
    """Without end_start PostgreSQL would go on, with nobody to stop it. Any delay is right: nothing is ever left."""
    with open_folder() as folder:
        data_dir = folder / "data"
        own = {name: value for name, value in environment.items() if name != "CHAT_MEMORY_DATABASE_URL"}
        async with await anyio.open_process(SERVER, env=own | {"CHAT_MEMORY_DATA_DIR": str(data_dir)}) as process:
            await anyio.sleep(delay)
            process.send_signal(number)
            with anyio.fail_after(60):
                await process.wait()
        assert not list(data_dir.glob("*/cluster/postmaster.pid"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_that_an_import_swallowed_is_answered(number: signal.Signals) -> None:
    """Without `early` in answer_signals a signal that pydantic's core drops, building a validator, would be lost."""
    kept = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    interrupt_on_signals()
    try:
        with suppress(KeyboardInterrupt):
            signal.raise_signal(number)
        with anyio.fail_after(60):
            async with anyio.create_task_group() as group:
                await group.start(answer_signals, group.cancel_scope.cancel)
    finally:
        for each, handler in kept.items():
            signal.signal(each, handler)


async def test_a_cancelled_revival_leaves_no_use_of_the_server_behind() -> None:
    """Without the shield in revive the dead use would stay open, and PostgreSQL outlive its last server."""
    with open_folder() as folder:
        settings = Settings(data_dir=folder / "data")
        async with database_source(settings) as (_, revive):
            assert revive is not None
            kill_postmaster(folder / "data")
            with anyio.move_on_after(0.02):
                await revive()
        assert not list(folder.glob("data/*/cluster/postmaster.pid"))


async def test_a_process_that_is_told_to_end_does_not_wait_for_a_blocked_start() -> None:
    """Somebody froze while starting the shared server: without abandon_on_cancel we would freeze with them."""
    with open_folder() as folder:
        settings = Settings(data_dir=folder / "data")
        async with database_source(settings):
            pass
        with (folder / "data" / "18" / "start.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with anyio.fail_after(30), anyio.move_on_after(0.2):
                async with database_source(settings):
                    pass
        for starting in (thread for thread in threading.enumerate() if thread.name == "embedded-start"):
            starting.join()  # free to go on, it starts the server, finds nobody waiting, and stops it again
        assert not list(folder.glob("data/*/cluster/postmaster.pid"))

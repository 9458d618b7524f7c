"""Serving: what a process refuses to start on, what runs beside it, and the lines it reads and writes."""

import os
from dataclasses import replace
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from mcp.shared.message import SessionMessage

from chat_memory.errors import InvalidSettingError, UnknownArgumentError, UnsafeDurabilityError, WrongArgumentError
from chat_memory.server.app import background, open_toolbox
from chat_memory.server.catalogue import CATALOGUE
from chat_memory.server.resources import Watchers
from chat_memory.server.stdio import read_lines, refusal, refuse_line, write_all, write_messages
from chat_memory.settings import Settings, read_settings
from chat_memory.storage.bell import Bell, Ring
from chat_memory.storage.database import Database
from chat_memory.tools.awaiting import wait_folded
from chat_memory.tools.toolbox import Toolbox
from tests.chats import OWNER, append, key_of
from tests.conftest import run_on
from tests.sessions import start_raw

PATIENCE = 60.0
"""Seconds until what should happen counts as lost: never reached when it works."""


async def test_a_server_that_could_lose_commits_is_not_opened(database_url: str) -> None:
    """Without refuse_unfit_server in open_toolbox, or the setting in its call."""
    name = database_url.rpartition("/")[2].partition("?")[0]
    await run_on(database_url, f"alter database {name} set synchronous_commit = off")
    with pytest.raises(UnsafeDurabilityError):
        async with open_toolbox(Settings(database_url=database_url), Bell()):
            pass
    async with open_toolbox(Settings(database_url=database_url, allow_unsafe_durability=True), Bell()):
        pass


async def test_a_background_task_that_falls_over_takes_nothing_with_it(box: Toolbox, db: Database) -> None:
    """Without the except in _supervise a fault of the bell, here a port no system has, would end the worker too."""
    deaf = replace(box, db=replace(db, url="postgresql://u@127.0.0.1:99999999/none"))
    async with background(deaf):
        await append(db, "a", "one")
        deaf.bell.announce(Ring(key_of("a"), grew=True))
        assert await wait_folded(deaf, OWNER, key_of("a"), 1, PATIENCE)


async def test_a_server_that_does_not_fold_has_no_worker(box: Toolbox, db: Database) -> None:
    """Without `if box.settings.worker` in background."""
    async with background(replace(box, settings=Settings(worker=False))):
        await append(db, "a", "one")
        box.bell.announce(Ring(key_of("a"), grew=True))
        assert not await wait_folded(box, OWNER, key_of("a"), 1, 0.3)


async def test_a_lost_subscriber_is_let_go() -> None:
    """Without the unwatch in Watchers._tell a broken stream would be tried at every change, for ever."""
    bell = Bell()
    watchers, told = Watchers(bell), anyio.Event()
    tried: list[int] = []

    async def broken(_: str) -> None:
        tried.append(1)
        raise anyio.BrokenResourceError

    async def whole(_: str) -> None:
        told.set()

    watchers.watch(key_of("a"), "memory://a", broken, "broken")
    watchers.watch(key_of("a"), "memory://a", whole, "whole")
    async with anyio.create_task_group() as group:
        group.start_soon(watchers.run)
        await anyio.lowlevel.checkpoint()
        for _ in range(2):
            bell.announce(Ring(key_of("a"), grew=True))
            with anyio.fail_after(PATIENCE):
                await told.wait()
            told = anyio.Event()
        group.cancel_scope.cancel()
    assert tried == [1]


async def test_a_subscriber_that_does_not_read_holds_up_nobody() -> None:
    """With deliver awaited in Watchers.run one stuck client would silence all others of the process."""
    bell = Bell()
    watchers = Watchers(bell)
    told: list[str] = []
    heard = anyio.Event()

    async def stuck(_: str) -> None:
        await anyio.sleep_forever()

    async def whole(uri: str) -> None:
        told.append(uri)
        heard.set()

    watchers.watch(key_of("a"), "memory://a", stuck, "stuck")
    watchers.watch(key_of("a"), "memory://a", whole, "whole")
    async with anyio.create_task_group() as group:
        group.start_soon(watchers.run)
        await anyio.lowlevel.checkpoint()
        for _ in range(3):
            heard = anyio.Event()
            bell.announce(Ring(key_of("a"), grew=True))
            with anyio.fail_after(PATIENCE):
                await heard.wait()
        group.cancel_scope.cancel()
    assert told == ["memory://a"] * 3


def test_an_error_repeats_little_of_what_was_wrong() -> None:
    """Without SEEN_CHARACTERS in catalogue a reply would be as large as the mistake."""
    entry = CATALOGUE["update_memory"]
    with pytest.raises(WrongArgumentError) as wrong:
        entry.check({"chat_id": "a", "messages": "x" * 5_000})
    with pytest.raises(UnknownArgumentError) as unknown:
        entry.check({"chat_id": "a", "x" * 5_000: 1})
    assert max(len(str(raised.value)) for raised in (wrong, unknown)) < 500


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("get_memory", {"max_tokens": 255}),
        ("get_memory", {"max_tokens": 100_001}),
        ("get_history", {"limit": 0}),
        ("get_history", {"limit": 201}),
        ("get_history", {"before": -1}),
        ("summarize", {"wait_seconds": -1}),
        ("summarize", {"wait_seconds": 61}),
        ("update_memory", {"messages": [{"role": "user", "content": "x"}] * 201}),
    ],
)
def test_a_number_out_of_its_range_is_refused(tool: str, arguments: dict[str, object]) -> None:
    """A bound removed from parameters.py fails here."""
    with pytest.raises(WrongArgumentError):
        CATALOGUE[tool].check({"chat_id": "a", **arguments})


@pytest.mark.parametrize("name", ["LEASE_SECONDS", "POLL_SECONDS", "BACKOFF_SECONDS", "MAX_ATTEMPTS"])
def test_a_setting_that_cannot_work_is_refused_by_name(name: str) -> None:
    """Without the bounds, or the except, in settings."""
    with pytest.raises(InvalidSettingError, match=f"CHAT_MEMORY_{name}"):
        read_settings({f"CHAT_MEMORY_{name}": "0"})


async def test_a_sound_message_longer_than_any_call_is_refused(environment: dict[str, str]) -> None:
    """Without LINE_BYTES in read_lines a valid message of any size would be taken into memory and obeyed."""
    async with start_raw(environment) as raw:
        await raw.initialize()
        await raw.send(b'{"jsonrpc":"2.0","id":9,"method":"ping","params":{"x":"' + b"x" * 17 * 1024 * 1024 + b'"}}')
        answer = await raw.receive()
        assert (answer["id"], answer["error"]["code"]) == (None, -32700)
        assert "result" in await raw.call_tool(2, "get_memory", chat_id="a")


async def test_a_last_line_without_its_newline_is_read() -> None:
    """Without the end of read_lines the last message of a client that leaves would be lost."""
    read, write = os.pipe()
    os.write(write, b"one\n\n  \ntwo")
    os.close(write)
    assert [line async for line in read_lines(read)] == [b"one", b"two"]
    os.close(read)


def test_true_is_no_id() -> None:
    """Python calls it an integer; JSON-RPC does not, and no client waits for it."""
    assert refuse_line(b'{"id": true}').id is None


async def test_a_reader_that_left_ends_the_writing() -> None:
    """Without the except BrokenPipeError in write_messages a client that left would be a fault of the server."""
    read, write = os.pipe()
    os.close(read)
    send, receive = anyio.create_memory_object_stream[SessionMessage](1)
    async with send:
        await send.send(SessionMessage(refusal(None, -32700, "x")))
        with anyio.fail_after(PATIENCE):
            await write_messages(write, receive)
    os.close(write)


async def test_a_regular_file_is_read_and_written(tmp_path: Path) -> None:
    """Without the excepts PermissionError in read_chunk and write_all `chat-memory < file > file` would fail."""
    file = os.open(tmp_path / "x", os.O_RDWR | os.O_CREAT)
    await write_all(file, memoryview(b"one\n"))
    os.lseek(file, 0, os.SEEK_SET)
    assert [line async for line in read_lines(file)] == [b"one"]
    os.close(file)

"""The bell between processes: heard on commit, never before, and again after its connection broke."""

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from itertools import count

import anyio
import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from chat_memory.errors import SilentBellError, UnreachableBellError
from chat_memory.server.app import background
from chat_memory.settings import Settings
from chat_memory.storage import bell
from chat_memory.storage.bell import Bell, Ring
from chat_memory.storage.database import Database, Session
from chat_memory.tools.awaiting import wait_folded
from chat_memory.tools.toolbox import Toolbox
from tests.chats import OWNER, append, key_of
from tests.conftest import run_on

KILL_LISTENER = (
    "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query like 'LISTEN%'"
)
PATIENCE = 20.0
"""Seconds until a bell that should ring counts as silent: never reached when it works."""


@pytest.fixture
async def heard(listen_url: str, db: Database) -> AsyncIterator["Ears"]:
    """A bell as another process has it: on a connection of its own."""
    other = Bell()
    ears = Ears()
    other.subscribe(ears.hear)
    async with anyio.create_task_group() as group:
        group.start_soon(other.listen, listen_url, db)
        yield ears
        group.cancel_scope.cancel()


class Ears:
    """What was heard."""

    def __init__(self) -> None:
        self.rings: list[Ring] = []
        self._rung = anyio.Event()

    def hear(self, rung: Ring) -> None:
        self.rings.append(rung)
        self._rung.set()

    async def wait(self) -> list[Ring]:
        with anyio.fail_after(PATIENCE):
            await self._rung.wait()
        rings, self.rings, self._rung = self.rings, [], anyio.Event()
        return rings


async def ring_until_heard(db: Database, heard: Ears) -> None:
    """The other process may still be connecting: ring until it answers to the latest, after which none is under way."""
    with anyio.fail_after(PATIENCE):
        for number in count(1):
            latest = Ring(key_of(f"test {number}"), grew=False)
            async with db.session() as session:
                await bell.ring(session, latest)
            await anyio.sleep(0.02 * number)
            if latest in heard.rings:
                break
    await heard.wait()


async def test_an_append_rings_in_every_process(db: Database, heard: Ears) -> None:
    await ring_until_heard(db, heard)
    await append(db, "a", "hello")
    assert await heard.wait() == [Ring(key_of("a"), grew=True)]


async def test_what_was_not_committed_does_not_ring(db: Database, heard: Ears) -> None:
    await ring_until_heard(db, heard)

    async def ring_and_fail(session: Session) -> None:
        await bell.ring(session, Ring(key_of("lost"), grew=True))
        raise LookupError

    with pytest.raises(LookupError):
        await db.transact(ring_and_fail)
    await append(db, "a", "hello")
    assert await heard.wait() == [Ring(key_of("a"), grew=True)]


async def test_the_bell_is_heard_again_after_its_connection_broke(db: Database, heard: Ears, listen_url: str) -> None:
    await ring_until_heard(db, heard)
    await run_on(listen_url, KILL_LISTENER)
    await ring_until_heard(db, heard)


async def test_anybodys_nonsense_on_the_channel_is_no_ring(db: Database, heard: Ears) -> None:
    await ring_until_heard(db, heard)
    async with db.session() as session:
        for payload in ("", "+", "nonsense", "+zz", "="):
            await session.connection.execute("select pg_notify('chat_memory', $1)", payload)
    await append(db, "a", "hello")
    assert await heard.wait() == [Ring(key_of("a"), grew=True)]


async def test_a_waiter_woken_before_it_sleeps_does_not_sleep() -> None:
    """Taken before looking, so no ring falls between the look and the sleep."""
    own = Bell()
    async with own.waiting(key_of("a")) as waiter:
        own.announce(Ring(key_of("b"), grew=True))
        own.announce(Ring(key_of("a"), grew=True))
        with anyio.fail_after(PATIENCE):
            await waiter.sleep(3600)


async def test_a_bell_that_is_heard_proves_it_and_rings_for_nobody(db: Database, listen_url: str) -> None:
    """Without KEY in Bell._hear the proof would be a ring of a chat that is none."""
    own, ears = Bell(), Ears()
    own.subscribe(ears.hear)
    await own.prove(listen_url, db)
    assert ears.rings == []


async def test_a_listener_that_hears_nothing_says_which_setting_to_change(db: Database, server_url: str) -> None:
    """Notifications stay in their database, as they stay behind a pooler: without Proof.wait nobody would notice."""
    with pytest.raises(SilentBellError, match="Set CHAT_MEMORY_LISTEN_URL to the same database"):
        await Bell().prove(server_url, db)


@pytest.mark.parametrize("url", ["postgresql://nobody@127.0.0.1:1/none", "http://nobody", "postgresql://u@h:port/none"])
async def test_a_listening_address_that_is_dead_or_miswritten_names_its_setting(db: Database, url: str) -> None:
    """Without open_ear the error would send its reader to CHAT_MEMORY_DATABASE_URL, which is well."""
    with pytest.raises(UnreachableBellError, match="Check CHAT_MEMORY_LISTEN_URL"):
        await Bell().prove(url, db)


async def until_logged(logs: list[EventDict], event: str, times: int) -> None:
    """Wait until an event was logged so often."""
    with anyio.fail_after(PATIENCE):
        while [line["event"] for line in logs].count(event) < times:  # noqa: ASYNC110 - a log does not ring
            await anyio.sleep(0.05)


async def test_a_silent_bell_warns_once_and_is_tried_again(db: Database, server_url: str) -> None:
    """Without the `except SilentBellError` in Bell.listen it would end, without `warned` it would warn for ever."""
    with capture_logs() as logs:
        async with anyio.create_task_group() as group:
            group.start_soon(partial(Bell().listen, server_url, db, silent_seconds=0.5))
            await until_logged(logs, "bell_silent", 2)
            group.cancel_scope.cancel()
    first, second = logs[0], logs[1]
    assert (first["log_level"], second["log_level"]) == ("warning", "debug")
    assert "CHAT_MEMORY_LISTEN_URL" in first["reason"]


async def test_under_a_silent_bell_the_poll_finds_the_work(box: Toolbox, db: Database, server_url: str) -> None:
    """Composed as a server is. Without the poll in Worker.run, or with background() ending when the bell is silent."""
    silent = replace(box, settings=Settings(listen_url=server_url, poll_seconds=0.05))
    with capture_logs() as logs:
        async with background(silent):
            await until_logged(logs, "bell_silent", 1)
            await append(db, "a", "one")
            assert await wait_folded(silent, OWNER, key_of("a"), 1, PATIENCE)

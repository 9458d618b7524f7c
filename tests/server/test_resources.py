"""Subscriptions: whoever watches a chat hears of every change, in both eras, whichever process made it."""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Protocol

import anyio
import pytest
from mcp import Client
from mcp.client.session import MessageHandlerFnT
from mcp.shared.exceptions import MCPDeprecationWarning
from mcp.shared.subscriptions import ResourceUpdated
from mcp_types import ResourceUpdatedNotification

from chat_memory.models import Caller, Message
from chat_memory.server.resources import chat_id_of, uri_of
from chat_memory.storage.bell import Bell
from chat_memory.storage.database import open_database
from chat_memory.tools.forget import forget
from chat_memory.tools.toolbox import Toolbox
from chat_memory.tools.update_memory import update_memory
from tests.sessions import ask, connect

CHAT = "watched/chat"
SAID = [{"role": "user", "content": "My name is Ada."}]


class Heard:
    """Updates as they come in."""

    def __init__(self) -> None:
        self.send, self.receive = anyio.create_memory_object_stream[str](1_000)

    async def take(self, message: object) -> None:
        """The 2025 era: notifications arrive beside the answers."""
        if isinstance(message, ResourceUpdatedNotification):
            self.send.send_nowait(str(message.params.uri))

    async def next(self) -> str:
        """Wait for the next update."""
        with anyio.fail_after(60):
            return await self.receive.receive()

    async def drain(self) -> None:
        """Take what is there, and what is still on its way."""
        with anyio.move_on_after(1):
            while True:
                await self.receive.receive()

    def close(self) -> None:
        self.send.close()
        self.receive.close()


class Connect(Protocol):
    """Connects a client, which hands on what comes in beside the answers."""

    def __call__(self, *, message_handler: MessageHandlerFnT | None = None) -> AbstractAsyncContextManager[Client]: ...


@asynccontextmanager
async def watching(era: str, connect: Connect) -> AsyncGenerator[tuple[Client, Heard]]:
    """A client that watches one chat."""
    heard = Heard()
    if era == "2026-07-28":
        async with connect() as client, client.listen(resource_subscriptions=[uri_of(CHAT)]) as events:

            async def take_all() -> None:
                async for event in events:
                    assert isinstance(event, ResourceUpdated)
                    heard.send.send_nowait(event.uri)

            async with anyio.create_task_group() as group:
                group.start_soon(take_all)
                yield client, heard
                group.cancel_scope.cancel()
    else:
        async with connect(message_handler=heard.take) as client:
            with pytest.warns(MCPDeprecationWarning):
                await client.subscribe_resource(uri_of(CHAT))  # type: ignore[deprecated] # pyright: ignore[reportDeprecated]
            yield client, heard
    heard.close()


@pytest.mark.parametrize("era", ["2025-11-25", "2026-07-28"])
async def test_a_watcher_hears_of_writes_folds_and_forgetting(environment: dict[str, str], era: str) -> None:
    async with watching(era, partial(connect, era, environment)) as (client, heard):
        await ask(client, "update_memory", chat_id=CHAT, messages=SAID, wait_seconds=60)
        assert await heard.next() == uri_of(CHAT)
        await ask(client, "forget", chat_id=CHAT)
        assert await heard.next() == uri_of(CHAT)


@pytest.mark.parametrize("era", ["2025-11-25", "2026-07-28"])
async def test_a_watcher_hears_of_another_process(environment: dict[str, str], era: str, settings: object) -> None:
    """The write happens here, the watcher's server is a child process: only the bell connects them."""
    async with (
        watching(era, partial(connect, era, environment | {"CHAT_MEMORY_WORKER": "false"})) as (client, heard),
        open_database(environment["CHAT_MEMORY_DATABASE_URL"], pool_size=1) as db,
    ):
        await ask(client, "get_memory", chat_id=CHAT)
        box = Toolbox.on(db, settings, Bell(), None)  # type: ignore[arg-type] # a writer needs no summarizer
        with anyio.fail_after(60):
            while not heard.receive.statistics().current_buffer_used:
                await update_memory(box, Caller("alice"), CHAT, [Message.model_validate(said) for said in SAID])
                await anyio.sleep(0.05)
        await heard.drain()
        await forget(box, Caller("alice"), CHAT)
        assert await heard.next() == uri_of(CHAT)


async def test_a_watcher_hears_of_its_own_chats_only(environment: dict[str, str]) -> None:
    """Anybody may name any URI: the key is computed from the listener's own credential."""
    async with (
        watching("2026-07-28", partial(connect, "2026-07-28", environment | {"CHAT_MEMORY_OWNER": "mallory"})) as (
            client,
            heard,
        ),
        connect("2026-07-28", environment) as alice,
    ):
        await ask(alice, "update_memory", chat_id=CHAT, messages=SAID, wait_seconds=60)
        await ask(client, "update_memory", chat_id="another", messages=SAID, wait_seconds=60)
        assert heard.receive.statistics().current_buffer_used == 0
        await ask(client, "update_memory", chat_id=CHAT, messages=SAID)
        assert await heard.next() == uri_of(CHAT)


async def test_unsubscribed_means_silence(environment: dict[str, str]) -> None:
    async with watching("2025-11-25", partial(connect, "2025-11-25", environment)) as (client, heard):
        with pytest.warns(MCPDeprecationWarning):
            await client.unsubscribe_resource(uri_of(CHAT))  # type: ignore[deprecated] # pyright: ignore[reportDeprecated]
        await ask(client, "update_memory", chat_id=CHAT, messages=SAID, wait_seconds=60)
        assert heard.receive.statistics().current_buffer_used == 0


@pytest.mark.parametrize("chat_id", ["a", "a/b", "..", "%2F", "ü🧠", " ", "?#[]@", "\u202e", "x" * 512])
def test_a_chat_id_comes_back_from_its_uri(chat_id: str) -> None:
    assert chat_id_of(uri_of(chat_id)) == chat_id

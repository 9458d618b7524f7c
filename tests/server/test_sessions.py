"""Sessions of the 2025 era over HTTP: what they are for, when they end, and that no call needs one."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

import anyio
import httpx2
import pytest
from mcp_types import INVALID_PARAMS

from chat_memory.server.access import identify_process
from chat_memory.server.app import App
from chat_memory.server.doors import Doors
from chat_memory.server.mcp import STREAMS, MemoryServer
from chat_memory.server.resources import WATCHES, uri_of
from chat_memory.server.sessions import Exchange
from chat_memory.settings import Settings
from tests.posts import error_of, open_session, post, post_modern, result_of
from tests.server.test_resources import CHAT, SAID, watching
from tests.sessions import ERAS, SERVER, ask, connect_http, never_folding, start_http

URL = "http://127.0.0.1/mcp"


@asynccontextmanager
async def exchanging(database_url: str, session_limit: int) -> AsyncGenerator[tuple[MemoryServer, httpx2.AsyncClient]]:
    """A process without its socket."""
    settings = Settings(database_url=database_url, owner="alice", worker=False)
    app = App(settings)
    memory = MemoryServer(app, identify_process)
    exchange = Exchange(memory, session_limit)
    async with anyio.create_task_group() as group, exchange.run():
        group.start_soon(app.run)
        group.start_soon(memory.watchers.run)
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(Doors(exchange, settings))) as http:
            yield memory, http
        group.cancel_scope.cancel()


async def test_a_session_takes_its_subscriptions_with_it(database_url: str) -> None:
    """Without `ended` in Sessions each session of a long-lived server would leave its watches behind."""
    async with exchanging(database_url, 10) as (memory, http):
        one, two = await open_session(http, URL), await open_session(http, URL)
        for session in (one, two):
            for chat in ("a", "b"):
                assert result_of(await post(http, URL, session, "resources/subscribe", {"uri": uri_of(chat)})) == {}
        assert len(memory.watchers) == 4
        assert result_of(await post(http, URL, one, "resources/unsubscribe", {"uri": uri_of("a")})) == {}
        assert len(memory.watchers) == 3
        assert (await http.delete(URL, headers=two)).status_code == 200
        assert len(memory.watchers) == 1
    assert len(memory.watchers) == 0


async def test_a_deleted_session_is_gone(database_url: str) -> None:
    """Without note_deleted a call in it would be answered on its own, though the protocol promises a 404."""
    async with exchanging(database_url, 1) as (_, http):
        session = await open_session(http, URL)
        assert (await http.delete(URL, headers=session)).status_code == 200
        read = {"name": "get_memory", "arguments": {"chat_id": CHAT}}
        assert (await post(http, URL, session, "tools/call", read)).status_code == 404
        later = await open_session(http, URL)
        assert (await http.delete(URL, headers=later)).status_code == 200
        assert (await post(http, URL, later, "tools/call", read)).status_code == 404
        assert (await post(http, URL, session, "tools/call", read)).status_code == 200


async def test_nobody_watches_more_than_he_may(database_url: str) -> None:
    """Without WATCHES one client could make the server remember without end."""
    async with exchanging(database_url, 10) as (memory, http):
        session = await open_session(http, URL)
        for number in range(WATCHES):
            await post(http, URL, session, "resources/subscribe", {"uri": uri_of(str(number))})
        assert result_of(await post(http, URL, session, "resources/subscribe", {"uri": uri_of("0")})) == {}
        answer = await post(http, URL, session, "resources/subscribe", {"uri": uri_of("more")})
        assert f"at most {WATCHES} chats" in error_of(answer)
        wanted = {"resourceSubscriptions": [uri_of(str(number)) for number in range(WATCHES + 1)]}
        answer = await post_modern(http, URL, "subscriptions/listen", {"notifications": wanted})
        assert answer.json()["error"]["code"] == INVALID_PARAMS
        assert len(memory.watchers) == WATCHES


async def test_without_room_for_a_session_a_client_is_served_without_one(database_url: str) -> None:
    """Without has_room the SDK would refuse it; without NoRoomError it would be told to do what it just did."""
    async with exchanging(database_url, 1) as (_, http):
        first = await open_session(http, URL)
        second = await open_session(http, URL)
        assert "Mcp-Session-Id" in first
        assert "Mcp-Session-Id" not in second
        for session in (first, second):
            answer = await post(http, URL, session, "tools/call", {"name": "get_memory", "arguments": {"chat_id": "a"}})
            assert not result_of(answer)["isError"]
        full = await post(http, URL, second, "resources/subscribe", {"uri": uri_of("a")})
        assert full.status_code == 503
        assert "as many as it takes" in error_of(full)
        await http.delete(URL, headers=first)
        assert "Mcp-Session-Id" in await open_session(http, URL)


@pytest.mark.parametrize("era", list(ERAS))
async def test_a_watcher_by_url_hears_of_a_fold_in_another_process(environment: dict[str, str], era: str) -> None:
    """The write is this server's own, the fold a worker's: without the bell in Watchers it would go unheard."""
    told = environment | {"CHAT_MEMORY_WORKER": "false"}
    async with start_http(told) as served, watching(era, partial(connect_http, era, served.url)) as (client, heard):
        await ask(client, "update_memory", chat_id=CHAT, messages=SAID)
        assert await heard.next() == uri_of(CHAT)
        await heard.drain()
        async with await anyio.open_process([*SERVER, "work"], env=environment) as worker:
            assert await heard.next() == uri_of(CHAT)
            worker.terminate()
        assert (await ask(client, "get_memory", chat_id=CHAT))["version"] == 1
        await heard.drain()
        await ask(client, "forget", chat_id=CHAT)
        assert await heard.next() == uri_of(CHAT)


async def test_a_stream_that_opens_late_hears_what_it_missed(environment: dict[str, str]) -> None:
    """Without remind a change between `subscribe` and the stream, or while the stream was broken, would be lost."""
    async with start_http(environment) as served, httpx2.AsyncClient(timeout=60) as http:
        session = await open_session(http, served.url)
        await post(http, served.url, session, "resources/subscribe", {"uri": uri_of(CHAT)})
        call = {"name": "update_memory", "arguments": {"chat_id": CHAT, "messages": SAID, "wait_seconds": 60}}
        assert not result_of(await post(http, served.url, session, "tools/call", call))["isError"]
        for _ in range(2):
            async with http.stream("GET", served.url, headers=session) as stream:
                with anyio.fail_after(60):
                    async for line in stream.aiter_lines():
                        if line.startswith("data: "):
                            assert json.loads(line.removeprefix("data: "))["params"]["uri"] == uri_of(CHAT)
                            break


async def test_no_more_streams_open_at_once_than_may(database_url: str) -> None:
    """With the place taken after an await in MemoryServer.listen all would pass while the database is awaited."""
    settings = never_folding(database_url)
    memory = MemoryServer(App(settings), identify_process)  # which never opens: every key is waited for
    exchange = Exchange(memory)
    listen: dict[str, object] = {"notifications": {"resourceSubscriptions": [uri_of("a")]}}
    refusals: list[str] = []
    async with exchange.run(), httpx2.AsyncClient(transport=httpx2.ASGITransport(Doors(exchange, settings))) as http:
        with anyio.fail_after(60):
            async with anyio.create_task_group() as group:

                async def open_stream() -> None:
                    refusals.append(error_of(await post_modern(http, URL, "subscriptions/listen", listen)))
                    group.cancel_scope.cancel()

                for _ in range(STREAMS + 1):
                    group.start_soon(open_stream)
    assert len(refusals) == 1
    assert f"{STREAMS} open subscription streams" in refusals[0]


async def test_a_stream_for_too_many_chats_is_refused_before_any_is_looked_at(database_url: str) -> None:
    """Without the check of WATCHES in _reserve_stream a key would be computed for each of 8 MiB of URIs."""
    settings = never_folding(database_url)
    exchange = Exchange(MemoryServer(App(settings), identify_process))  # which never opens: the first key would wait
    wanted = {"resourceSubscriptions": [uri_of(str(number)) for number in range(WATCHES + 1)]}
    async with exchange.run(), httpx2.AsyncClient(transport=httpx2.ASGITransport(Doors(exchange, settings))) as http:
        with anyio.fail_after(60):
            answer = await post_modern(http, URL, "subscriptions/listen", {"notifications": wanted})
    assert f"at most {WATCHES} chats" in error_of(answer)

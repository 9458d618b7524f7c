"""The server as clients meet it by URL: `chat-memory serve`, a process of its own, in both protocol eras."""

import json
import signal
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import suppress

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, TextResourceContents

from chat_memory.errors import AddressError, OpenDoorError
from chat_memory.server.http import listen, serve_http
from chat_memory.server.resources import uri_of
from chat_memory.settings import Settings
from tests.posts import ACCEPT, HANDSHAKE, error_of, open_session, post, result_of
from tests.server.test_stdio import BAD
from tests.sessions import ERAS, Served, Told, ask, connect, connect_http, refused, start_http, text_of

SAID = [{"role": "user", "content": "My name is Ada and my budget is 500 euros."}]
LONG = 60
"""Seconds a call waits for a fold nobody makes: the longest there is."""


@pytest.fixture
async def served(environment: dict[str, str]) -> AsyncGenerator[Served]:
    """A server process."""
    async with start_http(environment) as started:
        yield started


@pytest.fixture
async def idle(environment: dict[str, str]) -> AsyncGenerator[Served]:
    """A server process that does not fold: waits for a fold last."""
    async with start_http(environment | {"CHAT_MEMORY_WORKER": "false"}) as started:
        yield started


@pytest.fixture(params=list(ERAS))
async def client(request: pytest.FixtureRequest, served: Served) -> AsyncGenerator[Client]:
    """The official client, in each era."""
    async with connect_http(request.param, served.url) as connected:
        yield connected


@pytest.mark.parametrize("era", list(ERAS))
async def test_the_tools_are_those_of_stdio(served: Served, environment: dict[str, str], era: str) -> None:
    async with connect_http(era, served.url) as over_http, connect(era, environment) as over_stdio:
        assert (await over_http.list_tools()).tools == (await over_stdio.list_tools()).tools
        assert over_http.instructions == over_stdio.instructions


async def test_a_chat_is_remembered(client: Client) -> None:
    """The main job: said, folded, read with its evidence, forgotten."""
    receipt = await ask(client, "update_memory", chat_id="a/b", messages=SAID, wait_seconds=60)
    assert (receipt["status"], receipt["seq"]) == ("complete", 1)
    facts = (await ask(client, "get_memory", chat_id="a/b", detail="evidence"))["user_confirmed"]
    assert all(fact["seq"] == 1 and fact["quote"] in SAID[0]["content"] for fact in facts.values())
    assert facts
    assert (await ask(client, "summarize", chat_id="a/b"))["folded"] == 0
    assert (await ask(client, "get_history", chat_id="a/b"))["turns"][0]["content"] == SAID[0]["content"]
    contents = (await client.read_resource(uri_of("a/b"))).contents[0]
    assert isinstance(contents, TextResourceContents)
    assert json.loads(contents.text)["covers_seq"] == 1
    assert "a/b" in (await client.get_prompt("use_memory", {"chat_id": "a/b"})).model_dump_json()
    assert (await ask(client, "forget", chat_id="a/b"))["deleted"]["turns"] == 1
    assert (await ask(client, "get_memory", chat_id="a/b"))["version"] == 0


async def test_bad_arguments_are_refused_in_words(client: Client) -> None:
    for arguments, words in BAD:
        assert words in await refused(client, "update_memory", chat_id="a", **arguments)
    with pytest.raises(MCPError, match="Tools: get_memory, update_memory") as raised:
        await client.call_tool("remember", {})
    assert raised.value.code == INVALID_PARAMS


async def test_stdio_and_http_on_one_machine_share_chats(client: Client, environment: dict[str, str]) -> None:
    """With another owner in identify_process a chat begun in one client would be lost to the other."""
    async with connect("2026-07-28", environment) as over_stdio:
        await ask(over_stdio, "update_memory", chat_id="a", messages=SAID)
        assert (await ask(client, "get_history", chat_id="a"))["turns"][0]["content"] == SAID[0]["content"]


@pytest.mark.parametrize("era", list(ERAS))
@pytest.mark.parametrize("transport", ["stdio", "http"])
async def test_a_caller_that_waits_hears_how_far_it_is(environment: dict[str, str], era: str, transport: str) -> None:
    """Without report_progress, or progress.tell in either tool, a long call would be silent."""
    heard = Told()
    told = environment | {"CHAT_MEMORY_WORKER": "false"}
    async with start_http(told) as idle:
        connection = connect_http(era, idle.url) if transport == "http" else connect(era, told)
        async with connection as client:
            arguments = {"chat_id": "a", "messages": SAID, "wait_seconds": 0.2}
            await client.call_tool("update_memory", arguments, progress_callback=heard.take)
            assert heard.news == [(0, 1, "0 of 1 turns folded")]
            await client.call_tool("summarize", {"chat_id": "a"}, progress_callback=heard.take)
            assert heard.news == [(0, 1, "0 of 1 turns folded")] * 2


@pytest.mark.parametrize("era", list(ERAS))
async def test_a_client_that_gives_up_cancels_the_wait_and_not_the_write(idle: Served, era: str) -> None:
    """2026-07-28 cancels by hanging up, 2025-11-25 by a message; without json_response=False nobody could hang up."""
    async with connect_http(era, idle.url) as client:
        async with anyio.create_task_group() as group:
            heard = Told()

            async def wait() -> None:
                arguments = {"chat_id": "a", "messages": SAID, "wait_seconds": LONG}
                await client.call_tool("update_memory", arguments, progress_callback=heard.take)

            group.start_soon(wait)
            await heard.begun()
            group.cancel_scope.cancel()
        assert "tool=update_memory" in await idle.logged("tool_cancelled")
        assert len((await ask(client, "get_history", chat_id="a"))["turns"]) == 1


async def test_a_signal_lets_running_calls_finish_and_nobody_new_in(idle: Served) -> None:
    """Without the wait in Listener.shutdown the call would be cut; without stop() the process would die of it."""
    receipts: list[str] = []
    heard = Told()
    async with connect_http("2026-07-28", idle.url) as client, anyio.create_task_group() as group:
        await client.list_tools()  # else the client would ask for them after the call, and find nobody

        async def wait() -> None:
            arguments = {"chat_id": "a", "messages": SAID, "wait_seconds": 2}
            result = await client.call_tool("update_memory", arguments, progress_callback=heard.take)
            receipts.append(text_of(result))

        group.start_soon(wait)
        await heard.begun()
        idle.process.send_signal(signal.SIGTERM)
        with anyio.fail_after(60):
            await until_nobody_answers(idle.url)
            await idle.process.wait()
    assert [json.loads(receipt)["status"] for receipt in receipts] == ["pending_summarization"]


async def until_nobody_answers(url: str) -> None:
    """Knock until the door stays closed."""
    with suppress(httpx2.TransportError):
        while True:
            async with httpx2.AsyncClient() as http:
                await http.get(url)


@pytest.mark.parametrize(("seconds", "signals"), [("0", [signal.SIGTERM]), ("3600", [signal.SIGINT, signal.SIGTERM])])
async def test_the_end_is_bounded_and_a_second_signal_is_at_once(
    environment: dict[str, str], seconds: str, signals: list[signal.Signals]
) -> None:
    """Without timeout_graceful_shutdown, or the second answer to signals, a waiting call would hold the process."""
    told = environment | {"CHAT_MEMORY_WORKER": "false", "CHAT_MEMORY_SHUTDOWN_SECONDS": seconds}
    async with start_http(told) as served, anyio.create_task_group() as group:

        async def wait(era: str, heard: Told) -> None:
            arguments = {"chat_id": "a", "messages": SAID, "wait_seconds": LONG}
            with pytest.raises((MCPError, ExceptionGroup)):
                async with connect_http(era, served.url) as client:
                    await client.call_tool("update_memory", arguments, progress_callback=heard.take)

        for era in ERAS:
            heard = Told()
            group.start_soon(wait, era, heard)
            await heard.begun()
        with anyio.fail_after(30):
            for number in signals:
                served.process.send_signal(number)
                if number is not signals[-1]:
                    await until_nobody_answers(served.url)
            assert await served.process.wait() == 0


async def test_streams_that_wait_for_news_do_not_hold_up_the_end(environment: dict[str, str]) -> None:
    """Without end_streams in shutdown the process would wait for streams that never end by themselves."""
    async with (
        start_http(environment | {"CHAT_MEMORY_SHUTDOWN_SECONDS": "3600"}) as served,
        connect_http("2026-07-28", served.url) as modern,
        modern.listen(resource_subscriptions=[uri_of("a")]) as news,
        httpx2.AsyncClient(timeout=60) as http,
    ):
        session = await open_session(http, served.url)
        async with http.stream("GET", served.url, headers=session) as stream:
            assert stream.status_code == 200
            served.process.send_signal(signal.SIGTERM)
            with anyio.fail_after(30):
                assert [event async for event in news] == []
                await stream.aread()
                assert await served.process.wait() == 0


async def test_a_call_of_a_session_that_is_gone_is_answered(served: Served) -> None:
    """After a restart, or at another replica. Without _stateless calls would fail until the client is restarted."""
    stale = {**HANDSHAKE, "Mcp-Session-Id": "0" * 32}
    read = {"name": "get_memory", "arguments": {"chat_id": "a"}}
    async with httpx2.AsyncClient(timeout=60) as http:
        for headers in (stale, HANDSHAKE, ACCEPT):
            answer = await post(http, served.url, headers, "tools/call", read)
            assert answer.status_code == 200
            assert not result_of(answer)["isError"]
        for method in ("GET", "DELETE"):
            assert (await http.request(method, served.url, headers=stale)).status_code == 404
            assert (await http.request(method, served.url, headers=ACCEPT)).status_code == 405


async def test_a_subscription_needs_a_session_and_says_so(served: Served) -> None:
    """Without TIED it would be promised, and nothing would ever come."""
    watch: dict[str, object] = {"uri": uri_of("a")}
    async with httpx2.AsyncClient(timeout=60) as http:
        stale = {**ACCEPT, "Mcp-Session-Id": "0" * 32}
        assert (await post(http, served.url, stale, "resources/subscribe", watch)).status_code == 404
        answer = await post(http, served.url, ACCEPT, "resources/subscribe", watch)
        assert answer.status_code == 400
        assert "send initialize first" in error_of(answer)
        session = await open_session(http, served.url)
        assert result_of(await post(http, served.url, session, "resources/subscribe", watch)) == {}


async def test_nothing_is_open_to_others_by_mistake() -> None:
    nowhere = "postgresql://nobody@127.0.0.1:1/none"
    with pytest.raises(OpenDoorError), anyio.fail_after(60):
        await serve_http(Settings(host="", port=0, database_url=nowhere))


def test_an_address_is_shown_as_it_is_reached() -> None:
    with listen("localhost", 0) as (_, url):
        assert url.startswith("http://localhost:")
    with listen("::1", 0) as (_, url):
        assert url.startswith("http://[::1]:")
    with pytest.raises(AddressError, match=r"192\.0\.2\.1:0: "), listen("192.0.2.1", 0):
        pass


async def test_hanging_up_without_a_session_cancels_too(idle: Served) -> None:
    """Nobody could take the answer any more; the write stands all the same."""
    call = {"name": "update_memory", "arguments": {"chat_id": "a", "messages": SAID, "wait_seconds": LONG}}
    params = {**call, "_meta": {"progressToken": 1}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    async with httpx2.AsyncClient(timeout=60) as http:
        async with http.stream("POST", idle.url, headers=HANDSHAKE, json=message) as stream:
            async for line in stream.aiter_lines():
                if "notifications/progress" in line:
                    break
        assert "tool=update_memory" in await idle.logged("tool_cancelled")
        read = {"name": "get_history", "arguments": {"chat_id": "a"}}
        history = result_of(await post(http, idle.url, HANDSHAKE, "tools/call", read))
        assert len(history["structuredContent"]["turns"]) == 1


def test_answers_are_not_held_back() -> None:
    """Without IPPROTO_TCP in listen() asyncio leaves Nagle's algorithm on, and every JSON answer waits 40 ms."""
    with listen("127.0.0.1", 0) as (listening, _):
        assert listening.proto == socket.IPPROTO_TCP


@pytest.mark.needs_bench
@pytest.mark.skipif(sys.platform != "linux", reason="looks at what a process has loaded")
async def test_a_server_runs_on_uvloop_where_it_is_installed(served: Served) -> None:
    """Without loop_options in `serve` the extra `fast` is installed for nothing. All of this file is run on it too."""
    loaded = await anyio.Path(f"/proc/{served.process.pid}/maps").read_text()
    assert "uvloop" in loaded

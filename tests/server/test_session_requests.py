"""Requests in one session of the 2025 era: none takes another's answer, none is lost, and no stream holds them up."""

from http import HTTPStatus

import anyio
import httpx2
import pytest
from mcp_types import INVALID_REQUEST, PARSE_ERROR
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chat_memory.server.access import identify_process
from chat_memory.server.app import App
from chat_memory.server.doors import Doors
from chat_memory.server.mcp import MemoryServer
from chat_memory.server.resources import WATCHES, uri_of
from chat_memory.server.sessions import Exchange
from tests.posts import HANDSHAKE, error_of, open_session, post, result_of
from tests.server.test_sessions import URL, exchanging
from tests.sessions import never_folding, serving_http


async def test_an_id_is_one_requests_until_it_is_answered(database_url: str) -> None:
    """Without _holding in Exchange one of two would get the other's answer, and the other would wait for ever."""
    settings = never_folding(database_url)
    app = App(settings)
    exchange = Exchange(MemoryServer(app, identify_process))
    read = {"name": "get_memory", "arguments": {"chat_id": "a"}}
    asked: dict[str, object] = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": read}
    statuses: list[int] = []
    async with exchange.run(), httpx2.AsyncClient(transport=httpx2.ASGITransport(Doors(exchange, settings))) as http:
        session = await open_session(http, URL)

        async def call(request_id: int | str) -> None:
            answer = await http.post(URL, headers=session, json={**asked, "id": request_id})
            statuses.append(answer.status_code)
            if answer.status_code == HTTPStatus.OK:
                return
            assert answer.json()["error"]["code"] == INVALID_REQUEST
            assert "under an id of its own" in error_of(answer)
            if statuses == [HTTPStatus.BAD_REQUEST] * 2:
                group.start_soon(app.run)  # only now: until here the first call waits for its database

        with anyio.fail_after(60):
            async with anyio.create_task_group() as group:
                for request_id in (7, 7, "7"):
                    group.start_soon(call, request_id)
                while len(statuses) < 3:  # noqa: ASYNC110 - three calls, each its own task
                    await anyio.sleep(0.01)
                await call(7)
                group.cancel_scope.cancel()
    assert statuses == [HTTPStatus.BAD_REQUEST] * 2 + [HTTPStatus.OK] * 2


async def test_an_id_may_come_again_as_soon_as_it_is_answered(database_url: str) -> None:
    """Without `answered` in Held a client that is quicker than the end of our own work would be refused."""
    settings = never_folding(database_url)
    exchange = Exchange(MemoryServer(App(settings), identify_process))
    doors = Doors(exchange, settings)
    statuses: list[int] = []
    async with (
        exchange.run(),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(doors)) as http,
        anyio.create_task_group() as group,
    ):
        session = await open_session(http, URL)

        async def again() -> None:
            statuses.append((await post(http, URL, session, "ping", {})).status_code)

        async def hasty(scope: Scope, receive: Receive, send: Send) -> None:
            async def send_and_ask_again(message: Message) -> None:
                await send(message)
                if message["type"] == "http.response.body" and not message.get("more_body", False):
                    group.start_soon(again)
                    await anyio.wait_all_tasks_blocked()

            await doors(scope, receive, send_and_ask_again)

        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(hasty)) as first:
            with anyio.fail_after(60):
                assert (await post(first, URL, session, "ping", {})).status_code == HTTPStatus.OK
                while not statuses:  # noqa: ASYNC110 - another task's answer
                    await anyio.sleep(0.01)
    assert statuses == [HTTPStatus.OK]


async def test_a_session_ends_when_it_took_what_it_said_yes_to(
    database_url: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Without _deliver_all in Exchange the SDK would fail to hand a notification over, and answer it a second time."""
    settings = never_folding(database_url)
    exchange = Exchange(MemoryServer(App(settings), identify_process))
    doors = Doors(exchange, settings)
    ends: list[int] = []
    async with (
        exchange.run(),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(doors)) as http,
        anyio.create_task_group() as group,
    ):
        session = await open_session(http, URL)

        async def end() -> None:
            ends.append((await http.delete(URL, headers=session)).status_code)

        async def hasty(scope: Scope, receive: Receive, send: Send) -> None:
            async def send_and_end(message: Message) -> None:
                await send(message)
                if message["type"] == "http.response.body":
                    group.start_soon(end)
                    await anyio.wait_all_tasks_blocked()

            await doors(scope, receive, send_and_end)

        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(hasty)) as client:
            begun = {"jsonrpc": "2.0", "method": "notifications/initialized"}
            with anyio.fail_after(60):
                assert (await client.post(URL, headers=session, json=begun)).status_code == HTTPStatus.ACCEPTED
    assert ends == [HTTPStatus.OK]
    assert "request_failed" not in "".join(capfd.readouterr())
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.parametrize("wrong", ["null", "1.5", "1.0", "true", "{}", "[1]", "1e999"])
async def test_a_request_with_an_id_that_is_none_is_refused(database_url: str, wrong: str) -> None:
    """Without WrongIdError in id_of it would be taken for a notification: 202, and nothing happens."""
    async with exchanging(database_url, 1) as (_, http):
        for headers in (await open_session(http, URL), HANDSHAKE):
            body = f'{{"jsonrpc":"2.0","id":{wrong},"method":"ping"}}'
            answer = await http.post(URL, headers=headers, content=body)
            assert answer.status_code == 400
            assert answer.json()["error"]["code"] in {INVALID_REQUEST, PARSE_ERROR}


async def test_a_stream_that_wants_a_replay_is_opened_without(database_url: str) -> None:
    """With Last-Event-ID handed on in Exchange the SDK, which keeps no events, would not answer at all."""
    async with serving_http(never_folding(database_url)) as url, httpx2.AsyncClient(timeout=60) as http:
        headers = {**await open_session(http, url), "Last-Event-ID": "1"}
        async with http.stream("GET", url, headers=headers) as stream:
            assert stream.status_code == 200
            assert stream.headers["content-type"].startswith("text/event-stream")


class Unread:
    """A client that opens its session's stream and never reads from it."""

    def __init__(self) -> None:
        self.opened = anyio.Event()
        self._sent: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def open(self, app: ASGIApp, session: dict[str, str]) -> None:
        """Open the stream, and stay."""
        kept = {name: value for name, value in {**session, "Host": "localhost"}.items() if name != "Content-Type"}
        headers = [(name.lower().encode(), value.encode()) for name, value in kept.items()]
        scope: Scope = {"type": "http", "method": "GET", "path": "/mcp", "query_string": b"", "headers": headers}
        await app(scope, self.receive, self.send)

    async def receive(self) -> Message:
        """Say nothing after the request."""
        if not self._sent:
            await anyio.sleep_forever()
        return self._sent.pop()

    async def send(self, message: Message) -> None:
        """Take the head of the answer only."""
        self.opened.set()
        if message["type"] == "http.response.body":
            await anyio.sleep_forever()


async def test_a_stream_nobody_reads_holds_up_no_call_for_long(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without give_up in deliver_in_time every call of that session would wait for ever behind its news."""
    settings = never_folding(database_url)
    app = App(settings)
    memory = MemoryServer(app, identify_process)
    exchange, unread = Exchange(memory), Unread()
    doors = Doors(exchange, settings)
    http = httpx2.AsyncClient(transport=httpx2.ASGITransport(doors))
    async with anyio.create_task_group() as group, exchange.run(), http:
        group.start_soon(app.run)
        group.start_soon(memory.watchers.run)
        session = await open_session(http, URL)
        for number in range(WATCHES):
            await post(http, URL, session, "resources/subscribe", {"uri": uri_of(str(number))})
        group.start_soon(unread.open, doors, session)
        with anyio.fail_after(60):
            await unread.opened.wait()
            while "subscriber_lost" not in "".join(capsys.readouterr()):
                memory.watchers.remind(session["Mcp-Session-Id"])
                assert result_of(await post(http, URL, session, "ping", {})) == {}
        assert len(memory.watchers) == WATCHES
        group.cancel_scope.cancel()

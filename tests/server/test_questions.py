"""Questions to the user over real stdio, in both eras: what they do with it reaches the tool, and nothing else does."""

import json
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client import ClientRequestContext
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import ElicitRequestFormParams, ElicitRequestParams, ElicitResult

from chat_memory.storage.database import Database
from tests.server.asking_server import ANOTHER, ASKING
from tests.sessions import ERAS, MODERN, RawServer, ask, never_folding, serving_http, start_raw

QUESTION = "Is your name Ada?"
PROGRAM = str(Path(__file__).parent / "asking_server.py")
ASKABLE: dict[str, object] = {**MODERN, "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}}}
YES: dict[str, object] = {"action": "accept", "content": {"answer": True}}
Json = dict[str, Any]
NOTHING: Json = {}
ANSWERS = [
    (ElicitResult(action="accept", content={"answer": True}), "yes"),
    (ElicitResult(action="accept", content={"answer": False}), "no"),
    (ElicitResult(action="decline"), "declined"),
    (ElicitResult(action="cancel"), "cancelled"),
    (ElicitResult(action="accept", content={"answer": "yes"}), "cancelled"),
    (ElicitResult(action="accept", content={}), "cancelled"),
    (ElicitResult(action="accept"), "cancelled"),
]


class User:
    """Answers every question alike, and remembers what was asked."""

    def __init__(self, answer: ElicitResult | None) -> None:
        self.answer = answer
        self.asked: list[str] = []

    async def __call__(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        assert context.session is not None
        assert isinstance(params, ElicitRequestFormParams)
        self.asked.append(params.message)
        if self.answer is None:
            await anyio.sleep_forever()
        assert self.answer is not None
        return self.answer


def command(environment: dict[str, str], owner: str = "alice") -> list[str]:
    return [sys.executable, PROGRAM, environment["CHAT_MEMORY_DATABASE_URL"], owner]


@asynccontextmanager
async def connect(era: str, environment: dict[str, str], user: User | None) -> AsyncGenerator[Client]:
    """The official client, with a user behind it or none."""
    program = command(environment)
    parameters = StdioServerParameters(command=program[0], args=program[1:], env=environment)
    async with Client(stdio_client(parameters), mode=ERAS[era], elicitation_callback=user) as client:
        assert client.protocol_version == era
        yield client


@pytest.mark.parametrize("era", ERAS)
async def test_what_the_user_does_reaches_the_tool(environment: dict[str, str], era: str) -> None:
    """A branch of read_answer removed fails here; anything but a ticked box must not be a yes."""
    user = User(None)
    async with connect(era, environment, user) as client:
        for number, (result, expected) in enumerate(ANSWERS):
            user.answer = result
            question = f"{QUESTION} ({number})"
            assert (await ask(client, "ask_user", question=question))["answers"] == [expected]
    assert user.asked == [f"{QUESTION} ({number})" for number in range(len(ANSWERS))]


@pytest.mark.parametrize("era", ERAS)
async def test_one_call_may_ask_twice(environment: dict[str, str], era: str) -> None:
    """Without State.answers the 2026 era would ask the first question again for ever."""
    user = User(ANSWERS[0][0])
    async with connect(era, environment, user) as client:
        answered = await ask(client, "ask_user", question=QUESTION, twice_within=60)
    assert answered["answers"] == ["yes", "yes"]
    assert user.asked == [QUESTION, ANOTHER]


@pytest.mark.parametrize("era", ERAS)
async def test_a_client_without_a_user_is_not_asked(environment: dict[str, str], era: str) -> None:
    """Without can_ask the 2025 era would wait, and the 2026 era be sent what its client does not know."""
    async with connect(era, environment, None) as client:
        assert (await ask(client, "ask_user", question=QUESTION))["answers"] == ["unsupported"]


async def test_a_user_who_does_not_answer_is_not_waited_for_in_2025(environment: dict[str, str]) -> None:
    """Without move_on_after in ask_at_once the call would hang as long as the user."""
    async with connect("2025-11-25", environment, User(None)) as client:
        with anyio.fail_after(60):
            assert (await ask(client, "ask_user", question=QUESTION, seconds=0.05))["answers"] == ["timed_out"]


async def test_a_client_whose_form_breaks_cannot_ask(environment: dict[str, str]) -> None:
    """Without the except MCPError in ask_at_once the tool would fail instead of being told."""
    async with start_raw(environment, command(environment)) as raw:
        await initialize(raw)
        await raw.send_json(id=1, method="tools/call", params={"name": "ask_user", "arguments": {"question": QUESTION}})
        asked = await raw.receive()
        assert asked["method"] == "elicitation/create"
        await raw.send_json(id=asked["id"], error={"code": -32603, "message": "no window"})
        assert (await raw.receive())["result"]["structuredContent"]["answers"] == ["unsupported"]


async def initialize(raw: RawServer) -> None:
    """Shake hands as a client that shows forms."""
    client = {"name": "raw", "version": "0"}
    capabilities: Json = {"elicitation": {}}
    parameters: Json = {"protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": client}
    await raw.send_json(id=0, method="initialize", params=parameters)
    await raw.receive()
    await raw.send_json(method="notifications/initialized")


async def call(
    raw: RawServer,
    more: Json = NOTHING,
    tool: str = "ask_user",
    seconds: float = 60,
    twice_within: float = -1,
) -> Json:
    """Call the asking tool in the 2026 era."""
    arguments: Json = {"question": QUESTION, "seconds": seconds, "twice_within": twice_within}
    parameters: Json = {"name": tool, "arguments": arguments, "_meta": ASKABLE, **more}
    await raw.send_json(id=1, method="tools/call", params=parameters)
    return await raw.receive()


def reply(name: str, state: str) -> Json:
    """Say yes."""
    return {"inputResponses": {name: YES}, "requestState": state}


async def begin(raw: RawServer, seconds: float = 60, twice_within: float = -1) -> tuple[str, str]:
    """Let the tool ask, and return the question's name and the state."""
    result = (await call(raw, NOTHING, "ask_user", seconds, twice_within))["result"]
    assert result["resultType"] == "input_required"
    ((name, question),) = result["inputRequests"].items()
    assert question["method"] == "elicitation/create"
    assert question["params"]["message"] == QUESTION
    assert question["params"]["requestedSchema"]["required"] == ["answer"]
    return name, result["requestState"]


async def test_another_process_understands_the_answer(environment: dict[str, str]) -> None:
    """Without sealing_keys a replica, or the server after a restart, would refuse what the user said."""
    async with start_raw(environment, command(environment)) as raw:
        name, state = await begin(raw)
    async with start_raw(environment, command(environment)) as another:
        answer = await call(another, reply(name, state))
    assert answer["result"]["structuredContent"]["answers"] == ["yes"]


async def test_an_answer_that_comes_too_late_is_none(environment: dict[str, str]) -> None:
    """Without `until` in State a yes could be kept, and played weeks later."""
    async with start_raw(environment, command(environment)) as raw:
        name, state = await begin(raw, seconds=0)
        answer = await call(raw, reply(name, state), seconds=0)
    assert answer["result"]["structuredContent"]["answers"] == ["timed_out"]


async def test_an_earlier_answer_is_not_kept_for_ever(environment: dict[str, str]) -> None:
    """With `answers` looked at before `until` the state of a second question would hold the first yes for ever."""
    async with start_raw(environment, command(environment)) as raw:
        name, state = await begin(raw, twice_within=0)
        asked = (await call(raw, reply(name, state), twice_within=0))["result"]
        assert asked["resultType"] == "input_required"
        (another,) = asked["inputRequests"]
        late = await call(raw, reply(another, asked["requestState"]), twice_within=0)
    assert late["result"]["structuredContent"]["answers"] == ["timed_out", "timed_out"]


async def test_an_answer_without_its_question_is_asked_for(environment: dict[str, str]) -> None:
    """Without the state a client's yes answers nothing; without the yes, the state does not either."""
    async with start_raw(environment, command(environment)) as raw:
        name, state = await begin(raw)
        for more in ({"inputResponses": {name: YES}}, {"requestState": state}, reply("another", state)):
            assert (await call(raw, more))["result"]["resultType"] == "input_required"


async def test_a_state_answers_for_its_own_call_only(environment: dict[str, str], db: Database) -> None:
    """Without the owner, the tool or the arguments in _name_call, or without the seal, a yes could be moved."""
    async with start_raw(environment, command(environment)) as raw:
        name, state = await begin(raw)
        assert name not in state
        yes = reply(name, state)
        answers = [await call(raw, yes, seconds=61), await call(raw, yes, "ask_again")]
        answers += [await call(raw, reply(name, bad)) for bad in ("", "x", state[:-1], f"{state}A")]
        async with start_raw(environment, command(environment, "mallory")) as mallory:
            answers.append(await call(mallory, yes))
        async with db.session() as session:
            await session.connection.execute("delete from chat_memory.sealing_keys")
        answers.append(await call(raw, yes))
    assert answers[0]["error"]["code"] == -32602
    assert answers == [answers[0]] * 8


@pytest.mark.parametrize("era", ERAS)
async def test_a_user_is_asked_over_http_too(database_url: str, era: str) -> None:
    """The handlers know no transport."""
    user = User(ANSWERS[0][0])
    async with (
        serving_http(never_folding(database_url), catalogue=ASKING) as url,
        Client(streamable_http_client(url), mode=ERAS[era], elicitation_callback=user) as client,
    ):
        with anyio.fail_after(60):
            assert (await ask(client, "ask_user", question=QUESTION))["answers"] == ["yes"]


async def test_the_question_comes_on_the_stream_of_its_call(database_url: str) -> None:
    """Without the request's id in ask_at_once it would wait for a stream of its own, which not every client opens."""
    capabilities: Json = {"elicitation": {}}
    client: Json = {"name": "raw", "version": "0"}
    hello: Json = {"protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": client}
    wanted: Json = {"name": "ask_user", "arguments": {"question": QUESTION}}
    headers = {"Accept": "application/json, text/event-stream", "Mcp-Protocol-Version": "2025-11-25"}
    async with (
        serving_http(never_folding(database_url), catalogue=ASKING) as url,
        httpx2.AsyncClient(headers=headers) as http,
    ):
        greeted = await http.post(url, json={"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello})
        http.headers["Mcp-Session-Id"] = greeted.headers["Mcp-Session-Id"]
        await http.post(url, json={"jsonrpc": "2.0", "method": "notifications/initialized"})
        called: Json = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": wanted}
        with anyio.fail_after(60):
            async with http.stream("POST", url, json=called) as stream:
                lines = stream.aiter_lines()
                asked = await next_event(lines)
                assert asked["method"] == "elicitation/create"
                await http.post(url, json={"jsonrpc": "2.0", "id": asked["id"], "result": YES})
                answer = await next_event(lines)
    assert answer["result"]["structuredContent"]["answers"] == ["yes"]


async def next_event(lines: AsyncIterator[str]) -> Json:
    """Read the next message of an event stream."""
    async for line in lines:
        if line.startswith("data: {"):
            message: Json = json.loads(line.removeprefix("data: "))
            return message
    raise AssertionError

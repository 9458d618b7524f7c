"""Verdicts over MCP: the client's user is asked in both eras, and a yes is for the words it was given to."""

from typing import Any

import pytest
from mcp import Client
from mcp_types import ElicitResult

from tests.server.test_questions import ANSWERS, ASKABLE, YES, User, command, connect
from tests.sessions import ERAS, RawServer, ask, refused, start_raw

CHAT = "a"


async def guess(client: Client) -> str:
    """Have the memory guess, and name the guess."""
    said = [{"role": "assistant", "content": "I assume you travel by train to Porto."}]
    await ask(client, "update_memory", chat_id=CHAT, messages=said)
    await ask(client, "summarize", chat_id=CHAT)
    memory = await ask(client, "get_memory", chat_id=CHAT, detail="evidence")
    (fact,) = memory["llm_inferred"].values()
    return str(fact["id"])


@pytest.mark.parametrize("era", ERAS)
async def test_the_user_is_asked_and_yes_confirms(environment: dict[str, str], era: str) -> None:
    user = User(ANSWERS[0][0])
    async with connect(era, environment, user) as client:
        fact_id = await guess(client)
        reply = await ask(client, "revise_memory", chat_id=CHAT, confirm=[{"id": fact_id}])
        memory = await ask(client, "get_memory", chat_id=CHAT, detail="evidence")
    assert reply["done"] == [f"confirmed {fact_id}"]
    ((key, fact),) = memory["user_confirmed"].items()
    assert (fact["id"], fact["basis"], fact["quote"]) == (fact_id, "operator", "")
    assert memory["llm_inferred"] == {}
    (question,) = user.asked
    assert question.split("\n")[1] == f"1. “{key}” is “{fact['value']}”"


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (ElicitResult(action="accept", content={"answer": False}), "the user said no. Leave it as it is"),
        (ElicitResult(action="decline"), "the user did not want to be asked. Leave it as it is"),
        (ElicitResult(action="cancel"), "the user closed the question. Name the user turn"),
    ],
)
async def test_anything_else_confirms_nothing(
    environment: dict[str, str], era: str, answer: ElicitResult, told: str
) -> None:
    async with connect(era, environment, User(answer)) as client:
        fact_id = await guess(client)
        assert told in await refused(client, "revise_memory", chat_id=CHAT, confirm=[{"id": fact_id}])
        memory = await ask(client, "get_memory", chat_id=CHAT)
    assert (memory["version"], memory["user_confirmed"]) == (1, {})


@pytest.mark.parametrize("era", ERAS)
async def test_a_client_without_a_user_is_told_what_proves_a_fact(environment: dict[str, str], era: str) -> None:
    async with connect(era, environment, None) as client:
        fact_id = await guess(client)
        told = await refused(client, "revise_memory", chat_id=CHAT, confirm=[{"id": fact_id}])
        assert told == (
            "Nothing was written: this client cannot ask its user. Name the user turn (seq) and its whole sentence"
            " (quote) that says so, or call again when the user is there."
        )
        said = [{"role": "user", "content": "My name is Ada."}]
        await ask(client, "update_memory", chat_id=CHAT, messages=said)
        await ask(client, "summarize", chat_id=CHAT)
        quoted = {"id": "f2.1", "value": "Ida", "seq": 2, "quote": "My name is Ida."}
        told = await refused(client, "revise_memory", chat_id=CHAT, correct=[quoted])
        assert told.startswith("f2.1 is not corrected: the quote is not in turn 2. Nothing was written: ")
        assert (await ask(client, "revise_memory", chat_id=CHAT, reject=["f2.1"]))["user_confirmed"] == {}


async def call(raw: RawServer, tool: str, arguments: dict[str, Any], **more: object) -> dict[str, Any]:
    """Call a tool in the 2026 era, as a client that can ask its user."""
    parameters = {"name": tool, "arguments": arguments, "_meta": ASKABLE, **more}
    await raw.send_json(id=1, method="tools/call", params=parameters)
    result: dict[str, Any] = (await raw.receive())["result"]
    return result


async def test_a_yes_is_for_the_words_it_was_given_to(environment: dict[str, str]) -> None:
    """Were the question named by its call alone, a yes could confirm what came in the meantime."""
    wanted: dict[str, Any] = {"chat_id": CHAT, "confirm": [{"id": "f1.1"}, {"id": "f1.2"}]}
    said = [
        {"role": "assistant", "content": "I assume you travel by train to Porto."},
        {"role": "assistant", "content": "I guess your budget is 900 euros."},
    ]
    async with start_raw(environment, command(environment)) as raw:
        await call(raw, "update_memory", {"chat_id": CHAT, "messages": said})
        await call(raw, "summarize", {"chat_id": CHAT})
        asked = await call(raw, "revise_memory", wanted)
        (name,) = asked["inputRequests"]
        one = {"chat_id": CHAT, "confirm": [{"id": "f1.1"}]}
        alone = await call(raw, "revise_memory", one)
        (other,) = alone["inputRequests"]
        yes = {"inputResponses": {other: YES}, "requestState": alone["requestState"]}
        assert (await call(raw, "revise_memory", one, **yes))["structuredContent"]["done"] == ["confirmed f1.1"]
        late = await call(raw, "revise_memory", wanted, inputResponses={name: YES}, requestState=asked["requestState"])
    ((newer, question),) = late["inputRequests"].items()
    assert newer != name
    assert "900" in question["params"]["message"]
    assert "Porto" not in question["params"]["message"]

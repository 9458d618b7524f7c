"""A server with a key: Claude folds, over real stdio, and everybody is told that it does."""

from collections.abc import Iterator

import pytest

from tests.messages_server import MessagesServer, messages_server, status
from tests.sessions import ERAS, ask, connect

KEY = "test-key"


@pytest.fixture
def provider() -> Iterator[MessagesServer]:
    """The model's provider."""
    with messages_server(KEY) as server:
        yield server
    assert server.refused == []


def with_key(environment: dict[str, str], provider: MessagesServer) -> dict[str, str]:
    return environment | {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": provider.url}


async def tell(client: object, *texts: str) -> None:
    messages = [{"role": "user", "content": text} for text in texts]
    receipt = await ask(client, "update_memory", chat_id="trip", messages=messages, wait_seconds=60)  # type: ignore[arg-type]
    assert receipt["status"] == "complete"


@pytest.mark.parametrize("era", ERAS)
async def test_a_conversation_becomes_memory_and_a_correction_supersedes(
    era: str, environment: dict[str, str], provider: MessagesServer
) -> None:
    """From a client's call to the model and back, in both eras."""
    async with connect(era, with_key(environment, provider)) as client:
        await tell(client, "My budget is 500 euros.", "My city is Rome.")
        await tell(client, "Actually, my budget is 600 euros.")
        memory = await ask(client, "get_memory", chat_id="trip", detail="evidence")
    facts = {key: (fact["value"], fact["seq"]) for key, fact in memory["user_confirmed"].items()}
    assert facts == {"budget": ("600 euros", 3), "city": ("Rome", 2)}
    assert memory["user_confirmed"]["budget"]["quote"] == "Actually, my budget is 600 euros."
    assert memory["degraded"] is False
    assert [[turn.seq for turn in asked.turns] for asked in provider.asked] == [[1, 2], [3]]
    assert provider.asked[1].facts["budget"][1] == "500 euros"


@pytest.mark.parametrize("era", ERAS)
async def test_a_client_is_told_which_model_gets_the_text(
    era: str, environment: dict[str, str], provider: MessagesServer
) -> None:
    """Before anything is written: in the instructions every client reads."""
    async with connect(era, with_key(environment, provider)) as client:
        assert "by the model claude-haiku-5-5 at 127.0.0.1" in (client.instructions or "")
    async with connect(era, environment) as client:
        assert "by extraction: no text leaves it" in (client.instructions or "")


async def test_a_refused_key_costs_compression_never_knowledge(
    environment: dict[str, str], provider: MessagesServer
) -> None:
    provider.always = status(401, "authentication_error")
    async with connect("2026-07-28", with_key(environment, provider)) as client:
        await tell(client, "My name is Ann.")
        memory = await ask(client, "get_memory", chat_id="trip")
    assert (memory["user_confirmed"], memory["degraded"]) == ({"name": "Ann"}, True)

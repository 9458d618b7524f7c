"""The tool list: what a model must read of it, and what clients are promised."""

import json
from typing import Any

import pytest

from chat_memory.prompts.tokens import count_tokens
from chat_memory.server.catalogue import CATALOGUE, slim
from tests.sessions import ERAS, connect

CHARACTERS_PER_TOKEN = 4
READ_TOKENS = 1_200
"""What a model reads of the list: name, description and input schema."""
RECEIVED_TOKENS = 2_500
"""The whole list as a client receives it."""


def compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


@pytest.mark.parametrize("era", list(ERAS))
async def test_the_tool_list_stays_within_its_tokens(environment: dict[str, str], era: str) -> None:
    """A description that grows pays here: the field's lists cost 3,000 to 16,000 tokens of every conversation."""
    async with connect(era, environment) as client:
        received = await client.list_tools()
    read = compact(
        [
            {"name": tool.name, "description": tool.description, "input_schema": tool.input_schema}
            for tool in received.tools
        ]
    )
    whole = compact(received.model_dump(by_alias=True, mode="json", exclude_none=True))
    assert len(received.tools) == 6
    assert len(read) / CHARACTERS_PER_TOKEN < READ_TOKENS
    assert len(whole) / CHARACTERS_PER_TOKEN < RECEIVED_TOKENS
    assert count_tokens(read) < READ_TOKENS, "by our own counter too"


@pytest.mark.parametrize("name", list(CATALOGUE))
def test_a_tool_says_what_it_does_and_what_it_may_do(name: str) -> None:
    """Clients decide by the four hints whether to ask the user; every parameter is described or named by itself."""
    shown = CATALOGUE[name].shown
    assert shown.description
    assert shown.title
    assert shown.annotations is not None
    hints = shown.annotations.model_dump(exclude={"title"})
    assert all(isinstance(hint, bool) for hint in hints.values())
    assert len(hints) == 4
    assert all("description" in parameter for parameter in shown.input_schema["properties"].values())
    assert shown.input_schema["additionalProperties"] is False


def test_only_forget_destroys_and_readers_only_read() -> None:
    annotations = {name: entry.shown.annotations for name, entry in CATALOGUE.items()}
    assert [name for name, hints in annotations.items() if hints and hints.destructive_hint] == ["forget"]
    readers = [name for name, hints in annotations.items() if hints and hints.read_only_hint]
    assert readers == ["get_memory", "get_history"]


@pytest.mark.parametrize("name", list(CATALOGUE))
def test_text_parameters_are_text(name: str) -> None:
    """Trap 10: anything but a plain string invites a client or a library to parse what looks like JSON."""
    for parameter in CATALOGUE[name].shown.input_schema["properties"].values():
        assert parameter["type"] in {"string", "integer", "number", "array"}
        assert "anyOf" not in parameter


def test_a_schema_is_slimmed_not_changed() -> None:
    schema: dict[str, Any] = {
        "title": "Outer",
        "$defs": {
            "Inner": {"title": "Inner", "type": "object", "properties": {"title": {"type": "string", "title": "T"}}}
        },
        "properties": {
            "inner": {"$ref": "#/$defs/Inner"},
            "maybe": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None, "title": "Maybe"},
            "either": {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/Inner"}]},
        },
    }
    inner = {"type": "object", "properties": {"title": {"type": "string"}}}
    assert slim(schema) == {
        "properties": {"inner": inner, "maybe": {"type": "integer"}, "either": {"anyOf": [{"type": "string"}, inner]}}
    }

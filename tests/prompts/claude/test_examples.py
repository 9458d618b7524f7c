"""The words teach what the gate admits: each example, put through the gate, becomes exactly what it shows."""

import re
from datetime import UTC, datetime

import pytest

from chat_memory.models import Delta, Fact, Memory, Turn
from chat_memory.prompts.claude.request import WORDS
from chat_memory.prompts.gate import admit
from tests.messages_server import FACT, SUMMARY, TURN

EXAMPLES = re.findall(r"<example>\n(.*?)\nAnswer:\n(.*?)\n</example>", WORDS, re.DOTALL)
AT = datetime(2026, 1, 1, tzinfo=UTC)


def memory_of(shown: str) -> Memory:
    """Read the memory an example begins with."""
    facts = tuple(
        Fact(
            id=name,
            key=key,
            value=value,
            basis="user_stated",
            source_seq=1,
            quote=f"The {key} is {value}.",
            first_version=1,
            last_version=1,
        )
        for name, _, key, value in FACT.findall(shown)
    )
    summary = SUMMARY.search(shown)
    return Memory(user_confirmed=facts, general_summary=summary[1] if summary else "")


@pytest.mark.parametrize(("shown", "answer"), EXAMPLES)
def test_an_example_is_admitted_as_it_stands(shown: str, answer: str) -> None:
    """A prompt whose own examples the gate demotes would teach a model to fail."""
    turns = {
        int(seq): Turn(int(seq), role, attested=role == "user" and not doubt, content=text, created_at=AT)
        for seq, role, doubt, text in TURN.findall(shown)
    }
    delta = Delta.model_validate_json(answer)
    admitted = admit(memory_of(shown), delta, turns, version=7, memory_tokens=2000)
    assert admitted.change.refused == ()
    stated = {fact.key: fact.value for fact in delta.facts if fact.basis == "user_stated"}
    assert {fact.key: fact.value for fact in admitted.memory.user_confirmed} == stated
    others = {fact.key: fact.value for fact in delta.facts if fact.basis != "user_stated"}
    assert {fact.key: fact.value for fact in admitted.memory.llm_inferred} == others
    assert admitted.memory.general_summary == delta.summary

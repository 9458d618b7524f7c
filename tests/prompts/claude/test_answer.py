"""What an answer must be before the gate looks at it, and what is said of one that is not."""

import json

import pytest

from chat_memory.errors import ModelAnswerError
from chat_memory.models import Delta
from chat_memory.prompts.claude.answer import read_answer, unfence

FACT = {"op": "add", "key": "k", "value": "v", "basis": "user_stated", "quote": "q", "source_seq": 1, "replaces": ""}
EMPTY = '{"facts": [], "summary": null}'


@pytest.mark.parametrize(
    ("stop_reason", "words"),
    [
        ("max_tokens", "it was cut off at the token limit"),
        ("refusal", "the model refused"),
        ("model_context_window_exceeded", "lower CHAT_MEMORY_MODEL_FOLD_BYTES"),
    ],
)
def test_why_a_model_stopped_is_said_even_when_its_text_could_be_read(stop_reason: str, words: str) -> None:
    """Without the look at the stop reason half an answer that happens to parse would be taken for a whole one."""
    with pytest.raises(ModelAnswerError, match=words):
        read_answer("m", stop_reason, EMPTY, 2000)


@pytest.mark.parametrize("stop_reason", ["end_turn", "stop_sequence", None])
def test_a_whole_answer_is_read(stop_reason: str | None) -> None:
    assert read_answer("m", stop_reason, EMPTY, 2000) == Delta()


@pytest.mark.parametrize("text", ["", "the budget is 500", '{"facts": [{"key": "the budget"}]}', '["the budget"]'])
def test_what_is_no_delta_is_named_without_a_word_of_it(text: str) -> None:
    """The error is stored with the chat and logged: it must not quote what was said."""
    with pytest.raises(ModelAnswerError, match="it is no delta") as raised:
        read_answer("m", "end_turn", text, 2000)
    assert "the budget" not in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"facts": [], "summary": "x" * 33_000}),
        json.dumps({"facts": [FACT | {"quote": "x" * 3_000}], "summary": None}),
        json.dumps({"facts": [FACT] * 1_001, "summary": None}),
    ],
)
def test_what_is_larger_than_any_memory_is_not_worth_the_gates_time(text: str) -> None:
    with pytest.raises(ModelAnswerError, match="larger than any memory"):
        read_answer("m", "end_turn", text, 2000)


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        (EMPTY, EMPTY),
        (f"```json\n{EMPTY}\n```", f"{EMPTY}\n"),
        (f"  ```\n{EMPTY}```\n", EMPTY),
        ("```", "```"),
        (f"```python\n{EMPTY}\n```", f"```python\n{EMPTY}\n```"),
        (f"Here: ```json\n{EMPTY}\n```", f"Here: ```json\n{EMPTY}\n```"),
    ],
)
def test_a_fence_around_the_whole_is_taken_off(text: str, bare: str) -> None:
    assert unfence(text) == bare

"""What the model is asked: everything said stays data, and long turns leave room for the others."""

from datetime import UTC, datetime

import pytest

from chat_memory.models import Fact, Memory, Turn
from chat_memory.prompts.claude.answer import unescape
from chat_memory.prompts.claude.request import ECHOES, WORDS, escape, fit_turns, shorten, write_question, write_rules
from chat_memory.prompts.summarizer import FoldRequest
from chat_memory.prompts.tokens import count_tokens

AT = datetime(2026, 11, 20, 9, 5, tzinfo=UTC)
CACHED_PREFIX = 512
"""Tokens below which the provider caches nothing."""


def test_the_question_shows_memory_and_turns_with_all_a_model_needs() -> None:
    fact = Fact(
        id="f1.1",
        key="a<b",
        value='say "x"',
        basis="user_stated",
        source_seq=1,
        quote="q",
        first_version=1,
        last_version=1,
    )
    memory = Memory(user_confirmed=(fact,), llm_inferred=(), general_summary="Goal: R&D")
    turns = [
        Turn(2, "user", attested=True, content="Hello </turn>", created_at=AT),
        Turn(3, "user", attested=False, content="not mine", created_at=AT),
    ]
    assert write_question(FoldRequest(memory, 4, turns, 2000), 10_000).splitlines() == [
        '<memory version="4">',
        '<fact id="f1.1" field="user_confirmed" key="a&lt;b" turn="1">say &quot;x&quot;</fact>',
        "<summary>Goal: R&amp;D</summary>",
        "</memory>",
        "<turns>",
        '<turn seq="2" role="user" at="Friday 2026-11-20 09:05 UTC">Hello &lt;/turn&gt;</turn>',
        '<turn seq="3" role="user" attested="no" at="Friday 2026-11-20 09:05 UTC">not mine</turn>',
        "</turns>",
    ]


@pytest.mark.parametrize("text", ["<a> & b", "&lt;", "&amp;lt;", '"', "plain", "&&&lt;;"])
def test_what_is_escaped_comes_back_as_it_was(text: str) -> None:
    assert unescape(escape(text)) == text


@pytest.mark.parametrize(
    ("sizes", "limit", "longest"),
    [([], 10, 0), ([3, 4], 10, 4), ([10, 10], 10, 5), ([1, 100], 10, 9), ([1, 2, 50, 60], 23, 10), ([100], 10, 10)],
)
def test_short_turns_leave_their_room_to_long_ones(sizes: list[int], limit: int, longest: int) -> None:
    assert fit_turns(sizes, limit) == longest
    assert sum(min(size, longest) for size in sizes) <= limit


def test_a_cut_keeps_beginning_and_end_and_says_what_is_missing() -> None:
    cut = shorten("ä" * 100 + "end", 40)
    assert cut.startswith("ä" * 14 + "\n[... ")
    assert cut.endswith("end")
    assert "characters left out" in cut
    assert shorten("short", 5) == "short"


def test_the_rules_are_the_same_for_every_fold_and_long_enough_to_be_cached() -> None:
    assert write_rules(2000) == write_rules(2000)
    assert count_tokens(write_rules(2000)) > CACHED_PREFIX
    assert "at most 900 tokens" in write_rules(2000)


def test_the_examples_are_known_as_echoes() -> None:
    """Their summaries, what they answer and what they begin with: an answer may repeat none of them."""
    assert len([echo for echo in ECHOES if ": " not in echo]) == WORDS.count("<example>") == 2
    facts = {"delivery day: Saturday", "finish: oak finish", "assembly: assembled", "delivery day: Thursday"}
    assert facts <= set(ECHOES)
    assert len(ECHOES) == 6

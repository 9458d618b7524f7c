"""Tokens: estimates that lean to too many, and cuts that respect them."""

import pytest

from chat_memory.models import Memory
from chat_memory.prompts.tokens import CAP_SHARE, count_facts, count_memory, count_tokens, fit_words
from tests.growth import LINEAR, growth
from tests.prompts.said import dice, known

REAL = {
    "Hello, how are you today?": 7,
    "I would like to book a table for two people at 7:30 pm tomorrow.": 17,
    "The deadline has changed from March 15, 2024 to April 2, 2024.": 19,
    "我住在北京，我的预算是五百元。": 17,  # noqa: RUF001
    "Меня зовут Анна, я живу в Москве и мой бюджет составляет пятьсот евро.": 43,
    '{"user_id": "a8f5", "amount": 1234567.89, "ok": true}': 24,
}
"""What the last public Claude vocabulary makes of texts, at most."""


@pytest.mark.parametrize(("text", "least"), [(text, tokens * 0.8) for text, tokens in REAL.items()])
def test_an_estimate_is_not_far_below_a_real_count(text: str, least: float) -> None:
    assert least <= count_tokens(text) <= 2.2 * least


def test_nothing_costs_nothing() -> None:
    assert count_tokens("") == 0
    assert count_memory(Memory()) == 0


def test_a_memory_costs_its_facts_and_its_summary() -> None:
    facts = (known("budget", "500 euros"), known("city", "Rome"))
    memory = Memory(user_confirmed=facts[:1], llm_inferred=facts[1:], general_summary="Plans a trip.")
    assert count_memory(memory) == count_facts(facts) + count_tokens("Plans a trip.")
    assert count_facts(facts) > count_tokens("budget 500 euros city Rome")


def test_a_cut_fits_and_ends_at_a_word() -> None:
    assert fit_words("one two three", 100) == "one two three"
    assert fit_words("one two three four five six seven", 4) == "one two three…"
    assert fit_words("anything", 0) == ""


def test_cuts_of_all_sorts_of_text_fit_their_room() -> None:
    chance = dice(7)
    for _ in range(300):
        text = "".join(chance.choices("ab 1,。我é\n😀(", k=chance.randrange(1, 200)))
        room = chance.randrange(0, 40)
        cut = fit_words(text, room)
        assert count_tokens(cut) <= room
        assert cut == text or text.startswith(cut.removesuffix("…"))


@pytest.mark.parametrize("unit", ["a", "(", "1", " ", " \n", "我"])
def test_no_text_is_slow_to_count(unit: str) -> None:
    """A run of spaces without a bound in _PIECE makes this fail."""
    assert growth(lambda size: count_tokens(unit * size), 40_000) < LINEAR


def test_a_cap_is_used_to_nine_tenths() -> None:
    """The share that notes/anthropic-sdk.md gives for estimates."""
    assert CAP_SHARE == 0.9

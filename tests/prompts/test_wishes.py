"""Wishes: what a request or a short answer names."""

import pytest

from chat_memory.prompts.wishes import find_named, find_wishes


@pytest.mark.parametrize(
    ("sentence", "named"),
    [
        ("I want a cheap flat.", [("flat", "cheap")]),
        ("Could you find me a cheap flat in Porto.", [("place", "Porto"), ("flat", "cheap")]),
        ("Something quiet, please.", [("something", "quiet")]),
        ("leaving from oslo and going to bergen", [("from place", "oslo"), ("to place", "bergen")]),
        ("I am leaving bergen at noon.", [("from place", "bergen")]),
        ("In the north, please.", [("place", "north")]),
        ("A table for 4 at 7 pm, please.", [("people", "4")]),
        ("I fly in first class.", [("class", "first")]),
    ],
)
def test_a_wish_names_what_it_is_about(sentence: str, named: list[tuple[str, str]]) -> None:
    """Fails without a pattern of its module."""
    assert [(found.key, found.value) for found in find_wishes(sentence)] == named


@pytest.mark.parametrize(
    "sentence",
    [
        "In the morning, please.",
        "I want a good flat.",
        "Thanks for a quiet flat in Porto.",
        "I want to go to work.",
        "I want to go home to sleep.",
        "The market of Porto sells cheap fish.",
        "A table for 4 days.",
    ],
)
def test_what_names_nothing_is_no_wish(sentence: str) -> None:
    """Fails without _ABOUT_ANSWERS, _OWN, _VAGUE, _NO_SIDES or _NO_PLACES."""
    assert list(find_wishes(sentence)) == []


def test_a_long_sentence_tells_a_story() -> None:
    """Fails without _SENTENCE_WORDS."""
    assert list(find_wishes(f"I want a cheap flat {'and so on ' * 8}")) == []


def test_names_are_found_in_any_sentence() -> None:
    assert [found.value for found in find_named("The market of Porto sells cheap fish.")] == ["Porto"]

"""What a question puts in doubt."""

import pytest

from chat_memory.prompts.alternatives import asks_for_another
from chat_memory.prompts.clauses import read
from tests.prompts.said import known


@pytest.mark.parametrize(
    ("key", "value", "quote"),
    [
        ("place", "Porto", "How about in Lima?"),
        ("place", "Porto", "Is there anything in Lima"),
        ("meet date", "Friday", "What about Monday?"),
        ("leave time", "7 pm", "Can you try 8 pm?"),
        ("rooms", "three rooms", "What about two rooms?"),
        ("flat", "cheap", "Do you have any quiet flat or a red flat?"),
    ],
)
def test_asking_for_another_takes_a_choice_back(key: str, value: str, quote: str) -> None:
    """Fails without _ALTERNATIVE, find_named, _noun or SINGLE."""
    assert asks_for_another(known(key, value), quote, read(quote))


@pytest.mark.parametrize(
    ("key", "value", "quote"),
    [
        ("place", "Porto", "I was in Lima"),
        ("place", "Porto", "How about Porto or in Lima?"),
        ("home", "Porto", "How about in Lima?"),
        ("meet date", "Friday", "How about 7 pm?"),
        ("deadline", "May 2", "How about May 9?"),
        ("rooms", "three rooms", "What about two beds?"),
        ("name", "Ana", "How about Bo?"),
    ],
)
def test_asking_for_something_else_takes_nothing_back(key: str, value: str, quote: str) -> None:
    """Fails without a condition of asks_for_another."""
    assert not asks_for_another(known(key, value), quote, read(quote))


@pytest.mark.parametrize(
    ("turn", "quote"),
    [
        ('She wrote: "how about Monday?"', "how about Monday"),
        ("He said how about Monday?", "how about Monday"),
        ("Do you know how about Monday", "about Monday"),
        ("Nothing else", "How about Monday"),
    ],
)
def test_nobody_else_takes_a_choice_back(turn: str, quote: str) -> None:
    """Fails without _is_own."""
    assert not asks_for_another(known("meet date", "Friday"), quote, read(turn))


@pytest.mark.parametrize(
    ("says", "asks", "gone"),
    [
        ("My flight leaves on May 5", "Is there a bus on May 3?", False),
        ("My flight leaves on May 5", "Is there another flight on May 3?", True),
        ("My flight leaves on May 5", "How about May 3?", True),
        ("My flight leaves on May 5", "Can you schedule it on May 3 instead?", True),
        ("My flight leaves on May 5", "Actually, call mom on May 3.", False),
    ],
)
def test_a_question_about_another_thing_takes_no_choice_back(says: str, asks: str, *, gone: bool) -> None:
    """Fails without _is_of_another, its told, or _AS_BEFORE."""
    fact = known("leaves date", "May 5").model_copy(update={"quote": says})
    assert asks_for_another(fact, asks, read(asks)) is gone

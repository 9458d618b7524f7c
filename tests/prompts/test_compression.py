"""Compression: what says nothing goes, and what a sentence means stays."""

import pytest

from chat_memory.prompts.compression import compress


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("I need to fix the fence in a yard.", "I need to fix fence in yard."),
        ("Please just book the 5 seats for my team", "book 5 seats for my team"),
        ("I'm painting the shed, can you help me with that?", "I'm painting shed"),
        ("It is a very, very hot day and I really like it", "It is hot day and I like it"),
    ],
)
def test_what_says_nothing_goes(said: str, kept: str) -> None:
    assert compress(said) == kept


@pytest.mark.parametrize(
    "said",
    [
        "I do not really like my boat",
        "it is not just my price",
        "I don't quite want it",
        "we have a few of them but a little time",
        "can you help me paint my boat?",
        "can you help me?",
        "I want option a or vitamin a for my son",
        "maybe it moved, actually to May 5",
        "my trip goes to The Hague",
    ],
)
def test_what_a_sentence_means_stays(said: str) -> None:
    """Fails without the guards: before negations, quantities, letters, names, and asks that say for what."""
    assert compress(said) == said


@pytest.mark.parametrize(
    "said", ["Il a un chien très calme", "Ich komme so um acht an", "Não vou a casa", "我的预算是五千"]
)
def test_other_languages_stay_as_they_are(said: str) -> None:
    """Fails without the look for a word only English has."""
    assert compress(said) == said


def test_a_sentence_of_fillers_stays_a_sentence() -> None:
    assert compress("the ") != ""

"""When a confirmed value is a labelled one."""

import pytest

from chat_memory.lab.evaluation.matching import holds, is_stated, normalize, untokenize


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("7 pm", "19:00"),
        ("7pm", "7 in the evening"),
        ("half past 7 in the morning", "7:30 am"),
        ("quarter to 8 in the evening", "19.45"),
        ("8 at night", "8 p.m."),
        ("12 am", "00:00"),
        ("evening 4:30", "16:30"),
        ("March 3rd", "3rd of March"),
        ("the 3rd", "Third"),
        ("two tickets", "2 Tickets"),
        ("The House", "house"),
    ],
)
def test_one_value_may_be_written_in_many_ways(one: str, other: str) -> None:
    """Fails without a line of normalize."""
    assert normalize(one) == normalize(other)


@pytest.mark.parametrize(
    ("one", "other"), [("7 am", "7 pm"), ("7:30", "7"), ("March 3", "3"), ("3rd", "3"), ("4 at morning 11:30", "4")]
)
def test_other_values_stay_others(one: str, other: str) -> None:
    assert normalize(one) != normalize(other)


@pytest.mark.parametrize(
    ("confirmed", "labelled"),
    [("Oslo", "oslo"), ("two tickets", "2"), ("flat in Oslo", "Oslo"), ("after 7 pm", "19:00")],
)
def test_a_value_with_few_words_more_is_found(confirmed: str, labelled: str) -> None:
    assert holds(confirmed, labelled)


@pytest.mark.parametrize(
    ("confirmed", "labelled"),
    [
        ("Oslo", "New Oslo"),
        ("a table for 4 at 7 pm in Oslo", "Oslo"),
        ("March 2nd", "2"),
        ("Oslo West", "West Oslo"),
        ("Oslo", ""),
        ("...", "..."),
    ],
)
def test_less_than_a_value_or_a_sentence_that_has_it_is_not(confirmed: str, labelled: str) -> None:
    """Fails without EXTRA_WORDS, or when containment holds the other way round."""
    assert not holds(confirmed, labelled)


def test_a_text_states_a_value_in_its_words() -> None:
    assert is_stated("19:00", "We meet at 7 pm in Oslo.")
    assert not is_stated("7 am", "We meet at 7 pm in Oslo.")


def test_tokens_are_put_together_as_people_write() -> None:
    assert untokenize("I do n't mind , it 's fine .") == "I don't mind, it's fine."

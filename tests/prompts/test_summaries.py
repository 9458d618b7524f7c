"""Summaries: how much compaction may lose, and how what it lost is named."""

import pytest

from chat_memory.errors import RejectedDeltaError
from chat_memory.models import Memory
from chat_memory.prompts.summaries import LEFT_ITEMS, fit_lines, marks, name_left
from tests.prompts.said import fold

OLD = "Plans a trip with Ana and Bob to Rome on 12 May. Budget is 500, hotel Roma costs 90, train 4711 leaves at 9:15."
SHORT = "Plans a trip to Rome."


def test_names_and_numbers_are_what_a_summary_is_held_to() -> None:
    assert marks(OLD) == ["Ana", "Bob", "Rome", "12", "May", "500", "Roma", "90", "4711", "9:15"]
    assert marks("[12] user: Fine with Ana.") == ["Ana"]


def test_a_summary_that_forgets_for_no_reason_is_a_failed_fold() -> None:
    """Removing the second half of check_summary makes this fail."""
    with pytest.raises(RejectedDeltaError, match="loses 9 of 10"):
        fold(memory=Memory(general_summary=OLD), summary=SHORT)


def test_a_summary_may_forget_what_there_is_no_room_for() -> None:
    admitted = fold(memory=Memory(general_summary=OLD), summary=SHORT, memory_tokens=40)
    assert admitted.memory.general_summary == SHORT


def test_a_reworded_summary_names_the_names_it_lost() -> None:
    """Removing name_left makes this fail."""
    new = OLD.replace("and Bob ", "").replace("500", "around six hundred")
    admitted = fold(memory=Memory(general_summary=OLD), summary=new)
    assert admitted.change.left_summary == ("Bob", "500")


def test_a_dropped_line_is_named_whole() -> None:
    old = "[1] user: I live in Rome.\n[2] user: My dog is called Rex."
    admitted = fold(memory=Memory(general_summary=old), summary="[2] user: My dog is called Rex.")
    assert admitted.change.left_summary == ("[1] user: I live in Rome.",)


def test_what_moved_into_facts_has_not_left() -> None:
    assert name_left("Trip with Ana Bell to Rome.", ["A trip to Rome.", "companion", "Ana Bell"]) == ()


def test_the_list_of_what_left_is_bounded() -> None:
    old = "\n".join(f"[{seq}] user: word{seq}" for seq in range(1, 200))
    left = name_left(old, ["something else"])
    assert len(left) == LEFT_ITEMS
    assert left[-1] == f"and {199 - LEFT_ITEMS + 1} more"


def test_prose_is_compacted_by_whole_sentences() -> None:
    """Removing split_sentences in fit_lines makes this fail: prose would end in the middle of a sentence."""
    sentences = [f"Sentence number {place} says something that matters." for place in range(9)]
    kept, left = fit_lines(" ".join(sentences), 40)
    assert kept.splitlines() == sentences[: len(kept.splitlines())]
    assert [*kept.splitlines(), *left] == sentences
    assert 1 < len(kept.splitlines()) < 9

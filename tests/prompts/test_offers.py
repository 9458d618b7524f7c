"""Offers the user takes: what a yes puts in the place of a confirmed value that could not be had."""

import pytest

from chat_memory.models import Memory, Role, Turn
from chat_memory.prompts.gate import Admitted
from chat_memory.prompts.offers import accepts, find_displaced, find_offer, needs_question
from tests.prompts.said import fold, known, propose, turn, values
from tests.prompts.test_extractive import remember

DECLINED = "Sorry, 6 pm is full. How about 7:30 pm?"
STATED = Memory(user_confirmed=(known("table time", "6 pm"), known("deadline", "May 9")))


@pytest.mark.parametrize(
    ("content", "agreed"),
    [
        ("Yes.", "Yes."),
        ("Sure, that is fine with me. What is the address?", "Sure, that is fine with me."),
        ("That'll work.", "That'll work."),
        ("That one is ok.", "That one is ok."),
        ("it will be okay", "it will be okay"),
        ("I can do that.", "I can do that."),
        ("I'm fine with that.", "I'm fine with that."),
        ("Please try it.", "Please try it."),
        ("Sounds great!", "Sounds great!"),
        ("Yes?", ""),
        ("Yes, but not so late.", ""),
        ("Yes. Actually, make it eight.", ""),
        ("That will not work.", ""),
        ("No, thanks.", ""),
        ("That depends.", ""),
        ("Is that ok?", ""),
        ("```yes```", ""),
        ("", ""),
        ("Yes. " + "I have been thinking. " * 20, ""),
    ],
)
def test_a_yes_is_one_that_nothing_is_said_against(content: str, agreed: str) -> None:
    """Fails without the negation, _RECONSIDERS, the question mark or ANSWER_CHARS in accepts."""
    assert accepts(content) == agreed


@pytest.mark.parametrize(
    ("asked", "answer", "offered"),
    [
        (DECLINED, "Yes.", "7:30 pm"),
        ("I could not get the 6 pm. There is one at 7:30 pm, for $12.", "That works.", "7:30 pm"),
        ("How about 7:30 pm instead?", "Sure.", "7:30 pm"),
        ("There was an issue with the booking. They have 7:30 pm.", "That is fine.", "7:30 pm"),
        ("Shall we eat? How about 7:30 pm?", "Sure.", ""),  # perhaps besides
        ("So that is a table at 7:30 pm?", "Yes.", ""),  # declines nothing
        (DECLINED, "Yes, or at 8 pm.", ""),  # has a time of its own
        (DECLINED, "No.", ""),
        ("Sorry, 6 pm is full.", "Ok.", ""),  # offers nothing
        ("Sorry, 7:30 pm is full, so it stays 6 pm.", "Ok.", ""),
        ("Sorry, it is full. " + "We have a terrace. " * 60 + "How about 7:30 pm?", "Yes.", ""),
        ("Sorry, no table. How about a table on May 10?", "Yes.", ""),  # not of its type
    ],
)
def test_an_offer_is_the_last_value_of_the_type_in_a_turn_that_declines(asked: str, answer: str, offered: str) -> None:
    """Fails without _DECLINES, `told`, OFFER_CHARS or the old value in find_offer."""
    assert find_offer(asked, "6 pm", answer) == offered


@pytest.mark.parametrize(("old", "asked"), [("May 9", "Sorry, May 9 is full. How about May 10?"), ("Rome", DECLINED)])
def test_only_types_written_in_one_way_are_offered(old: str, asked: str) -> None:
    """`next Friday` and `May 10` may be one day: without OFFERED the first case makes this fail."""
    assert find_offer(asked, old, "Yes.") == ""


def test_a_yes_that_opens_a_fold_needs_what_was_asked() -> None:
    assert needs_question([turn(3, "Yes, please."), turn(4, "Done.", "assistant")])
    assert not needs_question([turn(3, "My name is Ann."), turn(4, "Yes.")])
    assert not needs_question([turn(3, "Yes.", attested=False)])
    assert not needs_question([turn(3, "Yes.", "assistant")])
    assert not needs_question([])


def take(
    value: str = "7:30 pm", key: str = "table time", *, asked: str = DECLINED, role: Role = "assistant"
) -> Admitted:
    """What the gate makes of a summarizer's claim that the user took an offer."""
    said = [turn(2, asked, role), turn(3, "Yes, that works.")]
    claimed = propose(key, value, "Yes, that works.", 3, op="supersede", basis="user_affirmed", replaces=key)
    return fold([claimed], said, memory=STATED)


def test_an_offer_the_user_took_displaces_what_could_not_be_had_as_an_assumption() -> None:
    """Removing accept_offer from RULES makes this fail: 6 pm would stay confirmed."""
    admitted = take()
    assert values(admitted.memory.user_confirmed) == {"deadline": "May 9"}
    assert [(fact.key, fact.value, fact.basis) for fact in admitted.memory.llm_inferred] == [
        ("table time", "7:30 pm", "user_affirmed")
    ]
    assert [(each.old.value, each.new and each.new.value) for each in admitted.change.replaced] == [("6 pm", "7:30 pm")]
    assert admitted.change.refused == ()


@pytest.mark.parametrize(
    "admitted",
    [
        take("9 pm"),  # not what was offered
        take("May 10", "deadline", asked="Sorry, May 9 is full. How about May 10?"),
        take(asked="The table is at 7:30 pm. Shall I go on?"),  # declines nothing
        take(role="tool"),
        take(role="user"),
        take(role="note"),
    ],
    ids=["another value", "another type", "nothing declined", "a tool", "the user", "a note"],
)
def test_a_yes_to_anything_else_displaces_nothing(admitted: Admitted) -> None:
    """Fails without the offered value, find_offer or the role in accept_offer."""
    assert admitted.memory.user_confirmed == STATED.user_confirmed
    assert admitted.change.replaced == ()


def test_the_yes_must_be_the_users_and_follow_the_offer() -> None:
    """Fails without is_users_word, or with another turn than the one right before."""
    claimed = propose("table time", "7:30 pm", "Yes.", 4, op="supersede", basis="user_affirmed", replaces="table time")
    for said in (
        [turn(3, DECLINED, "assistant"), turn(4, "Yes.", attested=False)],
        [turn(2, DECLINED, "assistant"), turn(3, "It is sunny.", "assistant"), turn(4, "Yes.")],
        [turn(4, "Yes.")],
    ):
        assert fold([claimed], said, memory=STATED).memory.user_confirmed == STATED.user_confirmed


def test_what_gives_way_is_what_the_offer_names_else_the_latest_and_nothing_when_that_is_unclear() -> None:
    """Fails without `named`, `latest` or the length in find_displaced: a summarizer could choose what goes."""
    early, late, beside = known("table time", "6 pm"), known("bus time", "11 am", seq=3), known("x time", "9 am", seq=3)
    unnamed = "Sorry, that is full. How about 7:30 pm?"
    assert find_displaced(DECLINED, "Yes.", [early, late]) == (early, "7:30 pm")
    assert find_displaced(unnamed, "Yes.", [early, late]) == (late, "7:30 pm")
    assert find_displaced(unnamed, "Yes.", [early, late, beside]) is None
    assert find_displaced(unnamed, "No.", [early]) is None


@pytest.mark.parametrize("apart", [False, True], ids=["in one fold", "in two folds"])
async def test_without_a_model_the_offer_is_taken_too(*, apart: bool) -> None:
    """Removing the question from the fold's request, or what was stated in this fold, makes this fail."""
    said: list[Turn] = [
        turn(1, "Our bus leaves at 11 am. I need a table at 6 pm."),
        turn(2, "Sorry, 6 pm is full. Shall I take one at 7:30 pm?", "assistant"),
        turn(3, "Yes, please."),
    ]
    steps = await remember([said[:2], said[2:]] if apart else [said])
    memory = steps[-1].memory
    assert values(memory.user_confirmed) == {"leaves time": "11 am"}
    assert values(memory.llm_inferred) == {"table time": "7:30 pm"}

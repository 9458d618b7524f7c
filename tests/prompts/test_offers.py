"""Offers the user takes: what a yes puts in the place of a confirmed value that could not be had."""

import pytest

from chat_memory.models import Memory, Role, Turn
from chat_memory.prompts.gate import Admitted
from chat_memory.prompts.offers import accepts, find_displaced, needs_question
from tests.prompts.said import fold, known, propose, turn, values
from tests.prompts.test_extractive import remember

DECLINED = "Sorry, 6 pm is full. How about 7:30 pm?"
STATED = Memory(user_confirmed=(known("table time", "6 pm"), known("deadline", "May 9")))


def find_offer(asked: str, old: str, answer: str) -> str:
    """The value an answer takes in the place of an old one; empty when none."""
    displaced = find_displaced(asked, answer, [known("time", old)])
    return displaced[1] if displaced is not None else ""


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
        ("6 pm is full, is 7:30 pm ok?", "Sure.", "7:30 pm"),
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
    """Fails without _DECLINES, the answer's times, OFFER_CHARS or the old value in offers."""
    assert find_offer(asked, "6 pm", answer) == offered


@pytest.mark.parametrize(("old", "asked"), [("May 9", "Sorry, May 9 is full. How about May 10?"), ("Rome", DECLINED)])
def test_only_types_written_in_one_way_are_offered(old: str, asked: str) -> None:
    """`next Friday` and `May 10` may be one day: without OFFERED the first case makes this fail."""
    assert find_offer(asked, old, "Yes.") == ""


@pytest.mark.parametrize(
    "answer",
    [
        "Yes, I'll ask my boss first.",
        "Ok so my dog is sick.",
        "Great question",
        "Right now I am busy",
        "Fine, forget it.",
        "Yes, keep the old time.",
        "Ok. Let me think about it.",
        "Sure. If Bob comes.",
        '"Yes."',
        "> yes",
        "Ok, that is too late",
    ],
)
def test_what_begins_with_a_yes_and_says_something_else_takes_no_offer(answer: str) -> None:
    """Fails without _AGREES, _HEDGES, the condition or _QUOTES in takes."""
    assert find_offer(DECLINED, "6 pm", answer) == ""


@pytest.mark.parametrize(
    ("old", "asked"),
    [
        ("17:15", "I could not reach them. Your appointment is at 5:15 pm, right?"),
        ("after 17:00", "Sorry, 17:00 is full. How about 17:30?"),
        ("6 pm", "I'm sorry to hear that. The shop closes at 5 pm."),
        ("6 pm", "It can't be moved to 7:30 pm. Ok?"),
        ("6 pm", "6 pm is full, and so is 7:30 pm. Shall I go on?"),
    ],
)
def test_what_is_the_same_or_not_to_be_had_is_no_offer(old: str, asked: str) -> None:
    """Fails without same_time, is_bound or _is_offered in offers."""
    assert find_offer(asked, old, "Yes.") == ""


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("My meeting is at 3 pm.", "Sorry, no train then. There is one at 5:30 pm, shall I book it?"),
        ("I have a meeting at 3 pm.", "Sorry, no train then. There is one at 5:30 pm, shall I book it?"),
        ("I rise at 6 am.", "Sorry, the gym is busy. There is a class at 7 pm, shall I book it?"),
        ("Football practice is at 3 pm.", "Sorry, I have no calendar. Do you want a reminder at 2 pm?"),
        ("Call me at 3 pm.", "Sorry, the train at 5 pm is full. How about 5:30 pm?"),
    ],
)
async def test_an_offer_of_something_else_displaces_nothing(said: str, asked: str) -> None:
    """Fails without is_spoken_of, its verbs or its subject, or the number of times in find_displaced."""
    steps = await remember([[turn(1, said), turn(2, asked, "assistant")], [turn(3, "Yes, please.")]])
    assert steps[-1].memory.user_confirmed == steps[0].memory.user_confirmed != ()


async def test_an_offer_need_not_name_what_was_asked_for() -> None:
    """Fails without _ASKED_FOR in is_spoken_of."""
    said = [turn(1, "Please book a table at 6 pm."), turn(2, "Sorry, nothing then. How about 7:30 pm?", "assistant")]
    steps = await remember([said, [turn(3, "Yes, please.")]])
    assert (steps[0].memory.user_confirmed != (), steps[1].memory.user_confirmed) == (True, ())


def test_a_yes_that_opens_a_fold_needs_what_was_asked() -> None:
    assert needs_question([turn(3, "Yes, please."), turn(4, "Done.", "assistant")])
    assert not needs_question([turn(3, "My name is Ann."), turn(4, "Yes.")])
    assert not needs_question([turn(3, "Yes.", attested=False)])
    assert not needs_question([turn(3, "Yes.", "assistant")])
    assert not needs_question([])


def take(
    value: str = "7:30 pm",
    key: str = "table time",
    *,
    asked: str = DECLINED,
    role: Role = "assistant",
    memory: Memory = STATED,
) -> Admitted:
    """What the gate makes of a summarizer's claim that the user took an offer."""
    said = [turn(2, asked, role), turn(3, "Yes, that works.")]
    claimed = propose(key, value, "Yes, that works.", 3, op="supersede", basis="user_affirmed", replaces=key)
    return fold([claimed], said, memory=memory)


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
    """Fails without the offered value, what is declined, or the role in accept_offer."""
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


def test_a_yes_gives_up_no_verdict_and_nothing_carried_over_that_is_not_named() -> None:
    """Fails without `decided` in accept_offer or `newest > 0` in find_displaced."""
    unnamed = "Sorry, that is full. How about 7:30 pm?"
    carried = known("table time", "6 pm", seq=0)
    assert find_displaced(unnamed, "Yes.", [carried]) is None
    assert find_displaced(DECLINED, "Yes.", [carried]) == (carried, "7:30 pm")
    decided = Memory(
        user_confirmed=tuple(each.model_copy(update={"basis": "operator"}) for each in STATED.user_confirmed)
    )
    assert take(memory=decided).memory.user_confirmed == decided.user_confirmed


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

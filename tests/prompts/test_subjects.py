"""What a clause is about: words about another thing give no known fact a new value."""

import pytest

from chat_memory.models import Memory
from tests.prompts.said import fold, known, propose, turn, values

MEETING = known("meeting time", "6 pm").model_copy(update={"quote": "The meeting is at 6 pm"})
PARTY = known("party size", "4").model_copy(update={"quote": "We are 4 people"})
HOME = known("home", "Rome").model_copy(update={"quote": "I live in Rome"})


def corrected(key: str, value: str, said: str) -> dict[str, str]:
    """What is confirmed after a summarizer gives a known fact another value."""
    memory = Memory(user_confirmed=(MEETING, PARTY, HOME))
    asked = propose(key, value, said, 2, op="supersede", replaces=key)
    return values(fold([asked], [turn(2, said)], memory=memory).memory.user_confirmed)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("meeting time", "7pm", "The bus changed to 7pm."),
        ("meeting time", "7 pm", "Sorry, my train leaves at 7 pm instead."),
        ("meeting time", "7 pm", "Actually, call Al at 7 pm."),
        ("meeting time", "7 pm", "Actually, bring milk at 7 pm."),
        ("meeting time", "7 pm", "Actually it rains at 7 pm."),
        ("meeting time", "7 pm", "Actually I changed the baby at 7 pm."),
        ("meeting time", "7 pm", "Wait, try the shop at 7 pm."),
        ("party size", "6", "Another 6 people were hurt."),
        ("party size", "6 people", "Actually, 6 people were hurt."),
        ("home", "Oslo", "Sorry, from Rome to Oslo."),
        ("home", "Oslo", "I now fly from Rome to Oslo."),
        ("home", "Oslo", "My bus goes to Oslo, not to Rome."),
        ("home", "Oslo", "I'd rather see Oslo than Rome."),
    ],
)
def test_words_about_another_thing_correct_no_fact(key: str, value: str, said: str) -> None:
    """Removing brings_up from corrects makes this fail, of a home also the look for a contrast.

    The last times fail without _points_back or _SETTLES in it.
    """
    assert corrected(key, value, said) == values([MEETING, PARTY, HOME])


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("meeting time", "7pm", "Actually, make it 7pm."),
        ("meeting time", "7 pm", "No, 7 pm."),
        ("meeting time", "7 pm", "Change the time to 7 pm."),
        ("meeting time", "7pm", "Sorry, the meeting is at 7pm now."),
        ("meeting time", "8 pm", "The train is late. Make the reservation for 8 pm, sorry."),
        ("party size", "6", "No, make it 6."),
        ("party size", "six", "Sorry, we will be six."),
        ("home", "Oslo", "Not Rome but Oslo."),
        ("home", "Oslo", "It's Oslo, not Rome."),
        ("home", "Oslo", "Oslo instead of Rome."),
    ],
)
def test_a_correction_need_not_say_the_key(key: str, value: str, said: str) -> None:
    """Removing _DEFINITE, _POINTS or _NO_THINGS from subjects makes this fail."""
    assert corrected(key, value, said)[key] == value

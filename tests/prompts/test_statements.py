"""Spans and statements: what a sentence says outright."""

import pytest

from chat_memory.models import Fact
from chat_memory.prompts.corrections import find_corrections
from chat_memory.prompts.spans import find_spans, kind_of
from chat_memory.prompts.statements import find_statements
from tests.prompts.said import known


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("My email is ana.b@example.org.", [("email", "ana.b@example.org")]),
        ("write to ana.b+x@mail.example.org.", [("email", "ana.b+x@mail.example.org")]),
        ("see https://example.org/a?b=1, please", [("url", "https://example.org/a?b=1")]),
        ("call me at +49 30 1234567", [("phone", "+49 30 1234567")]),
        ("my number is 555-123-4567", [("phone", "555-123-4567")]),
        ("it costs $1,200.50 or 300 euros", [("money", "$1,200.50"), ("money", "300 euros")]),
        ("at 7:30 pm or 19:45", [("time", "7:30 pm"), ("time", "19:45")]),
        ("on March 15, 2024", [("date", "March 15, 2024")]),
        ("on the 3rd of May", [("date", "3rd of May")]),
        ("by 2024-03-15", [("date", "2024-03-15")]),
        ("next Friday", [("date", "next Friday")]),
        ("the day after tomorrow", [("date", "the day after tomorrow")]),
        ("on the 5th at 7 pm", [("date", "the 5th"), ("time", "7 pm")]),
        ("the 5th of this month", [("date", "the 5th of this month")]),
        ("the 5th floor", []),
        ("for today, not what I need today", [("date", "today")]),
        ("at half past 11 in the morning", [("time", "half past 11 in the morning")]),
        ("at quarter to five", [("time", "quarter to five")]),
        ("evening 4:30", [("time", "evening 4:30")]),
        ("4:15 in the evening", [("time", "4:15 in the evening")]),
        ("one pm", [("time", "one pm")]),
        ("one room", [("count", "one room")]),
        ("one of us", [("number", "one")]),
        ("we are four people", [("count", "four people")]),
        ("4711", [("number", "4711")]),
        ("about 3/4 of it", [("number", "4")]),
        ("order 12345678901 12 12 is late", []),
    ],
)
def test_spans_are_typed(text: str, spans: list[tuple[str, str]]) -> None:
    assert [(span.kind, span.text) for span in find_spans(text)] == spans


def test_a_kind_is_that_of_the_whole_text() -> None:
    assert kind_of("five") == "number"
    assert kind_of("7 pm") == "time"
    assert kind_of("five or six") is None
    assert kind_of("after 13:00") == "time"
    assert kind_of("blue") is None


@pytest.mark.parametrize(
    ("sentence", "facts"),
    [
        ("My name is Ana Ruiz.", {"name": "Ana Ruiz"}),
        ("my name is ana.", {"name": "ana"}),
        ("Please call me Bo.", {"name": "Bo"}),
        ("I am called O'Neill.", {"name": "O'Neill"}),
        ("I live in Rome and I work at Acme Corp.", {"home": "Rome", "employer": "Acme Corp"}),
        ("I work as a nurse.", {"job": "nurse"}),
        ("I'm 34 years old.", {"age": "34"}),
        ("I'm a vegetarian.", {"diet": "vegetarian"}),
        ("I prefer window seats.", {"prefers window seats": "window seats"}),
        ("I'm allergic to peanuts.", {"allergy peanuts": "peanuts"}),
        ("Our budget is $1,200.", {"budget": "$1,200"}),
        ("The deadline is March 15, 2024.", {"deadline": "March 15, 2024"}),
        ("The deadline has changed to May 2.", {"deadline": "May 2"}),
        ("My dog's name is Rex.", {"dog's name": "Rex"}),
        ("I need two tickets.", {"tickets": "two tickets"}),
        ("I arrive at 7:30 pm.", {"arrive time": "7:30 pm"}),
        ("Let's meet on Friday.", {"meet date": "Friday"}),
        ("It should cost a salary of $500.", {"salary": "$500"}),
        ("I can leave after 13:00.", {"leave time": "after 13:00"}),
        ("I can spend up to 300 dollars.", {"spend money": "up to 300 dollars"}),
        ("The repo is at https://example.org/a.", {"repo url": "https://example.org/a"}),
        ("On May 9 the concert starts.", {"concert date": "May 9"}),
        ("I live in Washington D.C. with my wife.", {"home": "Washington D.C."}),
        ("I live in Paris now.", {"home": "Paris"}),
        ("My address is 12 Baker St. London NW1.", {"address": "12 Baker St. London NW1"}),
        ("My boss is called Dr. Smith.", {"boss": "Dr. Smith"}),
        ("I moved to Porto last year.", {"home": "Porto"}),
        ("I fly to Porto on May 2.", {"fly date": "May 2", "to place": "Porto"}),
        ("No, just 1 person.", {"people": "1 person"}),
        ("0 stops for you", {}),
        ("I stay from May 2 on.", {"from date": "from May 2"}),
        ("I want a cheap flat in Porto.", {"place": "Porto", "flat": "cheap"}),
    ],
)
def test_what_is_stated_gets_a_key(sentence: str, facts: dict[str, str]) -> None:
    """Removing bound_start, _head, _DOT, _TRAILS_OFF or a pattern makes this fail."""
    assert {found.key: found.value for found in find_statements(sentence)} == facts


@pytest.mark.parametrize(
    "sentence",
    [
        "Call me later.",
        "Call me Monday or Tuesday.",
        "My question is simple.",
        "My code is broken.",
        "I prefer that.",
        "I gave three reasons.",
        "There were 40 ships in the harbour.",
        "I declined the meeting on May 3.",
        "I used to live in Rome.",
        "Any day from Monday to Friday works.",
        "It is on April 22 or 23.",
        "Nothing to see here.",
    ],
)
def test_what_is_vague_or_past_gets_none(sentence: str) -> None:
    assert find_statements(sentence) == []


FACTS = [
    known("people", "4 people", seq=3),
    known("meeting date", "Friday", seq=4),
    known("home", "Rome", seq=5),
    known("budget", "$500", seq=6),
]


@pytest.mark.parametrize(
    ("sentence", "facts"),
    [
        ("No, make it five.", {"people": "five"}),
        ("Actually, make it $600.", {"budget": "$600"}),
        ("Make that 5 please", {"people": "5"}),
        ("Monday instead of Friday.", {"meeting date": "Monday"}),
        ("Instead of Friday, let's use Monday.", {"meeting date": "Monday"}),
        ("It's Paris, not Rome.", {"home": "Paris"}),
        ("not Rome but Paris", {"home": "Paris"}),
        ("It's not $500, it's $600.", {"budget": "$600"}),
        ("Make it nicer.", {}),
        ("tea instead of coffee", {}),
        ("I live in Rome.", {}),
    ],
)
def test_a_correction_finds_the_fact_it_changes(sentence: str, facts: dict[str, str]) -> None:
    assert {found.key: found.value for found in find_corrections(sentence, FACTS)} == facts


def test_a_bare_number_changes_nothing_when_it_could_mean_two_facts() -> None:
    """Removing the check for one latest fact makes this fail."""
    rooms: list[Fact] = [*FACTS, known("rooms", "2 rooms", seq=3)]
    assert find_corrections("No, make it five.", rooms) == []
    assert find_corrections("No, make it five.", [*rooms, known("bags", "1 bags", seq=9)])[0].key == "bags"


@pytest.mark.parametrize(
    ("sentence", "told"),
    [
        ("The lunch is on 13 June 2027, a Sunday.", ["13 June 2027"]),
        ("The dinner is on Friday, March 3rd.", ["March 3rd"]),
        ("We meet on Friday, and the party is on March 5th.", ["Friday", "March 5th"]),
    ],
)
def test_the_weekday_of_a_date_is_no_date_of_its_own(sentence: str, told: list[str]) -> None:
    """Without weekday_of a weekday would take the place of the date it belongs to."""
    assert [statement.value for statement in find_statements(sentence)] == told


@pytest.mark.parametrize(("between", "key"), [(4, "rent date"), (40, "date")])
def test_a_date_is_named_by_a_word_near_it(between: int, key: str) -> None:
    """Without _HEAD_CHARS a sentence of nothing but dates takes the square of its length."""
    assert [found.key for found in find_statements("rent " + "and the " * between + "May 1")] == [key]
